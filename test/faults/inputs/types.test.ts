// What a file is, its bytes decide: names and declared types lie, other formats are named in the refusal, and what is two
// things at once is taken for the picture alone.
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HostileServer } from '../../support/hostile/hostile-server.js';
import { describeHostile, REFUSED_TYPE, UNDECODABLE } from '../../support/hostile/rows.js';
import { svg } from '../../support/hostile/svg.js';
import { ENCODED, flat, photo } from '../../support/images.js';
import { FORM_TYPE, filePart, multipartBody } from '../../support/multipart.js';

const hex = (text: string, more = 80): Buffer => Buffer.concat([Buffer.from(text, 'hex'), Buffer.alloc(more)]);
const text = (body: string): Buffer => Buffer.from(body, 'latin1');

const OTHERS: readonly (readonly [name: string, source: Buffer])[] = [
  ['an empty file', Buffer.alloc(0)],
  ['no known image type', Buffer.from([0x9c])],
  ['no known image type', hex('9c0187f3d2aa00ff11', 4096)],
  ['text', text('a,b,c\n1,2,3\n4,5,6\n')],
  ['HTML', text('<!DOCTYPE html><html><script>alert(1)</script></html>')],
  ['PDF', text('%PDF-1.7\n1 0 obj<<>>endobj')],
  ['ZIP', hex('504b0304')],
  ['BMP', hex('424d36000000000000003600000028000000ffffff7fffffff7f01002800')],
  ['ICO', hex('00000100')],
  ['PSD', hex('38425053')],
  ['JPEG 2000', hex('0000000c6a5020200d0a870a')],
  ['JPEG XL', hex('0000000c4a584c200d0a870a')],
  ['JPEG XL', hex('ff0a')],
  ['OpenEXR', hex('762f3101')],
  ['FITS', text('SIMPLE  =                    T')],
  ['Radiance HDR', text('#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n')],
  ['VIPS', hex('b6a6f208')],
  ['MATLAB', text('MATLAB 5.0 MAT-file')],
  ['HEIC', hex('0000001866747970686569630000000068656963')],
  ['MP4 media', hex('000000186674797069736f6d0000000069736f6d')],
  ['gzip', gzipSync(Buffer.alloc(100_000_000, svg('<rect/>')), { level: 9 })],
];

// Nothing of them is decoded, so none leaves memory to the next row.
const ONE_CONVERTER_FOR_MANY = { PROOFSHEET_CONVERTER_RECYCLE_AFTER: '8' };

const REFUSED = [
  ...OTHERS.map(([name, source], index) => ({
    what: `${name}, row ${index + 1}`,
    source: () => source,
    answer: REFUSED_TYPE,
    says: source.length === 0 ? 'empty file' : `got ${name}`,
  })),
  { what: 'the signature of a PNG', source: () => hex('89504e470d0a1a0a', 0), answer: UNDECODABLE },
  { what: 'the start marker of a JPEG', source: () => hex('ffd8ff', 0), answer: UNDECODABLE },
  {
    what: '64 bytes of a JPEG',
    source: async () => (await ENCODED.jpeg(await photo(60, 40))).subarray(0, 64),
    answer: UNDECODABLE,
  },
  {
    what: 'a PNG that says it is a TIFF',
    source: async () => Buffer.concat([text('II*\0'), (await ENCODED.png(await photo(60, 40))).subarray(4)]),
    answer: UNDECODABLE,
  },
];
describeHostile('what is no image here', REFUSED, ONE_CONVERTER_FOR_MANY);

