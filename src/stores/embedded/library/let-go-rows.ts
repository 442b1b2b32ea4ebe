// Notes of contents that a context has let go of, so that what was made of them in the cache goes too: written in the commit that lets go,
// whatever becomes of the process behind it.
import type { Digest } from '../../../kernel/digest.js';
import type { Context } from '../../../kernel/image-key.js';
import type { LetGo } from '../../../kernel/ports/assets.js';
import { readRow } from '../lmdb-environment.js';
import { type ContextKeys, digestKey, endOfPrefix, FIRST_KEY, joined, numberAt, numberKey } from './library-keys.js';
import { decodeJson, encodeJson } from './library-rows.js';
import type { LibraryTables } from './library-tables.js';

type Tables = Pick<LibraryTables, 'letGo' | 'held'>;

interface LetGoRow {
  readonly context: Context;
  readonly digest: Digest;
  readonly isLast: boolean;
}

export function putLetGo(tables: Tables, contexts: ContextKeys, dueAt: number, row: LetGoRow): void {
  tables.letGo.putSync(keyOf(contexts, dueAt, row), encodeJson(row));
}

export function removeLetGo(tables: Tables, contexts: ContextKeys, content: LetGo): void {
  tables.letGo.removeSync(keyOf(contexts, content.dueAt, content));
}

/** Due at `now` or before. */
export function readLetGo(tables: Tables, contexts: ContextKeys, now: number, limit: number): readonly LetGo[] {
  const end = endOfPrefix(numberKey(now));
  const found = [...tables.letGo.getRange({ start: FIRST_KEY, ...(end && { end }), limit })];
  return found.map(({ key, value }) => {
    const { context, digest, isLast } = decodeJson<LetGoRow>(value);
    const heldKey = joined(contexts.contextKey(context), digestKey(digest));
    const isHeld = readRow(tables.held, heldKey, () => true) === true;
    return { context, digest, isLast, isHeld, dueAt: numberAt(key, 0) };
  });
}

function keyOf(
  contexts: ContextKeys,
  dueAt: number,
  { context, digest }: Pick<LetGoRow, 'context' | 'digest'>,
): Buffer {
  return joined(numberKey(dueAt), contexts.contextKey(context), digestKey(digest));
}
