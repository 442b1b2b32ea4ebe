// What the use cases of takedowns take and give, free of HTTP.
import type { Digest } from '../../kernel/digest.js';
import type { PublicJwk } from '../../kernel/takedown/jws.js';
import type { PurgeSelection } from '../../kernel/takedown/purge.js';
import type { Receipt } from '../../kernel/takedown/receipt.js';
import type { Tombstone } from '../../kernel/takedown/tombstone.js';

export interface PurgeRequest {
  readonly selection: PurgeSelection;
  readonly reason: string;
  /** Leave a tombstone for every content that is taken away. */
  readonly isBlocked: boolean;
  /** Unix ms at which the tombstones end; absent: never. */
  readonly until?: number;
}

export interface SignedReceipt {
  readonly receipt: Receipt;
  /** The receipt as a compact JWS; absent where no key is configured. */
  readonly jws?: string;
}

/** All throw `ProofsheetError`s. */
export interface Takedown {
  /** Takes away at once, and waits a few seconds for the processes that are there to follow. Throws `over-quota` for too many tombstones. */
  purge(asked: PurgeRequest): Promise<SignedReceipt>;
  /** The receipt as it is by now; `undefined` for an id of nothing, or of too long ago. */
  receipt(id: string): Promise<SignedReceipt | undefined>;
  /** At most `limit` receipts, the latest first. */
  latest(limit: number): Promise<readonly Receipt[]>;
  /** Keeps a content from coming back; what is stored of it stays until it is purged. */
  block(content: Digest, reason: string, until: number | undefined): Promise<Tombstone>;
  /** `false` where it was not blocked. */
  unblock(content: Digest): Promise<boolean>;
  /** Those in force, at most `limit`. */
  tombstones(limit: number): Promise<readonly Tombstone[]>;
  /** By which receipts can be verified; none without a key. */
  publicKeys(): readonly PublicJwk[];
}
