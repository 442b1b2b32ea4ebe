// What the use cases need of the ordered blob tiers beyond one store: to be told where a blob was found.
import type { Digest } from '../kernel/digest.js';
import type { BlobKind, BlobStore, FoundBlob } from '../kernel/ports/blobs.js';
import type { DroppedCopies } from '../kernel/takedown/order.js';
import type { Slice } from '../kernel/zoom/pyramid-index.js';

/**
 * All tiers as one store. `put` and `putFile` write every durable tier, and throw only after each was tried: what
 * `shared-tier-unreachable` leaves behind is still served from this node.
 */
export interface BlobTiers extends Omit<BlobStore, 'tier' | 'delete' | 'dropCopies'> {
  /** The blob from the nearest tier that has it undamaged. */
  find(digest: Digest): Promise<FoundBlob | undefined>;
  /** The part of a blob from the nearest tier that has it undamaged. */
  findSlice(slice: Slice): Promise<FoundBlob | undefined>;
  /** Like `put`, but memory takes the bytes when they are first asked for: most previews of a sequence never are soon. */
  putUnread(digest: Digest, bytes: Buffer, kind: BlobKind): Promise<void>;
  /** Keeps bytes in this process's memory alone, as far as there is room. */
  keepInMemory(digest: Digest, bytes: Buffer): void;
  /** Drops the copies that only this process holds; the tiers that others share keep the blob. */
  forget(digest: Digest): void;
  /** Drops the copies of this process, in memory and in the tiers before the last one: also those that are on their way there. `isWhole`: memory as a whole. */
  drop(digests: readonly Digest[] | 'all', isWhole?: boolean): Promise<DroppedCopies>;
  /** Whether the last tier, where a blob has to be, has it. */
  lasts(digest: Digest): Promise<boolean>;
}
