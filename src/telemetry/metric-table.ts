// Every metric of ours in one table: name, help text, labels with their closed values, buckets, and how the figures of
// several processes become one. A name that a port declares and this table forgets does not compile.
import { ERROR_NAMES, type ErrorName } from '../kernel/errors.js';
import { FORMAT_TYPES } from '../kernel/format.js';
import { IMPORT_REASONS } from '../kernel/import-reasons.js';
import { RETRY_REASONS } from '../kernel/library/retry-reasons.js';
import { EVICTION_REASONS } from '../kernel/ports/catalog.js';
import { PRIORITIES } from '../kernel/ports/converter.js';
import { JOB_KINDS } from '../kernel/ports/jobs.js';
import type { CounterName, GaugeName, HistogramName, Labels } from '../kernel/ports/metrics.js';
import { DELIVERY_FAULTS } from '../kernel/ports/webhook-sender.js';
import { SOURCE_TYPES } from '../kernel/source.js';

/** In front of every name that is exposed. */
export const METRIC_PREFIX = 'proofsheet_';

/** What a value outside a label's closed set is counted under, so that no caller can make label sets without end. */
export const OTHER = 'other';

export interface LabelRule {
  /** The closed set of values; anything else is `other`. */
  readonly values: readonly string[];
  /** The values that exist at 0 before anything happened; all of them unless named. */
  readonly atZero?: readonly string[];
}

export interface CounterRule {
  readonly help: string;
  readonly labels: Readonly<Record<string, LabelRule>>;
}

export interface HistogramRule extends CounterRule {
  /** Upper bounds in seconds, ascending; `+Inf` is added. */
  readonly bucketsSeconds: readonly number[];
}

/** How one figure comes from several processes: added up, or the greatest (where all tell the same thing). */
export type Merge = 'sum' | 'max';

export interface GaugeRule {
  readonly help: string;
  /** What Prometheus is told it is, where that is no gauge: only a summary may have the label `quantile`. */
  readonly type?: 'gauge' | 'summary';
  readonly labels: readonly string[];
  mergeOf(labels: Labels): Merge;
}

/** Every status the edge answers with; 499 is a client that left before its answer, 417 and 431 are Node's own refusals. */
const STATUSES = [
  200, 201, 202, 204, 206, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 410, 413, 415, 416, 417, 421, 422,
  429, 431, 499,
]
  .concat([500, 501, 503, 504, 507])
  .map(String);
const TIERS = ['memory', 'disk', 'shared'] as const;
const RESULTS = ['ok', 'aborted', ...ERROR_NAMES] as const;

/** What a source is remembered for. */
const REFUSABLE = [
  'source-undecodable',
  'source-limits-exceeded',
  'source-type-refused',
  'conversion-timeout',
] as const satisfies readonly ErrorName[];

/** Whoever composes the process hands in what dialects it speaks, and what they call their operations. */
const dialect: LabelRule = { values: [] };
const operation: LabelRule = { values: [] };
const status: LabelRule = { values: STATUSES, atZero: ['200'] };
const tier: LabelRule = { values: TIERS };
/** `unknown`: it ended before the bytes told their type. */
const sourceType: LabelRule = { values: [...SOURCE_TYPES, 'unknown'], atZero: SOURCE_TYPES };
const result: LabelRule = { values: RESULTS, atZero: ['ok'] };
const priority: LabelRule = { values: PRIORITIES };

