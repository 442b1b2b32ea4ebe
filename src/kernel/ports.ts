// The ports: what the use cases need from the world, in words of the kernel. Every backend of a port passes the port's
// contract suite (test/contracts), and is named nowhere but at the process edge, the files directly in src/.
import type { Digest } from './digest.js';
import type { ErrorName } from './errors.js';
import type { Format } from './format.js';
import type { Context, GroupRef, ImageKey } from './image-key.js';
import type { CatalogEntry, Metadata, Preview, SourceInfo, SourceRecord } from './source.js';

// ---------------------------------------------------------------------------------------------------------------- blobs

/** Where a blob's bytes were found, as metrics and headers name it. */
export type TierName = 'memory' | 'disk' | 'shared';

/** Sources are evicted before previews, so a store has to know which is which. */
export type BlobKind = 'source' | 'preview';

/**
 * Immutable bytes by their digest. Bytes are checked against the digest when they are written and when they are read:
 * a damaged blob is removed, counted and reported as absent, never returned.
 */
export interface BlobStore {
  readonly tier: TierName;
  /** The blob's bytes, owned by the store: not to be changed. `undefined` when absent or damaged. */
  get(digest: Digest): Promise<Buffer | undefined>;
  /** Stores `bytes`; once resolved it survives a crash of the process. Throws `storage-full`, `internal` for a wrong digest. */
  put(digest: Digest, bytes: Buffer, kind: BlobKind): Promise<void>;
  /**
   * Stores the file at `path` without reading it into memory. The file stays and may be linked: it must not be changed
   * afterwards. `hashed`: the caller has just hashed this very file, so a store on the same machine need not read it again.
   */
  putFile(digest: Digest, path: string, kind: BlobKind, hashed?: boolean): Promise<void>;
  /**
   * The file at `path` is complete and will probably be put soon: what that takes long for, and nobody sees, may be done
   * now (waiting for the disk). Absent where there is nothing to do. Throws what `putFile` would.
   */
  prepareFile?(path: string): Promise<void>;
  /** Writes the blob to a new file at `path` (or links it there), checked; `false` when absent or damaged. */
  copyTo(digest: Digest, path: string): Promise<boolean>;
  /** Whether the blob is there; its bytes are not looked at. */
  has(digest: Digest): Promise<boolean>;
  /** Forgets the blob; nothing happens when it is absent. */
  delete(digest: Digest): Promise<void>;
  close(): Promise<void>;
}

// -------------------------------------------------------------------------------------------------------------- catalog

/** A group to be written; the catalog adds times and revision. */
export interface GroupChange extends GroupRef {
  readonly sourceDigest: Digest;
  readonly fileName?: string;
}

export interface CommitRequest {
  /** Replaces what was known of this source. Every blob it names is stored already. */
  readonly source: SourceRecord;
  /** The groups that point to the source from now on. */
  readonly groups: readonly GroupChange[];
  /**
   * `keep`: a group that exists stays as it is, or is renewed if it points to this very source. `replace`: it points to the
   * new source. `renew`: one that points to this very source is written anew, so that whoever decided on its former revision
   * takes nothing away; one of another stays.
   */
  readonly existing: 'keep' | 'replace' | 'renew';
}

/** What `remove` takes away: one group, a key in all contexts, a context, or everything (`{}`). */
export interface Selection {
  readonly context?: Context;
  readonly imageKey?: ImageKey;
}

/** Why the eviction takes something away; a metric label. */
export const EVICTION_REASONS = ['bytes', 'groups', 'age', 'disk', 'context-bytes', 'context-groups'] as const;
export type EvictionReason = (typeof EVICTION_REASONS)[number];

export interface Usage {
  readonly groups: number;
  /** Distinct image keys over all contexts. */
  readonly keys: number;
  readonly sources: number;
  /** Bytes of all stored preview blobs, each counted once. */
  readonly previewBytes: number;
  /** Bytes of all stored source blobs, each counted once. */
  readonly sourceBytes: number;
}

export interface Evicted {
  readonly groups: number;
  readonly sources: number;
  /** Bytes that are free once the blobs are swept. */
  readonly bytes: number;
}

/**
 * The mutable records: groups and sources, with reference counts, so that a blob lives as long as some record names it.
 * All methods are safe against concurrent calls from every process that shares the catalog. A commit that resolved
 * survives a crash of the process.
 */