describe('the bytes decide', () => {
  let hostile: HostileServer;
  beforeAll(async () => {
    hostile = await HostileServer.start();
  });
  afterAll(() => hostile.close());

  async function upload(source: Buffer, fileName: string, type: string): Promise<Response> {
    const part = filePart('sourceImage', fileName, source);
    const headers = part.headers.map((line) => (line.startsWith('Content-Type') ? `Content-Type: ${type}` : line));
    const url = `${hostile.server.url}/cacheAndGetImage/${encodeURIComponent(fileName)}/jpg:100x100`;
    const body = new Uint8Array(multipartBody([{ ...part, headers }]));
    return fetch(url, { method: 'POST', body, headers: { 'Content-Type': FORM_TYPE } });
  }

  test.each([
    ['PNG as photo.jpg', ENCODED.png, 'photo.jpg', 'image/gif', 'png'],
    ['JPEG as page.html', ENCODED.jpeg, 'page.html', 'text/html', 'jpeg'],
    ['WebP as tool.exe', ENCODED.webp, 'tool.exe', 'application/octet-stream', 'webp'],
    ['TIFF as image.svg', ENCODED.tiff, 'image.svg', 'image/svg+xml', 'tiff'],
  ] as const)('%s is converted for what it is', async (_what, encode, fileName, type, format) => {
    const answer = await upload(await encode(flat(40, 30, [9, 99, 199])), fileName, type);
    const { format: made } = await sharp(Buffer.from(await answer.clone().arrayBuffer())).metadata();
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, `image/${made}`]);
    // A small source may be its own best preview.
    expect(['jpeg', 'png', format]).toContain(made);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    const metadata = await fetch(`${hostile.server.url}/getMetadata/${encodeURIComponent(fileName)}`);
    const { Header } = (await metadata.json()) as { readonly Header: Readonly<Record<string, string>> };
    expect(Header['Header Format Name']).toBe(format);
  });

  test.each([
    ['JPEG + HTML + ZIP', ENCODED.jpeg, '<html><script>alert(1)</script></html>PK\x03\x04payload'],
    ['GIF + JAR', ENCODED.gif, 'PK\x03\x04META-INF/MANIFEST.MF payload'],
    ['PNG + PHP', ENCODED.png, '<?php system("payload"); ?>'],
  ])('%s: its preview is the picture alone', async (what, encode, tail) => {
    const source = Buffer.concat([await encode(flat(40, 30, [9, 99, 199])), text(tail)]);
    const answer = await upload(source, what, 'image/jpeg');
    expect(answer.status).toBe(200);
    const preview = Buffer.from(await answer.arrayBuffer());
    for (const word of ['payload', 'script', 'php', 'PK\x03\x04']) expect(preview.includes(word)).toBe(false);
    expect(await sharp(preview, { failOn: 'warning' }).toBuffer({ resolveWithObject: true })).toMatchObject({
      info: { width: 40, height: 30 },
    });
  });
});

describe('equal and different sources', () => {
  test('one source under a thousand keys is one source; a thousand sources under one key leave the last', {
    timeout: 300_000,
  }, async () => {
    const hostile = await HostileServer.start({ PROOFSHEET_CONVERTERS: '2', PROOFSHEET_TARGET_FORMATS: 'png:8x8' });
    const put = async (key: string, source: Buffer): Promise<void> => {
      const body = new Uint8Array(multipartBody([filePart('sourceImage', 'a', source)]));
      const init = { method: 'POST', body, headers: { 'Content-Type': FORM_TYPE } };
      const answer = await fetch(`${hostile.server.url}/cacheImage/${key}`, init);
      expect([key, answer.status, await answer.text()]).toEqual([key, 200, expect.any(String)]);
    };
    const conversions = () => hostile.metric('proofsheet_conversions_total');
    const same = await ENCODED.png(flat(8, 8, [1, 2, 3]));
    await put('key-0', same);
    for (let from = 1; from < 1_000; from += 37) {
      await Promise.all(Array.from({ length: Math.min(37, 1_000 - from) }, (_, n) => put(`key-${from + n}`, same)));
    }
    expect([await hostile.keyCount(), await conversions()]).toEqual([1_000, 1]);

    const different = (n: number) => put('one', Buffer.concat([same, Buffer.from(String(n))]));
    for (let from = 0; from < 1_000; from += 8) {
      await Promise.all(Array.from({ length: 8 }, (_, n) => different(from + n)));
    }
    const last = await ENCODED.png(flat(8, 8, [200, 100, 50]));
    await put('one', last);
    expect(await hostile.keyCount()).toBe(1_001);
    const preview = Buffer.from(await (await fetch(`${hostile.server.url}/getImage/one/png:8x8`)).arrayBuffer());
    expect([...(await sharp(preview).raw().toBuffer()).subarray(0, 3)]).toEqual([200, 100, 50]);
    await hostile.tidied();
    await hostile.close();
  });
});
