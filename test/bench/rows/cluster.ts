// Rows 20 and 21: a node over Redis: its hits, hits that the shared tier alone has, its uploads; and what a request costs the nodes when
// there are more of them behind a balancer.
import { image, photo } from '../../support/images.js';
import { startStandalone } from '../../support/redis-servers.js';
import { requireTool } from '../../support/tools.js';
import { alternate, type Comparison, compare, measured, median } from '../comparison.js';
import { newJpeg } from '../corpus.js';
import { keyOf } from '../fill.js';
import { load } from '../load.js';
import { startBalancer } from '../nginx.js';
import { type Ours, startOurs, warm } from '../ours.js';
import { treeCpuMs } from '../process-tree.js';
import { type Server, startPeer, withServers } from '../processes.js';
import { loadKeys } from '../random-keys.js';
import type { RowGroup, RunOptions } from '../row-group.js';
import { formOf, upload } from '../uploads.js';

const FORMAT = 'auto:200x150';
/** Keys whose bytes no node holds: enough that nearly every request of a round is the first for its key on that node. */
const SHARED_KEYS = 400;
const UPLOADS = 20;
const NODES = [1, 2, 4] as const;
const NO_BYTES_OF = ['content-length', 'connection', 'date', 'keep-alive'];
/** So little that a tenth of the previews stays on the node: what is asked for comes from Redis. */
const FORGETFUL = {
  PROOFSHEET_MEMORY_MAX_BYTES: '1MiB',
  PROOFSHEET_DISK_MAX_BYTES: '1MiB',
  PROOFSHEET_MAX_SOURCE_BYTES: '1MiB',
};
/** A preview that is large enough for that. */
const LARGER = 'auto:800x800';

export const cluster: RowGroup = {
  rows: [20, 21],
  needs: ['wrk', 'nginx'],
  async run(rows, options) {
    const jpeg = await image(await photo(600, 400, 3))
      .jpeg({ quality: 85 })
      .toBuffer();
    const redis = await startStandalone();
    try {
      const found: Comparison[] = [];
      if (rows.includes(20)) found.push(...(await oneNode(redis.url, jpeg, options)));
      if (rows.includes(21)) found.push(...(await moreNodes(redis.url, jpeg, options)));
      return found;
    } finally {
      await redis.stop();
    }
  },
};

async function oneNode(url: string, jpeg: Buffer, options: RunOptions): Promise<Comparison[]> {
  const node = startOurs({ env: { PROOFSHEET_REDIS_URL: url } });
  const forgetful = startOurs({ env: { PROOFSHEET_REDIS_URL: url, ...FORGETFUL } });
  return withServers([node, forgetful, startOurs()], async (shared, bare, alone) => {
    for (const ours of [shared, alone]) await upload(ours, 'cacheImage/hit', formOf(jpeg));
    for (let at = 0; at < SHARED_KEYS; at++)
      await upload(shared, `cacheImage/${keyOf(at)}`, formOf(newJpeg(jpeg, `shared ${at}`)));
    const hit = await warm(shared.url(`getImage/hit/${FORMAT}`));
    await warm(alone.url(`getImage/hit/${FORMAT}`));
    await (await fetch(shared.url(`getImage/hit/${LARGER}`))).arrayBuffer();
    const headers = [...hit.headers].filter(([name]) => !NO_BYTES_OF.includes(name)).flat();
    const peer = startPeer('redis-get.mjs', {
      ORIGIN: shared.url(`getImage/hit/${LARGER}`),
      REDIS: url,
      KEYS: String(SHARED_KEYS),
      HEADERS: JSON.stringify(headers),
    });
    return withServers([peer], async (floor) => {
      const keys = { count: SHARED_KEYS, prefix: '/imageconverter/getImage/', suffix: `/${LARGER}` };
      const rate = async (ours: Ours): Promise<number> =>
        (await load({ ...options, url: ours.url(`getImage/hit/${FORMAT}`) })).requestsPerSecond;
      const results = await alternate(options.rounds, {
        shared: () => rate(shared),
        alone: () => rate(alone),
        far: async () => (await loadKeys(bare.origin, keys, options)).requestsPerSecond,
        floor: async () => (await loadKeys(floor.origin, { ...keys, suffix: '' }, options)).requestsPerSecond,
      });
      const uploads = await alternate(options.rounds, {
        shared: () => uploadMs(shared, jpeg),
        alone: () => uploadMs(alone, jpeg),
      });
      const added = uploads.shared.map((ms, round) => ms - (uploads.alone[round] ?? Number.NaN));
      const of = (name: string, values: readonly number[]) => ({ name, values });
      const atLeast = (value: number) => ({ rule: 'at least', value }) as const;
      const redisGet = of('Redis GET + node:http', results.floor);
      const hits = of('Proofsheet', results.shared);
      const upload600 = `upload of a 600x400 JPEG to a node: what Redis adds to ${median(uploads.alone).toFixed(0)} ms`;
      return [
        compare(20, 'hit of a node', 'requests/s', hits, of('without Redis', results.alone), atLeast(0.95)),
        compare(20, 'hit that Redis alone has', 'requests/s', of('Proofsheet', results.far), redisGet, atLeast(0.6)),
        measured(20, upload600, 'ms', of('Proofsheet', added), { rule: 'at most', value: 3 }),
      ];
    });
  });
}

