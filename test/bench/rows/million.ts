// Rows 11 to 13: what a million groups cost hits, counts, listings, the start, and clearing.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scrape } from '../../support/server-process.js';
import { alternate, type Comparison, compare, measured } from '../comparison.js';
import { fill } from '../fill.js';
import type { LoadResult } from '../load.js';
import { ADMIN_AUTH, type Ours, startOurs } from '../ours.js';
import { ownMemory } from '../process-tree.js';
import { withServers } from '../processes.js';
import { type KeyRange, loadKeys } from '../random-keys.js';
import type { RowGroup, RunOptions } from '../row-group.js';

const SOURCES = 1_000;
const PREVIEW_BYTES = 5_500;
/** Groups that are asked for: as many in the large catalog as there are in the small one. */
const ASKED = 1_000;
const CLEARED = 10_000;
const EXPRESS_ALONE = new URL('../peers/express-alone.mjs', import.meta.url).pathname;
const PATH = { prefix: '/imageconverter/getImage/', suffix: '/auto:200x150' };
const SAMPLE_MS = 10;
/** Questions per round. */
const COUNTS = 100;

export const million: RowGroup = {
  rows: [11, 12, 13],
  needs: ['wrk'],
  async run(rows, options) {
    const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-million-'));
    const [small, large] = [join(dir, 'small'), join(dir, 'large')];
    const common = { sources: SOURCES, previewBytes: PREVIEW_BYTES, groupsPerContext: CLEARED };
    try {
      const startedAt = performance.now();
      await fill({ ...common, dataDir: large, groups: options.groups });
      options.log(`  ${options.groups} groups in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
      const found: Comparison[] = [];
      if (rows.includes(11)) {
        await fill({ ...common, dataDir: small, groups: ASKED });
        found.push(...(await hitsBySize(small, large, options)));
      }
      if (rows.includes(12)) found.push(...(await countsAndListings(large, options)));
      if (rows.includes(13)) found.push(await clearing(large, options));
      return found;
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};

/** Hits from the hot lane, and through Express, where every hit reads the catalog. */
async function hitsBySize(small: string, large: string, options: RunOptions): Promise<Comparison[]> {
  const few = { ...PATH, count: ASKED, groupsPerContext: CLEARED };
  const many = { ...few, step: Math.floor(options.groups / ASKED) };
  const found: Comparison[] = [];
  for (const [way, entry] of [
    ['hit', {}],
    ['hit without the hot lane', { entry: EXPRESS_ALONE }],
  ] as const) {
    const servers = [startOurs({ ...entry, dataDir: small }), startOurs({ ...entry, dataDir: large })];
    await withServers(servers, async (ofFew, ofMany) => {
      const contenders = {
        many: () => loadKeys(ofMany?.origin ?? '', many, options),
        few: () => loadKeys(ofFew?.origin ?? '', few, options),
      };
      const results = await alternate(options.rounds, contenders);
      for (const quantile of ['p50Ms', 'p99Ms'] as const) {
        const pick = (runs: readonly LoadResult[]): number[] => runs.map((run) => run[quantile]);
        const what = `${way}, ${options.groups} groups, ${quantile.slice(0, 3)}`;
        const mine = { name: 'Proofsheet', values: pick(results.many) };
        const peer = { name: `${ASKED} groups`, values: pick(results.few) };
        found.push(compare(11, what, 'ms', mine, peer, { rule: 'at most', value: 1.2 }));
      }
    });
  }
  return found;
}

async function countsAndListings(dataDir: string, options: RunOptions): Promise<Comparison[]> {
  const starts: number[] = [];
  const found: Comparison[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const ours = await startOurs({ dataDir });
    starts.push(ours.readyMs);
    await ours.stop();
  }
  await withServers([startOurs({ dataDir })], async (ours) => {
    for (const [what, query] of [
      ['getKeyCount of everything', ''],
      ['getKeyCount of one context', '?context=tenant-1'],
    ] as const) {
      const times: number[] = [];
      for (let round = 0; round < options.rounds; round++) {
        const before = await countingTime(ours);
        for (let at = 0; at < COUNTS; at++) await (await fetch(ours.url(`getKeyCount${query}`))).json();
        const after = await countingTime(ours);
        times.push((1_000 * (after.seconds - before.seconds)) / (after.answers - before.answers));
      }
      const name = 'Proofsheet, in the server';
      found.push(measured(12, what, 'ms', { name, values: times }, { rule: 'under', value: 2 }));
    }
    const growths: number[] = [];
    for (let round = 0; round < options.rounds; round++) growths.push(await listingGrowth(ours, options.groups));
    const growth = { name: 'Proofsheet', values: growths };
    found.push(measured(12, 'getKeys streamed: memory growth', 'MiB', growth, { rule: 'under', value: 32 }));
  });
  const start = { name: 'Proofsheet', values: starts.map((ms) => ms / 1_000) };
  return [...found, measured(12, 'start to ready', 's', start, { rule: 'under', value: 2 })];
}

/** What the server itself measured for getKeyCount so far, from a request's headers to the end of its answer. */
async function countingTime({ origin }: Ours): Promise<{ readonly seconds: number; readonly answers: number }> {
  const name = 'proofsheet_http_request_duration_seconds';
  const label = 'operation="getKeyCount"';
  return { seconds: await scrape(origin, `${name}_sum`, label), answers: await scrape(origin, `${name}_count`, label) };
}

/** Peak of the server's own memory while all keys are listed, over what it had before, MiB. */
async function listingGrowth(ours: Ours, groups: number): Promise<number> {
  const before = await ownMemory(ours.pid);
  let [peak, listing] = [before, true];
  const watching = (async () => {
    for (; listing; await sleep(SAMPLE_MS)) peak = Math.max(peak, await ownMemory(ours.pid));
  })();
  const response = await fetch(ours.url('getKeys'), { headers: { authorization: ADMIN_AUTH } });
  let commas = 0;
  for await (const chunk of response.body ?? []) {
    for (const byte of chunk as Uint8Array) if (byte === 0x2c) commas++;
  }
  listing = false;
  await watching;
  if (commas !== groups - 1) throw new Error(`expected ${groups} keys, got ${commas + 1}`);
  return (peak - before) / 1024 ** 2;
}

/** Hits on the first contexts while the last ones are cleared, one after the other, as long as the hits run. */
async function clearing(dataDir: string, options: RunOptions): Promise<Comparison> {
  return withServers([startOurs({ dataDir })], async (ours) => {
    const range: KeyRange = { ...PATH, count: ASKED, groupsPerContext: CLEARED };
    let context = Math.ceil(options.groups / CLEARED);
    const quiet = async (): Promise<number> => (await loadKeys(ours.origin, range, options)).p99Ms;
    const whileClearing = async (): Promise<number> => {
      const hits = quiet();
      let running = true;
      const stopped = hits.finally(() => {
        running = false;
      });
      while (running && context > 1) await clear(ours, `tenant-${--context}`);
      await stopped;
      return hits;
    };
    const results = await alternate(options.rounds, { clearing: whileClearing, quiet });
    const what = `clearing contexts of ${CLEARED} groups: p99 of hits meanwhile`;
    const mine = { name: 'Proofsheet', values: results.clearing };
    return compare(13, what, 'ms', mine, { name: 'quiet', values: results.quiet }, { rule: 'at most', value: 3 });
  });
}

async function clear(ours: Ours, context: string): Promise<void> {
  const headers = { authorization: ADMIN_AUTH };
  const response = await fetch(ours.url(`clearImages?context=${context}`), { method: 'DELETE', headers });
  if (response.status !== 200) throw new Error(`expected ${context} to be cleared, got ${response.status}`);
}
