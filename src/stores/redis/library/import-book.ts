// The bookkeeping of imports inside one transaction: every item ends once, an import ends with its last item, and what it had reserved
// is given back for what became no new picture. Everything that changes an import goes through here.
import type { Context } from '../../../kernel/image-key.js';
import { MAX_VERSIONS } from '../../../kernel/library/asset.js';
import { type ImportId, parseImportId } from '../../../kernel/library/ids.js';
import {
  acceptedJob,
  callbackDueAt,
  type EndedItem,
  endedItem,
  itemAtStage,
  itemToRetry,
  jobAfter,
  mayReplace,
} from '../../../kernel/library/import-changes.js';
import {
  type ImportItem,
  type ImportJob,
  type ItemStage,
  isFinal,
  itemsOf,
  itemWorkId,
  pictureOf,
} from '../../../kernel/library/import-job.js';
import {
  fitsAt,
  QUOTA_AHEAD_MS,
  QUOTA_KEPT_MS,
  type QuotaRefusal,
  quotaMinute,
  type Reserved,
} from '../../../kernel/library/quota.js';
import type { Reason } from '../../../kernel/library/reason.js';
import type { Acceptance, ItemEffects, ItemOutcome, NewImport } from '../../../kernel/ports/assets.js';
import type { NewJob } from '../../../kernel/ports/jobs.js';
import { newToken } from '../record-codec.js';
import type { AssetBook } from './asset-book.js';
import type { LibraryKeys } from './library-keys.js';
import { type ImportRow, importIn, itemIn } from './library-records.js';
import type { Transaction } from './transaction.js';

const CANCELLED = { state: 'cancelled', reason: { code: 'cancelled' } } as const;

export interface ImportBookParts {
  readonly transaction: Transaction;
  readonly keys: LibraryKeys;
  readonly assets: AssetBook;
  readonly addJob: (job: NewJob) => void;
  /** The next serial of an import, given out whatever becomes of the transaction. */
  readonly nextSerial: () => Promise<number>;
  /** Images reserved by the context, by minute (Unix ms). */
  readonly reservedOf: (context: Context) => Promise<readonly Reserved[]>;
  /** How many assets of the context were ever erased, as it is or was a moment ago: fewer only have more looked for than need be. */
  readonly erasedOf: (context: Context) => Promise<number>;
  /** Makes one record of the items of an import that ends with this one; false where they stay as they are. */
  readonly packItems: (last: ImportItem, items: number) => Promise<boolean>;
}

export class ImportBook {
  constructor(private readonly parts: ImportBookParts) {}

  row(id: ImportId): Promise<ImportRow | undefined> {
    return this.parts.transaction.record({ key: this.parts.keys.import(id) }, importIn);
  }

  item(id: ImportId, index: number): Promise<ImportItem | undefined> {
    return this.parts.transaction.record({ key: this.parts.keys.items(id), field: String(index) }, itemIn);
  }

  async accept(wanted: NewImport): Promise<Acceptance> {
    const { transaction, keys, assets, addJob, nextSerial, erasedOf } = this.parts;
    const { id, context, key, quota, maxOpen } = wanted;
    const known = key === undefined ? undefined : await this.byKey(context, key);
    if (known) return { outcome: 'known', job: known };
    const before = await this.row(id);
    if (before && !mayReplace(wanted, before.job)) return { outcome: 'known', job: before.job };
    // Read and written by every acceptance of the context: what is looked at below holds when this one is committed.
    await transaction.text({ key: keys.acceptance(context) });
    const open = await assets.checkedUsage(context, 'openImports');
    if (open >= maxOpen) return { outcome: 'too-many-open', open, limit: maxOpen };
    const items = itemsOf(id, wanted.items);
    const window = await this.window(context);
    const refusal = await this.refusalOf(context, quota, items.length, window);
    if (refusal) return { outcome: 'over-quota', refusal };

    if (before) await this.forget(id);
    transaction.setText({ key: keys.acceptance(context) }, newToken());
    const queued = items.filter(({ state }) => state === 'queued');
    const minute = quotaMinute(transaction.now);
    const job = acceptedJob(wanted, items.length - queued.length, transaction.now);
    const [serial, erased] = await Promise.all([nextSerial(), erasedOf(context)]);
    this.putRow({ job, serial, minute, erased, ...(key !== undefined && { key }) });
    for (const whose of [context, undefined]) transaction.call('ZADD', keys.importsOf(whose), String(serial), id);
    if (key !== undefined) transaction.setText({ key: keys.importKey(context, key) }, id);
    for (const item of items) {
      this.putItem(item);
      if (item.becomes) assets.addAwaited(context, { id: item.becomes, number: await assets.nextNumber() }, item);
    }
    for (const { index } of queued) addJob({ kind: 'import-item', id: itemWorkId(id, index), context });
    if (queued.length > 0) transaction.add(keys.reserved(context), String(minute), queued.length);
    assets.changeUsage(context, 'openImports', 1);
    return { outcome: 'accepted', job };
  }