/** The median of some uploads of new sources, one after the other, ms. */
async function uploadMs(ours: Ours, jpeg: Buffer): Promise<number> {
  const times: number[] = [];
  for (let at = 0; at < UPLOADS; at++) {
    const name = `timed-${crypto.randomUUID()}`;
    const form = formOf(newJpeg(jpeg, name));
    const startedAt = performance.now();
    await upload(ours, `cacheImage/${name}`, form);
    times.push(performance.now() - startedAt);
  }
  return median(times);
}

/**
 * One machine cannot show what several do side by side: told is the processor time of the nodes for each request, which is what the
 * number of machines follows from. Each node has as many connections however many there are; what the same costs bare servers of Node
 * tells how much of its growth is the machine's, where more processes share two cores.
 */
async function moreNodes(url: string, jpeg: Buffer, options: RunOptions): Promise<Comparison[]> {
  const ours: Record<string, number[]> = {};
  const bare: Record<string, number[]> = {};
  for (const count of NODES) {
    const starting = Array.from({ length: count }, () => startOurs({ env: { PROOFSHEET_REDIS_URL: url } }));
    await withServers(starting, async (...nodes) => {
      const [first] = nodes;
      if (first === undefined) throw new Error('expected a node');
      for (let at = 0; at < SHARED_KEYS; at++)
        await upload(first, `cacheImage/${keyOf(at)}`, formOf(newJpeg(jpeg, `more ${at}`)));
      const one = first.url(`getImage/${keyOf(0)}/${FORMAT}`);
      const floors = Array.from({ length: count }, () => startPeer('bare-http.mjs', { ORIGIN: one }));
      await withServers(floors, async (...peers) => {
        const results = await alternate(options.rounds, {
          ours: () => costThroughNginx(nodes, options),
          bare: () => costThroughNginx(peers, options),
        });
        ours[count] = results.ours;
        bare[count] = results.bare;
      });
    });
  }
  const cost = (of: Record<string, number[]>, count: number, name: string) => ({ name, values: of[count] ?? [] });
  return [2, 4].map((count) => {
    const what = `hit through nginx, ${count} nodes: processor time of the nodes a request`;
    const growth = median(bare[count] ?? []) / median(bare[1] ?? []);
    const floor = cost(bare, count, `node:http (${growth.toFixed(2)} of one)`);
    const mine = cost(ours, count, 'Proofsheet');
    return compare(21, what, 'ms CPU', mine, cost(ours, 1, 'one node'), { rule: 'at most', value: 1.05 }, floor);
  });
}

/** Processor time of `nodes` for a request that comes to them through a balancer, ms. */
async function costThroughNginx(nodes: readonly Server[], options: RunOptions): Promise<number> {
  const origins = nodes.map(({ origin }) => origin);
  const balancer = startBalancer({ binary: await requireTool('nginx'), origins });
  return withServers([balancer], async ({ origin }) => {
    const keys = { count: SHARED_KEYS, prefix: '/imageconverter/getImage/', suffix: `/${FORMAT}` };
    const before = await cpuOf(nodes);
    const { requestsPerSecond } = await loadKeys(origin, keys, { ...options, connections: 16 * nodes.length });
    const after = await cpuOf(nodes);
    return (after - before) / (requestsPerSecond * options.seconds);
  });
}

async function cpuOf(nodes: readonly Server[]): Promise<number> {
  const each = await Promise.all(nodes.map(({ pid }) => treeCpuMs(pid)));
  return each.reduce((sum, ms) => sum + ms, 0);
}
