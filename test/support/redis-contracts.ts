// The contracts of all ports on one kind of Redis servers; each kind is a test file of its own, so that they run side by side.
import { afterAll, beforeAll, describe } from 'vitest';
import { blobStoreContract } from '../contracts/blob-store.contract.js';
import { catalogContract } from '../contracts/catalog.contract.js';
import type { Opened } from '../contracts/contract.js';
import { fairEvictionContract } from '../contracts/fair-eviction.contract.js';
import { leasesContract } from '../contracts/leases.contract.js';
import type { RedisServers } from './redis-servers.js';
import { newPrefix, openTestStore, realClock, type TestStore } from './redis-store.js';

/** Tests of the servers that `start` starts once. */
export function redisContracts(name: string, start: () => Promise<RedisServers>): void {
  describe(name, () => {
    let servers: RedisServers;
    beforeAll(async () => {
      servers = await start();
    });
    afterAll(() => servers.stop());

    async function openAlone<S>(subject: (store: TestStore) => S): Promise<Opened<S>> {
      const store = await openTestStore(servers.url, newPrefix());
      return { subject: subject(store), close: () => store.close() };
    }

    async function open<S>(subject: (store: TestStore, peer: TestStore) => S): Promise<Opened<S>> {
      const prefix = newPrefix();
      const [store, peer] = await Promise.all([openTestStore(servers.url, prefix), openTestStore(servers.url, prefix)]);
      return {
        subject: subject(store, peer),
        close: async () => void (await Promise.all([store.close(), peer.close()])),
      };
    }

    blobStoreContract(name, () => openAlone(({ blobs }) => ({ blobs })));
    leasesContract(name, () => open(({ leases }, peer) => ({ leases, peer: peer.leases })));
    const openCatalog = () =>
      open(({ catalog, fair, blobs }, peer) => {
        return { catalog, fair, peer: peer.catalog, peerFair: peer.fair, blobs, clock: realClock };
      });
    catalogContract(name, openCatalog);
    fairEvictionContract(name, openCatalog);
  });
}
