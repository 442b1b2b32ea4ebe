// The bookkeeping of imports inside one write transaction: every item ends once, an import ends with its last item, and what it had
// reserved is given back for what became no new picture. Everything that changes an import goes through here.
import type { Context } from '../../../kernel/image-key.js';
import { MAX_VERSIONS } from '../../../kernel/library/asset.js';
import type { ImportId } from '../../../kernel/library/ids.js';
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
  type EndedItems,
  type ImportItem,
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
  QUOTA_MINUTE_MS,
  type QuotaRefusal,
  quotaMinute,
  type Reserved,
} from '../../../kernel/library/quota.js';
import type { Reason } from '../../../kernel/library/reason.js';
import type { Acceptance, ItemEffects, ItemOutcome, NewImport } from '../../../kernel/ports/assets.js';
import { keysFrom, readRow } from '../lmdb-environment.js';
import { type AssetLedger, erasedOf } from './asset-ledger.js';
import { forgetItems, packItems } from './item-rows.js';
import type { JobLedger } from './job-ledger.js';
import {
  ALL_CONTEXTS,
  type ContextKeys,
  endOfPrefix,
  hashOf,
  itemKey,
  joined,
  keyAfter,
  numberAt,
  numberKey,
} from './library-keys.js';
import {
  decodeJson,
  decodeNumber,
  decodeText,
  encodeJson,
  encodeNumber,
  type ImportRow,
  NOTHING,
} from './library-rows.js';
import type { LibraryTables } from './library-tables.js';

const SERIAL_KEY = Buffer.from('import-serial');
const CONTEXT_BYTES = 16;
const CANCELLED = { state: 'cancelled', reason: { code: 'cancelled' } } as const;
/** Minutes that count, and a few that wait to be removed. */
const MAX_MINUTES = QUOTA_KEPT_MS / QUOTA_MINUTE_MS + 10_000;

export class ImportLedger {
  constructor(
    private readonly tables: LibraryTables,
    private readonly contexts: ContextKeys,
    private readonly now: number,
    private readonly jobs: JobLedger,
    private readonly assets: AssetLedger,
  ) {}

  row(id: ImportId): ImportRow | undefined {
    return readRow(this.tables.imports, Buffer.from(id), (bytes) => decodeJson<ImportRow>(bytes));
  }

  item(id: ImportId, index: number): ImportItem | undefined {
    return readRow(this.tables.items, itemKey(id, index), (bytes) => decodeJson<ImportItem>(bytes));
  }

  accept(wanted: NewImport): Acceptance {
    const { id, context, key, quota, maxOpen } = wanted;
    const contextKey = this.contexts.contextKey(context);
    const keyHash = key === undefined ? undefined : hashOf(key);
    const known = keyHash && readRow(this.tables.importKeys, joined(contextKey, keyHash), decodeText);
    const knownRow = known === undefined ? undefined : this.row(known as ImportId);
    if (knownRow) return { outcome: 'known', job: knownRow.job };
    const before = this.row(id);
    if (before && !mayReplace(wanted, before.job)) return { outcome: 'known', job: before.job };
    const open = this.assets.usage(context).openImports;
    if (open >= maxOpen) return { outcome: 'too-many-open', open, limit: maxOpen };
    const items = itemsOf(id, wanted.items);
    const refusal = this.refusalOf(context, quota, items.length);
    if (refusal) return { outcome: 'over-quota', refusal };

    if (before) this.forget(id);
    const queued = items.filter(({ state }) => state === 'queued');
    const minute = quotaMinute(this.now);
    const job = acceptedJob(wanted, items.length - queued.length, this.now);
    const serial = this.nextSerial();
    const erased = erasedOf(this.tables, contextKey);
    this.putRow({ job, serial, minute, erased, ...(keyHash && { key: keyHash.toString('hex') }) });
    for (const whose of [contextKey, ALL_CONTEXTS])
      this.tables.importsOf.putSync(joined(whose, numberKey(serial)), Buffer.from(id));
    if (keyHash) this.tables.importKeys.putSync(joined(contextKey, keyHash), Buffer.from(id));
    for (const item of items) {
      this.putItem(item);
      if (item.becomes) this.assets.addAwaited(context, item.becomes, item);
    }
    for (const { index } of queued) this.jobs.add({ kind: 'import-item', id: itemWorkId(id, index), context });
    this.reserve(context, minute, queued.length);
    this.assets.changeUsage(context, { openImports: 1 });
    return { outcome: 'accepted', job };
  }