export interface Catalog {
  find(ref: GroupRef): Promise<CatalogEntry | undefined>;
  findSource(digest: Digest): Promise<SourceRecord | undefined>;
  /**
   * Writes the source and its groups in one step. Resolves with the digests of blobs that the record names but that are
   * gone (swept in between): then nothing was written, and they have to be stored again. An empty list is success.
   *
   * Two rules keep late work from doing harm: a complete record is never replaced by an incomplete one of the same
   * sequence (the groups then point to the complete one), and without groups a source that no group names (any more)
   * is left alone, so that finishing a sequence does not bring back what was cleared meanwhile.
   */
  commit(request: CommitRequest): Promise<readonly Digest[]>;
  /** Removes in bounded batches, so that others are served in between. Resolves with the number of groups removed. */
  remove(selection: Selection, signal?: AbortSignal): Promise<number>;
  /**
   * Removes the group if it still is at `revision`, and resolves with whether it did: what was decided on an entry that was
   * read must not hit what was committed since.
   */
  removeGroup(ref: GroupRef, revision: string): Promise<boolean>;
  /** Number of image keys: distinct over all contexts, or those of one context. Never a scan. */
  count(context?: Context): Promise<number>;
  /** Image keys ascending by their UTF-8 bytes, each once, in batches; never more than a batch in memory. */
  keys(context?: Context): AsyncIterable<readonly ImageKey[]>;
  usage(): Promise<Usage>;
  /** Notes coarse access times (Unix ms); unknown groups are passed over. */
  touch(accesses: readonly { readonly ref: GroupRef; readonly at: number }[]): Promise<void>;
  /**
   * Uses that lie in the future, because the clock was set back since they were noted, count as made now: otherwise they
   * would be kept before everything that is used from then on. Absent where uses are dated by another clock.
   */
  redateFutureUses?(): Promise<void>;
  /** Takes away the kept sources (their blobs only) last used longest ago, at most `limit`. */
  evictSources(limit: number): Promise<Evicted>;
  /** Takes away the groups last used longest ago, at most `limit`; with `before` only those last used before it (Unix ms). */
  evictGroups(limit: number, before?: number): Promise<Evicted>;
  /** Removes blobs that no record names any more, at most `limit`. Resolves with their digests. */
  sweep(limit: number): Promise<readonly Digest[]>;
  /** Sources that are not complete: work to be taken up again after a crash. */
  unfinished(): AsyncIterable<Digest>;
  /**
   * A number that differs once any change acknowledged by any process on this machine may have altered an entry. Cheap
   * enough for every request; the truth behind prepared answers.
   */
  generation(): number;
  /** The group's current revision if that can be told at once, without waiting; `undefined` means ask `find`. */
  revisionOf(ref: GroupRef): string | undefined;
  close(): Promise<void>;
}

/** What a catalog can tell and take away by context, so that one cannot push out the others. */
export interface ContextUsage {
  readonly groups: number;
  /** Bytes of all blobs of the sources that its groups point to, each source once; what contexts share counts for each. */
  readonly bytes: number;
}

export interface Heaviest extends ContextUsage {
  /** There is no other context. */
  readonly alone: boolean;
}

/** An extension of a catalog: taking away from the context that has most, its own least recently used first. */
export interface FairEviction {
  usageOf(context: Context): Promise<ContextUsage>;
  /** The context that has most; `undefined` when there is none. */
  heaviest(by: 'bytes' | 'groups'): Promise<Heaviest | undefined>;
  /** Takes away kept sources of the context with most bytes, those it has held longest first, at most `limit`. */
  evictSourcesOfHeaviest(limit: number): Promise<Evicted>;
  /** Takes away groups of the context that has most, used longest ago first, at most `limit`. */
  evictGroupsOfHeaviest(by: 'bytes' | 'groups', limit: number): Promise<Evicted>;
}

// --------------------------------------------------------------------------------------------------------------- leases

/** Exclusive right to do one named piece of work, over all processes that share the backend; ends by itself. */
export interface Lease {
  /** Extends the lease; `false` when it was lost, and somebody else may be at work. */
  renew(ttlMs: number): Promise<boolean>;
  release(): Promise<void>;
}

