// A copy of the library while it is in use, the way back, and whether a copy is whole. The records are copied as of one commit; then
// every original that they name, and what is blocked, so that what was begun since is not in it, and nothing in it is without its bytes.
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Digest, parseDigest } from '../../../kernel/digest.js';
import { BlobFiles, hashFile, openRegular } from '../blob-files.js';
import { keysFrom, LmdbEnvironment, readRow } from '../lmdb-environment.js';
import { makeDirs } from '../make-dirs.js';
import { DataDirError } from '../storage-errors.js';
import { contextsOf } from './backup-contexts.js';
import { reading, writing } from './backup-lock.js';
import { backUpTombstones, restoreTombstones, tombstonesOf } from './backup-tombstones.js';
import { digestKey, digestOfKey, FIRST_KEY, keyAfter } from './library-keys.js';
import { decodeJson, type OriginalRow } from './library-rows.js';

const RECORDS = 'records';
const ORIGINALS = 'originals';
const BATCH = 1_000;
/** Originals that were erased while they were copied: then the records are copied again, at most so often. */
const MAX_TURNS = 3;

export interface Copied {
  /** Originals that the records name. */
  readonly originals: number;
  /** Of these, copied now; the others were there already. */
  readonly copied: number;
  /** Originals of an earlier backup that nothing names any more, removed from this one. */
  readonly removed: number;
  /** Whose assets the records name. */
  readonly contexts: readonly string[];
  /** Contents that are blocked by it; `undefined`: it was made by a version that told none. */
  readonly tombstones: number | undefined;
  /** Originals that could not be read, or that are not what their name says. */
  readonly damaged: readonly Digest[];
}

export interface Verified {
  /** Originals that the records name. */
  readonly originals: number;
  /** Of these, absent or not what their name says. */
  readonly damaged: readonly Digest[];
}

export type CopyProgress = (copied: number) => void;

/** Where the library lies in a data directory. */
export function libraryDir(dataDir: string): string {
  return join(dataDir, 'library');
}

/**
 * Copies the library in `dataDir`, which may be in use by processes of this machine, to `to`. What is there of an earlier backup is
 * built on: of originals only those are copied that are not there yet, and those go that were erased since. Resolved, it survives a
 * power cut; ended at any moment, what `to` has is one of the two backups, whole. Throws `BackupBusy` while another process writes or
 * reads a backup there.
 */
export async function backUp(dataDir: string, to: string, progress: CopyProgress = () => undefined): Promise<Copied> {
  if (!existsSync(join(libraryDir(dataDir), RECORDS, 'data.mdb')))
    throw new DataDirError(`expected a library in ${dataDir}, got none: there is nothing to back up`);
  makeDirs(to);
  return writing(to, 'writing a backup', () => backUpAlone(dataDir, to, progress));
}

async function backUpAlone(dataDir: string, to: string, progress: CopyProgress): Promise<Copied> {
  const from = libraryDir(dataDir);
  await endReplacing(to);
  const live = LmdbEnvironment.open(join(from, RECORDS), 'consistent');
  const fresh = join(to, `${RECORDS}.new`);
  try {
    for (let turn = 1; ; turn++) {
      await copyRecords(live, fresh);
      const copied = await copyOriginals(fresh, join(from, ORIGINALS), join(to, ORIGINALS), progress);
      if (copied.damaged.length > 0 && turn < MAX_TURNS) continue;
      // Before the records: what was blocked is never shown by a backup that was interrupted here.
      const tombstones = await backUpTombstones(dataDir, to);
      await replaceRecords(to);
      // Only now: until then the earlier backup was whole, and named them.
      const removed = await removeUnnamed(join(to, RECORDS), join(to, ORIGINALS));
      return { ...copied, tombstones, removed, contexts: await contextsOf(join(to, RECORDS)) };
    }
  } finally {
    await live.close();
  }
}

/**
 * Puts the backup in `from` into `dataDir`, which must have no library. What was blocked when it was made is blocked again, beside what is
 * blocked in `dataDir`. Throws `BackupBusy` while another process writes the backup, or restores one there.
 */
export async function restore(
  from: string,
  dataDir: string,
  progress: CopyProgress = () => undefined,
): Promise<Copied> {
  const to = libraryDir(dataDir);
  return readingBackup(from, async (records) => {
    const stones = await tombstonesOf(from);
    makeDirs(to);
    return writing(to, 'restoring a backup', () => restoreAlone({ from, records, stones }, dataDir, progress));
  });
}

