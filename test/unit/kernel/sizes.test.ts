// Exact sizes for every scale type: the examples of API.md section 2, and what holds for every source and box.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseFormat } from '../../../src/kernel/format.js';
import { geometryOf, type Size } from '../../../src/kernel/sizes.js';
import { anyFormat, anySize } from '../../support/kernel-arbitraries.js';

const size = (widthPx: number, heightPx: number): Size => ({ widthPx, heightPx });

describe('a 640x480 source and a 200x200 box', () => {
  test.each([
    ['contain', 200, 150],
    ['cover', 267, 200],
    ['coverandcrop', 200, 200],
    ['containforcedimension', 200, 200],
    ['auto', 200, 150],
  ])('%s is %ix%i', (scaleType, width, height) => {
    expect(geometryOf(size(640, 480), parseFormat(`auto:200x200~${scaleType}`)).size).toEqual(size(width, height));
  });

  test('coverandcrop scales to 267x200 and cuts the middle 200 columns', () => {
    expect(geometryOf(size(640, 480), parseFormat('200x200~coverandcrop'))).toEqual({
      scaled: size(267, 200),
      crop: { leftPx: 33, topPx: 0, ...size(200, 200) },
      pad: { leftPx: 0, topPx: 0 },
      size: size(200, 200),
    });
  });

  test('containforcedimension scales to 200x150 and lays it 25 rows down', () => {
    expect(geometryOf(size(640, 480), parseFormat('200x200~containforcedimension'))).toEqual({
      scaled: size(200, 150),
      crop: { leftPx: 0, topPx: 0, ...size(200, 150) },
      pad: { leftPx: 0, topPx: 25 },
      size: size(200, 200),
    });
  });
});

test.each([
  ['a source smaller than the box is not enlarged', '100x80', 'auto:200x200', '100x80'],
  ['unless it is asked for', '100x80', 'auto:200x200~expand', '200x160'],
  ['nor by cover', '100x80', 'auto:200x200~cover', '100x80'],
  ['cover enlarges when asked', '100x80', 'auto:200x200~cover~expand', '250x200'],
  ['coverandcrop pads it', '100x80', 'auto:200x200~coverandcrop', '200x200'],
  ['-1x-1 is the source’s size', '1234x77', 'png:-1x-1', '1234x77'],
  ['-1 takes the source’s width', '640x480', 'auto:-1x240', '320x240'],
  ['-1 takes the source’s height', '640x480', 'auto:320x-1', '320x240'],
  ['a hair keeps a pixel', '10000x1', 'auto:200x200', '200x1'],
  ['a hair the other way', '1x10000', 'auto:200x200', '1x200'],
])('%s: %s in %s is %s', (_what, source, format, expected) => {
  const [width = 0, height = 0] = source.split('x').map(Number);
  const made = geometryOf(size(width, height), parseFormat(format)).size;
  expect(`${made.widthPx}x${made.heightPx}`).toBe(expected);
});

describe('for every source and format', () => {
  const maxSide = fc.oneof(fc.constant(undefined), fc.integer({ min: 100, max: 16_384 }));
  const every = (check: (source: Size, format: ReturnType<typeof parseFormat>, maxSidePx?: number) => void) =>
    fc.assert(
      fc.property(anySize, anyFormat, maxSide, (source, format, maxSidePx) => {
        check(source, format, maxSidePx);
      }),
      { numRuns: 1000 },
    );

  test('no side is under 1 px, a fraction, or over the limit', () => {
    every((source, format, maxSidePx) => {
      const { scaled, size: made } = geometryOf(source, format, maxSidePx);
      for (const side of [scaled.widthPx, scaled.heightPx, made.widthPx, made.heightPx]) {
        expect(Number.isInteger(side)).toBe(true);
        expect(side).toBeGreaterThanOrEqual(1);
        expect(side).toBeLessThanOrEqual(maxSidePx ?? Number.POSITIVE_INFINITY);
      }
    });
  });

  test('nothing is enlarged without expand', () => {
    every((source, format, maxSidePx) => {
      if (format.expand) return;
      const { scaled } = geometryOf(source, format, maxSidePx);
      expect(scaled.widthPx).toBeLessThanOrEqual(source.widthPx);
      expect(scaled.heightPx).toBeLessThanOrEqual(source.heightPx);
    });
  });

  test('the aspect ratio is kept to within a pixel', () => {
    every((source, format, maxSidePx) => {
      const { scaled } = geometryOf(source, format, maxSidePx);
      // Each side is the source's times one scale, rounded (half a pixel) or raised to 1 px (less than a pixel).
      const difference = Math.abs(scaled.widthPx / source.widthPx - scaled.heightPx / source.heightPx);
      expect(difference).toBeLessThanOrEqual(1 / source.widthPx + 1 / source.heightPx);
    });
  });

  test('contain stays inside the box and touches it, unless the source is smaller', () => {
    every((source, format) => {
      if (format.scaleType !== 'contain') return;
      const { size: made } = geometryOf(source, format);
      const width = format.widthPx === -1 ? source.widthPx : format.widthPx;
      const height = format.heightPx === -1 ? source.heightPx : format.heightPx;
      expect(made.widthPx).toBeLessThanOrEqual(width);
      expect(made.heightPx).toBeLessThanOrEqual(height);
      const touches = made.widthPx === width || made.heightPx === height;
      expect(touches || (!format.expand && made.widthPx === source.widthPx)).toBe(true);
    });
  });

  test('cover covers the box and touches it, unless the source is smaller on some side', () => {
    every((source, format) => {
      if (format.scaleType !== 'cover') return;
      const { size: made } = geometryOf(source, format);
      const width = format.widthPx === -1 ? source.widthPx : format.widthPx;
      const height = format.heightPx === -1 ? source.heightPx : format.heightPx;
      const covered = made.widthPx >= width && made.heightPx >= height;
      expect(covered || (made.widthPx === source.widthPx && made.heightPx === source.heightPx)).toBe(true);
      if (covered) expect(made.widthPx === width || made.heightPx === height).toBe(true);
    });
  });

  test('the forced scale types are exactly the box, the crop lies inside what was scaled, the pad inside the box', () => {
    every((source, format) => {
      if (format.scaleType !== 'coverandcrop' && format.scaleType !== 'containforcedimension') return;
      const { scaled, crop, pad, size: made } = geometryOf(source, format);
      expect(made.widthPx).toBe(format.widthPx === -1 ? source.widthPx : format.widthPx);
      expect(made.heightPx).toBe(format.heightPx === -1 ? source.heightPx : format.heightPx);
      for (const [left, width, outer] of [
        [crop.leftPx, crop.widthPx, scaled.widthPx],
        [crop.topPx, crop.heightPx, scaled.heightPx],
        [pad.leftPx, crop.widthPx, made.widthPx],
        [pad.topPx, crop.heightPx, made.heightPx],
      ] as const) {
        expect(left).toBeGreaterThanOrEqual(0);
        expect(left + width).toBeLessThanOrEqual(outer);
        // Central: what is over on the left and on the right differs by a pixel at most.
        expect(Math.abs(outer - width - 2 * left)).toBeLessThanOrEqual(1);
      }
    });
  });
});
