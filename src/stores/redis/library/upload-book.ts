// The bookkeeping of uploads inside one transaction: sessions, slots, and what their bytes count to. What a slot has received is held as
// an original of its context until the slot ends. Everything that changes a slot goes through here.
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
import type { NewJob } from '../../../kernel/ports/jobs.js';
import type {
  NewAssetWish,
  NewSession,
  Prepared,
  Receipt,
  SlotEffects,
  SlotWish,
} from '../../../kernel/ports/uploads.js';
import type { AssetBook } from './asset-book.js';
import type { ImportBook } from './import-book.js';
import type { LibraryKeys } from './library-keys.js';
import { assetIn } from './library-records.js';
import type { Transaction } from './transaction.js';
import { sessionIn } from './upload-records.js';

export interface UploadBookParts {
  readonly transaction: Transaction;
  readonly keys: LibraryKeys;
  readonly assets: AssetBook;
  readonly imports: ImportBook;
  readonly addJob: (job: NewJob) => void;
  /** The next number of a session, given out whatever becomes of the transaction. */
  readonly nextSession: () => Promise<number>;
}

export class UploadBook {
  constructor(private readonly parts: UploadBookParts) {}

  async session(context: Context, number: number): Promise<UploadSession | undefined> {
    const { transaction, keys } = this.parts;
    const session = await transaction.record({ key: keys.session(number) }, sessionIn);
    return session?.context === context ? session : undefined;
  }

  async openSession(wanted: NewSession): Promise<UploadSession> {
    const { transaction, keys, nextSession } = this.parts;
    const number = await nextSession();
    const { now } = transaction;
    const session: UploadSession = { ...wanted, number, createdAt: now, updatedAt: now };
    this.putSession(session);
    transaction.call('ZADD', keys.sessionsOf(wanted.context), String(number), String(number));
    transaction.call('ZADD', keys.newSessions, String(now), String(number));
    return session;
  }

  async closeSession(context: Context, number: number): Promise<UploadSession | undefined> {
    const session = await this.session(context, number);
    if (session === undefined || session.doneAt !== undefined) return session;
    const { now } = this.parts.transaction;
    const done = { ...session, doneAt: now, updatedAt: now };
    this.putSession(done);
    return done;
  }

  /** Forgets a session that nothing came of: `assets` of it are left. */
  async forgetSession(number: number, assets: number): Promise<void> {
    const { transaction, keys } = this.parts;
    transaction.call('ZREM', keys.newSessions, String(number));
    const session = await transaction.record({ key: keys.session(number) }, sessionIn);
    if (session === undefined || assets > 0) return;
    transaction.remove({ key: keys.session(number) });
    transaction.call('ZREM', keys.sessionsOf(session.context), String(number));
  }

  async prepare(context: Context, wish: NewAssetWish): Promise<Prepared | undefined> {
    const { transaction, keys, assets } = this.parts;
    const session = await this.session(context, wish.session);
    if (session === undefined) return undefined;
    const known = await assets.asset(context, wish.assetId);
    // Its slots take no bytes either.
    if (known?.trashedAt !== undefined) return undefined;
    const waiting = known?.slots?.find(({ state }) => state !== 'committed');
    if (known && waiting) return { outcome: 'prepared', asset: known, slotId: waiting.id };
    if (known) return this.prepareVersion(context, known.id, wish);
    const slot = await this.openSlot(context, wish.assetId, wish);
    if ('outcome' in slot) return slot;
    const { via, viaId, tenantId, path } = wish;
    const upload = {
      ...{ session: session.number, path, tenantId },
      ...(via !== undefined && { via }),
      ...(viaId !== undefined && { viaId }),
    };
    const number = await assets.nextNumber();
    const asset = preparedAsset(context, { id: wish.assetId, number, upload, slot }, transaction.now);
    assets.put(asset, undefined);
    transaction.call('ZADD', keys.sessionAssets(session.number), String(number), asset.id);
    this.putSession({ ...session, updatedAt: transaction.now });
    return { outcome: 'prepared', asset, slotId: slot.id };
  }

  async prepareVersion(context: Context, id: AssetId, wish: SlotWish): Promise<Prepared | undefined> {
    const { assets } = this.parts;
    const asset = await assets.asset(context, id);
    if (asset === undefined || asset.trashedAt !== undefined) return undefined;
    const slots = asset.slots?.length ?? 0;
    if (slots >= MAX_SLOTS) return { outcome: 'too-many-open', limit: MAX_SLOTS };
    if (asset.versions + slots >= MAX_VERSIONS) return { outcome: 'too-many-versions', limit: MAX_VERSIONS };
    const slot = await this.openSlot(context, id, wish);
    if ('outcome' in slot) return slot;
    const changed = withSlot(asset, slot);
    assets.put(changed, asset);
    return { outcome: 'prepared', asset: changed, slotId: slot.id };
  }

