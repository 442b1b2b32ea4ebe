// The memory tier keeps the blob contract, and never holds more than it may.
import { describe, expect, it } from 'vitest';
import { createMemoryTier } from '../../../src/tiers/memory-tier.js';
import { blobStoreContract } from '../../contracts/blob-store.contract.js';
import { blobOf } from '../../support/records.js';

const MIB = 1024 * 1024;

blobStoreContract('the memory tier', async () => {
  const blobs = createMemoryTier({ maxBytes: 64 * MIB });
  // An eighth of it, with what an entry costs.
  return { subject: { blobs, maxPreviewBytes: 8 * MIB - 400 }, close: blobs.close };
});

describe('the memory tier', () => {
  it('stays within its bytes, overhead of tiny entries included', () => {
    const tier = createMemoryTier({ maxBytes: MIB });
    for (let n = 0; n < 10_000; n++) {
      const { digest, bytes } = blobOf(`${n}`, n % 3 === 0 ? 0 : 1 + (n % 500));
      tier.admit(digest, bytes);
      expect(tier.usedBytes()).toBeLessThanOrEqual(MIB);
    }
    expect(tier.usedBytes()).toBeGreaterThan(MIB / 2);
  });

  it('turns out what was used longest ago', () => {
    // Eight entries of 1000 bytes with 400 of overhead each fill it to 11,200 of 12,000.
    const tier = createMemoryTier({ maxBytes: 12_000 });
    const blobs = Array.from({ length: 9 }, (_, n) => blobOf(`${n}`, 1_000));
    for (const { digest, bytes } of blobs.slice(0, 8)) tier.admit(digest, bytes);
    tier.peek(blobs[0]?.digest ?? blobOf('').digest);
    tier.admit(blobs[8]?.digest ?? blobOf('').digest, blobs[8]?.bytes ?? Buffer.alloc(0));
    expect(blobs.map(({ digest }) => tier.peek(digest) !== undefined)).toEqual([
      true,
      false,
      ...Array.from({ length: 7 }, () => true),
    ]);
  });

  it('does not let a large blob turn everything else out', async () => {
    const tier = createMemoryTier({ maxBytes: MIB });
    const [small, large, largest] = [blobOf('small'), blobOf('large', MIB / 8), blobOf('largest', MIB / 8 - 400)];
    await tier.put(small.digest, small.bytes, 'preview');
    await tier.put(large.digest, large.bytes, 'preview');
    await tier.put(largest.digest, largest.bytes, 'preview');
    expect(tier.peek(large.digest)).toBeUndefined();
    expect(tier.peek(largest.digest)).toEqual(largest.bytes);
    expect(tier.peek(small.digest)).toEqual(small.bytes);
  });

  it('does not keep a large buffer alive for a small view of it', () => {
    const tier = createMemoryTier({ maxBytes: MIB });
    const { digest, bytes } = blobOf('view', 100);
    const parent = Buffer.alloc(100_000);
    bytes.copy(parent, 500);
    tier.admit(digest, parent.subarray(500, 600));
    expect(tier.peek(digest)).toEqual(bytes);
    expect(tier.peek(digest)?.buffer.byteLength).toBe(100);
  });

  it('keeps nothing when it may hold nothing', async () => {
    const tier = createMemoryTier({ maxBytes: 0 });
    const { digest, bytes } = blobOf('x');
    await tier.put(digest, bytes, 'preview');
    expect(await tier.get(digest)).toBeUndefined();
    expect(tier.usedBytes()).toBe(0);
  });
});
