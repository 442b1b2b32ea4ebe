// The Assets port on LMDB: reads by index without a lock, changes by the ledgers in one transaction each.
import type { Digest } from '../../../kernel/digest.js';
import { ProofsheetError } from '../../../kernel/errors.js';
import type { Context } from '../../../kernel/image-key.js';
import type { Asset, AssetVersion, DescribedAsset, ExternalReference } from '../../../kernel/library/asset.js';
import type { AssetId, ImportId } from '../../../kernel/library/ids.js';
import { type ImportItem, type ImportJob, withoutPicture } from '../../../kernel/library/import-job.js';
import type {
  Acceptance,
  Assets,
  Holders,
  LetGo,
  LibraryUsage,
  NewImport,
  Page,
  PageRequest,
  SweepTimes,
  Swept,
} from '../../../kernel/ports/assets.js';
import type { OriginalName } from '../../../kernel/ports/originals.js';
import { keysFrom, readRow, type Table } from '../lmdb-environment.js';
import { erasedOf } from './asset-ledger.js';
import { readItem, readItems } from './item-rows.js';
import { putLetGo, readLetGo, removeLetGo } from './let-go-rows.js';
import type { LibraryChanges } from './library-changes.js';
import {
  ALL_CONTEXTS,
  assetsKey,
  digestKey,
  digestOfKey,
  endOfPrefix,
  FIRST_KEY,
  joined,
  numberAt,
  numberKey,
  referenceKey,
  textFrom,
  versionKey,
} from './library-keys.js';
import { decodeJson, decodeText, type ImportRow, NO_USAGE, type OriginalRow, usageOf } from './library-rows.js';

/** Serials and numbers are below this: the border of a list that begins with its latest. */
const MAX_NUMBER = Number.MAX_SAFE_INTEGER;
const MAX_PAGE = 1_000;
/** Contexts that are looked at for an original: far more than there are tenants. */
const MAX_CONTEXTS = 1_000_000;
/** As many as a key has room for. */
const MAX_NUMBERED_VERSIONS = 0xffff_ffff;
const TIME_BYTES = 8;

export class LmdbAssets implements Assets {
  constructor(
    private readonly changes: LibraryChanges,
    /** Removes the original's file; one that is not there is removed. */
    private readonly unlink: (digest: Digest) => boolean,
  ) {}

  acceptImport(wanted: NewImport): Promise<Acceptance> {
    if (wanted.items.length === 0) throw new Error('expected an import of at least one item, got none');
    return this.changes.write(({ imports }) => imports.accept(wanted));
  }

  async findImport(context: Context | undefined, id: ImportId): Promise<ImportJob | undefined> {
    const job = this.importRow(id)?.job;
    return context === undefined || job?.context === context ? job : undefined;
  }

  async itemsOf(id: ImportId): Promise<readonly ImportItem[]> {
    this.changes.refresh();
    const items = readItems(this.tables, id);
    const row = this.importRow(id);
    // Where nothing was erased, all that was there still is: a thousand looks take as long as all else.
    if (row === undefined || row.erased === erasedOf(this.tables, this.changes.contextKey(row.job.context)))
      return items;
    const isThere = ({ assetId }: ImportItem) =>
      assetId === undefined || this.tables.assets.doesExist(Buffer.from(assetId));
    return items.map((item) => (isThere(item) ? item : withoutPicture(item)));
  }

  async findItem(id: ImportId, index: number): Promise<ImportItem | undefined> {
    this.changes.refresh();
    return readItem(this.tables, id, index);
  }

  async listImports({
    context,
    cursor,
    limit,
  }: PageRequest & { readonly context?: Context }): Promise<Page<ImportJob>> {
    this.changes.refresh();
    const prefix = context === undefined ? ALL_CONTEXTS : this.changes.contextKey(context);
    const found = this.latest(this.tables.importsOf, prefix, cursor, limit);
    const entries = found.ids.flatMap((id) => this.importRow(id as ImportId)?.job ?? []);
    return { entries, ...(found.next !== undefined && { next: found.next }) };
  }

  async contextOf(id: AssetId): Promise<Context | undefined> {
    this.changes.refresh();
    return this.asset(id)?.context;
  }

  async findAsset(context: Context, id: AssetId): Promise<DescribedAsset | undefined> {
    this.changes.refresh();
    const asset = this.asset(id);
    return asset?.context === context ? this.described(asset) : undefined;
  }

