// Masters that die, and slots that move: no wrong answer, and work goes on within a stated time.
import { createClient } from '@redis/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { groupShard, KeyLayout } from '../../../src/stores/redis/key-layout.js';
import { eventually } from '../../support/gate.js';
import { commitOf, groupRef, storeBlobs, testSource } from '../../support/records.js';
import { type RedisServer, type RedisServers, startCluster, startSentinelSet } from '../../support/redis-servers.js';
import { newPrefix, openTestStore, type TestStore } from '../../support/redis-store.js';

/** The servers need one to two seconds to agree on a new master; the rest is ours. */
const FAILOVER_MS = 15_000;
const GROUPS = 40;

const refs = Array.from({ length: GROUPS }, (_, n) => groupRef(`key ${n}`));
const sources = refs.map((_, n) => testSource(`${n}`));

async function storeAll(store: TestStore): Promise<void> {
  for (const [n, source] of sources.entries()) {
    await storeBlobs(store.blobs, source);
    expect(await store.catalog.commit(commitOf(source, [refs[n] as (typeof refs)[number]]))).toEqual([]);
  }
}

/** Every group is found, and is what was stored. */
async function expectAllRight(store: TestStore): Promise<void> {
  for (const [n, ref] of refs.entries()) expect((await store.catalog.find(ref))?.source).toEqual(sources[n]?.record);
}

for (const [name, start] of [
  ['a Redis Sentinel set', () => startSentinelSet(700)],
  ['a Redis Cluster', () => startCluster(1_500)],
] as const) {
  describe(name, () => {
    let servers: RedisServers;
    let store: TestStore;
    let peer: TestStore;

    beforeEach(async () => {
      servers = await start();
      const prefix = newPrefix();
      store = await openTestStore(servers.url, prefix);
      peer = await openTestStore(servers.url, prefix);
      await storeAll(peer);
      await expectAllRight(store);
      // What is acknowledged by a master alone may be lost with it; here only what the replicas have is to be judged.
      await eventually(async () => {
        const [master] = await servers.masters();
        return /lag=[01]\b/.test((await master?.cli('INFO', 'replication')) ?? '');
      }, 'replicas in step');
      await new Promise((resolve) => setTimeout(resolve, 1_100));
    });
    afterEach(async () => {
      await store.close();
      await peer.close();
      await servers.stop();
    });

    it('a killed master: known groups are served all the time, and a clear on another node is seen', async () => {
      const [master] = (await servers.masters()) as [RedisServer];
      await master.kill();
      const killed = performance.now();
      let recoveredAfterMs: number | undefined;
      while (recoveredAfterMs === undefined) {
        await expectAllRight(store);
        // Served from memory and refused at once, neither of which lets a timer run.
        await new Promise((resolve) => setTimeout(resolve, 20));
        try {
          await storeAll(store);
          recoveredAfterMs = performance.now() - killed;
        } catch (error) {
          expect(error).toMatchObject({ code: 'shared-tier-unreachable' });
          if (performance.now() - killed > FAILOVER_MS) throw error;
        }
      }
      console.log(`${name}: writing again ${Math.round(recoveredAfterMs)} ms after its master was killed`);
      await eventually(async () => store.state() === 'up' && peer.state() === 'up', 'both nodes up');
      await expectAllRight(store);
      await expectAllRight(peer);
      for (const ref of refs) {
        expect(await peer.catalog.remove({ imageKey: ref.imageKey })).toBe(1);
        await eventually(async () => (await store.catalog.find(ref)) === undefined, 'the clear on the other node');
      }
      expect(await store.catalog.count()).toBe(0);
    });
  });
}

describe('a Redis Cluster', () => {
  it('a shard that moves to another node is read and written on the way', async () => {
    const servers = await startCluster();
    const prefix = newPrefix();
    const keys = new KeyLayout(prefix);
    const [store, peer] = await Promise.all([openTestStore(servers.url, prefix), openTestStore(servers.url, prefix)]);
    try {
      await storeAll(peer);
      await expectAllRight(store);
      const ref = refs[0] as (typeof refs)[number];
      const slot = await (servers.servers[0] as RedisServer).cli(
        'CLUSTER',
        'KEYSLOT',
        keys.index(groupShard(ref.imageKey)),
      );
      const masters = await servers.masters();
      const inSlot = await Promise.all(
        masters.map(async (master) => Number(await master.cli('CLUSTER', 'COUNTKEYSINSLOT', slot))),
      );
      const from = masters[inSlot.findIndex((count) => count > 0)] as RedisServer;
      const to = masters.find((master) => master !== from) as RedisServer;
      const [fromId, toId] = await Promise.all([from.cli('CLUSTER', 'MYID'), to.cli('CLUSTER', 'MYID')]);
      await to.cli('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
      await from.cli('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
      // Keys hold NULs, which no command line can.
      const client = createClient({ url: `redis://127.0.0.1:${from.port}` });
      client.on('error', () => undefined);
      await client.connect();
      const moving = (await client.sendCommand(['CLUSTER', 'GETKEYSINSLOT', slot, '100'])) as unknown as string[];
      expect(moving.length).toBeGreaterThan(1);
      for (const key of moving) {
        await client.sendCommand(['MIGRATE', '127.0.0.1', `${to.port}`, key, '0', '1000']);
        await expectAllRight(store);
      }
      client.destroy();
      const writing = store.catalog.commit(commitOf(sources[1] as (typeof sources)[number], [ref]));
      for (const node of masters) await node.cli('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
      expect(await writing).toEqual([]);
      expect((await peer.catalog.find(ref))?.source).toEqual(sources[1]?.record);
      expect(await peer.catalog.remove({ imageKey: ref.imageKey })).toBe(1);
      await eventually(async () => (await store.catalog.find(ref)) === undefined, 'the clear on the other node');
    } finally {
      await store.close();
      await peer.close();
      await servers.stop();
    }
  });
});
