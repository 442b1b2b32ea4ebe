// The port of folders: what is in them are batches, so that a folder of five thousand images is a few rows.
import type { Context } from '../image-key.js';
import type { Folder, FolderBatch, FolderId } from '../library/folder.js';
import type { ImportId } from '../library/ids.js';

export interface Folders {
  /** As of now; `false` where the context has one of that id already. Resolved, it survives a crash. */
  create(folder: Omit<Folder, 'createdAt'>): Promise<boolean>;
  find(context: Context, id: FolderId): Promise<Folder | undefined>;
  /** One more batch, behind the others; of a folder that is there by other means, too. */
  add(context: Context, id: FolderId, batch: FolderBatch): Promise<void>;
  /** Takes back what `add` noted of that import; nothing where it noted none. */
  withdraw(context: Context, id: FolderId, importId: ImportId): Promise<void>;
  /** In the order in which they came. */
  batchesOf(context: Context, id: FolderId): Promise<readonly FolderBatch[]>;
}
