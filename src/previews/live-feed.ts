// How all servers are, every two seconds, for as many as watch: they share one look, so that a second watcher costs its bytes alone.
// Nothing is looked at while nobody watches.
import { setTimeout as sleep } from 'node:timers/promises';
import { ProofsheetError } from '../kernel/errors.js';
import type { Catalog } from '../kernel/ports/catalog.js';
import {
  mergeFailures,
  mergeLevels,
  mergeSightings,
  mergeTracks,
  type ProcessReport,
  ratesOf,
  SUMS,
  type Sum,
} from '../kernel/process-report.js';
import { type Overview, type ServerLine, type StoreLimits, shownSightings } from './overview.js';

export const LOOK_MS = 2_000;
/** Every so many looks the past is told again. */
const LOOKS_TO_PAST = 5;
/** Each is a connection that stays open. */
const MOST_WATCHERS = 50;

/** What a process said last, and its rates by that. */
interface Told {
  readonly report: ProcessReport;
  readonly rates: ServerLine['rates'];
}

export interface LiveFeedDeps {
  readonly catalog: Pick<Catalog, 'usage'>;
  /** As they hold when they are asked for. */
  readonly limits: () => StoreLimits;
  /** What all processes tell, with their past or without. */
  readonly reports: (withPast: boolean) => Promise<readonly ProcessReport[]>;
  readonly now: () => number;
  /** Aborts when the server stops. */
  readonly stopping: AbortSignal;
}

export class LiveFeed {
  private watchers = 0;
  /** By process, what it said last, and its rates by that. */
  private before = new Map<string, Told>();
  private readonly looks: Record<'past' | 'standing', { at: number; seen: Promise<Overview> } | undefined> = {
    past: undefined,
    standing: undefined,
  };

  constructor(private readonly deps: LiveFeedDeps) {}

  async *watch(stop: AbortSignal): AsyncGenerator<Overview, void, undefined> {
    if (this.watchers >= MOST_WATCHERS)
      throw new ProofsheetError('overloaded', `expected at most ${MOST_WATCHERS} that watch, got one more`, {
        retryAfterSeconds: 10,
      });
    const ended = AbortSignal.any([stop, this.deps.stopping]);
    this.watchers++;
    try {
      for (let looks = 0; !ended.aborted; looks++) {
        yield await this.overview(looks % LOOKS_TO_PAST === 0);
        // Ends by the abort too, which is looked at above.
        await sleep(LOOK_MS, undefined, { signal: ended }).catch(() => undefined);
      }
    } finally {
      this.watchers--;
    }
  }

  /** What was seen less than a look ago is told again. */
  overview(withPast: boolean): Promise<Overview> {
    const kind = withPast ? 'past' : 'standing';
    const now = this.deps.now();
    const known = this.looks[kind];
    if (known && Math.abs(now - known.at) < LOOK_MS / 2) return known.seen;
    const seen = this.look(withPast);
    this.looks[kind] = { at: now, seen };
    // What failed is not told twice.
    seen.catch(() => {
      this.looks[kind] = undefined;
    });
    return seen;
  }

  private async look(withPast: boolean): Promise<Overview> {
    const { catalog, limits, now } = this.deps;
    const [reports, usage] = await Promise.all([this.deps.reports(withPast), catalog.usage()]);
    const before = this.before;
    this.before = new Map(reports.map((report) => [nameOf(report), told(before.get(nameOf(report)), report)]));
    const servers = [...this.before.values()].map(lineOf);
    const rates = SUMS.map((name) => [name, servers.reduce((sum, line) => sum + line.rates[name], 0)] as const);
    const hour = mergeTracks(reports.flatMap(({ past }) => past?.hour ?? []));
    const day = mergeTracks(reports.flatMap(({ past }) => past?.day ?? []));
    return {
      at: now(),
      servers: servers.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)),
      rates: Object.fromEntries(rates) as Readonly<Record<Sum, number>>,
      levels: mergeLevels(reports),
      usage,
      limits: limits(),
      ...(hour &&
        day && {
          past: { hour, day, failures: mergeFailures(reports), sightings: shownSightings(mergeSightings(reports)) },
        }),
    };
  }
}

/** One that has said nothing new goes on as it did. */
function told(before: Told | undefined, report: ProcessReport) {
  return before?.report.at === report.at ? before : { report, rates: ratesOf(before?.report, report) };
}

function lineOf({ report, rates }: Told): ServerLine {
  const { node, host, worker, version, startedAt, at, draining, figures } = report;
  return { node, host, worker, version, startedAt, at, draining, rates, levels: figures.levels };
}

function nameOf({ node, worker }: Pick<ProcessReport, 'node' | 'worker'>): string {
  return `${node}/${worker}`;
}
