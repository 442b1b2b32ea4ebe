// SVG: documents that grow without end are stopped, and none makes the server read or ask anything.
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HostileServer } from '../../support/hostile/hostile-server.js';
import { pngOf } from '../../support/hostile/png.js';
import {
  CONVERTED,
  describeHostile,
  REFUSED_TYPE,
  TIMED_OUT,
  TOO_LARGE,
  UNDECODABLE,
} from '../../support/hostile/rows.js';
import { entityBomb, entityReading, filterBomb, nested, referring, svg, useBomb } from '../../support/hostile/svg.js';
import { slowSvg } from '../../support/images.js';
import { sourceForm } from '../../support/multipart.js';

const TIMEOUT_MS = 2_000;
const ENVIRONMENT = {
  PROOFSHEET_SOURCE_TYPES: 'svg,png,jpeg',
  PROOFSHEET_CONVERSION_TIMEOUT_MS: String(TIMEOUT_MS),
} as const;
const IN_TIME = TIMEOUT_MS + 3_000;
const SIDE = 'more than 0 and at most 32767';
const sized = (attributes: string) => () => svg('<rect width="5" height="5"/>', attributes);
const styled = (width: string, height: string, attributes = '') =>
  svg(`<style>svg { width: ${width}; height: ${height} }</style><rect width="5" height="5"/>`, attributes);
/** A picture of 256 million pixels in 40 kB, inside a document of 100x100. */
const pictureBomb = () => {
  const png = pngOf({ widthPx: 16_000, heightPx: 16_000, bits: 8 }).toString('base64');
  return svg(`<image width="100" height="100" xlink:href="data:image/png;base64,${png}"/>`);
};

describeHostile(
  'SVG',
  [
    { what: 'SVG without a size, which its content has', source: sized(''), answer: CONVERTED },
    { what: 'SVG without size and content', source: () => svg('', ''), answer: UNDECODABLE },
    { what: 'SVG of 0x0', source: sized('width="0" height="0"'), answer: UNDECODABLE, says: SIDE },
    { what: 'SVG of -5x5', source: sized('width="-5" height="5"'), answer: UNDECODABLE, says: SIDE },
    {
      what: 'SVG of 1000000x1000000',
      source: sized('width="1000000" height="1000000"'),
      answer: TOO_LARGE,
      says: SIDE,
    },
    {
      what: 'SVG of 1000000000x1000000000',
      source: sized('width="1000000000" height="1000000000"'),
      answer: TOO_LARGE,
      says: SIDE,
    },
    {
      what: 'SVG with a view box of 1e9',
      source: sized('viewBox="0 0 1000000000 1000000000"'),
      answer: TOO_LARGE,
      says: SIDE,
    },
    {
      what: 'SVG of 30000in x 30000in',
      source: sized('width="30000in" height="30000in"'),
      answer: TOO_LARGE,
      says: 'pixels',
    },
    {
      what: 'SVG of 32767x32767',
      source: sized('width="32767" height="32767"'),
      answer: TOO_LARGE,
      says: 'at most 268435456 pixels',
    },
    {
      what: 'SVG with its size behind a quoted angle bracket',
      source: sized('title=">" width="1000000000" height="1"'),
      answer: TOO_LARGE,
      says: SIDE,
    },
    { what: 'SVG of 100x80 by its style', source: sized('style="width:100px;height:80px"'), answer: CONVERTED },
    {
      what: 'SVG of 20000x20000 by its style',
      source: sized('style="width:20000px;height:20000px"'),
      answer: TOO_LARGE,
      says: 'at most 268435456 pixels',
    },
    {
      what: 'SVG of 1e9 by its style',
      source: sized('style="width:1000000000px;height:1000000000px"'),
      answer: TOO_LARGE,
      says: SIDE,
    },
    { what: 'SVG of 100x80 by a style sheet', source: () => styled('100px', '80px'), answer: CONVERTED },
    {
      what: 'SVG of 20000x20000 by a style sheet, against its attributes',
      source: () => styled('20000px !important', '20000px !important', 'width="10" height="10"'),
      answer: TOO_LARGE,
      says: 'at most 268435456 pixels',
    },
    {
      what: 'SVG of 1e9 by a style sheet, against its attributes',
      source: () => styled('1000000000px !important', '1000000000px !important', 'width="10" height="10"'),
      answer: TOO_LARGE,
      says: SIDE,
    },
    { what: 'SVG of 1x1', source: sized('width="1" height="1"'), answer: CONVERTED },
    {
      what: 'SVG of 12 MB of text',
      source: () => slowSvg(12_000_000),
      answer: TOO_LARGE,
      says: 'at most 4194304 bytes',
    },
    { what: 'SVG of ten billion entities', source: entityBomb, answer: UNDECODABLE },
    { what: 'SVG nested 5,000 deep', source: () => nested(5_000), answer: UNDECODABLE },
    { what: 'SVG of 10^12 uses', source: () => useBomb(12), answer: TOO_LARGE, says: 'at most 200000 elements' },
    { what: 'SVG of 10,000 uses', source: () => useBomb(4), answer: CONVERTED },
    { what: 'SVG with a text of 20,000 letters', source: () => slowSvg(), answer: TIMED_OUT, atMostCpuMs: IN_TIME },
    {
      what: 'SVG with a text of 30,000 letters',
      source: () => slowSvg(30_000),
      answer: TOO_LARGE,
      says: 'at most 25000 letters',
    },
    { what: 'SVG with 40 huge filters', source: () => filterBomb(40), answer: TOO_LARGE, says: 'by their cost' },
    {
      what: 'SVG with a matrix of 99 by 99',
      source: () =>
        svg(
          `<filter id="f"><feConvolveMatrix order="99" kernelMatrix="${'1 '.repeat(99 * 99)}"/></filter><rect width="900" height="900" filter="url(#f)"/>`,
          'width="1200" height="1000"',
        ),
      answer: TOO_LARGE,
      says: 'by their cost',
    },
    {
      what: 'SVG with shadows as programs draw them',
      source: () =>
        svg(
          `<filter id="f"><feGaussianBlur stdDeviation="4"/><feOffset dx="2"/><feBlend in="SourceGraphic"/></filter>${'<rect width="90" height="90" filter="url(#f)"/>'.repeat(200)}`,
        ),
      answer: CONVERTED,
    },
    {
      what: 'SVG with a PNG of 256 million pixels inside',
      source: pictureBomb,
      answer: TOO_LARGE,
      says: 'of memory',
      atMostMiB: 900,
      atMostCpuMs: IN_TIME,
    },
    {
      what: 'SVG with a script',
      source: () => svg('<script>while(true);</script><rect width="5" height="5"/>'),
      answer: CONVERTED,
    },
  ],
  ENVIRONMENT,
);

