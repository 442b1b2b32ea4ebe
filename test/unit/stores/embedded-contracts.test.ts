// The embedded store keeps the contracts of all three ports.
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { blobStoreContract, damagedBlobContract } from '../../contracts/blob-store.contract.js';
import { catalogContract } from '../../contracts/catalog.contract.js';
import { catalogWalkContract } from '../../contracts/catalog-walk.contract.js';
import { fairEvictionContract } from '../../contracts/fair-eviction.contract.js';
import { insightContract } from '../../contracts/insight.contract.js';
import { leasesContract } from '../../contracts/leases.contract.js';
import { takedownsContract } from '../../contracts/takedowns.contract.js';
import { workNotesContract } from '../../contracts/work-notes.contract.js';
import { blobPath, openTestStore } from '../../support/embedded.js';

const openCatalog = async () => {
  const store = await openTestStore();
  const peer = await store.another();
  return {
    subject: {
      catalog: store.catalog,
      fair: store.catalog,
      peer: peer.catalog,
      peerFair: peer.catalog,
      insight: peer.insight,
      walk: peer.walk,
      blobs: store.blobs,
      clock: store.clock,
    },
    close: async () => {
      await peer.close();
      await store.dispose();
    },
  };
};
catalogContract('the embedded catalog', openCatalog);
fairEvictionContract('the embedded catalog', openCatalog);
insightContract('the embedded catalog', openCatalog);
catalogWalkContract('the embedded catalog', openCatalog);

workNotesContract('embedded notes', async () => {
  const store = await openTestStore();
  const peer = await store.another();
  return {
    subject: { notes: store.notes, peer: peer.notes },
    close: async () => {
      await peer.close();
      await store.dispose();
    },
  };
});

takedownsContract('embedded takedowns', async () => {
  const store = await openTestStore();
  const peer = await store.another();
  return {
    subject: { takedowns: store.takedowns, peer: peer.takedowns },
    close: async () => {
      await peer.close();
      await store.dispose();
    },
  };
});

leasesContract('embedded leases', async () => {
  const store = await openTestStore();
  const peer = await store.another();
  return {
    subject: { leases: store.leases, peer: peer.leases },
    close: async () => {
      await peer.close();
      await store.dispose();
    },
  };
});

for (const fsync of [false, true]) {
  const name = fsync ? 'file blobs with fsync' : 'file blobs';
  const open = async () => {
    const store = await openTestStore({ fsync });
    return {
      subject: {
        blobs: store.blobs,
        flipBit: async (digest: string) => {
          const path = blobPath(store.dataDir, digest);
          const bytes = await readFile(path);
          bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
          await writeFile(path, bytes);
        },
        truncate: async (digest: string) => {
          const path = blobPath(store.dataDir, digest);
          await truncate(path, (await readFile(path)).length - 1);
        },
      },
      close: store.dispose,
    };
  };
  blobStoreContract(name, open);
  damagedBlobContract(name, open);
}
