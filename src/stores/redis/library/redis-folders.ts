// The Folders port on Redis: a record a folder, a list of its batches, each of them sealed like every record.
import type { Context } from '../../../kernel/image-key.js';
import {
  FOLDER_TYPES,
  type Folder,
  type FolderBatch,
  type FolderId,
  parseFolderId,
} from '../../../kernel/library/folder.js';
import { type ImportId, parseImportId } from '../../../kernel/library/ids.js';
import type { Folders } from '../../../kernel/ports/folders.js';
import { fieldsOf, oneOf, parsedIn, textIn, wholeIn } from '../record-fields.js';
import type { LibraryChanges } from './library-changes.js';
import { contextIn } from './library-records.js';
import { decodeRecord, encodeRecord } from './library-session.js';
import type { Transaction } from './transaction.js';
import { timeIn } from './upload-records.js';

export class RedisFolders implements Folders {
  constructor(private readonly changes: LibraryChanges) {}

  create(folder: Omit<Folder, 'createdAt'>): Promise<boolean> {
    const place = { key: this.keys.folder(folder.context, folder.id) };
    return this.write(async (transaction) => {
      if ((await transaction.text(place)) !== undefined) return false;
      transaction.set(place, { ...folder, createdAt: transaction.now });
      return true;
    });
  }

  async find(context: Context, id: FolderId): Promise<Folder | undefined> {
    const key = this.keys.folder(context, id);
    const { link, deadlines } = this.changes.session;
    const text = await link.send(key, ['GET', key], deadlines.getMs);
    const folder = typeof text === 'string' ? decodeRecord(this.changes.session, { key }, text, folderIn) : undefined;
    return folder?.context === context ? folder : undefined;
  }

  async add(context: Context, id: FolderId, batch: FolderBatch): Promise<void> {
    const key = this.keys.folderBatches(context, id);
    await this.write(async (transaction) => {
      transaction.call('RPUSH', key, encodeRecord(this.changes.session, { key }, batch));
    });
  }

  async withdraw(context: Context, id: FolderId, importId: ImportId): Promise<void> {
    const key = this.keys.folderBatches(context, id);
    await this.write(async (transaction) => {
      for (const { text, batch } of await this.rowsOf(key))
        if (batch.importId === importId) transaction.call('LREM', key, '0', text);
    });
  }

  async batchesOf(context: Context, id: FolderId): Promise<readonly FolderBatch[]> {
    const rows = await this.rowsOf(this.keys.folderBatches(context, id));
    return rows.map(({ batch }) => batch);
  }

  private async rowsOf(key: string): Promise<readonly { readonly text: string; readonly batch: FolderBatch }[]> {
    const { link, deadlines } = this.changes.session;
    const texts = (await link.send(key, ['LRANGE', key, '0', '-1'], deadlines.scriptMs)) as string[];
    return texts.map((text) => ({ text, batch: decodeRecord(this.changes.session, { key }, text, batchIn) }));
  }

  private get keys() {
    return this.changes.session.keys;
  }

  private write<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.changes.commit(({ transaction }) => work(transaction));
  }
}

function folderIn(value: unknown): Folder {
  const given = fieldsOf(value);
  return {
    id: parsedIn(parseFolderId, given.id),
    context: contextIn(given.context),
    parentId: parsedIn(parseFolderId, given.parentId),
    name: textIn(given.name),
    type: oneOf(FOLDER_TYPES, given.type),
    createdAt: timeIn(given.createdAt),
  };
}

function batchIn(value: unknown): FolderBatch {
  const given = fieldsOf(value);
  return { importId: parsedIn(parseImportId, given.importId), images: wholeIn(given.images, 1) };
}
