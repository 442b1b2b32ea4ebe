// What the library's use cases take and give, free of HTTP and of any dialect: dialects parse to these and render from them.
import type { Format } from '../kernel/format.js';
import type { Context } from '../kernel/image-key.js';
import type { Asset, AssetVersion, DescribedAsset, ExternalReference } from '../kernel/library/asset.js';
import type { AssetId, ImportId } from '../kernel/library/ids.js';
import type { Callback, ImportItem, ImportJob, WantedItem } from '../kernel/library/import-job.js';
import type { Tenant } from '../kernel/library/tenant.js';
import type { Acceptance, LibraryUsage, Page, PageRequest } from '../kernel/ports/assets.js';
import type { Deliveries } from '../kernel/ports/deliveries.js';
import type { Jobs } from '../kernel/ports/jobs.js';
import type { Tenants } from '../kernel/ports/tenants.js';
import type { PreviewBytes, PreviewChoice } from '../previews/answers.js';

/** What a dialect was sent, checked by it as far as its own rules go. */
export interface ImportBatch {
  readonly dialect: string;
  readonly system?: string;
  /** 1 to `maxItems`; every `url` as `parseSourceUrl` wrote it. */
  readonly items: readonly WantedItem[];
  readonly callback?: Callback;
  /** The same wish again gives the same import; at most 256 characters. */
  readonly key?: string;
}

/** An item and the asset it became, or that was there already, as that stands now. */
export interface ItemStatus {
  readonly item: ImportItem;
  /** Absent while there is none, and where it was erased since. */
  readonly asset?: DescribedAsset;
}

export interface ImportStatus {
  readonly job: ImportJob;
  /** In the order of the batch. */
  readonly items: readonly ItemStatus[];
}

/** Bytes of an original, or of a slice of it. */
export interface OpenedOriginal {
  readonly version: AssetVersion;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** The library's use cases. All throw `ProofsheetError`s; what is not there, or another context's, is `undefined`. */
export interface Library {
  /** Most items of one import; a dialect refuses longer ones in its own words. */
  readonly maxItems: number;
  /**
   * Job and items are durable once it resolves, and nothing was fetched before. Throws `over-quota` only for a batch longer than
   * `maxItems`; what the tenant's quota says is an `Acceptance`.
   */
  acceptImport(tenant: Tenant, batch: ImportBatch): Promise<Acceptance>;
  /** Of any context where none is named: for operators. */
  importStatus(context: Context | undefined, id: ImportId): Promise<ImportStatus | undefined>;
  /** The job without its items. */
  findImport(context: Context | undefined, id: ImportId): Promise<ImportJob | undefined>;
  /** For operators: of all contexts without one. */
  listImports(request: PageRequest & { readonly context?: Context }): Promise<Page<ImportJob>>;

  /** Living ones only. */
  describeAsset(context: Context, id: AssetId): Promise<DescribedAsset | undefined>;
  findByReference(context: Context, reference: ExternalReference): Promise<DescribedAsset | undefined>;
  findByNumber(context: Context, number: number): Promise<DescribedAsset | undefined>;
  findAssets(context: Context, request: PageRequest & { readonly trashed?: boolean }): Promise<Page<DescribedAsset>>;
  /** The head unless a number is named. `undefined` when there is no such version of a living asset. */
  findVersion(context: Context, id: AssetId, number?: number): Promise<AssetVersion | undefined>;
  listVersions(context: Context, id: AssetId): Promise<readonly AssetVersion[]>;

  /**
   * The best preview of a version (the head unless named) for `request`, made again from the original where the cache has lost
   * it. `undefined` when there is no such living asset or version.
   */
  choosePreview(context: Context, id: AssetId, request: Format, version?: number): Promise<PreviewChoice | undefined>;
  /** The chosen preview's bytes. */
  readPreview(choice: PreviewChoice): Promise<PreviewBytes>;
  /** The original's bytes from `start` (0) to `end` (excluded; its length). `undefined` when there is none such. */
  openOriginal(
    context: Context,
    id: AssetId,
    part?: { readonly version?: number; readonly start?: number; readonly end?: number },
  ): Promise<OpenedOriginal | undefined>;

  /** Into the trash, from which it is erased after the grace time. `undefined` when there is none. */
  trash(context: Context, id: AssetId): Promise<Asset | undefined>;
  restore(context: Context, id: AssetId): Promise<Asset | undefined>;
  /** At once and for good, with its previews under its name. `false` when there is none. */
  erase(context: Context, id: AssetId): Promise<boolean>;

  usage(context?: Context): Promise<LibraryUsage>;
}

/** What a dialect says to a receiver. */
export interface Letter {
  /** JSON. */
  readonly body: string;
  /** Of its own, beside those that every webhook has. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What routes answer from, where there is a library. */
export interface LibraryUse {
  readonly library: Library;
  readonly tenants: Tenants;
  /** For operators: how the queue is. */
  readonly jobs: Pick<Jobs, 'counts' | 'oldestDue'>;
  /** For operators: what was said to receivers of webhooks, and letting one be called again. */
  readonly deliveries: Pick<Deliveries, 'failing' | 'log' | 'enable'>;
  /** Tells the end of an import once more, whatever became of it before; `false` where there is none, or nobody to tell. */
  readonly replay: (job: ImportJob) => Promise<boolean>;
}
