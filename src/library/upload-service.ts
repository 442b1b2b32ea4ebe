// The use cases of uploads: sessions, slots, what is put into them, and what becomes of it. Knows no dialect and no request.
import { rm } from 'node:fs/promises';
import { ProofsheetError } from '../kernel/errors.js';
import type { Context } from '../kernel/image-key.js';
import type { Asset, DescribedAsset } from '../kernel/library/asset.js';
import { type AssetId, newAssetId } from '../kernel/library/ids.js';
import type { Tenant } from '../kernel/library/tenant.js';
import { type CameBy, newSlotId, type SlotRef, type UploadSession } from '../kernel/library/upload.js';
import { slotOf } from '../kernel/library/upload-changes.js';
import type { Assets, Page, PageRequest } from '../kernel/ports/assets.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Originals } from '../kernel/ports/originals.js';
import type { Tenants } from '../kernel/ports/tenants.js';
import type { Prepared, SlotWish, Uploads } from '../kernel/ports/uploads.js';
import type { Upload } from '../previews/answers.js';

/** A wish for bytes to be taken. */
export interface UploadWish extends CameBy {
  /** As `safeFileName` gave it. */
  readonly fileName: string;
  readonly declaredBytes?: number;
}

export interface UploadServiceDeps {
  readonly assets: Pick<Assets, 'hasRoom' | 'dropUnneeded'>;
  readonly uploads: Uploads;
  readonly originals: Originals;
  readonly tenants: Tenants;
  /** Slots of a tenant that wait for bytes, beyond which the next is refused. */
  readonly maxOpenSlots: number;
  readonly maxSourceBytes: number;
  readonly clock: Clock;
}

/** Removed in the moment between being kept and being named, by another upload of the same bytes: hardly ever twice. */
const MAX_KEEPS = 8;

export class UploadService {
  constructor(private readonly deps: UploadServiceDeps) {}

  /** Of one version. */
  get maxBytes(): number {
    return this.deps.maxSourceBytes;
  }

  openSession(
    { id: tenantId, context }: Tenant,
    wish: Pick<UploadSession, 'name' | 'note' | 'standalone'>,
  ): Promise<UploadSession> {
    return this.deps.uploads.openSession({ ...wish, context, tenantId });
  }

  findSession(context: Context, number: number): Promise<UploadSession | undefined> {
    return this.deps.uploads.findSession(context, number);
  }

  listSessions(context: Context, request: PageRequest): Promise<Page<UploadSession>> {
    return this.deps.uploads.listSessions(context, request);
  }

  closeSession(context: Context, number: number): Promise<UploadSession | undefined> {
    return this.deps.uploads.closeSession(context, number);
  }

  assetsOf(context: Context, session: number, request: PageRequest): Promise<Page<DescribedAsset>> {
    return this.deps.uploads.assetsOf(context, session, request);
  }

  countOf(context: Context, session: number): Promise<number> {
    return this.deps.uploads.countOf(context, session);
  }

  /** `assetId`: what a repeated wish is known again by. `undefined` when there is no such session. */
  prepare(
    { id: tenantId, context, quota }: Tenant,
    wish: UploadWish & { readonly session: number; readonly path: string; readonly assetId?: AssetId },
  ): Promise<Prepared | undefined> {
    const { assetId = newAssetId(), ...slot } = wish;
    return this.deps.uploads.prepare(context, { ...this.slotWish(slot, quota), ...slot, tenantId, assetId });
  }

  /** `undefined` when there is no such living asset. */
  prepareVersion({ context, quota }: Tenant, id: AssetId, wish: UploadWish): Promise<Prepared | undefined> {
    return this.deps.uploads.prepareVersion(context, id, this.slotWish(wish, quota));
  }

  /** Throws what refuses bytes for the slot before any is read: `protected-operation-disabled` once it is closed or gone. */
  async checkSlot(ref: SlotRef): Promise<void> {
    const asset = await this.deps.uploads.findSlot(ref);
    const slot = asset && slotOf(asset, ref.slotId);
    if (asset === undefined || slot === undefined || asset.trashedAt !== undefined) throw noSlot();
    if (slot.state === 'committed') throw closed();
  }