export interface Leases {
  /** How long the lease of a conversion outlives a holder that died, in ms, where that is configured. */
  readonly ttlMs?: number;
  /** The lease, or `undefined` while somebody holds it. */
  acquire(name: string, ttlMs: number): Promise<Lease | undefined>;
  /** Resolves once the lease is free or `maxWaitMs` have passed, whichever is first. Rejects when `signal` aborts. */
  waitUntilFree(name: string, maxWaitMs: number, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

// ------------------------------------------------------------------------------------------------------------- refusals

/** A source that could not be converted, as it is remembered. */
export interface Refusal {
  /** The source's record digest. */
  readonly source: Digest;
  readonly code: ErrorName;
  /** The public message it was answered with. */
  readonly message: string;
  /** How often it failed while it was remembered; at least 1. */
  readonly strikes: number;
  /** It failed at least once in a way that was the source's own fault. */
  readonly certain: boolean;
  /** Unix ms until which it is remembered. */
  readonly until: number;
}

/** One failure to be noted. */
export type Failure = Pick<Refusal, 'code' | 'message' | 'certain'>;

/**
 * The negative cache: what failed, by source, for a bounded time and in a bounded number, shared by all processes that
 * share the backend. What is remembered is lost without harm. Each note starts the time anew.
 */
export interface Refusals {
  find(source: Digest): Promise<Refusal | undefined>;
  note(source: Digest, failure: Failure): Promise<void>;
  /** All that is remembered, in batches, those that are forgotten first standing first. */
  list(): AsyncIterable<readonly Refusal[]>;
  /** Forgets one source or all; resolves with how many. */
  forget(source?: Digest): Promise<number>;
}

// ------------------------------------------------------------------------------------------------------------ converter
/** Somebody waits for this very preview; somebody waits for the whole sequence; nobody waits. */
export const PRIORITIES = ['instant', 'medium', 'background'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** Where somebody stands who waits for a conversion; the context is for fairness between tenants, and never logged. */
export interface Place {
  readonly priority: Priority;
  readonly context: Context;
}

/** Who else waits for a conversion: `each` tells of those who are there and of those who come, until its function is called. */
export interface Joined {
  each(listener: (place: Place) => void): () => void;
}

/** Its own place is that of who has begun it. */
export interface ConversionJob extends Place {
  /** A file that stays unchanged until the conversion ends. */
  readonly sourcePath: string;
  readonly sourceBytes: number;
  readonly formats: readonly Format[];
  /** Make the best match of this request first, and report it before the others. */
  readonly wanted?: Format;
  /** It is converted when the first of all their places has its turn. */
  readonly joined?: Joined;
  /** An existing directory: previews are written here, and belong to the caller from then on. */
  readonly outputDir: string;
}

/** A preview as the converter leaves it: a finished file that nobody else writes to. */
export interface MadePreview extends Preview {
  readonly path: string;
}

export interface Conversion {
  readonly info: SourceInfo;
  readonly metadata: Metadata;
  readonly previews: readonly MadePreview[];
  /**
   * `false` when only the wanted preview was made, because a small decode of its own brings it sooner: the sequence is
   * still to be converted, by a job without `wanted`.
   */
  readonly complete: boolean;
}

/** Called when the wanted preview is ready and more are still to come. */
export type WantedReady = (info: SourceInfo, metadata: Metadata, preview: MadePreview) => void;

/** Makes previews of sources, in isolation: whatever a source does to it costs one conversion. */
export interface Converter {
  /**
   * Throws `source-type-refused`, `source-limits-exceeded`, `source-undecodable`, `conversion-timeout`, `overloaded`.
   * Files of a failed conversion are removed. An aborted conversion ends at once.
   */
  convert(job: ConversionJob, onWanted?: WantedReady, signal?: AbortSignal): Promise<Conversion>;
  /** The file of `preview` is not what was said of it: whoever made it is given no further source. */
  distrust(preview: MadePreview): void;
  close(): Promise<void>;
}

// ------------------------------------------------------------------------------------------- clock, logger, metrics
export interface Clock {
  /** Unix time in ms; may jump. */
  now(): number;
  /** Ms since some fixed point; never goes back. For durations and deadlines. */
  monotonic(): number;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log lines: a constant message and its fields. Never keys, contexts, file names or secrets. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

export type Labels = Readonly<Record<string, string>>;

/** Everything that can be counted, by name; units, buckets and help texts stand in telemetry/metric-table.ts. */
export type CounterName =
  | 'http_requests_total'
  | 'cache_hits_total'
  | 'cache_misses_total'
  | 'conversions_total'
  | 'decodes_total'
  | 'encodes_total'
  | 'converter_exits_total'
  | 'upload_bytes_total'
  | 'sent_bytes_total'
  | 'evictions_total'
  | 'swept_blobs_total'
  | 'damaged_blobs_total'
  | 'damaged_records_total'
  | 'healed_previews_total'
  | 'deduplicated_uploads_total'
  | 'refusals_total'
  | 'errors_total';

export type HistogramName = 'http_request_duration_seconds' | 'conversion_duration_seconds' | 'queue_wait_seconds';

export type GaugeName =
  | 'queue_depth'
  | 'queue_peak'
  | 'keys'
  | 'groups'
  | 'tier_bytes'
  | 'in_flight_bytes'
  | 'in_flight_budget_bytes'
  | 'converters'
  | 'http_requests_in_flight'
  | 'event_loop_lag_seconds'
  | 'background_jobs';

export interface GaugeSample {
  readonly labels?: Labels;
  readonly value: number;
}

export interface Metrics {
  count(name: CounterName, labels?: Labels, by?: number): void;
  observe(name: HistogramName, seconds: number, labels?: Labels): void;
  /** Registers a gauge that is read when it is asked for, never in between. */
  gauge(name: GaugeName, read: () => number | readonly GaugeSample[] | Promise<number | readonly GaugeSample[]>): void;
}
