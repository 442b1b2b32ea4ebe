// The contract of CatalogWalk: a walk meets every group that its range has and every source, each once, whichever client stored them.
import { expect } from 'vitest';
import { digestOf } from '../../src/kernel/digest.js';
import type { CatalogWalk } from '../../src/kernel/ports/catalog-walk.js';
import type { GroupRange } from '../../src/kernel/takedown/purge.js';
import { commitOf, groupRef, storeBlobs, testSource } from '../support/records.js';
import type { CatalogSubject } from './catalog.contract.js';
import { type ContractCase, collect, describeContract, type Open } from './contract.js';

export interface CatalogWalkSubject extends CatalogSubject {
  /** Of the peer. */
  readonly walk: CatalogWalk;
}

/** Names that stand beside each other in every order of bytes. */
const GROUPS = [
  ['a', ''],
  ['a/', ''],
  ['a/1', ''],
  ['a/1', 'c'],
  ['a/10', 'c'],
  ['a/\u{1f600}', 'c'],
  ['ab', 'c'],
  ['b', 'cc'],
  ['a/1', 'cc'],
  ['ä/1', ''],
] as const;

async function storeAll({ catalog, blobs }: CatalogSubject): Promise<void> {
  for (const [key, context] of GROUPS) {
    const source = testSource(`${key} ${context}`);
    await storeBlobs(blobs, source);
    expect(await catalog.commit(commitOf(source, [groupRef(key, context)]))).toEqual([]);
  }
}

const texts = (pairs: readonly (readonly [string, string])[]): string[] =>
  pairs.map(([key, context]) => `${context} ${key}`).sort();

export const catalogWalkCases: readonly ContractCase<CatalogWalkSubject>[] = [
  {
    name: 'meets the groups of a range, each once and with its source',
    run: async (subject) => {
      await storeAll(subject);
      const ranges: readonly GroupRange[] = [
        {},
        ...['', 'c', 'cc', 'none'].map((context) => ({ context: groupRef('x', context).context })),
        ...['a', 'a/1', 'b'].map((key) => ({ imageKey: groupRef(key).imageKey })),
        ...['a', 'a/', 'a/1', 'ä', 'z'].map((prefix) => ({ prefix })),
        ...['a/', 'a/1'].map((prefix) => ({ prefix, context: groupRef('x', 'c').context })),
        groupRef('a/1', 'c'),
      ];
      for (const range of ranges) {
        const { context, imageKey, prefix = '' } = range;
        const wanted = GROUPS.filter(
          ([key, of]) =>
            (context === undefined || of === context) &&
            (imageKey === undefined || key === imageKey) &&
            key.startsWith(prefix),
        );
        const found = (await collect(subject.walk.groups(range))).flat();
        expect(texts(found.map(({ ref }) => [ref.imageKey, ref.context])), JSON.stringify(range)).toEqual(
          texts(wanted),
        );
        for (const { ref, source } of found)
          expect(source).toBe(testSource(`${ref.imageKey} ${ref.context}`).record.digest);
      }
    },
  },
  {
    name: 'meets no group that was removed, and every one of many',
    run: async (subject) => {
      const { catalog, blobs, walk } = subject;
      const source = testSource('one');
      await storeBlobs(blobs, source);
      const refs = Array.from({ length: 700 }, (_, at) => groupRef(`many/${at}`, 'm'));
      await catalog.commit(commitOf(source, refs));
      await catalog.remove(groupRef('many/5', 'm'));
      const found = (await collect(walk.groups({ prefix: 'many/' }))).flat();
      expect(new Set(found.map(({ ref }) => ref.imageKey)).size).toBe(699);
      expect(found).toHaveLength(699);
      expect((await collect(walk.groups({ context: groupRef('x', 'm').context }))).flat()).toHaveLength(699);
    },
  },
  {
    name: 'meets every source once, and goes on behind any, whether that is there or not',
    run: async (subject) => {
      await storeAll(subject);
      const all = (await collect(subject.walk.sources())).flat();
      expect([...all].sort()).toEqual(GROUPS.map(([key, of]) => testSource(`${key} ${of}`).record.digest).sort());
      expect((await collect(subject.walk.sources())).flat()).toEqual(all);
      for (const [at, digest] of all.entries())
        expect((await collect(subject.walk.sources(digest))).flat()).toEqual(all.slice(at + 1));
      const none = digestOf(Buffer.from('nobody'));
      const behind = (await collect(subject.walk.sources(none))).flat();
      expect(all.slice(all.length - behind.length)).toEqual(behind);
    },
  },
];

export function catalogWalkContract(name: string, open: Open<CatalogWalkSubject>): void {
  describeContract(`${name} keeps the walk contract`, catalogWalkCases, open);
}
