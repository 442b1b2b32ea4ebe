// How a folder stands as a whole: its images by their imports, and those of imports that are forgotten by their assets.
import type { Context } from '../kernel/image-key.js';
import type { ExternalReference } from '../kernel/library/asset.js';
import type { FolderId } from '../kernel/library/folder.js';
import type { ImportId } from '../kernel/library/ids.js';
import { isFinal } from '../kernel/library/import-job.js';
import type { Folders } from '../kernel/ports/folders.js';
import type { Library } from './answers.js';

/** Names of an image of a folder: what its dialect calls it, and by which reference its asset is found. */
export interface ImageName {
  readonly id: string;
  readonly reference: ExternalReference;
}

export interface FolderStatus {
  readonly total: number;
  readonly complete: number;
  readonly underWay: readonly string[];
  readonly failed: readonly string[];
}

type Standing = 'complete' | 'under-way' | 'failed';

/** References looked at side by side. */
const AT_ONCE = 100;

/** What was taken away, or failed so long ago that it is forgotten, counts no more. */
export async function folderStatusOf(
  library: Library,
  folders: Folders,
  context: Context,
  id: FolderId,
  nameOf: (importId: ImportId, index: number) => ImageName,
): Promise<FolderStatus> {
  const standings = new Map<string, Standing>();
  for (const { importId, images } of await folders.batchesOf(context, id)) {
    const status = await library.importStatus(context, importId);
    if (status) {
      for (let start = 0; start < status.items.length; start += AT_ONCE) {
        const items = status.items.slice(start, start + AT_ONCE);
        const living = await Promise.all(
          items.map(({ assetId }) => assetId && library.describeAsset(context, assetId)),
        );
        for (const [at, item] of items.entries()) {
          const { id: image } = nameOf(importId, item.index);
          if (!isFinal(item.state)) standings.set(image, 'under-way');
          else if (item.state === 'failed' || item.state === 'cancelled') standings.set(image, 'failed');
          else if (living[at]) standings.set(image, 'complete');
        }
      }
      continue;
    }
    for (let start = 0; start < images; start += AT_ONCE) {
      const names = Array.from({ length: Math.min(AT_ONCE, images - start) }, (_, at) => nameOf(importId, start + at));
      const found = await Promise.all(names.map(({ reference }) => library.findByReference(context, reference)));
      for (const [at, name] of names.entries()) if (found[at]) standings.set(name.id, 'complete');
    }
  }
  const named = (wanted: Standing) => [...standings].flatMap(([image, standing]) => (standing === wanted ? image : []));
  const [underWay, failed] = [named('under-way'), named('failed')];
  return { total: standings.size, complete: standings.size - underWay.length - failed.length, underWay, failed };
}
