// Opens the shared tier: connections, what the node remembers, and the ports on top.
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { RecordKey } from '../../kernel/credentials.js';
import type { Digest } from '../../kernel/digest.js';
import { ProofsheetError } from '../../kernel/errors.js';
import type { BlobStore } from '../../kernel/ports/blobs.js';
import type { Catalog } from '../../kernel/ports/catalog.js';
import type { CatalogWalk } from '../../kernel/ports/catalog-walk.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Derivatives } from '../../kernel/ports/derivatives.js';
import type { FairEviction } from '../../kernel/ports/fair-eviction.js';
import type { Fleet } from '../../kernel/ports/fleet.js';
import type { Insight } from '../../kernel/ports/insight.js';
import type { Leases } from '../../kernel/ports/leases.js';
import type { Logger } from '../../kernel/ports/logger.js';
import type { Metrics } from '../../kernel/ports/metrics.js';
import type { Refusals } from '../../kernel/ports/refusals.js';
import type { Takedowns } from '../../kernel/ports/takedowns.js';
import type { WorkNotes } from '../../kernel/ports/work-notes.js';
import { parseRedisUrl } from '../../kernel/redis-url.js';
import type { BlobMarks } from '../blob-marks.js';
import type { OriginalBytes } from '../original-bytes.js';
import { Availability } from './availability.js';
import { CatalogReader } from './catalog-reader.js';
import { clockOffsetMs } from './clock-offset.js';
import { CONNECT_TIMEOUT_MS, connect, SOCKET_TIMEOUT_MS } from './connect.js';
import type { Connection } from './connection.js';
import { ContextLedger } from './context-ledger.js';
import { evictionPolicy } from './eviction-policy.js';
import { GroupIndex } from './group-index.js';
import { keepOpen } from './keep-open.js';
import { KeyLayout, SCHEMA_VERSION } from './key-layout.js';
import { Link } from './link.js';
import { NodeMemory } from './node-memory.js';
import { Recount } from './recount.js';
import { RedisBlobMarks } from './redis-blob-marks.js';
import { RedisBlobStore } from './redis-blob-store.js';
import { RedisCatalog } from './redis-catalog.js';
import { RedisCatalogWalk } from './redis-catalog-walk.js';
import { RedisDerivatives } from './redis-derivatives.js';
import { RedisFairEviction } from './redis-fair-eviction.js';
import { RedisFleet } from './redis-fleet.js';
import { RedisInsight } from './redis-insight.js';
import { RedisLeases } from './redis-leases.js';
import { RedisOriginalBytes } from './redis-original-bytes.js';
import { RedisRefusals, type RedisRefusalsOptions } from './redis-refusals.js';
import { RedisTakedowns } from './redis-takedowns.js';
import { RedisWorkNotes } from './redis-work-notes.js';
import { Seals } from './seals.js';
import { DEFAULT_DEADLINES, type RedisDeadlines, type Session } from './session.js';
import { Tracking } from './tracking.js';
import { Troubles } from './troubles.js';

