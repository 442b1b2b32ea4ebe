// What a browser's page shows beside the picture that it should: looked at until they are alike, for as long as a page may take that
// asks every other second whether its picture is there. The last look at one that never is stays in test-results.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import sharp from 'sharp';

const PATIENCE_MS = 30_000;

export interface Wanted {
  /** RGB of the page's own size, 8 bits a sample. */
  readonly pixels: Buffer;
  readonly width: number;
  /** Rows above it are the page's, such as its buttons. */
  readonly top?: number;
  /** Mean difference of samples, of 255, under which they are alike. */
  readonly tolerance: number;
}

/** The mean difference of samples at the last look, of 255. `name` is that of the screenshot which is kept. */
export async function shownDifference(page: Page, wanted: Wanted, name: string): Promise<number> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const shot = await page.screenshot();
    const difference = await differenceOf(shot, wanted);
    if (difference < wanted.tolerance) return difference;
    if (performance.now() < deadline) continue;
    const kept = join(process.cwd(), 'test-results');
    await mkdir(kept, { recursive: true });
    await writeFile(join(kept, `${name}.png`), shot);
    return difference;
  }
}

async function differenceOf(shot: Buffer, { pixels, width, top = 0 }: Wanted): Promise<number> {
  const seen = await sharp(shot).removeAlpha().raw().toBuffer();
  if (seen.length !== pixels.length) return 255;
  let sum = 0;
  const first = 3 * top * width;
  for (let at = first; at < pixels.length; at++) sum += Math.abs((seen[at] ?? 0) - (pixels[at] ?? 0));
  return sum / (pixels.length - first);
}