  async findAssets(context: Context, ids: readonly AssetId[]): Promise<ReadonlyMap<AssetId, DescribedAsset>> {
    this.changes.refresh();
    const found = new Map<AssetId, DescribedAsset>();
    for (const id of new Set(ids)) {
      const asset = this.asset(id);
      if (asset?.context === context) found.set(id, this.described(asset));
    }
    return found;
  }

  async findByReference(context: Context, reference: ExternalReference): Promise<DescribedAsset | undefined> {
    this.changes.refresh();
    const key = referenceKey(this.changes.contextKey(context), reference);
    const id = readRow(this.tables.references, key, decodeText);
    return id === undefined ? undefined : this.findAsset(context, id as AssetId);
  }

  async findByNumber(context: Context, number: number): Promise<DescribedAsset | undefined> {
    this.changes.refresh();
    const key = this.changes.contextKey(context);
    for (const isTrashed of [false, true]) {
      const id = readRow(this.tables.assetsOf, assetsKey(key, isTrashed, number), decodeText);
      if (id !== undefined) return this.findAsset(context, id as AssetId);
    }
    return undefined;
  }

  async listAssets(
    context: Context,
    { cursor, limit, trashed = false }: PageRequest & { readonly trashed?: boolean },
  ): Promise<Page<DescribedAsset>> {
    this.changes.refresh();
    const prefix = joined(this.changes.contextKey(context), Buffer.of(trashed ? 1 : 0));
    const found = this.latest(this.tables.assetsOf, prefix, cursor, limit);
    const assets = found.ids.flatMap((id) => this.asset(id as AssetId) ?? []);
    const entries = assets.map((asset) => this.described(asset));
    return { entries, ...(found.next !== undefined && { next: found.next }) };
  }

  async findVersion(context: Context, id: AssetId, number: number): Promise<AssetVersion | undefined> {
    this.changes.refresh();
    return this.asset(id)?.context === context ? this.version(id, number) : undefined;
  }

  async versionsOf(context: Context, id: AssetId): Promise<readonly AssetVersion[]> {
    this.changes.refresh();
    if (this.asset(id)?.context !== context) return [];
    const prefix = Buffer.from(id);
    const end = endOfPrefix(prefix);
    const found = [...this.tables.versions.getRange({ start: prefix, ...(end && { end }) })];
    return found.map(({ value }) => decodeJson<AssetVersion>(value)).toReversed();
  }

  trash(context: Context, id: AssetId): Promise<Asset | undefined> {
    return this.changes.write(({ assets }) => {
      const asset = assets.asset(context, id);
      return asset && assets.trash(asset);
    });
  }

  restore(context: Context, id: AssetId): Promise<Asset | undefined> {
    return this.changes.write(({ assets }) => {
      const asset = assets.asset(context, id);
      return asset && assets.restore(asset);
    });
  }

  erase(context: Context, id: AssetId): Promise<boolean> {
    return this.changes.write(({ assets }) => {
      const asset = assets.asset(context, id);
      if (asset) assets.erase(asset);
      return asset !== undefined;
    });
  }

  async usage(context?: Context): Promise<LibraryUsage> {
    this.changes.refresh();
    const key = context === undefined ? ALL_CONTEXTS : this.changes.contextKey(context);
    const row = readRow(this.tables.usage, key, usageOf) ?? NO_USAGE;
    const { assets, originals, bytes, openImports, openSlots } = row;
    return { assets, originals, bytes, openImports, openSlots };
  }

  async sweep({ trashedBefore, unneededBefore, finishedBefore }: SweepTimes, limit: number): Promise<Swept> {
    const assets = await this.changes.each(this.tables.trash, trashedBefore, limit, ({ assets: ledger }, key) => {
      const asset = this.asset(textFrom(key, TIME_BYTES) as AssetId);
      if (asset) ledger.erase(asset);
    });
    let originals = 0;
    // Unlinked inside the transaction, so that a commit either comes before, and the original is needed, or finds it missing.
    await this.changes.each(this.tables.unneeded, unneededBefore, limit, ({ assets: ledger }, key) => {
      const digest = digestOfKey(key, TIME_BYTES);
      if (ledger.forgetUnneeded(digestKey(digest)) && this.unlink(digest)) originals++;
    });
    const imports = await this.changes.each(this.tables.ended, finishedBefore, limit, ({ imports: ledger }, key) =>
      ledger.forget(textFrom(key, TIME_BYTES) as ImportId),
    );
    return { assets, originals, imports };
  }

