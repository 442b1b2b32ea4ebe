// What a server process tells of itself: gauges over its store, its status page, and the scrape, which are of all processes.
import type { Config } from './config/schema.js';
import type { EdgeDependencies } from './http/edge-dependencies.js';
import type { LibraryFigures } from './http/status/status-page.js';
import type { Clock } from './kernel/ports/clock.js';
import type { Storage } from './open-storage.js';
import { statusReport } from './status-report.js';
import type { Connect } from './supervisor.js';
import { type ImageConverterFacts, imageConverterFamilies } from './telemetry/image-converter-metrics.js';
import type { ProcessMetrics } from './telemetry/metrics.js';
import {
  formFor,
  METRICS_CONTENT_TYPES,
  type MetricsSnapshot,
  mergeSnapshots,
  renderSnapshot,
} from './telemetry/snapshot.js';
import type { MemoryTier } from './tiers/memory-tier.js';

/** What of the store and of background work is counted when it is asked for. */
export function registerGauges(
  metrics: ProcessMetrics,
  clock: Clock,
  { background, catalog, memory, store }: GaugeSources,
): void {
  metrics.gauge('background_jobs', () => background.size);
  metrics.gauge('keys', () => catalog.count());
  metrics.gauge('groups', async () => (await catalog.usage()).groups);
  metrics.gauge('oldest_entry_age_seconds', async () => {
    const oldest = await catalog.oldestUse();
    return oldest === undefined ? [] : Math.max(0, (clock.now() - oldest) / 1_000);
  });
  metrics.gauge('tier_bytes', async () => [
    { labels: { tier: 'memory', kind: 'preview' }, value: memory.usedBytes() },
    ...(await store.bytesByTier()),
  ]);
}

interface GaugeSources {
  readonly background: { readonly size: number };
  readonly catalog: Storage['catalog'];
  readonly memory: MemoryTier;
  readonly store: Pick<Storage, 'bytesByTier'>;
}

interface FigureSources {
  readonly version: string;
  /** Asks the figures of all processes; absent when there is only this one. */
  readonly connect: Connect | undefined;
  /** Of the store as a whole. */
  readonly limits: Omit<ImageConverterFacts, 'uptimeSeconds'>;
  readonly usage: Storage['catalog']['usage'];
  readonly memory: Parameters<typeof statusReport>[0]['memory'];
  readonly isDraining: () => boolean;
  /** Absent without tenants. */
  readonly library: (() => Promise<LibraryFigures>) | undefined;
}

/** What the status page and scrapes show: the figures of all processes. */
export function figuresOf(
  config: Config,
  metrics: ProcessMetrics,
  clock: Clock,
  { version, connect, limits, usage, memory, isDraining, library }: FigureSources,
): Pick<EdgeDependencies, 'status' | 'metricsText'> {
  const startedAt = clock.monotonic();
  const uptime = () => (clock.monotonic() - startedAt) / 1_000;
  const allSnapshots = connect?.('metrics', () => metrics.snapshot()) ?? (async () => [await metrics.snapshot()]);
  const snapshot = async () => mergeSnapshots(await allSnapshots());
  const exposed = async (): Promise<MetricsSnapshot> => {
    const all = await snapshot();
    if (!config.telemetry.oxMetrics) return all;
    return [...all, ...imageConverterFamilies(all, { ...limits, uptimeSeconds: uptime() })];
  };
  return {
    status: async () =>
      statusReport({
        config,
        snapshot: await snapshot(),
        usage: await usage(),
        memory,
        version,
        uptimeSeconds: uptime(),
        draining: isDraining(),
        ...(library && { library: await library() }),
      }),
    metricsText: async (wanted = 'prometheus') => {
      const snapshot = await exposed();
      const form = formFor(snapshot, wanted);
      return { contentType: METRICS_CONTENT_TYPES[form], body: await renderSnapshot(snapshot, form) };
    },
  };
}