  async noteStage(id: ImportId, index: number, state: ItemStage): Promise<void> {
    const item = await this.item(id, index);
    if (item === undefined || isFinal(item.state)) return;
    this.putItem(itemAtStage(item, state));
    const context = item.becomes && state === 'converting' ? (await this.row(id))?.job.context : undefined;
    if (item.becomes && context !== undefined) await this.parts.assets.noteAwaited(context, item.becomes);
  }

  async noteRetry(
    id: ImportId,
    index: number,
    retry: { readonly attempts: number; readonly at: number; readonly reason: Reason | undefined },
  ): Promise<void> {
    const item = await this.item(id, index);
    if (item && !isFinal(item.state)) this.putItem(itemToRetry(item, retry));
  }

  /** Ends the item, once: what ended before stays as it ended. */
  async settleItem({ importId, index, outcome, free }: ItemEffects): Promise<'settled' | 'original-missing'> {
    const [item, row] = await Promise.all([this.item(importId, index), this.row(importId)]);
    if (item === undefined || row === undefined || isFinal(item.state)) return 'settled';
    const { context } = row.job;
    const ended = await this.endOf(context, item, outcome);
    if (ended === 'original-missing') return ended;
    const last = endedItem(item, ended, free);
    this.putItem(last);
    if (item.becomes && ended.state !== 'succeeded')
      await this.parts.assets.giveUpAwaited(context, item.becomes, ended.reason ?? { code: 'internal' });
    if (ended.state !== 'succeeded') await this.giveBack(context, row.minute);
    await this.countEnded(row, ended, last);
    return 'settled';
  }

  private async endOf(
    context: Context,
    item: ImportItem,
    outcome: ItemOutcome,
  ): Promise<EndedItem | 'original-missing'> {
    const { assets } = this.parts;
    // What it was to become was erased meanwhile, and does not come back.
    if (item.becomes && (await assets.asset(context, item.becomes)) === undefined) return CANCELLED;
    if (outcome.kind === 'failed') return { state: 'failed', reason: outcome.reason };
    if (outcome.kind === 'cancelled') return CANCELLED;
    if (outcome.kind === 'unchanged') {
      const asset = await assets.asset(context, outcome.assetId);
      // Erased, or put in the trash, while the origin was asked: there is nothing that it is unchanged to, and it is brought anew.
      if (asset === undefined || asset.trashedAt !== undefined) return 'original-missing';
      return { state: 'skipped', ...pictureOf(await assets.described(asset)) };
    }
    const settled = await assets.arrive(context, outcome.newId, outcome.arrival, outcome.maxBytes);
    if (settled.kind === 'original-missing') return settled.kind;
    if (settled.kind === 'over-quota') return { state: 'failed', reason: { code: 'over-quota' } };
    if (settled.kind === 'too-many-versions')
      return { state: 'failed', reason: { code: 'over-quota', message: `it has ${MAX_VERSIONS} versions already` } };
    return { state: settled.kind === 'stored' ? 'succeeded' : 'skipped', ...pictureOf(settled.described) };
  }

  private async countEnded(row: ImportRow, { state }: EndedItem, item: ImportItem): Promise<void> {
    const { transaction, keys, assets, addJob, packItems } = this.parts;
    const job = jobAfter(row.job, state, transaction.now);
    this.putRow({ ...row, job });
    if (job.finishedAt === undefined) return;
    if (await packItems(item, job.items)) transaction.remove({ key: keys.items(job.id), field: String(item.index) });
    transaction.call('ZADD', keys.ended, String(job.finishedAt), job.id);
    assets.changeUsage(job.context, 'openImports', -1);
    if (job.callback === undefined) return;
    const dueAt = callbackDueAt(job, transaction.now);
    addJob({ kind: 'callback', id: job.id, context: job.context, dueAt });
  }

