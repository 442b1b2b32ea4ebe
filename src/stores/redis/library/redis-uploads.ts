// The Uploads port on Redis: reads by index, changes by the book in one commit each.
import type { Context } from '../../../kernel/image-key.js';
import type { Asset, DescribedAsset } from '../../../kernel/library/asset.js';
import { type AssetId, parseAssetId } from '../../../kernel/library/ids.js';
import { parseSlotName, type ReceivedBytes, type SlotRef, type UploadSession } from '../../../kernel/library/upload.js';
import { slotOf } from '../../../kernel/library/upload-changes.js';
import type { Page, PageRequest } from '../../../kernel/ports/assets.js';
import type { NewAssetWish, NewSession, Prepared, Receipt, SlotWish, Uploads } from '../../../kernel/ports/uploads.js';
import type { Argument } from '../connection.js';
import type { LibraryChanges } from './library-changes.js';
import { describe, latest, recordAt, recordsAt } from './library-reads.js';
import { assetIn } from './library-records.js';
import { sessionIn } from './upload-records.js';

export class RedisUploads implements Uploads {
  constructor(private readonly changes: LibraryChanges) {}

  openSession(wanted: NewSession): Promise<UploadSession> {
    return this.changes.commit(({ uploads }) => uploads.openSession(wanted));
  }

  async findSession(context: Context, number: number): Promise<UploadSession | undefined> {
    const session = await recordAt(this.session, { key: this.keys.session(number) }, sessionIn);
    return session?.context === context ? session : undefined;
  }

  async listSessions(context: Context, { cursor, limit }: PageRequest): Promise<Page<UploadSession>> {
    const found = await latest(this.session, this.keys.sessionsOf(context), cursor, limit);
    const places = found.names.map((name) => ({ key: this.keys.session(Number(name)) }));
    const read = await recordsAt(this.session, places, sessionIn);
    const entries = read.filter((session): session is UploadSession => session?.context === context);
    return { entries, ...(found.next !== undefined && { next: found.next }) };
  }

  closeSession(context: Context, number: number): Promise<UploadSession | undefined> {
    return this.changes.commit(({ uploads }) => uploads.closeSession(context, number));
  }

  async assetsOf(context: Context, session: number, { cursor, limit }: PageRequest): Promise<Page<DescribedAsset>> {
    if ((await this.findSession(context, session)) === undefined) return { entries: [] };
    const found = await latest(this.session, this.keys.sessionAssets(session), cursor, limit);
    const described = await describe(
      this.session,
      context,
      found.names.flatMap((name) => parseAssetId(name) ?? []),
    );
    const entries = described.filter(({ asset }) => asset.trashedAt === undefined);
    return { entries, ...(found.next !== undefined && { next: found.next }) };
  }

  async countOf(context: Context, session: number): Promise<number> {
    if ((await this.findSession(context, session)) === undefined) return 0;
    return this.assetsIn(session);
  }

  prepare(context: Context, wish: NewAssetWish): Promise<Prepared | undefined> {
    return this.changes.commit(({ uploads }) => uploads.prepare(context, wish));
  }

  prepareVersion(context: Context, id: AssetId, wish: SlotWish): Promise<Prepared | undefined> {
    return this.changes.commit(({ uploads }) => uploads.prepareVersion(context, id, wish));
  }

  async findSlot({ assetId, slotId }: SlotRef): Promise<Asset | undefined> {
    const asset = await recordAt(this.session, { key: this.keys.asset(assetId) }, assetIn);
    return asset && slotOf(asset, slotId) ? asset : undefined;
  }

  receive(slot: SlotRef, received: ReceivedBytes, maxBytes?: number): Promise<Receipt> {
    return this.changes.commit(({ uploads }) => uploads.receive(slot, received, maxBytes));
  }

  commit(context: Context, id: AssetId): Promise<Asset | undefined> {
    return this.changes.commit(({ uploads }) => uploads.commit(context, id));
  }

  setHead(context: Context, id: AssetId, number: number): Promise<Asset | undefined> {
    return this.changes.commit(({ uploads }) => uploads.setHead(context, id, number));
  }

  async sweepSlots(before: number, limit: number): Promise<number> {
    const slots = await this.namesBefore(this.keys.openSlots, before, limit);
    for (const name of slots) {
      const slot = parseSlotName(name);
      if (slot) await this.changes.commit(({ uploads }) => uploads.giveUp(slot));
      else await this.send(['ZREM', this.keys.openSlots, name]);
    }
    const sessions = await this.namesBefore(this.keys.newSessions, before, limit);
    for (const name of sessions) {
      const number = Number(name);
      if (!Number.isSafeInteger(number) || String(number) !== name) {
        await this.send(['ZREM', this.keys.newSessions, name]);
        continue;
      }
      const assets = await this.assetsIn(number);
      await this.changes.commit(({ uploads }) => uploads.forgetSession(number, assets));
    }
    return Math.max(slots.length, sessions.length);
  }

  private async assetsIn(session: number): Promise<number> {
    return Number(await this.send(['ZCARD', this.keys.sessionAssets(session)]));
  }

  private async namesBefore(key: string, before: number, limit: number): Promise<readonly string[]> {
    const found = await this.send(['ZRANGEBYSCORE', key, '-inf', `(${before}`, 'LIMIT', '0', String(limit)]);
    return found as readonly string[];
  }

  private get session() {
    return this.changes.session;
  }

  private get keys() {
    return this.changes.session.keys;
  }

  private send(args: Argument[]): Promise<unknown> {
    return this.session.link.send(String(args[1]), args, this.session.deadlines.getMs);
  }
}
