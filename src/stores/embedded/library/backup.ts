// A copy of the library while it is in use, and the way back. The records are copied as of one commit; then every original that they
// name, so that what was begun since is not in it, and nothing in it is without its bytes.
import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Digest } from '../../../kernel/digest.js';
import { BlobFiles, hashFile, openRegular } from '../blob-files.js';
import { keysFrom, LmdbEnvironment, readRow } from '../lmdb-environment.js';
import { makeDirs } from '../make-dirs.js';
import { DataDirError } from '../storage-errors.js';
import { digestOfKey, FIRST_KEY, keyAfter } from './library-keys.js';
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
  /** Originals that could not be read, or that are not what their name says. */
  readonly damaged: readonly Digest[];
}

export type CopyProgress = (copied: number) => void;

/** Where the library lies in a data directory. */
export function libraryDir(dataDir: string): string {
  return join(dataDir, 'library');
}

/**
 * Copies the library in `dataDir`, which may be in use by processes of this machine, to `to`. What is there of an earlier backup is
 * built on: of originals only those are copied that are not there yet.
 */
export async function backUp(dataDir: string, to: string, progress: CopyProgress = () => undefined): Promise<Copied> {
  const from = libraryDir(dataDir);
  if (!existsSync(join(from, RECORDS, 'data.mdb')))
    throw new DataDirError(`expected a library in ${dataDir}, got none: there is nothing to back up`);
  makeDirs(to);
  const live = LmdbEnvironment.open(join(from, RECORDS), 'consistent');
  const fresh = join(to, `${RECORDS}.new`);
  try {
    for (let turn = 1; ; turn++) {
      await rm(fresh, { recursive: true, force: true });
      await mkdir(fresh);
      await live.copyTo(fresh);
      const copied = await copyOriginals(fresh, join(from, ORIGINALS), join(to, ORIGINALS), progress);
      if (copied.damaged.length > 0 && turn < MAX_TURNS) continue;
      // Only now: until then the earlier backup is whole.
      await rm(join(to, RECORDS), { recursive: true, force: true });
      await rename(fresh, join(to, RECORDS));
      return copied;
    }
  } finally {
    await live.close();
  }
}

/** Puts the backup in `from` into `dataDir`, which must have no library. */
export async function restore(
  from: string,
  dataDir: string,
  progress: CopyProgress = () => undefined,
): Promise<Copied> {
  const to = libraryDir(dataDir);
  if (!existsSync(join(from, RECORDS, 'data.mdb')))
    throw new DataDirError(`expected a backup of a library in ${from}, got none`);
  if (existsSync(join(to, RECORDS)))
    throw new DataDirError(`expected a data directory without a library, got one in ${to}: move it away first`);
  const fresh = join(to, `${RECORDS}.new`);
  await rm(fresh, { recursive: true, force: true });
  makeDirs(fresh);
  const backup = LmdbEnvironment.open(join(from, RECORDS), 'consistent');
  try {
    await backup.copyTo(fresh);
  } finally {
    await backup.close();
  }
  const copied = await copyOriginals(fresh, join(from, ORIGINALS), join(to, ORIGINALS), progress);
  // Last, so that a restore that was interrupted can be begun again.
  await rename(fresh, join(to, RECORDS));
  return copied;
}

async function copyOriginals(records: string, fromDir: string, toDir: string, progress: CopyProgress): Promise<Copied> {
  const [from, to] = [new BlobFiles(fromDir), new BlobFiles(toDir)];
  let [originals, copied] = [0, 0];
  const damaged: Digest[] = [];
  for await (const { digest, bytes } of namedIn(records)) {
    originals++;
    if (to.isStored(digest, bytes)) continue;
    if (await copyOne(digest, from, to)) progress(++copied);
    else damaged.push(digest);
  }
  return { originals, copied, damaged };
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

/** `false` when it is not there, or is not what its name says. */
async function copyOne(digest: Digest, from: BlobFiles, to: BlobFiles): Promise<boolean> {
  const opened = await openRegular(from.pathOf(digest));
  if (opened === undefined || opened === 'not-a-file') return false;
  const path = to.pathOf(digest);
  const temporary = `${path}.new`;
  try {
    await mkdir(dirname(path), { recursive: true });
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
