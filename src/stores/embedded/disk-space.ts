// How much of the file system is free, bytes and files, and a reserve on it: files are removed by writing to the catalog, and a disk that
// is full to its last block has no room for that either.
import { randomBytes } from 'node:crypto';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Never more than this share of the file system is kept free, however small it is. */
const MAX_FREE_SHARE = 0.05;
/** Of the files that a file system can hold, where their number is fixed, as many are kept free. */
const MIN_FREE_FILES = 10_000;
/** Some hundred pages of the catalog. */
const RESERVE_BYTES = 2 << 20;

export class DiskSpace {
  private readonly reserve: string;
  private reserving: Promise<void> | undefined;

  /** `dir`: on the file system, and there. `minFreeBytes`: to be kept free; 0 or more. */
  constructor(
    private readonly dir: string,
    private readonly minFreeBytes: number,
  ) {
    this.reserve = join(dir, 'reserve');
  }

  /** Bytes that are missing until as much is free as is to be; 0: enough is. A file that cannot be made is missing like a block. */
  async shortBy(): Promise<number> {
    const { bavail, blocks, bsize, files, ffree } = await statfs(this.dir);
    const bytes = Math.min(this.minFreeBytes, blocks * bsize * MAX_FREE_SHARE) - bavail * bsize;
    // 0 of 0 where files are made as they are needed.
    const fileCount = Math.min(MIN_FREE_FILES, files * MAX_FREE_SHARE) - ffree;
    return Math.max(0, bytes, fileCount * bsize);
  }

  /** Sets the reserve aside, where half of what is to be free has room for it. */
  async setAside(): Promise<void> {
    this.reserving ??= this.write().finally(() => {
      this.reserving = undefined;
    });
    await this.reserving;
  }

  /** Gives the reserve back to the file system. */
  async giveBack(): Promise<void> {
    await this.reserving;
    await rm(this.reserve, { force: true });
  }

  private async write(): Promise<void> {
    const { blocks, bsize } = await statfs(this.dir);
    const bytes = Math.floor(Math.min(RESERVE_BYTES, this.minFreeBytes / 2, (blocks * bsize * MAX_FREE_SHARE) / 2));
    if (bytes === 0 || (await this.shortBy()) > 0) return;
    // Random bytes, which no file system stores as a hole.
    await writeFile(this.reserve, randomBytes(bytes), { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
      // Another process's, or no room: then there is none.
      if (error.code !== 'EEXIST') return rm(this.reserve, { force: true });
    });
  }
}
