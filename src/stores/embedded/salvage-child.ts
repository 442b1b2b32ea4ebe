// Reads what can still be read of a damaged catalog, in a process of its own, because a damaged page can make LMDB fault.
// Gives batches of whole groups, each when the parent asks for it. Arguments: the catalog's directory, and for a walk
// backwards from the last group the key in hex where it ends ("" for the very first).
import { DEFAULT_CONTEXT } from '../../kernel/image-key.js';
import { ContextKeys, digestKey, splitGroupKey } from './catalog-keys.js';
import { decodeRecord } from './catalog-ledger.js';
import { decodeGroup } from './catalog-rows.js';
import { tablesOf } from './catalog-tables.js';
import { LmdbEnvironment } from './lmdb-environment.js';
import type { SavedBatch, SavedGroup } from './salvage.js';

const BATCH = 100;

const [, , path = '', end] = process.argv;
const names = new ContextKeys();
const tables = tablesOf(LmdbEnvironment.open(path, 'none'));
const rows = tables.groups.getRange({ reverse: end !== undefined })[Symbol.iterator]();

process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('message', () => process.send?.(nextBatch()));

function nextBatch(): SavedBatch {
  const groups: SavedGroup[] = [];
  let last: string | undefined;
  try {
    while (groups.length < BATCH) {
      const next = rows.next();
      const key = next.done ? undefined : Buffer.from(next.value.key);
      if (key === undefined || (end !== undefined && key.toString('hex') <= end)) return { groups, last, ahead: 'end' };
      last = key.toString('hex');
      const group = whole(key, Buffer.from(next.value.value));
      if (group) groups.push(group);
    }
    return { groups, last, ahead: 'more' };
  } catch {
    // A page that makes no sense: what lies behind it is tried from the other end, by another process.
    return { groups, last, ahead: 'damage' };
  }
}

function whole(key: Buffer, value: Buffer): SavedGroup | undefined {
  try {
    const row = decodeGroup(value);
    const bytes = tables.records.getBinary(digestKey(row.sourceDigest));
    const record = bytes && decodeRecord(bytes);
    const context = contextName(splitGroupKey(key).context);
    return record?.digest === row.sourceDigest && context !== undefined ? { key, row, record, context } : undefined;
  } catch {
    return undefined;
  }
}

/** The name whose hash the key holds; `undefined` when it is lost. */
function contextName(hash: Buffer): string | undefined {
  if (names.contextKey(DEFAULT_CONTEXT).equals(hash)) return DEFAULT_CONTEXT;
  const name = tables.contextNames.getBinary(hash)?.toString('utf8');
  return name !== undefined && names.contextKey(name as typeof DEFAULT_CONTEXT).equals(hash) ? name : undefined;
}
