// A preview holds its pixels and nothing else: a word that every type of source holds wherever it can is in none of its previews.
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SOURCE_TYPES, type SourceType } from '../../../src/kernel/source.js';
import { Converting } from '../../support/converting.js';
import { closeUnharmed } from '../../support/hostile/refusing.js';
import { CANARIES, CANARY, IPTC, jxlWithAll } from '../../support/sources/canaries.js';
import { tiffPicture, UNDEFINED } from '../../support/tiff-picture.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start({ sourceTypes: SOURCE_TYPES, recycleAfterJobs: 100_000 });
});
afterAll(() => closeUnharmed(converting));

/** At the source's own size, where it may be sent as it is coded, and scaled. */
const FORMATS = ['auto', 'jpg', 'png', 'webp', 'avif', 'gif'].flatMap((type) => [
  `${type}:-1x-1`,
  `${type}:-1x-1~norotate`,
  `${type}:30x30`,
  `${type}:80x80~containforcedimension`,
]);

/** What a container of metadata begins with, in any type of preview. */
const CONTAINERS = [
  ...['Exif\0\0', 'http://ns.adobe', 'Photoshop 3.0', '8BIM', 'ICC_PROFILE', 'x:xmpmeta', 'XMP DataXMP'],
  ...['tEXt', 'zTXt', 'iTXt', 'eXIf', 'iCCP', 'pHYs', 'tIME', 'EXIF', 'XMP ', 'ICCP', 'PRVT', 'prVt', 'uuid'],
];

const holds = (bytes: Buffer, word: string): boolean =>
  ['latin1', 'utf16le'].some((coding) => bytes.includes(Buffer.from(word, coding as 'latin1')));

describe.each(SOURCE_TYPES.map((type) => [type]))('%s', (type: SourceType) => {
  test('no preview holds what stands beside the picture', async () => {
    const source = await CANARIES[type]();
    // The word is there to be found.
    if (type !== 'heic') expect(holds(source, CANARY)).toBe(true);
    const { info, previews } = await converting.convert(source, FORMATS);
    expect(info.type).toBe(type);
    expect(previews.flatMap(({ formats }) => formats)).toHaveLength(FORMATS.length);
    for (const { path, type: made, formats } of previews) {
      const bytes = await readFile(path);
      const found = [CANARY, CANARY.toLowerCase(), CANARY.toUpperCase(), ...CONTAINERS].filter((word) =>
        holds(bytes, word),
      );
      expect([formats, found]).toEqual([formats, []]);
      const { exif, xmp, iptc, icc, comments } = await sharp(bytes).metadata();
      expect([formats, exif, xmp, iptc, icc, comments]).toEqual([
        formats,
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
      ]);
      // Nothing lies behind the picture: a decoder takes every byte for its own.
      if (made === 'jpg') expect(bytes.subarray(-2).toString('hex')).toBe('ffd9');
      if (made === 'png') expect(bytes.subarray(-8, -4).toString('latin1')).toBe('IEND');
    }
  });
});

describe('what metadata tell of it', () => {
  const WITH_XMP: readonly SourceType[] = [
    'jpeg',
    'png',
    'gif',
    'webp',
    'tiff',
    'avif',
    'heic',
    'jxl',
    'psd',
    'raw',
    'office',
    'epub',
    'ico',
  ];

  test.each(WITH_XMP)('XMP in %s', async (type) => {
    const { metadata } = await converting.convert(await CANARIES[type](), ['jpg:8x8']);
    expect(metadata.XMP).toMatchObject({ Rating: '3', creator: CANARY, SerialNumber: CANARY });
  });

  test('XMP that is packed in a JPEG XL', async () => {
    const { metadata } = await converting.convert(await jxlWithAll(true), ['jpg:8x8']);
    expect(metadata.XMP).toMatchObject({ Rating: '3', creator: CANARY });
  });

  test.each(['jpeg', 'psd', 'raw', 'epub'] as const)('IPTC in %s', async (type) => {
    const { metadata } = await converting.convert(await CANARIES[type](), ['jpg:8x8']);
    expect(metadata.IPTC).toMatchObject({ 'By-line': CANARY, City: CANARY, Keywords: 'harbour' });
  });

  test('IPTC in a TIFF, which holds its datasets alone', async () => {
    const source = tiffPicture({
      ...{ widthPx: 9, heightPx: 9, bits: 8, bands: 1, photometric: 1, sample: () => 9 },
      tags: [[33_723, UNDEFINED, IPTC]],
    });
    const { metadata } = await converting.convert(source, ['jpg:8x8']);
    expect(metadata.IPTC).toMatchObject({ 'By-line': CANARY, City: CANARY, Keywords: 'harbour' });
  });

  test('what is no XMP, or too much of it, is none', async () => {
    const wrong = await sharp(await CANARIES.jpeg())
      .withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF')
      .jpeg()
      .toBuffer();
    const large = await sharp(await CANARIES.jpeg())
      .withXmp(`<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>${'<b/>'.repeat(17_000)}</a></x:xmpmeta>`)
      .webp()
      .toBuffer();
    for (const source of [wrong, large]) {
      const { metadata } = await converting.convert(source, ['jpg:8x8']);
      expect(metadata.XMP).toBeUndefined();
    }
  });
});
