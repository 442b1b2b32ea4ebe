// One decode for a whole sequence may not show: every preview of the default sequence against a full decode and one
// direct Lanczos3 resize of its own, as lossless PNG.
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Format, parseFormat } from '../../../src/kernel/format.js';
import { DEFAULT_TARGET_FORMATS } from '../../../src/kernel/sequence.js';
import { geometryOf } from '../../../src/kernel/sizes.js';
import { Converting } from '../../support/converting.js';
import { image, photo, screenshot } from '../../support/images.js';
import { psnrDb } from '../../support/pixels.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start();
});
afterAll(() => converting.close());

/** Above 40 dB people do not tell two pictures apart. */
const LEAST_LOSS_DB = 40;

async function direct(source: Buffer, format: Format): Promise<Buffer> {
  const { data, info } = await sharp(source)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { scaled } = geometryOf({ widthPx: info.width, heightPx: info.height }, format);
  return sharp(data, { raw: { width: info.width, height: info.height, channels: 3 } })
    .resize(scaled.widthPx, scaled.heightPx, { fit: 'fill', kernel: 'lanczos3' })
    .raw()
    .toBuffer();
}

/** PSNR of each preview of the default sequence, as lossless PNG, by its format. */
async function qualities(source: Buffer): Promise<Map<string, number>> {
  const boxes = DEFAULT_TARGET_FORMATS.map((text) => text.replace('auto:', 'png:'));
  const { previews } = await converting.convert(source, boxes);
  const found = new Map<string, number>();
  for (const preview of previews) {
    const pixels = await sharp(await readFile(preview.path))
      .removeAlpha()
      .raw()
      .toBuffer();
    for (const format of preview.formats) found.set(format, psnrDb(pixels, await direct(source, parseFormat(format))));
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
  ['a 4K PNG screenshot', async () => image(screenshot(3840, 2400)).png().toBuffer(), 1],
  ['a JPEG screenshot', async () => image(screenshot(2560, 1600)).jpeg({ quality: 90 }).toBuffer(), 1],
  // Its first decode shows that shrinking on load would be seen, so there is a second.
  ['a large JPEG of text', async () => image(screenshot(6400, 4000)).jpeg({ quality: 90 }).toBuffer(), 2],
];

describe(`every preview of the default sequence has ${LEAST_LOSS_DB} dB at least against a direct resize`, () => {
  test.each(SOURCES)(
    '%s',
    async (_name, make, decodes) => {
      const source = await make();
      converting.metrics.reset();
      const found = await qualities(source);
      expect(found.size).toBe(DEFAULT_TARGET_FORMATS.length);
      for (const [format, db] of found) expect(db, format).toBeGreaterThanOrEqual(LEAST_LOSS_DB);
      expect(converting.metrics.total('decodes_total', { purpose: 'sequence' })).toBe(decodes);
    },
    60_000,
  );
});

test('the measure tells a blurred preview from a good one', async () => {
  const source = await image(await photo(2000, 1500, 6))
    .png({ compressionLevel: 1 })
    .toBuffer();
  const good = await direct(source, parseFormat('png:800x600'));
  const blurred = await sharp(good, { raw: { width: 800, height: 600, channels: 3 } })
    .blur(2)
    .raw()
    .toBuffer();
  expect(psnrDb(blurred, good)).toBeLessThan(LEAST_LOSS_DB);
});
