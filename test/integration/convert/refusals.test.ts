// What is not converted, and what the uploader is told: by real decoders, so that new words of theirs are noticed.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asConversionError } from '../../../src/convert/decoder-errors.js';
import { type ErrorName, ProofsheetError } from '../../../src/kernel/errors.js';
import { Converting } from '../../support/converting.js';
import { animation, ENCODED, flat, image, photo } from '../../support/images.js';

const TYPES = ['jpeg', 'png', 'gif', 'webp', 'tiff', 'avif'] as const;
let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start({ maxSourcePixels: 1_000_000, maxPages: 10 });
});
afterAll(async () => {
  // No refusal killed a child or left a file behind.
  expect(converting.metrics.total('converter_exits_total')).toBe(0);
  expect(await converting.leftovers()).toEqual([]);
  await converting.close();
});

async function refused(source: Buffer): Promise<{ code: ErrorName; message: string }> {
  const error: unknown = await converting.convert(source, ['auto:100x100', 'auto:400x400']).then(
    () => new Error('expected a refusal'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ProofsheetError)) throw error;
  return { code: error.code, message: error.message };
}

describe('wrong types', () => {
  test.each([
    ['PDF', Buffer.from('%PDF-1.4\n1 0 obj<<>>endobj')],
    ['HTML', Buffer.from('<html><body>x</body></html>')],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>')],
    ['an empty file', Buffer.alloc(0)],
    ['no known image type', Buffer.from('9c0187f3d2aa00ff11', 'hex')],
    ['text', Buffer.from('hello world, this is text')],
    ['VIPS', Buffer.concat([Buffer.from('b6a6f208', 'hex'), Buffer.alloc(80)])],
  ])('%s is named', async (name, source) => {
    const { code, message } = await refused(source);
    expect(code).toBe('source-type-refused');
    expect(message).toContain(`expected an image of type ${TYPES.join(', ')}, got ${name}`);
  });

  test('an SVG is said to be not enabled', async () => {
    expect((await refused(Buffer.from('<svg width="1" height="1"/>'))).message).toContain(
      'got SVG (not enabled on this server)',
    );
  });

  test('nothing but the enabled loaders can be reached: a PNG relabelled as TIFF is no TIFF and no PNG', async () => {
    const png = await ENCODED.png(await photo(40, 30));
    expect((await refused(Buffer.concat([Buffer.from('II*\0', 'latin1'), png.subarray(4)]))).code).toBe(
      'source-undecodable',
    );
  });
});

describe('damaged images', () => {
  for (const type of TYPES) {
    test(`${type} cut at half its length`, async () => {
      const source = await ENCODED[type](await photo(300, 200));
      expect(await refused(source.subarray(0, source.length >> 1))).toEqual({
        code: 'source-undecodable',
        message: 'the image cannot be decoded: it is truncated or damaged; expected a complete image file',
      });
    });
  }

  test.each([
    ['a JPEG of three bytes', Buffer.from('ffd8ff', 'hex')],
    ['the signature of a PNG alone', Buffer.from('89504e470d0a1a0a', 'hex')],
    ['a GIF header alone', Buffer.from('GIF89a')],
  ])('%s', async (_name, source) => {
    expect((await refused(source)).code).toBe('source-undecodable');
  });

  test('a PNG with a wrong checksum in its pixels', async () => {
    const source = Buffer.from(await ENCODED.png(await photo(40, 30)));
    const at = source.length - 14;
    source[at] = (source[at] ?? 0) ^ 1;
    expect((await refused(source)).code).toBe('source-undecodable');
  });
});

describe('limits', () => {
  test('exactly the pixel limit is converted, one row more is not', async () => {
    const exactly = await ENCODED.png(flat(1000, 1000, [9, 9, 9]));
    expect((await converting.convert(exactly, ['auto:100x100'])).previews).toHaveLength(1);
    await cleanUp();
    const { code, message } = await refused(await ENCODED.png(flat(1000, 1001, [9, 9, 9])));
    expect(code).toBe('source-limits-exceeded');
    expect(message).toBe('expected an image of at most 1000000 pixels, got 1001000 (1000x1001)');
  });

  test('a PNG that claims more than it can be is refused from its header', async () => {
    const source = Buffer.from(await ENCODED.png(flat(10, 10, [9, 9, 9])));
    source.writeUInt32BE(60_000, 16);
    source.writeUInt32BE(60_000, 20);
    const { code } = await refused(source);
    // Its header's checksum is wrong now, which the decoder may notice first.
    expect(['source-limits-exceeded', 'source-undecodable']).toContain(code);
  });

  test.each(['gif', 'webp'] as const)(
    'the frames of a %s count together: with more the first is shown',
    async (type) => {
      const shownOf = async (frames: number) => {
        const delaysMs = new Array<number>(frames).fill(50);
        const source = await animation(type, { widthPx: 400, heightPx: 300, delaysMs });
        const { info, metadata } = await converting.convert(source, ['auto:100x100']);
        await cleanUp();
        return [info.pages, info.animated, metadata.Source?.shown !== undefined];
      };
      expect(await shownOf(8)).toEqual([8, true, false]);
      expect(await shownOf(9)).toEqual([1, false, true]);
    },
  );

  test.each(['gif', 'webp'] as const)('a %s whose first frame is too large is refused', async (type) => {
    const { code, message } = await refused(
      await animation(type, { widthPx: 1001, heightPx: 1000, delaysMs: [50, 50] }),
    );
    expect(code).toBe('source-limits-exceeded');
    expect(message).toBe('expected an image of at most 1000000 pixels, got 1001000 (1001x1000)');
  });
});

describe('what decoders say in our words', () => {
  test('an error of ours stays what it is', () => {
    const ours = new ProofsheetError('source-limits-exceeded', 'x');
    expect(asConversionError(ours)).toBe(ours);
    // Nor is a fault of the program.
    expect(asConversionError(new ReferenceError('a is not defined')).code).toBe('internal');
  });

  test.each<[string, ErrorName]>([
    ['Input image exceeds pixel limit', 'source-limits-exceeded'],
    ['Input buffer contains unsupported image format', 'source-type-refused'],
    ['VipsJpeg: premature end of JPEG image', 'source-undecodable'],
    ['ENOSPC: no space left on device, write', 'storage-full'],
    ['something nobody has seen before', 'source-undecodable'],
  ])('%s', (said, code) => {
    expect(asConversionError(new Error(said)).code).toBe(code);
  });

  test('the pixel limit that the decoder itself keeps', async () => {
    const source = await image(flat(50, 50, [1, 2, 3]))
      .png()
      .toBuffer();
    const { default: sharp } = await import('sharp');
    const error: unknown = await sharp(source, { limitInputPixels: 2499 })
      .raw()
      .toBuffer()
      .catch((reason: unknown) => reason);
    expect(asConversionError(error).code).toBe('source-limits-exceeded');
  });
});

/** Previews of a good conversion are the caller's, here the test's, to remove. */
async function cleanUp(): Promise<void> {
  const { rm } = await import('node:fs/promises');
  const { join } = await import('node:path');
  for (const name of await converting.leftovers()) await rm(join(converting.outputDir, name), { recursive: true });
}