  async hasRoom(context: Context, { digest, bytes }: OriginalName, maxBytes: number): Promise<boolean> {
    const { bytes: has } = await this.usage(context);
    if (has + bytes <= maxBytes) return true;
    return this.tables.held.doesExist(joined(this.changes.contextKey(context), digestKey(digest)));
  }

  async holders(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, Holders>> {
    this.changes.refresh();
    const found = new Map<Digest, Holders>();
    for (const digest of new Set(digests)) {
      const row = readRow(this.tables.originals, digestKey(digest), (bytes) => decodeJson<OriginalRow>(bytes));
      if (row === undefined || (row.refs === 0 && !this.changes.isKept(digest, row.bytes))) continue;
      found.set(digest, { refs: row.refs, contexts: row.refs > 0 ? this.contextsHolding(digest) : [] });
    }
    return found;
  }

  dropUnneeded(digest: Digest): Promise<boolean> {
    return this.changes.write(({ assets }) => {
      if ((assets.original(digestKey(digest))?.refs ?? 0) > 0) return false;
      // The row stays for its time: whoever is about to keep these bytes anew has it stand for them.
      this.unlink(digest);
      return true;
    });
  }

  /** Rows name contexts by their hashes alone; what they are is told by any of their assets. */
  private contextsHolding(digest: Digest): readonly Context[] {
    const found: Context[] = [];
    for (const key of keysFrom(this.tables.usage, FIRST_KEY, undefined, MAX_CONTEXTS)) {
      if (!this.tables.held.doesExist(joined(key, digestKey(digest)))) continue;
      const end = endOfPrefix(key);
      const [first] = [...this.tables.assetsOf.getRange({ start: key, ...(end && { end }), limit: 1 })];
      const asset = first && this.asset(decodeText(first.value) as AssetId);
      if (asset) found.push(asset.context);
    }
    return found;
  }

  async letGo(now: number, limit: number): Promise<readonly LetGo[]> {
    this.changes.refresh();
    return readLetGo(this.tables, this.changes.contexts, now, limit);
  }

  noteCleared(content: LetGo, againAt?: number): Promise<void> {
    return this.changes.write(() => {
      removeLetGo(this.tables, this.changes.contexts, content);
      if (againAt !== undefined)
        putLetGo(this.tables, this.changes.contexts, againAt, { ...asNoted(content), isLast: true });
    });
  }

  private get tables() {
    return this.changes.tables;
  }

  /** The values of the last keys below `cursor` behind `prefix`, the greatest number first. */
  private latest(
    table: Table,
    prefix: Buffer,
    cursor: string | undefined,
    limit: number,
  ): { readonly ids: readonly string[]; readonly next?: string } {
    if (!(limit >= 1 && limit <= MAX_PAGE)) throw new Error(`expected a page of 1 to ${MAX_PAGE}, got ${limit}`);
    const below = cursor === undefined ? MAX_NUMBER : numberOf(cursor);
    // Backwards the greater border comes first and is included.
    const start = joined(prefix, numberKey(below - 1));
    const found = [...table.getRange({ start, end: prefix, reverse: true, limit: limit + 1 })];
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const ids = page.map(({ value }) => decodeText(value));
    return found.length > limit && last ? { ids, next: numberAt(last.key, prefix.length).toString(36) } : { ids };
  }

  private importRow(id: ImportId): ImportRow | undefined {
    this.changes.refresh();
    return readRow(this.tables.imports, Buffer.from(id), (bytes) => decodeJson<ImportRow>(bytes));
  }

  private asset(id: AssetId): Asset | undefined {
    return readRow(this.tables.assets, Buffer.from(id), (bytes) => decodeJson<Asset>(bytes));
  }

  private described(asset: Asset): DescribedAsset {
    const version = this.version(asset.id, asset.head);
    return version ? { asset, version } : { asset };
  }

  private version(id: AssetId, number: number): AssetVersion | undefined {
    // No number that the key could not hold.
    if (!(Number.isInteger(number) && number >= 1 && number <= MAX_NUMBERED_VERSIONS)) return undefined;
    return readRow(this.tables.versions, versionKey(id, number), (bytes) => decodeJson<AssetVersion>(bytes));
  }
}

function asNoted({ context, digest }: LetGo): Pick<LetGo, 'context' | 'digest'> {
  return { context, digest };
}

function numberOf(cursor: string): number {
  const number = /^[0-9a-z]{1,11}$/.test(cursor) ? Number.parseInt(cursor, 36) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new ProofsheetError('invalid-request-format', 'expected a cursor as a page gave it, got another text');
}
