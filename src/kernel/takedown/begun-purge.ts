// A purge from its beginning on, as it is written down before anything goes: whoever is there after a crash carries it on, and its receipt
// names what had gone by then as well.
import type { Digest } from '../digest.js';
import type { GroupRef } from '../image-key.js';
import { type CatalogEntry, contentDigestOf, namedBlobs } from '../source.js';
import { pyramidsOf } from '../zoom/kept-pyramids.js';
import type { PurgeSelection } from './purge.js';

export interface BegunPurge {
  /** That of its order. */
  readonly id: string;
  /** Unix ms. */
  readonly at: number;
  readonly by: string;
  readonly reason: string;
  readonly selection: PurgeSelection;
  /** Leaves a tombstone for every content that it takes. */
  readonly isBlocked: boolean;
  /** Unix ms at which the tombstones end. */
  readonly until?: number;
}

/** As many at once: they are ended one after the other. */
export const MAX_BEGUN = 100;

/** Groups that are about to go, and what they name. */
export interface PurgeStep {
  readonly groups: readonly (GroupRef & { readonly content: Digest; readonly source: Digest })[];
  /** With their lengths: 0 where a blob was not known to be there. */
  readonly blobs: readonly (readonly [Digest, number])[];
  /** There are pyramids among them. */
  readonly hasTiles?: true;
}

export function stepOf(entries: readonly CatalogEntry[]): PurgeStep {
  const blobs = new Map<Digest, number>();
  for (const { source } of entries) for (const { digest, bytes } of namedBlobs(source)) blobs.set(digest, bytes);
  return {
    groups: entries.map(({ group: { context, imageKey }, source }) => ({
      ...{ context, imageKey, content: contentDigestOf(source), source: source.digest },
    })),
    blobs: [...blobs],
    ...(entries.some(({ source }) => pyramidsOf(source).length > 0) && { hasTiles: true as const }),
  };
}
