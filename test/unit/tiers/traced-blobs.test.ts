// A traced tier is the tier: what it can do beside what every tier can is not lost by looking at it.
import { expect, it } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import { createMemoryTier } from '../../../src/tiers/memory-tier.js';
import { TracedBlobs } from '../../../src/tiers/traced-blobs.js';
import { doNothingBlobs } from '../../contracts/do-nothing.js';

const traces = {
  within: <T>(_name: string, work: (span: { note: () => void }) => Promise<T>) => work({ note: () => undefined }),
} as unknown as ConstructorParameters<typeof TracedBlobs>[1];

it('drops copies where the tier has copies, and has none to drop where it has not', async () => {
  const bytes = Buffer.from('a picture');
  const traced = new TracedBlobs(createMemoryTier({ maxBytes: 100_000 }), traces);
  await traced.put(digestOf(bytes), bytes, 'preview');
  expect(await traced.dropCopies?.('all')).toEqual({ blobs: 1, bytes: bytes.length });
  expect(await traced.has(digestOf(bytes))).toBe(false);
  expect(new TracedBlobs(doNothingBlobs, traces).dropCopies).toBeUndefined();
});
