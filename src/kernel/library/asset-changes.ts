// What changes do to an asset's record, whoever keeps it: pure functions from the record as it was to the record as it is.
import type { Context } from '../image-key.js';
import type { Arrival } from '../ports/assets.js';
import type { Asset } from './asset.js';
import type { AssetId } from './ids.js';

/** The asset that the arrival makes, with its first version. `now`: Unix ms. */
export function createdAsset(context: Context, id: AssetId, number: number, arrival: Arrival, now: number): Asset {
  const { original: _, ...described } = arrival;
  const first = { head: 1, versions: 1, revision: 1, createdAt: now, updatedAt: now, state: 'processed' } as const;
  return { ...described, ...first, id, number, context };
}

/** The head moves on; what people wrote about the picture stays as they wrote it. */
export function grownAsset(asset: Asset, { validators }: Pick<Arrival, 'validators'>, now: number): Asset {
  const { validators: _, ...rest } = asset;
  const versions = asset.versions + 1;
  const changed = { head: versions, versions, revision: asset.revision + 1, updatedAt: now };
  return { ...rest, ...changed, ...(validators && { validators }) };
}

/** One that is in the trash already stays as it is. */
export function trashedAsset(asset: Asset, now: number): Asset {
  if (asset.trashedAt !== undefined) return asset;
  return { ...asset, trashedAt: now, revision: asset.revision + 1, updatedAt: now };
}

/** Out of the trash, with its reference where that `isFree`. */
export function restoredAsset(asset: Asset, isFree: boolean, now: number): Asset {
  const { trashedAt, reference, ...rest } = asset;
  if (trashedAt === undefined) return asset;
  const changed = { revision: asset.revision + 1, updatedAt: now };
  return { ...rest, ...changed, ...(isFree && reference && { reference }) };
}
