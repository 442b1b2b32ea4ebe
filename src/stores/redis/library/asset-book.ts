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
import { type AssetId, parseAssetId } from '../../../kernel/library/ids.js';
import type { WantedItem } from '../../../kernel/library/import-job.js';
import type { Reason } from '../../../kernel/library/reason.js';
import { slotName } from '../../../kernel/library/upload.js';
import type { Arrival } from '../../../kernel/ports/assets.js';
import type { OriginalName } from '../../../kernel/ports/originals.js';
import { letGoName } from './let-go-notes.js';
import { hashOf, type LibraryKeys } from './library-keys.js';
import { assetIn, newPlace, type OriginalRow, originalIn, versionIn } from './library-records.js';
import type { Transaction } from './transaction.js';

/** What came of bytes that arrived. */
export type Settled =
  | { readonly kind: 'stored' | 'already-exists'; readonly described: DescribedAsset }
  | { readonly kind: 'over-quota' }
  | { readonly kind: 'too-many-versions' }
  | { readonly kind: 'original-missing' };

/** The fields of a context's usage. */
export type UsageField = 'assets' | 'originals' | 'bytes' | 'openImports' | 'openSlots' | 'erased';

export class AssetBook {
  constructor(
    private readonly transaction: Transaction,
    private readonly keys: LibraryKeys,
    /** The next number of an asset, given out whatever becomes of the transaction. */
    readonly nextNumber: () => Promise<number>,
    private readonly noted: (change: AssetChange) => void,
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
    const known = found && (await this.described(found));
    const settlement = settle(known, original);
    if (known && settlement === 'already-exists') return { kind: settlement, described: known };
    if (found && settlement === 'new-version' && found.versions >= MAX_VERSIONS) return { kind: 'too-many-versions' };
    const taken = await this.takes(context, original, maxBytes);
    if (taken !== 'yes') return { kind: taken };
    const { now } = this.transaction;
    const before = found && settlement === 'new-version' ? found : await this.awaited(context, newId);
    const asset =
      before === undefined
        ? createdAsset(context, newId, await this.nextNumber(), arrival, now)
        : before === found
          ? grownAsset(before, arrival, now)
          : filledAsset(before, arrival, now);
    this.put(asset, before);
    const version: AssetVersion = {
      ...{ ...original, assetId: asset.id, number: asset.head, createdAt: now },
      ...(arrival.embedded && { embedded: arrival.embedded }),
    };
    this.putVersion(version);
    await this.hold(context, original);
    return { kind: 'stored', described: { asset, version } };
  }

  /** An asset that is to wait for an item of an import; its number is of its own. */
  addAwaited(context: Context, { id, number }: Pick<Asset, 'id' | 'number'>, item: WantedItem): void {
    this.put(awaitedAsset(context, { id, number }, item, this.transaction.now), undefined);
  }

  /** The asset of that id while it waits for bytes. */
  async awaited(context: Context, id: AssetId): Promise<Asset | undefined> {
    const asset = await this.asset(context, id);
    return asset?.head === 0 ? asset : undefined;
  }

  /** The item that an asset waits for is at work. */
  async noteAwaited(context: Context, id: AssetId): Promise<void> {
    const asset = await this.awaited(context, id);
    if (asset) this.put({ ...asset, state: 'processing' }, asset);
  }

  /** The item that an asset waits for has ended without a picture. */
  async giveUpAwaited(context: Context, id: AssetId, failure: Reason): Promise<void> {
    const asset = await this.awaited(context, id);
    if (asset) this.put(unfilledAsset(asset, failure, this.transaction.now), asset);
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
    this.noted({ before: asset, after: undefined });
    for (let number = 1; number <= asset.versions; number++) {
      const version = await this.version(asset.id, number);
      if (version) await this.letGo(asset.context, version);
    }
    for (const { id: slotId, state, received } of asset.slots ?? []) {
      if (received) await this.letGo(asset.context, received);
      if (state === 'committed') continue;
      this.transaction.call('ZREM', this.keys.openSlots, slotName({ assetId: asset.id, slotId }));
      this.changeUsage(asset.context, 'openSlots', -1);
    }
    if (asset.upload) this.transaction.call('ZREM', this.keys.sessionAssets(asset.upload.session), asset.id);
    this.transaction.call('UNLINK', this.keys.versions(asset.id));
    this.takeAway(asset);
    this.transaction.remove({ key: this.keys.asset(asset.id) });
    this.changeUsage(asset.context, 'assets', -1);
    this.changeUsage(asset.context, 'erased', 1);
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

  /** Lets go of the bytes of an original that nothing names; its record stays for its time. Tells the place that is to be cleared. */
  dropBytes(digest: Digest, row: OriginalRow): string {
    this.putOriginal(digest, { ...row, place: newPlace(digest), kept: false });
    this.transaction.call('ZADD', this.keys.leaving, String(this.transaction.now), row.place);
    return row.place;
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

  /** Whether the original is kept, and room is for it beside what the context has. */
  async takes(
    context: Context,
    { digest, bytes }: OriginalName,
    maxBytes: number | undefined,
  ): Promise<'yes' | 'over-quota' | 'original-missing'> {
    if (maxBytes !== undefined) {
      const more = (await this.heldTimes(context, digest)) > 0 ? 0 : bytes;
      if ((await this.checkedUsage(context, 'bytes')) + more > maxBytes) return 'over-quota';
    }
    const row = await this.original(digest);
    return row?.kept && row.bytes === bytes ? 'yes' : 'original-missing';
  }

  putVersion(version: AssetVersion): void {
    this.transaction.set({ key: this.keys.versions(version.assetId), field: String(version.number) }, version);
  }

  /** Writes the asset in place of `before`, wherever it is listed. */
  put(asset: Asset, before: Asset | undefined): void {
    this.noted({ before, after: asset });
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

  async hold(context: Context, { digest, bytes }: OriginalName): Promise<void> {
    const row = await this.original(digest);
    if (row === undefined) throw new Error('expected an original that is kept, got none');
    this.putOriginal(digest, { ...row, refs: row.refs + 1 });
    if (row.refs === 0) this.changeAll(bytes, 1);
    const held = await this.heldTimes(context, digest);
    this.transaction.setText({ key: this.keys.held(context), field: digest }, String(held + 1));
    if (held > 0) return;
    this.changeOf(context, bytes, 1);
    // By which whoever has only its hash knows the context again.
    this.transaction.setText({ key: this.keys.contexts, field: hashOf(context) }, context);
  }

  async letGo(context: Context, { digest, bytes }: OriginalName): Promise<void> {
    const row = await this.original(digest);
    if (row === undefined || row.refs === 0) throw new Error('expected an original that is named, got none');
    this.putOriginal(digest, { ...row, refs: row.refs - 1, since: this.transaction.now });
    if (row.refs === 1) this.changeAll(bytes, -1);
    const held = await this.heldTimes(context, digest);
    const place = { key: this.keys.held(context), field: digest };
    if (held > 1) this.transaction.setText(place, String(held - 1));
    else {
      this.transaction.remove(place);
      const name = letGoName({ context, digest, isLast: false });
      this.transaction.call('ZADD', this.keys.letGo, String(this.transaction.now), name);
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
