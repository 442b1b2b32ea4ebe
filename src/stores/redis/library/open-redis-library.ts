// Opens the library of many machines: its records and its queue in one Redis that takes nothing away, the bytes of its originals where
// the deployment has its blobs.
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { RecordKey } from '../../../kernel/credentials.js';
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
import { parseRedisUrl, type RedisAddress } from '../../../kernel/redis-url.js';
import type { OriginalBytes } from '../../original-bytes.js';
import { CONNECT_TIMEOUT_MS, connect, SOCKET_TIMEOUT_MS } from '../connect.js';
import { evictionPolicy, takesNothing } from '../eviction-policy.js';
import { keepOpen } from '../keep-open.js';
import { Link } from '../link.js';
import { Seals } from '../seals.js';
import { DEFAULT_DEADLINES, type RedisDeadlines } from '../session.js';
import { Troubles } from '../troubles.js';
import { LibraryChanges } from './library-changes.js';
import { LIBRARY_SCHEMA_VERSION, LibraryKeys } from './library-keys.js';
import { digestOfPlace } from './library-records.js';
import type { LibrarySession } from './library-session.js';
import { LocalBell } from './local-bell.js';
import { RedisAssets } from './redis-assets.js';
import { RedisDeliveries } from './redis-deliveries.js';
import { RedisEndpoints } from './redis-endpoints.js';
import { RedisFolders } from './redis-folders.js';
import { RedisGrants } from './redis-grants.js';
import { type JobBell, RedisJobs } from './redis-jobs.js';
import { RedisOriginals } from './redis-originals.js';
import { RedisUploads } from './redis-uploads.js';

