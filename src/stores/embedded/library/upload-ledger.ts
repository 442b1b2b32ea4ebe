// The bookkeeping of uploads inside one write transaction: sessions, slots, and what their bytes count to. What a slot has received is
// held as an original of its context until the slot ends. Everything that changes a slot goes through here.

import type { Context } from '../../../kernel/image-key.js';
import { type Asset, MAX_VERSIONS } from '../../../kernel/library/asset.js';
import type { AssetId } from '../../../kernel/library/ids.js';
import {
  MAX_SLOTS,
  type ReceivedBytes,
  type SlotRef,
  type SlotRefusal,
  slotName,
  type UploadSession,
  type UploadSlot,
} from '../../../kernel/library/upload.js';
import {
  assetWithHead,
  committedAsset,
  preparedAsset,
  processingAsset,
  settledAsset,
  slotOf,
  slotRefusal,
  withoutSlot,
  withReceived,
  withSlot,
} from '../../../kernel/library/upload-changes.js';
import type {
  NewAssetWish,
  NewSession,
  Prepared,
  Receipt,
  SlotEffects,
  SlotWish,
} from '../../../kernel/ports/uploads.js';
import { readRow } from '../lmdb-environment.js';
import type { AssetLedger } from './asset-ledger.js';
import type { ImportLedger } from './import-ledger.js';
import type { JobLedger } from './job-ledger.js';
import { type ContextKeys, joined, numberKey, sessionAssetKey } from './library-keys.js';
import { decodeJson, decodeNumber, encodeJson, encodeNumber, NOTHING, type SessionRow } from './library-rows.js';
import type { LibraryTables } from './library-tables.js';

const SESSION_KEY = Buffer.from('session-serial');

export interface UploadLedgerParts {
  readonly tables: LibraryTables;
  readonly contexts: ContextKeys;
  readonly now: number;
  readonly jobs: JobLedger;
  readonly imports: ImportLedger;
  readonly assets: AssetLedger;
}

export class UploadLedger {
  constructor(private readonly parts: UploadLedgerParts) {}

  session(context: Context, number: number): SessionRow | undefined {
    const row = readRow(this.parts.tables.sessions, numberKey(number), (bytes) => decodeJson<SessionRow>(bytes));
    return row?.session.context === context ? row : undefined;
  }

  openSession(wanted: NewSession): UploadSession {
    const { tables, contexts, now } = this.parts;
    const number = (readRow(tables.facts, SESSION_KEY, decodeNumber) ?? 0) + 1;
    tables.facts.putSync(SESSION_KEY, encodeNumber(number));
    const session: UploadSession = { ...wanted, number, createdAt: now, updatedAt: now };
    this.putSession({ session, assets: 0 });
    tables.sessionsOf.putSync(
      joined(contexts.contextKey(wanted.context), numberKey(number)),
      Buffer.from(String(number)),
    );
    tables.newSessions.putSync(joined(numberKey(now), numberKey(number)), NOTHING);
    return session;
  }

  closeSession(context: Context, number: number): UploadSession | undefined {
    const row = this.session(context, number);
    if (row === undefined || row.session.doneAt !== undefined) return row?.session;
    const { now } = this.parts;
    const session = { ...row.session, doneAt: now, updatedAt: now };
    this.putSession({ ...row, session });
    return session;
  }

  /** Forgets a session that nothing came of. */
  forgetSession(key: Buffer): void {
    const { tables, contexts } = this.parts;
    const number = key.readDoubleBE(8);
    tables.newSessions.removeSync(key);
    const row = readRow(tables.sessions, numberKey(number), (bytes) => decodeJson<SessionRow>(bytes));
    if (row === undefined || row.assets > 0) return;
    tables.sessions.removeSync(numberKey(number));
    tables.sessionsOf.removeSync(joined(contexts.contextKey(row.session.context), numberKey(number)));
  }

  prepare(context: Context, wish: NewAssetWish): Prepared | undefined {
    const { tables, assets, now } = this.parts;
    const row = this.session(context, wish.session);
    if (row === undefined) return undefined;
    const known = assets.asset(context, wish.assetId);
    // Its slots take no bytes either.
    if (known?.trashedAt !== undefined) return undefined;
    const waiting = known?.slots?.find(({ state }) => state !== 'committed');
    if (known && waiting) return { outcome: 'prepared', asset: known, slotId: waiting.id };
    if (known) return this.prepareVersion(context, known.id, wish);
    const slot = this.openSlot(context, wish.assetId, wish);
    if ('outcome' in slot) return slot;
    const { via, viaId, tenantId, path, session } = wish;
    const upload = {
      ...{ session, path, tenantId },
      ...(via !== undefined && { via }),
      ...(viaId !== undefined && { viaId }),
    };
    const asset = preparedAsset(context, { id: wish.assetId, number: assets.nextNumber(), upload, slot }, now);
    assets.put(asset, undefined);
    tables.assetsOfSession.putSync(sessionAssetKey(session, asset.number), Buffer.from(asset.id));
    this.putSession({ session: { ...row.session, updatedAt: now }, assets: row.assets + 1 });
    return { outcome: 'prepared', asset, slotId: slot.id };
  }

  prepareVersion(context: Context, id: AssetId, wish: SlotWish): Prepared | undefined {
    const { assets } = this.parts;
    const asset = assets.asset(context, id);
    if (asset === undefined || asset.trashedAt !== undefined) return undefined;
    const slots = asset.slots?.length ?? 0;
    if (slots >= MAX_SLOTS) return { outcome: 'too-many-open', limit: MAX_SLOTS };
    if (asset.versions + slots >= MAX_VERSIONS) return { outcome: 'too-many-versions', limit: MAX_VERSIONS };
    const slot = this.openSlot(context, id, wish);
    if ('outcome' in slot) return slot;
    const changed = withSlot(asset, slot);
    assets.put(changed, asset);
    return { outcome: 'prepared', asset: changed, slotId: slot.id };
  }

