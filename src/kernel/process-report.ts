// What a server process tells of itself to whoever watches all of them: what it has counted, how it stands, the last hour and day, and
// what it has met lately; and how the figures of several processes become one. Pure.
import type { Digest } from './digest.js';
import type { ErrorName } from './errors.js';
import type { GroupRef } from './image-key.js';

/** What is counted; the figures of all processes are added up. Bytes are those of the bodies of answers. */
export const SUMS = ['requests', 'hits', 'misses', 'conversions', 'failures', 'sentBytes'] as const;
export type Sum = (typeof SUMS)[number];

/** How things stand: what has waited longest for a conversion, memory of the process, bytes of all blobs. */
export const LEVELS = ['queueAgeMs', 'memoryBytes', 'storedBytes'] as const;
export type Level = (typeof LEVELS)[number];

/** Each process has memory of its own; they share the queue's worst and the store. */
const ADDED_LEVELS: ReadonlySet<Level> = new Set<Level>(['memoryBytes']);

export interface Figures {
  /** Since the process started. */
  readonly sums: Readonly<Record<Sum, number>>;
  readonly levels: Readonly<Record<Level, number>>;
}

/** Figures over time, one value a slot: of what is counted how much came in it, of levels the greatest. `null`: nobody looked. */
export interface Track {
  readonly stepMs: number;
  /** The slot that stands last, in steps since 1970: the one that goes on. */
  readonly lastSlot: number;
  readonly values: Readonly<Record<Sum | Level, readonly (number | null)[]>>;
}

/** A request that failed, as an operator is told of it. */
export interface FailureStory {
  /** Unix ms. */
  readonly at: number;
  /** As `X-Request-Id` and the log have it. */
  readonly requestId: string;
  readonly dialect: string;
  readonly operation: string;
  readonly error: ErrorName;
  /** As it was answered. */
  readonly message: string;
  /** What lay underneath, of a fault of ours. */
  readonly cause?: string;
  /** As it was asked, without the query: that may hold a signature. At most `MAX_PATH` characters. */
  readonly path: string;
  readonly context?: string;
}

export const MAX_PATH = 300;

/** A picture that was met. `figure`: of the largest the source's bytes, of the most asked how often lately. */
export interface Sighting extends GroupRef {
  /** Unix ms. */
  readonly at: number;
  readonly figure: number;
  readonly source?: Digest;
}

export const SIGHTING_KINDS = ['newest', 'largest', 'asked'] as const;
export type Sightings = Readonly<Record<(typeof SIGHTING_KINDS)[number], readonly Sighting[]>>;

/** How many of each kind are told. */
export const MOST_SIGHTINGS = 24;
export const MOST_STORIES = 50;

export interface ProcessReport {
  /** Of the server: its workers have one in common. */
  readonly node: string;
  /** The name of its machine. */
  readonly host: string;
  /** Its place among the processes of the server, from 0. */
  readonly worker: number;
  readonly version: string;
  /** Unix ms, both. */
  readonly startedAt: number;
  readonly at: number;
  readonly draining: boolean;
  readonly figures: Figures;
  /** Absent where the figures alone were asked for. */
  readonly past?: {
    readonly hour: Track;
    readonly day: Track;
    readonly failures: readonly FailureStory[];
    readonly sightings: Sightings;
  };
}

/** One track of several of one step, as long as the longest; it ends with the latest slot that one of them has. */
export function mergeTracks(tracks: readonly Track[]): Track | undefined {
  const [first] = tracks;
  if (first === undefined) return undefined;
  const lastSlot = Math.max(...tracks.map((track) => track.lastSlot));
  const length = Math.max(...tracks.map(({ values }) => values.requests.length));
  const names = [...SUMS, ...LEVELS];
  const merged = names.map((name) => {
    const isAdded = !isLevel(name) || ADDED_LEVELS.has(name);
    const slots = Array.from({ length }, (_, at): number | null => {
      const slot = lastSlot - length + 1 + at;
      const told = tracks.flatMap(({ lastSlot: last, values }) => {
        const value = values[name][values[name].length - 1 - (last - slot)];
        return value === undefined || value === null ? [] : [value];
      });
      if (told.length === 0) return null;
      return isAdded ? told.reduce((sum, value) => sum + value, 0) : Math.max(...told);
    });
    return [name, slots] as const;
  });
  return { stepMs: first.stepMs, lastSlot, values: Object.fromEntries(merged) as unknown as Track['values'] };
}

/** Levels of several processes as one; 0 of none. */
export function mergeLevels(reports: readonly Pick<ProcessReport, 'figures'>[]): Readonly<Record<Level, number>> {
  const merged = LEVELS.map((name) => {
    const told = reports.map(({ figures }) => figures.levels[name]);
    return [name, ADDED_LEVELS.has(name) ? told.reduce((sum, value) => sum + value, 0) : Math.max(0, ...told)] as const;
  });
  return Object.fromEntries(merged) as Readonly<Record<Level, number>>;
}

/** What is counted, a second, between two reports of the same process; 0 where it has started anew in between, or no time has gone by. */
export function ratesOf(before: ProcessReport | undefined, after: ProcessReport): Readonly<Record<Sum, number>> {
  const seconds = before && before.startedAt === after.startedAt ? (after.at - before.at) / 1_000 : 0;
  const rates = SUMS.map((name) => {
    const more = after.figures.sums[name] - (before?.figures.sums[name] ?? 0);
    return [name, seconds > 0 ? Math.max(0, more) / seconds : 0] as const;
  });
  return Object.fromEntries(rates) as Readonly<Record<Sum, number>>;
}

/** The latest failures of all, each once, the latest first. */
export function mergeFailures(reports: readonly ProcessReport[]): readonly FailureStory[] {
  return reports
    .flatMap(({ past }) => past?.failures ?? [])
    .toSorted((a, b) => b.at - a.at)
    .slice(0, MOST_STORIES);
}

/** The pictures of all, each once a kind: the newest by time, the others by figure, which is added up of those asked for. */
export function mergeSightings(reports: readonly ProcessReport[]): Sightings {
  const ofKind = (kind: keyof Sightings): readonly Sighting[] => {
    const met = new Map<string, Sighting>();
    for (const sighting of reports.flatMap(({ past }) => past?.sightings[kind] ?? [])) {
      const name = `${sighting.context}\0${sighting.imageKey}`;
      const before = met.get(name);
      const later = before && before.at > sighting.at ? before : sighting;
      met.set(name, kind === 'asked' ? { ...later, figure: sighting.figure + (before?.figure ?? 0) } : later);
    }
    const order = (a: Sighting, b: Sighting) => (kind === 'newest' ? b.at - a.at : b.figure - a.figure);
    return [...met.values()].toSorted(order).slice(0, MOST_SIGHTINGS);
  };
  return { newest: ofKind('newest'), largest: ofKind('largest'), asked: ofKind('asked') };
}

function isLevel(name: Sum | Level): name is Level {
  return (LEVELS as readonly string[]).includes(name);
}
