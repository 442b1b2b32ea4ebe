// The figures of the status page, read from the metrics of all processes and from the catalog.
import type { Config } from './config/schema.js';
import { formatBytes, formatDuration, formatNumber } from './http/status/status-html.js';
import type { LibraryFigures, StatusReport } from './http/status/status-page.js';
import type { Usage } from './kernel/ports/catalog.js';
import { PRIORITIES } from './kernel/ports/converter.js';
import { ITS_DIALECT } from './telemetry/image-converter-metrics.js';
import { gaugeOf, type MetricsSnapshot, quantileOf, totalOf } from './telemetry/snapshot.js';

export interface StatusFacts {
  readonly config: Config;
  readonly snapshot: MetricsSnapshot;
  readonly usage: Usage;
  /** How one process divides its memory of `storage.memoryMaxBytes`. */
  readonly memory: MemoryShares;
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly draining: boolean;
  /** Absent without tenants. */
  readonly library?: LibraryFigures;
}

export interface MemoryShares {
  /** Most bytes of previews. */
  readonly previewBytes: number;
  /** Most bytes of prepared answers. */
  readonly preparedBytes: number;
}

/** Of the ImageConverter dialect. */
const TIMED_OPERATIONS = ['getImage', 'cacheAndGetImage', 'cacheImage', 'getMetadata'] as const;

/** The report behind `GET /status`. */
export function statusReport(facts: StatusFacts): StatusReport {
  const { config, snapshot, usage, memory, version, uptimeSeconds, draining } = facts;
  const { storage, limits, conversion, server } = config;
  const isShared = config.shared.redisUrl !== undefined;
  const tiers = ['memory', 'disk', 'shared'] as const;
  return {
    version,
    uptimeSeconds,
    draining,
    keys: usage.keys,
    groups: usage.groups,
    sources: usage.sources,
    tiers: [
      {
        name: 'memory',
        bytes: gaugeOf(snapshot, 'tier_bytes', { tier: 'memory' }) ?? 0,
        maxBytes: memory.previewBytes * server.workers,
      },
      ...storedTiers(config, snapshot, usage.previewBytes + usage.sourceBytes),
    ],
    hits: tiers.reduce((sum, tier) => sum + totalOf(snapshot, 'cache_hits_total', { tier }), 0),
    // What the last tier did not have was a miss of the whole.
    misses:
      totalOf(snapshot, 'cache_misses_total', { tier: isShared ? 'shared' : 'disk' }) +
      totalOf(snapshot, 'conversions_total', { result: 'ok' }),
    medians: [
      ...TIMED_OPERATIONS.flatMap((operation) =>
        median(
          operation,
          quantileOf(snapshot, 'http_request_duration_seconds', 0.5, { dialect: ITS_DIALECT, operation }),
        ),
      ),
      ...median('conversion', quantileOf(snapshot, 'conversion_duration_seconds', 0.5)),
    ],
    queues: PRIORITIES.map((priority) => ({
      priority,
      depth: gaugeOf(snapshot, 'queue_depth', { priority }) ?? 0,
      peak: gaugeOf(snapshot, 'queue_peak', { priority }) ?? 0,
    })),
    ...(facts.library && { library: facts.library }),
    limits: [
      { name: 'Target formats', value: config.sequence.targetFormats.join(', ') },
      { name: 'Source types', value: limits.sourceTypes.join(', ') },
      { name: 'Bytes of a source', value: formatBytes(limits.maxSourceBytes) },
      { name: 'Pixels of a source', value: `${formatNumber(limits.maxSourcePixels / 1e6)} million` },
      { name: 'Pages or frames', value: formatNumber(limits.maxPages) },
      { name: 'Conversion time', value: `${formatNumber(conversion.timeoutMs / 1_000)} s` },
      { name: 'Conversion memory', value: `${formatBytes(conversion.memoryBudgetBytes)} per worker` },
      { name: 'Conversions that wait', value: `${formatNumber(conversion.queueLength)} per worker` },
      { name: 'Converters', value: `${formatNumber(conversion.converters)} per worker` },
      { name: 'Workers', value: formatNumber(server.workers) },
      { name: 'Uploads at a time', value: `${formatNumber(server.maxUploads)} per worker` },
      { name: 'Connections', value: `${formatNumber(server.maxConnections)} per worker` },
      {
        name: 'Memory',
        value: `${formatBytes(memory.previewBytes)} for previews and ${formatBytes(memory.preparedBytes)} for prepared answers per worker`,
      },
      { name: 'Image groups', value: formatNumber(storage.maxGroups) },
      {
        name: 'Age since last access',
        value: storage.maxAgeSeconds === 0 ? 'no limit' : formatDuration(storage.maxAgeSeconds),
      },
    ],
  };
}

/** Behind memory: the store on this machine's disk, or this node's disk cache and the store that all nodes share. */
function storedTiers(
  { storage, shared }: Config,
  snapshot: MetricsSnapshot,
  storedBytes: number,
): StatusReport['tiers'] {
  const disk = { name: 'disk', maxBytes: storage.diskMaxBytes };
  if (shared.redisUrl === undefined) return [{ ...disk, bytes: storedBytes }];
  return [
    { ...disk, bytes: gaugeOf(snapshot, 'tier_bytes', { tier: 'disk' }) ?? 0 },
    // Without a limit of ours it is left to Redis or the bucket.
    { name: 'shared', bytes: storedBytes, ...(shared.maxBytes > 0 && { maxBytes: shared.maxBytes }) },
  ];
}

function median(name: string, seconds: number | undefined): StatusReport['medians'] {
  return seconds === undefined ? [] : [{ name, ms: seconds * 1_000 }];
}