export interface RedisLibraryOptions {
  /** See `parseRedisUrl`. */
  readonly url: string;
  /** Take the place of those in the URL. */
  readonly user?: string;
  readonly password?: string;
  /** PEM file of the authority that signed the server's certificate. */
  readonly caFile?: string;
  /** Begins every key, so that deployments can share a server. */
  readonly keyPrefix: string;
  /** The first seals records, all are believed; absent: a checksum without a key, which anybody can make. */
  readonly recordKeys?: readonly RecordKey[];
  readonly connectTimeoutMs?: number;
  readonly deadlines?: Partial<RedisDeadlines>;
  /** Where the bytes of originals are. */
  readonly bytes: OriginalBytes;
  /** The engine that wakes the nodes; absent: this process hears of its own jobs alone, and finds the others' by asking. */
  readonly engine?: (address: RedisAddress, caPem: string | undefined) => JobBell;
  /** Ms on a clock that leases end by; absent: the server's. For tests. */
  readonly leaseNow?: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface RedisLibrary {
  readonly assets: Assets;
  readonly jobs: Jobs;
  readonly originals: Originals;
  readonly deliveries: Deliveries;
  readonly endpoints: Endpoints;
  readonly folders: Folders;
  readonly uploads: Uploads;
  readonly grants: Grants;
  state(): 'up' | 'down';
  close(): Promise<void>;
}

/** The server is there, and is not to be used: its message says why, and what to do. */
export class UnfitRedis extends Error {
  override readonly name = 'UnfitRedis';
}

const BREAKER = { failures: 5, openMs: SOCKET_TIMEOUT_MS + 500 };
/** How long opening waits for the server; without it the library is `down` at first. */
const OPEN_WAIT_MS = 3_000;
const LOOK_AGAIN_MS = 500;

/**
 * Resolves once the server answered or `OPEN_WAIT_MS` passed. Throws `UnfitRedis` where the server may take keys away, and where
 * the data is of another version: nothing of the library could be made again.
 */
export async function openRedisLibrary(options: RedisLibraryOptions): Promise<RedisLibrary> {
  const { clock, logger, metrics, leaseNow, bytes } = options;
  const address = {
    ...parseRedisUrl(options.url),
    ...(options.user !== undefined && { user: options.user }),
    ...(options.password !== undefined && { password: options.password }),
  };
  const caPem = options.caFile === undefined ? undefined : await readFile(options.caFile, 'utf8');
  const troubles = new Troubles(logger);
  const onError = (error: unknown) => troubles.connection(error);
  const { connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
  const connection = connect({
    address,
    connectTimeoutMs,
    binary: false,
    ...(caPem !== undefined && { caPem }),
    onError,
  });
  const link = new Link(connection, clock, { ...BREAKER, onFailure: (error) => troubles.command(error) });
  const session: LibrarySession = {
    link,
    keys: new LibraryKeys(options.keyPrefix),
    clock,
    logger,
    metrics,
    seals: new Seals(options.recordKeys),
    deadlines: { ...DEFAULT_DEADLINES, ...options.deadlines },
    leaseNow: () => (leaseNow ? String(leaseNow()) : ''),
  };
  const ending = new AbortController();
  const close = async () => {
    ending.abort();
    await connection.close();
  };
  void keepOpen(connection, ending.signal, onError);
  const checked = untilChecked(session, ending.signal).then((refusal) => {
    if (refusal) link.block(refusal);
    else troubles.over();
    return refusal;
  });
  const refusal = await Promise.race([checked, delay(OPEN_WAIT_MS, undefined, { ref: false })]);
  if (refusal) {
    await close();
    throw refusal;
  }
  checked.then(
    (late) => late && logger.error({ error: late }, 'the Redis of the library is not to be used'),
    () => undefined,
  );

  const bell = options.engine?.(address, caPem) ?? new LocalBell();
  const changes = new LibraryChanges(session, bell.ring);
  return {
    assets: new RedisAssets(changes, (place) => bytes.remove({ digest: digestOfPlace(place), place })),
    jobs: new RedisJobs(changes, bell),
    originals: new RedisOriginals(changes, bytes),
    deliveries: new RedisDeliveries(changes),
    endpoints: new RedisEndpoints(changes),
    folders: new RedisFolders(changes),
    grants: new RedisGrants(changes),
    uploads: new RedisUploads(changes),
    state: () => (link.isUp ? 'up' : 'down'),
    close: async () => {
      await bell.close();
      await close();
    },
  };
}

/** Asks until the server answers; resolves with why it is not to be used, if so, and with nothing when `signal` aborts. */
async function untilChecked(session: LibrarySession, signal: AbortSignal): Promise<UnfitRedis | undefined> {
  while (!signal.aborted) {
    try {
      return (await wrongSchema(session)) ?? (await wrongPolicy(session));
    } catch {
      // Away; whoever needs it is told so, and it is asked again.
      await delay(LOOK_AGAIN_MS / 10, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }
  return undefined;
}

async function wrongSchema({ link, keys, deadlines }: LibrarySession): Promise<UnfitRedis | undefined> {
  const { schema } = keys;
  await link.send(schema, ['SET', schema, String(LIBRARY_SCHEMA_VERSION), 'NX'], deadlines.setMs);
  const version = String(await link.send(schema, ['GET', schema], deadlines.getMs));
  if (version === String(LIBRARY_SCHEMA_VERSION)) return undefined;
  return new UnfitRedis(
    `expected a library of version ${LIBRARY_SCHEMA_VERSION} under the Redis key prefix, got version ${version}: start the version that wrote it, or use another prefix`,
  );
}

async function wrongPolicy({ link, keys, deadlines, logger }: LibrarySession): Promise<UnfitRedis | undefined> {
  const policy = await evictionPolicy(link, keys.schema, deadlines.getMs);
  if (policy === undefined) {
    logger.warn({}, 'the Redis of the library does not tell its maxmemory-policy: it has to be noeviction');
    return undefined;
  }
  if (takesNothing(policy)) return undefined;
  return new UnfitRedis(
    `expected maxmemory-policy noeviction at the Redis that keeps the library and its jobs, got ${policy}, which takes keys away when memory is short: ` +
      'give them a server of their own with noeviction and appendonly yes, and name it by PROOFSHEET_JOBS_REDIS_URL (docs/CLUSTER.md)',
  );
}
