// Load on paths that are listed in a file.
import { type LoadOptions, type LoadResult, load } from './load.js';

const SCRIPT = new URL('paths.lua', import.meta.url).pathname;

/** Asks for the paths of `list`, a file with one a line, at `origin`; each connection waits `pauseMs` between two. */
export function loadPaths(
  origin: string,
  list: string,
  { pauseMs = 0, ...options }: Pick<LoadOptions, 'seconds' | 'connections'> & { readonly pauseMs?: number },
): Promise<LoadResult> {
  return load({ ...options, url: origin, script: SCRIPT, scriptArguments: [list, String(pauseMs)] });
}