  receive(ref: SlotRef, received: ReceivedBytes, maxBytes?: number): Receipt {
    const { assets } = this.parts;
    const asset = this.assetOf(ref);
    const slot = asset && slotOf(asset, ref.slotId);
    if (asset === undefined || slot === undefined || asset.trashedAt !== undefined) return { outcome: 'unknown' };
    if (slot.state === 'committed') return { outcome: 'closed' };
    const taken = assets.takes(asset.context, received, maxBytes);
    if (taken === 'over-quota') return { outcome: taken, limit: maxBytes ?? 0 };
    if (taken !== 'yes') return { outcome: taken };
    assets.hold(asset.context, received);
    if (slot.received) assets.letGo(asset.context, slot.received);
    const changed = withReceived(asset, ref.slotId, received);
    assets.put(changed, asset);
    return { outcome: 'received', asset: changed, ...(slot.received && { replaced: slot.received.digest }) };
  }

  commit(context: Context, id: AssetId): Asset | undefined {
    const { assets, jobs, now } = this.parts;
    const asset = assets.asset(context, id);
    if (asset === undefined || asset.trashedAt !== undefined) return asset;
    const { asset: changed, committed } = committedAsset(asset, now);
    if (committed.length === 0) return asset;
    assets.put(changed, asset);
    for (const slot of committed) {
      this.noLongerOpen(asset, slot);
      jobs.add({ kind: 'upload', id: slotName({ assetId: id, slotId: slot.id }), context });
    }
    return changed;
  }

  setHead(context: Context, id: AssetId, number: number): Asset | undefined {
    const { assets, now } = this.parts;
    const asset = assets.asset(context, id);
    if (asset === undefined || asset.trashedAt !== undefined || assets.version(id, number) === undefined)
      return undefined;
    const changed = assetWithHead(asset, number, now);
    if (changed !== asset) assets.put(changed, asset);
    return changed;
  }

  noteProcessing(ref: SlotRef): void {
    const asset = this.assetOf(ref);
    if (asset === undefined || slotOf(asset, ref.slotId) === undefined) return;
    this.parts.assets.put(processingAsset(asset, this.parts.now), asset);
  }

  /** Ends a committed slot, once. */
  settle({ slot: ref, outcome }: SlotEffects): void {
    const { assets, imports, now } = this.parts;
    const asset = this.assetOf(ref);
    const slot = asset && slotOf(asset, ref.slotId);
    if (asset === undefined || slot === undefined) return;
    const { asset: changed, version } = settledAsset(asset, slot, outcome, now);
    assets.put(changed, asset);
    // What the slot held is the version's from now on.
    if (version) {
      assets.putVersion(version);
      return;
    }
    if (slot.received) assets.letGo(asset.context, slot.received);
    imports.giveBack(asset.context, slot.minute);
  }

  /** Takes away a slot that nothing came of, and its asset where that has nothing else. */
  giveUp(ref: SlotRef): void {
    const { assets, imports } = this.parts;
    const asset = this.assetOf(ref);
    const slot = asset && slotOf(asset, ref.slotId);
    if (asset === undefined || slot === undefined || slot.state === 'committed') return;
    this.noLongerOpen(asset, slot);
    if (slot.received) assets.letGo(asset.context, slot.received);
    imports.giveBack(asset.context, slot.minute);
    const left = withoutSlot(asset, slot.id);
    assets.put(left, asset);
    if (left.versions === 0 && left.slots === undefined && left.state === 'pending') assets.erase(left);
  }

  assetOf({ assetId }: SlotRef): Asset | undefined {
    return readRow(this.parts.tables.assets, Buffer.from(assetId), (bytes) => decodeJson<Asset>(bytes));
  }

  private openSlot(
    context: Context,
    assetId: AssetId,
    { slotId, fileName, declaredBytes, via, viaId, quota, maxOpen }: SlotWish,
  ): UploadSlot | SlotRefusal {
    const { tables, assets, imports, now } = this.parts;
    if (assets.usage(context).openSlots >= maxOpen) return { outcome: 'too-many-open', limit: maxOpen };
    const { maxBytes } = quota;
    if (maxBytes !== undefined && assets.usage(context).bytes + (declaredBytes ?? 0) > maxBytes)
      return { outcome: 'over-quota', what: 'bytes', limit: maxBytes };
    const taken = imports.takeImage(context, quota);
    if ('refusal' in taken) return slotRefusal(taken.refusal);
    tables.openSlots.putSync(joined(numberKey(now), slotName({ assetId, slotId })), NOTHING);
    assets.changeUsage(context, { openSlots: 1 });
    return {
      ...{ id: slotId, state: 'awaiting', fileName, openedAt: now, minute: taken.minute },
      ...(declaredBytes !== undefined && { declaredBytes }),
      ...(via !== undefined && { via }),
      ...(viaId !== undefined && { viaId }),
    };
  }

  private noLongerOpen({ id, context }: Asset, { id: slotId, openedAt }: UploadSlot): void {
    this.parts.tables.openSlots.removeSync(joined(numberKey(openedAt), slotName({ assetId: id, slotId })));
    this.parts.assets.changeUsage(context, { openSlots: -1 });
  }

  private putSession(row: SessionRow): void {
    this.parts.tables.sessions.putSync(numberKey(row.session.number), encodeJson(row));
  }
}
