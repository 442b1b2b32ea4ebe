// Placeholders: what the hashes show, decoded by what their authors wrote, is what the picture shows; what they cost.
import { decode, isBlurhashValid } from 'blurhash';
import sharp from 'sharp';
import { thumbHashToApproximateAspectRatio, thumbHashToAverageRGBA, thumbHashToRGBA } from 'thumbhash';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { placeholderOf } from '../../../src/convert/placeholder.js';
import { Converting } from '../../support/converting.js';
import { orientationExif } from '../../support/hostile/exif.js';
import { withExif } from '../../support/hostile/jpeg.js';
import { cutOut, ENCODED, flat, image, type Pixels, photo } from '../../support/images.js';
import { colourDistance } from '../../support/pixels.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start({ sourceTypes: ['jpeg', 'png', 'gif'] });
});
afterAll(() => converting.close());

async function factsOf(source: Buffer, formats = ['auto:200x150', 'auto:40x40'], wanted?: string) {
  const { metadata } = await converting.convert(source, formats, wanted ? { wanted } : {});
  const { thumbhash = '', blurhash = '', dominantColor } = metadata.Source ?? {};
  return { thumbhash: Buffer.from(thumbhash, 'base64'), blurhash, dominantColor };
}

const hexOf = (colour: readonly number[]): string =>
  `#${colour.map((value) => Math.round(value).toString(16).padStart(2, '0')).join('')}`;
const colourOf = (hex = ''): number[] => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));

const meanOf = (rgba: ArrayLike<number>): number[] =>
  [0, 1, 2].map((channel) => {
    const values = Array.from({ length: rgba.length / 4 }, (_, pixel) => rgba[pixel * 4 + channel] ?? 0);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  });

/** The mean of each quarter: upper left, upper right, lower left, lower right. */
function quarters(pixels: ArrayLike<number>, width: number, height: number): number[][] {
  return [0, 1].flatMap((down) =>
    [0, 1].map((across) => {
      const inside = Array.from({ length: width * height }, (_, pixel) => pixel).filter(
        (pixel) =>
          Math.floor(((pixel % width) * 2) / width) === across && Math.floor((2 * pixel) / width / height) === down,
      );
      return meanOf(inside.flatMap((pixel) => [0, 1, 2, 3].map((channel) => pixels[pixel * 4 + channel] ?? 0)));
    }),
  );
}

/** Of the quarters the first is the brightest: a few waves round colours off, but not so far. */
function expectFirstBrightest(pixels: ArrayLike<number>, width: number, height: number): void {
  const [first = 0, ...others] = quarters(pixels, width, height).map(([, green = 0]) => green);
  expect(first - Math.max(...others)).toBeGreaterThan(60);
}

/** Black, but for the upper left quarter, which is orange. */
function oneQuarter(widthPx: number, heightPx: number): Pixels {
  const picture = flat(widthPx, heightPx, [0, 0, 0]);
  for (let y = 0; y < heightPx / 2; y++)
    for (let x = 0; x < widthPx / 2; x++) picture.data.set([255, 170, 20], (y * widthPx + x) * 3);
  return picture;
}

