// What upkeep does about the disk: enough goes, no more, and a disk that cannot be asked stops nothing else.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { FreeSpace } from '../../../src/previews/upkeep.js';
import { until } from '../../support/gate.js';
import { openPreviewBench, type PreviewBench } from '../../support/preview-bench.js';
import { groupRef } from '../../support/records.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

let dir: TempDir;
let bench: PreviewBench | undefined;
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  await bench?.close();
  await dir.remove();
});

async function filled(space: FreeSpace, maxGroups: number): Promise<PreviewBench> {
  const opened = await openPreviewBench({ dataDir: dir.path, space, limits: { maxGroups } });
  bench = opened;
  for (let n = 0; n < 40; n++) await opened.service.cache(groupRef(`${n}`), await opened.upload(`source ${n}`));
  return opened;
}

it('evicts until enough is free, and gives its reserve back before that', async () => {
  const told: string[] = [];
  let short = 2;
  const opened = await filled(
    {
      shortBy: async () => Math.max(0, short--),
      setAside: async () => void told.push('aside'),
      giveBack: async () => void told.push('back'),
    },
    1_000,
  );
  await opened.upkeep.round();
  expect(told).toEqual(['back', 'aside']);
  expect(opened.metrics.total('evictions_total', { reason: 'disk', kind: 'source' })).toBe(16);
  expect(await opened.service.count()).toBe(40);
});

it('takes a batch when the disk was full, whatever it tells of itself: a quota is not seen there', async () => {
  const opened = await filled(
    { shortBy: async () => 0, setAside: async () => undefined, giveBack: async () => undefined },
    1_000,
  );
  opened.upkeep.full();
  await until(
    () => opened.metrics.total('evictions_total', { reason: 'disk', kind: 'source' }) === 16,
    'a batch is evicted',
  );
});

it('keeps to the other limits when the disk cannot be asked', async () => {
  const failing = () => Promise.reject(new Error('no such disk'));
  const opened = await filled({ shortBy: failing, setAside: failing, giveBack: failing }, 30);
  await opened.upkeep.round();
  expect(await opened.service.count()).toBe(30);
});
