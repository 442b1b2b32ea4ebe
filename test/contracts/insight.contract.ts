// The contract of Insight: what an operator is told of a catalog is what it holds, whichever client stored it.
import { expect } from 'vitest';
import type { Insight } from '../../src/kernel/ports/insight.js';
import { commitOf, groupRef, storeBlobs, testSource } from '../support/records.js';
import type { CatalogSubject } from './catalog.contract.js';
import { type ContractCase, describeContract, type Open } from './contract.js';

export interface InsightSubject extends CatalogSubject {
  /** Of the peer. */
  readonly insight: Insight;
}

/** Bytes of `testSource` and its previews. */
const WEIGHT = 370;

async function store({ catalog, blobs }: CatalogSubject, name: string, key: string, context: string): Promise<void> {
  const source = testSource(name);
  await storeBlobs(blobs, source);
  expect(await catalog.commit(commitOf(source, [groupRef(key, context)]))).toEqual([]);
}

export const insightCases: readonly ContractCase<InsightSubject>[] = [
  {
    name: 'tells the contexts that have most, the default one too, each once and as many as are asked for',
    run: async (subject) => {
      const { insight, catalog } = subject;
      for (const key of ['1', '2', '3']) await store(subject, 'same', key, 'many');
      for (const name of ['a', 'b']) await store(subject, name, name, '');
      await store(subject, 'c', 'c', 'few');
      const [many, ours, few] = [
        { context: 'many', groups: 3, bytes: WEIGHT },
        { context: '', groups: 2, bytes: 2 * WEIGHT },
        { context: 'few', groups: 1, bytes: WEIGHT },
      ];
      expect(await insight.heaviestContexts('groups', 10)).toEqual([many, ours, few]);
      expect(await insight.heaviestContexts('groups', 2)).toEqual([many, ours]);
      const byBytes = await insight.heaviestContexts('bytes', 10);
      expect(byBytes[0]).toEqual(ours);
      expect(byBytes).toHaveLength(3);
      await catalog.remove({ context: groupRef('1', 'many').context });
      expect(await insight.heaviestContexts('groups', 10)).toEqual([ours, few]);
    },
  },
  {
    name: 'tells what was used last, the latest first, and nothing that was removed',
    run: async (subject) => {
      const { insight, catalog, clock } = subject;
      const names = ['a', 'b', 'c', 'd'];
      for (const [index, name] of names.entries()) {
        await store(subject, name, name, index % 2 === 0 ? '' : 't');
        // Uses are as coarse as a second.
        await catalog.touch([
          { ref: groupRef(name, index % 2 === 0 ? '' : 't'), at: clock.now() + (index + 1) * 10_000 },
        ]);
      }
      const of = (...told: readonly string[]) =>
        told.map((name) => groupRef(name, names.indexOf(name) % 2 === 0 ? '' : 't'));
      expect(await insight.latestUsed(10)).toEqual(of('d', 'c', 'b', 'a'));
      expect(await insight.latestUsed(2)).toEqual(of('d', 'c'));
      await catalog.remove(groupRef('d', 't'));
      expect(await insight.latestUsed(2)).toEqual(of('c', 'b'));
    },
  },
];

export function insightContract(name: string, open: Open<InsightSubject>): void {
  describeContract(`${name} keeps the insight contract`, insightCases, open);
}
