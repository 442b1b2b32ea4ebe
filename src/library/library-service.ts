// The library's use cases: accept, tell, find, show, take away. Knows no dialect; the fetching is the import worker's.
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../kernel/digest.js';
import { ProofsheetError } from '../kernel/errors.js';
import { type Format, parseFormat } from '../kernel/format.js';
import { type Context, type GroupRef, type ImageKey, libraryContextOf } from '../kernel/image-key.js';
import type { Asset, AssetVersion, DescribedAsset, ExternalReference } from '../kernel/library/asset.js';
import { type AssetId, type ImportId, newImportId } from '../kernel/library/ids.js';
import type { ImportItem, ImportJob } from '../kernel/library/import-job.js';
import type { Tenant } from '../kernel/library/tenant.js';
import type { Acceptance, Assets, LibraryUsage, Page, PageRequest } from '../kernel/ports/assets.js';
import type { Originals } from '../kernel/ports/originals.js';
import type { Recipe } from '../kernel/recipe/recipe.js';
import { contentDigestOf } from '../kernel/source.js';
import type { Drawings, DrawnPicture, PreviewBytes, PreviewChoice, Previews, Upload } from '../previews/answers.js';
import type { ImportBatch, ImportStatus, Library, OpenedOriginal } from './answers.js';
import { Remakes } from './remakes.js';

/** What is asked for where only the group is wanted. */
const SMALLEST = parseFormat('auto:1x1');

export interface LibraryDeps {
  readonly assets: Assets;
  readonly originals: Originals;
  readonly previews: Previews;
  /** Absent where nothing is drawn on demand. */
  readonly drawings?: Drawings;
  /** On the originals' file system. */
  readonly tmpDir: string;
  readonly maxItems: number;
  /** Imports of a tenant that have not ended, beyond which the next is refused. */
  readonly maxOpenImports: number;
  /** Why nothing is to be converted now, while that is so: what is read anonymously is made again within the limits of uploads. */
  readonly strain?: () => ProofsheetError | undefined;
}

export class LibraryService implements Library {
  private readonly remakes = new Remakes();

  constructor(private readonly deps: LibraryDeps) {}

  get maxItems(): number {
    return this.deps.maxItems;
  }

  async acceptImport(tenant: Tenant, batch: ImportBatch): Promise<Acceptance> {
    const { maxItems, maxOpenImports, assets } = this.deps;
    if (batch.items.length > maxItems)
      throw new ProofsheetError('over-quota', `expected at most ${maxItems} images in one import`);
    const { id: tenantId, context, quota } = tenant;
    const id = batch.id ?? newImportId();
    return assets.acceptImport({ ...batch, id, tenantId, context, quota, maxOpen: maxOpenImports });
  }

  async importStatus(context: Context | undefined, id: ImportId): Promise<ImportStatus | undefined> {
    const job = await this.deps.assets.findImport(context, id);
    if (job === undefined) return undefined;
    return { job, items: await this.deps.assets.itemsOf(id) };
  }

  findImport(context: Context | undefined, id: ImportId): Promise<ImportJob | undefined> {
    return this.deps.assets.findImport(context, id);
  }

  async findItem(context: Context, id: ImportId, index: number): Promise<ImportItem | undefined> {
    return (await this.findImport(context, id)) && this.deps.assets.findItem(id, index);
  }

  listImports(request: PageRequest & { readonly context?: Context }): Promise<Page<ImportJob>> {
    return this.deps.assets.listImports(request);
  }

  async describeAsset(context: Context, id: AssetId): Promise<DescribedAsset | undefined> {
    return living(await this.deps.assets.findAsset(context, id));
  }

  findByReference(context: Context, reference: ExternalReference): Promise<DescribedAsset | undefined> {
    return this.deps.assets.findByReference(context, reference);
  }

  contextOf(id: AssetId): Promise<Context | undefined> {
    return this.deps.assets.contextOf(id);
  }

  findAsset(context: Context, id: AssetId): Promise<DescribedAsset | undefined> {
    return this.deps.assets.findAsset(context, id);
  }

  async findByNumber(context: Context, number: number, trashed = false): Promise<DescribedAsset | undefined> {
    const found = await this.deps.assets.findByNumber(context, number);
    return trashed ? found : living(found);
  }

  findAssets(context: Context, request: PageRequest & { readonly trashed?: boolean }): Promise<Page<DescribedAsset>> {
    return this.deps.assets.listAssets(context, request);
  }

  async listVersions(context: Context, id: AssetId): Promise<readonly AssetVersion[]> {
    return (await this.describeAsset(context, id)) ? this.deps.assets.versionsOf(context, id) : [];
  }

  async choosePreview(
    context: Context,
    id: AssetId,
    request: Format,
    number?: number,
  ): Promise<PreviewChoice | undefined> {
    const version = await this.findVersion(context, id, number);
    if (version === undefined) return undefined;
    const ref = groupOf(context, version);
    const found = await this.chosen(ref, request);
    if (found && contentDigestOf(found.entry.source) === version.digest) return found;
    await this.remakes.run(ref, () => this.remake(ref, request, version));
    return this.deps.previews.choose(ref, request);
  }