interface Backup {
  readonly from: string;
  readonly records: string;
  readonly stones: Awaited<ReturnType<typeof tombstonesOf>>;
}

async function restoreAlone({ from, records, stones }: Backup, dataDir: string, progress: CopyProgress) {
  const to = libraryDir(dataDir);
  if (existsSync(join(to, RECORDS)))
    throw new DataDirError(`expected a data directory without a library, got one in ${to}: move it away first`);
  const fresh = join(to, `${RECORDS}.new`);
  const backup = LmdbEnvironment.open(records, 'consistent');
  try {
    await copyRecords(backup, fresh);
  } finally {
    await backup.close();
  }
  const copied = await copyOriginals(fresh, join(from, ORIGINALS), join(to, ORIGINALS), progress);
  const tombstones = stones && (await restoreTombstones(stones, dataDir));
  const contexts = await contextsOf(fresh);
  // Last, so that a restore that was interrupted can be begun again.
  await rename(fresh, join(to, RECORDS));
  await syncPath(to);
  return { ...copied, tombstones, removed: 0, contexts };
}

/**
 * Reads a backup as a whole: its records, every original that they name, and what is blocked. Throws `DataDirError` where the last is
 * damaged, `BackupBusy` while another process writes it.
 */
export function verify(from: string, progress: CopyProgress = () => undefined): Promise<Verified> {
  return readingBackup(from, async (records) => {
    const verified = await verifyOriginals(records, join(from, ORIGINALS), progress);
    await tombstonesOf(from);
    return verified;
  });
}

/** The same of the library in `dataDir`, which may be in use by processes of this machine; `undefined` where there is none. */
export async function verifyLibrary(
  dataDir: string,
  progress: CopyProgress = () => undefined,
): Promise<Verified | undefined> {
  const records = join(libraryDir(dataDir), RECORDS);
  if (!existsSync(join(records, 'data.mdb'))) return undefined;
  const { originals, damaged } = await verifyOriginals(records, join(libraryDir(dataDir), ORIGINALS), progress);
  if (damaged.length === 0) return { originals, damaged };
  // One that was erased while others were read is missed by nobody.
  const named = new Set<Digest>();
  for await (const { digest } of namedIn(records)) named.add(digest);
  return { originals, damaged: damaged.filter((digest) => named.has(digest)) };
}

async function verifyOriginals(records: string, dir: string, progress: CopyProgress): Promise<Verified> {
  const files = new BlobFiles(dir);
  const damaged: Digest[] = [];
  let originals = 0;
  for await (const { digest, bytes } of namedIn(records)) {
    if (!(await isWhole(files, digest, bytes))) damaged.push(digest);
    progress(++originals);
  }
  return { originals, damaged };
}

/** Runs `work` with the records of a backup, which nobody writes meanwhile. */
async function readingBackup<T>(backup: string, work: (records: string) => Promise<T>): Promise<T> {
  const read = async () => work(await recordsOf(backup));
  // Without a directory there is nothing to hold, and none is made for that.
  return existsSync(backup) ? reading(backup, read) : read();
}

/** The records of a backup, be it one that was ended while they were replaced. Throws `DataDirError` when there are none. */
async function recordsOf(backup: string): Promise<string> {
  await endReplacing(backup);
  const records = join(backup, RECORDS);
  if (existsSync(join(records, 'data.mdb'))) return records;
  throw new DataDirError(`expected a backup of a library in ${backup}, got none`);
}

/** New records take the place of the old ones, which stay until then: two names change, so there is a moment between. */
async function replaceRecords(to: string): Promise<void> {
  const [current, old] = [join(to, RECORDS), join(to, `${RECORDS}.old`)];
  if (existsSync(current)) await rename(current, old);
  await rename(join(to, `${RECORDS}.new`), current);
  await syncPath(to);
  await rm(old, { recursive: true, force: true });
}

/** Puts the old records back where the new ones did not come, and removes them where they did. */
async function endReplacing(to: string): Promise<void> {
  const [current, old] = [join(to, RECORDS), join(to, `${RECORDS}.old`)];
  if (!existsSync(old)) return;
  if (existsSync(current)) await rm(old, { recursive: true, force: true });
  else await rename(old, current);
  await syncPath(to);
}

