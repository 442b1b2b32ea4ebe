// Where blob files lie and how they are opened: names come from digests alone, and nothing but a regular file is read.

import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync, rmdirSync, statSync, unlinkSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Digest, parseDigest } from '../../kernel/digest.js';
import { releaseMemory } from '../../kernel/release-memory.js';
import { makeDirs } from './make-dirs.js';
import { errnoOf } from './storage-errors.js';

/** No symbolic link is followed, and a FIFO in a blob's place does not hold the opener. */
export const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const COPY_BYTES = 256 * 1024;
/** A directory that was made for a file may be removed as an empty one before the file is in it. */
const MOST_TRIES = 20;

export class BlobFiles {
  /** Told of every path that is removed here: whoever has its file open closes it. */
  onRemoved: (path: string) => void = () => undefined;

  constructor(readonly root: string) {}

  dirOf(digest: Digest): string {
    return join(this.root, digest.slice(0, 2), digest.slice(2, 4));
  }

  /** Throws where the digest is none, whoever said it was: it would be a path to anywhere. */
  pathOf(digest: Digest): string {
    if (parseDigest(digest) === undefined)
      throw new Error('expected a blob named by 64 hex characters, got another name');
    return join(this.dirOf(digest), digest);
  }

  /** Runs `place`, which puts a file into the blob's directory; makes the directory when it is not there (any more). */
  async inDir<T>(digest: Digest, place: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await place();
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT' || tries === MOST_TRIES) throw error;
      }
      makeDirs(this.dirOf(digest));
    }
  }

  /** Blocks for a system call: about 3 µs. */
  isStored(digest: Digest, bytes: number): boolean {
    const stat = statSync(this.pathOf(digest), { throwIfNoEntry: false });
    return stat?.isFile() === true && stat.size === bytes;
  }

  /** Blocks for two or three system calls: about 20 to 50 µs. */
  unlink(digest: Digest): boolean {
    const path = this.pathOf(digest);
    const isGone = isUnlinked(path);
    this.onRemoved(path);
    this.removeEmpty(this.dirOf(digest));
    return isGone;
  }

  /** The same, with what was set aside of it. */
  unlinkWithDamaged(digest: Digest): boolean {
    const path = this.pathOf(digest);
    const areGone = isUnlinked(asideOf(path)) && isUnlinked(path);
    this.onRemoved(path);
    this.removeEmpty(this.dirOf(digest));
    return areGone;
  }

  /** Removes `dir`, which is one of the blobs', if nothing is in it, and then the one above it: a disk has so many files and directories. */
  removeEmpty(dir: string): void {
    try {
      rmdirSync(dir);
      rmdirSync(dirname(dir));
    } catch {
      // Others are in it, or it is gone.
    }
  }
}

/** The name of what was found damaged at `path`: the latest of it. */
export function asideOf(path: string): string {
  return `${path}.damaged`;
}

function isUnlinked(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    return errnoOf(error) === 'ENOENT';
  }
}

/** The file at `path` for reading, which is a regular one; `undefined` when there is none. */
export async function openRegular(
  path: string,
): Promise<{ file: FileHandle; bytes: number } | 'not-a-file' | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, OPEN_FLAGS);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    // ELOOP: a symbolic link; ENXIO: a socket.
    if (errnoOf(error) === 'ELOOP' || errnoOf(error) === 'ENXIO') return 'not-a-file';
    throw error;
  }
  const stat = await file.stat();
  if (stat.isFile()) return { file, bytes: stat.size };
  await file.close();
  return 'not-a-file';
}

/** The bytes of the regular file at `path`, read at once; `undefined` when it has more than `maxBytes`. */
export function readSmallFile(path: string, maxBytes: number): Buffer | undefined {
  const file = openSync(path, OPEN_FLAGS);
  try {
    return fstatSync(file).size <= maxBytes ? readFileSync(file) : undefined;
  } finally {
    closeSync(file);
  }
}

/** Reads `file` to its end and gives its digest; writes what it reads to `copy`, when there is one. */
export async function hashFile(file: FileHandle, copy?: FileHandle): Promise<Digest> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafeSlow(COPY_BYTES);
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, COPY_BYTES);
      // SHA-256 in lower-case hex is what a digest is.
      if (bytesRead === 0) return hash.digest('hex') as Digest;
      hash.update(buffer.subarray(0, bytesRead));
      for (let written = 0; copy !== undefined && written < bytesRead; )
        written += (await copy.write(buffer, written, bytesRead - written)).bytesWritten;
    }
  } finally {
    releaseMemory(buffer);
  }
}
