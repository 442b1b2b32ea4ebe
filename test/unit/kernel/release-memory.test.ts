// Memory of buffers that is given back at once, and which is not.
import { expect, test } from 'vitest';
import { releaseMemory } from '../../../src/kernel/release-memory.js';

test('what looks at released memory has no bytes any more', () => {
  const chunk = Buffer.alloc(64 * 1024, 1);
  const part = chunk.subarray(10, 20);
  releaseMemory(part);
  expect([chunk.length, part.length, chunk.buffer.byteLength]).toEqual([0, 0, 0]);
  releaseMemory(chunk);
});

test('parts of the pool and shared memory are left alone', () => {
  const small = Buffer.from('a part of the pool');
  const shared = Buffer.from(new SharedArrayBuffer(64 * 1024));
  for (const bytes of [small, shared]) releaseMemory(bytes);
  expect([small.toString(), shared.length]).toEqual(['a part of the pool', 64 * 1024]);
});

test('250 MiB that were passed on leave nothing for the collector', () => {
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let chunk = 0; chunk < 4_000; chunk++) {
    releaseMemory(Buffer.allocUnsafeSlow(64 * 1024));
    if (chunk % 100 === 99) most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  expect(most).toBeLessThan(2 ** 20);
});
