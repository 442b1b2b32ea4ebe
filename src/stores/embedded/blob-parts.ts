// Parts of blob files, as tiles of a pyramid are: a file that one was read of stays open for a moment, so that the next costs one read.
// What is given was checked: by its digest, and while its file stays open by a sum of the very bytes that had it.
import * as fs from 'node:fs';
import { crc32 } from 'node:zlib';
import { type Digest, digestOf } from '../../kernel/digest.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Slice } from '../../kernel/zoom/pyramid-index.js';
import { OPEN_FLAGS } from './blob-files.js';
import { AT_ONCE_BYTES, type BlobReader } from './blob-reads.js';

/**
 * A file is closed so long after it was opened, whoever reads it: one that another process has removed takes its room on the disk no
 * longer than that, and every part is checked by its digest again.
 */
const OPEN_MS = 1_000;
/** Files that are open at once, of this process; the one that was opened first is closed for one more. */
const MAX_OPEN = 64;

interface OpenFile {
  readonly descriptor: number;
  readonly openedMs: number;
  /** Parts that had their digest since the file was opened, by their start: as many as can be read in that time. */
  readonly checked: Map<number, { readonly digest: Digest; sum: number | undefined }>;
  /** Reads under way; the last of a file that is to be closed closes it. */
  readers: number;
  isLeft: boolean;
}

export class BlobParts {
  /** By path, in the order in which they were opened. */
  private readonly files = new Map<string, OpenFile>();
  /** Files that are being opened; as many as there are reads under way. */
  private readonly waiting = new Map<string, Promise<OpenFile>>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly reader: BlobReader,
    private readonly clock: Clock,
  ) {}

  /** Files that are open now. */
  get openFiles(): number {
    return this.files.size;
  }

  /**
   * The part, read at once; `undefined` where it is long, or the disk is slow at this time: then `read` is for it. `damaged`: there are
   * other bytes. Throws the system's error: `ENOENT`, `ELOOP`...
   */
  now(path: string, slice: Slice): Buffer | 'damaged' | undefined {
    if (slice.bytes > AT_ONCE_BYTES || this.reader.isWary()) return undefined;
    return this.reader.timed(() => {
      const file = this.fileAt(path) ?? this.opened(path, fs.openSync(path, OPEN_FLAGS));
      const buffer = Buffer.allocUnsafeSlow(slice.bytes);
      let from = 0;
      while (from < slice.bytes) {
        const count = fs.readSync(file.descriptor, buffer, from, slice.bytes - from, slice.start + from);
        if (count === 0) return 'damaged';
        from += count;
      }
      return isRight(file, slice, buffer) ? buffer : 'damaged';
    });
  }

  /** The same, through the thread pool where that does not hold up others. */
  async read(path: string, slice: Slice): Promise<Buffer | 'damaged'> {
    const atOnce = this.now(path, slice);
    if (atOnce !== undefined) return atOnce;
    const file = this.fileAt(path) ?? (await this.opening(path));
    file.readers++;
    try {
      const buffer = await filled(file.descriptor, slice);
      return buffer && isRight(file, slice, buffer) ? buffer : 'damaged';
    } finally {
      file.readers--;
      if (file.isLeft) closeUnread(file);
    }
  }

  /** Whatever stands at `path` from now on is not what was opened there. */
  forget(path: string): void {
    const file = this.files.get(path);
    if (file === undefined) return;
    this.files.delete(path);
    file.isLeft = true;
    closeUnread(file);
  }

  close(): void {
    clearTimeout(this.timer);
    for (const path of [...this.files.keys()]) this.forget(path);
  }

  private fileAt(path: string): OpenFile | undefined {
    const file = this.files.get(path);
    if (file === undefined || this.clock.monotonic() - file.openedMs < OPEN_MS) return file;
    this.forget(path);
    return undefined;
  }

  /** Once for all who wait for the same file. */
  private opening(path: string): Promise<OpenFile> {
    const underWay = this.waiting.get(path);
    if (underWay !== undefined) return underWay;
    const opening = opened(path)
      .then((descriptor) => this.opened(path, descriptor))
      .finally(() => this.waiting.delete(path));
    this.waiting.set(path, opening);
    return opening;
  }

  private opened(path: string, descriptor: number): OpenFile {
    // It may have been opened at once meanwhile.
    this.forget(path);
    const file: OpenFile = {
      descriptor,
      openedMs: this.clock.monotonic(),
      checked: new Map(),
      readers: 0,
      isLeft: false,
    };
    this.files.set(path, file);
    const [first] = this.files.keys();
    if (this.files.size > MAX_OPEN && first !== undefined) this.forget(first);
    this.timer ??= setTimeout(() => this.closeOld(), OPEN_MS).unref();
    return file;
  }

  private closeOld(): void {
    this.timer = undefined;
    const now = this.clock.monotonic();
    for (const [path, { openedMs }] of this.files) if (now - openedMs >= OPEN_MS) this.forget(path);
    if (this.files.size > 0) this.timer = setTimeout(() => this.closeOld(), OPEN_MS).unref();
  }
}

/**
 * SHA-256 of a tile of 59 kB takes 45 µs, the sum 20. It is taken at the second read: most tiles are read once, since memory has them from
 * there on.
 */
function isRight({ checked }: OpenFile, { start, digest }: Slice, bytes: Buffer): boolean {
  const known = checked.get(start);
  if (known?.digest === digest && known.sum !== undefined && crc32(bytes) === known.sum) return true;
  if (digestOf(bytes) !== digest) return false;
  checked.set(start, { digest, sum: known?.digest === digest ? crc32(bytes) : undefined });
  return true;
}

function closeUnread({ descriptor, readers }: OpenFile): void {
  if (readers === 0) fs.close(descriptor, () => undefined);
}

function opened(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, OPEN_FLAGS, (error, descriptor) => (error ? reject(error) : resolve(descriptor)));
  });
}

/** `undefined` where the file ends before. */
function filled(descriptor: number, { start, bytes }: Slice): Promise<Buffer | undefined> {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  return new Promise((resolve, reject) => {
    const readOn = (from: number): void => {
      fs.read(descriptor, buffer, from, bytes - from, start + from, (error, count) => {
        if (error) reject(error);
        else if (from + count === bytes) resolve(buffer);
        else if (count === 0) resolve(undefined);
        else readOn(from + count);
      });
    };
    readOn(0);
  });
}
