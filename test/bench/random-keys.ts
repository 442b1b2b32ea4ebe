// Load on many keys of a filled data directory.
import { type LoadOptions, type LoadResult, load } from './load.js';

export interface KeyRange {
  /** What stands before and after the key in the path. */
  readonly prefix: string;
  readonly suffix: string;
  /** Index of the first key; default 0. */
  readonly first?: number;
  readonly count: number;
  /** Distance between two keys; default 1. */
  readonly step?: number;
  readonly groupsPerContext?: number;
  /** Pause of a connection between two requests, ms; default 0. */
  readonly pauseMs?: number;
}

const SCRIPT = new URL('random-keys.lua', import.meta.url).pathname;

/** Asks for random keys of the range at `origin`. */
export function loadKeys(
  origin: string,
  range: KeyRange,
  options: Pick<LoadOptions, 'seconds' | 'connections'>,
): Promise<LoadResult> {
  const { prefix, suffix, first = 0, count, step = 1, groupsPerContext = 0, pauseMs = 0 } = range;
  return load({
    ...options,
    url: origin,
    script: SCRIPT,
    scriptArguments: [prefix, suffix, ...[first, count, step, groupsPerContext, pauseMs].map(String)],
  });
}