  /** Takes one image of the context's quota, or says why not. Resolves with the minute it is counted in. */
  async takeImage(
    context: Context,
    quota: NewImport['quota'],
  ): Promise<{ readonly minute: number } | { readonly refusal: QuotaRefusal }> {
    const { transaction, keys } = this.parts;
    await transaction.text({ key: keys.acceptance(context) });
    const refusal = await this.refusalOf(context, quota, 1, await this.window(context));
    if (refusal) return { refusal };
    if (quota.imagesPerDay !== undefined) transaction.setText({ key: keys.acceptance(context) }, newToken());
    const minute = quotaMinute(transaction.now);
    transaction.add(keys.reserved(context), String(minute), 1);
    return { minute };
  }

  /** Forgets an import with its items. */
  async forget(id: ImportId): Promise<void> {
    const { transaction, keys } = this.parts;
    transaction.call('ZREM', keys.ended, id);
    const row = await this.row(id);
    if (row === undefined) return;
    const { context } = row.job;
    transaction.call('UNLINK', keys.items(id), keys.endedItems(id));
    for (const whose of [context, undefined]) transaction.call('ZREM', keys.importsOf(whose), id);
    if (row.key !== undefined) transaction.remove({ key: keys.importKey(context, row.key) });
    transaction.remove({ key: keys.import(id) });
  }

  private async byKey(context: Context, key: string): Promise<ImportJob | undefined> {
    const { transaction, keys } = this.parts;
    const id = parseImportId((await transaction.text({ key: keys.importKey(context, key) })) ?? '');
    const row = id && (await this.row(id));
    return row && row.job.context === context && row.key === key ? row.job : undefined;
  }

  private async refusalOf(
    context: Context,
    { imagesPerDay, maxBytes }: NewImport['quota'],
    asked: number,
    window: readonly Reserved[],
  ): Promise<QuotaRefusal | undefined> {
    const { transaction, assets } = this.parts;
    if (maxBytes !== undefined) {
      const used = await assets.checkedUsage(context, 'bytes');
      if (used >= maxBytes) return { kind: 'bytes', limit: maxBytes, used };
    }
    if (imagesPerDay === undefined) return undefined;
    const used = window.reduce((sum, { images }) => sum + images, 0);
    if (used + asked <= imagesPerDay) return undefined;
    const freeAt = fitsAt(window, asked, imagesPerDay, transaction.now);
    const limits = { kind: 'images-per-day', limit: imagesPerDay, used, asked } as const;
    return freeAt === undefined ? limits : { ...limits, freeAt };
  }

  /** What was reserved in the last 24 hours; a minute all of which is older is forgotten. */
  private async window(context: Context): Promise<readonly Reserved[]> {
    const { transaction, keys, reservedOf } = this.parts;
    const from = transaction.now - QUOTA_KEPT_MS;
    const all = await reservedOf(context);
    for (const { at } of all) if (at <= from) transaction.call('HDEL', keys.reserved(context), String(at));
    const ahead = all.filter(({ at }) => at >= transaction.now + QUOTA_AHEAD_MS);
    const minute = quotaMinute(transaction.now);
    for (const { at, images } of ahead) {
      transaction.call('HDEL', keys.reserved(context), String(at));
      transaction.add(keys.reserved(context), String(minute), images);
    }
    // Two that see it at the same time are not to count it twice.
    if (ahead.length > 0) transaction.setText({ key: keys.acceptance(context) }, newToken());
    return all
      .filter(({ at }) => at > from)
      .map((reserved) => (ahead.includes(reserved) ? { ...reserved, at: minute } : reserved))
      .toSorted((a, b) => a.at - b.at);
  }

  /** What left the window since counts no more, so there is nothing to give back. */
  async giveBack(context: Context, minute: number): Promise<void> {
    const { transaction, keys } = this.parts;
    const place = { key: keys.reserved(context), field: String(minute) };
    const before = Number((await transaction.text(place)) ?? 0);
    if (before > 0) transaction.add(place.key, place.field, -1);
  }

  private putRow(row: ImportRow): void {
    this.parts.transaction.set({ key: this.parts.keys.import(row.job.id) }, row);
  }

  private putItem(item: ImportItem): void {
    this.parts.transaction.set({ key: this.parts.keys.items(item.importId), field: String(item.index) }, item);
  }
}
