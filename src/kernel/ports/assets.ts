// The port of the library's records: assets, versions, references, imports and quotas. Whatever belongs together becomes
// visible together, survives a crash once it resolved, and is found by an index, never by a scan: there are millions of them.
import type { Digest } from '../digest.js';
import type { Context } from '../image-key.js';
import type {
  Asset,
  AssetVersion,
  CreatedVia,
  DescribedAsset,
  EmbeddedFacts,
  ExternalReference,
  JsonObject,
  OriginalInfo,
} from '../library/asset.js';
import type { AssetId, ImportId, TenantId } from '../library/ids.js';
import type { Callback, ImportItem, ImportJob, WantedItem } from '../library/import-job.js';
import type { Quota, QuotaRefusal } from '../library/quota.js';
import type { Reason } from '../library/reason.js';
import type { OriginalName } from './originals.js';
import type { SourceValidators } from './source-fetcher.js';

/** A batch to be accepted. */
export interface NewImport {
  /** One that is known already is left as it is, and answered as `known`. */
  readonly id: ImportId;
  /** An import of that id that has ended is forgotten for this one. */
  readonly startsAnew?: boolean;
  readonly context: Context;
  /** Who sends it: by its rights it is fetched, with its secrets its end is told. */
  readonly tenantId?: TenantId;
  readonly dialect: string;
  readonly system?: string;
  /** At least one. */
  readonly items: readonly WantedItem[];
  readonly callback?: Callback;
  /** Names the wish, within its context: the same key again is the same import. At most 256 characters. */
  readonly key?: string;
  readonly quota: Quota;
  /** Imports of the context that have not ended, beyond which the next is refused. */
  readonly maxOpen: number;
}

export type Acceptance =
  | { readonly outcome: 'accepted'; readonly job: ImportJob }
  /** By its key or its id it was accepted before. */
  | { readonly outcome: 'known'; readonly job: ImportJob }
  | { readonly outcome: 'over-quota'; readonly refusal: QuotaRefusal }
  | { readonly outcome: 'too-many-open'; readonly open: number; readonly limit: number };

/** What becomes an asset or a version of one: the original is kept already. */
export interface Arrival {
  readonly original: OriginalInfo;
  readonly title: string;
  readonly fileName?: string;
  readonly mediaType: string;
  readonly metadata: JsonObject;
  readonly createdVia: CreatedVia;
  readonly reference?: ExternalReference;
  readonly validators?: SourceValidators;
  /** What the picture says of itself. */
  readonly embedded?: EmbeddedFacts;
}

/** How an item ends; a new asset gets `newId`, which may be that of one that waits for it. */
export type ItemOutcome =
  /** Settled by `settle` in the commit: a new asset, a new version, or `skipped` because it is there already. */
  | { readonly kind: 'arrived'; readonly newId: AssetId; readonly arrival: Arrival; readonly maxBytes?: number }
  /** The origin says that nothing has changed, or nobody was to ask. */
  | { readonly kind: 'unchanged'; readonly assetId: AssetId }
  | { readonly kind: 'failed'; readonly reason: Reason }
  | { readonly kind: 'cancelled' };

/** What happens in the commit that ends, or goes on with, a piece of work (see `Jobs.finish`). */
export interface ItemEffects {
  readonly importId: ImportId;
  readonly index: number;
  readonly outcome: ItemOutcome;
  /** The end is no attempt: nobody was asked. */
  readonly free?: boolean;
}

/** A page of a list: what comes after `cursor`, or the first; `next` leads on and is absent at the end. */
export interface Page<T> {
  readonly entries: readonly T[];
  readonly next?: string;
}

export interface PageRequest {
  /** As a page gave it; another one throws `invalid-request-format`. */
  readonly cursor?: string;
  /** 1 to 1,000. */
  readonly limit: number;
}

/** What a context has, kept up to date by every commit. */
export interface LibraryUsage {
  /** The trash included. */
  readonly assets: number;
  /** Distinct originals. */
  readonly originals: number;
  /** Their bytes. */
  readonly bytes: number;
  readonly openImports: number;
  /** Slots of uploads that are not committed. */
  readonly openSlots: number;
}

export interface Swept {
  /** Assets whose time in the trash was over. */
  readonly assets: number;
  /** Originals that nothing names any more. */
  readonly originals: number;
  /** Imports that ended long ago, with their items. */
  readonly imports: number;
}

/** Unix ms: what is older goes. */
export interface SweepTimes {
  readonly trashedBefore: number;
  /** Originals without a version since then; an import takes less from its first byte to its commit. */
  readonly unneededBefore: number;
  readonly finishedBefore: number;
}