  /**
   * The upload is the slot's, whose file it owns; once resolved it survives a crash. Throws as `checkSlot` does, and `over-quota`,
   * `storage-full`.
   */
  async receive(ref: SlotRef, { path, digest, md5, bytes }: Upload): Promise<void> {
    const { uploads, originals, assets, clock } = this.deps;
    try {
      const asset = await uploads.findSlot(ref);
      if (asset === undefined) throw noSlot();
      const maxBytes = this.byteQuota(asset);
      // Before a byte is kept: what is refused takes no room on the disk, however often it is sent.
      if (maxBytes !== undefined && !(await assets.hasRoom(asset.context, { digest, bytes }, maxBytes)))
        throw overQuota();
      for (let keep = 1; ; keep++) {
        await originals.keep(digest, path, bytes);
        const received = { digest, bytes, at: clock.now(), ...(md5 !== undefined && { md5 }) };
        const receipt = await uploads.receive(ref, received, maxBytes);
        const unneeded = receipt.outcome === 'received' ? receipt.replaced : digest;
        // Whoever has kept the same bytes meanwhile and not named them yet finds them missing, and keeps them anew.
        if (receipt.outcome !== 'original-missing' && unneeded !== undefined) await assets.dropUnneeded(unneeded);
        if (receipt.outcome === 'received') return;
        if (receipt.outcome === 'unknown') throw noSlot();
        if (receipt.outcome === 'closed') throw closed();
        if (receipt.outcome === 'over-quota') throw overQuota();
        if (keep === MAX_KEEPS) throw new Error('expected an original that is kept to stay, got none again and again');
      }
    } finally {
      await rm(path, { force: true });
    }
  }

  /**
   * What was received becomes versions. `nothing`: no byte has come, and none was there before. `undefined` when there is no such
   * living asset.
   */
  async complete(context: Context, id: AssetId): Promise<Asset | 'nothing' | undefined> {
    const asset = await this.deps.uploads.commit(context, id);
    if (asset === undefined || asset.trashedAt !== undefined) return undefined;
    return asset.state === 'pending' ? 'nothing' : asset;
  }

  setHead(context: Context, id: AssetId, number: number): Promise<Asset | undefined> {
    return this.deps.uploads.setHead(context, id, number);
  }

  /** By the quota as it is now; of a tenant that is not known any more: none. */
  private byteQuota({ context, upload }: Asset): number | undefined {
    const { tenants } = this.deps;
    const tenant = upload ? tenants.byId(upload.tenantId) : tenants.byContext(context);
    return tenant?.context === context ? tenant.quota.maxBytes : undefined;
  }

  private slotWish({ fileName, declaredBytes, via, viaId }: UploadWish, quota: Tenant['quota']): SlotWish {
    return {
      ...{ slotId: newSlotId(), fileName, quota, maxOpen: this.deps.maxOpenSlots },
      ...(declaredBytes !== undefined && { declaredBytes }),
      ...(via !== undefined && { via }),
      ...(viaId !== undefined && { viaId }),
    };
  }
}

/** Longer than any client waits by itself: whoever has a full quota has to do something about it. */
const QUOTA_RETRY_SECONDS = 3_600;

/** Whoever has a signed URL had a slot: one that is gone was completed and made, or given up, and both refuse as a closed one does. */
function noSlot(): ProofsheetError {
  return new ProofsheetError(
    'protected-operation-disabled',
    'expected the URL of an upload that is waited for; this one is complete, was given up or is in the trash',
  );
}

function overQuota(): ProofsheetError {
  return new ProofsheetError('over-quota', 'the tenant has no room for so many bytes', {
    retryAfterSeconds: QUOTA_RETRY_SECONDS,
  });
}

function closed(): ProofsheetError {
  return new ProofsheetError(
    'protected-operation-disabled',
    'expected an upload that is not complete yet; this one was, and its bytes stay as they are',
  );
}
