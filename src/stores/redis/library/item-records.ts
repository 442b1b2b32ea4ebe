// The items of an import as they stand in Redis: a field each while they change, and one record of all of them once the import has
// ended, so that who asks how it ended has one text proven and read and not a thousand.
import { ProofsheetError } from '../../../kernel/errors.js';
import type { ImportId } from '../../../kernel/library/ids.js';
import type { ImportItem } from '../../../kernel/library/import-job.js';
import { fieldsOf, listIn } from '../record-fields.js';
import { pairsOf, recordAt } from './library-reads.js';
import { itemIn } from './library-records.js';
import { decodeRecord, type LibrarySession } from './library-session.js';
import type { Transaction } from './transaction.js';

/** Longer imports stay as they are: for as long as one commit of them takes, nobody else is answered. */
const MOST_IN_A_RECORD = 2_000;
const MOST_CHARACTERS = 2_000_000;

/** In the order of the batch; none of an import that is not known. */
export async function readItems(session: LibrarySession, id: ImportId): Promise<readonly ImportItem[]> {
  const [rows, packed] = [session.keys.items(id), session.keys.endedItems(id)];
  const commands = [
    { key: packed, args: ['GET', packed] },
    { key: rows, args: ['HGETALL', rows] },
  ];
  const [text, fields] = await session.link.sendAll(commands, session.deadlines.scriptMs);
  if (typeof text === 'string') return decodeRecord(session, { key: packed }, text, packedIn(id));
  return pairsOf(fields)
    .map(([field, row]) => decodeRecord(session, { key: rows, field }, row, itemIn))
    .toSorted((a, b) => a.index - b.index);
}

export async function readItem(session: LibrarySession, id: ImportId, index: number): Promise<ImportItem | undefined> {
  const row = await recordAt(session, { key: session.keys.items(id), field: String(index) }, itemIn);
  if (row) return row;
  return (await recordAt(session, { key: session.keys.endedItems(id) }, packedIn(id)))?.[index];
}

/**
 * Within the transaction with which `last`, as it ended, ends the import; true when it is one record from then on. The others ended
 * before the import's own record was read, which nobody changes until the commit.
 */
export async function packItems(
  session: LibrarySession,
  transaction: Transaction,
  last: ImportItem,
  items: number,
): Promise<boolean> {
  const { importId: id } = last;
  if (items > MOST_IN_A_RECORD) return false;
  const before = await readItems(session, id).catch((error: unknown) => {
    // One that was damaged behind its end, and is told of: the import ends all the same, and its items stay as they are.
    if (error instanceof ProofsheetError && error.code === 'internal') return [];
    throw error;
  });
  if (before.length !== items) return false;
  const packed = before.map((item) => {
    const { importId: _, index: __, ...rest } = item.index === last.index ? last : item;
    return rest;
  });
  if (JSON.stringify(packed).length > MOST_CHARACTERS) return false;
  transaction.set({ key: session.keys.endedItems(id) }, packed);
  transaction.call('UNLINK', session.keys.items(id));
  return true;
}

/** What the place in the record says already comes back. */
function packedIn(importId: ImportId): (value: unknown) => readonly ImportItem[] {
  return (value) => listIn(value).map((item, index) => itemIn(Object.assign(fieldsOf(item), { importId, index })));
}
