// Kinds of the accepted types that are rare: what has a still is shown by it, what cannot be decoded is refused by its name.
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asConversionError } from '../../../src/convert/decoder-errors.js';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { Converting } from '../../support/converting.js';
import { gifOf } from '../../support/hostile/gif.js';
import { jpegSegment, withSegments } from '../../support/hostile/jpeg.js';
import { pngChunk, pngOf } from '../../support/hostile/png.js';
import { imageDirectory, tiffOf } from '../../support/hostile/tiff.js';
import { animation, flat, frameGrey, image, photo } from '../../support/images.js';
import { meanColour } from '../../support/pixels.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start();
});
afterAll(() => converting.close());

async function refusal(source: Buffer): Promise<readonly [code: string, message: string]> {
  const error: unknown = await converting.convert(source, ['png:20x20']).catch((reason: unknown) => reason);
  if (error instanceof ProofsheetError) return [error.code, error.message];
  throw new Error('expected a refusal');
}

/** `jpeg` with another code, or precision, in its frame header. */
function withFrame(jpeg: Buffer, code: number, bits = 8): Buffer {
  const changed = Buffer.from(jpeg);
  for (let at = 2; at + 9 < changed.length; at += 2 + changed.readUInt16BE(at + 2)) {
    const marker = changed[at + 1] ?? 0;
    if (marker < 0xc0 || marker > 0xc2) continue;
    changed[at + 1] = code;
    changed[at + 4] = bits;
    return changed;
  }
  throw new Error('expected a frame header');
}

describe('JPEG', () => {
  test.each([
    ['lossless JPEG', 0xc3, 8],
    ['lossless JPEG', 0xc3, 16],
    ['hierarchical JPEG', 0xc5, 8],
    ['JPEG of 12-bit samples', 0xc1, 12],
    ['JPEG of 12-bit samples', 0xc2, 12],
    ['JPEG-LS', 0xf7, 8],
  ])('%s (0x%s, %i bits)', async (kind, code, bits) => {
    const plain = await image(await photo(60, 40))
      .jpeg({ mozjpeg: false })
      .toBuffer();
    for (const source of [
      withFrame(plain, code, bits),
      withFrame(withSegments(plain, jpegSegment(0xfe, Buffer.from('ab'))), code, bits),
    ]) {
      expect(await refusal(source)).toEqual([
        'source-type-refused',
        expect.stringContaining(`got ${kind}, of a kind that`),
      ]);
    }
  });
});

test('PNG for iOS', async () => {
  const source = pngOf({ widthPx: 8, heightPx: 8 });
  const cgbi = Buffer.concat([source.subarray(0, 8), pngChunk('CgBI', Buffer.alloc(4)), source.subarray(8)]);
  expect(await refusal(cgbi)).toEqual([
    'source-type-refused',
    expect.stringContaining('got PNG for iOS (CgBI), of a kind'),
  ]);
});

describe('animated AVIF', () => {
  test('is shown by its still', async () => {
    const source = Buffer.from(
      await image(flat(40, 30, [200, 40, 90]))
        .avif({ quality: 95 })
        .toBuffer(),
    );
    source.write('avis', 8, 'latin1');
    const preview = await converting.preview(source, 'auto:20x20');
    expect((await sharp(preview).metadata()).format).toBe('jpeg');
    const [r = 0, g = 0, b = 0] = await meanColour(preview);
    expect(Math.max(Math.abs(r - 200), Math.abs(g - 40), Math.abs(b - 90))).toBeLessThan(5);
  });
});

describe('what decoders say of kinds that they lack', () => {
  test.each([
    'Unsupported JPEG data precision 12',
    'tiff2vips: LZMA compression support is not configured',
    'tiff2vips: tiled separate planes not supported',
    'tiff2vips: samples_per_pixel not a whole number of bytes',
    'VipsJpeg: Unsupported color conversion request',
    'tiff2vips: unsupported tiff image type',
    'Compression scheme 34712 strip decoding is not implemented',
  ])('%s', (said) => {
    expect(asConversionError(new Error(said)).code).toBe('source-type-refused');
  });
});

describe('more pages or frames than are taken', () => {
  let few: Converting;
  beforeAll(async () => {
    few = await Converting.start({ maxPages: 3 });
  });
  afterAll(() => few.close());

  const page = imageDirectory({ widthPx: 8, heightPx: 8, pixels: Buffer.alloc(64, 200) });
  const other = imageDirectory({ widthPx: 9, heightPx: 9, pixels: Buffer.alloc(81, 20) });

  test.each<[string, string, () => Buffer | Promise<Buffer>]>([
    ['GIF', 'png', () => animation('gif', { delaysMs: [50, 50, 50, 50], loop: 3 })],
    ['GIF of frames with and without controls', 'png', () => gifOf({ frames: 9 })],
    ['WebP', 'jpeg', () => animation('webp', { delaysMs: [50, 50, 50, 50] })],
    ['TIFF', 'jpeg', () => tiffOf([page, other, other, other])],
  ])('%s is shown by its first', async (_name, type, make) => {
    const { info, metadata, previews } = await few.convert(await make(), ['auto:-1x-1']);
    expect([info.pages, info.animated, metadata.Source?.shown]).toEqual([1, false, expect.stringContaining('first')]);
    const [preview] = previews;
    const encoded = await readFile(preview?.path ?? '');
    const { format, pages = 1 } = await sharp(encoded).metadata();
    expect([format, pages]).toEqual([type, 1]);
  });

  test('which is the first, in its colour', async () => {
    const [grey = 0] = await meanColour(await few.preview(await animation('gif'), 'png:-1x-1'));
    expect(grey).toBe(frameGrey(0));
    const [first = 0] = await meanColour(await few.preview(tiffOf([page, other, other, other]), 'png:-1x-1'));
    expect(first).toBe(200);
  });

  test('exactly as many are all taken', async () => {
    const { info } = await few.convert(await animation('gif', { delaysMs: [50, 50, 50] }), ['auto:-1x-1']);
    expect([info.pages, info.animated]).toEqual([3, true]);
  });

  test('a first one that is damaged is still refused', async () => {
    const cut = tiffOf([
      imageDirectory({ widthPx: 800, heightPx: 800, pixels: Buffer.alloc(64) }),
      other,
      other,
      other,
    ]);
    await expect(few.convert(cut, ['jpg:8x8'])).rejects.toMatchObject({ code: 'source-undecodable' });
  });
});