  async receive(ref: SlotRef, received: ReceivedBytes, maxBytes?: number): Promise<Receipt> {
    const { assets } = this.parts;
    const asset = await this.assetOf(ref);
    const slot = asset && slotOf(asset, ref.slotId);
    if (asset === undefined || slot === undefined || asset.trashedAt !== undefined) return { outcome: 'unknown' };
    if (slot.state === 'committed') return { outcome: 'closed' };
    const taken = await assets.takes(asset.context, received, maxBytes);
    if (taken === 'over-quota') return { outcome: taken, limit: maxBytes ?? 0 };
    if (taken !== 'yes') return { outcome: taken };
    await assets.hold(asset.context, received);
    if (slot.received) await assets.letGo(asset.context, slot.received);
    const changed = withReceived(asset, ref.slotId, received);
    assets.put(changed, asset);
    return { outcome: 'received', asset: changed, ...(slot.received && { replaced: slot.received.digest }) };
  }

  async commit(context: Context, id: AssetId): Promise<Asset | undefined> {
    const { transaction, assets, addJob } = this.parts;
    const asset = await assets.asset(context, id);
    if (asset === undefined || asset.trashedAt !== undefined) return asset;
    const { asset: changed, committed } = committedAsset(asset, transaction.now);
    if (committed.length === 0) return asset;
    assets.put(changed, asset);
    for (const slot of committed) {
      this.noLongerOpen(asset, slot);
      addJob({ kind: 'upload', id: slotName({ assetId: id, slotId: slot.id }), context });
    }
    return changed;
  }

  async setHead(context: Context, id: AssetId, number: number): Promise<Asset | undefined> {
    const { transaction, assets } = this.parts;
    const asset = await assets.asset(context, id);
    if (asset === undefined || asset.trashedAt !== undefined) return undefined;
    if ((await assets.version(id, number)) === undefined) return undefined;
    const changed = assetWithHead(asset, number, transaction.now);
    if (changed !== asset) assets.put(changed, asset);
    return changed;
  }

  async noteProcessing(ref: SlotRef): Promise<void> {
    const asset = await this.assetOf(ref);
    if (asset && slotOf(asset, ref.slotId))
      this.parts.assets.put(processingAsset(asset, this.parts.transaction.now), asset);
  }

  /** Ends a committed slot, once. */
  async settle({ slot: ref, outcome }: SlotEffects): Promise<void> {
    const { transaction, assets, imports } = this.parts;
    const asset = await this.assetOf(ref);
    const slot = asset && slotOf(asset, ref.slotId);
    if (asset === undefined || slot === undefined) return;
    const { asset: changed, version } = settledAsset(asset, slot, outcome, transaction.now);
    assets.put(changed, asset);
    // What the slot held is the version's from now on.
    if (version) {
      assets.putVersion(version);
      return;
    }
    if (slot.received) await assets.letGo(asset.context, slot.received);
    await imports.giveBack(asset.context, slot.minute);
  }

  /** Takes away a slot that nothing came of, and its asset where that has nothing else. */
  async giveUp(ref: SlotRef): Promise<void> {
    const { transaction, keys, assets, imports } = this.parts;
    // One whose asset was erased is listed still.
    transaction.call('ZREM', keys.openSlots, slotName(ref));
    const asset = await this.assetOf(ref);
    const slot = asset && slotOf(asset, ref.slotId);
    if (asset === undefined || slot === undefined || slot.state === 'committed') return;
    this.noLongerOpen(asset, slot);
    if (slot.received) await assets.letGo(asset.context, slot.received);
    await imports.giveBack(asset.context, slot.minute);
    const left = withoutSlot(asset, slot.id);
    assets.put(left, asset);
    if (left.versions === 0 && left.slots === undefined && left.state === 'pending') await assets.erase(left);
  }

  assetOf({ assetId }: SlotRef): Promise<Asset | undefined> {
    return this.parts.transaction.record({ key: this.parts.keys.asset(assetId) }, assetIn);
  }

  private async openSlot(
    context: Context,
    assetId: AssetId,
    { slotId, fileName, declaredBytes, via, viaId, quota, maxOpen }: SlotWish,
  ): Promise<UploadSlot | SlotRefusal> {
    const { transaction, keys, assets, imports } = this.parts;
    const { now } = transaction;
    if ((await assets.checkedUsage(context, 'openSlots')) >= maxOpen)
      return { outcome: 'too-many-open', limit: maxOpen };
    const { maxBytes } = quota;
    if (maxBytes !== undefined && (await assets.checkedUsage(context, 'bytes')) + (declaredBytes ?? 0) > maxBytes)
      return { outcome: 'over-quota', what: 'bytes', limit: maxBytes };
    const taken = await imports.takeImage(context, quota);
    if ('refusal' in taken) return slotRefusal(taken.refusal);
    transaction.call('ZADD', keys.openSlots, String(now), slotName({ assetId, slotId }));
    assets.changeUsage(context, 'openSlots', 1);
    return {
      ...{ id: slotId, state: 'awaiting', fileName, openedAt: now, minute: taken.minute },
      ...(declaredBytes !== undefined && { declaredBytes }),
      ...(via !== undefined && { via }),
      ...(viaId !== undefined && { viaId }),
    };
  }

  private noLongerOpen({ id, context }: Asset, { id: slotId }: UploadSlot): void {
    this.parts.transaction.call('ZREM', this.parts.keys.openSlots, slotName({ assetId: id, slotId }));
    this.parts.assets.changeUsage(context, 'openSlots', -1);
  }

  private putSession(session: UploadSession): void {
    this.parts.transaction.set({ key: this.parts.keys.session(session.number) }, session);
  }
}