/** A content that a context has let go of: what was made of it for that context is to go too. */
export interface LetGo {
  readonly context: Context;
  readonly digest: Digest;
  /** Unix ms: as it was noted, or when it is to be looked at once more. */
  readonly dueAt: number;
  /** The second look, for what was being made while the first one was. */
  readonly isLast: boolean;
  /** The context has it again by now: then what was made of it stays. */
  readonly isHeld: boolean;
}

/** Who has an original whose bytes are kept. */
export interface Holders {
  /** Versions, and bytes of uploads that are none yet. 0: nothing names it any more, and its time is not over. */
  readonly refs: number;
  /** Whose they are, whatever tenants there are now. */
  readonly contexts: readonly Context[];
}

export interface Assets {
  /**
   * Job, items, reservation, the work in the queue and the assets that wait for items (see `WantedItem.becomes`): all of it or nothing. Items whose state is final from the start are never
   * queued. The whole batch is refused where it does not fit its quota.
   */
  acceptImport(wanted: NewImport): Promise<Acceptance>;
  /** Of any context where none is named. */
  findImport(context: Context | undefined, id: ImportId): Promise<ImportJob | undefined>;
  /** In the order of the batch, without the pictures of assets that were erased since; none of an import that is not known. */
  itemsOf(id: ImportId): Promise<readonly ImportItem[]>;
  findItem(id: ImportId, index: number): Promise<ImportItem | undefined>;
  /** Imports, the latest first; of all contexts without one. */
  listImports(request: PageRequest & { readonly context?: Context }): Promise<Page<ImportJob>>;

  /** Whose it is, also in the trash; for who has an id from a URL that this server gave out. */
  contextOf(id: AssetId): Promise<Context | undefined>;
  /** Also one in the trash. */
  findAsset(context: Context, id: AssetId): Promise<DescribedAsset | undefined>;
  /** Those of `ids` (1,000 at most) that the context has, by their ids; also in the trash. */
  findAssets(context: Context, ids: readonly AssetId[]): Promise<ReadonlyMap<AssetId, DescribedAsset>>;
  /** The living asset of that name. */
  findByReference(context: Context, reference: ExternalReference): Promise<DescribedAsset | undefined>;
  /** By `Asset.number`. */
  findByNumber(context: Context, number: number): Promise<DescribedAsset | undefined>;
  /** Assets of a context, the latest first; `trashed` lists the trash, else what lives. */
  listAssets(context: Context, request: PageRequest & { readonly trashed?: boolean }): Promise<Page<DescribedAsset>>;
  /** One version, found by its number and not among all; also of an asset in the trash. */
  findVersion(context: Context, id: AssetId, number: number): Promise<AssetVersion | undefined>;
  /** All versions (`MAX_VERSIONS` at most), the latest first; none of an asset that is not known. */
  versionsOf(context: Context, id: AssetId): Promise<readonly AssetVersion[]>;

  /** `undefined` when there is none; one in the trash stays since when it was. Its reference is free from now on. */
  trash(context: Context, id: AssetId): Promise<Asset | undefined>;
  /** Out of the trash; its reference comes back unless another has taken it. `undefined` when there is none. */
  restore(context: Context, id: AssetId): Promise<Asset | undefined>;
  /**
   * At once and for good: asset, versions, reference. `false` when there is none. What its context has no longer is noted in the same
   * commit (see `letGo`).
   */
  erase(context: Context, id: AssetId): Promise<boolean>;

  usage(context?: Context): Promise<LibraryUsage>;
  /** At most `limit` of each; what no original names is removed with its bytes. */
  sweep(times: SweepTimes, limit: number): Promise<Swept>;
  /** Whether the context may have these bytes beside what it has; what it has already needs no room. To be asked before they are kept. */
  hasRoom(context: Context, original: OriginalName, maxBytes: number): Promise<boolean>;
  /** Those of `digests` whose bytes are kept, by the originals' own rows. */
  holders(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, Holders>>;
  /** Removes the bytes of an original at once, whenever it was kept; `false`, and nothing is done, where something names it. */
  dropUnneeded(digest: Digest): Promise<boolean>;
  /** What contexts have let go of, due at `now` or before, the longest due first. It stays noted until somebody says that it was seen to. */
  letGo(now: number, limit: number): Promise<readonly LetGo[]>;
  /** What was made of it is gone; `againAt`: Unix ms at which it is to be looked at once more, absent: never. */
  noteCleared(content: LetGo, againAt?: number): Promise<void>;
}