export const COUNTERS = {
  http_requests_total: {
    help: 'Requests answered, by dialect, operation and status.',
    labels: { dialect, operation, status },
  },
  cache_hits_total: { help: 'Previews found, by the tier that had them.', labels: { tier } },
  cache_misses_total: { help: 'Previews looked for and not found, by tier.', labels: { tier } },
  conversions_total: {
    help: 'Conversions ended, by source type and result.',
    labels: { source_type: sourceType, result },
  },
  conversion_cpu_seconds_total: {
    help: 'Processor time of conversions, as the converters measure it, in seconds.',
    labels: {},
  },
  decodes_total: {
    help: 'Times a source was decoded: for its whole sequence, or for the one preview somebody waits for.',
    labels: { purpose: { values: ['sequence', 'again'] } },
  },
  encodes_total: {
    help: 'Previews encoded, by their type.',
    labels: { type: { values: FORMAT_TYPES.filter((type) => type !== 'auto') } },
  },
  converter_exits_total: {
    help: 'Converter processes that ended, by reason.',
    labels: {
      reason: { values: ['crash', 'timeout', 'memory', 'aborted', 'nonsense', 'recycled', 'failed-start', 'closed'] },
    },
  },
  upload_bytes_total: { help: 'Bytes of sources received.', labels: {} },
  sent_bytes_total: { help: 'Bytes of the bodies of all answers: previews, JSON, pages, failures.', labels: {} },
  evictions_total: {
    help: 'Image groups, kept sources and pictures on demand evicted, by the limit that asked for it.',
    labels: { reason: { values: EVICTION_REASONS }, kind: { values: ['group', 'source', 'derivative'] } },
  },
  swept_blobs_total: { help: 'Blobs removed because no record names them.', labels: {} },
  damaged_records_total: {
    help: 'Damage met in the catalog, here or in Redis: records that are not as they were written, and pages that make no sense.',
    labels: {},
  },
  damaged_blobs_total: { help: 'Blobs whose bytes were not those of their digest, by tier.', labels: { tier } },
  healed_previews_total: { help: 'Groups whose lost previews were made again.', labels: {} },
  deduplicated_uploads_total: {
    help: 'Uploads answered without a conversion of their own, because their source was known or being converted.',
    labels: {},
  },
  refusals_total: {
    help: 'Uploads refused without a conversion, because their source had failed before, by how it had.',
    labels: { error: { values: REFUSABLE } },
  },
  pyramids_total: {
    help: 'Tile pyramids made, or failed, by result.',
    labels: { result },
  },
  jobs_total: {
    help: 'Durable jobs that a worker brought to an end, by kind and by what came of saying so.',
    labels: {
      kind: { values: JOB_KINDS },
      result: { values: ['finished', 'lost', 'original-missing'], atZero: ['finished'] },
    },
  },
  job_retries_total: {
    help: 'Durable jobs put off to be tried again, by kind and reason.',
    labels: { kind: { values: JOB_KINDS }, reason: { values: RETRY_REASONS, atZero: ['source-unavailable'] } },
  },
  errors_total: { help: 'Failures, by name.', labels: { error: { values: ERROR_NAMES } } },
  fetches_total: {
    help: 'Sources asked for by URL, by what came of it; not-tried: the host was busy, or left alone after failures.',
    labels: { outcome: { values: ['fetched', 'not-modified', 'not-tried', ...IMPORT_REASONS], atZero: ['fetched'] } },
  },
  fetched_bytes_total: { help: 'Bytes of sources fetched by URL.', labels: {} },
  webhook_attempts_total: {
    help: 'Attempts to deliver a webhook, by what came of it.',
    labels: { outcome: { values: ['delivered', ...DELIVERY_FAULTS] } },
  },
  cdn_purges_total: {
    help: 'Takedowns that the CDN was told of, or that were given up, by what came of telling it.',
    labels: { result: { values: ['delivered', 'dead'] } },
  },
} as const satisfies Record<CounterName, CounterRule>;

