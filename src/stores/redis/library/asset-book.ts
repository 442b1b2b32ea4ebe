// The bookkeeping of assets inside one transaction: versions, references, what contexts have, and which originals are needed.
// Counts always agree with the records they are about. Everything that changes an asset goes through here.
import type { Digest } from '../../../kernel/digest.js';
import type { Context } from '../../../kernel/image-key.js';
import {
  type Asset,
  type AssetVersion,
  type DescribedAsset,
  type ExternalReference,
  MAX_VERSIONS,
  type OriginalInfo,
  settle,
} from '../../../kernel/library/asset.js';
import { createdAsset, grownAsset, restoredAsset, trashedAsset } from '../../../kernel/library/asset-changes.js';
import { type AssetId, parseAssetId } from '../../../kernel/library/ids.js';
import type { Arrival } from '../../../kernel/ports/assets.js';
import type { LibraryKeys } from './library-keys.js';
import { assetIn, type OriginalRow, originalIn, versionIn } from './library-records.js';
import type { Transaction } from './transaction.js';

/** What came of bytes that arrived. */
export type Settled =
  | { readonly kind: 'stored'; readonly assetId: AssetId; readonly versionNumber: number }
  | { readonly kind: 'already-exists'; readonly assetId: AssetId; readonly versionNumber: number }
  | { readonly kind: 'over-quota' }
  | { readonly kind: 'too-many-versions' }
  | { readonly kind: 'original-missing' };

/** The fields of a context's usage. */
export type UsageField = 'assets' | 'originals' | 'bytes' | 'openImports';

export class AssetBook {
  constructor(
    private readonly transaction: Transaction,
    private readonly keys: LibraryKeys,
    /** The next number of an asset, given out whatever becomes of the transaction. */
    private readonly nextNumber: () => Promise<number>,
  ) {}

  async asset(context: Context, id: AssetId): Promise<Asset | undefined> {
    const asset = await this.transaction.record({ key: this.keys.asset(id) }, assetIn);
    return asset?.context === context ? asset : undefined;
  }

  /** The living asset of that name. */
  async byReference(context: Context, reference: ExternalReference): Promise<Asset | undefined> {
    const id = parseAssetId((await this.transaction.text({ key: this.keys.reference(context, reference) })) ?? '');
    const asset = id && (await this.asset(context, id));
    return asset && namesIt(asset, reference) ? asset : undefined;
  }

  version(id: AssetId, number: number): Promise<AssetVersion | undefined> {
    return this.transaction.record({ key: this.keys.versions(id), field: String(number) }, versionIn);
  }

  async described(asset: Asset): Promise<DescribedAsset> {
    const version = await this.version(asset.id, asset.head);
    return version ? { asset, version } : { asset };
  }

  /** Makes the arrival an asset or a version, or finds that it is there: see `settle`. Its original must be kept. */
  async arrive(context: Context, newId: AssetId, arrival: Arrival, maxBytes?: number): Promise<Settled> {
    const { original, reference } = arrival;
    const found = reference && (await this.byReference(context, reference));
    const settlement = settle(found && (await this.described(found)), original);
    if (found && settlement === 'already-exists')
      return { kind: 'already-exists', assetId: found.id, versionNumber: found.head };
    if (found && settlement === 'new-version' && found.versions >= MAX_VERSIONS) return { kind: 'too-many-versions' };
    if (maxBytes !== undefined) {
      const more = (await this.heldTimes(context, original.digest)) > 0 ? 0 : original.bytes;
      if ((await this.checkedUsage(context, 'bytes')) + more > maxBytes) return { kind: 'over-quota' };
    }
    const row = await this.original(original.digest);
    if (!row?.kept || row.bytes !== original.bytes) return { kind: 'original-missing' };
    const { now } = this.transaction;
    const asset =
      found && settlement === 'new-version'
        ? grownAsset(found, arrival, now)
        : createdAsset(context, newId, await this.nextNumber(), arrival, now);
    this.put(asset, found && settlement === 'new-version' ? found : undefined);
    const version: AssetVersion = { ...original, assetId: asset.id, number: asset.head, createdAt: now };
    this.transaction.set({ key: this.keys.versions(asset.id), field: String(version.number) }, version);
    await this.hold(context, original, row);
    return { kind: 'stored', assetId: asset.id, versionNumber: version.number };
  }

  trash(asset: Asset): Asset {
    if (asset.trashedAt !== undefined) return asset;
    const trashed = trashedAsset(asset, this.transaction.now);
    this.put(trashed, asset);
    return trashed;
  }

  async restore(asset: Asset): Promise<Asset> {
    if (asset.trashedAt === undefined) return asset;
    const { reference, context } = asset;
    const isFree = reference !== undefined && (await this.byReference(context, reference)) === undefined;
    const restored = restoredAsset(asset, isFree, this.transaction.now);
    this.put(restored, asset);
    return restored;
  }

