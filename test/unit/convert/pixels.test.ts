// The measures that other tests rely on, against values that can be worked out by hand.
import { describe, expect, test } from 'vitest';
import { flat, image, quadrants } from '../../support/images.js';
import { colourDistance, meanColour, psnrDb, quarterColours } from '../../support/pixels.js';

describe('psnrDb', () => {
  test('a difference of one step everywhere is 20 log10(255) dB', () => {
    expect(psnrDb(Buffer.alloc(100, 10), Buffer.alloc(100, 11))).toBeCloseTo(20 * Math.log10(255), 6);
  });

  test('black against white is 0 dB, equal pictures are infinite', () => {
    expect(psnrDb(Buffer.alloc(10, 0), Buffer.alloc(10, 255))).toBeCloseTo(0, 6);
    expect(psnrDb(Buffer.alloc(10, 7), Buffer.alloc(10, 7))).toBe(Number.POSITIVE_INFINITY);
  });

  test('series of different length cannot be compared', () => {
    expect(() => psnrDb(Buffer.alloc(3), Buffer.alloc(4))).toThrow(RangeError);
  });
});

test('the mean colour of a flat picture is its colour', async () => {
  expect(
    await meanColour(
      await image(flat(8, 8, [10, 20, 30]))
        .png()
        .toBuffer(),
    ),
  ).toEqual([10, 20, 30]);
});

test('quarters are read in reading order', async () => {
  const colours = await quarterColours(await image(quadrants(16, 12)).png().toBuffer());
  expect(colours).toEqual([
    [220, 30, 30],
    [30, 200, 40],
    [40, 50, 220],
    [230, 220, 40],
  ]);
});

test('the distance of colours is that of the channel that differs most', () => {
  expect(colourDistance([1, 2, 3], [2, 9, 3])).toBe(7);
  expect(() => colourDistance([1], [1, 2])).toThrow(RangeError);
});
