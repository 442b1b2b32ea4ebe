// The tiers as one store: the contract, promotion, one look-up for many, and what a dead, slow or damaged tier does to others.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Digest } from '../../../src/kernel/digest.js';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import type { BlobStore, TierName } from '../../../src/kernel/ports/blobs.js';
import { createMemoryTier } from '../../../src/tiers/memory-tier.js';
import { WARNING_INTERVAL_MS } from '../../../src/tiers/tier-warnings.js';
import { createTieredBlobs } from '../../../src/tiers/tiered-blobs.js';
import { blobStoreContract } from '../../contracts/blob-store.contract.js';
import { openTestStore } from '../../support/embedded.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeLogger } from '../../support/fake-logger.js';
import { FakeMetrics } from '../../support/fake-metrics.js';
import { Gate } from '../../support/gate.js';
import { blobOf } from '../../support/records.js';
import { withTempDir } from '../../support/temp-dir.js';

const MIB = 1024 * 1024;

function tiersOf(...durable: [BlobStore, ...BlobStore[]]) {
  const memory = createMemoryTier({ maxBytes: 64 * MIB });
  const [clock, logger, metrics] = [new FakeClock(), new FakeLogger(), new FakeMetrics()];
  return { memory, clock, logger, metrics, blobs: createTieredBlobs({ memory, durable, clock, logger, metrics }) };
}

/** A durable tier that is a memory tier of another name, with the given methods replaced. */
function tierNamed(tier: TierName, replaced: Partial<BlobStore> = {}): BlobStore {
  return { ...createMemoryTier({ maxBytes: 64 * MIB }), tier, ...replaced };
}

const unreachable = () =>
  Promise.reject(new ProofsheetError('shared-tier-unreachable', 'away', { retryAfterSeconds: 1 }));
const full = () => Promise.reject(new ProofsheetError('storage-full', 'full'));

blobStoreContract('memory over disk', async () => {
  const store = await openTestStore();
  const { blobs } = tiersOf(store.blobs);
  // What no record names is swept by the stores, so tiers delete nothing; a blob that is gone from all of them is gone.
  const gone = async (digest: Digest) => {
    blobs.forget(digest);
    await store.blobs.delete(digest);
  };
  return { subject: { blobs: Object.assign(blobs, { tier: 'disk' as const, delete: gone }) }, close: store.dispose };
});

describe('finding', () => {
  it('tells the tier that answered, and answers from memory from then on', async () => {
    const [disk, shared] = [tierNamed('disk'), tierNamed('shared')];
    const { blobs, metrics } = tiersOf(disk, shared);
    const { digest, bytes } = blobOf('x');
    await shared.put(digest, bytes, 'preview');
    expect(await blobs.find(digest)).toEqual({ bytes, tier: 'shared' });
    expect(await blobs.find(digest)).toEqual({ bytes, tier: 'memory' });
    expect(metrics.total('cache_hits_total', { tier: 'shared' })).toBe(1);
    expect(metrics.total('cache_hits_total', { tier: 'memory' })).toBe(1);
    expect(metrics.total('cache_misses_total', { tier: 'memory' })).toBe(1);
    expect(metrics.total('cache_misses_total', { tier: 'disk' })).toBe(1);
    expect(metrics.total('cache_misses_total', { tier: 'shared' })).toBe(0);
    await blobs.close();
  });

  it('copies a blob into every nearer tier', async () => {
    const disk = tierNamed('disk', { close: async () => {} });
    const shared = tierNamed('shared');
    const { blobs } = tiersOf(disk, shared);
    const { digest, bytes } = blobOf('x');
    await shared.put(digest, bytes, 'preview');
    await blobs.find(digest);
    await blobs.close();
    expect(await disk.get(digest)).toEqual(bytes);
  });

  it('asks a tier once for all who want the same blob at the same time', async () => {
    const held = new Gate();
    held.shut();
    let asked = 0;
    const { digest, bytes } = blobOf('x');
    const disk = tierNamed('disk', {
      get: async () => {
        asked++;
        await held.pass();
        return bytes;
      },
    });
    const { blobs, metrics } = tiersOf(disk);
    const all = Array.from({ length: 20 }, () => blobs.get(digest));
    held.open();
    for (const got of await Promise.all(all)) expect(got).toEqual(bytes);
    expect(asked).toBe(1);
    expect(metrics.total('cache_hits_total', { tier: 'disk' })).toBe(20);
  });

  it('passes over a tier that fails, and warns of it once in a while', async () => {
    const { digest, bytes } = blobOf('x');
    const shared = tierNamed('shared');
    await shared.put(digest, bytes, 'preview');
    const { blobs, memory, logger, clock } = tiersOf(tierNamed('disk', { get: unreachable, put: full }), shared);
    for (let n = 0; n < 50; n++) {
      expect((await blobs.find(digest))?.tier).toBe('shared');
      memory.forget(digest);
    }
    expect(logger.at('warn')).toHaveLength(1);
    clock.advance(WARNING_INTERVAL_MS);
    await blobs.find(digest);
    expect(logger.at('warn')).toHaveLength(2);
    // 50 failed reads and up to as many failed copies, less the one that was told.
    expect(logger.at('warn')[1]?.fields.failuresSinceLast).toBeGreaterThanOrEqual(49);
  });

  it('is a miss when every tier failed, but an overload is told', async () => {
    const { digest } = blobOf('x');
    expect(await tiersOf(tierNamed('disk', { get: unreachable })).blobs.find(digest)).toBeUndefined();
    const overloaded = () => Promise.reject(new ProofsheetError('overloaded', 'later'));
    await expect(tiersOf(tierNamed('disk', { get: overloaded })).blobs.find(digest)).rejects.toMatchObject({
      code: 'overloaded',
    });
  });

  it('a slow tier holds up nobody but those who need it', async () => {
    const held = new Gate();
    held.shut();
    const near = blobOf('near');
    const disk = tierNamed('disk');
    await disk.put(near.digest, near.bytes, 'preview');
    const { blobs } = tiersOf(disk, tierNamed('shared', { get: () => held.pass().then(() => undefined) }));
    const slow = blobs.find(blobOf('far').digest);
    expect((await blobs.find(near.digest))?.tier).toBe('disk');
    held.open();
    expect(await slow).toBeUndefined();
  });
});

