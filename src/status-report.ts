// The figures of the status page, read from the metrics of all processes and from the catalog.
import type { Config } from './config/schema.js';
import type { StatusReport } from './http/status-page.js';
import { PRIORITIES, type Usage } from './kernel/ports.js';
import { gaugeOf, type MetricsSnapshot, quantileOf, totalOf } from './telemetry/snapshot.js';

export interface StatusFacts {
  readonly config: Config;
  readonly snapshot: MetricsSnapshot;
  readonly usage: Usage;
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly draining: boolean;
}

const TIMED_OPERATIONS = ['getImage', 'cacheAndGetImage', 'cacheImage', 'getMetadata'] as const;
const MIB = 2 ** 20;

/** The report behind `GET /status`. */
export function statusReport({ config, snapshot, usage, version, uptimeSeconds, draining }: StatusFacts): StatusReport {
  const { storage, limits, conversion, server } = config;
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
        maxBytes: storage.memoryMaxBytes,
      },
      { name: 'disk', bytes: usage.previewBytes + usage.sourceBytes, maxBytes: storage.diskMaxBytes },
    ],
    hits: tiers.reduce((sum, tier) => sum + totalOf(snapshot, 'cache_hits_total', { tier }), 0),
    // What the last tier did not have was a miss of the whole.
    misses:
      totalOf(snapshot, 'cache_misses_total', { tier: 'disk' }) +
      totalOf(snapshot, 'conversions_total', { result: 'ok' }),
    medians: [
      ...TIMED_OPERATIONS.flatMap((operation) =>
        median(operation, quantileOf(snapshot, 'http_request_duration_seconds', 0.5, { operation })),
      ),
      ...median('conversion', quantileOf(snapshot, 'conversion_duration_seconds', 0.5)),
    ],
    queues: PRIORITIES.map((priority) => ({
      priority,
      depth: gaugeOf(snapshot, 'queue_depth', { priority }) ?? 0,
      peak: gaugeOf(snapshot, 'queue_peak', { priority }) ?? 0,
    })),
    limits: [
      { name: 'Target formats', value: config.sequence.targetFormats.join(', ') },
      { name: 'Source types', value: limits.sourceTypes.join(', ') },
      { name: 'Source bytes', value: mebibytes(limits.maxSourceBytes) },
      { name: 'Source pixels', value: `${(limits.maxSourcePixels / 1e6).toFixed(0)} million` },
      { name: 'Pages or frames', value: String(limits.maxPages) },
      { name: 'Conversion time', value: `${conversion.timeoutMs} ms` },
      { name: 'Conversion memory', value: mebibytes(conversion.memoryBudgetBytes) },
      { name: 'Converters', value: `${conversion.converters} per worker` },
      { name: 'Workers', value: String(server.workers) },
      { name: 'Memory', value: mebibytes(storage.memoryMaxBytes) },
      { name: 'Disk', value: mebibytes(storage.diskMaxBytes) },
      { name: 'Image groups', value: storage.maxGroups.toLocaleString('en') },
      { name: 'Age since last access', value: storage.maxAgeSeconds === 0 ? 'no limit' : `${storage.maxAgeSeconds} s` },
    ],
  };
}

function median(name: string, seconds: number | undefined): StatusReport['medians'] {
  return seconds === undefined ? [] : [{ name, ms: seconds * 1_000 }];
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / MIB).toLocaleString('en')} MiB`;
}
