// The bookkeeping of assets inside one write transaction: versions, references, what contexts have, and which originals are needed.
// Counts always agree with the rows they are about. Everything that changes an asset goes through here.
import type { Digest } from '../../../kernel/digest.js';
import type { Context } from '../../../kernel/image-key.js';
import {
  type Asset,
  type AssetVersion,
  type DescribedAsset,
  type ExternalReference,
  MAX_VERSIONS,
  settle,
} from '../../../kernel/library/asset.js';
import {
  awaitedAsset,
  createdAsset,
  filledAsset,
  grownAsset,
  restoredAsset,
  trashedAsset,
  unfilledAsset,
} from '../../../kernel/library/asset-changes.js';
import type { AssetChange } from '../../../kernel/library/endpoint.js';
import type { AssetId } from '../../../kernel/library/ids.js';
import type { WantedItem } from '../../../kernel/library/import-job.js';
import type { Reason } from '../../../kernel/library/reason.js';
import { slotName, type UploadSlot } from '../../../kernel/library/upload.js';
import type { Arrival } from '../../../kernel/ports/assets.js';
import type { OriginalName } from '../../../kernel/ports/originals.js';
import { readRow } from '../lmdb-environment.js';
import { putLetGo } from './let-go-rows.js';
import {
  ALL_CONTEXTS,
  assetsKey,
  type ContextKeys,
  digestKey,
  joined,
  numberKey,
  referenceKey,
  sessionAssetKey,
  versionKey,
} from './library-keys.js';
import {
  decodeJson,
  decodeNumber,
  decodeText,
  encodeJson,
  encodeNumber,
  NO_USAGE,
  NOTHING,
  type OriginalRow,
  type SessionRow,
  type UsageRow,
  usageOf,
} from './library-rows.js';
import type { LibraryTables } from './library-tables.js';

const NUMBER_KEY = Buffer.from('serial');

/** How many assets of the context were ever erased. */
export function erasedOf(tables: Pick<LibraryTables, 'facts'>, context: Buffer): number {
  return readRow(tables.facts, erasedKey(context), decodeNumber) ?? 0;
}

function erasedKey(context: Buffer): Buffer {
  return joined('erased', context);
}

/** What came of bytes that arrived. */
export type Settled =
  | { readonly kind: 'stored' | 'already-exists'; readonly described: DescribedAsset }
  | { readonly kind: 'over-quota' }
  | { readonly kind: 'too-many-versions' }
  | { readonly kind: 'original-missing' };

export class AssetLedger {
  constructor(
    private readonly tables: LibraryTables,
    private readonly contexts: ContextKeys,
    private readonly now: number,
    private readonly isKept: (digest: Digest, bytes: number) => boolean,
    private readonly noted: (change: AssetChange) => void,
  ) {}

  asset(context: Context, id: AssetId): Asset | undefined {
    const asset = readRow(this.tables.assets, Buffer.from(id), (bytes) => decodeJson<Asset>(bytes));
    return asset?.context === context ? asset : undefined;
  }

  /** The living asset of that name. */
  byReference(context: Context, reference: ExternalReference): Asset | undefined {
    const key = referenceKey(this.contexts.contextKey(context), reference);
    const id = readRow(this.tables.references, key, decodeText);
    return id === undefined ? undefined : this.asset(context, id as AssetId);
  }

  version(id: AssetId, number: number): AssetVersion | undefined {
    const key = versionKey(id, number);
    return readRow(this.tables.versions, key, (bytes) => decodeJson<AssetVersion>(bytes));
  }

  described(asset: Asset): DescribedAsset {
    const version = this.version(asset.id, asset.head);
    return version ? { asset, version } : { asset };
  }

  /** Makes the arrival an asset or a version, or finds that it is there: see `settle`. Its original must be kept. */
  arrive(context: Context, newId: AssetId, arrival: Arrival, maxBytes?: number): Settled {
    const { original, reference } = arrival;
    const found = reference && this.byReference(context, reference);
    const known = found && this.described(found);
    const settlement = settle(known, original);
    if (known && settlement === 'already-exists') return { kind: settlement, described: known };
    if (found && settlement === 'new-version' && found.versions >= MAX_VERSIONS) return { kind: 'too-many-versions' };
    const taken = this.takes(context, original, maxBytes);
    if (taken !== 'yes') return { kind: taken };
    const before = found && settlement === 'new-version' ? found : this.awaited(context, newId);
    const asset =
      before === undefined
        ? createdAsset(context, newId, this.nextNumber(), arrival, this.now)
        : before === found
          ? grownAsset(before, arrival, this.now)
          : filledAsset(before, arrival, this.now);
    this.put(asset, before);
    const version: AssetVersion = {
      ...{ ...original, assetId: asset.id, number: asset.head, createdAt: this.now },
      ...(arrival.embedded && { embedded: arrival.embedded }),
    };
    this.putVersion(version);
    this.hold(context, original);
    return { kind: 'stored', described: { asset, version } };
  }

