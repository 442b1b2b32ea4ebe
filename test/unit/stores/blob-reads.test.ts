// Blob files are read at once while that is quick, and through the thread pool while the disk is slow.
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/kernel/ports/clock.js';
import { BlobReader } from '../../../src/stores/embedded/blob-reads.js';
import { withTempDir } from '../../support/temp-dir.js';

/** A clock on which every look takes `stepMs`: what is timed took as long. */
class SteppingClock implements Clock {
  stepMs = 0;
  looks = 0;
  private ms = 0;

  now(): number {
    return this.ms;
  }

  monotonic(): number {
    this.looks++;
    this.ms += this.stepMs;
    return this.ms;
  }

  advance(ms: number): void {
    this.ms += ms;
  }
}

/** A read at once looks at the clock twice, a read through the pool once. */
async function readsAtOnce(reader: BlobReader, clock: SteppingClock, path: string): Promise<boolean> {
  const before = clock.looks;
  expect((await reader.read(path, 5))?.toString()).toBe('bytes');
  return clock.looks - before === 2;
}

describe('reading a blob file', () => {
  it('goes to the thread pool after slow reads, and back when they are quick again', () =>
    withTempDir(async (dir) => {
      const path = join(dir, 'blob');
      fs.writeFileSync(path, 'bytes');
      const clock = new SteppingClock();
      const reader = new BlobReader(clock, () => 0);
      expect(await readsAtOnce(reader, clock, path)).toBe(true);
      // One that lost the processor for 10 ms changes nothing.
      clock.stepMs = 10;
      expect(await readsAtOnce(reader, clock, path)).toBe(true);
      clock.stepMs = 0;
      expect(await readsAtOnce(reader, clock, path)).toBe(true);
      clock.stepMs = 20;
      expect(await readsAtOnce(reader, clock, path)).toBe(true);
      clock.stepMs = 0;
      expect(await readsAtOnce(reader, clock, path)).toBe(false);
      clock.advance(400);
      expect(await readsAtOnce(reader, clock, path)).toBe(false);
      clock.advance(200);
      expect(await readsAtOnce(reader, clock, path)).toBe(true);
      expect(await readsAtOnce(reader, clock, path)).toBe(true);
    }));

  it('does not take a busy processor for a slow disk, nor a slow disk for a busy processor', () =>
    withTempDir(async (dir) => {
      const path = join(dir, 'blob');
      fs.writeFileSync(path, 'bytes');
      const clock = new SteppingClock();
      let waitedMs = 20;
      const reader = new BlobReader(clock, () => waitedMs);
      clock.stepMs = 20;
      for (let reads = 0; reads < 5; reads++) expect(await readsAtOnce(reader, clock, path)).toBe(true);
      waitedMs = 2;
      expect(await readsAtOnce(reader, clock, path)).toBe(true);
      clock.stepMs = 0;
      expect(await readsAtOnce(reader, clock, path)).toBe(false);
    }));

  it('gives what there is of a file that is shorter, and all of one whose length is not known', () =>
    withTempDir(async (dir) => {
      const path = join(dir, 'blob');
      const bytes = Buffer.alloc(300_000, 'abc');
      fs.writeFileSync(path, bytes);
      const reader = new BlobReader(new SteppingClock());
      // Compared as bytes: a matcher takes seconds for so many.
      expect((await reader.read(path, undefined)).equals(bytes)).toBe(true);
      expect((await reader.read(path, 400_000)).equals(bytes)).toBe(true);
      expect((await reader.read(path, 100)).equals(bytes.subarray(0, 100))).toBe(true);
    }));
});
