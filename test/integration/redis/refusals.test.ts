// The refusals contract on real servers, one alone and a Cluster, and what is theirs alone: expiry, bounds, damage, outage.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Digest, digestOf } from '../../../src/kernel/digest.js';
import type { Failure, Refusal, Refusals } from '../../../src/kernel/ports/refusals.js';
import { digestShard, KeyLayout } from '../../../src/stores/redis/key-layout.js';
import { collect } from '../../contracts/contract.js';
import { REFUSALS_MAX_ENTRIES, REFUSALS_TTL_MS, refusalsContract } from '../../contracts/refusals.contract.js';
import { FakeClock } from '../../support/fake-clock.js';
import { type RedisServer, type RedisServers, startCluster, startStandalone } from '../../support/redis-servers.js';
import { newPrefix, openTestStore, realClock, type TestStore } from '../../support/redis-store.js';

const LIMITS = { ttlMs: REFUSALS_TTL_MS, maxEntries: REFUSALS_MAX_ENTRIES };
const CORRUPT: Failure = { code: 'source-undecodable', message: 'it is corrupt', certain: true };

/** Takes `ms` from what every key under the prefix still has to live. */
const AGE = `
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
  local left = redis.call('PTTL', key)
  if left >= 0 then redis.call('PEXPIRE', key, left - ARGV[2]) end
end`;

function refusalsOf({ refusals }: TestStore): Refusals {
  if (refusals === undefined) throw new Error('expected a store that remembers what failed');
  return refusals;
}
const source = (name: string): Digest => digestOf(Buffer.from(name));
const all = async (refusals: Refusals): Promise<Refusal[]> => (await collect(refusals.list())).flat();

for (const [name, start] of [
  ['one Redis server', startStandalone],
  ['a Redis Cluster', startCluster],
] as const) {
  describe(name, () => {
    let servers: RedisServers;
    let masters: readonly RedisServer[];
    beforeAll(async () => {
      servers = await start();
      masters = await servers.masters();
    });
    afterAll(() => servers.stop());

    async function open(limits = LIMITS) {
      const prefix = newPrefix();
      const wall = new FakeClock();
      const clock = { now: () => wall.now(), monotonic: () => realClock.monotonic() };
      const [store, peer, others] = await Promise.all(
        ['these', 'these', 'others'].map((rules) =>
          openTestStore(servers.url, prefix, { clock, refusals: { ...limits, rules } }),
        ),
      );
      if (!store || !peer || !others) throw new Error('expected three stores');
      const advance = async (ms: number) => {
        wall.advance(ms);
        await Promise.all(masters.map((master) => master.cli('EVAL', AGE, '0', prefix, String(ms))));
      };
      const subject = {
        refusals: refusalsOf(store),
        peer: refusalsOf(peer),
        otherRules: refusalsOf(others),
        now: () => wall.now(),
        advance,
      };
      const close = async () => void (await Promise.all([store, peer, others].map((opened) => opened.close())));
      return { subject, prefix, close };
    }

    refusalsContract(name, () => open());

    it('leaves nothing without an end, and no name long after its entry', async () => {
      const { subject, prefix, close } = await open();
      for (let n = 0; n < 10; n++) await subject.refusals.note(source(`${n}`), CORRUPT);
      const left = async () => {
        const replies = await Promise.all(
          masters.map((master) => master.cli('EVAL', "return redis.call('KEYS', ARGV[1] .. '[fx]:*')", '0', prefix)),
        );
        return replies.join('\n').split('\n').filter(Boolean);
      };
      expect((await left()).filter((key) => key.startsWith(`${prefix}f:`))).toHaveLength(10);
      await subject.advance(REFUSALS_TTL_MS);
      expect((await left()).filter((key) => key.startsWith(`${prefix}f:`))).toEqual([]);
      await subject.advance(60_000);
      expect(await left()).toEqual([]);
      await close();
    });

    it('lists page by page, and keeps the number bounded in a flood from two nodes', async () => {
      const { subject, close } = await open({ ttlMs: REFUSALS_TTL_MS, maxEntries: 500 });
      const { refusals, peer, advance } = subject;
      // One shard has more than a page of names, many of them of the same end.
      const uneven = Array.from({ length: 20_000 }, (_, n) => source(`u${n}`)).filter((d) => digestShard(d) === 7);
      for (const digest of uneven.slice(0, 130)) await refusals.note(digest, CORRUPT);
      await advance(1_000);
      for (let n = 0; n < 100; n++) await peer.note(source(`${n}`), CORRUPT);
      const listed = await all(peer);
      expect(new Set(listed.map((refusal) => refusal.source)).size).toBe(230);
      expect(listed).toHaveLength(230);
      expect(listed.map(({ until }) => until)).toEqual(listed.map(({ until }) => until).toSorted((a, b) => a - b));
      await advance(1_000);
      for (let round = 0; round < 10; round++)
        await Promise.all(
          Array.from({ length: 100 }, (_, n) => (n % 2 ? refusals : peer).note(source(`f${round}-${n}`), CORRUPT)),
        );
      expect((await all(refusals)).length).toBeLessThanOrEqual(500);
      expect((await all(refusals)).length).toBeGreaterThan(300);
      expect(await refusals.find(source('f9-99'))).toBeDefined();
      await close();
    });
  });
}

describe('refusals on one Redis server', () => {
  it('forget what was damaged or evicted, take no note on a full server, and fail in the port’s way when it is away', async () => {
    const servers = await startStandalone();
    const prefix = newPrefix();
    const keys = new KeyLayout(prefix);
    const store = await openTestStore(servers.url, prefix, { refusals: { ...LIMITS, rules: 'these' } });
    const refusals = refusalsOf(store);
    try {
      for (const name of ['a', 'b', 'c', 'd']) await refusals.note(source(name), CORRUPT);
      await servers.server.cli('HSET', keys.refusal(source('a')), 'code', 'storage-full');
      await servers.server.cli('SET', keys.refusal(source('b')), 'a text');
      await servers.server.cli('DEL', keys.refusals(digestShard(source('c'))));
      await servers.server.cli('HSET', keys.refusal(source('d')), 'strikes', 'many');
      expect(await all(refusals)).toEqual([]);
      for (const name of ['a', 'b', 'c', 'd']) {
        expect(await refusals.find(source(name))).toBeUndefined();
        await refusals.note(source(name), CORRUPT);
        expect(await refusals.find(source(name))).toMatchObject(CORRUPT);
      }
      await servers.server.cli('CONFIG', 'SET', 'maxmemory', '1');
      await refusals.note(source('full'), CORRUPT);
      await servers.server.cli('CONFIG', 'SET', 'maxmemory', '0');
      expect(await refusals.find(source('full'))).toBeUndefined();
      await servers.server.kill();
      const away = { code: 'shared-tier-unreachable' };
      await expect(refusals.find(source('a'))).rejects.toMatchObject(away);
      await expect(refusals.note(source('a'), CORRUPT)).rejects.toMatchObject(away);
      await expect(all(refusals)).rejects.toMatchObject(away);
      await expect(refusals.forget()).rejects.toMatchObject(away);
    } finally {
      await store.close();
      await servers.stop();
    }
  });
});
