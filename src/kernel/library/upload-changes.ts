// What uploads do to an asset's record, whoever keeps it: pure functions from the record as it was to the record as it is. Every slot
// ends once; a version that cannot be made leaves the head as it was.
import type { Context } from '../image-key.js';
import type { SlotOutcome } from '../ports/uploads.js';
import type { Asset, AssetVersion } from './asset.js';
import type { AssetId } from './ids.js';
import type { QuotaRefusal } from './quota.js';
import type { AssetUpload, ReceivedBytes, SlotId, SlotRefusal, UploadSlot } from './upload.js';

/** An asset without bytes, that waits for those of its slot. */
export function preparedAsset(
  context: Context,
  {
    id,
    number,
    upload,
    slot,
  }: { readonly id: AssetId; readonly number: number; readonly upload: AssetUpload; readonly slot: UploadSlot },
  now: number,
): Asset {
  const title = slot.fileName;
  const none = { head: 0, versions: 0, revision: 1, createdAt: now, updatedAt: now, state: 'pending' } as const;
  return {
    ...none,
    ...{ id, number, context, title, upload, fileName: slot.fileName, mediaType: 'image', metadata: {} },
    createdVia: 'upload',
    slots: [slot],
  };
}

export function slotOf({ slots = [] }: Asset, id: SlotId): UploadSlot | undefined {
  return slots.find((slot) => slot.id === id);
}

export function withSlot(asset: Asset, slot: UploadSlot): Asset {
  return { ...asset, slots: [...(asset.slots ?? []), slot] };
}

/** The slot has bytes now; others than before, maybe. */
export function withReceived(asset: Asset, id: SlotId, received: ReceivedBytes): Asset {
  return {
    ...asset,
    slots: (asset.slots ?? []).map((slot) => (slot.id === id ? { ...slot, state: 'received', received } : slot)),
  };
}

/** What has bytes is to become versions, in the order in which they came; the slots that are so from now on. */
export function committedAsset(
  asset: Asset,
  now: number,
): { readonly asset: Asset; readonly committed: readonly UploadSlot[] } {
  const committed = (asset.slots ?? [])
    .filter(({ state }) => state === 'received')
    .toSorted((a, b) => (a.received?.at ?? 0) - (b.received?.at ?? 0));
  if (committed.length === 0) return { asset, committed };
  const ids = new Set(committed.map(({ id }) => id));
  const { failure: _, ...rest } = asset;
  const changed: Asset = {
    ...rest,
    state: 'uploaded',
    slots: (asset.slots ?? []).map((slot) => (ids.has(slot.id) ? { ...slot, state: 'committed' } : slot)),
    ...(asset.upload && { upload: { ...asset.upload, uploadedAt: asset.upload.uploadedAt ?? now } }),
    revision: asset.revision + 1,
    updatedAt: now,
  };
  return { asset: changed, committed };
}

/** Somebody is at it. */
export function processingAsset(asset: Asset, now: number): Asset {
  return { ...asset, state: 'processing', ...(asset.upload && { upload: { ...asset.upload, processingAt: now } }) };
}

/** The asset after a committed slot has ended, and the version that came of it. */
export function settledAsset(
  asset: Asset,
  slot: UploadSlot,
  outcome: SlotOutcome,
  now: number,
): { readonly asset: Asset; readonly version?: AssetVersion } {
  const left = withoutSlot(asset, slot.id);
  const isBusy = (left.slots ?? []).some(({ state }) => state === 'committed');
  const { failure: _, ...rest } = left;
  const changed = {
    ...(left.upload && { upload: { ...left.upload, processedAt: now } }),
    revision: asset.revision + 1,
    updatedAt: now,
  };
  if (outcome.kind === 'failed' || slot.received === undefined) {
    const state = isBusy ? 'uploaded' : left.head > 0 ? 'processed' : 'failed';
    const failure = outcome.kind === 'failed' ? outcome.reason : ({ code: 'internal' } as const);
    return { asset: { ...rest, ...changed, state, failure } };
  }
  const number = asset.versions + 1;
  const { digest, bytes } = slot.received;
  const { fileName, via, viaId } = slot;
  const version: AssetVersion = {
    ...{ digest, bytes, ...outcome.picture, assetId: asset.id, number, createdAt: now, fileName },
    ...(via !== undefined && { via }),
    ...(viaId !== undefined && { viaId }),
  };
  const state = isBusy ? 'uploaded' : 'processed';
  return { asset: { ...rest, ...changed, state, head: number, versions: number, fileName }, version };
}

export function withoutSlot(asset: Asset, id: SlotId): Asset {
  const { slots = [], ...rest } = asset;
  const left = slots.filter((slot) => slot.id !== id);
  return left.length === 0 ? rest : { ...rest, slots: left };
}

/** Another version is shown from now on; what is there stays. */
export function assetWithHead(asset: Asset, number: number, now: number): Asset {
  if (asset.head === number) return asset;
  return { ...asset, head: number, revision: asset.revision + 1, updatedAt: now };
}

/** What a quota says of one more picture, as it is said of a slot. */
export function slotRefusal(refusal: QuotaRefusal): SlotRefusal {
  const { kind, limit } = refusal;
  if (kind === 'bytes') return { outcome: 'over-quota', what: 'bytes', limit };
  const { freeAt } = refusal;
  return { outcome: 'over-quota', what: 'images', limit, ...(freeAt !== undefined && { freeAt }) };
}
