// The port for going through a catalog as a whole, for work that nobody waits for: takedowns, and bringing records up to date.
import type { Digest } from '../digest.js';
import type { GroupRef } from '../image-key.js';
import type { GroupRange } from '../takedown/purge.js';

export interface WalkedGroup {
  readonly ref: GroupRef;
  /** What the record of its source is found by. */
  readonly source: Digest;
}

/** In batches, each a read of its own: what is written meanwhile may be in it or not, and what was there all the time is. */
export interface CatalogWalk {
  groups(range: GroupRange): AsyncIterable<readonly WalkedGroup[]>;
  /** Every source once, in an order that stays; `after`: only those behind it, whether it is still there or not. */
  sources(after?: Digest): AsyncIterable<readonly Digest[]>;
}
