// Which backends hold what: the embedded store on one machine, or the shared tier of many with this machine's disk before it.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from './config/schema.js';
import type { BlobStore } from './kernel/ports/blobs.js';
import type { CatalogWalk } from './kernel/ports/catalog-walk.js';
import type { AgingClock } from './kernel/ports/clock.js';
import type { Fleet } from './kernel/ports/fleet.js';
import type { Insight } from './kernel/ports/insight.js';
import type { Logger } from './kernel/ports/logger.js';
import type { GaugeSample, Metrics } from './kernel/ports/metrics.js';
import type { Takedowns } from './kernel/ports/takedowns.js';
import type { WorkNotes } from './kernel/ports/work-notes.js';
import type { StoreOfPreviews } from './previews/open-previews.js';
import type { BlobMarks } from './stores/blob-marks.js';
import { DiskCache } from './stores/embedded/disk-cache.js';
import { DiskSpace } from './stores/embedded/disk-space.js';
import { openEmbeddedStore } from './stores/embedded/embedded-store.js';
import { FollowedFile } from './stores/embedded/followed-file.js';
import type { GroupLock } from './stores/embedded/group-lock.js';
import { LmdbDerivatives } from './stores/embedded/lmdb-derivatives.js';
import type { OriginalBytes } from './stores/original-bytes.js';
import type { RedisStore } from './stores/redis/open-redis-store.js';
import type { S3Blobs } from './stores/s3/open-s3-blobs.js';

export interface Storage extends StoreOfPreviews {
  /** The durable blob tiers, the nearest first. */
  readonly durable: readonly [BlobStore, ...BlobStore[]];
  /** For operators. */
  readonly insight: Insight;
  readonly walk: CatalogWalk;
  readonly takedowns: Takedowns;
  readonly notes: WorkNotes;
  /** How far the copies on this machine's disk have followed takedowns; absent where its disk is the last tier. */
  readonly copies?: FollowedFile;
  /** How other servers are that share the store; absent where none does. */
  readonly fleet?: Fleet;
  /** What this process holds of the data directory; absent where others may have it at the same time. */
  readonly lock?: GroupLock;
  /** Where many machines keep a library's originals; absent: this machine does. */
  readonly originals?: SharedOriginals;
  /** Whether less of this machine's disk is free than is to be. */
  readonly isShortOfSpace?: () => Promise<boolean>;
  /** Dependencies by name; rejects when the catalog cannot be asked at all. */
  health(): Promise<Readonly<Record<string, 'up' | 'degraded' | 'down'>>>;
  /** Bytes by tier and kind, beside memory's. */
  bytesByTier(): Promise<readonly GaugeSample[]>;
  /** Closes what is not a tier: those are closed by whoever was given them. */
  close(): Promise<void>;
}

/** Where originals are that every node reads. */
export interface SharedOriginals {
  readonly bytes: OriginalBytes;
  /** Why the servers there would not keep them; `undefined` where they do. */
  refusal(): Promise<string | undefined>;
}

