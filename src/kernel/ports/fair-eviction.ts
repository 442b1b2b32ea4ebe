// The port of a catalog that can take away fairly between contexts.
import type { Context } from '../image-key.js';
import type { Evicted } from './catalog.js';

/** What a catalog can tell and take away by context, so that one cannot push out the others. */
export interface ContextUsage {
  readonly groups: number;
  /** Bytes of all blobs of the sources that its groups point to, each source once; what contexts share counts for each. */
  readonly bytes: number;
}

export interface Heaviest extends ContextUsage {
  /** There is no other context. */
  readonly alone: boolean;
}

/** An extension of a catalog: taking away from the context that has most, its own least recently used first. */
export interface FairEviction {
  usageOf(context: Context): Promise<ContextUsage>;
  /** The context that has most; `undefined` when there is none. */
  heaviest(by: 'bytes' | 'groups'): Promise<Heaviest | undefined>;
  /** Takes away kept sources of the context with most bytes, those it has held longest first, at most `limit`. */
  evictSourcesOfHeaviest(limit: number): Promise<Evicted>;
  /** Takes away groups of the context that has most, used longest ago first, at most `limit`. */
  evictGroupsOfHeaviest(by: 'bytes' | 'groups', limit: number): Promise<Evicted>;
}
