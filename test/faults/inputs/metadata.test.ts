// Metadata as a weapon: texts and profiles that unpack, blocks of megabytes, EXIF that lies. The picture is good in all of
// them, so all are converted; what the tags say is bounded, and nothing of them is in a preview.
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  gpsExif,
  lyingExif,
  makerNoteExif,
  manyTagsExif,
  orientationExif,
  selfReferringExif,
} from '../../support/hostile/exif.js';
import { HostileServer } from '../../support/hostile/hostile-server.js';
import { iccSegments, jpegSegment, withExif, withSegments } from '../../support/hostile/jpeg.js';
import { iccpBomb, pngChunk, pngOf, zTxtBomb } from '../../support/hostile/png.js';
import { CONVERTED, describeHostile } from '../../support/hostile/rows.js';
import { ENCODED, photo } from '../../support/images.js';
import { sourceForm } from '../../support/multipart.js';

const png = (...chunks: readonly Buffer[]) => pngOf({ widthPx: 40, heightPx: 30, bits: 8, chunks });
const jpeg = async () => ENCODED.jpeg(await photo(60, 40));
const longText = Buffer.concat([Buffer.from('Comment\0', 'latin1'), Buffer.alloc(10_000_000, 0x41)]);
const tiffHead = Buffer.from('49492a0008000000', 'hex');
const exifSegment = jpegSegment(0xe1, Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), Buffer.alloc(65_000, 0x41)]));

describeHostile('metadata that unpacks or is megabytes long', [
  { what: 'PNG with a zTXt of 200 MB', source: () => png(zTxtBomb(200_000_000)), answer: CONVERTED, atMostMiB: 200 },
  {
    what: 'PNG with 300 zTXt of 7 MB',
    source: () => png(...Array.from({ length: 300 }, () => zTxtBomb(7_000_000))),
    answer: CONVERTED,
    atMostMiB: 200,
  },
  {
    what: 'PNG with an iTXt of 10 MB',
    source: () => png(pngChunk('iTXt', longText)),
    answer: CONVERTED,
    atMostMiB: 200,
  },
  {
    what: 'PNG with a tEXt of 10 MB',
    source: () => png(pngChunk('tEXt', longText)),
    answer: CONVERTED,
    atMostMiB: 200,
  },
  { what: 'PNG with an iCCP of 200 MB', source: () => png(iccpBomb(200_000_000)), answer: CONVERTED, atMostMiB: 200 },
  {
    what: 'PNG with an iCCP of 7 MB that is no profile',
    source: () => png(iccpBomb(7_000_000)),
    answer: CONVERTED,
    atMostMiB: 200,
  },
  {
    what: 'PNG with an eXIf of 10 MB',
    source: () => png(pngChunk('eXIf', Buffer.concat([tiffHead, Buffer.alloc(10_000_000, 0x41)]))),
    answer: CONVERTED,
  },
  {
    what: 'JPEG with a profile of 16 MB that is none',
    source: async () => withSegments(await jpeg(), ...iccSegments(Buffer.alloc(16_000_000, 7))),
    answer: CONVERTED,
    atMostMiB: 300,
  },
  {
    what: 'JPEG with 200 EXIF blocks of 65 kB',
    source: async () => withSegments(await jpeg(), ...Array.from({ length: 200 }, () => exifSegment)),
    answer: CONVERTED,
  },
]);

describe('EXIF that lies', () => {
  let hostile: HostileServer;
  beforeAll(async () => {
    hostile = await HostileServer.start();
  });
  afterAll(() => hostile.close());

  test.each<[string, () => Buffer]>([
    ['orientation 0', () => orientationExif(0)],
    ['orientation 9', () => orientationExif(9)],
    ['orientation 99', () => orientationExif(99)],
    ['GPS of 0/0 degrees', () => gpsExif(0, 0)],
    ['GPS of 4294967295/1 degrees', () => gpsExif(0xffffffff, 1)],
    ['a directory that refers to itself', selfReferringExif],
    ['a maker note of 65 kB', () => makerNoteExif(65_000)],
    ['counts and offsets behind the end', lyingExif],
    ['5,400 tags', () => manyTagsExif(5_400)],
    ['nothing', () => Buffer.alloc(0)],
    ['half a header', () => tiffHead.subarray(0, 5)],
  ])('%s: converted upright, with a metadata document that says nothing strange', async (what, exif) => {
    const key = what.replaceAll(/\W/g, '-');
    const source = withExif(await jpeg(), exif());
    const form = sourceForm(source);
    const url = hostile.server.url;
    const answer = await fetch(`${url}/cacheAndGetImage/${key}/jpg:200x200`, { method: 'POST', body: form });
    expect(answer.status).toBe(200);
    const preview = await sharp(Buffer.from(await answer.arrayBuffer())).metadata();
    expect([preview.width, preview.height, preview.exif]).toEqual([60, 40, undefined]);
    const text = await (await fetch(`${url}/getMetadata/${key}`)).text();
    expect(text.length).toBeLessThan(100_000);
    expect(text).not.toMatch(/NaN|Infinity|null|undefined/);
    const metadata = JSON.parse(text) as Readonly<Record<string, unknown>>;
    expect(metadata.Header).toMatchObject({ 'Header Pixel Width': '60', 'Header Pixel Height': '40' });
    expect(metadata.Proofsheet).toMatchObject({ source: { orientation: 1 } });
  });

  test('a place in the source is in the metadata and in no preview, of whatever type', async () => {
    const source = withExif(await jpeg(), gpsExif(48, 1));
    expect((await sharp(source).metadata()).exif).toBeDefined();
    for (const type of ['jpg', 'png', 'webp', 'avif', 'gif']) {
      const form = sourceForm(source);
      const url = `${hostile.server.url}/cacheAndGetImage/place/${type}:100x100`;
      const bytes = Buffer.from(await (await fetch(url, { method: 'POST', body: form })).arrayBuffer());
      const { exif, xmp, iptc } = await sharp(bytes).metadata();
      expect([exif, xmp, iptc]).toEqual([undefined, undefined, undefined]);
    }
    const metadata = (await (await fetch(`${hostile.server.url}/getMetadata/place`)).json()) as Record<string, unknown>;
    expect(metadata.GPS).toBeDefined();
  });
});
