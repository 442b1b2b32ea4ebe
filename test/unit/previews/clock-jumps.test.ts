// What a clock that somebody sets does to what is kept: nothing goes before its time, nothing stays for ever, and
// Last-Modified never goes back.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openPreviewBench, type PreviewBench } from '../../support/preview-bench.js';
import { groupRef } from '../../support/records.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const HOUR_MS = 3_600_000;

let dir: TempDir;
let bench: PreviewBench;

beforeEach(async () => {
  dir = await tempDir();
  bench = await openPreviewBench({ dataDir: dir.path, limits: { maxGroups: 3, maxAgeSeconds: 6 * 3_600 } });
  await bench.upkeep.round();
});

afterEach(async () => {
  await bench.close();
  await dir.remove();
});

async function cache(...keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    await bench.service.cache(groupRef(key), await bench.upload(key));
    bench.clock.advance(60_000);
  }
}

/** The keys that are left after a round. */
async function left(): Promise<string[]> {
  await bench.upkeep.round();
  const found: string[] = [];
  for await (const keys of bench.service.keys()) found.push(...keys);
  return found;
}

it.each([-10, 10])(
  'set by %d hours and back: groups go in the order of their use, none for the clock, none never',
  async (hours) => {
    await cache('a', 'b', 'c');
    bench.clock.jump(hours * HOUR_MS);
    expect(await left()).toEqual(['a', 'b', 'c']);
    await cache('d', 'e');
    expect(await left()).toEqual(expect.arrayContaining(['d', 'e']));
    expect(await left()).toHaveLength(3);
    await cache('f', 'g', 'h');
    expect(await left()).toEqual(['f', 'g', 'h']);
    bench.clock.jump(-hours * HOUR_MS);
    await left();
    await cache('i', 'j', 'k');
    expect(await left()).toEqual(['i', 'j', 'k']);
    bench.clock.advance(5 * HOUR_MS);
    expect(await left()).toEqual(['i', 'j', 'k']);
    // A clock that was ten hours behind leaves that much more time, until a restart.
    bench.clock.advance(12 * HOUR_MS);
    expect(await left()).toEqual([]);
  },
);

it('what was stored while the clock was behind between two rounds is not old when it is right again', async () => {
  bench.clock.jump(-10 * HOUR_MS);
  await cache('behind');
  bench.clock.jump(10 * HOUR_MS);
  expect(await left()).toEqual(['behind']);
  bench.clock.advance(5 * HOUR_MS);
  expect(await left()).toEqual(['behind']);
});

it('what was used while the clock was ahead is gone in its time after it was set back', async () => {
  bench.clock.jump(10 * HOUR_MS);
  await cache('ahead');
  bench.clock.jump(-10 * HOUR_MS);
  expect(await left()).toEqual(['ahead']);
  bench.clock.advance(7 * HOUR_MS);
  expect(await left()).toEqual([]);
});

it('a preview made after the clock was set back has a later Last-Modified than the one it replaced', async () => {
  const before = await bench.service.cache(groupRef('key'), await bench.upload('old'));
  bench.clock.jump(-HOUR_MS);
  const after = await bench.service.cache(groupRef('key'), await bench.upload('new'));
  expect(after.group.createdAt).toBeGreaterThanOrEqual(before.group.createdAt + 1_000);
});

it('a machine that learns years later what time it is keeps nothing for years', async () => {
  await cache('a');
  bench.clock.jump(50 * 365 * 24 * HOUR_MS);
  await cache('b');
  expect(await left()).toEqual(['b']);
  bench.clock.advance(31 * HOUR_MS);
  expect(await left()).toEqual([]);
});
