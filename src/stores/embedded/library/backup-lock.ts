// Who has a backup in hand. One process at a time writes to its directory, and nobody reads it meanwhile: the records of a backup change
// their names, and originals go that its reader still looks for. Held by names in the directory (see group-lock.ts), so what a process
// left that was killed keeps nobody away.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { GroupLock, HeldByOthers } from '../group-lock.js';
import { errnoOf } from '../storage-errors.js';

const LOCK = 'backup-in-use';
/** Of one group, so they share the lock; everybody who writes is a group of its own. */
const READERS = '0'.repeat(12);
/** File systems that know no sockets (SMB, exFAT), or that are not written to: there nobody can be told, as it was before there was a lock. */
const HOLDS_NO_NAMES: ReadonlySet<string> = new Set(['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'EINVAL', 'ENOSYS']);
const READ_ONLY: ReadonlySet<string> = new Set(['EACCES', 'EROFS']);

/** Another process has the backup in hand; nothing was changed, and it can be tried again. */
export class BackupBusy extends Error {
  override readonly name = 'BackupBusy';
}

/** Runs `work`, which writes to the existing directory `dir` alone: `as` says what of. Throws `BackupBusy`. */
export function writing<T>(dir: string, as: 'writing a backup' | 'restoring a backup', work: () => Promise<T>) {
  return holding(dir, { group: randomBytes(6).toString('hex'), as, isFree: HOLDS_NO_NAMES }, work);
}

/** Runs `work`, which reads the backup in the existing directory `dir` as others may do too. Throws `BackupBusy`. */
export function reading<T>(dir: string, work: () => Promise<T>): Promise<T> {
  // Who may not write there reads all the same.
  const isFree = new Set([...HOLDS_NO_NAMES, ...READ_ONLY]);
  return holding(dir, { group: READERS, as: 'writing a backup', isFree }, work);
}

interface Hold {
  readonly group: string;
  /** What those do that keep others away. */
  readonly as: string;
  /** Codes of errors that say that nobody can hold anything there. */
  readonly isFree: ReadonlySet<string>;
}

async function holding<T>(dir: string, hold: Hold, work: () => Promise<T>): Promise<T> {
  const lock = await take(dir, hold);
  try {
    return await work();
  } finally {
    lock?.release();
  }
}

async function take(dir: string, { group, as, isFree }: Hold): Promise<GroupLock | undefined> {
  try {
    return await GroupLock.take(join(dir, LOCK), group);
  } catch (error) {
    if (isFree.has(errnoOf(error) ?? '')) return undefined;
    if (!(error instanceof HeldByOthers)) throw error;
    const areReaders = error.holders.every((holder) => holder.group === READERS);
    const processes = error.holders.map(({ pid }) => pid).join(', ');
    throw new BackupBusy(
      `another process is ${areReaders ? 'reading the backup in' : `${as} to`} ${dir} (${processes}): nothing was done; try again when it has ended`,
    );
  }
}
