// The port of what an operator asks of a catalog, and no client: which contexts have most, and what was used last. Never a scan of groups.
import type { Context, GroupRef } from '../image-key.js';
import type { ContextUsage } from './fair-eviction.js';

export interface ContextStanding extends ContextUsage {
  readonly context: Context;
}

export interface Insight {
  /**
   * The at most `limit` contexts that have most, the one with most first. Of more contexts than a backend can tell exactly, those that
   * stand out.
   */
  heaviestContexts(by: 'bytes' | 'groups', limit: number): Promise<readonly ContextStanding[]>;
  /** The at most `limit` groups used last, the latest first, as coarse as uses are noted; what was stored was used then. */
  latestUsed(limit: number): Promise<readonly GroupRef[]>;
}