describe('of a picture', () => {
  test('ThumbHash and BlurHash show its quarters, upright', async () => {
    const picture = oneQuarter(160, 120);
    for (const orientation of [1, 3, 6, 8]) {
      const turned = { 1: 0, 3: 180, 6: 270, 8: 90 }[orientation] ?? 0;
      const stored = await image(picture).rotate(turned).jpeg({ quality: 95 }).toBuffer();
      const facts = await factsOf(withExif(stored, orientationExif(orientation)));
      const { w, h, rgba } = thumbHashToRGBA(facts.thumbhash);
      expectFirstBrightest(rgba, w, h);
      expect(thumbHashToApproximateAspectRatio(facts.thumbhash)).toBeCloseTo(4 / 3, 0);
      expect(isBlurhashValid(facts.blurhash)).toEqual({ result: true });
      expectFirstBrightest(decode(facts.blurhash, 32, 24), 32, 24);
    }
  });

  test('of one colour they are that colour, and so is the dominant one', async () => {
    for (const colour of [
      [200, 60, 20],
      [0, 0, 0],
      [255, 255, 255],
      [12, 130, 240],
    ] as const) {
      const facts = await factsOf(await ENCODED.png(flat(300, 200, [...colour])));
      expect(facts.dominantColor).toBe(hexOf(colour));
      const { r, g, b, a } = thumbHashToAverageRGBA(facts.thumbhash);
      expect(colourDistance([r * 255, g * 255, b * 255], colour)).toBeLessThan(12);
      expect(a).toBe(1);
      expect(colourDistance(meanOf(decode(facts.blurhash, 32, 24)), colour)).toBeLessThan(10);
    }
  });

  test('the dominant colour is that of most pixels, not the mean', async () => {
    const { data, widthPx, heightPx, channels } = flat(300, 200, [250, 250, 250]);
    for (let pixel = 0; pixel < (widthPx * heightPx) / 4; pixel++)
      data.fill(10, pixel * channels, pixel * channels + 3);
    const { dominantColor } = await factsOf(await ENCODED.png({ data, widthPx, heightPx, channels }));
    expect(colourDistance(colourOf(dominantColor), [250, 250, 250])).toBeLessThan(4);
  });

  test('alpha: ThumbHash keeps it, BlurHash lies over white, what is not seen has no colour', async () => {
    const cut = await factsOf(await ENCODED.png(cutOut(await photo(160, 120))));
    expect(thumbHashToAverageRGBA(cut.thumbhash).a).toBeLessThan(1);
    const nothing = { data: Buffer.alloc(64 * 64 * 4), widthPx: 64, heightPx: 64, channels: 4 } as const;
    const clear = await factsOf(await ENCODED.png(nothing));
    expect(clear.dominantColor).toBeUndefined();
    expect(colourDistance(meanOf(decode(clear.blurhash, 32, 32)), [255, 255, 255])).toBeLessThan(10);
  });

  test.each([
    [1, 1],
    [1, 3000],
    [3000, 1],
    [15, 17],
  ])('%ix%i', async (widthPx, heightPx) => {
    const facts = await factsOf(await ENCODED.png(flat(widthPx, heightPx, [90, 160, 30])));
    expect(facts.dominantColor).toBe('#5aa01e');
    expect(isBlurhashValid(facts.blurhash).result).toBe(true);
  });

  test('they are the same whoever waits for which preview', async () => {
    const source = await ENCODED.jpeg(await photo(900, 700));
    const plain = await factsOf(source);
    expect(await factsOf(source, undefined, 'auto:40x40')).toEqual(plain);
  });
});

/** Milliseconds of processor time of one `work`: a low quartile, for neighbours on the processor only add to it. */
async function costOf(work: () => Promise<unknown>, times: number): Promise<number> {
  const costs: number[] = [];
  for (let index = 0; index < times; index++) {
    const start = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(start);
    costs.push((user + system) / 1_000);
  }
  return costs.sort((a, b) => a - b)[Math.floor(costs.length / 4)] ?? Number.NaN;
}

test('they cost a tenth of what one small preview of a photograph costs, at most', async () => {
  const { data, widthPx, heightPx } = await photo(200, 150);
  const raster = { pixels: Buffer.from(data), widthPx, heightPx, channels: 3, frames: 1 } as const;
  const photograph = await ENCODED.jpeg(await photo(3_000, 2_000));
  const placeholder = () => placeholderOf([raster], 1);
  const preview = () => sharp(photograph).resize(200, 150).jpeg().toBuffer();
  // The first ones pay for loading and compiling the code.
  await costOf(placeholder, 50);
  await costOf(preview, 2);
  expect((await costOf(placeholder, 50)) / (await costOf(preview, 12))).toBeLessThan(0.1);
});
