// The shared tier fails under load: what nodes hold is served, what can be converted is, and nothing is acknowledged falsely.
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../support/gate.js';
import { cache, cacheAndGet, get, Nodes, newSource } from '../../support/nodes.js';
import { type RedisServer, type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { type ServerProcess, scrape } from '../../support/server-process.js';

let redis: RedisServers & { readonly server: RedisServer };
let nodes: Nodes;

beforeEach(async () => {
  redis = await startStandalone();
  nodes = await Nodes.start(redis.url);
}, 300_000);

afterEach(async () => {
  await nodes?.stop();
  await redis?.stop();
});

const KEYS = Array.from({ length: 12 }, (_, index) => `known-${index}`);

/** Caches the known keys and reads each on every node, so that all of them hold the previews. */
async function warm(): Promise<void> {
  for (const [index, key] of KEYS.entries())
    expect((await cache(nodes.at(index), key, await newSource(key))).status).toBe(200);
  for (const node of nodes.all) for (const key of KEYS) expect((await get(node, key)).status).toBe(200);
}

interface Seen {
  readonly hits: number[];
  readonly hitMs: number[];
  readonly uploads: number[];
}

/** Hits and cacheAndGet uploads on every node until `done`; resolves with the statuses that were answered. */
async function load(done: AbortSignal): Promise<Seen> {
  const seen: Seen = { hits: [], hitMs: [], uploads: [] };
  const hit = async (node: ServerProcess) => {
    for (let index = 0; !done.aborted; index++) {
      const startedAt = performance.now();
      const answer = await get(node, KEYS[index % KEYS.length] ?? '');
      const bytes = Buffer.from(await answer.arrayBuffer());
      seen.hitMs.push(performance.now() - startedAt);
      seen.hits.push(answer.status);
      if (answer.status === 200)
        expect(answer.headers.get('etag')).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const upload = async (node: ServerProcess, name: string) => {
    for (let index = 0; !done.aborted; index++) {
      const answer = await cacheAndGet(node, `${name}-${index}`, await newSource(name));
      await answer.arrayBuffer();
      seen.uploads.push(answer.status);
    }
  };
  await Promise.all([...nodes.all.map(hit), upload(nodes.at(0), 'away-a'), upload(nodes.at(1), 'away-b')]);
  return seen;
}

const only = (statuses: readonly number[]) => [...new Set(statuses)];

describe('Redis killed under load', () => {
  it('fails no hit and no cacheAndGet, acknowledges no cacheImage, and is used again soon after its return', {
    timeout: 300_000,
  }, async () => {
    await warm();
    const done = new AbortController();
    const loading = load(done.signal);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await redis.server.kill();
    const refused = await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        const answer = await cache(nodes.at(index), `unstored-${index}`, await newSource('unstored'));
        return [answer.status, answer.headers.has('retry-after'), ((await answer.json()) as { code: number }).code];
      }),
    );
    expect(refused).toEqual(Array(6).fill([503, true, 5031]));
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    // Readiness stays: this node still answers.
    expect((await fetch(`${nodes.at(0).origin}/readyz`)).status).toBe(200);
    await redis.server.resume();
    const backAt = performance.now();
    await until(
      async () => (await cache(nodes.at(2), 'back', await newSource('back'))).status === 200,
      'the shared tier is used again',
    );
    const recoveredMs = performance.now() - backAt;
    console.log(`used again ${recoveredMs.toFixed(0)} ms after the return of Redis`);
    // Two seconds at most between two tries to connect; the rest is the machine's.
    expect(recoveredMs).toBeLessThan(5_000);
    await until(async () => (await get(nodes.at(0), 'back')).status === 200, 'another node sees it');
    done.abort();
    const seen = await loading;
    // Redis came back empty: keys that nobody has cached again since are unknown then, and are no failure of the outage.
    expect(only(seen.hits).filter((status) => status !== 404)).toEqual([200]);
    expect(only(seen.uploads)).toEqual([200]);
    expect(seen.hits.length).toBeGreaterThan(100);
    expect(seen.uploads.length).toBeGreaterThan(3);
  });
});

