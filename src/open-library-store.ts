// Which backend keeps the library: this machine's data directory, or the Redis of many machines with their blobs' bytes.
import { ConfigError } from './config/config-error.js';
import type { Config } from './config/schema.js';
import type { Assets } from './kernel/ports/assets.js';
import type { Deliveries } from './kernel/ports/deliveries.js';
import type { Endpoints } from './kernel/ports/endpoints.js';
import type { Folders } from './kernel/ports/folders.js';
import type { Grants } from './kernel/ports/grants.js';
import type { Jobs } from './kernel/ports/jobs.js';
import type { Originals } from './kernel/ports/originals.js';
import type { Uploads } from './kernel/ports/uploads.js';
import type { SharedOriginals, StoreDeps } from './open-storage.js';
import { openEmbeddedLibrary } from './stores/embedded/library/open-library.js';

/**
 * The cache does without an answer that is late; nothing stands in for the library's, so that it is waited for, in ms: on a machine that
 * is busy imports were refused which a second's patience takes.
 */
const LEAST_PATIENCE_MS = 1_000;

/** The ports of the library. */
export interface LibraryStore {
  readonly assets: Assets;
  readonly jobs: Jobs;
  readonly originals: Originals;
  readonly deliveries: Deliveries;
  readonly endpoints: Endpoints;
  readonly folders: Folders;
  readonly uploads: Uploads;
  readonly grants: Grants;
  /** Absent where it is a part of this process. */
  state?(): 'up' | 'down';
  close(): Promise<void>;
}

export interface LibraryStoreDeps extends StoreDeps {
  /** For unfinished files, in the data directory. */
  readonly tmpDir: string;
  /** Where many machines keep originals; `undefined`: this machine keeps the library. */
  readonly sharedOriginals: SharedOriginals | undefined;
}

/** Throws `ConfigError` where a server may take away what it is to keep, and `DataDirError` for a library of this machine. */
export async function openLibraryStore(
  config: Config,
  { tmpDir, sharedOriginals, ...deps }: LibraryStoreDeps,
): Promise<LibraryStore> {
  const { storage, shared } = config;
  const url = shared.jobsRedisUrl ?? shared.redisUrl;
  if (url === undefined || sharedOriginals === undefined)
    return openEmbeddedLibrary({ ...deps, dataDir: storage.dataDir, tmpDir, fsync: storage.fsync });
  const refusal = await sharedOriginals.refusal();
  if (refusal !== undefined) throw faultOf('shared.redisUrl', 'PROOFSHEET_REDIS_URL', refusal);
  // A server on its embedded store does not wait for clients and an engine that it does not use.
  const [{ openRedisLibrary, UnfitRedis }, { JobTickets }] = await Promise.all([
    import('./stores/redis/library/open-redis-library.js'),
    import('./stores/redis/library/job-tickets.js'),
  ]);
  const { redisKeyPrefix: keyPrefix, redisConnectTimeoutMs: connectTimeoutMs } = shared;
  try {
    return await openRedisLibrary({
      ...deps,
      url,
      // Those of another server stand in its own URL.
      ...(shared.jobsRedisUrl === undefined && {
        ...(shared.redisUser !== undefined && { user: shared.redisUser }),
        ...(shared.redisPassword !== undefined && { password: shared.redisPassword }),
      }),
      ...(shared.redisCaFile !== undefined && { caFile: shared.redisCaFile }),
      ...(shared.redisRecordKeys && { recordKeys: shared.redisRecordKeys }),
      keyPrefix,
      connectTimeoutMs,
      deadlines: {
        getMs: Math.max(LEAST_PATIENCE_MS, shared.redisCommandTimeoutMs),
        setMs: Math.max(LEAST_PATIENCE_MS, shared.redisBlobTimeoutMs),
        scriptMs: LEAST_PATIENCE_MS,
      },
      bytes: sharedOriginals.bytes,
      engine: (address, caPem) =>
        new JobTickets({
          address,
          ...(caPem !== undefined && { caPem }),
          keyPrefix: keyPrefix.endsWith(':') ? keyPrefix : `${keyPrefix}:`,
          connectTimeoutMs,
          logger: deps.logger,
        }),
    });
  } catch (error) {
    if (error instanceof UnfitRedis) throw faultOf('shared.jobsRedisUrl', 'PROOFSHEET_JOBS_REDIS_URL', error.message);
    throw error;
  }
}

function faultOf(key: string, env: string, what: string): ConfigError {
  return new ConfigError([{ key, env, what }]);
}