  async erase(asset: Asset): Promise<void> {
    for (let number = 1; number <= asset.versions; number++) {
      const version = await this.version(asset.id, number);
      if (version) await this.letGo(asset.context, version);
    }
    this.transaction.call('UNLINK', this.keys.versions(asset.id));
    this.takeAway(asset);
    this.transaction.remove({ key: this.keys.asset(asset.id) });
    this.changeUsage(asset.context, 'assets', -1);
  }

  original(digest: Digest): Promise<OriginalRow | undefined> {
    return this.transaction.record({ key: this.keys.original(digest) }, originalIn);
  }

  putOriginal(digest: Digest, row: OriginalRow): void {
    this.transaction.set({ key: this.keys.original(digest) }, row);
    if (row.refs > 0) this.transaction.call('ZREM', this.keys.unneeded, digest);
    else this.transaction.call('ZADD', this.keys.unneeded, String(row.since), digest);
  }

  /** Forgets an original that nothing names, and leaves its place to be cleared; `undefined` when something names it. */
  forgetOriginal(digest: Digest, row: OriginalRow): void {
    this.transaction.remove({ key: this.keys.original(digest) });
    this.transaction.call('ZREM', this.keys.unneeded, digest);
    this.transaction.call('ZADD', this.keys.leaving, String(this.transaction.now), row.place);
  }

  /** For the context and for all of them together. */
  changeUsage(context: Context, field: UsageField, change: number): void {
    for (const whose of [context, undefined]) this.transaction.add(this.keys.usage(whose), field, change);
  }

  /** What the context has; the commit is refused where that changes meanwhile. */
  async checkedUsage(context: Context, field: UsageField): Promise<number> {
    const key = this.keys.usage(context);
    return Number((await this.transaction.text({ key, field })) ?? 0) + this.transaction.added(key, field);
  }

  /** Writes the asset in place of `before`, wherever it is listed. */
  private put(asset: Asset, before: Asset | undefined): void {
    if (before) this.takeAway(before);
    else this.changeUsage(asset.context, 'assets', 1);
    const { id, context, number, trashedAt, reference } = asset;
    this.transaction.set({ key: this.keys.asset(id) }, asset);
    this.transaction.call('ZADD', this.keys.assetsOf(context, trashedAt !== undefined), String(number), id);
    if (trashedAt !== undefined) this.transaction.call('ZADD', this.keys.trash, String(trashedAt), id);
    else if (reference) this.transaction.setText({ key: this.keys.reference(context, reference) }, id);
  }

  /** From every list; the record itself stays. */
  private takeAway({ id, context, trashedAt, reference }: Asset): void {
    this.transaction.call('ZREM', this.keys.assetsOf(context, trashedAt !== undefined), id);
    if (trashedAt !== undefined) this.transaction.call('ZREM', this.keys.trash, id);
    else if (reference) this.transaction.remove({ key: this.keys.reference(context, reference) });
  }

  private async heldTimes(context: Context, digest: Digest): Promise<number> {
    return Number((await this.transaction.text({ key: this.keys.held(context), field: digest })) ?? 0);
  }

  private async hold(context: Context, { digest, bytes }: OriginalInfo, row: OriginalRow): Promise<void> {
    this.putOriginal(digest, { ...row, refs: row.refs + 1 });
    if (row.refs === 0) this.changeAll(bytes, 1);
    const held = await this.heldTimes(context, digest);
    this.transaction.setText({ key: this.keys.held(context), field: digest }, String(held + 1));
    if (held === 0) this.changeOf(context, bytes, 1);
  }

  private async letGo(context: Context, { digest, bytes }: OriginalInfo): Promise<void> {
    const row = await this.original(digest);
    if (row === undefined || row.refs === 0) throw new Error('expected an original that is named, got none');
    this.putOriginal(digest, { ...row, refs: row.refs - 1, since: this.transaction.now });
    if (row.refs === 1) this.changeAll(bytes, -1);
    const held = await this.heldTimes(context, digest);
    const place = { key: this.keys.held(context), field: digest };
    if (held > 1) this.transaction.setText(place, String(held - 1));
    else {
      this.transaction.remove(place);
      this.changeOf(context, bytes, -1);
    }
  }

  private changeAll(bytes: number, sign: 1 | -1): void {
    this.transaction.add(this.keys.usage(undefined), 'originals', sign);
    this.transaction.add(this.keys.usage(undefined), 'bytes', sign * bytes);
  }

  private changeOf(context: Context, bytes: number, sign: 1 | -1): void {
    this.transaction.add(this.keys.usage(context), 'originals', sign);
    this.transaction.add(this.keys.usage(context), 'bytes', sign * bytes);
  }
}

/** Whether the asset says itself what a key says of it: the key alone proves nothing. */
export function namesIt({ reference, trashedAt }: Asset, { system, externalId }: ExternalReference): boolean {
  return trashedAt === undefined && reference?.system === system && reference.externalId === externalId;
}
