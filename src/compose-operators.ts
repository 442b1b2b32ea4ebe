// Puts together what operators watch a server by: its own figures over time, those of its workers and of the servers that share its
// store, and the use cases over them.
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from './config/schema.js';
import type { Clock } from './kernel/ports/clock.js';
import type { Logger } from './kernel/ports/logger.js';
import type { FailureStory, Figures, ProcessReport } from './kernel/process-report.js';
import { sequenceOf } from './kernel/sequence.js';
import type { Storage } from './open-storage.js';
import type { BlobTiers } from './previews/blob-tiers.js';
import { findLargest } from './previews/largest-sources.js';
import type { OpenedPreviews } from './previews/open-previews.js';
import { OperatorService, type Operators } from './previews/operators.js';
import type { StoreLimits } from './previews/overview.js';
import { CpuRates, type Measured } from './previews/reconcile/cpu-rates.js';
import { type Reconcile, ReconcileService } from './previews/reconcile/reconcile-service.js';
import { ReconcileWorker } from './previews/reconcile/reconcile-worker.js';
import type { Connect } from './supervisor.js';
import type { ProcessMetrics } from './telemetry/metrics.js';
import { PASSING, RecentFailures } from './telemetry/recent-failures.js';
import { HOUR_STEP_MS, Rings } from './telemetry/rings.js';

/** Of a newly opened console: pictures that were used last, so that it shows some after a restart. */
const MOST_SEEDS = 100;

export interface OperatorsParts {
  readonly store: Pick<Storage, 'catalog' | 'insight' | 'fleet' | 'refusals' | 'walk' | 'notes' | 'leases'>;
  readonly blobs: BlobTiers;
  readonly converter: { readonly oldestWaitMs: number; readonly measured: Measured };
  readonly opened: Pick<OpenedPreviews, 'previews' | 'maker' | 'sightings'>;
  readonly metrics: ProcessMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The limits of contexts, as they hold now. */
  readonly protection: { readonly config: Pick<Config, 'fairness'> };
  readonly version: string;
  readonly isDraining: () => boolean;
}

/** What this process is among those of its server. */
interface Place {
  readonly shared: boolean;
  readonly workerIndex: number;
  readonly connect?: Connect;
}

export interface ComposedOperators {
  /** For the edge. */
  readonly use: {
    readonly operators: Operators;
    readonly reconcile: Reconcile;
    readonly onFailure: (story: FailureStory) => void;
  };
  start(): void;
  /** Ends what watches, and tells no more; resolves once no work is under way. */
  close(): Promise<void>;
}

export function composeOperators(config: Config, place: Place, parts: OperatorsParts): ComposedOperators {
  const { store, blobs, opened, clock, logger } = parts;
  const { connect } = place;
  const stopping = new AbortController();
  const failures = new RecentFailures();
  const rings = new Rings();
  const reporting = reporterOf(config, place, parts, rings, failures);
  const ofServer = {
    standing: connect?.('standing', () => reporting(false)) ?? (async () => [await reporting(false)]),
    past: connect?.('past', () => reporting(true)) ?? (async () => [await reporting(true)]),
  };
  const node = nodeOf(place);
  let seeded: Promise<void> | undefined;
  let searching: Promise<void> | undefined;
  const reports = async (withPast: boolean): Promise<readonly ProcessReport[]> => {
    if (withPast) {
      seeded ??= seed(parts).catch((error: unknown) => logger.warn({ error }, 'there are no pictures to begin with'));
      // Over Redis each would be a round trip, and push out of memory what hits are answered from.
      if (config.shared.redisUrl === undefined) searching ??= search(parts, stopping.signal);
      await seeded;
    }
    const [own, told] = await Promise.all([
      ofServer[withPast ? 'past' : 'standing'](),
      // Without the shared tier this server is what there is to see.
      store.fleet?.reports().catch(() => []) ?? [],
    ]);
    return [...own, ...told.filter((report) => report.node !== node)];
  };
  const round = async (): Promise<void> => {
    const report = await reporting(false);
    rings.note(report.figures, clock.now());
    sightings.round();
    await store.fleet?.tell(await reporting(true));
    await rates.tellSometimes();
  };
  const { previews, maker, sightings } = opened;
  const operators = new OperatorService({
    ...{ catalog: store.catalog, insight: store.insight, blobs, previews, maker, reports },
    sequence: sequenceOf(config.sequence.targetFormats, config.sequence.auto),
    ...(store.refusals && { refusals: store.refusals }),
    limits: () => limitsOf({ ...config, ...parts.protection.config }),
    now: () => clock.now(),
    stopping: stopping.signal,
  });
  const { walk, notes, leases } = store;
  const rates = new CpuRates({ notes, clock, measured: () => parts.converter.measured });
  const reconciling = {
    ...{ catalog: store.catalog, walk, notes, clock, preConvert: config.sequence.preConvert },
    sequence: sequenceOf(config.sequence.targetFormats, config.sequence.auto),
    rates,
  };
  const reconciler = new ReconcileWorker({ ...reconciling, maker, logger, ...(leases && { leases }) });
  let timer: NodeJS.Timeout | undefined;
  return {
    use: { operators, reconcile: new ReconcileService(reconciling), onFailure: (story) => failures.note(story) },
    start() {
      const turn = (): void => void round().catch((error: unknown) => logger.debug({ error }, 'figures were not told'));
      turn();
      timer = setInterval(turn, HOUR_STEP_MS);
      timer.unref();
      // One of those that share the store, and of a server one process.
      if (place.workerIndex === 0) reconciler.start();
    },
    async close() {
      clearInterval(timer);
      stopping.abort();
      await searching;
      await reconciler.close();
      // What it was is lost where the store does not answer, and no more.
      await rates.tell().catch((error: unknown) => logger.debug({ error }, 'what conversions took was not noted'));
    },
  };
}

