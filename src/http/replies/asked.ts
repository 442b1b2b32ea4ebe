// What a request is counted and logged as, and in whose words it fails: known from its URL, before it is routed.
import type { RenderFailure } from './error-map.js';

/** What is asked, as logs and metrics name it: labels, so both come from closed sets. */
export interface AskedLabels {
  /** The name of a dialect, or `SERVER`. */
  readonly dialect: string;
  /** The name of the route, probe or document, or `UNKNOWN`. */
  readonly operation: string;
}

/** In the place of a dialect: probes, documents, and paths below no dialect. */
export const SERVER = 'server';
/** In the place of an operation: none is there. */
export const UNKNOWN = 'unknown';

/** What a URL tells of its request before anything else is known of it. */
export interface Voice {
  readonly asked: AskedLabels;
  /** How a failure of it is told: in the words of its dialect. */
  readonly renderFailure: RenderFailure;
}
