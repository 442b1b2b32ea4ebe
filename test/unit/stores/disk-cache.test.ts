// The disk tier before a shared one: the contract of every blob store, and a bound that it keeps by itself.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DiskCache } from '../../../src/stores/embedded/disk-cache.js';
import { blobStoreContract } from '../../contracts/blob-store.contract.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeLogger } from '../../support/fake-logger.js';
import { FakeMetrics } from '../../support/fake-metrics.js';
import { until } from '../../support/gate.js';
import { blobOf } from '../../support/records.js';
import { tempDir, withTempDir } from '../../support/temp-dir.js';

const KIB = 1024;

function openCache(dir: string, maxBytes: number): Promise<DiskCache> {
  return DiskCache.open({
    dir,
    maxBytes,
    clock: new FakeClock(),
    logger: new FakeLogger(),
    metrics: new FakeMetrics(),
  });
}

async function filesIn(dir: string): Promise<number> {
  const entries = await readdir(join(dir, 'blobs'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).length;
}

blobStoreContract('the disk cache', async () => {
  const dir = await tempDir();
  const cache = await openCache(dir.path, 16 * KIB * KIB);
  return {
    subject: { blobs: cache },
    close: async () => {
      await cache.close();
      await dir.remove();
    },
  };
});

describe('the bound of the disk cache', () => {
  it('keeps the files used last, and their bytes within the limit', async () => {
    await withTempDir(async (dir) => {
      const cache = await openCache(dir, 100 * KIB);
      const blobs = Array.from({ length: 10 }, (_, index) => blobOf(`blob ${index}`, 20 * KIB));
      for (const { digest, bytes } of blobs) {
        await cache.put(digest, bytes, 'preview');
        // The first one is used all the time.
        expect((await cache.get(blobs[0]?.digest ?? digest))?.length).toBe(20 * KIB);
        expect(cache.usedBytes()).toBeLessThanOrEqual(100 * KIB);
      }
      const present = await Promise.all(blobs.map(({ digest }) => cache.has(digest)));
      expect(present).toEqual([true, false, false, false, false, false, false, true, true, true]);
      expect(await filesIn(dir)).toBe(4);
      await cache.close();
    });
  });

  it('counts the files of an earlier run, and evicts them as its own', async () => {
    await withTempDir(async (dir) => {
      const first = await openCache(dir, 100 * KIB);
      const old = blobOf('old', 60 * KIB);
      await first.put(old.digest, old.bytes, 'preview');
      await first.close();
      const second = await openCache(dir, 100 * KIB);
      await until(() => second.usedBytes() > 60 * KIB, 'the old file is counted');
      const fresh = blobOf('fresh', 60 * KIB);
      await second.put(fresh.digest, fresh.bytes, 'preview');
      expect([await second.has(old.digest), await second.has(fresh.digest)]).toEqual([false, true]);
      await second.close();
    });
  });

  it('keeps no file that is larger than the whole cache', async () => {
    await withTempDir(async (dir) => {
      const cache = await openCache(dir, 10 * KIB);
      const { digest, bytes } = blobOf('large', 20 * KIB);
      await cache.put(digest, bytes, 'preview');
      expect([await cache.has(digest), cache.usedBytes(), await filesIn(dir)]).toEqual([false, 0, 0]);
      await cache.close();
    });
  });
});

it('leaves no directory for unfinished files when it is closed', async () => {
  await withTempDir(async (dir) => {
    const cache = await openCache(dir, KIB);
    expect(await readdir(join(dir, 'tmp'))).toHaveLength(1);
    await cache.close();
    expect(await readdir(join(dir, 'tmp'))).toEqual([]);
  });
});
