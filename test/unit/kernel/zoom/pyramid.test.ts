// Pyramids by arithmetic: every pixel of every level lies in one tile, and Deep Zoom's numbers, IIIF's factors and the blob's
// order tell of the same tiles.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../../src/kernel/digest.js';
import type { Size } from '../../../../src/kernel/sizes.js';
import {
  gridOf,
  levelFor,
  levelSize,
  MAX_CANVAS_PX,
  maxLevelOf,
  scaleFactorsOf,
  TILE_SIDE_PX,
  tileCountOf,
  tileNumberOf,
  tileRect,
  tileShowing,
  tilesOf,
} from '../../../../src/kernel/zoom/pyramid.js';
import { encodeIndex, indexSliceOf, PyramidIndex } from '../../../../src/kernel/zoom/pyramid-index.js';

const size = (widthPx: number, heightPx: number): Size => ({ widthPx, heightPx });
const anySide = fc.oneof(
  fc.integer({ min: 1, max: 9_000 }),
  fc.integer({ min: 0, max: 13 }).map((power) => 2 ** power),
  fc.integer({ min: 1, max: 13 }).map((power) => 2 ** power + 1),
);
const anyPicture = fc.record({ widthPx: anySide, heightPx: anySide });

test.each([
  [size(1, 1), 0],
  [size(2, 1), 1],
  [size(1000, 1000), 10],
  [size(1024, 3), 10],
  [size(1025, 3), 11],
  [size(2 ** 31, 1), 31],
])('%o has levels to %i', (picture, level) => {
  expect(maxLevelOf(picture)).toBe(level);
});

test('a level is half of the next one, rounded up, and the first is one pixel', () => {
  fc.assert(
    fc.property(anyPicture, (picture) => {
      const max = maxLevelOf(picture);
      expect(levelSize(picture, max)).toEqual(picture);
      expect(levelSize(picture, 0)).toEqual(size(1, 1));
      for (let level = max; level > 0; level--) {
        const { widthPx, heightPx } = levelSize(picture, level);
        expect(levelSize(picture, level - 1)).toEqual(size(Math.ceil(widthPx / 2), Math.ceil(heightPx / 2)));
      }
    }),
  );
});

test('the tiles of a level cover each of its pixels once, and one more in no direction', () => {
  fc.assert(
    fc.property(anyPicture, fc.integer({ min: 1, max: 700 }), fc.nat(), (picture, side, seed) => {
      const level = seed % (maxLevelOf(picture) + 1);
      const whole = levelSize(picture, level);
      const { columns, rows } = gridOf(whole, side);
      let right = 0;
      for (let column = 0; column < columns; column++) {
        const rect = tileRect(picture, { level, column, row: 0 }, side);
        expect(rect?.leftPx).toBe(right);
        expect(rect?.widthPx).toBeGreaterThan(0);
        right += rect?.widthPx ?? 0;
      }
      let bottom = 0;
      for (let row = 0; row < rows; row++) {
        const rect = tileRect(picture, { level, column: columns - 1, row }, side);
        expect(rect?.topPx).toBe(bottom);
        bottom += rect?.heightPx ?? 0;
      }
      expect(size(right, bottom)).toEqual(whole);
      expect(tileRect(picture, { level, column: columns, row: 0 }, side)).toBeUndefined();
      expect(tileRect(picture, { level, column: 0, row: rows }, side)).toBeUndefined();
    }),
  );
});

describe('tiles with an overlap, as Deep Zoom’s samples have them (254 and 1)', () => {
  test.each([
    [0, 0, { leftPx: 0, topPx: 0, widthPx: 255, heightPx: 255 }],
    [1, 1, { leftPx: 253, topPx: 253, widthPx: 256, heightPx: 256 }],
    [3, 0, { leftPx: 761, topPx: 0, widthPx: 239, heightPx: 255 }],
  ])('column %i, row %i of 1000x800 is %o', (column, row, rect) => {
    expect(tileRect(size(1000, 800), { level: 10, column, row }, 254, 1)).toEqual(rect);
  });
});

test.each([
  { level: 11, column: 0, row: 0 },
  { level: -1, column: 0, row: 0 },
  { level: 10, column: 2, row: 0 },
  { level: 10, column: 0.5, row: 0 },
  { level: Number.NaN, column: 0, row: 0 },
])('there is no tile at %o of 1000x800', (place) => {
  expect(tileRect(size(1000, 800), place)).toBeUndefined();
});

test('tiles are numbered in their order, without a gap', () => {
  fc.assert(
    fc.property(anyPicture, (picture) => {
      let number = 0;
      for (const place of tilesOf(picture)) expect(tileNumberOf(picture, place)).toBe(number++);
      expect(tileCountOf(picture)).toBe(number);
    }),
    { numRuns: 30 },
  );
});

