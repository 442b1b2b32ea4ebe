// The order of a takedown, as all processes that share a store read it: what was taken away, and which bytes nobody may have any more.
// Each process drops its copies, and says so; the receipt is made of that.
import type { Digest } from '../digest.js';
import type { Context, GroupRef } from '../image-key.js';
import type { PurgeSelection } from './purge.js';

/** Bytes that are named one by one; of more, processes drop all copies that they have: a copy is fetched again. */
export const MAX_NAMED_BLOBS = 2_000;
/** Groups that a receipt names; of more it tells the number. */
export const MAX_NAMED_GROUPS = 1_000;
/** Surrogate keys that one message tells: what CDNs take at once. */
export const KEYS_PER_MESSAGE = 256;
/** Surrogate keys of one takedown; of more, its contexts stand for their groups. */
export const MAX_SURROGATE_KEYS = 20 * KEYS_PER_MESSAGE;

/** Assets that a receipt names as those that still have a content. */
export const MAX_NAMED_ASSETS = 100;

/** An asset that has a content as one of its originals. */
export interface AssetOfContent {
  readonly context: Context;
  readonly asset: string;
}

/** What the library keeps of contents. */
export interface OriginalsOfContent {
  /** How many of them it has, whoever has them. */
  readonly kept: number;
  readonly assets: readonly AssetOfContent[];
}

/** How many blobs, and what they were together. */
export interface Amount {
  readonly blobs: number;
  readonly bytes: number;
}

export const NOTHING: Amount = { blobs: 0, bytes: 0 };

/** Copies that a process has dropped, of the tiers that are its own. */
export interface DroppedCopies {
  readonly memory: Amount;
  readonly disk: Amount;
}

export interface TakedownOrder {
  /** `tkd_` and 32 hex digits. */
  readonly id: string;
  /** Unix ms. */
  readonly at: number;
  /** The admin who asked for it. */
  readonly by: string;
  readonly reason: string;
  /** Absent where only a tombstone was set. */
  readonly selection?: PurgeSelection;
  readonly groups: number;
  /** Of them the first `MAX_NAMED_GROUPS`. */
  readonly named: readonly (GroupRef & { readonly content: Digest })[];
  /** What left the last tier, which all processes share. */
  readonly lasting: Amount & { readonly tier: 'disk' | 'shared' };
  /** Blobs that other images have too, and that stay for these. */
  readonly stillNamed: number;
  /** Blobs that no image names any more and that the last tier has all the same, as it could not delete them; it is tried again. */
  readonly undeleted?: number;
  /** Pictures on demand. */
  readonly derivatives: number;
  /** Assets of the library that have what was taken or blocked by its content, at most `MAX_NAMED_ASSETS`: their originals stay. */
  readonly originals?: readonly AssetOfContent[];
  /** How many of the contents the library keeps as originals, by their own rows: more than the named assets tell, where too many have them. */
  readonly keptOriginals?: number;
  /** Whose copies are to be dropped; `all`: more than `MAX_NAMED_BLOBS`. */
  readonly blobs: readonly Digest[] | 'all';
  /** There were pyramids among them, whose tiles are in memory under digests of their own: memory goes as a whole. */
  readonly hasTiles?: true;
  /** Contents that are blocked from then on. */
  readonly blocked: readonly Digest[];
  readonly until?: number;
  /** Contents that may come back. */
  readonly unblocked?: readonly Digest[];
  readonly surrogateKeys: readonly string[];
}

/** A process that keeps copies, as it last said. */
export interface CopyHolder {
  /** Of the place where copies are kept; it outlives the process where those do. */
  readonly id: string;
  readonly host: string;
  readonly worker: number;
  /** Its copies are on a disk, and come back with it. */
  readonly keepsDisk: boolean;
  /** The number of the last order it has followed. */
  readonly followed: number;
  /** Unix ms. */
  readonly seenAt: number;
}

/** What a holder says of one order. */
export interface Acknowledgement extends DroppedCopies {
  readonly holder: string;
  readonly host: string;
  readonly worker: number;
  /** Unix ms. */
  readonly at: number;
}

/** Whoever has not been heard of for so long, and has not left, has no copies in memory any more ... */
export const PROCESS_GONE_MS = 60_000;
/** ... and for so long, no disk either that anybody will use again. */
export const DISK_GONE_MS = 30 * 86_400_000;

/** Whether a holder may still have copies at `now`. */
export function mayHold({ seenAt, keepsDisk }: Pick<CopyHolder, 'seenAt' | 'keepsDisk'>, now: number): boolean {
  return now - seenAt < (keepsDisk ? DISK_GONE_MS : PROCESS_GONE_MS);
}

/** How the CDN has been told of it. */
export interface HookState {
  /** Messages that were taken, of all. */
  readonly sent: number;
  readonly messages: number;
  /** Failed attempts at the next one. */
  readonly attempts: number;
  /** Unix ms before which it is not tried. */
  readonly dueAt: number;
  readonly end?: 'delivered' | 'dead';
}

/** The messages that tell a CDN, each at most `KEYS_PER_MESSAGE` keys. */
export function messagesOf({
  id,
  at,
  surrogateKeys,
}: TakedownOrder): readonly { readonly id: string; readonly body: string }[] {
  const count = Math.ceil(surrogateKeys.length / KEYS_PER_MESSAGE);
  return Array.from({ length: count }, (_, part) => ({
    id: `purge_${id}_${part + 1}`,
    body: JSON.stringify({
      type: 'cache.purge',
      timestamp: new Date(at).toISOString(),
      data: {
        id,
        part: part + 1,
        parts: count,
        surrogateKeys: surrogateKeys.slice(part * KEYS_PER_MESSAGE, (part + 1) * KEYS_PER_MESSAGE),
      },
    }),
  }));
}
