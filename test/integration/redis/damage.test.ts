// Whatever is overwritten, evicted or flushed in Redis: never served, counted where it is damage, and everything works on.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestShard, groupShard, KeyLayout } from '../../../src/stores/redis/key-layout.js';
import { eventually } from '../../support/gate.js';
import { blobOf, commitOf, groupRef, storeBlobs, testSource } from '../../support/records.js';
import { redisOfFile } from '../../support/redis-of-file.js';
import { newPrefix, openTestStore, type TestStore } from '../../support/redis-store.js';

const ref = groupRef('key', 'tenant');
const source = testSource('a');
const preview = blobOf('small a', 50);

describe('one Redis server', () => {
  const redis = redisOfFile();
  let store: TestStore;
  let keys: KeyLayout;

  beforeEach(async () => {
    await redis.servers.flush();
    const prefix = newPrefix();
    keys = new KeyLayout(prefix);
    store = await openTestStore(redis.servers.url, prefix);
    await commit();
  });
  afterEach(() => store.close());

  async function commit(): Promise<void> {
    await storeBlobs(store.blobs, source);
    expect(await store.catalog.commit(commitOf(source, [ref]))).toEqual([]);
  }

  /** Everything works and tells the truth again after a new upload. */
  async function expectHealed(): Promise<void> {
    await commit();
    expect((await store.catalog.find(ref))?.source).toEqual(source.record);
    expect(await store.blobs.get(preview.digest)).toEqual(preview.bytes);
    expect(await store.catalog.count()).toBe(1);
    expect(await store.catalog.remove({})).toBe(1);
    expect(await store.catalog.count()).toBe(0);
    expect(await store.catalog.find(ref)).toBeUndefined();
  }

  it('a commit that finds a damaged record of its source in place does not take it for its own', async () => {
    const key = keys.source(source.record.digest);
    const text = (await redis.client.get(key)) ?? '';
    const late = testSource('a', { complete: false });
    const others = [groupRef('other'), groupRef('late')] as const;
    // In each part: token, flags, sequence, seal, the JSON behind them, and its last byte; by what may stand there and by what may not.
    const places = [0, 3, 11, 12, 13, 20, 40, 62, 70, text.length >> 1, text.length - 1];
    const flipped = (at: number) => String.fromCharCode(text.charCodeAt(at) ^ 1);
    for (const [at, character] of places.flatMap((at) => [[at, flipped(at)] as const, [at, '!'] as const])) {
      const damaged = `${text.slice(0, at)}${character}${text.slice(at + 1)}`;
      for (const [other, what] of [
        [others[0], source],
        [others[1], late],
      ] as const) {
        await redis.client.set(key, damaged);
        await storeBlobs(store.blobs, what);
        expect(await store.catalog.commit(commitOf(what, [other])), `byte ${at}`).toEqual([]);
        expect((await store.catalog.find(other))?.source.digest, `byte ${at}`).toBe(source.record.digest);
        await store.catalog.remove({});
        await commit();
      }
    }
  });

  it('names that somebody put into our sets, and that are no digests, reach nobody', async () => {
    const shard = digestShard(source.record.digest);
    for (const evil of ['../../etc/passwd', source.record.digest.toUpperCase(), '']) {
      await redis.client.sAdd(keys.orphans(shard), evil);
      await redis.client.sAdd(keys.unfinished(shard), evil);
      for (const key of [keys.used(shard), keys.evictable(shard), keys.refusals(shard)])
        await redis.client.zAdd(key, { score: 1, value: evil });
    }
    expect(await store.catalog.sweep(100)).toEqual([]);
    expect(await redis.client.sCard(keys.orphans(shard))).toBe(0);
    const unfinished: string[] = [];
    for await (const digest of store.catalog.unfinished()) unfinished.push(digest);
    expect(unfinished).toEqual([]);
    await store.catalog.evictSources(10);
    await store.recount();
    await expectHealed();
  });

  const damages: readonly (readonly [what: string, key: () => string])[] = [
    ['group', () => keys.group(ref)],
    ['source', () => keys.source(source.record.digest)],
  ];

  for (const [what, key] of damages) {
    it.each(['', '{}', 'garbage \u0000\uffff', 'x'.repeat(5_000)])(
      `a ${what} overwritten with %j is absent, counted, and made anew`,
      async (garbage) => {
        await redis.client.set(key(), garbage);
        expect(await store.catalog.find(ref)).toBeUndefined();
        expect(await store.catalog.count()).toBe(0);
        expect(store.metrics.total('damaged_records_total')).toBeGreaterThanOrEqual(1);
        expect(store.logger.at('warn').length).toBeGreaterThan(0);
        await expectHealed();
      },
    );

    it(`a ${what} with any one bit flipped is never served as another`, async () => {
      const length = await redis.client.strLen(key());
      let asked = 0;
      let served = 0;
      for (let at = 0; at < length * 8; at += 41) {
        await redis.client.setBit(key(), at, (await redis.client.getBit(key(), at)) === 1 ? 0 : 1);
        const entry = await store.catalog.find(ref);
        asked++;
        if (entry) {
          served++;
          expect({ ...entry.source, sourceKept: true }).toEqual(source.record);
          expect(entry.group).toMatchObject(ref);
        }
        await commit();
        // What is absent above is absent for its damage, and not because nothing is ever found.
        expect((await store.catalog.find(ref))?.source).toEqual(source.record);
      }
      expect(asked).toBeGreaterThan(10);
      console.log(`${served} of ${asked} flipped bits of a ${what} left it as it was`);
    });
  }

  it('a blob overwritten with garbage is absent, counted, and can be stored again', async () => {
    await redis.client.set(keys.blob(preview.digest), 'garbage');
    expect(await store.blobs.get(preview.digest)).toBeUndefined();
    expect(store.metrics.total('damaged_blobs_total', { tier: 'shared' })).toBe(1);
    expect(await store.catalog.commit(commitOf(source, [ref]))).toEqual([preview.digest]);
    await expectHealed();
  });

  const everyKey = (): Record<string, string> => {
    const { digest } = source.record;
    const shard = digestShard(digest);
    return {
      group: keys.group(ref),
      index: keys.index(groupShard(ref.imageKey)),
      access: keys.access(groupShard(ref.imageKey)),
      source: keys.source(digest),
      refs: keys.refs(digest),
      used: keys.used(shard),
      evictable: keys.evictable(shard),
      unfinished: keys.unfinished(shard),
      blob: keys.blob(preview.digest),
      owners: keys.owners(preview.digest),
      totals: keys.totals(digestShard(preview.digest)),
      orphans: keys.orphans(digestShard(preview.digest)),
    };
  };

  it.each(
    Object.keys({
      group: 0,
      index: 0,
      access: 0,
      source: 0,
      refs: 0,
      used: 0,
      evictable: 0,
      unfinished: 0,
      blob: 0,
      owners: 0,
      totals: 0,
      orphans: 0,
    }),
  )('a key of a wrong type in place of %s is tolerated and put right', async (name) => {
    const key = everyKey()[name] as string;
    await redis.client.unlink(key);
    await redis.client.xAdd(key, '*', { wrong: 'type' });
    const entry = await store.catalog.find(ref);
    if (entry) expect(entry.source).toEqual(source.record);
    const bytes = await store.blobs.get(preview.digest);
    if (bytes) expect(bytes).toEqual(preview.bytes);
    await store.catalog.count();
    await store.catalog.usage();
    await store.catalog.touch([{ ref, at: Date.now() + 1_000 }]);
    await store.catalog.sweep(10);
    for await (const _ of store.catalog.unfinished());
    await store.catalog.evictSources(1);
    await expectHealed();
    expect(await redis.client.type(key)).not.toBe('stream');
  });

  it.each(Object.keys({ group: 0, index: 0, access: 0, source: 0, refs: 0, used: 0, blob: 0, owners: 0, totals: 0 }))(
    'an evicted %s is healed or a miss, and a clear still reaches all there is',
    async (name) => {
      await redis.client.unlink(everyKey()[name] as string);
      const entry = await store.catalog.find(ref);
      if (entry) expect(entry.source).toEqual(source.record);
      await store.catalog.remove({});
      expect(await store.catalog.find(ref)).toBeUndefined();
      expect(await store.catalog.count()).toBe(0);
      await expectHealed();
    },
  );

  it('FLUSHALL is seen at once: nothing of before is served, and everything can be stored again', async () => {
    expect(await store.catalog.find(ref)).toBeDefined();
    await redis.servers.flush();
    await eventually(async () => store.catalog.revisionOf(ref) === undefined, 'the end of everything');
    expect(await store.catalog.find(ref)).toBeUndefined();
    expect(await store.blobs.get(preview.digest)).toBeUndefined();
    await expectHealed();
  });

  it('with 30 % of all keys gone at random every answer is right or a miss, and all can be stored again', async () => {
    const all = Array.from({ length: 60 }, (_, n) => ({
      ref: groupRef(`key ${n}`, `tenant ${n % 3}`),
      source: testSource(`${n}`),
    }));
    const storeAll = async () => {
      for (const one of all) {
        await storeBlobs(store.blobs, one.source);
        expect(await store.catalog.commit(commitOf(one.source, [one.ref]))).toEqual([]);
      }
    };
    await storeAll();
    const present = await redis.client.keys('*');
    // A fixed generator, so that a failure can be seen again.
    let random = 42;
    const gone = present.filter(() => {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
      return random < 0.3 * 2 ** 32;
    });
    expect(gone.length).toBeGreaterThan(50);
    await redis.client.unlink(gone);
    let hits = 0;
    for (const one of all) {
      const entry = await store.catalog.find(one.ref);
      if (entry) expect(entry.source).toEqual(one.source.record);
      if (entry) hits++;
      for (const { digest, bytes } of one.source.previews) {
        const got = await store.blobs.get(digest);
        if (got) expect(got).toEqual(bytes);
      }
    }
    expect(hits).toBeGreaterThan(0);
    expect(hits).toBeLessThan(all.length);
    await store.catalog.sweep(1_000);
    await storeAll();
    for (const one of all) expect((await store.catalog.find(one.ref))?.source).toEqual(one.source.record);
    await store.catalog.remove({});
    for (const one of all) expect(await store.catalog.find(one.ref)).toBeUndefined();
  });

  it('data of a newer version is refused, and left alone', async () => {
    await redis.client.set(keys.schema, '2');
    await expect(openTestStore(redis.servers.url, keys.prefix)).rejects.toThrow(
      /expected data of version 1 .*got version 2/,
    );
    expect(await redis.client.get(keys.schema)).toBe('2');
    expect(await redis.client.exists(keys.group(ref))).toBe(1);
  });
});
