// The largest sources of all that is stored, for whoever looks at this process: no catalog is ordered by size, so its groups are gone through
// once, in small steps with pauses in between.
import type { Catalog } from '../kernel/ports/catalog.js';
import type { CatalogWalk } from '../kernel/ports/catalog-walk.js';
import type { SightingBook } from './sightings.js';

export interface LargestDeps {
  readonly catalog: Pick<Catalog, 'find'>;
  readonly walk: Pick<CatalogWalk, 'groups'>;
  readonly book: Pick<SightingBook, 'found'>;
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<unknown>;
  readonly stopping: AbortSignal;
}

/** Groups that are looked at: some ten seconds of reading. Of a larger catalog those count that are found, and all that is stored from now on. */
const MOST_GROUPS = 200_000;
/** Of the time that a step took, how much longer nothing is done: a twentieth of a core at most. */
const REST = 19;

/** Resolves with how many groups were looked at. */
export async function findLargest({ catalog, walk, book, now, pause, stopping }: LargestDeps): Promise<number> {
  let looked = 0;
  for await (const batch of walk.groups({})) {
    if (stopping.aborted || looked >= MOST_GROUPS) return looked;
    const startedAt = now();
    for (const entry of await Promise.all(batch.map(({ ref }) => catalog.find(ref))))
      if (entry !== undefined) book.found(entry.group, entry.source.bytes, entry.group.createdAt);
    looked += batch.length;
    await pause((now() - startedAt) * REST);
  }
  return looked;
}
