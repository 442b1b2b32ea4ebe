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
import { animation, cutOut, flat, frameGrey, image, photo } from '../../support/images.js';
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

describe('a still of an animated AVIF', () => {
  test.each([[0], [9]])('whose alpha is said to be of item %i, which is not there, has that alpha', async (missing) => {
    const source = Buffer.from(
      await image(cutOut(flat(64, 64, [200, 40, 90])))
        .avif({ quality: 90 })
        .toBuffer(),
    );
    const alphaOf = async (avif: Buffer): Promise<Buffer> =>
      sharp(await converting.preview(avif, 'png:-1x-1'))
        .extractChannel(3)
        .raw()
        .toBuffer();
    const before = await alphaOf(source);
    expect(new Set(before).size).toBeGreaterThan(1);
    source.write('avis', 8, 'latin1');
    // Behind the box's name: who says so, of how many, of which.
    const named = source.indexOf('auxl', 0, 'latin1') + 4;
    expect(source.readUInt16BE(named + 2)).toBe(1);
    source.writeUInt16BE(missing, named + 4);
    expect((await alphaOf(source)).equals(before)).toBe(true);
  });
});

describe('HEIF and AVIF without a picture for the decoders', () => {
  const box = (type: string, ...bodies: readonly Buffer[]): Buffer => {
    const body = Buffer.concat([Buffer.from(`\0\0\0\0${type}`, 'latin1'), ...bodies]);
    body.writeUInt32BE(body.length, 0);
    return body;
  };
  const brands = (...names: readonly string[]): Buffer =>
    box('ftyp', Buffer.from(`${names[0]}\0\0\0\0${names.join('')}`, 'latin1'));
  const sequence = Buffer.concat([box('moov', Buffer.alloc(200)), box('mdat', Buffer.alloc(200))]);
  test('a sequence alone', async () => {
    const avif = Buffer.concat([brands('avis', 'msf1', 'iso8'), sequence]);
    expect(await refusal(avif)).toEqual([
      'source-type-refused',
      expect.stringContaining('got a sequence of AVIF without a still'),
    ]);
  });

  test.each([
    ['unci', 'uncompressed samples'],
    ['avc1', 'H.264'],
    ['j2k1', 'JPEG 2000'],
  ])('a picture coded as %s', async (coding, name) => {
    const source = await image(flat(64, 64, [1, 2, 3]))
      .avif()
      .toBuffer();
    const at = source.indexOf('av01', source.indexOf('infe'));
    source.write(coding, at, 'latin1');
    expect(await refusal(source)).toEqual(['source-type-refused', expect.stringContaining(`HEIF with ${name} inside`)]);
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
    'Input image exceeds channel limit',
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
    ['GIF of frames with and without controls', 'gif', () => gifOf({ frames: 9 })],
    ['WebP', 'webp', () => animation('webp', { delaysMs: [50, 50, 50, 50] })],
    ['TIFF', 'png', () => tiffOf([page, other, other, other])],
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
