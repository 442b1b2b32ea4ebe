// A disk tier that is only a copy of a farther one: files as in the embedded store, but bounded by itself, least recently
// used out first, and known to no catalog. What it loses is fetched again.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { type Digest, parseDigest } from '../../kernel/digest.js';
import { wantsRoom } from '../../kernel/errors.js';
import type { BlobKind, BlobStore } from '../../kernel/ports/blobs.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Logger } from '../../kernel/ports/logger.js';
import type { Metrics } from '../../kernel/ports/metrics.js';
import type { Amount } from '../../kernel/takedown/order.js';
import type { Slice } from '../../kernel/zoom/pyramid-index.js';
import { BlobFiles } from './blob-files.js';
import { BlobReader } from './blob-reads.js';
import { DiskSpace } from './disk-space.js';
import { FileBlobs } from './file-blobs.js';
import { GroupLock } from './group-lock.js';
import { ScratchDir } from './scratch-dir.js';
import { storageError } from './storage-errors.js';

/** What a file takes on disk beside its bytes: half a block on average, its inode and its share of the directory. */
const FILE_OVERHEAD_BYTES = 3_072;
/** Files removed between two looks at the free space. */
const REMOVED_AT_ONCE = 16;

/** The one group of those who share a cache. */
const EVERYBODY = '0'.repeat(12);