  async zoomable(context: Context, id: AssetId, number?: number): Promise<GroupRef | undefined> {
    const version = await this.findVersion(context, id, number);
    if (version === undefined) return undefined;
    const ref = groupOf(context, version);
    if (!(await this.deps.previews.has(ref))) await this.remakes.run(ref, () => this.remake(ref, SMALLEST, version));
    return ref;
  }

  /** From the original, whose digest is checked as it is copied. */
  private async remake(ref: GroupRef, request: Format, version: AssetVersion): Promise<void> {
    const strain = this.deps.strain?.();
    if (strain !== undefined) throw strain;
    const upload = await this.copyOf(version);
    const { source } = (await this.deps.previews.cacheAndChoose(ref, request, upload)).entry;
    // A record of other bytes, which nobody but a fault of ours can have put there: ours takes its place again.
    if (contentDigestOf(source) !== version.digest) await this.deps.previews.cache(ref, await this.copyOf(version));
  }

  readPreview(choice: PreviewChoice): Promise<PreviewBytes> {
    return this.deps.previews.read(choice);
  }

  async drawVersion(context: Context, id: AssetId, recipe: Recipe, number?: number): Promise<DrawnPicture | undefined> {
    const { drawings, originals } = this.deps;
    if (drawings === undefined)
      throw new ProofsheetError('unsupported-request', 'expected a server that draws on demand, and this one does not');
    const version = await this.findVersion(context, id, number);
    if (version === undefined) return undefined;
    const { digest, bytes } = version;
    const copyTo = (path: string): Promise<boolean> => {
      const strain = this.deps.strain?.();
      return strain === undefined ? originals.copyTo(digest, path) : Promise.reject(strain);
    };
    return drawings.drawFrom(libraryContextOf(context), { digest, bytes, copyTo }, recipe);
  }

  async openOriginal(
    context: Context,
    id: AssetId,
    {
      version: number,
      start = 0,
      end,
    }: { readonly version?: number; readonly start?: number; readonly end?: number } = {},
  ): Promise<OpenedOriginal | undefined> {
    const version = await this.findVersion(context, id, number);
    if (version === undefined) return undefined;
    const bytes = await this.deps.originals.read(version, start, Math.min(end ?? version.bytes, version.bytes));
    if (bytes === undefined) throw lost();
    return { version, bytes };
  }

  trash(context: Context, id: AssetId): Promise<Asset | undefined> {
    return this.deps.assets.trash(context, id);
  }

  restore(context: Context, id: AssetId): Promise<Asset | undefined> {
    return this.deps.assets.restore(context, id);
  }

  async erase(context: Context, id: AssetId): Promise<boolean> {
    const versions = await this.deps.assets.versionsOf(context, id);
    const isErased = await this.deps.assets.erase(context, id);
    // Where another asset has the same bytes, they are made again from its original.
    for (const { digest } of versions) await this.forgetMade(context, digest);
    return isErased;
  }

  async forgetMade(context: Context, digest: Digest): Promise<void> {
    await this.deps.previews.clear(groupOf(context, { digest }));
    await this.deps.drawings?.forget(libraryContextOf(context), digest);
  }

  usage(context?: Context): Promise<LibraryUsage> {
    return this.deps.assets.usage(context);
  }

  async findVersion(context: Context, id: AssetId, number?: number): Promise<AssetVersion | undefined> {
    const found = await this.describeAsset(context, id);
    if (found === undefined || number === undefined || number === found.asset.head) return found?.version;
    return this.deps.assets.findVersion(context, id, number);
  }

  private async chosen(ref: GroupRef, request: Format): Promise<PreviewChoice | undefined> {
    try {
      return await this.deps.previews.choose(ref, request);
    } catch (error) {
      if (error instanceof ProofsheetError && error.code === 'unknown-image-key') return undefined;
      throw error;
    }
  }

  /** The original as an upload, whose file is removed by whoever is given it. */
  private async copyOf({ digest, bytes }: AssetVersion): Promise<Upload> {
    const path = join(this.deps.tmpDir, `original-${randomUUID()}`);
    if (await this.deps.originals.copyTo(digest, path)) return { path, digest, bytes };
    await rm(path, { force: true });
    throw lost();
  }
}

/** Where the previews of a version lie. */
function groupOf(context: Context, { digest }: Pick<AssetVersion, 'digest'>): GroupRef {
  return { context: libraryContextOf(context), imageKey: digest as string as ImageKey };
}

function living(found: DescribedAsset | undefined): DescribedAsset | undefined {
  return found?.asset.trashedAt === undefined ? found : undefined;
}

/** Never by our own doing: a disk that lost it, or a restore of a part of the backup. */
function lost(): ProofsheetError {
  return new ProofsheetError(
    'internal',
    'the original of this image is lost; import it again, or restore it from a backup',
  );
}