/** What this process says of itself. */
function reporterOf(
  config: Config,
  place: Place,
  parts: OperatorsParts,
  rings: Rings,
  failures: RecentFailures,
): (withPast: boolean) => Promise<ProcessReport> {
  const { clock, version, isDraining, opened } = parts;
  const { workerIndex } = place;
  const startedAt = clock.now();
  const figures = figuresOf(config, parts);
  return async (withPast) => {
    const now = clock.now();
    return {
      ...{ node: nodeOf(place), host: hostname(), worker: workerIndex, version, startedAt, at: now },
      draining: isDraining(),
      figures: await figures(),
      ...(withPast && {
        past: {
          ...{ hour: rings.hour(now), day: rings.day(now) },
          ...{ failures: failures.list(), sightings: opened.sightings.list() },
        },
      }),
    };
  };
}

function figuresOf(config: Config, { metrics, store, converter }: OperatorsParts): () => Promise<Figures> {
  // What the last tier did not have was a miss of the whole, and so was what had to be made.
  const last = config.shared.redisUrl === undefined ? 'disk' : 'shared';
  let storedBytes = 0;
  return async () => {
    const usage = await store.catalog.usage().catch(() => undefined);
    if (usage) storedBytes = usage.previewBytes + usage.sourceBytes;
    return {
      sums: {
        requests: metrics.total('http_requests_total'),
        hits: metrics.total('cache_hits_total'),
        misses:
          metrics.total('cache_misses_total', ({ tier }) => tier === last) +
          metrics.total('conversions_total', ({ result }) => result === 'ok'),
        conversions: metrics.total('conversions_total'),
        failures: metrics.total('errors_total', ({ error = '' }) => !PASSING.has(error)),
        sentBytes: metrics.total('sent_bytes_total'),
      },
      levels: { queueAgeMs: Math.round(converter.oldestWaitMs), memoryBytes: process.memoryUsage.rss(), storedBytes },
    };
  };
}

/** What was used last, for the lists of what is newest and largest: those know nothing of the time before the start. */
async function seed({ store, opened }: OperatorsParts): Promise<void> {
  for (const ref of (await store.insight.latestUsed(MOST_SEEDS)).toReversed()) {
    const entry = await store.catalog.find(ref);
    if (entry) opened.sightings.stored(entry.group, entry.source.bytes, entry.group.createdAt);
  }
}

/** Once somebody looks, in the background: the largest of what was stored before the start. */
async function search({ store, opened, clock, logger }: OperatorsParts, stopping: AbortSignal): Promise<void> {
  try {
    await findLargest({
      ...{ catalog: store.catalog, walk: store.walk, book: opened.sightings, stopping },
      now: () => clock.monotonic(),
      pause: (ms) => delay(ms, undefined, { signal: stopping, ref: false }).catch(() => undefined),
    });
  } catch (error) {
    logger.warn({ error }, 'the largest pictures were not looked for to the end');
  }
}

/** Workers have the supervisor's process in common. */
function nodeOf({ shared }: Place): string {
  return `${hostname()}/${shared ? process.ppid : process.pid}`;
}

function limitsOf({ storage, shared, fairness }: Pick<Config, 'storage' | 'shared' | 'fairness'>): StoreLimits {
  const maxBytes = shared.redisUrl === undefined ? storage.diskMaxBytes : shared.maxBytes;
  const { contextMaxBytes, contextMaxGroups } = fairness;
  return {
    maxGroups: storage.maxGroups,
    ...(maxBytes > 0 && { maxBytes }),
    ...(contextMaxBytes > 0 && { contextMaxBytes }),
    ...(contextMaxGroups > 0 && { contextMaxGroups }),
  };
}
