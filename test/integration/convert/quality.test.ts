// One decode for a whole sequence may not show: every preview of the default sequence against a full decode and one
// direct Lanczos3 resize of its own, as lossless PNG; and where that resize itself is far from Lanczos3, against the exact one.

import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Format, parseFormat } from '../../../src/kernel/format.js';
import { geometryOf } from '../../../src/kernel/sizes.js';
import { Converting } from '../../support/converting.js';
import { DEFAULT_TARGET_FORMATS } from '../../support/default-formats.js';
import { image, type Pixels, photo, screenshot } from '../../support/images.js';
import { lanczosReduced } from '../../support/lanczos.js';
import { psnrDb } from '../../support/pixels.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start();
});
afterAll(() => converting.close());

/** Above 40 dB people do not tell two pictures apart. */
const LEAST_LOSS_DB = 40;

/**
 * From a quarter of the side on, libvips averages blocks of pixels before Lanczos3: of text that leaves 36 to 43 dB against
 * the exact resize. A preview as near to the exact one as that, or by this much less near, is as good.
 */
const SLACK_DB = 1.5;

async function decoded(source: Buffer): Promise<Pixels> {
  const { data, info } = await sharp(source)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, widthPx: info.width, heightPx: info.height, channels: 3 };
}

function direct(pixels: Pixels, format: Format): Promise<Buffer> {
  const { scaled } = geometryOf(pixels, format);
  return image(pixels).resize(scaled.widthPx, scaled.heightPx, { fit: 'fill', kernel: 'lanczos3' }).raw().toBuffer();
}

interface Quality {
  /** PSNR against a direct resize, dB. */
  readonly toDirect: number;
  /** How much nearer to the exact resize the preview is than a direct one, dB; 0 when it was not asked for. */
  readonly nearer: number;
}

async function qualityOf(preview: Buffer, source: Pixels, format: Format): Promise<Quality> {
  const resized = await direct(source, format);
  const toDirect = psnrDb(preview, resized);
  if (toDirect >= LEAST_LOSS_DB) return { toDirect, nearer: 0 };
  const { scaled } = geometryOf(source, format);
  const exact = lanczosReduced(source, scaled.widthPx, scaled.heightPx);
  return { toDirect, nearer: psnrDb(preview, exact) - psnrDb(resized, exact) };
}

/** The quality of each preview of the default sequence, as lossless PNG, by its format. */
async function qualities(source: Buffer): Promise<Map<string, Quality>> {
  const boxes = DEFAULT_TARGET_FORMATS.map((text) => text.replace('auto:', 'png:'));
  const { previews } = await converting.convert(source, boxes);
  const pixels = await decoded(source);
  const found = new Map<string, Quality>();
  for (const preview of previews) {
    const { data } = await decoded(await readFile(preview.path));
    for (const format of preview.formats) found.set(format, await qualityOf(data, pixels, parseFormat(format)));
  }
  return found;
}

const SOURCES: readonly (readonly [name: string, make: () => Promise<Buffer>, decodes: number])[] = [
  [
    'a 12 megapixel JPEG photo',
    async () =>
      image(await photo(4000, 3000, 3))
        .jpeg({ quality: 90 })
        .toBuffer(),
    1,
  ],
  [
    'a 24 megapixel JPEG photo',
    async () =>
      image(await photo(6000, 4000, 1))
        .jpeg({ quality: 90 })
        .toBuffer(),
    1,
  ],
  [
    'a 9 megapixel JPEG photo of odd sides',
    async () =>
      image(await photo(3601, 2403, 4))
        .jpeg({ quality: 90 })
        .toBuffer(),
    1,
  ],
  [
    'a 3 megapixel JPEG photo',
    async () =>
      image(await photo(2000, 1500, 6))
        .jpeg({ quality: 90 })
        .toBuffer(),
    1,
  ],
  [
    'a 12 megapixel WebP photo',
    async () =>
      image(await photo(4000, 3000, 3))
        .webp({ quality: 85, effort: 0 })
        .toBuffer(),
    1,
  ],
  [
    'a 4K PNG photo',
    async () =>
      image(await photo(3840, 2160, 5))
        .png({ compressionLevel: 1 })
        .toBuffer(),
    1,
  ],
  ['a PNG screenshot', async () => image(screenshot(2560, 1600)).png().toBuffer(), 1],
  // Twice as large and then halved, so that its letters have soft edges, as a browser draws them.
  [
    'a PNG screenshot of smooth text',
    async () =>
      image(await halved(screenshot(5120, 3200)))
        .png()
        .toBuffer(),
    1,
  ],
  ['a 4K PNG screenshot', async () => image(screenshot(3840, 2400)).png().toBuffer(), 1],
  ['a JPEG screenshot', async () => image(screenshot(2560, 1600)).jpeg({ quality: 90 }).toBuffer(), 1],
  // Its first decode shows that shrinking on load would be seen, so there is a second.
  ['a large JPEG of text', async () => image(screenshot(6400, 4000)).jpeg({ quality: 90 }).toBuffer(), 2],
];

async function halved(pixels: Pixels): Promise<Pixels> {
  const [widthPx, heightPx] = [pixels.widthPx / 2, pixels.heightPx / 2];
  return { ...pixels, widthPx, heightPx, data: await image(pixels).resize(widthPx, heightPx).raw().toBuffer() };
}

describe(`every preview of the default sequence has ${LEAST_LOSS_DB} dB at least against a direct resize, or is as near to the exact one`, () => {
  test.each(SOURCES)(
    '%s',
    async (_name, make, decodes) => {
      const source = await make();
      converting.metrics.reset();
      const found = await qualities(source);
      expect(found.size).toBe(DEFAULT_TARGET_FORMATS.length);
      for (const [format, { toDirect, nearer }] of found)
        expect(toDirect >= LEAST_LOSS_DB || nearer >= -SLACK_DB, `${format}: ${toDirect} dB, nearer by ${nearer}`).toBe(
          true,
        );
      expect(converting.metrics.total('decodes_total', { purpose: 'sequence' })).toBe(decodes);
    },
    60_000,
  );
});

test('the measures tell a blurred preview from a good one', async () => {
  const source = await photo(2000, 1500, 6);
  const format = parseFormat('png:800x600');
  const good = await direct(source, format);
  const blurred = await sharp(good, { raw: { width: 800, height: 600, channels: 3 } })
    .blur(2)
    .raw()
    .toBuffer();
  const { toDirect, nearer } = await qualityOf(blurred, source, format);
  expect(toDirect).toBeLessThan(LEAST_LOSS_DB);
  expect(nearer).toBeLessThan(-SLACK_DB);
});

test('without blocks, a direct resize is the exact one but for rounding', async () => {
  const source = screenshot(640, 480);
  const exact = lanczosReduced(source, 320, 240);
  expect(psnrDb(await direct(source, parseFormat('png:320x240')), exact)).toBeGreaterThan(45);
});
