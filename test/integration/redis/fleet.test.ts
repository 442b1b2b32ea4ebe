// The Fleet port on real servers, one alone and a Cluster: who tells is seen by all, who is silent is forgotten, and what somebody else
// has put there is left out.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LEVELS, type ProcessReport, SUMS, type Track } from '../../../src/kernel/process-report.js';
import { KeyLayout } from '../../../src/stores/redis/key-layout.js';
import { FakeClock } from '../../support/fake-clock.js';
import { until } from '../../support/gate.js';
import { type RedisServer, type RedisServers, startCluster, startStandalone } from '../../support/redis-servers.js';
import { newPrefix, openTestStore, realClock, type TestStore } from '../../support/redis-store.js';

const NONE = Object.fromEntries([...SUMS, ...LEVELS].map((name) => [name, 0])) as never;
const TRACK: Track = {
  ...{ stepMs: 10_000, lastSlot: 1 },
  values: Object.fromEntries([...SUMS, ...LEVELS].map((name) => [name, [null, 1]])) as never,
};

function reportOf(node: string, at: number): ProcessReport {
  return {
    ...{ node, host: 'host', worker: 0, version: '1.2.3', startedAt: 5, at, draining: false },
    figures: { sums: NONE, levels: NONE },
    past: { hour: TRACK, day: TRACK, failures: [], sightings: { newest: [], largest: [], asked: [] } },
  };
}

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

    /** A store that is up: on a busy machine it opens before its servers have answered. */
    async function open(prefix: string, options: Parameters<typeof openTestStore>[2] = {}): Promise<TestStore> {
      const store = await openTestStore(servers.url, prefix, options);
      await until(() => store.state() === 'up', 'a store that is up');
      return store;
    }

    it('tells every node what each says, the latest of it', async () => {
      const prefix = newPrefix();
      const [store, peer] = await Promise.all([open(prefix), open(prefix)]);
      const now = realClock.now();
      await store.fleet.tell(reportOf('one', now - 5));
      await peer.fleet.tell(reportOf('two', now));
      await store.fleet.tell(reportOf('one', now));
      for (const { fleet } of [store, peer]) {
        const told = [...(await fleet.reports())].sort((a, b) => (a.node < b.node ? -1 : 1));
        expect(told).toEqual([reportOf('one', now), reportOf('two', now)]);
      }
      await Promise.all([store.close(), peer.close()]);
    });

    it('forgets who has been silent for a minute', async () => {
      const wall = new FakeClock();
      const clock = { now: () => wall.now(), monotonic: () => realClock.monotonic() };
      const store = await open(newPrefix(), { clock });
      await store.fleet.tell(reportOf('silent', wall.now()));
      wall.advance(59_000);
      await store.fleet.tell(reportOf('talking', wall.now()));
      expect(await store.fleet.reports()).toHaveLength(2);
      wall.advance(2_000);
      expect((await store.fleet.reports()).map(({ node }) => node)).toEqual(['talking']);
      wall.jump(-2_000);
      // It was taken away, and not only passed over.
      expect(await store.fleet.reports()).toHaveLength(1);
      await store.close();
    });

    it('leaves out what is no report, and a key of another type', async () => {
      const prefix = newPrefix();
      const store = await open(prefix);
      const key = new KeyLayout(prefix).fleet;
      const now = realClock.now();
      await store.fleet.tell(reportOf('one', now));
      const nonsense = ['', 'null', '{}', '[]', '{"figures":{}}', JSON.stringify({ ...reportOf('x', now), past: {} })];
      const cli = async (...args: readonly string[]) => {
        // A Cluster's other masters say that the key is not theirs.
        for (const master of masters) await master.cli(...args).catch(() => undefined);
      };
      for (const [index, text] of nonsense.entries()) await cli('HSET', key, `nonsense-${index}`, text);
      await cli('HSET', key, 'figures', JSON.stringify({ ...reportOf('y', now), figures: { sums: {}, levels: NONE } }));
      expect((await store.fleet.reports()).map(({ node }) => node)).toEqual(['one']);
      await cli('DEL', key);
      await cli('SET', key, 'a text');
      expect(await store.fleet.reports()).toEqual([]);
      await store.fleet.tell(reportOf('one', now));
      expect(await store.fleet.reports()).toHaveLength(1);
      await store.close();
    });
  });
}
