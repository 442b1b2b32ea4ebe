// What the library's use cases take and give, free of HTTP and of any dialect: dialects parse to these and render from them.
import type { Format } from '../kernel/format.js';
import type { Context, GroupRef } from '../kernel/image-key.js';
import type { Asset, AssetVersion, DescribedAsset, ExternalReference } from '../kernel/library/asset.js';
import type { AssetId, ImportId } from '../kernel/library/ids.js';
import type { Callback, ImportItem, ImportJob, WantedItem } from '../kernel/library/import-job.js';
import type { Tenant } from '../kernel/library/tenant.js';
import type { Acceptance, LibraryUsage, Page, PageRequest } from '../kernel/ports/assets.js';
import type { Deliveries } from '../kernel/ports/deliveries.js';
import type { Folders } from '../kernel/ports/folders.js';
import type { Grants } from '../kernel/ports/grants.js';
import type { Jobs } from '../kernel/ports/jobs.js';
import type { Pieces } from '../kernel/ports/originals.js';
import type { Tenants } from '../kernel/ports/tenants.js';
import type { Recipe } from '../kernel/recipe/recipe.js';
import type { DrawnPicture, PreviewBytes, PreviewChoice } from '../previews/answers.js';
import type { Links } from './links.js';
import type { Retries } from './retry-tally.js';
import type { UploadService } from './upload-service.js';
import type { WebhookService } from './webhook-service.js';

/** What a dialect was sent, checked by it as far as its own rules go. */
export interface ImportBatch {
  readonly dialect: string;
  /** Of a dialect that gives its imports their names; one that is known already is answered as `known`. */
  readonly id?: ImportId;
  /** An import of that id that has ended is forgotten for this one. */
  readonly startsAnew?: boolean;
  readonly system?: string;
  /** 1 to `maxItems`; every `url` as `parseSourceUrl` wrote it. */
  readonly items: readonly WantedItem[];
  readonly callback?: Callback;
  /** The same wish again gives the same import; at most 256 characters. */
  readonly key?: string;
}

export interface ImportStatus {
  readonly job: ImportJob;
  /** In the order of the batch. */
  readonly items: readonly ImportItem[];
}

/** Bytes of an original, or of a slice of it. */
export interface OpenedOriginal {
  readonly version: AssetVersion;
  readonly bytes: Pieces;
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
  /** One item of it, by its place in the batch. */
  findItem(context: Context, id: ImportId, index: number): Promise<ImportItem | undefined>;
  /** For operators: of all contexts without one. */
  listImports(request: PageRequest & { readonly context?: Context }): Promise<Page<ImportJob>>;

  /** Whose it is, also in the trash; for who has an id from a URL that this server gave out. */
  contextOf(id: AssetId): Promise<Context | undefined>;
  /** In the trash too. */
  findAsset(context: Context, id: AssetId): Promise<DescribedAsset | undefined>;
  /** Living ones only. */
  describeAsset(context: Context, id: AssetId): Promise<DescribedAsset | undefined>;
  findByReference(context: Context, reference: ExternalReference): Promise<DescribedAsset | undefined>;
  /** Living ones; with `trashed`, in the trash too. */
  findByNumber(context: Context, number: number, trashed?: boolean): Promise<DescribedAsset | undefined>;
  findAssets(context: Context, request: PageRequest & { readonly trashed?: boolean }): Promise<Page<DescribedAsset>>;
  /** The head unless a number is named. `undefined` when there is no such version of a living asset. */
  findVersion(context: Context, id: AssetId, number?: number): Promise<AssetVersion | undefined>;
  listVersions(context: Context, id: AssetId): Promise<readonly AssetVersion[]>;

  /**
   * The best preview of a version (the head unless named) for `request`, made again from the original where the cache has lost
   * it. `undefined` when there is no such living asset or version.
   */
  choosePreview(context: Context, id: AssetId, request: Format, version?: number): Promise<PreviewChoice | undefined>;
  /**
   * Where a version (the head unless named) can be zoomed into: its group, made again from the original where the cache has lost it.
   * `undefined` when there is no such living asset or version.
   */
  zoomable(context: Context, id: AssetId, version?: number): Promise<GroupRef | undefined>;
  /** The chosen preview's bytes. */
  readPreview(choice: PreviewChoice): Promise<PreviewBytes>;
  /**
   * What `recipe` draws of a version (the head unless named), drawn once. `undefined` when there is no such living asset or version.
   * Throws `unsupported-request` where nothing is drawn on demand, `overloaded` while nothing is to be drawn.
   */
  drawVersion(context: Context, id: AssetId, recipe: Recipe, version?: number): Promise<DrawnPicture | undefined>;
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

/** What routes answer from, where there is a library. */
export interface LibraryUse {
  readonly library: Library;
  readonly tenants: Tenants;
  readonly folders: Folders;
  readonly uploads: UploadService;
  readonly links: Links;
  readonly grants: Pick<Grants, 'put' | 'find'>;
  /** Unix ms. */
  readonly now: () => number;
  readonly webhooks: WebhookService;
  /** For operators: how the queue is. */
  readonly jobs: Pick<Jobs, 'counts' | 'oldestDue'>;
  /** For operators: why work was put off in this process since it started. */
  readonly retries: () => readonly Retries[];
  /** For operators: what was said to receivers of webhooks, and letting one be called again. */
  readonly deliveries: Pick<Deliveries, 'failing' | 'log' | 'enable'>;
  /** Tells the end of an import once more, whatever became of it before; `false` where there is none, or nobody to tell. */
  readonly replay: (job: ImportJob) => Promise<boolean>;
}
