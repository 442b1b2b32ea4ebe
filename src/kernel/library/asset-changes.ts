// What changes do to an asset's record, whoever keeps it: pure functions from the record as it was to the record as it is.
import type { Context } from '../image-key.js';
import type { Arrival } from '../ports/assets.js';
import type { Asset } from './asset.js';
import type { AssetId } from './ids.js';
import type { WantedItem } from './import-job.js';
import type { Reason } from './reason.js';

/** The asset that the arrival makes, with its first version. `now`: Unix ms. */
export function createdAsset(context: Context, id: AssetId, number: number, arrival: Arrival, now: number): Asset {
  const { original: _, embedded: __, ...described } = arrival;
  const first = { head: 1, versions: 1, revision: 1, createdAt: now, updatedAt: now, state: 'processed' } as const;
  return { ...described, ...first, id, number, context };
}

/** An asset without bytes, that waits for those of an item of an import. */
export function awaitedAsset(
  context: Context,
  { id, number }: Pick<Asset, 'id' | 'number'>,
  { title, fileName, mediaType = 'image', metadata = {} }: WantedItem,
  now: number,
): Asset {
  const none = { head: 0, versions: 0, revision: 1, createdAt: now, updatedAt: now, state: 'pending' } as const;
  return {
    ...none,
    id,
    number,
    context,
    title,
    fileName: fileName ?? title,
    mediaType,
    metadata,
    createdVia: 'import',
  };
}

/** What it waited for has arrived: it is called as that was. */
export function filledAsset(asset: Asset, { fileName, validators }: Arrival, now: number): Asset {
  const { failure: _, ...rest } = asset;
  const name = fileName ?? asset.fileName ?? asset.title;
  const first = { head: 1, versions: 1, state: 'processed', revision: asset.revision + 1, updatedAt: now } as const;
  return { ...rest, ...first, title: name, fileName: name, ...(validators && { validators }) };
}

/** Nothing came of what it waited for. */
export function unfilledAsset(asset: Asset, failure: Reason, now: number): Asset {
  return { ...asset, state: 'failed', failure, revision: asset.revision + 1, updatedAt: now };
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
