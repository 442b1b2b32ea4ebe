// The tombstones of a backup: which contents were blocked when it was made, a line each behind one with their digest. Without them a restore
// would show again what was taken down.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../../kernel/digest.js';
import type { Takedowns } from '../../../kernel/ports/takedowns.js';
import { NOTHING } from '../../../kernel/takedown/order.js';
import { isInForce, MAX_TOMBSTONES, type Tombstone } from '../../../kernel/takedown/tombstone.js';
import { LmdbTakedowns } from '../lmdb-takedowns.js';
import { DataDirError } from '../storage-errors.js';

const FILE = 'tombstones.jsonl';

/** Writes down what is blocked in `dataDir`, which may be in use. Resolves with how many; then it survives a power cut. */
export async function backUpTombstones(dataDir: string, to: string, now = Date.now()): Promise<number> {
  const stones = existsSync(join(dataDir, 'takedowns', 'data.mdb'))
    ? await withTakedowns(dataDir, (takedowns) => takedowns.tombstones(MAX_TOMBSTONES))
    : [];
  const inForce = stones.filter((stone) => isInForce(stone, now));
  const lines = inForce.map((stone) => `${JSON.stringify(stone)}\n`).join('');
  const fresh = join(to, `${FILE}.new`);
  await rm(fresh, { force: true });
  const file = await open(fresh, 'wx');
  try {
    await file.writeFile(`${digestOf(Buffer.from(lines))}\n${lines}`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, join(to, FILE));
  return inForce.length;
}

/** `undefined` of a backup of a version that wrote none. Throws `DataDirError` for a list that is damaged: nobody can tell what it held. */
export async function tombstonesOf(backup: string): Promise<readonly Tombstone[] | undefined> {
  const path = join(backup, FILE);
  if (!existsSync(path)) return undefined;
  const text = await readFile(path, 'utf8');
  const end = text.indexOf('\n') + 1;
  const lines = text.slice(end);
  if (end === 0 || text.slice(0, end - 1) !== digestOf(Buffer.from(lines)))
    throw new DataDirError(
      `${path} is damaged: it says what was taken down, and must not come back; back up once more`,
    );
  // Written by `backUpTombstones`, as its digest says.
  return lines.split('\n').flatMap((line) => (line === '' ? [] : (JSON.parse(line) as Tombstone)));
}

/** Blocks in `dataDir` what the backup says was blocked, beside what is blocked there. Resolves with how many of the backup are in force. */
export async function restoreTombstones(
  stones: readonly Tombstone[],
  dataDir: string,
  now = Date.now(),
): Promise<number> {
  const inForce = stones.filter((stone) => isInForce(stone, now));
  if (inForce.length === 0) return 0;
  await withTakedowns(dataDir, async (takedowns) => {
    await takedowns.block(inForce, now);
    // In the log, so that a process that is there hears of it.
    await takedowns.append({
      ...{ id: `tkd_${randomBytes(16).toString('hex')}`, at: now, by: 'restore', reason: 'restored from a backup' },
      ...{ groups: 0, named: [], stillNamed: 0, derivatives: 0, blobs: [], surrogateKeys: [] },
      ...{ lasting: { tier: 'disk', ...NOTHING }, blocked: inForce.map(({ content }) => content) },
    });
  });
  return inForce.length;
}

async function withTakedowns<T>(dataDir: string, work: (takedowns: Takedowns) => Promise<T>): Promise<T> {
  const takedowns = LmdbTakedowns.open(dataDir);
  try {
    return await work(takedowns);
  } finally {
    await takedowns.close();
  }
}
