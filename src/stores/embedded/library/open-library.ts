// Opens the embedded library: `library/records` (LMDB) and `library/originals` (files) in the data directory, which together are
// all that has to be backed up.
import { join } from 'node:path';
import type { Assets } from '../../../kernel/ports/assets.js';
import type { Clock } from '../../../kernel/ports/clock.js';
import type { Deliveries } from '../../../kernel/ports/deliveries.js';
import type { Endpoints } from '../../../kernel/ports/endpoints.js';
import type { Folders } from '../../../kernel/ports/folders.js';
import type { Grants } from '../../../kernel/ports/grants.js';
import type { Jobs } from '../../../kernel/ports/jobs.js';
import type { Logger } from '../../../kernel/ports/logger.js';
import type { Metrics } from '../../../kernel/ports/metrics.js';
import type { Originals } from '../../../kernel/ports/originals.js';
import type { Uploads } from '../../../kernel/ports/uploads.js';
import { BlobFiles } from '../blob-files.js';
import { BlobReader } from '../blob-reads.js';
import { FileBlobs } from '../file-blobs.js';
import { machineTimeMs } from '../lmdb-leases.js';
import { makeDirs } from '../make-dirs.js';
import { FileOriginals } from './file-originals.js';
import { LibraryChanges } from './library-changes.js';
import { openLibraryTables } from './library-tables.js';
import { LmdbAssets } from './lmdb-assets.js';
import { LmdbDeliveries } from './lmdb-deliveries.js';
import { LmdbEndpoints } from './lmdb-endpoints.js';
import { LmdbFolders } from './lmdb-folders.js';
import { LmdbGrants } from './lmdb-grants.js';
import { LmdbJobs } from './lmdb-jobs.js';
import { LmdbUploads } from './lmdb-uploads.js';

export interface EmbeddedLibraryOptions {
  readonly dataDir: string;
  /** For files that are being written, on the data directory's file system. */
  readonly tmpDir: string;
  /** What is acknowledged survives a power cut too. */
  readonly fsync: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Ms on a clock that nobody can set; default the machine's. */
  readonly machineNow?: () => number;
}

export interface EmbeddedLibrary {
  readonly assets: Assets;
  readonly jobs: Jobs;
  readonly originals: Originals;
  readonly deliveries: Deliveries;
  readonly endpoints: Endpoints;
  readonly folders: Folders;
  readonly uploads: Uploads;
  readonly grants: Grants;
  close(): Promise<void>;
}

/** Throws `DataDirError` when it cannot be used, and leaves it as it is. */
export async function openEmbeddedLibrary(options: EmbeddedLibraryOptions): Promise<EmbeddedLibrary> {
  const { dataDir, tmpDir, fsync, clock, logger, metrics, machineNow = machineTimeMs } = options;
  const root = join(dataDir, 'library');
  const files = new BlobFiles(join(root, 'originals'));
  makeDirs(files.root);
  const tables = await openLibraryTables(join(root, 'records'), fsync ? 'full' : 'consistent');
  const changes = new LibraryChanges(tables, clock, (digest, bytes) => files.isStored(digest, bytes));
  const bytesOf = (): undefined => undefined;
  const blobs = new FileBlobs({
    ...{ files, tmpDir, bytesOf, fsync, logger, metrics },
    setsAside: true,
    reader: new BlobReader(clock),
    clock,
  });
  const jobs = new LmdbJobs(changes, machineNow);
  const lost = await jobs.takeBackFromTheDead();
  if (lost > 0) logger.info({ jobs: lost }, 'work that ended processes had in hand is taken up again');
  return {
    assets: new LmdbAssets(changes, (digest) => files.unlinkWithDamaged(digest)),
    jobs,
    originals: new FileOriginals(changes, files, blobs),
    deliveries: new LmdbDeliveries(changes),
    endpoints: new LmdbEndpoints(changes),
    folders: new LmdbFolders(changes),
    grants: new LmdbGrants(changes),
    uploads: new LmdbUploads(changes),
    close: () => tables.environment.close(),
  };
}
