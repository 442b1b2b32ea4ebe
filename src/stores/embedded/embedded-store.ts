// The embedded store: catalog, blobs and leases of one machine under one data directory, shared by all its processes.
// Several servers on one data directory share one cache (LMDB serialises their writes) where they run in one PID namespace of one
// machine, on a local file system; each looks after its limits. Of several namespaces one has the directory at a time.
import { accessSync, constants, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Digest } from '../../kernel/digest.js';
import type { GroupRef } from '../../kernel/image-key.js';
import type { BlobStore } from '../../kernel/ports/blobs.js';
import type { Catalog } from '../../kernel/ports/catalog.js';
import type { CatalogWalk } from '../../kernel/ports/catalog-walk.js';
import type { AgingClock } from '../../kernel/ports/clock.js';
import type { FairEviction } from '../../kernel/ports/fair-eviction.js';
import type { Leases } from '../../kernel/ports/leases.js';
import type { Logger } from '../../kernel/ports/logger.js';
import type { Metrics } from '../../kernel/ports/metrics.js';
import type { Refusals } from '../../kernel/ports/refusals.js';
import type { Takedowns } from '../../kernel/ports/takedowns.js';
import type { WorkNotes } from '../../kernel/ports/work-notes.js';
import { BlobFiles } from './blob-files.js';
import { BlobReader } from './blob-reads.js';
import { CatalogDamage } from './catalog-damage.js';
import { FileBlobs } from './file-blobs.js';
import { GroupLock, HeldByOthers, lockDir } from './group-lock.js';
import { LmdbCatalog } from './lmdb-catalog.js';
import { LmdbCatalogWalk } from './lmdb-catalog-walk.js';
import { LmdbEnvironment } from './lmdb-environment.js';
import { LmdbInsight } from './lmdb-insight.js';
import { LmdbLeases } from './lmdb-leases.js';
import { LmdbRefusals, type RefusalsOptions } from './lmdb-refusals.js';
import { LmdbTakedowns } from './lmdb-takedowns.js';
import { makeDirs } from './make-dirs.js';
import { openCatalogTables } from './open-catalog.js';
import { OrphanSweep } from './orphan-sweep.js';
import { bootId, processGroup } from './process-identity.js';
import { ScratchDir } from './scratch-dir.js';
import { DataDirError, DirectoryInUse, errnoOf } from './storage-errors.js';
import { tellingWaits } from './waiting-told.js';

/** Far longer than any upload and conversion takes from its first blob to its commit. */
const ORPHAN_GRACE_MS = 3_600_000;

export interface EmbeddedStoreOptions {
  /** Made when it is not there. Holds catalog/, blobs/, takedowns/, leases-.../, tmp/, in-use/ and reserve (see DiskSpace); anything else in it is left alone. */
  readonly dataDir: string;
  readonly clock: AgingClock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Acknowledged work survives a power cut too, not only a crash of the process. Default false. */
  readonly fsync?: boolean;
  /** Age in ms under which a blob file that no record names is left alone. Default one hour. */
  readonly orphanGraceMs?: number;
  /** A start that waits for another process says so on standard output, beside the logger, which cannot speak then. Default false. */
  readonly tellsWaits?: boolean;
  /** See `CatalogOptions`. */
  readonly setsAside?: boolean;
  /** How failed sources are remembered; absent: not at all. */
  readonly refusals?: Omit<RefusalsOptions, 'clock'>;
}

export interface EmbeddedStore {
  readonly catalog: Catalog & FairEviction;
  readonly insight: LmdbInsight;
  readonly walk: CatalogWalk;
  readonly takedowns: Takedowns;
  readonly notes: WorkNotes;
  readonly blobs: BlobStore;
  readonly leases: Leases;
  /** Absent where failed sources are not remembered. */
  readonly refusals?: Refusals;
  /** This process's own directory for unfinished files, on the blobs' file system; removed when the process is gone. */
  readonly tmpDir: string;
  /** Held by this process until `close` has closed everything else; others reach it by this. */
  readonly lock: GroupLock;
  /** Looks at a bounded number of blob files, and removes those that no record names. Resolves with how many. */
  sweepOrphans(): Promise<number>;
  /** All groups, in batches. */
  groups(): AsyncIterable<readonly GroupRef[]>;
  /** The length of a blob that the catalog knows, at once; `undefined` for others. */
  bytesOf(digest: Digest): number | undefined;
  close(): Promise<void>;
}

