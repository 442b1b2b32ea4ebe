// The items of an import as they lie in the library: a row each while they change, and one for all of them once the import has ended,
// so that who asks how it ended reads one row and not a thousand.
import type { ImportId } from '../../../kernel/library/ids.js';
import type { ImportItem } from '../../../kernel/library/import-job.js';
import { readRow } from '../lmdb-environment.js';
import { endOfPrefix, itemKey } from './library-keys.js';
import { decodeJson, encodeJson } from './library-rows.js';
import type { LibraryTables } from './library-tables.js';

/** Longer imports stay as they are: a thousand items take 10 ms of the one commit in which nobody else writes. */
const MOST_IN_A_ROW = 2_000;

type Tables = Pick<LibraryTables, 'items' | 'endedItems'>;
/** What the place in the row says already. */
type PackedItem = Omit<ImportItem, 'importId' | 'index'>;

/** In the order of the batch; none of an import that is not known. */
export function readItems(tables: Tables, id: ImportId): readonly ImportItem[] {
  return packedItems(tables, id) ?? itemRows(tables, id).map(({ item }) => item);
}

export function readItem(tables: Tables, id: ImportId, index: number): ImportItem | undefined {
  const row = readRow(tables.items, itemKey(id, index), (bytes) => decodeJson<ImportItem>(bytes));
  return row ?? packedItems(tables, id)?.[index];
}

/** Inside a transaction, with which the last item of the import ended. */
export function packItems(tables: Tables, id: ImportId): void {
  const rows = itemRows(tables, id);
  if (rows.length > MOST_IN_A_ROW) return;
  const packed = rows.map(({ item: { importId: _, index: __, ...rest } }): PackedItem => rest);
  tables.endedItems.putSync(Buffer.from(id), encodeJson(packed));
  for (const { key } of rows) tables.items.removeSync(key);
}

/** Inside a transaction: `items` is how many the import had. */
export function forgetItems(tables: Tables, id: ImportId, items: number): void {
  if (tables.endedItems.removeSync(Buffer.from(id))) return;
  for (let index = 0; index < items; index++) tables.items.removeSync(itemKey(id, index));
}

function packedItems(tables: Tables, id: ImportId): readonly ImportItem[] | undefined {
  const packed = readRow(tables.endedItems, Buffer.from(id), (bytes) => decodeJson<readonly PackedItem[]>(bytes));
  return packed?.map((item, index) => Object.assign(item, { importId: id, index }));
}

function itemRows(tables: Tables, id: ImportId): readonly { readonly key: Buffer; readonly item: ImportItem }[] {
  const prefix = Buffer.from(id);
  const end = endOfPrefix(prefix);
  const found = tables.items.getRange({ start: prefix, ...(end && { end }) });
  return [...found].map(({ key, value }) => ({ key, item: decodeJson<ImportItem>(value) }));
}