  noteStage(id: ImportId, index: number, state: ItemStage): void {
    const item = this.item(id, index);
    if (item === undefined || isFinal(item.state)) return;
    this.putItem(itemAtStage(item, state));
    const context = item.becomes && state === 'converting' ? this.row(id)?.job.context : undefined;
    if (item.becomes && context !== undefined) this.assets.noteAwaited(context, item.becomes);
  }

  noteRetry(
    id: ImportId,
    index: number,
    retry: { readonly attempts: number; readonly at: number; readonly reason: Reason | undefined },
  ): void {
    const item = this.item(id, index);
    if (item === undefined || isFinal(item.state)) return;
    this.putItem(itemToRetry(item, retry));
  }

  /** Ends the item, once: what ended before stays as it ended. */
  settleItem({ importId, index, outcome, free }: ItemEffects): 'settled' | 'original-missing' {
    const item = this.item(importId, index);
    const row = this.row(importId);
    if (item === undefined || row === undefined || isFinal(item.state)) return 'settled';
    const { context } = row.job;
    const ended = this.endOf(context, item, outcome);
    if (ended === 'original-missing') return ended;
    this.putItem(endedItem(item, ended, free));
    if (item.becomes && ended.state !== 'succeeded')
      this.assets.giveUpAwaited(context, item.becomes, ended.reason ?? { code: 'internal' });
    if (ended.state !== 'succeeded') this.giveBack(context, row.minute);
    this.countEnded(row, ended.state);
    return 'settled';
  }

  private endOf(context: Context, item: ImportItem, outcome: ItemOutcome): EndedItem | 'original-missing' {
    // What it was to become was erased meanwhile, and does not come back.
    if (item.becomes && this.assets.asset(context, item.becomes) === undefined) return CANCELLED;
    if (outcome.kind === 'failed') return { state: 'failed', reason: outcome.reason };
    if (outcome.kind === 'cancelled') return CANCELLED;
    if (outcome.kind === 'unchanged') {
      const asset = this.assets.asset(context, outcome.assetId);
      // Erased, or put in the trash, while the origin was asked: there is nothing that it is unchanged to, and it is brought anew.
      if (asset === undefined || asset.trashedAt !== undefined) return 'original-missing';
      return { state: 'skipped', ...pictureOf(this.assets.described(asset)) };
    }
    const settled = this.assets.arrive(context, outcome.newId, outcome.arrival, outcome.maxBytes);
    if (settled.kind === 'original-missing') return settled.kind;
    if (settled.kind === 'over-quota') return { state: 'failed', reason: { code: 'over-quota' } };
    if (settled.kind === 'too-many-versions')
      return { state: 'failed', reason: { code: 'over-quota', message: `it has ${MAX_VERSIONS} versions already` } };
    return { state: settled.kind === 'stored' ? 'succeeded' : 'skipped', ...pictureOf(settled.described) };
  }

  private countEnded(row: ImportRow, state: keyof EndedItems): void {
    const job = jobAfter(row.job, state, this.now);
    this.putRow({ ...row, job });
    if (job.finishedAt === undefined) return;
    packItems(this.tables, job.id);
    this.tables.ended.putSync(joined(numberKey(this.now), job.id), NOTHING);
    this.assets.changeUsage(job.context, { openImports: -1 });
    if (job.callback === undefined) return;
    const dueAt = callbackDueAt(job, this.now);
    this.jobs.add({ kind: 'callback', id: job.id, context: job.context, dueAt });
  }

  /** Takes one image of the context's quota, or says why not. Resolves with the minute it is counted in. */
  takeImage(
    context: Context,
    quota: NewImport['quota'],
  ): { readonly minute: number } | { readonly refusal: QuotaRefusal } {
    const refusal = this.refusalOf(context, quota, 1);
    if (refusal) return { refusal };
    const minute = quotaMinute(this.now);
    this.reserve(context, minute, 1);
    return { minute };
  }

