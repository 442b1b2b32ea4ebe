// Reading a whole blob file as cheaply as the machine allows: at once from the page cache, through the thread pool from a
// slow disk. Knows nothing of digests: whoever asked checks the bytes.
import * as fs from 'node:fs';
import type { Clock } from '../../kernel/ports/clock.js';
import { OPEN_FLAGS } from './blob-files.js';
import { processorWaits } from './processor-waits.js';

/** Read at once up to this length: about 100 µs from the page cache. */
export const AT_ONCE_BYTES = 256 * 1024;
/** Reads at once that take longer than this on average, without what they waited for the processor, meet the disk. */
const SLOW_MS = 1;
/** The weight of the latest read in the average: one of 16 ms is enough, or a few of 3. */
const LATEST_SHARE = 1 / 16;
/** So long all reads go through the thread pool after slow ones. */
const WARY_MS = 500;
/** Read through the pool when the length is not known beforehand: more than nearly every preview has. */
const GUESS_BYTES = 128 * 1024;

/**
 * Bytes in the page cache are there sooner than a turn through the thread pool takes: at 60 kB over HTTP, 0.88 against
 * 0.62 of bare `fs.readFile`, SHA-256 included. But a read that waits for the disk at once would hold up every request, so
 * after slow reads the pool does them for a while. (The catalog's pages are read the same way by LMDB.)
 */
export class BlobReader {
  private waryUntilMs = Number.NEGATIVE_INFINITY;
  private averageMs = 0;

  /** `waitedMs`: how long this thread has waited for a processor since that was last asked. */
  constructor(
    private readonly clock: Clock,
    private readonly waitedMs: () => number = processorWaits(),
  ) {}

  /**
   * `expectedBytes` of the file at `path` from `start` on, or all of it when the length is not known; fewer when the file is
   * shorter. In memory of their own. Throws the system's error: `ENOENT`, `ELOOP` for a symbolic link, `EISDIR`...
   */
  async read(path: string, expectedBytes: number | undefined, start = 0): Promise<Buffer> {
    const startedMs = this.clock.monotonic();
    if (expectedBytes === undefined || expectedBytes > AT_ONCE_BYTES || startedMs < this.waryUntilMs)
      return readThroughPool(path, expectedBytes, start);
    try {
      return readAtOnce(path, expectedBytes, start);
    } finally {
      this.note(startedMs, this.clock.monotonic());
    }
  }

  /** Whether reads were slow a moment ago: then none is to be made at once. */
  isWary(): boolean {
    return this.clock.monotonic() < this.waryUntilMs;
  }

  /** What `read` gives, which reads at once; how long it takes counts as a read of this one. */
  timed<T>(read: () => T): T {
    const startedMs = this.clock.monotonic();
    try {
      return read();
    } finally {
      this.note(startedMs, this.clock.monotonic());
    }
  }

  private note(startedMs: number, endedMs: number): void {
    const wallMs = endedMs - startedMs;
    // Converters beside it take the processor for some ms: that is no reason to wait for threads that get none either.
    const tookMs = wallMs > SLOW_MS ? Math.max(0, wallMs - this.waitedMs()) : wallMs;
    this.averageMs += (tookMs - this.averageMs) * LATEST_SHARE;
    if (this.averageMs <= SLOW_MS) return;
    this.waryUntilMs = endedMs + WARY_MS;
    // What is tried at once after that has to be quick, or the pool goes on.
    this.averageMs = SLOW_MS * (1 - LATEST_SHARE);
  }
}

function readAtOnce(path: string, bytes: number, start: number): Buffer {
  const fd = fs.openSync(path, OPEN_FLAGS);
  try {
    const buffer = Buffer.allocUnsafeSlow(bytes);
    let from = 0;
    while (from < bytes) {
      const count = fs.readSync(fd, buffer, from, bytes - from, start + from);
      if (count === 0) break;
      from += count;
    }
    return buffer.subarray(0, from);
  } finally {
    fs.closeSync(fd);
  }
}

type Done = (error: Error | null, bytes?: Buffer) => void;

/** Open and one read, since the digest tells what `fstat` would; nobody waits for the close. */
function readThroughPool(path: string, expectedBytes: number | undefined, start: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    fs.open(path, OPEN_FLAGS, (openError, fd) => {
      if (openError) {
        reject(openError);
        return;
      }
      const done: Done = (error, bytes) => {
        fs.close(fd, () => undefined);
        if (bytes === undefined) reject(error ?? new Error('expected bytes, got none'));
        else resolve(bytes);
      };
      if (expectedBytes === undefined) readUnknown(fd, done);
      else readExactly(fd, expectedBytes, done, start);
    });
  });
}

function readExactly(fd: number, bytes: number, done: Done, start = 0): void {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  const readOn = (from: number): void => {
    fs.read(fd, buffer, from, bytes - from, start + from, (error, count) => {
      if (error) done(error);
      else if (count === 0 || from + count === bytes) done(null, buffer.subarray(0, from + count));
      else readOn(from + count);
    });
  };
  readOn(0);
}

function readUnknown(fd: number, done: Done): void {
  const guess = Buffer.allocUnsafeSlow(GUESS_BYTES);
  fs.read(fd, guess, 0, GUESS_BYTES, 0, (error, count) => {
    if (error) done(error);
    // A copy, so that a small blob does not hold the whole guess.
    else if (count < GUESS_BYTES) done(null, ownCopy(guess.subarray(0, count)));
    else
      fs.fstat(fd, (statError, stat) => {
        if (statError) done(statError);
        else readExactly(fd, stat.size, done);
      });
  });
}

function ownCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
