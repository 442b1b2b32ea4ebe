// Whoever changes what is made of a source raises the pipeline version, so that stored previews are made again: here is what the version of
// today makes. Told by type, size and decoded pixels, which are the same on every processor.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PIPELINE_VERSION } from '../../../src/kernel/sequence.js';
import { Converting } from '../../support/converting.js';
import { DEFAULT_TARGET_FORMATS } from '../../support/default-formats.js';
import { cutOut, image, photo, quadrants, screenshot } from '../../support/images.js';
import { psdOf } from '../../support/sources/psds.js';

/** When one of these no longer holds: raise the version, name the change in CHANGELOG.md, and write down what the test tells. */
const MADE = {
  version: 10,
  libvips: '8.18.7',
  previews: {
    'photo, turned':
      'jpeg 107x150 e22e2afb, jpeg 200x280 bce19bec, jpeg 571x800 bc201dac, jpeg 771x1080 a4840a8c, jpeg 1000x1400 9be7601b',
    screenshot: 'jpeg 200x133 871b4538, jpeg 225x150 438640a5, jpeg 800x533 7124ac10, png 1200x800 ab1c72ed',
    'screenshot at its own size': 'jpeg 200x125 55c817dd, jpeg 240x150 7b9f4a13, png 640x400 74854a54',
    page: 'jpeg 106x150 051f6e65, jpeg 200x283 c1424f1b, jpeg 566x800 747639bd, jpeg 764x1080 6df413b6, jpeg 1240x1754 3a48b2e9',
    'logo with alpha': 'png 200x133 bcab7319, png 225x150 09b1fd67, png 800x533 01d5b91f, png 900x600 ee8a4997',
    '16 bits of Display P3': 'png 200x133 9a7add50, png 225x150 0aae8f54, png 300x200 ebc9a555',
    PSD: 'png 200x133 96acd98b, png 225x150 ac3742cd, png 300x200 9928b4f4',
    GIF: 'jpeg 200x120 c18a6e7f, jpeg 250x150 77fb2033, gif 500x300 3cead0c4',
  },
};

const SOURCES: Readonly<Record<string, () => Promise<Buffer>>> = {
  'photo, turned': async () =>
    image(await photo(1400, 1000, 3))
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 90 })
      .toBuffer(),
  screenshot: () =>
    image(screenshot(1200, 800, 4))
      .png()
      .toBuffer(),
  'screenshot at its own size': () =>
    image(screenshot(640, 400, 5))
      .png()
      .toBuffer(),
  page: () =>
    image(screenshot(1240, 1754, 6))
      .greyscale()
      .threshold(160)
      .toColourspace('b-w')
      .tiff()
      .toBuffer(),
  'logo with alpha': async () =>
    image(cutOut(await photo(900, 600, 7)))
      .png()
      .toBuffer(),
  '16 bits of Display P3': () =>
    image(quadrants(300, 200)).withIccProfile('p3').toColourspace('rgb16').png().toBuffer(),
  PSD: async () => psdOf(cutOut(await photo(300, 200, 8)), { transparent: true }),
  GIF: () =>
    image(screenshot(500, 300, 9))
      .gif()
      .toBuffer(),
};

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start({ sourceTypes: ['jpeg', 'png', 'gif', 'tiff', 'psd'] });
});
afterAll(() => converting.close());

async function told(source: Buffer): Promise<string> {
  const { previews } = await converting.convert(source, DEFAULT_TARGET_FORMATS);
  const each = previews.map(async ({ path, widthPx, heightPx }) => {
    const bytes = await readFile(path);
    const [{ format }, pixels] = [await sharp(bytes).metadata(), await sharp(bytes).raw().toBuffer()];
    return `${format} ${widthPx}x${heightPx} ${createHash('sha256').update(pixels).digest('hex').slice(0, 8)}`;
  });
  return (await Promise.all(each)).join(', ');
}

test('what is made is what this version makes', { timeout: 120_000 }, async () => {
  const previews: Record<string, string> = {};
  for (const [name, source] of Object.entries(SOURCES)) previews[name] = await told(await source());
  expect({ version: PIPELINE_VERSION, libvips: sharp.versions.vips, previews }).toEqual(MADE);
});
