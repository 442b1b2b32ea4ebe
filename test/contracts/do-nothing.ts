// Backends that do nothing and claim success: a contract that one of them passes proves nothing.
import { NONE_ENDED } from '../../src/kernel/library/import-job.js';
import type { Assets } from '../../src/kernel/ports/assets.js';
import type { BlobStore } from '../../src/kernel/ports/blobs.js';
import type { Catalog } from '../../src/kernel/ports/catalog.js';
import type { Deliveries } from '../../src/kernel/ports/deliveries.js';
import type { Derivatives } from '../../src/kernel/ports/derivatives.js';
import type { FairEviction } from '../../src/kernel/ports/fair-eviction.js';
import type { Jobs } from '../../src/kernel/ports/jobs.js';
import type { Leases } from '../../src/kernel/ports/leases.js';
import type { Originals } from '../../src/kernel/ports/originals.js';
import type { Refusals } from '../../src/kernel/ports/refusals.js';

export const doNothingBlobs: BlobStore = {
  tier: 'disk',
  get: async () => undefined,
  slice: async () => undefined,
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

export const doNothingDerivatives: Derivatives = {
  sourceOf: async () => undefined,
  noteSource: async () => {},
  find: async () => undefined,
  put: async () => {},
  read: async () => undefined,
  usage: async () => ({ entries: 0, bytes: 0 }),
  evict: async () => 0,
  close: async () => {},
};

export const doNothingAssets: Assets = {
  acceptImport: async ({ id, context, dialect, items }) => ({
    outcome: 'accepted',
    job: { id, context, dialect, items: items.length, ended: NONE_ENDED, acceptedAt: 0 },
  }),
  findImport: async () => undefined,
  itemsOf: async () => [],
  findItem: async () => undefined,
  listImports: async () => ({ entries: [] }),
  findAsset: async () => undefined,
  findAssets: async () => new Map(),
  findVersion: async () => undefined,
  findByReference: async () => undefined,
  findByNumber: async () => undefined,
  listAssets: async () => ({ entries: [] }),
  versionsOf: async () => [],
  trash: async () => undefined,
  restore: async () => undefined,
  erase: async () => true,
  usage: async () => ({ assets: 0, originals: 0, bytes: 0, openImports: 0 }),
  sweep: async () => ({ assets: 0, originals: 0, imports: 0 }),
};

export const doNothingJobs: Jobs = {
  enqueue: async () => {},
  claim: async () => [],
  renew: async () => true,
  note: async () => true,
  finish: async () => 'finished',
  retryAt: async () => true,
  release: async () => true,
  find: async () => undefined,
  counts: async () => [],
  oldestDue: async () => undefined,
  sweep: async () => 0,
  onDue: () => () => {},
  close: async () => {},
};

export const doNothingOriginals: Originals = {
  keep: async () => {},
  copyTo: async () => false,
  read: async () => undefined,
  isWhole: async () => false,
};

export const doNothingDeliveries: Deliveries = {
  admit: async (_context, _receiver, now) => now,
  note: async () => {},
  log: async () => [],
  failing: async () => [],
  enable: async () => false,
  sweep: async () => 0,
};