export interface RedisStoreOptions {
  /** See `parseRedisUrl`. */
  readonly url: string;
  /** Take the place of those in the URL. */
  readonly user?: string;
  readonly password?: string;
  /** PEM file of the authority that signed the server's certificate. */
  readonly caFile?: string;
  /** Begins every key, so that deployments can share a server. Default `proofsheet:`. */
  readonly keyPrefix?: string;
  /** The first seals records, all are believed; absent: a checksum without a key, which anybody can make. */
  readonly recordKeys?: readonly RecordKey[];
  /** Seconds that a blob lives after its last write, commit or noted access; at least 60. */
  readonly blobTtlSeconds: number;
  /** The largest preview that is stored. */
  readonly maxBlobBytes: number;
  /** The largest source that is stored, 0 for none; default 1 MiB, never more than `maxBlobBytes`. */
  readonly maxSourceBytes?: number;
  /** Bound of what this node remembers of the catalog; default 64 MiB. */
  readonly memoryMaxBytes?: number;
  /** Time in which a connection must stand, in ms; default 1,000. */
  readonly connectTimeoutMs?: number;
  /** A connection without a byte either way for this long is given up, in ms; default `SOCKET_TIMEOUT_MS`. */
  readonly socketTimeoutMs?: number;
  readonly deadlines?: Partial<RedisDeadlines>;
  /** Absent: no failures are remembered. */
  readonly refusals?: RedisRefusalsOptions;
  /** Where blobs are kept elsewhere, and only their marks here: told which of them were swept. */
  readonly onSwept?: (digests: readonly Digest[]) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface RedisStore {
  readonly catalog: Catalog;
  readonly fair: FairEviction;
  readonly insight: Insight;
  readonly walk: CatalogWalk;
  readonly takedowns: Takedowns;
  readonly notes: WorkNotes;
  /** All servers that use these keys. */
  readonly fleet: Fleet;
  /** Puts right what contexts are charged, a bounded number of sources at a time. Resolves with how many were looked at. */
  recount(): Promise<number>;
  readonly blobs: BlobStore;
  readonly derivatives: Derivatives;
  /** For blobs that are kept elsewhere, instead of `blobs`. */
  readonly marks: BlobMarks;
  readonly leases: Leases;
  readonly refusals?: Refusals;
  /** For a library whose originals are kept here. */
  readonly originals: OriginalBytes;
  /** What a server takes away when it is full; `undefined` when it cannot be asked, or does not say. */
  evictionPolicy(): Promise<string | undefined>;
  /** How far our clock is ahead of the server's, in whole ms; negative behind it, `undefined` when it cannot be asked. */
  clockOffsetMs(): Promise<number | undefined>;
  /** `up`: every server that is needed can be asked, and every change is told to us. */
  state(): 'up' | 'down';
  /** Why the server has not been of use yet, when it does not want us: nothing can be served until that is mended. */
  refusal(): string | undefined;
  /** Ends all connections at once. */
  close(): Promise<void>;
}

/** Tries again once the socket would have been given up: trials count as bytes, see `SOCKET_TIMEOUT_MS`. */
const breaker = (socketTimeoutMs: number) => ({ failures: 5, openMs: socketTimeoutMs + 500 });
/** How long opening waits for a server that says nothing; without it the store is `down` at first. */
const OPEN_WAIT_MS = 3_000;
const DEFAULT_MAX_SOURCE_BYTES = 1 << 20;
const DEFAULT_MEMORY_MAX_BYTES = 64 << 20;
const MIN_TTL_SECONDS = 60;

/**
 * Resolves once the server answered, refused us or `OPEN_WAIT_MS` passed: a server that is away is a store that is `down`, not an
 * error. Throws a `RangeError` for options out of range, and `internal` when the data is of a newer version.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<RedisStore> {
  if (!(options.blobTtlSeconds >= MIN_TTL_SECONDS))
    throw new RangeError(
      `expected a blob time to live of at least ${MIN_TTL_SECONDS} s, got ${options.blobTtlSeconds}`,
    );
  const { clock, logger } = options;
  const keys = new KeyLayout(options.keyPrefix ?? 'proofsheet:');
  const deadlines = { ...DEFAULT_DEADLINES, ...options.deadlines };
  const memory = new NodeMemory(options.memoryMaxBytes ?? DEFAULT_MEMORY_MAX_BYTES);
  const troubles = new Troubles(logger);
  // Both are told of what comes in on a connection, and are made over that connection.
  const tracking = new Tracking(keys.trackedPrefixes, {
    invalidated: (key) => forget(key === undefined ? 'all' : keys.tracked(key), memory, leases),
    lost: () => availability.coherence.lost(),
  });
  const isAway = () => availability.coherence.state === 'away';
  const { records, bulk } = await linksOf(options, tracking, troubles, isAway);
  const availability = new Availability({
    ...{ records, bulk, memory, troubles, deadlines, clock, logger },
    refusalOfData: () => newerSchema(records.connection, keys),
  });
  const session = sessionOf(options, records, keys, deadlines);
  const leases = new RedisLeases(session);
  const blobs = new RedisBlobStore(session, bulk, { maxBlobBytes: options.maxBlobBytes });
  const groups = new GroupIndex(session);
  const recount = new Recount(session);
  const reader = new CatalogReader(session, memory, availability.coherence);
  const catalog = new RedisCatalog(session, reader, groups, options.onSwept);

  const ending = new AbortController();
  const onError = (error: unknown) => troubles.connection(error);
  for (const { connection } of [records, bulk]) void keepOpen(connection, ending.signal, onError);
  availability.coherence.start();
  const close = async () => {
    ending.abort();
    availability.coherence.close();
    await leases.close();
    await Promise.all([records.connection.close(), bulk.connection.close()]);
  };
  const waited = delay(OPEN_WAIT_MS, undefined, { ref: false });
  await Promise.race([availability.settled, troubles.firstRefusal, waited]);
  if (availability.refused) {
    await close();
    throw availability.refused;
  }
  const contexts = new ContextLedger(session, groups);
  return {
    catalog,
    fair: new RedisFairEviction(session, contexts, catalog),
    insight: new RedisInsight(session, contexts),
    walk: new RedisCatalogWalk(session),
    takedowns: new RedisTakedowns(session),
    notes: new RedisWorkNotes(session),
    fleet: new RedisFleet(session),
    recount: () => recount.run(),
    marks: new RedisBlobMarks(session),
    blobs,
    derivatives: new RedisDerivatives(session, blobs),
    leases,
    originals: new RedisOriginalBytes(session, bulk),
    evictionPolicy: () => evictionPolicy(records, keys.schema, deadlines.getMs),
    clockOffsetMs: () => clockOffsetMs(records, keys.schema, deadlines.getMs, clock),
    ...(options.refusals && { refusals: new RedisRefusals(session, options.refusals) }),
    state: () => (availability.isUp ? 'up' : 'down'),
    refusal: () => troubles.refusal,
    close,
  };
}

/** One connection for what is small and tracked, one for bytes, so that no record waits behind a blob. */
async function linksOf(
  { url, user, password, caFile, clock, connectTimeoutMs = CONNECT_TIMEOUT_MS, ...options }: RedisStoreOptions,
  tracking: Tracking,
  troubles: Troubles,
  isAway: () => boolean,
): Promise<{ readonly records: Link; readonly bulk: Link }> {
  const address = {
    ...parseRedisUrl(url),
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
  };
  const caPem = caFile === undefined ? undefined : await readFile(caFile, 'utf8');
  const onError = (error: unknown) => troubles.connection(error);
  const { socketTimeoutMs = SOCKET_TIMEOUT_MS } = options;
  const common = { address, connectTimeoutMs, socketTimeoutMs, ...(caPem !== undefined && { caPem }), onError };
  const manners = { ...breaker(socketTimeoutMs), onFailure: (error: unknown) => troubles.command(error) };
  return {
    records: new Link(connect({ ...common, binary: false, tracking }), clock, manners),
    bulk: new Link(connect({ ...common, binary: true }), clock, manners, isAway),
  };
}

function sessionOf(options: RedisStoreOptions, link: Link, keys: KeyLayout, deadlines: RedisDeadlines): Session {
  const { clock, logger, metrics, recordKeys, blobTtlSeconds, maxBlobBytes } = options;
  return {
    link,
    keys,
    clock,
    logger,
    metrics,
    seals: new Seals(recordKeys),
    deadlines,
    blobTtlMs: blobTtlSeconds * 1_000,
    maxSourceBytes: Math.min(options.maxSourceBytes ?? DEFAULT_MAX_SOURCE_BYTES, maxBlobBytes),
  };
}

/** Forgets what a changed key was remembered by; `undefined` is a key that nothing is remembered by. */
function forget(changed: ReturnType<KeyLayout['tracked']> | 'all', memory: NodeMemory, leases: RedisLeases): void {
  if (changed === 'all') {
    memory.forgetAll();
    leases.changed(undefined);
  } else if (changed?.kind === 'group') memory.dropGroup(changed.name);
  else if (changed?.kind === 'source') memory.dropSource(changed.name);
  else if (changed?.kind === 'lease') leases.changed(changed.name);
}

/** Marks the data as ours; resolves with an error when it is of another version. */
async function newerSchema(connection: Connection, { schema }: KeyLayout): Promise<ProofsheetError | undefined> {
  await connection.send(schema, ['SET', schema, String(SCHEMA_VERSION), 'NX']);
  const version = String(await connection.send(schema, ['GET', schema]));
  if (version === String(SCHEMA_VERSION)) return undefined;
  return new ProofsheetError(
    'internal',
    `expected data of version ${SCHEMA_VERSION} under the Redis key prefix, got version ${version}; use another prefix`,
  );
}
