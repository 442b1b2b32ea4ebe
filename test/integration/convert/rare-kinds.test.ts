// Kinds of the accepted types that are rare: what has a still is shown by it, what cannot be decoded is refused by its name.
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asConversionError } from '../../../src/convert/decoder-errors.js';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { Converting } from '../../support/converting.js';
import { jpegSegment, withSegments } from '../../support/hostile/jpeg.js';
import { pngChunk, pngOf } from '../../support/hostile/png.js';
import { ENCODED, flat, image, photo } from '../../support/images.js';
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
