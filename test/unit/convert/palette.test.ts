// Few colours as a palette: without loss where there are few enough, within the likeness that is asked for otherwise, or not at all.
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { changes } from '../../../src/convert/adaptive.js';
import { indexedPng } from '../../../src/convert/indexed-png.js';
import { paletteOf } from '../../../src/convert/palette.js';
import type { Raster } from '../../../src/convert/raster.js';
import { photo, randomNumbers } from '../../support/images.js';
import { psnrDb } from '../../support/pixels.js';

function rasterOf(
  widthPx: number,
  heightPx: number,
  channels: 1 | 3 | 4,
  colour: (pixel: number) => readonly number[],
): Raster {
  const pixels = Buffer.alloc(widthPx * heightPx * channels);
  for (let pixel = 0; pixel < widthPx * heightPx; pixel++)
    pixels.set(colour(pixel).slice(0, channels), pixel * channels);
  return { pixels, widthPx, heightPx, channels, frames: 1 };
}

async function decoded(raster: Raster, leastDb: number): Promise<Buffer | undefined> {
  const palette = paletteOf(raster, leastDb);
  if (palette === undefined) return undefined;
  const image = sharp(await indexedPng(palette, raster), { failOn: 'warning' });
  return (raster.channels === 4 ? image.ensureAlpha() : image).raw().toBuffer();
}

describe('a picture of few colours', () => {
  // Each depth of an index, at its most colours and one more, on rows that end within a byte.
  test.each([1, 2, 3, 4, 5, 16, 17, 256])('of %i is the same picture', async (colours) => {
    const random = randomNumbers(colours);
    const raster = rasterOf(37, 23, 3, () => {
      const number = Math.floor(random() * colours);
      return [number, 255 - number, (number * 7) % 256];
    });
    expect((await decoded(raster, 90))?.equals(raster.pixels)).toBe(true);
  });

  test.each([1, 2, 3, 5, 16, 17, 256])('of %i greys in one channel is the same picture', async (greys) => {
    const raster = rasterOf(37, 23, 1, (pixel) => [Math.floor(((pixel * 7) % greys) * (255 / Math.max(1, greys - 1)))]);
    const shown = await decoded(raster, 90);
    const step = (shown?.length ?? 0) / raster.pixels.length;
    for (const [pixel, grey] of raster.pixels.entries()) expect(shown?.[pixel * step]).toBe(grey);
  });

  test('with alpha is the same picture, but for colours that nobody sees', async () => {
    const raster = rasterOf(20, 20, 4, (pixel) => [pixel % 7, 200, 30, [0, 80, 255][pixel % 3] ?? 0]);
    const shown = await decoded(raster, 90);
    for (let at = 0; at < raster.pixels.length; at += 4) {
      const [ours, theirs] = [shown?.subarray(at, at + 4), raster.pixels.subarray(at, at + 4)];
      if (theirs[3] === 0) expect(ours?.[3]).toBe(0);
      else expect([...(ours ?? [])]).toEqual([...theirs]);
    }
  });
});

test('more colours than a palette holds are merged as far as the likeness allows', async () => {
  const raster = rasterOf(128, 64, 3, (pixel) => [pixel % 128, 2 * (pixel % 128), Math.floor(pixel / 128)]);
  const shown = await decoded(raster, 35);
  expect(psnrDb(shown ?? Buffer.alloc(raster.pixels.length), raster.pixels)).toBeGreaterThan(34);
  expect(await decoded(raster, 60)).toBeUndefined();
});

test('a photograph has no palette', async () => {
  const { data, widthPx, heightPx } = await photo(300, 200);
  expect(paletteOf({ pixels: data, widthPx, heightPx, channels: 3, frames: 1 }, 40)).toBeUndefined();
});

test('changes are counted where a pixel is unlike both of its neighbours', () => {
  expect(changes(rasterOf(16, 16, 3, () => [9, 9, 9]))).toBe(0);
  expect(changes(rasterOf(16, 16, 3, (pixel) => [pixel % 16, 0, 0]))).toBe(0);
  expect(changes(rasterOf(16, 16, 3, (pixel) => [pixel % 251, 0, 0]))).toBe(1);
  expect(changes(rasterOf(1, 1, 3, () => [1, 2, 3]))).toBe(1);
});
