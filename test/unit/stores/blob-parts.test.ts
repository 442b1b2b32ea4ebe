// Files that parts were read of stay open for a moment, bounded in number and time, and never hide what became of them.
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import type { Slice } from '../../../src/kernel/zoom/pyramid-index.js';
import { BlobParts } from '../../../src/stores/embedded/blob-parts.js';
import { BlobReader } from '../../../src/stores/embedded/blob-reads.js';
import { processorWaits } from '../../../src/stores/embedded/processor-waits.js';
import { FakeClock } from '../../support/fake-clock.js';
import { withTempDir } from '../../support/temp-dir.js';

const BYTES = Buffer.from('the first part and the second part of a file');
const SECOND = partOf(19, 15);

function partOf(start: number, bytes: number): Slice {
  return { of: digestOf(BYTES), start, bytes, digest: digestOf(BYTES.subarray(start, start + bytes)) };
}

function withParts(
  run: (parts: BlobParts, path: string, clock: FakeClock, reader: BlobReader) => void | Promise<void>,
): Promise<void> {
  return withTempDir(async (dir) => {
    const path = join(dir, 'blob');
    fs.writeFileSync(path, BYTES);
    const clock = new FakeClock();
    const reader = new BlobReader(clock, () => 0);
    const parts = new BlobParts(reader, clock);
    try {
      await run(parts, path, clock, reader);
    } finally {
      parts.close();
    }
    expect(parts.openFiles).toBe(0);
  });
}

/** How many files this process has open at `path`, whatever became of its name. */
function openAt(path: string): number {
  return fs.readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(path);
    } catch {
      return false;
    }
  }).length;
}

async function closedAt(path: string): Promise<void> {
  while (openAt(path) > 0) await new Promise((resolve) => setImmediate(resolve));
}

describe('parts of a blob file', () => {
  it('are read of a file that was opened once, for a second', () =>
    withParts(async (parts, path, clock) => {
      for (let reads = 0; reads < 5; reads++) {
        expect(parts.now(path, SECOND)?.toString()).toBe('the second part');
        expect(openAt(path)).toBe(1);
      }
      // Replaced by a rename, as a healed one is: what is open has the same bytes, and the new file is opened in time.
      fs.writeFileSync(`${path}.new`, 'x'.repeat(BYTES.length));
      fs.renameSync(`${path}.new`, path);
      expect(parts.now(path, SECOND)?.toString()).toBe('the second part');
      clock.advance(1_000);
      expect(parts.now(path, SECOND)).toBe('damaged');
    }));

  it('are checked at every read, by whatever they are known', () =>
    withParts(async (parts, path) => {
      for (let reads = 0; reads < 4; reads++) expect(await parts.read(path, SECOND)).toHaveLength(15);
      const file = fs.openSync(path, 'r+');
      fs.writeSync(file, 'X', 20);
      fs.closeSync(file);
      expect(await parts.read(path, SECOND)).toBe('damaged');
      expect(await parts.read(path, partOf(0, 14))).toHaveLength(14);
      fs.truncateSync(path, 10);
      expect(await parts.read(path, partOf(0, 14))).toBe('damaged');
    }));

  it('are gone at once where the removal is told, and in a second where another process has removed it', () =>
    withParts(async (parts, path, clock) => {
      parts.now(path, SECOND);
      fs.unlinkSync(path);
      parts.forget(path);
      expect(() => parts.now(path, SECOND)).toThrow('ENOENT');
      await closedAt(path);
      fs.writeFileSync(path, BYTES);
      parts.now(path, SECOND);
      fs.unlinkSync(path);
      clock.advance(1_000);
      await expect(parts.read(path, SECOND)).rejects.toThrow('ENOENT');
      await closedAt(path);
    }));

  it('hold a removed file open no longer than two seconds, even when nobody reads any more', () =>
    withTempDir(async (dir) => {
      const path = join(dir, 'blob');
      fs.writeFileSync(path, BYTES);
      const clock = { now: () => Date.now(), monotonic: () => performance.now() };
      const parts = new BlobParts(new BlobReader(clock), clock);
      parts.now(path, SECOND);
      fs.unlinkSync(path);
      await closedAt(path);
      expect(parts.openFiles).toBe(0);
    }));

  it('have at most 64 files open', () =>
    withParts(async (parts, path) => {
      for (let n = 0; n < 70; n++) {
        fs.copyFileSync(path, `${path}-${n}`);
        parts.now(`${path}-${n}`, SECOND);
      }
      expect(parts.openFiles).toBe(64);
      while (openAt(path) > 64) await new Promise((resolve) => setImmediate(resolve));
    }));

  it('are left to the thread pool while the disk is slow, which opens a file once for all who wait', () =>
    withParts(async (parts, path, clock, reader) => {
      reader.timed(() => clock.advance(100));
      expect(parts.now(path, SECOND)).toBeUndefined();
      const reading = Array.from({ length: 20 }, () => parts.read(path, SECOND));
      // One that is closed under its readers is read to the end.
      const some = await Promise.race(reading);
      expect(some.toString()).toBe('the second part');
      expect(openAt(path)).toBe(1);
      parts.forget(path);
      for (const each of await Promise.all(reading)) expect(each.toString()).toBe('the second part');
      await closedAt(path);
    }));
});

describe('the time that a thread waits for a processor', () => {
  it('is told since it was last asked, and is none where the system does not tell', () =>
    withTempDir(async (dir) => {
      const path = join(dir, 'schedstat');
      fs.writeFileSync(path, '1000000 5000000 7\n');
      const waitedMs = processorWaits(path);
      fs.writeFileSync(path, '1000000 9500000 8\n');
      expect(waitedMs()).toBe(4.5);
      expect(waitedMs()).toBe(0);
      fs.rmSync(path);
      expect(waitedMs()).toBe(0);
      expect(processorWaits()()).toBeGreaterThanOrEqual(0);
    }));
});
