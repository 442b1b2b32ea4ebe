// The Folders port on LMDB: folders and their batches under their context.
import type { Context } from '../../../kernel/image-key.js';
import type { Folder, FolderBatch, FolderId } from '../../../kernel/library/folder.js';
import type { ImportId } from '../../../kernel/library/ids.js';
import type { Folders } from '../../../kernel/ports/folders.js';
import { readRow } from '../lmdb-environment.js';
import type { LibraryChanges } from './library-changes.js';
import { endOfPrefix, joined, keyAfter, numberAt, numberKey } from './library-keys.js';
import { decodeJson, encodeJson } from './library-rows.js';
import type { LibraryTables } from './library-tables.js';

export class LmdbFolders implements Folders {
  constructor(private readonly changes: LibraryChanges) {}

  create(folder: Omit<Folder, 'createdAt'>): Promise<boolean> {
    const key = this.keyOf(folder.context, folder.id);
    return this.changes.write(({ now }) => {
      if (this.tables.folders.getBinaryFast(key) !== undefined) return false;
      this.tables.folders.putSync(key, encodeJson({ ...folder, createdAt: now }));
      return true;
    });
  }

  async find(context: Context, id: FolderId): Promise<Folder | undefined> {
    this.changes.refresh();
    return readRow(this.tables.folders, this.keyOf(context, id), (bytes) => decodeJson<Folder>(bytes));
  }

  add(context: Context, id: FolderId, batch: FolderBatch): Promise<void> {
    const prefix = this.keyOf(context, id);
    return this.changes.write(() => {
      const end = endOfPrefix(prefix) ?? keyAfter(prefix);
      const [last] = [...this.tables.folderBatches.getKeys({ start: end, end: prefix, reverse: true, limit: 1 })];
      // A key of another folder may stand right at the end of this one's.
      const isOwn = Buffer.isBuffer(last) && last.subarray(0, prefix.length).equals(prefix);
      const serial = isOwn ? numberAt(last, prefix.length) + 1 : 0;
      this.tables.folderBatches.putSync(joined(prefix, numberKey(serial)), encodeJson(batch));
    });
  }

  withdraw(context: Context, id: FolderId, importId: ImportId): Promise<void> {
    return this.changes.write(() => {
      for (const { key, batch } of this.rowsOf(context, id))
        if (batch.importId === importId) this.tables.folderBatches.removeSync(key);
    });
  }

  async batchesOf(context: Context, id: FolderId): Promise<readonly FolderBatch[]> {
    this.changes.refresh();
    return this.rowsOf(context, id).map(({ batch }) => batch);
  }

  private rowsOf(context: Context, id: FolderId): readonly { readonly key: Buffer; readonly batch: FolderBatch }[] {
    const prefix = this.keyOf(context, id);
    const end = endOfPrefix(prefix);
    const rows = this.tables.folderBatches.getRange({ start: prefix, ...(end && { end }) });
    return [...rows].map(({ key, value }) => ({ key, batch: decodeJson<FolderBatch>(value) }));
  }

  private get tables(): LibraryTables {
    return this.changes.tables;
  }

  private keyOf(context: Context, id: FolderId): Buffer {
    return joined(this.changes.contextKey(context), id);
  }
}
