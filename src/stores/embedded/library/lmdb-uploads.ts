// The Uploads port on LMDB: reads by index without a lock, changes by the ledger in one transaction each.
import { ProofsheetError } from '../../../kernel/errors.js';
import type { Context } from '../../../kernel/image-key.js';
import type { Asset, AssetVersion, DescribedAsset } from '../../../kernel/library/asset.js';
import type { AssetId } from '../../../kernel/library/ids.js';
import { parseSlotName, type ReceivedBytes, type SlotRef, type UploadSession } from '../../../kernel/library/upload.js';
import { slotOf } from '../../../kernel/library/upload-changes.js';
import type { Page, PageRequest } from '../../../kernel/ports/assets.js';
import type { NewAssetWish, NewSession, Prepared, Receipt, SlotWish, Uploads } from '../../../kernel/ports/uploads.js';
import { readRow, type Table } from '../lmdb-environment.js';
import type { LibraryChanges } from './library-changes.js';
import { joined, numberAt, numberKey, textFrom, versionKey } from './library-keys.js';
import { decodeJson, decodeText, type SessionRow } from './library-rows.js';

const MAX_NUMBER = Number.MAX_SAFE_INTEGER;
const MAX_PAGE = 1_000;
const TIME_BYTES = 8;

export class LmdbUploads implements Uploads {
  constructor(private readonly changes: LibraryChanges) {}

  openSession(wanted: NewSession): Promise<UploadSession> {
    return this.changes.write(({ uploads }) => uploads.openSession(wanted));
  }

  async findSession(context: Context, number: number): Promise<UploadSession | undefined> {
    return this.session(context, number)?.session;
  }

  async listSessions(context: Context, { cursor, limit }: PageRequest): Promise<Page<UploadSession>> {
    this.changes.refresh();
    const found = this.latest(this.changes.tables.sessionsOf, this.changes.contextKey(context), cursor, limit);
    const entries = found.ids.flatMap((id) => this.session(context, Number(id))?.session ?? []);
    return { entries, ...(found.next !== undefined && { next: found.next }) };
  }

  closeSession(context: Context, number: number): Promise<UploadSession | undefined> {
    return this.changes.write(({ uploads }) => uploads.closeSession(context, number));
  }

  async assetsOf(context: Context, session: number, { cursor, limit }: PageRequest): Promise<Page<DescribedAsset>> {
    if (this.session(context, session) === undefined) return { entries: [] };
    const found = this.latest(this.changes.tables.assetsOfSession, numberKey(session), cursor, limit);
    const entries = found.ids.flatMap((id) => this.described(id as AssetId) ?? []);
    return { entries, ...(found.next !== undefined && { next: found.next }) };
  }

  async countOf(context: Context, session: number): Promise<number> {
    return this.session(context, session)?.assets ?? 0;
  }

  prepare(context: Context, wish: NewAssetWish): Promise<Prepared | undefined> {
    return this.changes.write(({ uploads }) => uploads.prepare(context, wish));
  }

  prepareVersion(context: Context, id: AssetId, wish: SlotWish): Promise<Prepared | undefined> {
    return this.changes.write(({ uploads }) => uploads.prepareVersion(context, id, wish));
  }

  async findSlot({ assetId, slotId }: SlotRef): Promise<Asset | undefined> {
    this.changes.refresh();
    const asset = this.asset(assetId);
    return asset && slotOf(asset, slotId) ? asset : undefined;
  }

  receive(slot: SlotRef, received: ReceivedBytes, maxBytes?: number): Promise<Receipt> {
    return this.changes.write(({ uploads }) => uploads.receive(slot, received, maxBytes));
  }

  commit(context: Context, id: AssetId): Promise<Asset | undefined> {
    return this.changes.write(({ uploads }) => uploads.commit(context, id));
  }

  setHead(context: Context, id: AssetId, number: number): Promise<Asset | undefined> {
    return this.changes.write(({ uploads }) => uploads.setHead(context, id, number));
  }

  async sweepSlots(before: number, limit: number): Promise<number> {
    const { openSlots, newSessions } = this.changes.tables;
    const slots = await this.changes.each(openSlots, before, limit, ({ uploads }, key) => {
      const slot = parseSlotName(textFrom(key, TIME_BYTES));
      if (slot) uploads.giveUp(slot);
      // One whose asset was erased is listed still.
      openSlots.removeSync(key);
    });
    const sessions = await this.changes.each(newSessions, before, limit, ({ uploads }, key) =>
      uploads.forgetSession(key),
    );
    return Math.max(slots, sessions);
  }

  private session(context: Context, number: number): SessionRow | undefined {
    this.changes.refresh();
    const key = numberKey(number);
    const row = readRow(this.changes.tables.sessions, key, (bytes) => decodeJson<SessionRow>(bytes));
    return row?.session.context === context ? row : undefined;
  }

  private asset(id: AssetId): Asset | undefined {
    return readRow(this.changes.tables.assets, Buffer.from(id), (bytes) => decodeJson<Asset>(bytes));
  }

  /** Living ones alone. */
  private described(id: AssetId): DescribedAsset | undefined {
    const asset = this.asset(id);
    if (asset === undefined || asset.trashedAt !== undefined) return undefined;
    if (asset.head === 0) return { asset };
    const key = versionKey(id, asset.head);
    const version = readRow(this.changes.tables.versions, key, (bytes) => decodeJson<AssetVersion>(bytes));
    return version ? { asset, version } : { asset };
  }

  private latest(
    table: Table,
    prefix: Buffer,
    cursor: string | undefined,
    limit: number,
  ): { readonly ids: readonly string[]; readonly next?: string } {
    if (!(limit >= 1 && limit <= MAX_PAGE)) throw new Error(`expected a page of 1 to ${MAX_PAGE}, got ${limit}`);
    const start = joined(prefix, numberKey((cursor === undefined ? MAX_NUMBER : numberOf(cursor)) - 1));
    const found = [...table.getRange({ start, end: prefix, reverse: true, limit: limit + 1 })];
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const ids = page.map(({ value }) => decodeText(value));
    return found.length > limit && last ? { ids, next: numberAt(last.key, prefix.length).toString(36) } : { ids };
  }
}

function numberOf(cursor: string): number {
  const number = /^[0-9a-z]{1,11}$/.test(cursor) ? Number.parseInt(cursor, 36) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new ProofsheetError('invalid-request-format', 'expected a cursor as a page gave it, got another text');
}
