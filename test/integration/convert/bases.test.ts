// A picture that is drawn of a smaller one of its source: hardly another than of the source, and none at all where that would show.

import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseRecipe } from '../../../src/kernel/recipe/recipe-text.js';
import { Converting } from '../../support/converting.js';
import { image, jpegInOrientation, photo, screenshot } from '../../support/images.js';
import { psnrDb } from '../../support/pixels.js';

const limits = { maxSidePx: 16_384, maxPixels: 1e9 };
let converting: Converting;
/** 1600x1200, on its side. */
let source: Buffer;
beforeAll(async () => {
  converting = await Converting.start();
  source = await jpegInOrientation(await photo(1600, 1200, 5), 6);
});
afterAll(() => converting.close());

const pixels = (bytes: Buffer) => sharp(bytes).raw().toBuffer();
const fitted = (side: number, more = '') => `jpg@75/upright/scale:${side}x${side}:contain:never${more}`;

test.each([
  ['half the sides', 1280, 640, ''],
  ['a third, cut', 1280, 400, '/canvas:300x200:cut'],
  ['a third, on its side', 1280, 400, '/turn:6'],
  ['a sixth', 1280, 200, ''],
])('of a photograph: %s', async (_what, baseSide, side, more) => {
  const base = await converting.draw(source, fitted(baseSide));
  const recipe = parseRecipe(fitted(side, more));
  const direct = await converting.draw(source, fitted(side, more));
  const { info } = await converting.drawing(source, { limits });
  const { previews, info: told } = await converting.drawing(base.bytes, { recipe, limits, of: info });
  const [made] = previews;
  expect(told).toEqual(info);
  expect(made).toMatchObject({ widthPx: direct.preview.widthPx, heightPx: direct.preview.heightPx, type: 'jpg' });
  // Made of the same source without loss: what each of them is compared with.
  const exact = await pixels((await converting.draw(source, fitted(side, more).replace('jpg@75', 'png'))).bytes);
  const [own, other] = await Promise.all([direct.bytes, made?.content ?? Buffer.of()].map(pixels));
  expect(psnrDb(other ?? Buffer.of(), exact)).toBeGreaterThan(psnrDb(own ?? Buffer.of(), exact) - 0.4);
});

test('of a screenshot: nothing, so that it is drawn of its source', async () => {
  const drawn = await image(screenshot(1600, 1200)).jpeg({ quality: 90 }).toBuffer();
  const base = await converting.draw(drawn, fitted(1280));
  const { info } = await converting.drawing(drawn, { limits });
  const { previews } = await converting.drawing(base.bytes, { recipe: parseRecipe(fitted(400)), limits, of: info });
  expect(previews).toEqual([]);
});
