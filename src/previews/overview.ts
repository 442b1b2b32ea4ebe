// What whoever watches servers is shown of all of them at one moment: values alone.
import { type ShownContext, shownContextOf } from '../kernel/image-key.js';
import type { Usage } from '../kernel/ports/catalog.js';
import type { FailureStory, Level, ProcessReport, Sighting, Sightings, Sum, Track } from '../kernel/process-report.js';

/** A process of a server, as it said lately; `rates` a second. */
export interface ServerLine extends Pick<ProcessReport, 'node' | 'host' | 'worker' | 'version' | 'startedAt' | 'at'> {
  readonly draining: boolean;
  readonly rates: Readonly<Record<Sum, number>>;
  readonly levels: Readonly<Record<Level, number>>;
}

/** All servers at one moment. */
export interface Overview {
  /** Unix ms. */
  readonly at: number;
  readonly servers: readonly ServerLine[];
  /** Of all, a second. */
  readonly rates: Readonly<Record<Sum, number>>;
  readonly levels: Readonly<Record<Level, number>>;
  readonly usage: Usage;
  readonly limits: StoreLimits;
  /** Every now and then. */
  readonly past?: {
    readonly hour: Track;
    readonly day: Track;
    readonly failures: readonly FailureStory[];
    readonly sightings: ShownSightings;
  };
}

/** A picture that was met, as it is looked up by. */
export type ShownSighting = Omit<Sighting, 'context'> & ShownContext;
export type ShownSightings = Readonly<Record<keyof Sightings, readonly ShownSighting[]>>;

export function shownSightings({ newest, largest, asked }: Sightings): ShownSightings {
  const shown = (all: readonly Sighting[]) => all.map((one) => ({ ...one, ...shownContextOf(one.context) }));
  return { newest: shown(newest), largest: shown(largest), asked: shown(asked) };
}

/** Bounds of the store as a whole, and of each context; `undefined`: none. */
export interface StoreLimits {
  readonly maxBytes?: number;
  readonly maxGroups: number;
  readonly contextMaxBytes?: number;
  readonly contextMaxGroups?: number;
}