async function copyRecords(from: LmdbEnvironment, fresh: string): Promise<void> {
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh);
  await from.copyTo(fresh);
  await syncPath(join(fresh, 'data.mdb'));
  await syncPath(fresh);
}

async function copyOriginals(
  records: string,
  fromDir: string,
  toDir: string,
  progress: CopyProgress,
): Promise<Omit<Copied, 'removed' | 'tombstones' | 'contexts'>> {
  const [from, to] = [new BlobFiles(fromDir), new BlobFiles(toDir)];
  let [originals, copied] = [0, 0];
  const damaged: Digest[] = [];
  const changedDirs = new Set<string>();
  for await (const { digest, bytes } of namedIn(records)) {
    originals++;
    if (to.isStored(digest, bytes)) continue;
    if (await copyOne(digest, from, to)) {
      changedDirs.add(to.dirOf(digest));
      progress(++copied);
    } else damaged.push(digest);
  }
  // The files were synced one by one; their names are, a directory each, at the end. There are 65,536 of them at most.
  for (const dir of changedDirs) await syncPath(dir);
  for (const dir of new Set([...changedDirs].map((path) => dirname(path)))) await syncPath(dir);
  if (changedDirs.size > 0) await syncPath(toDir);
  return { originals, copied, damaged };
}

/** Removes the originals that the records do not name; what is no original is left alone. Resolves with how many. */
async function removeUnnamed(records: string, dir: string): Promise<number> {
  const files = new BlobFiles(dir);
  const environment = LmdbEnvironment.open(records, 'consistent');
  let removed = 0;
  try {
    const table = environment.table('originals');
    for (const first of await entriesOf(dir))
      for (const second of await entriesOf(join(dir, first)))
        for (const name of await entriesOf(join(dir, first, second))) {
          // What a copy that was killed has left.
          if (/^[0-9a-f]{64}\.new$/.test(name)) await rm(join(dir, first, second, name), { force: true });
          const digest = parseDigest(name);
          const row = digest && readRow(table, digestKey(digest), (bytes) => decodeJson<OriginalRow>(bytes));
          if (digest !== undefined && !(row && row.refs > 0) && files.unlink(digest)) removed++;
        }
    return removed;
  } finally {
    await environment.close();
  }
}

async function entriesOf(dir: string): Promise<readonly string[]> {
  return existsSync(dir) ? readdir(dir) : [];
}

/** The originals that the records in the directory name. */
async function* namedIn(records: string): AsyncGenerator<{ readonly digest: Digest; readonly bytes: number }> {
  const environment = LmdbEnvironment.open(records, 'consistent');
  try {
    const table = environment.table('originals');
    for (let start: Buffer = FIRST_KEY; ; ) {
      const keys = keysFrom(table, start, undefined, BATCH);
      for (const key of keys) {
        const row = readRow(table, key, (bytes) => decodeJson<OriginalRow>(bytes));
        if (row !== undefined && row.refs > 0) yield { digest: digestOfKey(key), bytes: row.bytes };
      }
      const last = keys.at(-1);
      if (last === undefined || keys.length < BATCH) return;
      start = keyAfter(last);
    }
  } finally {
    await environment.close();
  }
}

async function isWhole(files: BlobFiles, digest: Digest, bytes: number): Promise<boolean> {
  const opened = await openRegular(files.pathOf(digest));
  if (opened === undefined || opened === 'not-a-file') return false;
  try {
    return opened.bytes === bytes && (await hashFile(opened.file)) === digest;
  } finally {
    await opened.file.close();
  }
}

/** `false` when it is not there, or is not what its name says. */
async function copyOne(digest: Digest, from: BlobFiles, to: BlobFiles): Promise<boolean> {
  const opened = await openRegular(from.pathOf(digest));
  if (opened === undefined || opened === 'not-a-file') return false;
  const path = to.pathOf(digest);
  const temporary = `${path}.new`;
  try {
    makeDirs(dirname(path));
    await rm(temporary, { force: true });
    const copy = await open(temporary, 'wx');
    try {
      if ((await hashFile(opened.file, copy)) !== digest) return false;
      await copy.sync();
    } finally {
      await copy.close();
    }
    await rename(temporary, path);
    return true;
  } finally {
    await opened.file.close();
    await rm(temporary, { force: true });
  }
}

/** Waits until the disk has a file's bytes, or a directory's names. */
async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
