// Backends that do nothing and claim success: a contract that one of them passes proves nothing.
import { NONE_ENDED } from '../../src/kernel/library/import-job.js';
import type { Assets } from '../../src/kernel/ports/assets.js';
import type { BlobStore } from '../../src/kernel/ports/blobs.js';
import type { Catalog } from '../../src/kernel/ports/catalog.js';
import type { CatalogWalk } from '../../src/kernel/ports/catalog-walk.js';
import type { Deliveries } from '../../src/kernel/ports/deliveries.js';
import type { Derivatives } from '../../src/kernel/ports/derivatives.js';
import type { Endpoints } from '../../src/kernel/ports/endpoints.js';
import type { FairEviction } from '../../src/kernel/ports/fair-eviction.js';
import type { Folders } from '../../src/kernel/ports/folders.js';
import type { Grants } from '../../src/kernel/ports/grants.js';
import type { Insight } from '../../src/kernel/ports/insight.js';
import type { Jobs } from '../../src/kernel/ports/jobs.js';
import type { Leases } from '../../src/kernel/ports/leases.js';
import type { Originals } from '../../src/kernel/ports/originals.js';
import type { Refusals } from '../../src/kernel/ports/refusals.js';
import type { Takedowns } from '../../src/kernel/ports/takedowns.js';
import type { Uploads } from '../../src/kernel/ports/uploads.js';
import type { WorkNotes } from '../../src/kernel/ports/work-notes.js';

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
  holds: async () => false,
  commit: async () => [],
  addPyramid: async () => 'added',
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

export const doNothingWalk: CatalogWalk = {
  groups: async function* () {},
  sources: async function* () {},
};

export const doNothingNotes: WorkNotes = {
  read: async () => undefined,
  write: async () => {},
};

export const doNothingTakedowns: Takedowns = {
  findTombstone: async () => undefined,
  block: async () => {},
  unblock: async () => false,
  tombstones: async () => [],
  begin: async () => undefined,
  noteStep: async () => undefined,
  stepOf: async () => undefined,
  begun: async () => [],
  append: async () => 1,
  after: async () => [],
  last: async () => 0,
  find: async () => undefined,
  acknowledge: async () => {},
  acknowledged: async () => [],
  present: async () => {},
  leave: async () => {},
  holders: async () => [],
  hookOf: async () => undefined,
  noteHook: async () => {},
  openHooks: async () => [],
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

export const doNothingInsight: Insight = { heaviestContexts: async () => [], latestUsed: async () => [] };

export const doNothingRefusals: Refusals = {
  find: async () => undefined,
  note: async () => {},
  list: async function* () {},
  forget: async () => 0,
};

export const doNothingDerivatives: Derivatives = {
  sourceOf: async () => undefined,
  noteSource: async () => {},
  tagged: async () => undefined,
  noteTag: async () => {},
  find: async () => undefined,
  put: async () => {},
  read: async () => undefined,
  usage: async () => ({ entries: 0, bytes: 0 }),
  evict: async () => 0,
  forgetSource: async () => 0,
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
  contextOf: async () => undefined,
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
  usage: async () => ({ assets: 0, originals: 0, bytes: 0, openImports: 0, openSlots: 0 }),
  sweep: async () => ({ assets: 0, originals: 0, imports: 0 }),
  hasRoom: async () => true,
  holders: async () => new Map(),
  dropUnneeded: async () => true,
  letGo: async () => [],
  noteCleared: async () => {},
};

export const doNothingUploads: Uploads = {
  openSession: async (wanted) => ({ ...wanted, number: 1, createdAt: 0, updatedAt: 0 }),
  findSession: async () => undefined,
  listSessions: async () => ({ entries: [] }),
  closeSession: async () => undefined,
  assetsOf: async () => ({ entries: [] }),
  countOf: async () => 0,
  prepare: async () => undefined,
  prepareVersion: async () => undefined,
  findSlot: async () => undefined,
  receive: async () => ({ outcome: 'unknown' }),
  commit: async () => undefined,
  setHead: async () => undefined,
  sweepSlots: async () => 0,
};

export const doNothingJobs: Jobs = {
  enqueue: async () => {},
  claim: async () => [],
  renew: async () => true,
  note: async () => true,
  finish: async () => 'finished',
  retryAt: async () => true,
  release: async () => true,
  hasten: async () => false,
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
  isThere: async () => false,
};

export const doNothingDeliveries: Deliveries = {
  admit: async (_context, _receiver, now) => now,
  note: async () => {},
  log: async () => [],
  failing: async () => [],
  enable: async () => false,
  sweep: async () => 0,
};

export const doNothingEndpoints: Endpoints = {
  list: async () => [],
  add: async () => undefined,
  change: async () => undefined,
  remove: async () => false,
};

export const doNothingGrants: Grants = {
  put: async () => {},
  find: async () => undefined,
  sweepGrants: async () => 0,
};

export const doNothingFolders: Folders = {
  create: async () => false,
  find: async () => undefined,
  add: async () => {},
  withdraw: async () => {},
  batchesOf: async () => [],
};
