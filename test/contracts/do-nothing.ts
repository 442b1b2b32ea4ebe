// Backends that do nothing and claim success: a contract that one of them passes proves nothing.
import type { BlobStore } from '../../src/kernel/ports/blobs.js';
import type { Catalog } from '../../src/kernel/ports/catalog.js';
import type { FairEviction } from '../../src/kernel/ports/fair-eviction.js';
import type { Leases } from '../../src/kernel/ports/leases.js';
import type { Refusals } from '../../src/kernel/ports/refusals.js';

export const doNothingBlobs: BlobStore = {
  tier: 'disk',
  get: async () => undefined,
  put: async () => {},
  putFile: async () => {},
  copyTo: async () => false,
  has: async () => false,
  delete: async () => {},
  close: async () => {},
};

export const doNothingCatalog: Catalog = {
  find: async () => undefined,
  findSource: async () => undefined,
  commit: async () => [],
  remove: async () => 0,
  removeGroup: async () => false,
  count: async () => 0,
  keys: async function* () {},
  usage: async () => ({
    groups: 0,
    keys: 0,
    sources: 0,
    previewBytes: 0,
    sourceBytes: 0,
  }),
  oldestUse: async () => undefined,
  touch: async () => {},
  evictSources: async () => ({ groups: 0, sources: 0, bytes: 0 }),
  evictGroups: async () => ({ groups: 0, sources: 0, bytes: 0 }),
  sweep: async () => [],
  unfinished: async function* () {},
  generation: () => 0,
  revisionOf: () => undefined,
  close: async () => {},
};

export const doNothingLeases: Leases = {
  acquire: async () => undefined,
  waitUntilFree: async () => {},
  close: async () => {},
};

export const doNothingFairEviction: FairEviction = {
  usageOf: async () => ({ groups: 0, bytes: 0 }),
  heaviest: async () => undefined,
  evictSourcesOfHeaviest: async () => ({ groups: 0, sources: 0, bytes: 0 }),
  evictGroupsOfHeaviest: async () => ({ groups: 0, sources: 0, bytes: 0 }),
};

export const doNothingRefusals: Refusals = {
  find: async () => undefined,
  note: async () => {},
  list: async function* () {},
  forget: async () => 0,
};