export const HISTOGRAMS = {
  http_request_duration_seconds: {
    help: 'Seconds from a request’s headers to the end of its answer, by dialect, operation and status.',
    // None before its first request: eighteen lines each, for every operation of every dialect, were half of what a scrape reads, and
    // took half of its time. The counter tells them at 0.
    labels: { dialect, operation, status: { ...status, atZero: [] } },
    bucketsSeconds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  conversion_duration_seconds: {
    help: 'Seconds from the start of a conversion to its end, waiting not included, by source type.',
    labels: { source_type: sourceType },
    bucketsSeconds: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  queue_wait_seconds: {
    help: 'Seconds a conversion waited before it started, by priority.',
    labels: { priority },
    bucketsSeconds: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30],
  },
  pyramid_duration_seconds: {
    help: 'Seconds from the first tile that was asked for to the stored pyramid, or to its failure.',
    labels: {},
    bucketsSeconds: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600],
  },
  fetch_duration_seconds: {
    help: 'Seconds from asking for a source by URL to its last byte, or to its failure.',
    labels: {},
    bucketsSeconds: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
  blob_read_seconds: {
    help: 'Seconds it took to get a preview that memory did not have, from whichever tier had it.',
    labels: {},
    bucketsSeconds: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
  },
} as const satisfies Record<HistogramName, HistogramRule>;

const added = (): Merge => 'sum';
const same = (): Merge => 'max';

export const GAUGES = {
  queue_depth: { help: 'Conversions that wait, by priority.', labels: ['priority'], mergeOf: added },
  queue_peak: { help: 'Most conversions that ever waited, by priority.', labels: ['priority'], mergeOf: same },
  queue_recent_peak: {
    help: 'Most conversions that waited at once in the last five minutes, by priority.',
    labels: ['priority'],
    mergeOf: same,
  },
  oldest_entry_age_seconds: {
    help: 'Seconds since the last use of the image group that was used longest ago; none without groups.',
    labels: [],
    mergeOf: same,
  },
  keys: { help: 'Distinct image keys over all contexts.', labels: [], mergeOf: same },
  groups: { help: 'Image groups.', labels: [], mergeOf: same },
  tier_bytes: {
    help: 'Bytes of blobs, by tier.',
    labels: ['tier', 'kind'],
    // Each process has a memory of its own, and where the tier is shared a disk cache too, which holds any kind. All look
    // at one store.
    mergeOf: (labels) => (labels.tier === 'memory' || labels.kind === 'any' ? 'sum' : 'max'),
  },
  in_flight_bytes: { help: 'Estimated memory of the conversions under way.', labels: [], mergeOf: added },
  in_flight_budget_bytes: { help: 'Most memory that conversions under way may need.', labels: [], mergeOf: added },
  converters: { help: 'Converter processes, by state.', labels: ['state'], mergeOf: added },
  http_requests_in_flight: { help: 'Requests that are being answered.', labels: [], mergeOf: added },
  event_loop_lag_seconds: {
    help: 'How late the event loop was since the last scrape, by quantile.',
    type: 'summary',
    labels: ['quantile'],
    mergeOf: same,
  },
  // Not `jobs`, which in OpenMetrics is the family of `jobs_total`.
  jobs_queued: { help: 'Durable jobs in the queue, by kind and state.', labels: ['kind', 'state'], mergeOf: same },
  job_oldest_due_seconds: {
    help: 'Age of the longest due durable job, by kind; 0: none.',
    labels: ['kind'],
    mergeOf: same,
  },
  library_assets: { help: 'Assets of the library, those in the trash included.', labels: [], mergeOf: same },
  library_bytes: { help: 'Bytes of the originals that assets need.', labels: [], mergeOf: same },
  background_jobs: { help: 'Work that goes on behind answers already given.', labels: [], mergeOf: added },
  cdn_purge_wait_seconds: {
    help: 'Seconds since the oldest takedown that the CDN has not been told of yet, and is to be; 0 when there is none.',
    labels: [],
    mergeOf: same,
  },
} as const satisfies Record<GaugeName, GaugeRule>;

/** Pairs of boxes that are told by name. */
export const NAMED_BOXES = 50;

/** Counted by itself (box-counts.ts): nobody can list the values of its labels beforehand. */
export const BOXES = {
  boxes_total: {
    help: `Previews answered, by the box that was asked for, the box of the target format that answered, and the type: the ${NAMED_BOXES} most frequent of each process, and the rest.`,
    labels: ['asked', 'answered', 'type'],
  },
} as const;
