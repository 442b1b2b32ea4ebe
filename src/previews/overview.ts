// What whoever watches servers is shown of all of them at one moment: values alone.
import type { Usage } from '../kernel/ports/catalog.js';
import type { FailureStory, Level, ProcessReport, Sightings, Sum, Track } from '../kernel/process-report.js';

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
    readonly sightings: Sightings;
  };
}

/** Bounds of the store as a whole, and of each context; `undefined`: none. */
export interface StoreLimits {
  readonly maxBytes?: number;
  readonly maxGroups: number;
  readonly contextMaxBytes?: number;
  readonly contextMaxGroups?: number;
}