/**
 * Opens the store. Throws `DataDirError` when the data directory cannot be used, with what to do about it,
 * and `DirectoryInUse` while a server of another PID namespace has it.
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
  const { dataDir, clock, logger, metrics, fsync = false, setsAside = true } = options;
  let [lock, scratch]: [GroupLock | undefined, ScratchDir | undefined] = [undefined, undefined];
  try {
    const blobsDir = join(dataDir, 'blobs');
    makeDirs(blobsDir);
    const held = await GroupLock.take(lockDir(dataDir), processGroup());
    lock = held;
    const own = await ScratchDir.open(join(dataDir, 'tmp'), held);
    scratch = own;
    const tmpDir = own.path;
    const files = new BlobFiles(blobsDir);
    const durability = fsync ? 'full' : 'consistent';
    const path = join(dataDir, 'catalog');
    const processes = (await held.others()).map(({ pid }) => pid);
    const mayWait = options.tellsWaits === true && processes.length > 0;
    const tables = await tellingWaits(mayWait ? { processes } : undefined, () =>
      openCatalogTables({ path, durability, clock, logger, lock: held, setsAside }),
    );
    const damage = new CatalogDamage({ path, opened: tables.identity, lock: held, logger, metrics });
    const catalog = new LmdbCatalog(tables, files, clock, damage);
    const passing = LmdbEnvironment.open(leasesDir(dataDir), 'none');
    const leases = await LmdbLeases.open(passing);
    const { refusals: rules } = options;
    const refusals = rules && passing.atOnce(() => new LmdbRefusals(passing, { ...rules, clock }));
    const bytesOf = (digest: Digest): number | undefined => catalog.bytesOf(digest);
    const blobs = new FileBlobs({
      files,
      reader: new BlobReader(clock),
      clock,
      tmpDir,
      bytesOf,
      fsync,
      logger,
      metrics,
    });
    const graceMs = options.orphanGraceMs ?? ORPHAN_GRACE_MS;
    const takedowns = LmdbTakedowns.open(dataDir);
    const orphans = new OrphanSweep({ catalog, files, clock, logger, graceMs });
    return {
      catalog,
      insight: new LmdbInsight(tables, damage),
      walk: new LmdbCatalogWalk(tables, damage),
      takedowns,
      notes: takedowns.notes,
      blobs,
      leases,
      ...(refusals && { refusals }),
      tmpDir,
      lock: held,
      bytesOf,
      groups: () => catalog.groups(),
      sweepOrphans: () => orphans.run(),
      close: async () => {
        await Promise.all([blobs.close(), leases.close(), catalog.close(), takedowns.close()]);
        own.close();
        held.release();
      },
    };
  } catch (error) {
    scratch?.close();
    lock?.release();
    if (error instanceof HeldByOthers)
      throw new DirectoryInUse(
        dataDir,
        error.holders.map(({ pid }) => pid),
      );
    throw dataDirError(dataDir, error);
  }
}

/** The leases of this start of the machine; those of earlier ones mean nothing any more and are removed. */
function leasesDir(dataDir: string): string {
  const name = `leases-${bootId() || 'unknown'}`;
  for (const other of readdirSync(dataDir))
    if (other.startsWith('leases-') && other !== name) rmSync(join(dataDir, other), { recursive: true, force: true });
  return join(dataDir, name);
}

function dataDirError(dataDir: string, error: unknown): unknown {
  if (error instanceof DataDirError || errnoOf(error) === undefined) return error;
  const code = obstacleAt(dataDir) ?? errnoOf(error);
  return new DataDirError(
    `expected a data directory that can be written, got ${code} at ${dataDir}: check its owner, its free space, and that it is on a local disk`,
    { cause: error },
  );
}

/** What keeps the directory, or the nearest one above it that exists, from being written. */
function obstacleAt(path: string): string | undefined {
  try {
    accessSync(path, constants.W_OK);
    return undefined;
  } catch (error) {
    return errnoOf(error) === 'ENOENT' && dirname(path) !== path ? obstacleAt(dirname(path)) : errnoOf(error);
  }
}