describe('Redis frozen', () => {
  it('holds deadlines: hits wait until it is clear, and then no longer than before; uploads are answered', {
    timeout: 300_000,
  }, async () => {
    await warm();
    const measure = async (ms: number) => {
      const done = new AbortController();
      setTimeout(() => done.abort(), ms);
      return load(done.signal);
    };
    const quiet = await measure(3_000);
    redis.server.freeze();
    const frozen = await measure(3_000);
    redis.server.thaw();
    const at = (share: number, values: readonly number[]) =>
      values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
    console.log(
      `hit p99 ${at(0.99, quiet.hitMs).toFixed(1)} ms with Redis, ${at(0.99, frozen.hitMs).toFixed(1)} ms while it is frozen`,
    );
    expect(only(frozen.hits)).toEqual([200]);
    expect(only(frozen.uploads)).toEqual([200]);
    // A node that has not heard for a moment waits until it knows that Redis is away: a hit or two of each reader. The others do not.
    expect(at(0.5, frozen.hitMs)).toBeLessThan(3 * Math.max(at(0.5, quiet.hitMs), 5));
    const slow = frozen.hitMs.filter((ms) => ms > 3 * Math.max(at(0.99, quiet.hitMs), 5));
    expect(slow.length).toBeLessThanOrEqual(4 * nodes.all.length + frozen.hitMs.length / 100);
    expect(Math.max(...frozen.hitMs)).toBeLessThan(3_000);
    await until(
      async () => (await cache(nodes.at(1), 'thawed', await newSource('thawed'))).status === 200,
      'the shared tier is used again',
    );
  });
});

describe('Redis losing data', () => {
  it('answers right, heals or answers 404 after FLUSHALL and after the loss of 30 % of the keys, never 5xx', {
    timeout: 300_000,
  }, async () => {
    await warm();
    const names = (await redis.server.cli('--scan')).split('\n');
    const lost = names.filter(() => Math.random() < 0.3);
    for (const name of lost) await redis.server.cli('DEL', name);
    const ask = async () => {
      const statuses: number[] = [];
      for (const node of nodes.all) {
        for (const key of KEYS) {
          for (const format of ['auto:200x150', 'auto:1920x1080']) {
            const answer = await get(node, key, format);
            const bytes = Buffer.from(await answer.arrayBuffer());
            statuses.push(answer.status);
            if (answer.status === 200)
              expect(answer.headers.get('etag')).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`);
          }
        }
      }
      return statuses;
    };
    expect(only(await ask()).filter((status) => status !== 200 && status !== 404)).toEqual([]);
    await redis.server.cli('FLUSHALL');
    await until(async () => (await ask()).every((status) => status === 404), 'every node has noticed');
    expect((await cacheAndGet(nodes.at(0), KEYS[0] ?? '', await newSource('again'))).status).toBe(200);
    await until(async () => (await get(nodes.at(1), KEYS[0] ?? '')).status === 200, 'the key is cached again');
  });

  it('never serves a blob or a record that was overwritten with garbage', { timeout: 300_000 }, async () => {
    const source = await newSource('garbage');
    await cache(nodes.at(0), 'garbage', source);
    for (const name of (await redis.server.cli('--scan')).split('\n')) {
      if (name.includes(':b:')) await redis.server.cli('SET', name, 'garbage', 'KEEPTTL');
    }
    // The third node holds nothing yet: it has to ask Redis.
    const answer = await get(nodes.at(2), 'garbage');
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect([200, 404]).toContain(answer.status);
    if (answer.status === 200)
      expect(answer.headers.get('etag')).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`);
    expect(await scrape(nodes.at(2).origin, 'proofsheet_damaged_blobs_total', 'tier="shared"')).toBeGreaterThan(0);
  });
});
