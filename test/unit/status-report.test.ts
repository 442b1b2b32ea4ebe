// The status page's figures say what the limits apply to: one machine's disk, or a node's disk cache and the shared tier.
import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load-config.js';
import { statusReport } from '../../src/status-report.js';
import { ProcessMetrics } from '../../src/telemetry/metrics.js';
import { mergeSnapshots } from '../../src/telemetry/snapshot.js';

const MIB = 2 ** 20;
const usage = { groups: 9, keys: 9, sources: 3, previewBytes: 5_000, sourceBytes: 2_000 };

/** Of two processes that each hold 300 bytes on a disk of their own, miss twice on disk, and once for good. */
async function report(environment: Readonly<Record<string, string>>) {
  const processes = [new ProcessMetrics(), new ProcessMetrics()];
  for (const metrics of processes) {
    metrics.gauge('tier_bytes', () => [
      { labels: { tier: 'memory', kind: 'preview' }, value: 100 },
      { labels: { tier: 'disk', kind: 'any' }, value: 300 },
      { labels: { tier: 'shared', kind: 'preview' }, value: 5_000 },
      { labels: { tier: 'shared', kind: 'source' }, value: 2_000 },
    ]);
    metrics.count('cache_misses_total', { tier: 'disk' }, 2);
    metrics.count('cache_misses_total', { tier: 'shared' });
  }
  const snapshot = mergeSnapshots(await Promise.all(processes.map((metrics) => metrics.snapshot())));
  const config = loadConfig({
    environment: { PROOFSHEET_DISK_MAX_BYTES: '1GiB', PROOFSHEET_MEMORY_MAX_BYTES: '64MiB', ...environment },
  });
  const memory = { previewBytes: 60 * MIB, preparedBytes: 4 * MIB };
  return statusReport({ config, snapshot, usage, memory, version: '1', uptimeSeconds: 1, draining: false });
}

const redis = { PROOFSHEET_REDIS_URL: 'redis://localhost:6379' };

it('on one machine the disk holds all that is stored, up to its limit', async () => {
  const { tiers, misses } = await report({});
  expect(tiers).toEqual([
    { name: 'memory', bytes: 200, maxBytes: 60 * MIB },
    { name: 'disk', bytes: 7_000, maxBytes: 2 ** 30 },
  ]);
  expect(misses).toBe(4);
});

it('on many the disk is a cache of its own, and what is stored is in the shared tier, with the limit of that', async () => {
  const { tiers, misses } = await report({ ...redis, PROOFSHEET_SHARED_MAX_BYTES: '5GiB' });
  expect(tiers).toEqual([
    { name: 'memory', bytes: 200, maxBytes: 60 * MIB },
    { name: 'disk', bytes: 600, maxBytes: 2 ** 30 },
    { name: 'shared', bytes: 7_000, maxBytes: 5 * 2 ** 30 },
  ]);
  expect(misses).toBe(2);
});

it('a shared tier without a limit of ours shows none', async () => {
  const { tiers } = await report(redis);
  expect(tiers.at(-1)).toEqual({ name: 'shared', bytes: 7_000 });
});

it('memory is as large as all workers are given for previews, and its share for prepared answers is told', async () => {
  const { tiers, limits } = await report({ PROOFSHEET_WORKERS: '3' });
  expect(tiers[0]).toEqual({ name: 'memory', bytes: 200, maxBytes: 180 * MIB });
  expect(limits.find(({ name }) => name === 'Memory')?.value).toBe(
    '60 MiB for previews and 4 MiB for prepared answers per worker',
  );
});
