// What is laid over a picture: where it lies, how large and how strong, and that nothing comes without it.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { marked } from '../../../src/convert/mark.js';
import type { Raster } from '../../../src/convert/raster.js';
import { digestOf } from '../../../src/kernel/digest.js';
import type { Mark } from '../../../src/kernel/recipe/recipe.js';
import { withTempDir } from '../../support/temp-dir.js';

const GREY = 128;

function grey(widthPx: number, heightPx: number): Raster {
  return { widthPx, heightPx, channels: 3, frames: 1, pixels: Buffer.alloc(widthPx * heightPx * 3, GREY) };
}

const text = (facts: Partial<Mark> = {}): Mark =>
  ({
    kind: 'text',
    text: '© An Agency <&>',
    digest: digestOf(Buffer.from('x')),
    opacity: 1,
    scale: 1,
    ...facts,
  }) as Mark;

/** The smallest rectangle that has all pixels of another value, by the first channel. */
function changed({ pixels, widthPx, heightPx, channels }: Raster) {
  let [left, top, right, bottom, most] = [widthPx, heightPx, -1, -1, 0];
  for (let y = 0; y < heightPx; y++)
    for (let x = 0; x < widthPx; x++) {
      const by = Math.abs((pixels[(y * widthPx + x) * channels] ?? 0) - GREY);
      if (by < 4) continue;
      [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
      most = Math.max(most, by);
    }
  return { left, top, widthPx: right - left + 1, heightPx: bottom - top + 1, most };
}

describe('a text', () => {
  test('lies in the middle, as wide as its scale says, white with black behind it', async () => {
    const raster = await marked(grey(1_000, 400), text());
    expect([raster.widthPx, raster.heightPx, raster.channels]).toEqual([1_000, 400, 3]);
    const { left, widthPx, top, heightPx, most } = changed(raster);
    expect(widthPx).toBeGreaterThan(700);
    expect(widthPx).toBeLessThan(960);
    expect(Math.abs(left + widthPx / 2 - 500)).toBeLessThan(40);
    expect(Math.abs(top + heightPx / 2 - 200)).toBeLessThan(40);
    expect(most).toBeGreaterThan(120);
    expect(raster.pixels.reduce((least, value) => Math.min(least, value))).toBeLessThan(90);
    const half = changed(await marked(grey(1_000, 400), text({ scale: 0.5 })));
    expect(half.widthPx / widthPx).toBeGreaterThan(0.4);
    expect(half.widthPx / widthPx).toBeLessThan(0.6);
  });

  test('is as strong as its opacity says, and shows on a picture of one pixel a side and on an upright one', async () => {
    const [full, weak] = await Promise.all(
      [1, 0.25].map(async (opacity) => changed(await marked(grey(600, 300), text({ opacity }))).most),
    );
    expect((weak ?? 0) / (full ?? 1)).toBeGreaterThan(0.2);
    expect((weak ?? 0) / (full ?? 1)).toBeLessThan(0.3);
    expect(changed(await marked(grey(200, 900), text())).widthPx).toBeLessThanOrEqual(200);
    expect((await marked(grey(1, 1), text())).pixels).toHaveLength(3);
  });
});

describe('an image', () => {
  test('is fitted into the picture, keeps its proportions and its own transparency', () =>
    withTempDir(async (dir) => {
      const path = join(dir, 'mark.png');
      const pixels = Buffer.alloc(100 * 100 * 4);
      for (let at = 0; at < 10_000; at++) if (at % 100 >= 50) pixels.set([255, 0, 0, 255], at * 4);
      const bytes = await sharp(pixels, { raw: { width: 100, height: 100, channels: 4 } })
        .png()
        .toBuffer();
      await writeFile(path, bytes);
      const mark: Mark = { kind: 'image', path, digest: digestOf(bytes), opacity: 0.5, scale: 1 };
      const raster = await marked(grey(1_000, 200), mark);
      // 180 pixels high, the right half of them red.
      const { left, widthPx, heightPx } = changed(raster);
      expect([left, widthPx, heightPx].map((value) => Math.round(value / 10))).toEqual([50, 9, 18]);
      const at = (100 * 1_000 + 550) * 3;
      const [r = 0, g = 0] = raster.pixels.subarray(at, at + 3);
      expect([Math.abs(r - 191), Math.abs(g - 64)].every((difference) => difference <= 3)).toBe(true);
    }));

  test('that has changed, is gone or is none makes no picture', () =>
    withTempDir(async (dir) => {
      const path = join(dir, 'mark.png');
      await writeFile(path, 'no picture');
      const mark = (of: string, at = path): Mark => ({
        ...{ kind: 'image', path: at, digest: digestOf(Buffer.from(of)), opacity: 1, scale: 1 },
      });
      await expect(marked(grey(10, 10), mark('another'))).rejects.toMatchObject({ code: 'internal' });
      await expect(marked(grey(10, 10), mark('no picture'))).rejects.toMatchObject({ code: 'internal' });
      await expect(marked(grey(10, 10), mark('x', join(dir, 'none.png')))).rejects.toMatchObject({ code: 'internal' });
    }));
});
