// The BlobStore port on files named by their digest: a complete file gets its name by one link or rename; checked on every read.
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fsync as fsyncOf, openSync, open as openWith, writeFileSync } from 'node:fs';
import { copyFile, type FileHandle, link, lstat, open, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Digest, digestOf } from '../../kernel/digest.js';
import { wrongDigest } from '../../kernel/errors.js';
import type { BlobKind, BlobStore } from '../../kernel/ports/blobs.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Logger } from '../../kernel/ports/logger.js';
import type { Metrics } from '../../kernel/ports/metrics.js';
import type { Slice } from '../../kernel/zoom/pyramid-index.js';
import { asideOf, type BlobFiles, hashFile, OPEN_FLAGS, openRegular, readSmallFile } from './blob-files.js';
import { BlobParts } from './blob-parts.js';
import type { BlobReader } from './blob-reads.js';
import { makeDirs } from './make-dirs.js';
import { errnoOf, storageError } from './storage-errors.js';

export interface FileBlobsOptions {
  readonly files: BlobFiles;
  readonly reader: BlobReader;
  readonly clock: Clock;
  /** A directory on the same file system for files that are being written; made when it is not there. */
  readonly tmpDir: string;
  /** The length of a blob if the catalog knows it: saves asking the file system. */
  readonly bytesOf: (digest: Digest) => number | undefined;
  /** Also survive a power cut: waits for the disk on every write. */
  readonly fsync: boolean;
  /** What is damaged gets another name beside its own instead of being removed: for what cannot be made again. */
  readonly setsAside?: boolean;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Files that are stored were written a moment ago and lie in the kernel's memory: up to here reading one at once, or writing it, takes
 * less time of this thread than four calls through the thread pool.
 */
const AT_ONCE_BYTES = 512 * 1024;

export class FileBlobs implements BlobStore {
  readonly tier = 'disk';

  private readonly parts: BlobParts;

  constructor(private readonly options: FileBlobsOptions) {
    this.parts = new BlobParts(options.reader, options.clock);
    options.files.onRemoved = (path) => this.parts.forget(path);
  }

  async get(digest: Digest): Promise<Buffer | undefined> {
    const { files, reader, bytesOf } = this.options;
    const path = files.pathOf(digest);
    let bytes: Buffer | undefined;
    try {
      bytes = await reader.read(path, bytesOf(digest));
    } catch (error) {
      const code = errnoOf(error) ?? '';
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      if (!UNREADABLE.has(code)) throw storageError(error);
    }
    if (bytes !== undefined && digestOf(bytes) === digest) return bytes;
    await this.discard(digest);
    return undefined;
  }

  async slice(slice: Slice): Promise<Buffer | undefined> {
    try {
      const found = await this.parts.read(this.options.files.pathOf(slice.of), slice);
      if (found !== 'damaged') return found;
    } catch (error) {
      const code = errnoOf(error) ?? '';
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      if (!UNREADABLE.has(code)) throw storageError(error);
    }
    await this.discard(slice.of);
    return undefined;
  }

  sliceNow(slice: Slice): Buffer | undefined {
    try {
      const found = this.parts.now(this.options.files.pathOf(slice.of), slice);
      return found === 'damaged' ? undefined : found;
    } catch {
      // `slice` meets the same, and sees to it.
      return undefined;
    }
  }

  async put(digest: Digest, bytes: Buffer, _kind: BlobKind): Promise<void> {
    if (digestOf(bytes) !== digest) throw wrongDigest();
    if (bytes.length <= AT_ONCE_BYTES) return this.putAtOnce(digest, bytes);
    await this.place(digest, (path) => writeNew(path, bytes, this.options.fsync));
  }

