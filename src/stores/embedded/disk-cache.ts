// A disk tier that is only a copy of a farther one: files as in the embedded store, but bounded by itself, least recently
// used out first, and known to no catalog. What it loses is fetched again.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { type Digest, parseDigest } from '../../kernel/digest.js';
import type { BlobKind, BlobStore, Clock, Logger, Metrics } from '../../kernel/ports.js';
import { BlobFiles } from './blob-files.js';
import { BlobReader } from './blob-reads.js';
import { FileBlobs } from './file-blobs.js';
import { ScratchDir } from './scratch-dir.js';

/** What a file takes on disk beside its bytes: half a block on average, its inode and its share of the directory. */
const FILE_OVERHEAD_BYTES = 3_072;

export interface DiskCacheOptions {
  /** Made when it is not there; belongs to this process alone. */
  readonly dir: string;
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export class DiskCache implements BlobStore {
  readonly tier = 'disk';
  /** Every file of ours with its length, in the order of last use. */
  private readonly known: LRUCache<Digest, number>;
  private readonly scanning: Promise<void>;
  private closed = false;

  private constructor(
    private readonly files: BlobFiles,
    private readonly blobs: FileBlobs,
    private readonly scratch: ScratchDir,
    { maxBytes, logger }: DiskCacheOptions,
  ) {
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
    const scratch = await ScratchDir.open(join(dir, 'tmp'));
    const blobs: FileBlobs = new FileBlobs({
      files,
      reader: new BlobReader(clock),
      tmpDir: scratch.path,
      bytesOf: (digest) => cache.known.peek(digest),
      fsync: false,
      logger,
      metrics,
    });
    const cache = new DiskCache(files, blobs, scratch, { ...options, maxBytes });
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

  async put(digest: Digest, bytes: Buffer, kind: BlobKind): Promise<void> {
    await this.blobs.put(digest, bytes, kind);
    this.note(digest, bytes.length);
  }

  async putFile(digest: Digest, path: string, kind: BlobKind, hashed = false): Promise<void> {
    const { size } = await stat(path);
    await this.blobs.putFile(digest, path, kind, hashed);
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

  async close(): Promise<void> {
    this.closed = true;
    await this.scanning;
    await this.blobs.close();
    this.scratch.close();
  }

  /** A blob larger than the whole cache is not kept: lru-cache would keep no entry, so the file must go as well. */
  private note(digest: Digest, bytes: number): void {
    if (this.known.get(digest) === bytes) return;
    this.known.set(digest, bytes);
    if (!this.known.has(digest)) this.files.unlink(digest);
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
