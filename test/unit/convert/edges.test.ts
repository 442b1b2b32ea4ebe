// What is looked at before scaling: how hard a picture's edges are, and which kernel that allows.
import { describe, expect, test } from 'vitest';
import { edgesOf, kernelFor, type Raster } from '../../../src/convert/raster.js';
import { photo, screenshot } from '../../support/images.js';

/** Black, with white columns at every `period` pixels: two hard edges for each. */
function stripes(widthPx: number, heightPx: number, period: number, rows = (_y: number): boolean => true): Raster {
  const pixels = Buffer.alloc(widthPx * heightPx * 3);
  for (let y = 0; y < heightPx; y++) {
    if (!rows(y)) continue;
    for (let x = period; x < widthPx; x += period) pixels.fill(255, (y * widthPx + x) * 3, (y * widthPx + x + 1) * 3);
  }
  return { pixels, widthPx, heightPx, channels: 3, frames: 1 };
}

const square = (side: number) => ({ widthPx: side, heightPx: side });

describe('how hard the edges of a picture are', () => {
  test.each([
    [2000, 'soft'],
    [1000, 'soft'],
    [200, 'mixed'],
    [100, 'hard'],
  ] as const)('one column in %i that stands out', (period, edges) => {
    // Each gives two hard edges: 2/2000 of the neighbours are 0.1 %, 2/200 are 1 %, 2/100 are 2 %.
    expect(edgesOf(stripes(8000, 40, period), { widthPx: 8000, heightPx: 40 })).toBe(edges);
  });

  test('a photograph is soft, text is hard, at its own size and scaled down', async () => {
    const soft = await photo(1200, 800, 4);
    const text = screenshot(1600, 1000);
    for (const part of [1, 2]) {
      const half = ({ widthPx, heightPx }: { widthPx: number; heightPx: number }) => ({
        widthPx: widthPx / part,
        heightPx: heightPx / part,
      });
      expect(edgesOf({ pixels: soft.data, ...soft, frames: 1 }, half(soft))).toBe('soft');
      expect(edgesOf({ pixels: text.data, ...text, frames: 1 }, half(text))).toBe('hard');
    }
  });

  test.each([5, 10, 18, 20, 40])(
    'lines of text %i rows apart do not fall between the rows that are looked at',
    (pitch) => {
      const lines = stripes(400, 1000, 4, (y) => y % pitch >= pitch / 2);
      expect(edgesOf(lines, square(400))).toBe('hard');
    },
  );

  test('a picture of one row, and of one pixel', () => {
    expect(edgesOf(stripes(4000, 1, 50), { widthPx: 4000, heightPx: 1 })).toBe('hard');
    expect(edgesOf(stripes(1, 1, 50), square(1))).toBe('soft');
  });
});

describe('the kernel', () => {
  test('of soft pictures is linear for less than half the size, cubic beyond', () => {
    expect(kernelFor(square(199), square(100), 'soft')).toBe('linear');
    expect(kernelFor(square(200), square(100), 'soft')).toBe('cubic');
  });

  test('is Lanczos3 wherever there are edges, and for enlarging', () => {
    expect(kernelFor(square(199), square(100), 'mixed')).toBe('lanczos3');
    expect(kernelFor(square(400), square(100), 'hard')).toBe('lanczos3');
    expect(kernelFor(square(100), square(101), 'soft')).toBe('lanczos3');
  });
});