/** What every store is handed. */
export interface StoreDeps {
  readonly clock: AgingClock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface StorageDeps extends StoreDeps {
  /** Other processes of this machine share the data directory. */
  readonly shared: boolean;
  /** Of this server: another one may decode what this one cannot. */
  readonly version: string;
  /** This process among them, from 0. */
  readonly workerIndex: number;
}

/** Opens the storage that the configuration asks for. Throws when it cannot be used, saying what to do. */
export function openStorage(config: Config, deps: StorageDeps): Promise<Storage> {
  const { redisUrl } = config.shared;
  return redisUrl === undefined ? embeddedStorage(config, deps) : sharedStorage(config, redisUrl, deps);
}

async function embeddedStorage(config: Config, { shared, ...deps }: StorageDeps): Promise<Storage> {
  const { storage } = config;
  const store = await openEmbeddedStore({
    ...deps,
    dataDir: storage.dataDir,
    fsync: storage.fsync,
    tellsWaits: !['error', 'silent'].includes(config.telemetry.logLevel),
    orphanGraceMs: storage.orphanGraceSeconds * 1_000,
    ...refusalsOf(config, deps.version),
  });
  const derivatives = LmdbDerivatives.open({ ...deps, dataDir: storage.dataDir, tmpDir: store.tmpDir });
  const space = storage.diskMinFreeBytes > 0 ? new DiskSpace(storage.dataDir, storage.diskMinFreeBytes) : undefined;
  return {
    ...(space && { space, isShortOfSpace: async () => (await space.shortBy()) > 0 }),
    catalog: store.catalog,
    fair: store.catalog,
    insight: store.insight,
    walk: store.walk,
    takedowns: store.takedowns,
    notes: store.notes,
    durable: [store.blobs],
    ...(shared && { leases: store.leases }),
    ...(store.refusals && { refusals: store.refusals }),
    derivatives,
    tmpDir: store.tmpDir,
    lock: store.lock,
    sweepOrphans: () => store.sweepOrphans(),
    health: async () => {
      await store.catalog.usage();
      return { catalog: 'up' };
    },
    bytesByTier: async () => {
      const { previewBytes, sourceBytes } = await store.catalog.usage();
      return [
        { labels: { tier: 'disk', kind: 'preview' }, value: previewBytes },
        { labels: { tier: 'disk', kind: 'source' }, value: sourceBytes },
        { labels: { tier: 'disk', kind: 'derivative' }, value: (await derivatives.usage()).bytes },
      ];
    },
    close: async () => {
      await derivatives.close();
      await store.close();
    },
  };
}

/** Of a store's options: how failed sources are remembered, unless that is off. */
function refusalsOf(config: Config, version: string) {
  const { negativeCacheSeconds, negativeCacheEntries } = config.fairness;
  if (negativeCacheSeconds === 0) return {};
  const rules = rulesOf(config, version);
  return { refusals: { ttlMs: negativeCacheSeconds * 1_000, maxEntries: negativeCacheEntries, rules } };
}

/** What decides whether a source can be converted: a failure under other rules says nothing about these. */
function rulesOf({ limits, conversion }: Config, version: string): string {
  const { sourceTypes, maxSourcePixels, maxPages } = limits;
  const { timeoutMs, memoryBudgetBytes } = conversion;
  const rules = [version, sourceTypes, maxSourcePixels, maxPages, timeoutMs, memoryBudgetBytes];
  return createHash('sha256').update(JSON.stringify(rules)).digest('hex').slice(0, 16);
}

/** The shared tier without anything of this machine. */
export interface SharedTier {
  readonly redis: RedisStore;
  readonly s3?: S3Blobs;
  /** Where a blob must be for its record to count. */
  readonly blobs: BlobStore;
}

/**
 * Opens the shared tier at `url`, with the blobs in S3 where a bucket is configured. Failed sources are remembered for
 * servers only, which say with `version` under whose rules they fail.
 */
export async function openSharedTier(
  config: Config,
  url: string,
  { version, ...deps }: StoreDeps & { readonly version?: string },
): Promise<SharedTier> {
  const { shared } = config;
  // A server on its embedded store does not wait for 470 files of a client that it does not use.
  const { openRedisStore } = await import('./stores/redis/open-redis-store.js');
  const redis = await openRedisStore({
    ...deps,
    url,
    ...(shared.redisUser !== undefined && { user: shared.redisUser }),
    ...(shared.redisPassword !== undefined && { password: shared.redisPassword }),
    ...(shared.redisCaFile !== undefined && { caFile: shared.redisCaFile }),
    ...(shared.redisRecordKeys && { recordKeys: shared.redisRecordKeys }),
    keyPrefix: shared.redisKeyPrefix,
    blobTtlSeconds: shared.redisBlobTtlSeconds,
    maxBlobBytes: shared.redisMaxBlobBytes,
    connectTimeoutMs: shared.redisConnectTimeoutMs,
    deadlines: { getMs: shared.redisCommandTimeoutMs, setMs: shared.redisBlobTimeoutMs },
    // With a bucket only marks of blobs are kept in Redis, whatever their size.
    ...(shared.s3Bucket !== undefined && { maxBlobBytes: Infinity, maxSourceBytes: Infinity }),
    ...(version !== undefined && refusalsOf(config, version)),
    onSwept: async (digests) => s3?.swept(digests),
  });
  const s3 = await openS3(config, redis.marks, deps).catch(async (error: unknown) => {
    await redis.close();
    throw error;
  });
  return { redis, ...(s3 && { s3 }), blobs: s3?.blobs ?? redis.blobs };
}

async function sharedStorage(config: Config, url: string, deps: StorageDeps): Promise<Storage> {
  const { storage, server } = config;
  const { redis, s3, blobs } = await openSharedTier(config, url, deps);
  // Processes do not share a cache that each of them bounds by itself.
  const dir = join(storage.dataDir, `node-cache-${deps.workerIndex}`);
  const disk = await DiskCache.open({
    ...deps,
    dir,
    maxBytes: Math.floor(storage.diskMaxBytes / server.workers),
    minFreeBytes: storage.diskMinFreeBytes,
  });
  return {
    catalog: redis.catalog,
    fair: redis.fair,
    insight: redis.insight,
    walk: redis.walk,
    takedowns: redis.takedowns,
    notes: redis.notes,
    copies: new FollowedFile(dir),
    fleet: redis.fleet,
    durable: [disk, blobs],
    isShortOfSpace: () => disk.isShortOfSpace(),
    makeRoom: () => void disk.makeRoom().catch((error: unknown) => deps.logger.warn({ error }, 'no room was made')),
    keepFree: () => disk.keepFree(),
    leases: redis.leases,
    ...(redis.refusals && { refusals: redis.refusals }),
    derivatives: redis.derivatives,
    tmpDir: disk.tmpDir,
    originals: originalsOf(redis, s3),
    ...(s3 && { sweepOrphans: () => s3.sweepOrphans() }),
    recount: () => redis.recount(),
    // Without the shared tier this node still serves what it has, and converts what it is given; but where that has
    // refused it from the start, it has nothing, and somebody has to mend its settings.
    health: async () => ({
      shared: redis.state() === 'up' ? 'up' : redis.refusal() === undefined ? 'degraded' : 'down',
      ...(s3 && { s3: s3.state() === 'up' ? 'up' : 'degraded' }),
    }),
    bytesByTier: async () => {
      const { previewBytes, sourceBytes } = await redis.catalog.usage();
      return [
        { labels: { tier: 'disk', kind: 'any' }, value: disk.usedBytes() },
        { labels: { tier: 'shared', kind: 'preview' }, value: previewBytes },
        { labels: { tier: 'shared', kind: 'source' }, value: sourceBytes },
        { labels: { tier: 'shared', kind: 'derivative' }, value: (await redis.derivatives.usage()).bytes },
      ];
    },
    close: () => redis.close(),
  };
}

/** Beside the blobs: in the bucket, or in Redis without a time to live. */
function originalsOf(redis: RedisStore, s3: S3Blobs | undefined): SharedOriginals {
  if (s3) return { bytes: s3.originals, refusal: async () => undefined };
  return {
    bytes: redis.originals,
    refusal: async () => {
      const policy = await redis.evictionPolicy();
      if (!policy?.startsWith('allkeys-')) return undefined;
      return `expected maxmemory-policy volatile-lru or noeviction at the Redis that keeps originals, got ${policy}, which takes them away when memory is short: change it, or keep blobs in S3 (docs/CLUSTER.md)`;
    },
  };
}

/** The blobs on S3, where a bucket is configured; else nothing of it is even loaded. */
async function openS3({ shared, storage, limits }: Config, marks: BlobMarks, deps: StoreDeps) {
  const { s3Bucket, s3Endpoint, s3AccessKeyId, s3SecretAccessKey } = shared;
  if (s3Bucket === undefined) return undefined;
  const { openS3Blobs } = await import('./stores/s3/open-s3-blobs.js');
  return openS3Blobs({
    ...deps,
    bucket: s3Bucket,
    ...(s3Endpoint !== undefined && { endpoint: s3Endpoint }),
    region: shared.s3Region,
    ...(s3AccessKeyId !== undefined &&
      s3SecretAccessKey !== undefined && {
        credentials: { accessKeyId: s3AccessKeyId, secretAccessKey: s3SecretAccessKey },
      }),
    prefix: shared.s3Prefix,
    marks,
    maxSourceBytes: limits.maxSourceBytes,
    graceMs: storage.orphanGraceSeconds * 1_000,
  });
}
