// One result per source and format: whoever waits for which preview, whatever is there already, in whatever order the formats
// stand, the bytes of a preview are the same, and with them its ETag.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Conversion } from '../../../src/kernel/ports/converter.js';
import { Converting, type ConvertOptions } from '../../support/converting.js';
import { DEFAULT_TARGET_FORMATS } from '../../support/default-formats.js';
import {
  animation,
  cutOut,
  ENCODED,
  image,
  jpegInOrientation,
  mirroredPhoto,
  photo,
  quadrants,
  randomNumbers,
  screenshot,
} from '../../support/images.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start();
});
afterAll(() => converting.close());

/** With what the defaults lack: crops, padding, explicit types, the picture as it is stored. */
const FORMATS = [
  ...DEFAULT_TARGET_FORMATS,
  'jpg:300x300~coverandcrop',
  'png:120x120~containforcedimension',
  'webp:640x480',
  'auto:400x400~norotate',
];

const SOURCES: readonly (readonly [name: string, make: () => Promise<Buffer>])[] = [
  // From 8 megapixels on, straight to the largest preview's size.
  ['a large JPEG photo', async () => ENCODED.jpeg(await mirroredPhoto(3328, 2496, 3))],
  ['a large JPEG photo of odd sides', async () => ENCODED.jpeg(await mirroredPhoto(3501, 2303, 4))],
  ['a JPEG photo that lies on its side', () => jpegInOrientation(quadrants(2400, 1600), 6)],
  ['a middling JPEG photo', async () => ENCODED.jpeg(await photo(1700, 1130, 5))],
  ['a large JPEG of text', () => ENCODED.jpeg(screenshot(3400, 2400))],
  ['a JPEG of text', () => ENCODED.jpeg(screenshot(1300, 900))],
  [
    'a progressive JPEG',
    async () =>
      image(await photo(2100, 1300, 6))
        .jpeg({ progressive: true })
        .toBuffer(),
  ],
  ['a PNG screenshot', () => ENCODED.png(screenshot(2560, 1440))],
  ['a small PNG', async () => ENCODED.png(await photo(150, 100, 7))],
  ['a photo with alpha', async () => ENCODED.png(cutOut(await photo(1500, 1000, 8)))],
  ['a WebP photo', async () => ENCODED.webp(await mirroredPhoto(3328, 2496, 9))],
  ['a TIFF photo', async () => ENCODED.tiff(await photo(1500, 1100, 10))],
  ['an AVIF photo', async () => ENCODED.avif(await photo(900, 700, 11))],
  ['a GIF', () => ENCODED.gif(screenshot(700, 500))],
  ['an animation', () => animation('webp')],
];

/** Digests by format. */
function digestsOf({ previews }: Conversion): ReadonlyMap<string, string> {
  return new Map(previews.flatMap(({ formats, digest }) => formats.map((format) => [format, digest] as const)));
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value);
}

describe('the bytes of every preview are the same', () => {
  test.each(SOURCES.map(([name, make], seed) => ({ name, make, seed })))(
    'of $name',
    async ({ make, seed }) => {
      const source = await make();
      const random = randomNumbers(seed);
      const convert = (formats: readonly string[], options: ConvertOptions = {}) =>
        converting.convert(source, formats, options);
      const expected = digestsOf(await convert(FORMATS));
      expect([...expected.keys()].sort()).toEqual([...FORMATS].sort());

      for (const wanted of ['auto:200x150', ...shuffled(FORMATS, random).slice(0, 1)]) {
        const first: string[] = [];
        const made = await convert(FORMATS, {
          wanted,
          onWanted: ({ formats, digest }) => first.push(...formats.map((format) => `${format} ${digest}`)),
        });
        expect(digestsOf(made), `with ${wanted} first`).toEqual(expected);
        for (const told of first) {
          const [format, digest] = told.split(' ');
          expect(digest, `${format} as it was told`).toBe(expected.get(format ?? ''));
        }
      }
      const made = shuffled(FORMATS, random).slice(0, 1 + Math.floor(random() * 4));
      const rest = digestsOf(await convert(FORMATS, { made }));
      for (const format of FORMATS)
        if (!made.includes(format)) expect(rest.get(format), `${format} beside ${made}`).toBe(expected.get(format));
      expect(digestsOf(await convert(shuffled(FORMATS, random))), 'in another order').toEqual(expected);
    },
    120_000,
  );
});

test('what is there already is not made again', async () => {
  const source = await ENCODED.jpeg(await photo(1300, 900, 12));
  converting.metrics.reset();
  const made = DEFAULT_TARGET_FORMATS.slice(0, 2);
  const { previews } = await converting.convert(source, DEFAULT_TARGET_FORMATS, { made });
  const formats = previews.flatMap((preview) => preview.formats);
  expect(formats.filter((format) => made.includes(format))).toEqual([]);
  expect(converting.metrics.total('encodes_total')).toBe(previews.length);
});
