// The port of uploads: sessions, slots and what is put into them. Beside `Assets`, over the same records: what a slot changes of its
// asset, of what is counted and of the queue becomes visible in one commit, which survives a crash once it resolved.
import type { Digest } from '../digest.js';
import type { Context } from '../image-key.js';
import type { Asset, AssetVersion, DescribedAsset, EmbeddedFacts } from '../library/asset.js';
import type { AssetId, TenantId } from '../library/ids.js';
import type { Quota } from '../library/quota.js';
import type { Reason } from '../library/reason.js';
import type { CameBy, ReceivedBytes, SlotId, SlotRef, SlotRefusal, UploadSession } from '../library/upload.js';
import type { Page, PageRequest } from './assets.js';

export interface NewSession {
  readonly context: Context;
  readonly tenantId: TenantId;
  readonly name?: string;
  readonly note?: string;
  readonly standalone: boolean;
}

/** What every slot is asked for with. */
export interface SlotWish extends CameBy {
  readonly slotId: SlotId;
  readonly fileName: string;
  /** What the client says it will send. */
  readonly declaredBytes?: number;
  readonly quota: Quota;
  /** Slots of the context that wait for bytes or have them and are not committed, beyond which the next is refused. */
  readonly maxOpen: number;
}

export interface NewAssetWish extends SlotWish {
  readonly session: number;
  readonly tenantId: TenantId;
  /**
   * What it becomes; one that the context has already is the same wish again, and gets its slot again, or one for another version
   * once that is committed.
   */
  readonly assetId: AssetId;
  readonly path: string;
}

export type Prepared = { readonly outcome: 'prepared'; readonly asset: Asset; readonly slotId: SlotId } | SlotRefusal;

/** What became of bytes that were received. */
export type Receipt =
  | { readonly outcome: 'received'; readonly asset: Asset /** What the slot had before. */; readonly replaced?: Digest }
  /** There is no such slot (any more). */
  | { readonly outcome: 'unknown' }
  /** It is committed. */
  | { readonly outcome: 'closed' }
  | { readonly outcome: 'over-quota'; readonly limit: number }
  /** The bytes are not kept (any more). */
  | { readonly outcome: 'original-missing' };

/** What a picture is by its header, and the MD5 of its bytes. */
export interface UploadedPicture extends Pick<AssetVersion, 'type' | 'widthPx' | 'heightPx' | 'md5'> {
  readonly embedded?: EmbeddedFacts;
}

/** How a committed slot ends. */
export type SlotOutcome =
  | { readonly kind: 'made'; readonly picture: UploadedPicture }
  | { readonly kind: 'failed'; readonly reason: Reason };

/** What happens in the commit that ends the processing of a slot (see `Jobs.finish`). */
export interface SlotEffects {
  readonly slot: SlotRef;
  readonly outcome: SlotOutcome;
}

export interface Uploads {
  openSession(wanted: NewSession): Promise<UploadSession>;
  findSession(context: Context, number: number): Promise<UploadSession | undefined>;
  /** The latest first. */
  listSessions(context: Context, request: PageRequest): Promise<Page<UploadSession>>;
  /** Once; one that is done stays as it is. `undefined` when there is none. */
  closeSession(context: Context, number: number): Promise<UploadSession | undefined>;
  /** Assets of a session, the latest first, without those in the trash. */
  assetsOf(context: Context, session: number, request: PageRequest): Promise<Page<DescribedAsset>>;
  /** How many assets the session has, those in the trash included. */
  countOf(context: Context, session: number): Promise<number>;

  /** An asset that waits for bytes, and its slot. `undefined` when there is no such session, or the asset is in the trash. */
  prepare(context: Context, wish: NewAssetWish): Promise<Prepared | undefined>;
  /** A slot for another version. `undefined` when there is no such asset, or it is in the trash. */
  prepareVersion(context: Context, id: AssetId, wish: SlotWish): Promise<Prepared | undefined>;
  /** The asset whose slot it is, whatever its context: who has a slot's name has its key. */
  findSlot(slot: SlotRef): Promise<Asset | undefined>;
  /** The bytes, which are kept as an original already, are the slot's; in the place of those before. */
  receive(slot: SlotRef, received: ReceivedBytes, maxBytes?: number): Promise<Receipt>;
  /**
   * What was received becomes versions: work for it is queued. Nothing new where nothing was received since. `undefined` when there
   * is no such asset.
   */
  commit(context: Context, id: AssetId): Promise<Asset | undefined>;
  /** Shows another version. `undefined` when there is no such asset or version. */
  setHead(context: Context, id: AssetId, number: number): Promise<Asset | undefined>;

  /** Slots opened before (Unix ms) and not committed go, with assets that have no version; sessions without assets too. At most `limit` of each. */
  sweepSlots(before: number, limit: number): Promise<number>;
}
