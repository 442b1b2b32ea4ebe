// What is looked at before scaling: how hard a picture's edges are, and which kernel that allows.
import { describe, expect, test } from 'vitest';
import { edgesOf, harder, kernelFor, type Raster } from '../../../src/convert/raster.js';
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

  test.each([
    ['black on nothing', 0, 0, 255, 0],
    ['white on nothing', 255, 255, 255, 0],
    ['nothing in white', 255, 0, 0, 255],
    ['nothing in black', 0, 255, 0, 255],
    ['black on white, both half there', 0, 255, 128, 128],
  ])('columns that only alpha shows: %s', (_name, ink, paper, inkAlpha, paperAlpha) => {
    const pixels = Buffer.alloc(400 * 40 * 4);
    for (let at = 0; at < pixels.length; at += 4) {
      const isInk = (at / 4) % 40 < 4;
      pixels.fill(isInk ? ink : paper, at, at + 3);
      pixels[at + 3] = isInk ? inkAlpha : paperAlpha;
    }
    const raster: Raster = { pixels, widthPx: 400, heightPx: 40, channels: 4, frames: 1 };
    expect(edgesOf(raster, { widthPx: 400, heightPx: 40 })).toBe('hard');
  });

  test('colours that nothing shows have no edges', () => {
    const pixels = Buffer.alloc(400 * 40 * 4);
    for (let at = 0; at < pixels.length; at += 8) pixels.fill(255, at, at + 3);
    expect(edgesOf({ pixels, widthPx: 400, heightPx: 40, channels: 4, frames: 1 }, square(400))).toBe('soft');
  });

  test('the harder of two', () => {
    expect([harder('soft', 'mixed'), harder('hard', 'mixed'), harder('soft', 'soft')]).toEqual([
      'mixed',
      'hard',
      'soft',
    ]);
  });

  test('a picture of one row, and of one pixel', () => {
    expect(edgesOf(stripes(4000, 1, 50), { widthPx: 4000, heightPx: 1 })).toBe('hard');
    expect(edgesOf(stripes(1, 1, 50), square(1))).toBe('soft');
  });
});

describe('the kernel', () => {
  test('of soft pictures is cubic', () => {
    expect(kernelFor(square(101), square(100), 'soft')).toBe('cubic');
    expect(kernelFor(square(200), square(100), 'soft')).toBe('cubic');
  });

  test('is Lanczos3 wherever there are edges, and for enlarging', () => {
    expect(kernelFor(square(199), square(100), 'mixed')).toBe('lanczos3');
    expect(kernelFor(square(400), square(100), 'hard')).toBe('lanczos3');
    expect(kernelFor(square(100), square(101), 'soft')).toBe('lanczos3');
  });
});
