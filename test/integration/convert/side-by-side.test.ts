// Previews are encoded side by side where cores are idle and somebody waits, and are the same ones.

import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Priority } from '../../../src/kernel/ports/converter.js';
import { Converting } from '../../support/converting.js';
import { DEFAULT_TARGET_FORMATS } from '../../support/default-formats.js';
import { until } from '../../support/gate.js';
import { cutOut, image, photo, screenshot } from '../../support/images.js';

const TELLING = fileURLToPath(new URL('../../support/children/telling-lanes.mjs', import.meta.url));

/** Runs `use` on a pool of so many children, all of them ready. */
async function withChildren(
  children: number,
  childProgram: string | undefined,
  use: (converting: Converting) => Promise<void>,
): Promise<void> {
  const converting = await Converting.start({ children, ...(childProgram && { childProgram }) });
  try {
    await until(async () => converting.pool.readyChildren === children, 'all children are ready');
    await use(converting);
  } finally {
    await converting.close();
  }
}

test('as many as there are idle converters, counting its own; alone when all others work, and when nobody waits', async () => {
  await withChildren(4, TELLING, async (converting) => {
    const end = join(converting.dir.path, 'end');
    const allowed = async (priority: Priority): Promise<number> => {
      const { info } = await converting.convert(Buffer.from(end), ['auto:10x10'], { priority });
      return info.widthPx;
    };
    const begun: Promise<number>[] = [];
    for (const priority of ['medium', 'instant', 'background', 'medium'] as const) {
      begun.push(allowed(priority));
      await until(
        async () => converting.metrics.observations('queue_wait_seconds').length === begun.length,
        'it has begun',
      );
    }
    await writeFile(end, '');
    // However many are idle.
    const most = Math.min(3, os.availableParallelism());
    expect(await Promise.all(begun)).toEqual([most, most, 1, 1]);
  });
});

test('the previews are those that are made one after the other', async () => {
  const sources = [
    await image(await photo(2600, 1700, 4))
      .jpeg()
      .toBuffer(),
    await image(screenshot(2560, 1440)).png().toBuffer(),
    await image(cutOut(await photo(2000, 1300, 2)))
      .png({ compressionLevel: 1 })
      .toBuffer(),
  ];
  const made: string[][] = [];
  for (const children of [1, 3]) {
    await withChildren(children, undefined, async (converting) => {
      for (const source of sources) {
        const { previews } = await converting.convert(source, DEFAULT_TARGET_FORMATS);
        made.push(previews.map(({ formats, digest }) => `${formats} ${digest}`));
      }
    });
  }
  expect(made.slice(3)).toEqual(made.slice(0, 3));
});