describe('storing', () => {
  it('a preview goes to every tier, a source not to memory', async () => {
    const [disk, shared] = [tierNamed('disk'), tierNamed('shared')];
    const { blobs, memory } = tiersOf(disk, shared);
    const [preview, source] = [blobOf('p'), blobOf('s')];
    await blobs.put(preview.digest, preview.bytes, 'preview');
    await blobs.put(source.digest, source.bytes, 'source');
    for (const tier of [disk, shared]) {
      expect(await tier.has(preview.digest)).toBe(true);
      expect(await tier.has(source.digest)).toBe(true);
    }
    expect(memory.peek(preview.digest)).toEqual(preview.bytes);
    expect(memory.peek(source.digest)).toBeUndefined();
  });

  it('is kept in no memory when no durable tier has it', async () => {
    const { blobs, memory } = tiersOf(tierNamed('disk', { put: full }));
    const { digest, bytes } = blobOf('x');
    await expect(blobs.put(digest, bytes, 'preview')).rejects.toMatchObject({ code: 'storage-full' });
    expect(memory.peek(digest)).toBeUndefined();
  });

  it('with the shared tier away, the nearer ones have it and the caller is told', () =>
    withTempDir(async (dir) => {
      const disk = tierNamed('disk');
      const { blobs } = tiersOf(disk, tierNamed('shared', { put: unreachable, putFile: unreachable }));
      const { digest, bytes } = blobOf('x');
      await writeFile(join(dir, 'x'), bytes);
      await expect(blobs.putFile(digest, join(dir, 'x'), 'preview')).rejects.toMatchObject({
        code: 'shared-tier-unreachable',
      });
      expect((await blobs.find(digest))?.tier).toBe('disk');
    }));

  it('with the disk full, what the shared tier has is stored', async () => {
    const { blobs, logger } = tiersOf(tierNamed('disk', { put: full }), tierNamed('shared'));
    const { digest, bytes } = blobOf('x');
    await blobs.put(digest, bytes, 'source');
    expect((await blobs.find(digest))?.bytes).toEqual(bytes);
    expect(logger.at('warn')).toHaveLength(1);
  });

  it('with both failing, the caller is not told that only the shared tier is away', async () => {
    const { blobs } = tiersOf(tierNamed('disk', { put: full }), tierNamed('shared', { put: unreachable }));
    const { digest, bytes } = blobOf('x');
    await expect(blobs.put(digest, bytes, 'preview')).rejects.toMatchObject({ code: 'storage-full' });
  });
});

describe('forgetting', () => {
  it('drops the copy of this process only', async () => {
    const disk = tierNamed('disk');
    const { blobs, memory } = tiersOf(disk);
    const { digest, bytes } = blobOf('x');
    await blobs.put(digest, bytes, 'preview');
    blobs.forget(digest);
    expect(memory.peek(digest)).toBeUndefined();
    expect((await blobs.find(digest))?.tier).toBe('disk');
  });
});