  /** Forgets an import with its items. */
  forget(id: ImportId): void {
    const row = this.row(id);
    if (row === undefined) return;
    const context = this.contexts.contextKey(row.job.context);
    forgetItems(this.tables, id, row.job.items);
    for (const whose of [context, ALL_CONTEXTS]) this.tables.importsOf.removeSync(joined(whose, numberKey(row.serial)));
    if (row.key !== undefined) this.tables.importKeys.removeSync(joined(context, Buffer.from(row.key, 'hex')));
    if (row.job.finishedAt !== undefined) this.tables.ended.removeSync(joined(numberKey(row.job.finishedAt), id));
    this.tables.imports.removeSync(Buffer.from(id));
  }

  private refusalOf(
    context: Context,
    { imagesPerDay, maxBytes }: NewImport['quota'],
    asked: number,
  ): QuotaRefusal | undefined {
    const { bytes } = this.assets.usage(context);
    if (maxBytes !== undefined && bytes >= maxBytes) return { kind: 'bytes', limit: maxBytes, used: bytes };
    if (imagesPerDay === undefined) return undefined;
    this.forgetOldReservations(context);
    const used = this.assets.usage(context).reserved;
    if (used + asked <= imagesPerDay) return undefined;
    const freeAt = fitsAt(this.window(context), asked, imagesPerDay, this.now);
    const limits = { kind: 'images-per-day', limit: imagesPerDay, used, asked } as const;
    return freeAt === undefined ? limits : { ...limits, freeAt };
  }

  private window(context: Context): readonly Reserved[] {
    const prefix = this.contexts.contextKey(context);
    return keysFrom(this.tables.reservations, prefix, endOfPrefix(prefix), MAX_MINUTES).map((key) => ({
      at: numberAt(key, CONTEXT_BYTES),
      images: readRow(this.tables.reservations, key, decodeNumber) ?? 0,
    }));
  }

  private forgetOldReservations(context: Context): void {
    const prefix = this.contexts.contextKey(context);
    const end = joined(prefix, numberKey(this.now - QUOTA_KEPT_MS));
    for (const key of keysFrom(this.tables.reservations, prefix, keyAfter(end), MAX_MINUTES)) {
      const images = readRow(this.tables.reservations, key, decodeNumber) ?? 0;
      this.tables.reservations.removeSync(key);
      this.assets.addUsage(context, { reserved: -images });
    }
    const ahead = joined(prefix, numberKey(this.now + QUOTA_AHEAD_MS));
    for (const key of keysFrom(this.tables.reservations, ahead, endOfPrefix(prefix), MAX_MINUTES)) {
      this.addReserved(prefix, quotaMinute(this.now), readRow(this.tables.reservations, key, decodeNumber) ?? 0);
      this.tables.reservations.removeSync(key);
    }
  }

  private addReserved(contextKey: Buffer, minute: number, images: number): void {
    const key = joined(contextKey, numberKey(minute));
    const before = readRow(this.tables.reservations, key, decodeNumber) ?? 0;
    this.tables.reservations.putSync(key, encodeNumber(before + images));
  }

  private reserve(context: Context, minute: number, images: number): void {
    if (images === 0) return;
    this.forgetOldReservations(context);
    this.addReserved(this.contexts.contextKey(context), minute, images);
    this.assets.addUsage(context, { reserved: images });
  }

  /** What left the window since counts no more, so there is nothing to give back. */
  giveBack(context: Context, minute: number): void {
    const key = joined(this.contexts.contextKey(context), numberKey(minute));
    const before = readRow(this.tables.reservations, key, decodeNumber) ?? 0;
    if (before === 0) return;
    if (before > 1) this.tables.reservations.putSync(key, encodeNumber(before - 1));
    else this.tables.reservations.removeSync(key);
    this.assets.addUsage(context, { reserved: -1 });
  }

  private putRow(row: ImportRow): void {
    this.tables.imports.putSync(Buffer.from(row.job.id), encodeJson(row));
  }

  private putItem(item: ImportItem): void {
    this.tables.items.putSync(itemKey(item.importId, item.index), encodeJson(item));
  }

  private nextSerial(): number {
    const serial = (readRow(this.tables.facts, SERIAL_KEY, decodeNumber) ?? 0) + 1;
    this.tables.facts.putSync(SERIAL_KEY, encodeNumber(serial));
    return serial;
  }
}
