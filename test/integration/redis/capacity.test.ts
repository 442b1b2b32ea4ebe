// What it costs: many keys in one context, bytes of a blob, and Keyv's way against the plain client's.
import { createClient, RESP_TYPES } from '@redis/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import type { Context } from '../../../src/kernel/image-key.js';
import { KeyLayout, SHARDS } from '../../../src/stores/redis/key-layout.js';
import { blobOf, commitOf, groupRef, storeBlobs, testSource } from '../../support/records.js';
import { type RedisServer, type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { newPrefix, openTestStore, type TestStore } from '../../support/redis-store.js';

/** `PROOFSHEET_TEST_REDIS_KEYS=1000000` for the whole million. */
const KEYS = Number(process.env.PROOFSHEET_TEST_REDIS_KEYS ?? 100_000);
const GROUPS_OF_A_COMMIT = 1_000;
const tenant = 'tenant' as Context;

describe('one Redis server', () => {
  let servers: RedisServers & { readonly server: RedisServer };
  let store: TestStore;
  const prefix = newPrefix();
  beforeAll(async () => {
    servers = await startStandalone();
    store = await openTestStore(servers.url, prefix);
  });
  afterAll(async () => {
    await store.close();
    await servers.stop();
  });

  it(
    `${KEYS} keys in one context: counted without a scan, listed in order, cleared without holding up others`,
    async () => {
      const source = testSource('a');
      await storeBlobs(store.blobs, source);
      for (let from = 0; from < KEYS; from += GROUPS_OF_A_COMMIT) {
        const refs = Array.from({ length: GROUPS_OF_A_COMMIT }, (_, n) => groupRef(`k${1_000_000 + from + n}`, tenant));
        expect(await store.catalog.commit(commitOf(source, refs))).toEqual([]);
      }
      const { server } = servers;

      await server.cli('CONFIG', 'RESETSTAT');
      const countsMs: number[] = [];
      for (let n = 0; n < 21; n++) {
        const started = performance.now();
        expect(await store.catalog.count(tenant)).toBe(KEYS);
        expect(await store.catalog.count()).toBe(KEYS);
        countsMs.push((performance.now() - started) / 2);
      }
      countsMs.sort((a, b) => a - b);
      console.log(`a count of ${KEYS} keys takes ${countsMs[10]?.toFixed(1)} ms (median of 21)`);
      // 2 x 21 counts of every shard, and none of them looked at the keys themselves.
      const zlexcount = await commandStats(server, 'zlexcount');
      expect(zlexcount.calls).toBe(2 * 21 * SHARDS);
      // Two or three on a quiet machine.
      expect(zlexcount.microsecondsPerCall).toBeLessThan(50);

      let expected = 1_000_000;
      let longest = 0;
      for await (const batch of store.catalog.keys(tenant)) {
        longest = Math.max(longest, batch.length);
        for (const key of batch) if (key !== `k${expected++}`) throw new Error(`expected k${expected - 1}, got ${key}`);
      }
      expect(expected - 1_000_000).toBe(KEYS);
      expect(longest).toBeLessThanOrEqual(1_000);

      await server.cli('CONFIG', 'RESETSTAT');
      await server.cli('SLOWLOG', 'RESET');
      await server.cli('CONFIG', 'SET', 'slowlog-log-slower-than', '10000');
      const cleared = performance.now();
      expect(await store.catalog.remove({ context: tenant })).toBe(KEYS);
      console.log(`a clear of ${KEYS} keys takes ${Math.round(performance.now() - cleared)} ms`);
      const scripts = await commandStats(server, 'evalsha');
      console.log(`in ${scripts.calls} scripts of ${Math.round(scripts.microsecondsPerCall)} µs on average`);
      // The server's clock goes on while other processes have the core: single stragglers are not ours.
      expect(scripts.microsecondsPerCall).toBeLessThan(2_000);
      const slow = Number(await server.cli('SLOWLOG', 'LEN'));
      console.log(`${slow} of them took over 10 ms by the server's clock`);
      expect(slow).toBeLessThan(scripts.calls / 50);
      for (const never of ['keys', 'del', 'flushall', 'flushdb', 'scan'])
        expect((await commandStats(server, never)).calls).toBe(0);
      expect(await store.catalog.count()).toBe(0);
      expect(await store.catalog.usage()).toEqual({ groups: 0, keys: 0, sources: 0, previewBytes: 0, sourceBytes: 0 });
    },
    120_000 + KEYS,
  );

  it('a blob of 60,000 bytes takes what a plain string of that length takes, and 256 bytes more at most', async () => {
    const { digest, bytes } = blobOf('blob', 60_000);
    const key = new KeyLayout(prefix).blob(digest);
    await store.blobs.put(digest, bytes, 'preview');
    const plain = await redisClient();
    try {
      // A plain string with a name of the same length; the allocator rounds its 60,000 bytes up to 64 KiB.
      const other = key.replace(/.$/, 'z');
      await plain.set(other, bytes);
      const overhead = Number(await plain.memoryUsage(other)) - 60_000;
      expect(await plain.strLen(key)).toBe(60_000);
      expect(Number(await plain.memoryUsage(key)) - overhead).toBeLessThanOrEqual(60_256);
      const livesMs = Number(await plain.pTTL(key));
      expect(livesMs).toBeGreaterThan(3_500_000);
      expect(livesMs).toBeLessThanOrEqual(3_600_000);
    } finally {
      plain.destroy();
    }
  });

  it('blobs of 60 kB through Keyv, checked, come at no less than 0.80 of what the plain client gives, checked', async () => {
    const plain = await redisClient();
    const blobs = Array.from({ length: 100 }, (_, n) => blobOf(`speed ${n}`, 60_000));
    const all = async (work: (blob: (typeof blobs)[number]) => Promise<unknown>): Promise<number> => {
      const started = performance.now();
      for (let at = 0; at < blobs.length; at += 10) await Promise.all(blobs.slice(at, at + 10).map(work));
      return performance.now() - started;
    };
    const set = (blob: (typeof blobs)[number]) =>
      digestOf(blob.bytes) === blob.digest &&
      plain.set(`p${blob.digest}`, blob.bytes, { expiration: { type: 'PX', value: 3_600_000 } });
    const get = async (blob: (typeof blobs)[number]) =>
      digestOf((await plain.get(`p${blob.digest}`)) as Buffer) === blob.digest;
    const median = (values: number[]) => values.toSorted((a, b) => a - b)[10] as number;
    const measured = async () => {
      const ratios = { put: [] as number[], get: [] as number[] };
      for (let round = 0; round < 21; round++) {
        const plainSetMs = await all(async (blob) => set(blob));
        ratios.put.push(plainSetMs / (await all((blob) => store.blobs.put(blob.digest, blob.bytes, 'preview'))));
        const plainGetMs = await all(get);
        ratios.get.push(plainGetMs / (await all((blob) => store.blobs.get(blob.digest))));
      }
      const [put, got] = [median(ratios.put), median(ratios.get)];
      console.log(`operations/s against the plain client: put ${put.toFixed(2)}, get ${got.toFixed(2)}`);
      return Math.min(put, got);
    };
    try {
      // A second of it is short: a neighbour that is busy for so long must not decide. Too slow is too slow three times.
      let best = 0;
      for (let tries = 0; tries < 3 && best < 0.8; tries++) best = Math.max(best, await measured());
      expect(best).toBeGreaterThanOrEqual(0.8);
    } finally {
      plain.destroy();
    }
  });

  it('blobs live on while they are read, committed or touched, and expire otherwise', async () => {
    const plain = await redisClient();
    const own = newPrefix();
    const keys = new KeyLayout(own);
    const node = await openTestStore(servers.url, own, { blobTtlSeconds: 60 });
    try {
      const source = testSource('aging');
      const [preview] = source.previews as [ReturnType<typeof blobOf>];
      const key = keys.blob(preview.digest);
      const ref = groupRef('aging');
      const lives: readonly (readonly [string, () => Promise<unknown>])[] = [
        ['put', () => node.blobs.put(preview.digest, preview.bytes, 'preview')],
        ['commit', () => node.catalog.commit(commitOf(source, [ref]))],
        [
          'touch',
          async () => {
            await node.catalog.find(ref);
            await node.catalog.touch([{ ref, at: Date.now() }]);
          },
        ],
      ];
      await storeBlobs(node.blobs, source);
      for (const [what, use] of lives) {
        await plain.pExpire(key, 5_000);
        await use();
        expect([what, Number(await plain.pTTL(key)) > 50_000]).toEqual([what, true]);
      }
      await plain.pExpire(key, 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await node.blobs.get(preview.digest)).toBeUndefined();
      expect(await node.catalog.commit(commitOf(source, [ref]))).toEqual([preview.digest]);
    } finally {
      plain.destroy();
      await node.close();
    }
  });

  it('a preview over the limit is refused, a source over its limit is quietly not kept', async () => {
    const node = await openTestStore(servers.url, newPrefix(), { maxBlobBytes: 1_000, maxSourceBytes: 100 });
    try {
      const large = blobOf('large', 1_001);
      await expect(node.blobs.put(large.digest, large.bytes, 'preview')).rejects.toMatchObject({
        code: 'storage-full',
      });
      const source = testSource('large source');
      await storeBlobs(node.blobs, source);
      expect(await node.blobs.has(source.record.digest)).toBe(false);
      expect(await node.catalog.commit(commitOf(source, [groupRef('key')]))).toEqual([]);
      expect(await node.catalog.usage()).toMatchObject({ sources: 1, previewBytes: 170, sourceBytes: 0 });
      expect(await node.catalog.evictSources(5)).toMatchObject({ sources: 0 });
    } finally {
      await node.close();
    }
  });

  async function redisClient() {
    const client = createClient({
      url: servers.url,
      commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }
});

async function commandStats(
  server: RedisServer,
  command: string,
): Promise<{ calls: number; microsecondsPerCall: number }> {
  const text = await server.cli('INFO', 'commandstats');
  const [, calls = '0', perCall = '0'] =
    new RegExp(`cmdstat_${command}:calls=(\\d+),.*?usec_per_call=([\\d.]+)`).exec(text) ?? [];
  return { calls: Number(calls), microsecondsPerCall: Number(perCall) };
}
