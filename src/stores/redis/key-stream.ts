// All image keys in order, though each shard has only its own: a merge that holds a page of every shard and no more.
import type { Context, ImageKey } from '../../kernel/image-key.js';
import { rangeCommand } from './group-index.js';
import { ALL_SHARDS, type Shard } from './key-layout.js';
import { readMany, type Session } from './session.js';

/** Keys of one shard that are held: 64 shards of 256 keys of at most 1 kB. */
const PAGE = 256;
const BATCH = 1_000;

interface Run {
  readonly shard: Shard;
  /** Ascending; what was fetched and not yet handed out. */
  held: Buffer[];
  /** Where to go on, as ZRANGEBYLEX has it; `undefined` at the end. */
  from: string | undefined;
}

/** Image keys ascending by their UTF-8 bytes, each once, in batches of at most 1000. */
export async function* streamKeys(session: Session, context?: Context): AsyncGenerator<readonly ImageKey[]> {
  const [head, first, to] =
    context === undefined ? ['K', '[K', '(L'] : [`C${context}\0`, `[C${context}\0`, `(C${context}\x01`];
  let runs: Run[] = ALL_SHARDS.map((shard) => ({ shard, held: [], from: first }));
  let batch: ImageKey[] = [];
  while (runs.length > 0) {
    await refill(session, runs, head.length, to, context === undefined);
    runs = runs.filter((run) => run.held.length > 0);
    for (const key of takeSafe(runs)) {
      batch.push(key.toString() as ImageKey);
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

/** Fetches the next page of every run that is more than half handed out. */
async function refill(
  session: Session,
  runs: readonly Run[],
  headLength: number,
  to: string,
  keyFirst: boolean,
): Promise<void> {
  const low = runs.filter((run) => run.from !== undefined && run.held.length < PAGE / 2);
  const pages = await readMany(
    session,
    low.map((run) => rangeCommand(session, run.shard, run.from ?? to, to, PAGE)),
  );
  for (const [at, run] of low.entries()) {
    const members = pages[at] as string[];
    for (const member of members) {
      const name = member.slice(headLength);
      run.held.push(Buffer.from(keyFirst ? name.slice(0, name.indexOf('\0')) : name));
    }
    run.from = members.length < PAGE ? undefined : `(${members.at(-1)}`;
  }
}

/** Takes out, in order, every key that none of the pages still to come can precede. */
function takeSafe(runs: readonly Run[]): Buffer[] {
  const ends = runs.filter((run) => run.from !== undefined).map((run) => run.held.at(-1) as Buffer);
  const bound = ends.toSorted(Buffer.compare)[0];
  const safe: Buffer[] = [];
  for (const run of runs) {
    const after = bound === undefined ? -1 : run.held.findIndex((key) => Buffer.compare(key, bound) > 0);
    safe.push(...run.held.splice(0, after < 0 ? run.held.length : after));
  }
  return safe.sort(Buffer.compare);
}