  /**
   * What is small goes to the kernel's memory sooner than a turn through the thread pool takes. Names are made and the disk is waited for
   * there: both may have to wait for the file system's journal.
   */
  private async putAtOnce(digest: Digest, bytes: Buffer): Promise<void> {
    const { files, tmpDir, fsync } = this.options;
    const temporary = join(tmpDir, `blob-${randomBytes(9).toString('base64url')}`);
    let file: number | undefined;
    try {
      file = await inMadeDir(tmpDir, () => openOf(temporary, 'wx', 0o666));
      writeFileSync(file, bytes);
      await files.inDir(digest, () => this.moveIn(temporary, digest));
      // Both at once, as in `putFile`.
      if (fsync) await Promise.all([flush(file), syncDir(files.dirOf(digest))]);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw storageError(error);
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  async putFile(digest: Digest, path: string, _kind: BlobKind, hashed = false): Promise<void> {
    const { files, fsync } = this.options;
    try {
      if (!hashed && (await digestOfFile(path)) !== digest) throw wrongDigest();
      // A link leaves the caller its file, and costs no copy. Where nothing is in the blob's place it is all there is to do.
      if (await files.inDir(digest, () => linked(path, files.pathOf(digest)))) {
        // Both at once: until they end nobody was told of the blob, and what a power cut leaves of it has another digest.
        if (fsync) await Promise.all([syncFile(path), syncDir(files.dirOf(digest))]);
        return;
      }
    } catch (error) {
      throw storageError(error);
    }
    const left = await this.place(digest, async (temporary) => {
      if (!(await linked(path, temporary)))
        await copyFile(path, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      if (fsync) await syncFile(temporary);
    });
    // Renaming a link onto another link of the same file does nothing (rename(2)): the same upload was stored before.
    await unlink(left).catch(() => undefined);
  }

  async prepareFile(path: string): Promise<void> {
    if (!this.options.fsync) return;
    // Again in `putFile`, where it costs nothing any more.
    await syncFile(path).catch((error: unknown) => {
      throw storageError(error);
    });
  }

  async copyTo(digest: Digest, path: string): Promise<boolean> {
    try {
      const opened = await openRegular(this.options.files.pathOf(digest));
      if (opened === undefined) return false;
      if (opened !== 'not-a-file') {
        try {
          if (await copyChecked(opened.file, digest, path)) return true;
        } finally {
          await opened.file.close();
        }
      }
      await this.discard(digest);
      return false;
    } catch (error) {
      throw storageError(error);
    }
  }

  async has(digest: Digest): Promise<boolean> {
    try {
      const stat = await lstat(this.options.files.pathOf(digest));
      return stat.isFile();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false;
      throw storageError(error);
    }
  }

  async delete(digest: Digest): Promise<void> {
    try {
      await unlink(this.options.files.pathOf(digest));
      this.parts.forget(this.options.files.pathOf(digest));
      this.options.files.removeEmpty(this.options.files.dirOf(digest));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') throw storageError(error);
    }
  }

  async close(): Promise<void> {
    this.parts.close();
  }

  /** Has `write` make a temporary file, and renames it to the blob's place. Resolves with the temporary path, free again. */
  private async place(digest: Digest, write: (path: string) => Promise<void>): Promise<string> {
    const { files, tmpDir, fsync } = this.options;
    const temporary = join(tmpDir, `blob-${randomBytes(9).toString('base64url')}`);
    try {
      try {
        await write(temporary);
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error;
        makeDirs(tmpDir);
        await write(temporary);
      }
      await files.inDir(digest, () => this.moveIn(temporary, digest));
      if (fsync) await syncDir(files.dirOf(digest));
      return temporary;
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw storageError(error);
    }
  }

  private async moveIn(temporary: string, digest: Digest): Promise<void> {
    const path = this.options.files.pathOf(digest);
    try {
      await rename(temporary, path);
    } catch (error) {
      if (errnoOf(error) !== 'EISDIR') throw error;
      await this.discard(digest);
      await rename(temporary, path);
    } finally {
      this.parts.forget(path);
    }
  }

  /** Takes what lies in the blob's place out of the way: it is not the blob. */
  async discard(digest: Digest): Promise<void> {
    const { files, tmpDir, setsAside = false, logger, metrics } = this.options;
    metrics.count('damaged_blobs_total', { tier: this.tier });
    if (setsAside)
      logger.error({ digest }, 'a damaged original was found on disk and set aside; restore it from a backup');
    else logger.warn({ digest }, 'a damaged blob was found on disk and removed');
    const path = files.pathOf(digest);
    this.parts.forget(path);
    try {
      if (setsAside) await rename(path, asideOf(path));
      else await unlink(path);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return;
      // A directory: nothing that we made, so nothing that we empty; out of the way, until the next start at the longest.
      await rename(path, join(tmpDir, `not-a-blob-${randomBytes(9).toString('base64url')}`)).catch((cause: unknown) => {
        logger.error({ error: cause, digest }, 'a damaged blob could not be removed');
      });
    }
  }
}

/** What stands in a blob's place cannot be read as a file, or the disk cannot read it. */
const UNREADABLE = new Set(['EISDIR', 'ELOOP', 'ENXIO', 'EAGAIN', 'ESPIPE', 'EIO', 'EINVAL', 'EACCES', 'EPERM']);
/** The name is taken; other file system, no hard links there, or too many of this file. */
const NOT_LINKABLE = new Set(['EEXIST', 'EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS', 'EACCES']);

async function writeNew(path: string, bytes: Buffer, fsync: boolean): Promise<void> {
  if (!fsync) return writeFile(path, bytes, { flag: 'wx' });
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function copyChecked(file: FileHandle, digest: Digest, path: string): Promise<boolean> {
  const copy = await open(path, 'wx');
  let right = false;
  try {
    right = (await hashFile(file, copy)) === digest;
  } finally {
    await copy.close();
    if (!right) await rm(path, { force: true });
  }
  return right;
}

/** Whether `path` got the second name `name`; not where it is taken, or links are not to be had. */
async function linked(path: string, name: string): Promise<boolean> {
  try {
    await link(path, name);
    return true;
  } catch (error) {
    if (NOT_LINKABLE.has(errnoOf(error) ?? '')) return false;
    throw error;
  }
}

/** The digest of the regular file at `path`. */
async function digestOfFile(path: string): Promise<Digest> {
  const small = readSmallFile(path, AT_ONCE_BYTES);
  if (small) return digestOf(small);
  const file = await open(path, OPEN_FLAGS);
  try {
    return await hashFile(file);
  } finally {
    await file.close();
  }
}

/** Has a name in the directory survive a power cut, unless somebody has removed it again, and the directory as an empty one with it. */
async function syncDir(path: string): Promise<void> {
  await syncFile(path).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
}

const flush = promisify(fsyncOf);
/** A number, which takes less than a handle. */
const openOf = promisify(openWith);

/** Runs `open`, which makes a file in `dir`; makes the directory when it is not there (any more). */
async function inMadeDir<T>(dir: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    makeDirs(dir);
    return open();
  }
}

/**
 * Waits until the disk has a file's bytes, or a directory's names. It was written to a moment ago, so that its name is in the kernel's
 * memory: opened and closed at once, which takes less than two turns through the thread pool.
 */
async function syncFile(path: string): Promise<void> {
  const file = openSync(path, OPEN_FLAGS);
  try {
    await flush(file);
  } finally {
    closeSync(file);
  }
}
