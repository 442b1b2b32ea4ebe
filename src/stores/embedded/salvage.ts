// Saves into a new catalog what can still be read of a damaged one: groups whose rows and record are as they were written.
// What it lacks is met again by uploads; blobs that nobody names any more are swept as orphans.
import { type ChildProcess, fork } from 'node:child_process';
import { compiledProgram } from '../../kernel/compiled-program.js';
import type { Context } from '../../kernel/image-key.js';
import type { SourceRecord } from '../../kernel/source.js';
import { CatalogLedger } from './catalog-ledger.js';
import type { GroupRow } from './catalog-rows.js';
import type { CatalogTables } from './catalog-tables.js';

export interface SavedGroup {
  readonly key: Buffer;
  readonly row: GroupRow;
  readonly record: SourceRecord;
  readonly context: string;
}

export interface SavedBatch {
  readonly groups: readonly SavedGroup[];
  /** The key of the last group that was looked at, in hex. */
  readonly last: string | undefined;
  readonly ahead: 'more' | 'end' | 'damage';
}

/** A start is not held up for longer: some 100,000 groups. */
const SALVAGE_MS = 30_000;

/**
 * Copies groups from the catalog in the directory `damaged` into `tables`; resolves with how many. From the first on to
 * where the walk fails, if it does, then from the last one back to there: what neither reaches is lost.
 */
export async function salvage(damaged: string, tables: CatalogTables): Promise<number> {
  const endsAt = performance.now() + SALVAGE_MS;
  const forward = await walk([damaged], tables, endsAt);
  if (forward.isWhole) return forward.saved;
  const { saved } = await walk([damaged, forward.last], tables, endsAt);
  return forward.saved + saved;
}

async function walk(args: readonly string[], tables: CatalogTables, endsAt: number) {
  const child = fork(compiledProgram('salvage-child', import.meta.url), args, {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), endsAt - performance.now());
  let [saved, last] = [0, ''];
  try {
    for (;;) {
      const batch = await nextBatch(child);
      if (batch === undefined) return { saved, last, isWhole: false };
      await tables.environment.write(() => {
        for (const group of batch.groups) write(tables, group);
      });
      saved += batch.groups.length;
      last = batch.last ?? last;
      if (batch.ahead !== 'more') return { saved, last, isWhole: batch.ahead === 'end' };
    }
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
  }
}

/** `undefined` when the child is gone. */
function nextBatch(child: ChildProcess): Promise<SavedBatch | undefined> {
  return new Promise((resolve) => {
    const settle = (batch?: SavedBatch): void => {
      child.off('message', settle).off('exit', gone).off('error', gone);
      resolve(batch);
    };
    const gone = (): void => settle();
    child.once('message', settle).once('exit', gone).once('error', gone);
    if (child.connected) child.send('next', () => undefined);
    else gone();
  });
}

function write(tables: CatalogTables, { key, row, record, context }: SavedGroup): void {
  const ledger = new CatalogLedger(tables);
  const groupKey = Buffer.from(key);
  ledger.nameContext(groupKey, context as Context);
  if (ledger.source(record.digest) === undefined) ledger.putSource(record, row.lastUsed);
  ledger.putGroup(groupKey, { ...row, revision: ledger.change() });
  ledger.close();
}
