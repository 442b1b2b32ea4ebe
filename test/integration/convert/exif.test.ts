// What getMetadata tells of EXIF: of TIFFs of any length and kind, and of texts that tell their own coding.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Converting } from '../../support/converting.js';
import { withExif } from '../../support/hostile/jpeg.js';
import { pngChunk, pngOf } from '../../support/hostile/png.js';
import { gammaCurve, rgbProfile } from '../../support/icc.js';
import { animation, ENCODED, flat, image, photo } from '../../support/images.js';
import { ASCII, BYTE, LONG, type Tag, tiffPicture, UNDEFINED } from '../../support/tiff-picture.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start();
});
afterAll(() => converting.close());

const ORDERS = [
  { bigEndian: false, bigTiff: false },
  { bigEndian: true, bigTiff: false },
  { bigEndian: false, bigTiff: true },
  { bigEndian: true, bigTiff: true },
] as const;

/** The tags of both groups. */
async function exifOf(source: Buffer): Promise<Readonly<Record<string, string>>> {
  const { metadata } = await converting.convert(source, ['jpg:8x8']);
  return { ...metadata.Exif, ...metadata.GPS };
}

describe('of a TIFF', () => {
  for (const order of ORDERS) {
    const name = `${order.bigEndian ? 'big' : 'little'}-endian ${order.bigTiff ? 'BigTIFF' : 'TIFF'}`;
    test.each([0, 1_200_000])(`${name}, with %i bytes behind it`, async (behind) => {
      const base = {
        widthPx: 10,
        heightPx: 10,
        ...order,
        bits: 8,
        bands: 3,
        photometric: 2,
        sample: () => 77,
      } as const;
      const text = (value: string): Buffer => Buffer.from(`${value}\0`, 'latin1');
      const model: Tag = [272, ASCII, text('Scanner 9')];
      const tiff = tiffPicture({ ...base, tags: [[271, ASCII, text('ACME')], model] });
      const source = Buffer.concat([tiff, Buffer.alloc(behind)]);
      expect(await exifOf(source)).toMatchObject({ Make: 'ACME', Model: 'Scanner 9', 'Image Width': '10' });
    });
  }

  test('with EXIF and GPS directories of their own behind 2 MiB', async () => {
    const text = Buffer.from('2026:01:02 03:04:05\0', 'latin1');
    const north = Buffer.from('S\0\0\0', 'latin1');
    const entry = (tag: number, type: number, count: number, value: number | Buffer): Buffer => {
      const out = Buffer.alloc(12);
      out.writeUInt16LE(tag, 0);
      out.writeUInt16LE(type, 2);
      out.writeUInt32LE(count, 4);
      if (typeof value === 'number') out.writeUInt32LE(value, 8);
      else value.copy(out, 8);
      return out;
    };
    const one = Buffer.from([1, 0]);
    const end = Buffer.alloc(4);
    const make = (at: number): Buffer[] => [
      one,
      entry(0x9003, ASCII, text.length, at + 18),
      end,
      text,
      one,
      entry(1, ASCII, 2, north),
      end,
    ];
    const tagged = (exifAt: number): Buffer =>
      tiffPicture({
        widthPx: 9,
        heightPx: 9,
        bits: 8,
        bands: 3,
        photometric: 2,
        sample: () => 9,
        tags: [
          [0x8769, LONG, [exifAt]],
          [0x8825, LONG, [exifAt + 18 + text.length]],
        ],
      });
    const at = 2 * 1024 * 1024;
    const tiff = tagged(at);
    const source = Buffer.concat([tiff, Buffer.alloc(at - tiff.length), ...make(at)]);
    expect(await exifOf(source)).toMatchObject({
      'Date/Time Original': '2026:01:02 03:04:05',
      'GPS Latitude Ref': expect.stringContaining('South'),
    });
  });
});

