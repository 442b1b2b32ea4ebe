// What a node remembers, and above all what it must not remember.
import { describe, expect, it } from 'vitest';
import type { GroupRef } from '../../../src/kernel/image-key.js';
import { groupName } from '../../../src/stores/redis/key-layout.js';
import { NodeMemory, type Reading } from '../../../src/stores/redis/node-memory.js';
import { newToken } from '../../../src/stores/redis/record-codec.js';
import { groupRef, testSource } from '../../support/records.js';

const ref = groupRef('key', 'tenant');

function found(seed: string) {
  const { record } = testSource(seed);
  return {
    group: { stored: { token: newToken(), sourceDigest: record.digest, createdAt: 1 }, lastAccess: 2 },
    source: { token: newToken(), record },
  };
}

function rememberBoth(
  memory: NodeMemory,
  reading: Reading,
  of: GroupRef,
  { group, source }: ReturnType<typeof found>,
): void {
  memory.rememberGroup(reading, of, group);
  memory.rememberSource(reading, source, 1_000);
}

function readingOf(memory: NodeMemory, seed: string) {
  const { group, source } = found(seed);
  const reading = memory.beginReading();
  reading.asked.add(groupName(ref)).add(source.record.digest);
  return { group, source, reading, end: () => rememberBoth(memory, reading, ref, { group, source }) };
}

describe('NodeMemory', () => {
  it('remembers a group with its source, under a revision made of both', () => {
    const memory = new NodeMemory(1 << 20);
    const { group, source, end } = readingOf(memory, 'a');
    end();
    const entry = memory.entry(ref);
    expect(entry).toMatchObject({ group: { ...ref, createdAt: 1, lastAccess: 2 }, source: source.record });
    expect(entry?.group.revision).toBe(memory.revision(ref));
    expect(memory.revision(ref)).toContain(group.stored.token);
    expect(memory.revision(ref)).toContain(source.token);
  });

  it.each([
    ['its group', (memory: NodeMemory) => memory.dropGroup(groupName(ref))],
    ['its source', (memory: NodeMemory) => memory.dropSource(testSource('a').record.digest)],
    ['anything', (memory: NodeMemory) => memory.forgetAll()],
  ])('does not remember a reading during which %s changed', (_, change) => {
    const memory = new NodeMemory(1 << 20);
    const { end } = readingOf(memory, 'a');
    change(memory);
    end();
    expect(memory.entry(ref)).toBeUndefined();
  });

  it('remembers a reading during which others changed', () => {
    const memory = new NodeMemory(1 << 20);
    const { end } = readingOf(memory, 'a');
    memory.dropGroup(groupName(groupRef('other')));
    memory.dropSource(testSource('b').record.digest);
    end();
    expect(memory.entry(ref)).toBeDefined();
  });

  it('drops a group, a source of many groups, or everything, each with a new generation', () => {
    for (const drop of [
      (memory: NodeMemory) => memory.dropGroup(groupName(ref)),
      (memory: NodeMemory) => memory.dropSource(testSource('a').record.digest),
      (memory: NodeMemory) => memory.forgetAll(),
    ]) {
      const memory = new NodeMemory(1 << 20);
      readingOf(memory, 'a').end();
      const before = memory.generation;
      drop(memory);
      expect(memory.entry(ref)).toBeUndefined();
      expect(memory.revision(ref)).toBeUndefined();
      expect(memory.generation).not.toBe(before);
    }
  });

  it('keeps within its bound', () => {
    const memory = new NodeMemory(100_000);
    for (let n = 0; n < 1_000; n++) {
      const { group, source } = found(`${n}`);
      const reading = memory.beginReading();
      rememberBoth(memory, reading, groupRef(`key ${n}`), { group, source });
      memory.endReading(reading);
    }
    const kept = Array.from({ length: 1_000 }, (_, n) => memory.entry(groupRef(`key ${n}`))).filter(Boolean);
    // Half of the bound for sources, each taken as four times its text: 50,000 / 4,001.
    expect(kept).toHaveLength(12);
  });

  it('moves a noted access forward only', () => {
    const memory = new NodeMemory(1 << 20);
    readingOf(memory, 'a').end();
    memory.accessed(ref, 9);
    memory.accessed(ref, 5);
    expect(memory.entry(ref)?.group.lastAccess).toBe(9);
  });
});