export interface DiskCacheOptions {
  /** Made when it is not there; belongs to this process alone. */
  readonly dir: string;
  readonly maxBytes: number;
  /** To stay free on the disk, at the cost of what was used longest ago; default 0, which leaves a full disk to others. */
  readonly minFreeBytes?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export class DiskCache implements BlobStore {
  readonly tier = 'disk';
  /** Every file of ours with its length, in the order of last use. */
  private readonly known: LRUCache<Digest, number>;
  private readonly scanning: Promise<void>;
  private readonly space: DiskSpace | undefined;
  private making: Promise<void> | undefined;
  private closed = false;

  private constructor(
    private readonly files: BlobFiles,
    private readonly blobs: FileBlobs,
    private readonly scratch: ScratchDir,
    private readonly lock: GroupLock,
    { maxBytes, minFreeBytes = 0, dir, logger }: DiskCacheOptions,
  ) {
    this.space = minFreeBytes > 0 ? new DiskSpace(dir, minFreeBytes) : undefined;
    this.known = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: (bytes) => bytes + FILE_OVERHEAD_BYTES,
      dispose: (_bytes, digest, reason) => {
        if (reason === 'evict') files.unlink(digest);
      },
    });
    this.scanning = this.scan().catch((error: unknown) => {
      logger.warn({ error }, 'the disk cache could not be looked through; files of earlier runs are not counted');
    });
  }

  /** Opens the cache; files of an earlier run are served at once, and counted as they are found. */
  static async open(options: DiskCacheOptions): Promise<DiskCache> {
    const { dir, maxBytes, clock, logger, metrics } = options;
    const files = new BlobFiles(join(dir, 'blobs'));
    // Whoever has this directory may have it beside others: the lock only tells who lives.
    const lock = await GroupLock.take(join(dir, 'in-use'), EVERYBODY);
    const scratch = await ScratchDir.open(join(dir, 'tmp'), lock);
    const blobs: FileBlobs = new FileBlobs({
      files,
      reader: new BlobReader(clock),
      clock,
      tmpDir: scratch.path,
      bytesOf: (digest) => cache.known.peek(digest),
      fsync: false,
      logger,
      metrics,
    });
    const cache = new DiskCache(files, blobs, scratch, lock, { ...options, maxBytes });
    return cache;
  }

  /** For unfinished files, on the same file system. */
  get tmpDir(): string {
    return this.scratch.path;
  }

  /** Bytes of all known files, with what they take beside their content. */
  usedBytes(): number {
    return this.known.calculatedSize;
  }

  async get(digest: Digest): Promise<Buffer | undefined> {
    const bytes = await this.blobs.get(digest);
    if (bytes === undefined) this.known.delete(digest);
    else this.note(digest, bytes.length);
    return bytes;
  }

  async slice(slice: Slice): Promise<Buffer | undefined> {
    const bytes = await this.blobs.slice(slice);
    if (bytes === undefined) this.known.delete(slice.of);
    // Used, if its file was found by now: its length only the whole file tells.
    else this.known.get(slice.of);
    return bytes;
  }

  sliceNow(slice: Slice): Buffer | undefined {
    const bytes = this.blobs.sliceNow(slice);
    if (bytes !== undefined) this.known.get(slice.of);
    return bytes;
  }

  async put(digest: Digest, bytes: Buffer, kind: BlobKind): Promise<void> {
    await this.withRoom(() => this.blobs.put(digest, bytes, kind));
    this.note(digest, bytes.length);
  }

  async putFile(digest: Digest, path: string, kind: BlobKind, hashed = false): Promise<void> {
    const { size } = await stat(path);
    await this.withRoom(() => this.blobs.putFile(digest, path, kind, hashed));
    this.note(digest, size);
  }

  async copyTo(digest: Digest, path: string): Promise<boolean> {
    const copied = await this.blobs.copyTo(digest, path);
    if (copied) this.known.get(digest);
    return copied;
  }

  has(digest: Digest): Promise<boolean> {
    return this.blobs.has(digest);
  }

  async delete(digest: Digest): Promise<void> {
    this.known.delete(digest);
    await this.blobs.delete(digest);
  }

  async dropCopies(digests: readonly Digest[] | 'all'): Promise<Amount> {
    // Until then it does not know what earlier runs have left.
    if (digests === 'all') await this.scanning;
    let [blobs, bytes] = [0, 0];
    for (const digest of digests === 'all' ? [...this.known.keys()] : digests) {
      const { size } = (await stat(this.files.pathOf(digest)).catch(() => undefined)) ?? {};
      await this.delete(digest);
      if (size === undefined) continue;
      blobs++;
      bytes += size;
    }
    return { blobs, bytes };
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.scanning;
    await this.blobs.close();
    this.scratch.close();
    this.lock.release();
  }

  /** A blob larger than the whole cache is not kept: lru-cache would keep no entry, so the file must go as well. */
  private note(digest: Digest, bytes: number): void {
    if (this.known.get(digest) === bytes) return;
    this.known.set(digest, bytes);
    if (!this.known.has(digest)) this.files.unlink(digest);
  }

  /** Whether less of the disk is free than is to be. */
  async isShortOfSpace(): Promise<boolean> {
    return this.space !== undefined && (await this.space.shortBy()) > 0;
  }

  /** Removes what was used longest ago until as much of the disk is free as is to be: a little of it at least. */
  makeRoom(): Promise<void> {
    this.making ??= this.removeOldest().finally(() => {
      this.making = undefined;
    });
    return this.making;
  }

  /** The same, where less of the disk is free than is to be; to be called now and then, for others write to it too. */
  async keepFree(): Promise<void> {
    if (await this.isShortOfSpace()) await this.makeRoom();
  }

  private async removeOldest(): Promise<void> {
    if (this.space === undefined) return;
    do {
      for (let n = 0; n < REMOVED_AT_ONCE; n++) {
        const [oldest] = this.known.rkeys();
        if (oldest === undefined) return;
        await this.delete(oldest);
      }
    } while (await this.isShortOfSpace());
  }

  /** Again after room was made, when the disk was full. */
  private async withRoom(store: () => Promise<void>): Promise<void> {
    try {
      await store();
    } catch (error) {
      if (this.space === undefined || !wantsRoom(storageError(error))) throw error;
      await this.makeRoom();
      await store();
    }
  }

  /** Counts what an earlier run left, directory by directory, behind whatever is used meanwhile. */
  private async scan(): Promise<void> {
    for await (const [digest, bytes] of this.filesOfEarlierRuns()) {
      if (this.closed) return;
      if (!this.known.has(digest)) this.note(digest, bytes);
    }
  }

  private async *filesOfEarlierRuns(): AsyncGenerator<[Digest, number]> {
    const { root } = this.files;
    for (const first of await namesIn(root)) {
      for (const second of await namesIn(join(root, first))) {
        for (const name of await namesIn(join(root, first, second))) {
          const digest = parseDigest(name);
          const file = digest && (await stat(join(root, first, second, name)).catch(() => undefined));
          if (digest && file?.isFile()) yield [digest, file.size];
        }
      }
    }
  }
}

async function namesIn(dir: string): Promise<string[]> {
  return readdir(dir).catch(() => []);
}