describeHostile(
  'SVG where it is not taken',
  [
    {
      what: 'SVG that is not enabled',
      source: sized('width="5" height="5"'),
      answer: REFUSED_TYPE,
      says: 'SVG (not enabled on this server)',
    },
  ],
  { PROOFSHEET_SOURCE_TYPES: 'png,jpeg' },
);

describe('SVG that refers to something outside', () => {
  let hostile: HostileServer;
  let listener: Server;
  let asked = 0;
  beforeAll(async () => {
    hostile = await HostileServer.start(ENVIRONMENT);
    listener = createServer((_request, response) => {
      asked++;
      response.end();
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    listener.closeAllConnections();
    listener.close();
    await hostile.close();
  });

  async function drawn(source: Buffer, key: string): Promise<Buffer | undefined> {
    const url = `${hostile.server.url}/cacheAndGetImage/${key}/png:100x100`;
    const answer = await fetch(url, { method: 'POST', body: sourceForm(source, 'a.svg') });
    const bytes = Buffer.from(await answer.arrayBuffer());
    return answer.status === 200 ? sharp(bytes).flatten({ background: '#ffffff' }).raw().toBuffer() : undefined;
  }

  /** Red of the picture at x, y of 100x100 pixels. */
  const pixel = (pixels: Buffer | undefined, x: number, y: number) => [
    ...(pixels?.subarray((y * 100 + x) * 3, (y * 100 + x) * 3 + 3) ?? []),
  ];

  test('asks no server', async () => {
    const { port } = listener.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/canary`;
    // The listener is there: it is only never asked by the renderer.
    await fetch(url);
    expect(asked).toBe(1);
    await drawn(referring(url), 'http');
    await drawn(entityReading(url), 'http-entity');
    expect(asked).toBe(1);
  });

  test('reads no file: neither a picture nor a text of this machine is drawn', async () => {
    const picture = join(hostile.dataDir, 'canary.png');
    await sharp({ create: { width: 100, height: 100, channels: 3, background: '#ff0000' } })
      .png()
      .toFile(picture);
    const pixels = await drawn(referring(pathToFileURL(picture).href), 'file');
    if (pixels !== undefined) expect(pixel(pixels, 10, 10)).not.toEqual([255, 0, 0]);
    for (const [index, reference] of [pathToFileURL(picture).href, picture, '../canary.png'].entries()) {
      const document = svg(`<image xlink:href="${reference}" width="100" height="100"/>`);
      const picked = await drawn(document, `file-${index}`);
      expect(pixel(picked, 10, 10)).toEqual([255, 255, 255]);
    }
    const secret = join(hostile.dataDir, 'canary.txt');
    await writeFile(secret, 'X'.repeat(50));
    // An entity that cannot be read is an error or nothing; it is never text on the picture.
    const text = await drawn(entityReading(pathToFileURL(secret).href), 'entity');
    if (text !== undefined) expect(text.every((value) => value === 255)).toBe(true);
    await hostile.expectUnharmed();
  });
});
