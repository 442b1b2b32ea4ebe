// Row 15: hits while conversions saturate every core, and what the hits cost the conversions.

import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { alternate, type Comparison, compare } from '../comparison.js';
import { Conversions, mixedJpegs } from '../converting.js';
import { fill } from '../fill.js';
import { startOurs } from '../ours.js';
import { withServers } from '../processes.js';
import { loadKeys } from '../random-keys.js';
import type { RowGroup, RunOptions } from '../row-group.js';

const PREVIEWS = 1_000;
const PREVIEW_BYTES = 5_500;
/** 32 connections that pause so long between requests ask about 600 times a second: hits that do not saturate by themselves. */
const PAUSE_MS = 50;

export const saturation: RowGroup = {
  rows: [15],
  needs: ['wrk'],
  async run(_rows, options) {
    const dataDir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-saturation-'));
    try {
      await fill({ dataDir, groups: PREVIEWS, sources: PREVIEWS, previewBytes: PREVIEW_BYTES });
      return await withServers([startOurs({ dataDir })], (ours) => measure(ours, options));
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  },
};

async function measure(ours: Awaited<ReturnType<typeof startOurs>>, options: RunOptions): Promise<Comparison[]> {
  const conversions = new Conversions(ours, await mixedJpegs());
  // One more than converters, so that none ever waits for an upload.
  const atOnce = availableParallelism() + 2;
  const range = {
    prefix: '/imageconverter/getImage/',
    suffix: '/auto:200x150',
    count: PREVIEWS,
    pauseMs: PAUSE_MS,
  };
  const hits = async (): Promise<number> => (await loadKeys(ours.origin, range, options)).p99Ms;
  const perSecond = async (until: Promise<unknown>): Promise<number> => {
    let over = false;
    const startedAt = performance.now();
    void until.finally(() => {
      over = true;
    });
    const ended = await conversions.run(atOnce, () => over);
    return (ended * 1_000) / (performance.now() - startedAt);
  };
  const both = async (): Promise<{ readonly p99Ms: number; readonly perSecond: number }> => {
    const p99 = hits();
    const rate = await perSecond(p99);
    return { p99Ms: await p99, perSecond: rate };
  };
  const alone = (): Promise<number> =>
    perSecond(new Promise((resolve) => setTimeout(resolve, options.seconds * 1_000)));
  const results = await alternate<'both' | 'hits' | 'alone', unknown>(options.rounds, { both, hits, alone });
  const together = results.both as Awaited<ReturnType<typeof both>>[];
  const p99 = { name: 'Proofsheet', values: together.map(({ p99Ms }) => p99Ms) };
  const rate = { name: 'Proofsheet', values: together.map(({ perSecond: value }) => value) };
  const quiet = { name: 'hits alone', values: results.hits as number[] };
  const undisturbed = { name: 'conversions alone', values: results.alone as number[] };
  return [
    compare(15, 'p99 of about 600 hits/s while conversions saturate every core', 'ms', p99, quiet, {
      rule: 'at most',
      value: 6,
    }),
    compare(15, 'the same: the conversions', 'conversions/s', rate, undisturbed, { rule: 'at least', value: 0.8 }),
  ];
}
