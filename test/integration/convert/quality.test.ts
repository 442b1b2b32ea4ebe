// One decode for a whole sequence may not show: every preview of the default sequence against a full decode and one
// direct Lanczos3 resize of its own, as lossless PNG; and where that resize itself is far from Lanczos3, against the exact one.

import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Format, parseFormat } from '../../../src/kernel/format.js';
import { geometryOf } from '../../../src/kernel/sizes.js';
import { Converting } from '../../support/converting.js';
import { DEFAULT_TARGET_FORMATS } from '../../support/default-formats.js';
import { cutOut, image, mirroredPhoto, type Pixels, photo, screenshot } from '../../support/images.js';
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
      image(await mirroredPhoto(4000, 3000, 3))
        .jpeg({ quality: 90 })
        .toBuffer(),
    1,
  ],
  [
    'a 24 megapixel JPEG photo',
    async () =>
      image(await mirroredPhoto(6000, 4000, 1))
        .jpeg({ quality: 90 })
        .toBuffer(),
    1,
  ],
  [
    'a 9 megapixel JPEG photo of odd sides',
    async () =>
      image(await mirroredPhoto(3601, 2403, 4))
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
      image(await mirroredPhoto(4000, 3000, 3))
        .webp({ quality: 85, effort: 0 })
        .toBuffer(),
    1,
  ],
  [
    'a 4K PNG photo',
    async () =>
      image(await mirroredPhoto(3840, 2160, 5))
        .png({ compressionLevel: 1 })
        .toBuffer(),
    1,
  ],
  [
    'a small photo, scaled by little',
    async () =>
      image(await photo(260, 195, 7))
        .png()
        .toBuffer(),
    1,
  ],
  [
    'a photo little larger than the largest box',
    async () =>
      image(await photo(2100, 1575, 8))
        .png()
        .toBuffer(),
    1,
  ],
  // Soft where most of it is looked at; its stripes are as fine as what is left of them.
  ['fine stripes', async () => image(stripes(1500, 1125)).png().toBuffer(), 1],
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
  ['a large JPEG of text', async () => image(screenshot(6400, 4000)).jpeg({ quality: 90 }).toBuffer(), 1],
];

/** Slanted stripes of soft grey, eight pixels a period. */
function stripes(widthPx: number, heightPx: number): Pixels {
  const data = Buffer.alloc(widthPx * heightPx * 3);
  for (let at = 0; at < widthPx * heightPx; at++) {
    const [x, y] = [at % widthPx, Math.floor(at / widthPx)];
    data.fill(Math.round(128 + 70 * Math.sin(((x + y / 3) * 2 * Math.PI) / 8)), at * 3, at * 3 + 3);
  }
  return { data, widthPx, heightPx, channels: 3 };
}

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
    300_000,
  );
});

/** Like the text of a screenshot, in black on nothing. */
function clearText(widthPx: number, heightPx: number): Pixels {
  const { data } = screenshot(widthPx, heightPx);
  const clear = Buffer.alloc(widthPx * heightPx * 4);
  for (let at = 0; at < widthPx * heightPx; at++) if ((data[at * 3] ?? 0) < 100) clear[at * 4 + 3] = 255;
  return { data: clear, widthPx, heightPx, channels: 4 };
}

describe('of a picture with alpha, over white and over black', () => {
  test.each([
    ['text on nothing', () => clearText(1300, 975)],
    ['text on nothing, scaled by little', () => clearText(270, 200)],
    ['large text on nothing', () => clearText(2560, 1600)],
    ['a photo that is cut out', async () => cutOut(await photo(1300, 975, 9))],
  ])(
    '%s',
    async (_name, make) => {
      const pixels = await make();
      const boxes = DEFAULT_TARGET_FORMATS.map((text) => text.replace('auto:', 'png:'));
      const { previews } = await converting.convert(await image(pixels).png({ compressionLevel: 1 }).toBuffer(), boxes);
      expect(previews.length).toBeGreaterThan(1);
      for (const { path, formats } of previews) {
        const { scaled } = geometryOf(pixels, parseFormat(formats[0] ?? ''));
        const direct = image(pixels).resize(scaled.widthPx, scaled.heightPx, { fit: 'fill', kernel: 'lanczos3' });
        const [ours, theirs] = [await sharp(path).png().toBuffer(), await direct.png().toBuffer()];
        for (const background of ['#ffffff', '#000000']) {
          const over = (encoded: Buffer): Promise<Buffer> => sharp(encoded).flatten({ background }).raw().toBuffer();
          const [shown, resized] = [await over(ours), await over(theirs)];
          const db = psnrDb(shown, resized);
          if (db >= LEAST_LOSS_DB) continue;
          // Laying over a background and scaling premultiplied pixels may change places.
          const flat = await over(await image(pixels).png({ compressionLevel: 1 }).toBuffer());
          const exact = lanczosReduced({ ...pixels, data: flat, channels: 3 }, scaled.widthPx, scaled.heightPx);
          const nearer = psnrDb(shown, exact) - psnrDb(resized, exact);
          expect(nearer, `${formats} over ${background}: ${db} dB`).toBeGreaterThanOrEqual(-SLACK_DB);
        }
      }
    },
    300_000,
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
