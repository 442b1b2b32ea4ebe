// Finds blob files that no record ever named, which a crash between storing a blob and committing its record leaves behind.
import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, parseDigest } from '../../kernel/digest.js';
import type { AgingClock } from '../../kernel/ports/clock.js';
import type { Logger } from '../../kernel/ports/logger.js';
import type { BlobFiles } from './blob-files.js';
import type { LmdbCatalog } from './lmdb-catalog.js';
import { errnoOf, storageError } from './storage-errors.js';

/** Files looked at per call, and directories; about 10 ms of work, most of it waiting for the thread pool. */
const MAX_FILES = 2_000;
const MAX_DIRS = 256;

/** The two hex digits that a directory of blobs is named with, of which there are 256 at each of two levels. */
const HEX_PAIR = /^[0-9a-f]{2}$/;

export interface OrphanSweepOptions {
  readonly catalog: LmdbCatalog;
  readonly files: BlobFiles;
  readonly clock: AgingClock;
  readonly logger: Logger;
  /** A younger file may belong to a commit that is still to come. */
  readonly graceMs: number;
}

/** Goes on where its last call stopped, around and around. */
export class OrphanSweep {
  /** Directories still to be looked at in this round, last first; at most 65,536 short names. */
  private left: string[] = [];

  constructor(private readonly options: OrphanSweepOptions) {}

  /** Looks at the next files and removes orphans; resolves with how many. Files with other names are nobody's business. */
  async run(): Promise<number> {
    if (this.left.length === 0) this.left = await this.listDirs();
    let [removed, seen] = [0, 0];
    for (let dirs = 0; dirs < MAX_DIRS && seen < MAX_FILES; dirs++) {
      const dir = this.left.pop();
      if (dir === undefined) break;
      const names = await list(dir);
      if (names.length === 0) this.options.files.removeEmpty(dir);
      const digests = names.flatMap((name) => parseDigest(name) ?? []);
      seen += digests.length;
      const unknown = digests.filter((digest) => !this.options.catalog.isKnown(digest) && this.isOld(digest));
      // Looked at again in the transaction that unlinks them; nearly always there are none, and no transaction.
      if (unknown.length > 0)
        removed += await this.options.catalog.unlinkUnknown(unknown, (digest) => this.isOld(digest));
    }
    if (removed > 0) this.options.logger.info({ removed }, 'blobs that no record names were removed');
    return removed;
  }

  /** ctime, because linking or renaming a file into place changes it and nobody can set it back. */
  private isOld(digest: Digest): boolean {
    const stat = statSync(this.options.files.pathOf(digest), { throwIfNoEntry: false });
    return stat?.isFile() === true && this.options.clock.agesCountFrom() - stat.ctimeMs > this.options.graceMs;
  }

  private async listDirs(): Promise<string[]> {
    const { root } = this.options.files;
    const pairs = async (path: string): Promise<string[]> =>
      (await list(path)).filter((name) => HEX_PAIR.test(name)).map((name) => join(path, name));
    const dirs: string[] = [];
    for (const outer of await pairs(root)) dirs.push(...(await pairs(outer)));
    return dirs;
  }
}

async function list(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    // A directory that is unreadable, or gone meanwhile, or a file: not ours to judge.
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes(errnoOf(error) ?? '')) return [];
    throw storageError(error);
  }
}
