// What contexts are charged on Redis stays right, or becomes right again, whatever the server evicts of it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Context } from '../../../src/kernel/image-key.js';
import { ALL_SHARDS, digestShard, groupShard, KeyLayout, SHARDS } from '../../../src/stores/redis/key-layout.js';
import { collect } from '../../contracts/contract.js';
import { blobOf, commitOf, groupRef, storeBlobs, type TestSource, testSource } from '../../support/records.js';
import { redisOfFile } from '../../support/redis-of-file.js';
import { newPrefix, openTestStore, realClock, type TestStore } from '../../support/redis-store.js';

const WEIGHT = 370;
const DAY_MS = 86_400_000;
const NONE = { groups: 0, bytes: 0 };
const [busy, quiet] = ['busy', 'quiet'] as Context[] as [Context, Context];

describe('one Redis server', () => {
  const redis = redisOfFile();
  let store: TestStore;
  let keys: KeyLayout;
  let aheadMs = 0;

  beforeEach(async () => {
    await redis.servers.flush();
    aheadMs = 0;
    const prefix = newPrefix();
    keys = new KeyLayout(prefix);
    store = await openTestStore(redis.servers.url, prefix, {
      clock: { ...realClock, now: () => Date.now() + aheadMs },
    });
  });
  afterEach(() => store.close());

  async function commit(source: TestSource, ...refs: readonly (readonly [key: string, context: Context])[]) {
    await storeBlobs(store.blobs, source);
    const request = commitOf(
      source,
      refs.map(([key, context]) => groupRef(key, context)),
    );
    expect(await store.catalog.commit(request)).toEqual([]);
  }

  /** Six groups of sources of their own, and two; sources that the second holds too are the first's. */
  async function fill(): Promise<void> {
    for (let n = 0; n < 6; n++) await commit(testSource(`${n}`), [`k${n}`, busy]);
    await commit(testSource('0'), ['q0', quiet]);
    await commit(testSource('own'), ['q1', quiet]);
  }

  async function expectFilled(): Promise<void> {
    expect(await store.fair.usageOf(busy)).toEqual({ groups: 6, bytes: 6 * WEIGHT });
    expect(await store.fair.usageOf(quiet)).toEqual({ groups: 2, bytes: 2 * WEIGHT });
    for (const by of ['groups', 'bytes'] as const)
      expect(await store.fair.heaviest(by)).toEqual({ groups: 6, bytes: 6 * WEIGHT, alone: false });
  }

  const keysOf = async (context: Context) => (await collect(store.catalog.keys(context))).flat();

  /** As many calls as it takes to have looked at every shard once. */
  async function recountAll(): Promise<void> {
    for (let n = 0; n < 2 * SHARDS; n += 16) await store.recount();
  }

  it('a count anew changes nothing where all is right', async () => {
    await fill();
    await recountAll();
    await expectFilled();
    expect(await store.recount()).toBeGreaterThan(0);
  });

  it('numbers of groups that were evicted are told right at the next question', async () => {
    await fill();
    await redis.client.del(ALL_SHARDS.map((shard) => keys.contexts(shard)));
    await expectFilled();
    await store.catalog.remove({ context: busy });
    expect(await store.fair.heaviest('groups')).toEqual({ groups: 2, bytes: 2 * WEIGHT, alone: true });
    // One of some numbers only, and one that knows of groups that an evicted index has lost.
    await redis.client.zRem(keys.contexts(groupShard(groupRef('q0').imageKey)), quiet);
    expect(await store.fair.heaviest('groups')).toMatchObject({ groups: 2 });
    await redis.client.del(ALL_SHARDS.map((shard) => keys.index(shard)));
    expect(await store.fair.heaviest('groups')).toBeUndefined();
    expect(await store.fair.heaviest('bytes')).toBeUndefined();
    expect(await store.fair.evictGroupsOfHeaviest('bytes', 4)).toEqual({ groups: 0, sources: 0, bytes: 0 });
  });

  it('sums of bytes that were evicted come back with the first count anew, and are never below nothing until then', async () => {
    await fill();
    await redis.client.del(ALL_SHARDS.map((shard) => keys.sums(shard)));
    expect((await store.fair.usageOf(busy)).bytes).toBe(0);
    await store.catalog.remove({ context: busy, imageKey: groupRef('k1').imageKey });
    await commit(testSource('1'), ['k1', busy]);
    expect((await store.fair.usageOf(busy)).bytes).toBe(WEIGHT);
    await store.recount();
    await expectFilled();
  });

  it('what contexts were charged for sources that were evicted from the book is charged no more', async () => {
    await fill();
    await redis.client.del(keys.held(testSource('0').record.digest));
    await store.catalog.remove({ context: busy });
    expect(await store.fair.usageOf(busy)).toEqual({ groups: 0, bytes: WEIGHT });
    await recountAll();
    expect(await store.fair.usageOf(busy)).toEqual(NONE);
    expect(await store.fair.usageOf(quiet)).toEqual({ groups: 2, bytes: 2 * WEIGHT });
    await store.catalog.remove({ context: quiet });
    expect(await store.fair.usageOf(quiet)).toEqual(NONE);
  });

  it('a source whose book was lost is charged to all who hold it with the next upload of it', async () => {
    await fill();
    await commit(testSource('0'), ['k0/2', busy]);
    await redis.client.del(keys.held(testSource('0').record.digest));
    await commit(testSource('0'), ['q0', quiet]);
    await recountAll();
    expect(await store.fair.usageOf(busy)).toEqual({ groups: 7, bytes: 6 * WEIGHT });
    await store.catalog.remove({ imageKey: groupRef('k0').imageKey });
    expect(await store.fair.usageOf(busy)).toEqual({ groups: 6, bytes: 6 * WEIGHT });
    await store.catalog.remove({ imageKey: groupRef('k0/2').imageKey });
    expect(await store.fair.usageOf(busy)).toEqual({ groups: 5, bytes: 5 * WEIGHT });
    expect(await store.fair.usageOf(quiet)).toEqual({ groups: 2, bytes: 2 * WEIGHT });
  });

  it('is exact after counting under uploads, replacements and clears', async () => {
    const sources = Array.from({ length: 24 }, (_, n) => testSource(`${n}`));
    await Promise.all(sources.map((source) => storeBlobs(store.blobs, source)));
    let isOver = false;
    const counting = (async () => {
      while (!isOver) await store.recount();
    })();
    for (let round = 0; round < 12; round++) {
      await Promise.all(
        sources.map(async (source, n) => {
          const context = (n + round) % 3 ? busy : quiet;
          await store.catalog.commit(commitOf(source, [groupRef(`k${(n * 7 + round) % 20}`, context)]));
          if ((n + round) % 11 === 0)
            await store.catalog.remove({ context, imageKey: groupRef(`k${n % 20}`).imageKey });
        }),
      );
    }
    isOver = true;
    await counting;
    for (const context of [busy, quiet]) {
      const found = await keysOf(context);
      const entries = await Promise.all(found.map((imageKey) => store.catalog.find({ context, imageKey })));
      const held = new Set(entries.map((entry) => entry?.source.digest));
      expect(await store.fair.usageOf(context)).toEqual({ groups: found.length, bytes: held.size * WEIGHT });
    }
    await store.catalog.remove({});
    expect(await store.fair.usageOf(busy)).toEqual(NONE);
    // Nothing of the bookkeeping is left but the numbers of the counts.
    expect(await redis.client.keys(`${keys.prefix}[hkn]:*`)).toEqual([]);
  });

  it('one count of a shard is exact, whatever is added, weighed anew and removed in it while it goes on', async () => {
    const inOneShard = Array.from({ length: 64 * 400 }, (_, n) => testSource(`s${n}`, { previews: [] }))
      .filter(({ record }) => digestShard(record.digest) === 7)
      .slice(0, 320);
    const existing = inOneShard.slice(0, 240);
    await Promise.all(existing.map((source, n) => commit(source, [`k${n}`, busy])));
    // Begun by nobody else before; the sums are put in the place of the old ones at its end, and by no other count.
    let isOver = false;
    const counting = store.recount().then((sources) => {
      isOver = true;
      return sources;
    });
    let changesUnderWay = 0;
    for (const [n, source] of inOneShard.entries()) {
      if (n % 4 === 0) await commit(source, [`k${n}`, quiet]);
      else if (n % 4 === 1) await store.catalog.remove({ imageKey: groupRef(`k${n}`).imageKey });
      else if (n % 4 === 2) await commit(testSource(`w${n}`, { previews: [] }), [`k${n}`, busy]);
      if (!isOver) changesUnderWay++;
    }
    expect(await counting).toBeGreaterThan(200);
    expect(changesUnderWay).toBeGreaterThan(0);
    const left = (await keysOf(busy)).length;
    // Three quarters of the first 240 (those that were not removed), and every fourth of the 80 behind them.
    expect(left).toBe(180 + 20);
    expect(await store.fair.usageOf(busy)).toEqual({ groups: left, bytes: left * 200 });
    expect(await store.fair.usageOf(quiet)).toEqual({ groups: 80, bytes: 80 * 200 });
  });

  it('a count that another node gave up is taken over, one that is under way is left to it', async () => {
    await commit(testSource('a'), ['k', busy]);
    const shard = digestShard(testSource('a').record.digest);
    await redis.client.zAdd(keys.recount(shard), { value: '\x01', score: Date.now() - 1_000 });
    await store.recount();
    expect(await redis.client.exists(keys.recount(shard))).toBe(1);
    expect(await store.fair.usageOf(busy)).toEqual({ groups: 1, bytes: WEIGHT });
    aheadMs = 2 * 3_600_000;
    await recountAll();
    expect(await redis.client.exists(keys.recount(shard))).toBe(0);
    expect(await store.fair.usageOf(busy)).toEqual({ groups: 1, bytes: WEIGHT });
  });

  it('bytes of blobs whose owners were evicted are not counted twice for good, so that no limit empties the cache', async () => {
    await fill();
    const expected = { groups: 8, keys: 8, sources: 7, previewBytes: 7 * 170, sourceBytes: 7 * 200 };
    expect(await store.catalog.usage()).toEqual(expected);
    for (const round of ['1', '2']) {
      await redis.client.del(await redis.client.keys(`${keys.prefix}o:*`));
      for (const name of ['0', '1', '2', '3', '4', '5', 'own'])
        await commit(testSource(name, { sequenceId: round.repeat(16) }));
      expect(await store.catalog.usage()).toEqual(expected);
    }
    await recountAll();
    expect(await store.catalog.usage()).toEqual(expected);
    await store.catalog.remove({ context: busy });
    expect(await store.catalog.usage()).toEqual({
      groups: 2,
      keys: 2,
      sources: 2,
      previewBytes: 340,
      sourceBytes: 400,
    });
  });

  it.each([1, 2, 3, 4])(
    'half of all keys evicted (%i): eviction ends, and all is right once the rest has aged',
    async (seed) => {
      await fill();
      const all = await redis.client.keys(`${keys.prefix}*`);
      // By their names' hashes: another half for each number.
      await redis.client.del(
        all.filter(
          (key) =>
            [...`${seed}${key.slice(keys.prefix.length)}`].reduce((h, c) => (h * 31 + c.charCodeAt(0)) % 8191, seed) %
              2 ===
            0,
        ),
      );
      for (let n = 0; n < 50; n++) {
        const sources = await store.fair.evictSourcesOfHeaviest(2);
        const groups = await store.fair.evictGroupsOfHeaviest('bytes', 2);
        if (sources.sources + groups.groups === 0) break;
        expect(n).toBeLessThan(49);
      }
      await store.catalog.remove({});
      aheadMs = 3 * DAY_MS;
      while ((await store.catalog.sweep(100)).length > 0);
      await recountAll();
      expect(await store.fair.heaviest('groups')).toBeUndefined();
      await fill();
      await expectFilled();
    },
  );

  it.each(['contexts', 'sums', 'keptOf', 'recount', 'held'] as const)(
    'a key of another type in the place of its %s is removed, and everything works on',
    async (kind) => {
      await fill();
      const { digest } = testSource('0').record;
      const shard = kind === 'contexts' ? groupShard(groupRef('k0').imageKey) : digestShard(digest);
      await redis.client.set(kind === 'held' ? keys.held(digest) : keys[kind](shard), 'nonsense');
      await commit(testSource('0'), ['k0', busy], ['new', busy]);
      await recountAll();
      expect(await store.fair.heaviest('bytes')).toMatchObject({ groups: 7, alone: false });
      expect(await store.fair.evictGroupsOfHeaviest('groups', 1)).toMatchObject({ groups: 1 });
      expect(await store.fair.evictSourcesOfHeaviest(1)).toMatchObject({ sources: 1 });
    },
  );

  it('finds the one that has most among thousands, though every shard tells of a few only', async () => {
    const refs = Array.from({ length: 3_000 }, (_, n) => [`k${n}`, `t${n}` as Context] as const);
    const many = 't1500' as Context;
    await commit(testSource('a'), ...refs, ...refs.slice(0, 200).map(([key]) => [key, many] as const));
    expect(await store.fair.heaviest('groups')).toEqual({ groups: 201, bytes: WEIGHT, alone: false });
    // Every other has two sources, in two shards; this one has three, and stands out in the third alone.
    const shardOf = (source: TestSource) => digestShard(source.record.digest);
    const taken = new Set([shardOf(testSource('a'))]);
    const [common, own] = Array.from({ length: 50 }, (_, n) => testSource(`other ${n}`)).filter((source) => {
      const isNew = !taken.has(shardOf(source));
      taken.add(shardOf(source));
      return isNew;
    }) as [TestSource, TestSource];
    await commit(common, ...refs.map(([key, context]) => [`${key}/2`, context] as const));
    await commit(own, ['own', 't2000' as Context]);
    expect(await store.fair.heaviest('bytes')).toEqual({ groups: 3, bytes: 3 * WEIGHT, alone: false });
  });

  it('of kept sources, the one that the context has held longest goes first, whenever it was used', async () => {
    const names = ['c', 'a', 'd', 'b'];
    for (const name of names) {
      await commit(testSource(name), [name, busy]);
      aheadMs += 60_000;
    }
    await store.catalog.touch([{ ref: groupRef('c', busy), at: Date.now() + DAY_MS }]);
    for (const name of names) {
      expect(await store.fair.evictSourcesOfHeaviest(1)).toEqual({ groups: 0, sources: 1, bytes: 200 });
      expect((await store.catalog.find(groupRef(name, busy)))?.source.sourceKept).toBe(false);
    }
  });

  it('of thousands of groups, those that go were used longest ago but for a small share', async () => {
    const COUNT = 4_000;
    const refs = Array.from({ length: COUNT }, (_, n) => [`k${n}`, busy] as const);
    await commit(testSource('a'), ...refs);
    const start = Date.now() + DAY_MS;
    await store.catalog.touch(refs.map(([key], n) => ({ ref: groupRef(key, busy), at: start + n * 1_000 })));
    expect(await store.fair.evictGroupsOfHeaviest('groups', 16)).toMatchObject({ groups: 16 });
    const gone: number[] = [];
    for (const [n, [key]] of refs.entries())
      if ((await redis.client.exists(keys.group(groupRef(key, busy)))) === 0) gone.push(n);
    expect(gone).toHaveLength(16);
    // 1,024 are looked at, so the 16 oldest of them are the 63 oldest of all on average; a tenth is far beyond chance.
    expect(Math.max(...gone)).toBeLessThan(COUNT / 10);
  });

  it('a group that was used or uploaded again since the oldest were looked for stays', async () => {
    for (const n of [0, 1, 2, 3, 4, 5]) {
      await commit(testSource(`${n}`), [`k${n}`, busy]);
      aheadMs += 60_000;
    }
    expect(await store.fair.evictGroupsOfHeaviest('groups', 1)).toMatchObject({ groups: 1 });
    await store.catalog.touch([{ ref: groupRef('k1', busy), at: Date.now() + DAY_MS }]);
    await commit(testSource('2'), ['k2', busy]);
    await store.catalog.remove({ imageKey: groupRef('k3').imageKey });
    expect(await store.fair.evictGroupsOfHeaviest('groups', 2)).toMatchObject({ groups: 1 });
    expect(await keysOf(busy)).toEqual(['k1', 'k2', 'k5']);
  });

  it('a source that more contexts share than one step can tell is released by each as it was charged', async () => {
    const contexts = Array.from({ length: 700 }, (_, n) => `t${n}` as Context);
    const small = blobOf('small', 50);
    await commit(testSource('a', { previews: [small], complete: false }), ...contexts.map((of) => ['k', of] as const));
    expect(await store.fair.usageOf('t699' as Context)).toEqual({ groups: 1, bytes: 250 });
    await commit(testSource('a', { previews: [small, blobOf('large', 120)] }));
    for (const context of contexts.slice(0, 650)) await store.catalog.remove({ context });
    for (const context of contexts.slice(0, 650)) expect(await store.fair.usageOf(context)).toEqual(NONE);
    await store.catalog.remove({});
    expect(await redis.client.keys(`${keys.prefix}[hkn]:*`)).toEqual([]);
    expect(await store.fair.heaviest('bytes')).toBeUndefined();
    for (const context of contexts.slice(650)) expect(await store.fair.usageOf(context)).toEqual(NONE);
  });
});
