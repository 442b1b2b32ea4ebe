// Imports: a batch of pictures to be fetched, and what became of each. Words and pure rules; no store, no dialect.
import type { Context } from '../image-key.js';
import type { SourceType } from '../source.js';
import type { DescribedAsset, ExternalReference, Json, JsonObject } from './asset.js';
import type { AssetId, ImportId, TenantId } from './ids.js';
import type { Reason } from './reason.js';

/** One way only, and one of the last four is where every item ends, once. */
export const ITEM_STATES = [
  'queued',
  'fetching',
  'converting',
  'storing',
  'tiling',
  'succeeded',
  'skipped',
  'failed',
  'cancelled',
] as const;
export type ItemState = (typeof ITEM_STATES)[number];
/** What a worker may say of an item that it has in hand; the last two only of one that is to be zoomed into. */
export type ItemStage = Extract<ItemState, 'fetching' | 'converting' | 'storing' | 'tiling'>;

const FINAL: ReadonlySet<ItemState> = new Set(['succeeded', 'skipped', 'failed', 'cancelled']);

export function isFinal(state: ItemState): boolean {
  return FINAL.has(state);
}

/** What is asked for one picture. */
export interface WantedItem {
  /** At most 2,048 characters, http or https, as the `URL` class writes it. Its query is a secret: never logged. */
  readonly url: string;
  /** As the client wrote it, where its face tells that back whatever became of the item; a secret like `url`. */
  readonly sentUrl?: string;
  readonly reference?: ExternalReference;
  /** At most 1,024 characters. */
  readonly title: string;
  readonly fileName?: string;
  /** `image` where the client says nothing. */
  readonly mediaType?: string;
  /** At most 64 KiB as JSON. */
  readonly metadata?: JsonObject;
  /** What it becomes: an asset of this id is there from the moment the import is accepted, and waits for the picture. */
  readonly becomes?: AssetId;
}

/** Who is told when an import has ended, beside whoever asks. */
export interface Callback {
  /** http or https; a secret like every URL. */
  readonly url: string;
  /** What is handed back as it came. */
  readonly context?: Json;
}

export interface ImportItem extends WantedItem {
  readonly importId: ImportId;
  /** Its place in the batch, from 0. */
  readonly index: number;
  readonly state: ItemState;
  /** Why it failed; why it waits; of a skipped one only where it was not the picture that was there already. */
  readonly reason?: Reason;
  /** Attempts that have ended, each at the origin or on the way to it; of an item that has ended, with its last. */
  readonly attempts: number;
  /** Unix ms; only of one that waits to be tried again. */
  readonly nextAttemptAt?: number;
  /** The asset it became, or that was there already. */
  readonly assetId?: AssetId;
  readonly versionNumber?: number;
  /** What that version is, so that who asks how an import ended need not look at each asset; absent where that was erased. */
  readonly picture?: ItemPicture;
}

/** Of the version that an item became, or that was there already, as it was when the item ended. */
export interface ItemPicture {
  readonly title: string;
  readonly type: SourceType;
  /** Of the upright picture. */
  readonly widthPx: number;
  readonly heightPx: number;
}

/** As it is told once its asset was erased. */
export function withoutPicture({ picture: _, ...item }: ImportItem): ImportItem {
  return item;
}

/** How an item says what it became. */
export function pictureOf({
  asset,
  version,
}: DescribedAsset): Pick<ImportItem, 'assetId' | 'versionNumber' | 'picture'> {
  const named = { assetId: asset.id, versionNumber: asset.head };
  if (version === undefined) return named;
  const { type, widthPx, heightPx } = version;
  return { ...named, picture: { title: asset.title, type, widthPx, heightPx } };
}

export interface ImportJob {
  readonly id: ImportId;
  readonly context: Context;
  /** Whose rights and secrets it is done with; absent of one that was accepted before this was noted. */
  readonly tenantId?: TenantId;
  /** Which face it came in by; what it says of a callback is said in that face's words. */
  readonly dialect: string;
  /** Who sent it, as the dialect says it, e.g. Livingdocs' systemName. */
  readonly system?: string;
  /** How many. */
  readonly items: number;
  /** Items by final state; an import has ended when they add up to `items`. */
  readonly ended: EndedItems;
  readonly callback?: Callback;
  /** Unix ms. */
  readonly acceptedAt: number;
  /** Unix ms; absent while items are left. */
  readonly finishedAt?: number;
}

export type EndedItems = Readonly<Record<'succeeded' | 'skipped' | 'failed' | 'cancelled', number>>;
export const NONE_ENDED: EndedItems = { succeeded: 0, skipped: 0, failed: 0, cancelled: 0 };

export function endedCount(ended: EndedItems): number {
  return ended.succeeded + ended.skipped + ended.failed + ended.cancelled;
}

/** The name of an item's work in the queue; no `:`, which some queues keep for themselves. */
export function itemWorkId(importId: ImportId, index: number): string {
  return `${importId}.${index}`;
}

/** Which item a name in the queue means; `undefined` when it is none of ours. */
export function parseItemWorkId(id: string): { readonly importId: ImportId; readonly index: number } | undefined {
  const [, importId, index] = /^([a-z0-9]{12})\.([0-9]{1,6})$/.exec(id) ?? [];
  return importId === undefined ? undefined : { importId: importId as ImportId, index: Number(index) };
}

/** The batch as it is accepted: a later item with the reference of an earlier one is skipped, never fetched. */
export function itemsOf(importId: ImportId, wanted: readonly WantedItem[]): readonly ImportItem[] {
  const seen = new Set<string>();
  return wanted.map((item, index) => {
    const name = item.reference && JSON.stringify([item.reference.system, item.reference.externalId]);
    const isRepeated = name !== undefined && seen.has(name);
    if (name !== undefined) seen.add(name);
    const base = { ...item, importId, index, attempts: 0 };
    return isRepeated
      ? { ...base, state: 'skipped', reason: { code: 'duplicate-in-batch' } }
      : { ...base, state: 'queued' };
  });
}
