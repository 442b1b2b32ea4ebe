// The contracts on real servers: one alone, a Sentinel set, a Cluster.

import { createClient } from '@redis/client';
import { afterAll, beforeAll, describe } from 'vitest';
import { KeyLayout } from '../../../src/stores/redis/key-layout.js';
import { blobStoreContract, damagedBlobContract } from '../../contracts/blob-store.contract.js';
import { catalogContract } from '../../contracts/catalog.contract.js';
import type { Opened } from '../../contracts/contract.js';
import { fairEvictionContract } from '../../contracts/fair-eviction.contract.js';
import { leasesContract } from '../../contracts/leases.contract.js';
import { type RedisServers, startCluster, startSentinelSet, startStandalone } from '../../support/redis-servers.js';
import { newPrefix, openTestStore, realClock, type TestStore } from '../../support/redis-store.js';

const topologies: readonly (readonly [name: string, start: () => Promise<RedisServers>])[] = [
  ['one Redis server', startStandalone],
  ['a Redis Sentinel set', startSentinelSet],
  ['a Redis Cluster', startCluster],
];

for (const [name, start] of topologies) {
  describe(name, () => {
    let servers: RedisServers;
    beforeAll(async () => {
      servers = await start();
    });
    afterAll(() => servers.stop());

    async function open<S>(subject: (store: TestStore, peer: TestStore) => S): Promise<Opened<S>> {
      const prefix = newPrefix();
      const [store, peer] = await Promise.all([openTestStore(servers.url, prefix), openTestStore(servers.url, prefix)]);
      return {
        subject: subject(store, peer),
        close: async () => void (await Promise.all([store.close(), peer.close()])),
      };
    }

    blobStoreContract(name, () => open(({ blobs }) => ({ blobs })));
    leasesContract(name, () => open(({ leases }, peer) => ({ leases, peer: peer.leases })));
    const openCatalog = () =>
      open(({ catalog, fair, blobs }, peer) => {
        return { catalog, fair, peer: peer.catalog, peerFair: peer.fair, blobs, clock: realClock };
      });
    catalogContract(name, openCatalog);
    fairEvictionContract(name, openCatalog);
  });
}

describe('blobs on one Redis server', () => {
  let servers: RedisServers;
  beforeAll(async () => {
    servers = await startStandalone();
  });
  afterAll(() => servers.stop());

  damagedBlobContract('one Redis server', async () => {
    const prefix = newPrefix();
    const keys = new KeyLayout(prefix);
    const store = await openTestStore(servers.url, prefix);
    const client = createClient({ url: servers.url });
    client.on('error', () => undefined);
    await client.connect();
    return {
      subject: {
        blobs: store.blobs,
        flipBit: async (digest) => {
          const bit = Number(await client.getBit(keys.blob(digest), 77));
          await client.setBit(keys.blob(digest), 77, bit === 1 ? 0 : 1);
        },
        truncate: async (digest) => {
          const key = keys.blob(digest);
          const length = await client.strLen(key);
          await client.eval("redis.call('SET', KEYS[1], redis.call('GETRANGE', KEYS[1], 0, ARGV[1]))", {
            keys: [key],
            arguments: [String(length - 2)],
          });
        },
      },
      close: async () => {
        client.destroy();
        await store.close();
      },
    };
  });
});