  /** An asset that is to wait for an item of an import. */
  addAwaited(context: Context, id: AssetId, item: WantedItem): void {
    this.put(awaitedAsset(context, { id, number: this.nextNumber() }, item, this.now), undefined);
  }

  /** The asset of that id while it waits for bytes. */
  awaited(context: Context, id: AssetId): Asset | undefined {
    const asset = this.asset(context, id);
    return asset?.head === 0 ? asset : undefined;
  }

  /** The item that an asset waits for is at work. */
  noteAwaited(context: Context, id: AssetId): void {
    const asset = this.awaited(context, id);
    if (asset) this.put({ ...asset, state: 'processing' }, asset);
  }

  /** The item that an asset waits for has ended without a picture. */
  giveUpAwaited(context: Context, id: AssetId, failure: Reason): void {
    const asset = this.awaited(context, id);
    if (asset) this.put(unfilledAsset(asset, failure, this.now), asset);
  }

  trash(asset: Asset): Asset {
    if (asset.trashedAt !== undefined) return asset;
    const trashed = trashedAsset(asset, this.now);
    this.put(trashed, asset);
    return trashed;
  }

  restore(asset: Asset): Asset {
    if (asset.trashedAt === undefined) return asset;
    const isFree = asset.reference !== undefined && this.byReference(asset.context, asset.reference) === undefined;
    const restored = restoredAsset(asset, isFree, this.now);
    this.put(restored, asset);
    return restored;
  }

  erase(asset: Asset): void {
    this.noted({ before: asset, after: undefined });
    for (let number = 1; number <= asset.versions; number++) {
      const version = this.version(asset.id, number);
      this.tables.versions.removeSync(versionKey(asset.id, number));
      if (version) this.letGo(asset.context, version);
    }
    for (const slot of asset.slots ?? []) this.endSlot(asset, slot);
    if (asset.upload) this.leaveSession(asset.upload.session, asset.number);
    this.takeAway(asset);
    this.tables.assets.removeSync(Buffer.from(asset.id));
    this.changeUsage(asset.context, { assets: -1 });
    const context = this.contexts.contextKey(asset.context);
    this.tables.facts.putSync(erasedKey(context), encodeNumber(erasedOf(this.tables, context) + 1));
  }

  /** Notes that an original is about to be kept, so that it is found again where nothing comes of it. */
  expect(digest: AssetVersion['digest'], bytes: number): void {
    const key = digestKey(digest);
    const row = this.original(key);
    if (row !== undefined && row.refs > 0) return;
    if (row !== undefined) this.tables.unneeded.removeSync(joined(numberKey(row.since), key));
    this.tables.originals.putSync(key, encodeJson({ refs: 0, bytes, since: this.now } satisfies OriginalRow));
    this.tables.unneeded.putSync(joined(numberKey(this.now), key), NOTHING);
  }

  /** A slot that ends with its asset. */
  private endSlot({ id, context }: Asset, { id: slotId, state, openedAt, received }: UploadSlot): void {
    if (received) this.letGo(context, received);
    if (state === 'committed') return;
    this.tables.openSlots.removeSync(joined(numberKey(openedAt), slotName({ assetId: id, slotId })));
    this.changeUsage(context, { openSlots: -1 });
  }

  /** Forgets an original that nothing names; `false` when something does. */
  forgetUnneeded(key: Buffer): boolean {
    const row = this.original(key);
    if (row !== undefined) this.tables.unneeded.removeSync(joined(numberKey(row.since), key));
    if (row !== undefined && row.refs > 0) return false;
    this.tables.originals.removeSync(key);
    return true;
  }

  usage(context?: Context): UsageRow {
    return readRow(this.tables.usage, this.usageKey(context), usageOf) ?? NO_USAGE;
  }

  /** Adds to what the context has, and to the sum of all. */
  changeUsage(context: Context | undefined, change: Partial<UsageRow>): void {
    for (const whose of context === undefined ? [undefined] : [context, undefined]) this.addUsage(whose, change);
  }

  /** To one of the two alone. */
  addUsage(context: Context | undefined, change: Partial<UsageRow>): void {
    const before = this.usage(context);
    const row = Object.fromEntries(
      Object.entries(before).map(([name, value]) => [name, value + (change[name as keyof UsageRow] ?? 0)]),
    );
    this.tables.usage.putSync(this.usageKey(context), encodeJson(row));
  }

  private usageKey(context: Context | undefined): Buffer {
    return context === undefined ? ALL_CONTEXTS : this.contexts.contextKey(context);
  }