describe('texts that tell their coding', () => {
  const WORDS = 'héllo wörld 日本';
  const utf16 = (text: string, bigEndian: boolean): Buffer => {
    const bytes = Buffer.from(text, 'utf16le');
    return bigEndian ? bytes.swap16() : bytes;
  };
  const code = (name: string): Buffer => Buffer.concat([Buffer.from(name, 'latin1'), Buffer.alloc(8 - name.length)]);

  /** A JPEG whose EXIF directory holds the comment alone. */
  async function commented(comment: Buffer, bigEndian: boolean): Promise<string | undefined> {
    const exif = tiffPicture({
      widthPx: 1,
      heightPx: 1,
      bigEndian,
      bits: 8,
      bands: 1,
      photometric: 1,
      sample: () => 0,
      tags: [[0x9286, UNDEFINED, comment]],
    });
    return (await exifOf(withExif(await ENCODED.jpeg(flat(8, 8, [1, 2, 3])), exif)))['User Comment'];
  }

  test.each([false, true])('UNICODE, big-endian: %s', async (bigEndian) => {
    expect(await commented(Buffer.concat([code('UNICODE'), utf16(WORDS, bigEndian)]), bigEndian)).toBe(WORDS);
    // In the other order than the block, which zeros or a mark show.
    expect(await commented(Buffer.concat([code('UNICODE'), utf16(WORDS, !bigEndian)]), bigEndian)).toBe(WORDS);
    expect(await commented(Buffer.concat([code('UNICODE'), utf16('\ufeff日本', !bigEndian)]), bigEndian)).toBe('日本');
    expect(await commented(Buffer.concat([code('UNICODE'), utf16('日本', bigEndian)]), bigEndian)).toBe('日本');
    expect(await commented(Buffer.concat([code('UNICODE'), utf16(`${WORDS}\0\0\0`, bigEndian)]), bigEndian)).toBe(
      WORDS,
    );
  });

  test('ASCII, JIS and none', async () => {
    expect(await commented(Buffer.concat([code('ASCII'), Buffer.from('plain words\0')]), false)).toBe('plain words');
    expect(await commented(Buffer.concat([code('ASCII'), Buffer.from('wörds')]), false)).toBe('wörds');
    expect(await commented(Buffer.concat([code('JIS'), Buffer.from('\x1b$BF|K\\\x1b(B', 'latin1')]), false)).toBe(
      '日本',
    );
    expect(await commented(Buffer.concat([code(''), Buffer.from('undeclared')]), false)).toBe('undeclared');
  });
});

test('the version of GPS tags', async () => {
  for (const version of [
    [2, 3, 0, 0],
    [2, 2, 0, 0],
    [2, 4, 0, 0],
  ]) {
    const exif = Buffer.concat([
      Buffer.from('49492a0008000000', 'hex'),
      Buffer.from([1, 0, 0x25, 0x88, LONG, 0, 1, 0, 0, 0, 26, 0, 0, 0, 0, 0, 0, 0]),
      Buffer.from([1, 0, 0, 0, BYTE, 0, 4, 0, 0, 0, ...version, 0, 0, 0, 0]),
    ]);
    const source = withExif(await ENCODED.jpeg(flat(8, 8, [1, 2, 3])), exif);
    expect((await exifOf(source))['GPS Version ID']).toBe(version.join('.'));
  }
});

describe('facts of the header', () => {
  const factsOf = async (source: Buffer) => (await converting.convert(source, ['jpg:8x8'])).metadata.Source ?? {};

  test('the name of a profile, of both versions', async () => {
    const pixels = image(await photo(16, 16));
    expect((await factsOf(await pixels.clone().withIccProfile('p3').jpeg().toBuffer())).colorProfile).toMatch(/P3/i);
    const second = tiffPicture({
      widthPx: 8,
      heightPx: 8,
      bits: 8,
      bands: 3,
      photometric: 2,
      sample: () => 9,
      tags: [[34_675, UNDEFINED, rgbProfile(gammaCurve(2.2))]],
    });
    expect((await factsOf(second)).colorProfile).toBe('test');
    expect(await factsOf(await pixels.clone().jpeg().toBuffer())).not.toHaveProperty('colorProfile');
  });

  test('high dynamic range', async () => {
    const coded = (transfer: number): Buffer =>
      pngOf({ widthPx: 8, heightPx: 8, bits: 8, chunks: [pngChunk('cICP', Buffer.from([9, transfer, 0, 1]))] });
    expect([(await factsOf(coded(16))).dynamicRange, (await factsOf(coded(18))).dynamicRange]).toEqual(['PQ', 'HLG']);
    expect(await factsOf(coded(13))).not.toHaveProperty('dynamicRange');
  });

  test('how long an animation is', async () => {
    expect((await factsOf(await animation('gif', { delaysMs: [100, 50, 200] }))).durationMs).toBe('350');
  });
});
