// The contracts of all ports on one kind of Redis servers; each kind is a test file of its own, so that they run side by side.
import { afterAll, beforeAll, describe } from 'vitest';
import { digestOf } from '../../src/kernel/digest.js';
import { blobStoreContract } from '../contracts/blob-store.contract.js';
import { catalogContract } from '../contracts/catalog.contract.js';
import { catalogWalkContract } from '../contracts/catalog-walk.contract.js';
import type { Opened } from '../contracts/contract.js';
import { fairEvictionContract } from '../contracts/fair-eviction.contract.js';
import { insightContract } from '../contracts/insight.contract.js';
import { leasesContract } from '../contracts/leases.contract.js';
import { takedownsContract } from '../contracts/takedowns.contract.js';
import { workNotesContract } from '../contracts/work-notes.contract.js';
import { eventually, until } from './gate.js';
import type { RedisServers } from './redis-servers.js';
import { newPrefix, openTestStore, PATIENT, realClock, type TestStore } from './redis-store.js';

/**
 * A store that is up: on a busy machine it opens before its servers have answered. Blobs have a connection of their own, which a
 * cluster's client calls offline until it knows every node.
 */
async function openPatiently(url: string, prefix: string): Promise<TestStore> {
  const store = await openTestStore(url, prefix, PATIENT);
  await until(() => store.state() === 'up', 'a store that is up');
  await eventually(
    async () => !(await store.blobs.has(digestOf(Buffer.from('nobody put this')))),
    'blobs can be asked for',
  );
  return store;
}

/** Tests of the servers that `start` starts once. */
export function redisContracts(name: string, start: () => Promise<RedisServers>): void {
  describe(name, () => {
    let servers: RedisServers;
    beforeAll(async () => {
      servers = await start();
    });
    afterAll(() => servers.stop());

    async function openAlone<S>(subject: (store: TestStore) => S): Promise<Opened<S>> {
      const store = await openPatiently(servers.url, newPrefix());
      return { subject: subject(store), close: () => store.close() };
    }

    async function open<S>(subject: (store: TestStore, peer: TestStore) => S): Promise<Opened<S>> {
      const prefix = newPrefix();
      const [store, peer] = await Promise.all([openPatiently(servers.url, prefix), openPatiently(servers.url, prefix)]);
      return {
        subject: subject(store, peer),
        close: async () => void (await Promise.all([store.close(), peer.close()])),
      };
    }

    blobStoreContract(name, () => openAlone(({ blobs }) => ({ blobs })));
    leasesContract(name, () => open(({ leases }, peer) => ({ leases, peer: peer.leases })));
    const openCatalog = () =>
      open(({ catalog, fair, blobs }, peer) => {
        const { catalog: seen, fair: peerFair, insight, walk } = peer;
        return { catalog, fair, peer: seen, peerFair, insight, walk, blobs, clock: realClock };
      });
    catalogContract(name, openCatalog);
    fairEvictionContract(name, openCatalog);
    insightContract(name, openCatalog);
    catalogWalkContract(name, openCatalog);
    workNotesContract(name, () => open(({ notes }, peer) => ({ notes, peer: peer.notes })));
    takedownsContract(name, () => open(({ takedowns }, peer) => ({ takedowns, peer: peer.takedowns })));
  });
}