test('what a viewer asks for by a scale factor is the tile of that level', () => {
  fc.assert(
    fc.property(anyPicture, fc.nat(), fc.nat(), fc.nat(), (picture, a, b, c) => {
      const factors = scaleFactorsOf(picture);
      const factor = factors[a % factors.length] ?? 1;
      const span = TILE_SIDE_PX * factor;
      const column = b % Math.ceil(picture.widthPx / span);
      const row = c % Math.ceil(picture.heightPx / span);
      // Image API, section on tiles: the region is cut at the edge, and its size is its extent by the factor, rounded up.
      const region = {
        leftPx: column * span,
        topPx: row * span,
        widthPx: Math.min(span, picture.widthPx - column * span),
        heightPx: Math.min(span, picture.heightPx - row * span),
      };
      const shown = size(Math.ceil(region.widthPx / factor), Math.ceil(region.heightPx / factor));
      const place = tileShowing(picture, region, shown);
      expect(place).toBeDefined();
      if (place === undefined) return;
      const { widthPx, heightPx } = tileRect(picture, place) ?? size(0, 0);
      expect(size(widthPx, heightPx)).toEqual(shown);
      // One tile may show the same at two levels only where that is one pixel at both.
      if (Math.max(widthPx, heightPx) > 1)
        expect(place).toEqual({ level: maxLevelOf(picture) - Math.log2(factor), column, row });
    }),
  );
});

test('the smallest level is taken that has every pixel that is shown', () => {
  const picture = size(4000, 3000);
  const region = { leftPx: 100, topPx: 100, widthPx: 1000, heightPx: 800 };
  expect(levelFor(picture, region, size(1000, 800))).toBe(12);
  expect(levelFor(picture, region, size(501, 400))).toBe(12);
  expect(levelFor(picture, region, size(500, 400))).toBe(11);
  expect(levelFor(picture, region, size(100, 100))).toBe(9);
  expect(levelFor(picture, region, size(2000, 1600))).toBe(12);
  expect(levelFor(size(1, 1), { leftPx: 0, topPx: 0, widthPx: 1, heightPx: 1 }, size(1, 1))).toBe(0);
});

test('a region is never drawn of more pixels than four times the largest picture, however it is squeezed', () => {
  const giant = size(5_000, 200_000);
  const whole = { leftPx: 0, topPx: 0, ...giant };
  // 4,096 wide takes the full size, which would be a canvas of 1,000 megapixels.
  const level = levelFor(giant, whole, size(4_096, 1));
  const { widthPx, heightPx } = levelSize(giant, level);
  expect(widthPx * heightPx).toBeLessThanOrEqual(1.01 * MAX_CANVAS_PX);
  expect(4 * widthPx * heightPx).toBeGreaterThan(MAX_CANVAS_PX);
  // In proportion, what a picture of the largest area is drawn of is within that as it is.
  fc.assert(
    fc.property(anyPicture, fc.double({ min: 0.01, max: 1, noNaN: true }), (picture, scale) => {
      const shown = size(
        Math.max(1, Math.round(picture.widthPx * scale)),
        Math.max(1, Math.round(picture.heightPx * scale)),
      );
      if (shown.widthPx * shown.heightPx > MAX_CANVAS_PX / 4 || Math.min(shown.widthPx, shown.heightPx) < 100) return;
      const { widthPx, heightPx } = levelSize(picture, levelFor(picture, { leftPx: 0, topPx: 0, ...picture }, shown));
      expect(widthPx >= shown.widthPx - 1 && heightPx >= shown.heightPx - 1).toBe(true);
    }),
  );
});

describe('an index', () => {
  const picture = size(1100, 700);
  const made = [...tilesOf(picture)].map((_, number) => ({
    bytes: 100 + number,
    digest: digestOf(Buffer.from([number])),
  }));
  const index = encodeIndex(picture, 'jpg', made);
  const total = made.reduce((sum, { bytes }) => sum + bytes, 0);
  const pyramid = {
    digest: digestOf(Buffer.from('whole')),
    bytes: total + index.length,
    indexDigest: digestOf(index),
    type: 'jpg' as const,
  };

  test('tells of every tile where it lies and what it is', () => {
    const parsed = PyramidIndex.parse(picture, pyramid, index);
    let start = 0;
    for (const place of tilesOf(picture)) {
      const tile = made[tileNumberOf(picture, place)];
      expect(parsed?.sliceOf(place)).toEqual({ of: pyramid.digest, start, ...tile });
      start += tile?.bytes ?? 0;
    }
    expect(indexSliceOf(picture, pyramid)).toEqual({
      of: pyramid.digest,
      start,
      bytes: index.length,
      digest: pyramid.indexDigest,
    });
    expect(parsed?.sliceOf({ level: 99, column: 0, row: 0 })).toBeUndefined();
  });

  test('of another picture, type or blob is none', () => {
    expect(PyramidIndex.parse(size(1101, 700), pyramid, index)).toBeUndefined();
    expect(PyramidIndex.parse(size(700, 1100), pyramid, index)).toBeUndefined();
    expect(PyramidIndex.parse(picture, { ...pyramid, type: 'png' }, index)).toBeUndefined();
    expect(PyramidIndex.parse(picture, { ...pyramid, bytes: pyramid.bytes + 1 }, index)).toBeUndefined();
    expect(PyramidIndex.parse(picture, pyramid, index.subarray(1))).toBeUndefined();
    expect(PyramidIndex.parse(picture, pyramid, Buffer.alloc(index.length))).toBeUndefined();
  });

  test('is not written for another number of tiles', () => {
    expect(() => encodeIndex(picture, 'jpg', made.slice(1))).toThrow(RangeError);
  });
});