  /** Whether the original is kept, and room is for it beside what the context has. */
  takes(
    context: Context,
    original: OriginalName,
    maxBytes: number | undefined,
  ): 'yes' | 'over-quota' | 'original-missing' {
    const more = this.isHeld(context, original) ? 0 : original.bytes;
    if (maxBytes !== undefined && this.usage(context).bytes + more > maxBytes) return 'over-quota';
    return this.isKept(original.digest, original.bytes) ? 'yes' : 'original-missing';
  }

  putVersion(version: AssetVersion): void {
    this.tables.versions.putSync(versionKey(version.assetId, version.number), encodeJson(version));
  }

  /** Writes the asset in place of `before`, wherever it is listed. */
  put(asset: Asset, before: Asset | undefined): void {
    this.noted({ before, after: asset });
    if (before) this.takeAway(before);
    else this.changeUsage(asset.context, { assets: 1 });
    const context = this.contexts.contextKey(asset.context);
    this.tables.assets.putSync(Buffer.from(asset.id), encodeJson(asset));
    const isTrashed = asset.trashedAt !== undefined;
    this.tables.assetsOf.putSync(assetsKey(context, isTrashed, asset.number), Buffer.from(asset.id));
    if (asset.trashedAt !== undefined) this.tables.trash.putSync(joined(numberKey(asset.trashedAt), asset.id), NOTHING);
    else if (asset.reference)
      this.tables.references.putSync(referenceKey(context, asset.reference), Buffer.from(asset.id));
  }

  private leaveSession(session: number, number: number): void {
    if (!this.tables.assetsOfSession.removeSync(sessionAssetKey(session, number))) return;
    const key = numberKey(session);
    const row = readRow(this.tables.sessions, key, (bytes) => decodeJson<SessionRow>(bytes));
    if (row) this.tables.sessions.putSync(key, encodeJson({ ...row, assets: row.assets - 1 }));
  }

  /** From every list; the row itself stays. */
  private takeAway(asset: Asset): void {
    const context = this.contexts.contextKey(asset.context);
    this.tables.assetsOf.removeSync(assetsKey(context, asset.trashedAt !== undefined, asset.number));
    if (asset.trashedAt !== undefined) this.tables.trash.removeSync(joined(numberKey(asset.trashedAt), asset.id));
    else if (asset.reference) this.tables.references.removeSync(referenceKey(context, asset.reference));
  }

  original(key: Buffer): OriginalRow | undefined {
    return readRow(this.tables.originals, key, (bytes) => decodeJson<OriginalRow>(bytes));
  }

  private heldKey(context: Context, { digest }: OriginalName): Buffer {
    return joined(this.contexts.contextKey(context), digestKey(digest));
  }

  private isHeld(context: Context, original: OriginalName): boolean {
    return readRow(this.tables.held, this.heldKey(context, original), decodeNumber) !== undefined;
  }

  hold(context: Context, original: OriginalName): void {
    const key = digestKey(original.digest);
    const row = this.original(key) ?? { refs: 0, bytes: original.bytes, since: this.now };
    this.tables.unneeded.removeSync(joined(numberKey(row.since), key));
    this.tables.originals.putSync(key, encodeJson({ ...row, refs: row.refs + 1 }));
    if (row.refs === 0) this.addUsage(undefined, { originals: 1, bytes: original.bytes });
    const heldKey = this.heldKey(context, original);
    const held = readRow(this.tables.held, heldKey, decodeNumber) ?? 0;
    this.tables.held.putSync(heldKey, encodeNumber(held + 1));
    if (held === 0) this.addUsage(context, { originals: 1, bytes: original.bytes });
  }

  letGo(context: Context, original: OriginalName): void {
    const key = digestKey(original.digest);
    const row = this.original(key);
    if (row === undefined || row.refs === 0) throw new Error('expected an original that is named, got none');
    this.tables.originals.putSync(key, encodeJson({ ...row, refs: row.refs - 1, since: this.now }));
    if (row.refs === 1) {
      this.tables.unneeded.putSync(joined(numberKey(this.now), key), NOTHING);
      this.addUsage(undefined, { originals: -1, bytes: -original.bytes });
    }
    const heldKey = this.heldKey(context, original);
    const held = readRow(this.tables.held, heldKey, decodeNumber) ?? 0;
    if (held > 1) this.tables.held.putSync(heldKey, encodeNumber(held - 1));
    else {
      this.tables.held.removeSync(heldKey);
      putLetGo(this.tables, this.contexts, this.now, { context, digest: original.digest, isLast: false });
      this.addUsage(context, { originals: -1, bytes: -original.bytes });
    }
  }

  nextNumber(): number {
    const number = (readRow(this.tables.facts, NUMBER_KEY, decodeNumber) ?? 0) + 1;
    this.tables.facts.putSync(NUMBER_KEY, encodeNumber(number));
    return number;
  }
}
