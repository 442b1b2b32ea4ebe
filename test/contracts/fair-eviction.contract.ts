// The contract of FairEviction: what each context has is known exactly, and is taken from the one that has most alone.
import { expect } from 'vitest';
import type { Context, ImageKey } from '../../src/kernel/image-key.js';
import type { ContextUsage, FairEviction } from '../../src/kernel/ports/fair-eviction.js';
import { blobOf, commitOf, groupRef, storeBlobs, type TestSource, testSource } from '../support/records.js';
import type { CatalogSubject } from './catalog.contract.js';
import { type ContractCase, collect, describeContract, type Open } from './contract.js';

export interface FairEvictionSubject extends CatalogSubject {
  readonly fair: FairEviction;
  /** Of the peer. */
  readonly peerFair: FairEviction;
}

const HOUR_MS = 3_600_000;
/** Of `testSource`: previews of 50 and 120 bytes, and 200 of its own. */
const [PREVIEWS, OWN] = [170, 200];
const WEIGHT = PREVIEWS + OWN;

async function store(
  { catalog, blobs }: CatalogSubject,
  source: TestSource,
  ...names: readonly (readonly [key: string, context: string])[]
): Promise<void> {
  await storeBlobs(blobs, source);
  const refs = names.map(([key, context]) => groupRef(key, context));
  expect(await catalog.commit(commitOf(source, refs))).toEqual([]);
}

async function expectUsage(fair: FairEviction, of: Readonly<Record<string, ContextUsage>>): Promise<void> {
  const contexts = Object.keys(of);
  const usages = await Promise.all(contexts.map((context) => fair.usageOf(context as Context)));
  expect(Object.fromEntries(contexts.map((context, at) => [context, usages[at]]))).toEqual(of);
}

const keysOf = async ({ catalog }: CatalogSubject, context: string) =>
  (await collect(catalog.keys(context as Context))).flat();
const NONE = { groups: 0, bytes: 0 };

const telling: readonly ContractCase<FairEvictionSubject>[] = [
  {
    name: 'tells groups, and bytes of each source once, however many groups of the context point to it',
    run: async (subject) => {
      const [a, b] = [testSource('a'), testSource('b')];
      await store(subject, a, ['1', 't'], ['2', 't'], ['1', 'u']);
      await store(subject, b, ['3', 't'], ['3', '']);
      const expected = {
        t: { groups: 3, bytes: 2 * WEIGHT },
        u: { groups: 1, bytes: WEIGHT },
        '': { groups: 1, bytes: WEIGHT },
        nobody: NONE,
      };
      await expectUsage(subject.fair, expected);
      await expectUsage(subject.peerFair, expected);
    },
  },
  {
    name: 'goes with groups that are replaced, committed again, kept as they are, and removed',
    run: async (subject) => {
      const { catalog, blobs, fair } = subject;
      const [a, b] = [testSource('a'), testSource('b', { previews: [blobOf('only b', 30)] })];
      await store(subject, a, ['1', 't'], ['2', 't'], ['1', 'u']);
      await store(subject, a, ['1', 't'], ['2', 't']);
      await expectUsage(fair, { t: { groups: 2, bytes: WEIGHT }, u: { groups: 1, bytes: WEIGHT } });
      await store(subject, b, ['1', 't']);
      await expectUsage(fair, { t: { groups: 2, bytes: WEIGHT + 230 }, u: { groups: 1, bytes: WEIGHT } });
      await store(subject, b, ['2', 't']);
      await expectUsage(fair, { t: { groups: 2, bytes: 230 }, u: { groups: 1, bytes: WEIGHT } });
      await storeBlobs(blobs, b);
      expect(await catalog.commit(commitOf(b, [groupRef('1', 'u'), groupRef('9', 'u')], 'keep'))).toEqual([]);
      await expectUsage(fair, { u: { groups: 2, bytes: WEIGHT + 230 } });
      expect(await catalog.remove({ context: 't' as Context })).toBe(2);
      await expectUsage(fair, { t: NONE, u: { groups: 2, bytes: WEIGHT + 230 } });
      expect(await catalog.remove({ imageKey: '9' as ImageKey })).toBe(1);
      await expectUsage(fair, { t: NONE, u: { groups: 1, bytes: WEIGHT } });
      await catalog.remove({});
      await expectUsage(fair, { t: NONE, u: NONE });
      expect(await fair.heaviest('groups')).toBeUndefined();
      await store(subject, a, ['1', 't']);
      await expectUsage(fair, { t: { groups: 1, bytes: WEIGHT } });
    },
  },
  {
    name: 'charges every context what a source weighs now: more previews, or its own blob evicted',
    run: async (subject) => {
      const { catalog, fair } = subject;
      const small = blobOf('small a', 50);
      await store(subject, testSource('a', { previews: [small], complete: false }), ['1', 't'], ['1', 'u']);
      await expectUsage(fair, { t: { groups: 1, bytes: 250 }, u: { groups: 1, bytes: 250 } });
      await store(subject, testSource('a', { previews: [small, blobOf('x', 80), blobOf('y', 90)] }));
      await expectUsage(fair, { t: { groups: 1, bytes: 420 }, u: { groups: 1, bytes: 420 } });
      expect(await catalog.evictSources(5)).toMatchObject({ sources: 1, bytes: OWN });
      await expectUsage(fair, { t: { groups: 1, bytes: 220 }, u: { groups: 1, bytes: 220 } });
      await store(subject, testSource('a', { previews: [small], sequenceId: 'f'.repeat(16) }), ['1', 'u']);
      await expectUsage(fair, { t: { groups: 1, bytes: 250 }, u: { groups: 1, bytes: 250 } });
      await catalog.remove({ context: 'u' as Context });
      await expectUsage(fair, { t: { groups: 1, bytes: 250 }, u: NONE });
    },
  },
  {
    name: 'charges nothing for late work on what was cleared meanwhile, nor for a commit that misses blobs',
    run: async (subject) => {
      const { catalog, fair } = subject;
      await store(subject, testSource('a', { complete: false }), ['1', 't']);
      await expectUsage(fair, { t: { groups: 1, bytes: WEIGHT } });
      await catalog.remove({});
      await store(subject, testSource('a'));
      expect(await catalog.commit(commitOf(testSource('b'), [groupRef('1', 't')]))).not.toEqual([]);
      await expectUsage(fair, { t: NONE });
    },
  },
  {
    name: 'takes any name of a context',
    run: async (subject) => {
      const names = ['😀'.repeat(256), '__proto__', '*', 'a:b', '{a}', 'a b', '0', '-inf', 'C'];
      for (const name of names) await store(subject, testSource(name), ['k', name]);
      for (const name of names)
        expect(await subject.fair.usageOf(name as Context)).toEqual({ groups: 1, bytes: WEIGHT });
      for (let left = names.length; left > 0; left--)
        expect(await subject.fair.evictGroupsOfHeaviest('groups', 1)).toMatchObject({ groups: 1 });
      for (const name of names) expect(await subject.fair.usageOf(name as Context)).toEqual(NONE);
    },
  },
  {
    name: 'stays exact while several clients commit, replace and remove at the same time',
    run: async (subject) => {
      const { catalog, peer, blobs, fair, peerFair } = subject;
      const sources = Array.from({ length: 4 }, (_, n) => testSource(`${n}`));
      await Promise.all(sources.map((source) => storeBlobs(blobs, source)));
      await Promise.all(
        Array.from({ length: 48 }, async (_, n) => {
          const source = sources[n % 4] as TestSource;
          const client = n % 2 ? catalog : peer;
          const ref = groupRef(`${n % 6}`, n % 3 ? 't' : 'u');
          // Blobs that a removal had swept would have to be stored again: nothing sweeps here.
          await client.commit(commitOf(source, [ref]));
          if (n % 5 === 0) await client.remove({ imageKey: ref.imageKey });
        }),
      );
      for (const context of ['t', 'u'] as Context[]) {
        const keys = await keysOf(subject, context);
        const entries = await Promise.all(keys.map((imageKey) => catalog.find({ context, imageKey })));
        const held = new Set(entries.map((entry) => entry?.source.digest));
        const expected = { groups: keys.length, bytes: held.size * WEIGHT };
        expect(await fair.usageOf(context)).toEqual(expected);
        expect(await peerFair.usageOf(context)).toEqual(expected);
      }
      await store(subject, testSource('last'), ['last', 'v']);
      expect(await fair.usageOf('v' as Context)).toEqual({ groups: 1, bytes: WEIGHT });
    },
  },
];

const choosing: readonly ContractCase<FairEvictionSubject>[] = [
  {
    name: 'names the context that has most groups or most bytes, and tells when it is alone',
    run: async (subject) => {
      const { fair, peerFair, catalog } = subject;
      expect(await fair.heaviest('bytes')).toBeUndefined();
      await store(subject, testSource('a'), ['1', 'many'], ['2', 'many'], ['3', 'many']);
      for (const by of ['bytes', 'groups'] as const)
        expect(await fair.heaviest(by)).toEqual({ groups: 3, bytes: WEIGHT, alone: true });
      await store(subject, testSource('b'), ['1', 'large']);
      await store(subject, testSource('c'), ['2', 'large']);
      for (const one of [fair, peerFair]) {
        expect(await one.heaviest('groups')).toEqual({ groups: 3, bytes: WEIGHT, alone: false });
        expect(await one.heaviest('bytes')).toEqual({ groups: 2, bytes: 2 * WEIGHT, alone: false });
      }
      await catalog.remove({ context: 'large' as Context });
      expect(await fair.heaviest('bytes')).toEqual({ groups: 3, bytes: WEIGHT, alone: true });
    },
  },
  {
    name: 'finds the one that has most among a hundred',
    run: async (subject) => {
      const source = testSource('a');
      const names = Array.from({ length: 100 }, (_, n) => [`k${n}`, `t${n}`] as const);
      await store(subject, source, ...names, ...names.map(([key]) => [`${key}/2`, 't7'] as const));
      expect(await subject.fair.heaviest('groups')).toEqual({ groups: 101, bytes: WEIGHT, alone: false });
      await store(subject, testSource('b'), ['b', 't50']);
      expect(await subject.fair.heaviest('bytes')).toEqual({ groups: 2, bytes: 2 * WEIGHT, alone: false });
    },
  },
  {
    name: 'takes its own groups, used longest ago first, and leaves what others used before them',
    run: async (subject) => {
      const { catalog, fair, clock } = subject;
      const at = (hours: number) => clock.now() + hours * HOUR_MS;
      const names = Array.from({ length: 12 }, (_, n) => `k${n}`);
      for (const name of ['x', 'y']) await store(subject, testSource(`quiet ${name}`), [name, 'quiet']);
      for (const name of names) await store(subject, testSource(name), [name, 'busy']);
      // The higher the number, the longer ago; and what is quiet was used before all of it.
      await catalog.touch(names.map((name, n) => ({ ref: groupRef(name, 'busy'), at: at(30 - n) })));
      await catalog.touch([{ ref: groupRef('x', 'quiet'), at: at(2) }]);
      expect(await fair.evictGroupsOfHeaviest('groups', 3)).toEqual({ groups: 3, sources: 3, bytes: 3 * WEIGHT });
      expect((await keysOf(subject, 'busy')).toSorted()).toEqual(names.slice(0, 9).toSorted());
      expect(await fair.evictGroupsOfHeaviest('bytes', 5)).toMatchObject({ groups: 5 });
      expect((await keysOf(subject, 'busy')).toSorted()).toEqual(names.slice(0, 4).toSorted());
      expect(await keysOf(subject, 'quiet')).toEqual(['x', 'y']);
    },
  },
  {
    name: 'takes what is over, from whoever has most by then, so that nobody is pushed below an equal share',
    run: async (subject) => {
      const { fair } = subject;
      const fill = async (context: string, count: number) => {
        for (let n = 0; n < count; n++) await store(subject, testSource(`${context} ${n}`), [`k${n}`, context]);
      };
      await fill('a', 9);
      await fill('b', 6);
      await fill('c', 2);
      for (let left = 17; left > 8; left--) await fair.evictGroupsOfHeaviest('groups', 1);
      const counts = await Promise.all(['a', 'b', 'c'].map(async (of) => (await fair.usageOf(of as Context)).groups));
      expect(counts).toEqual([3, 3, 2]);
    },
  },
  {
    name: "takes its own kept sources and no others', until it has none; previews stay",
    run: async (subject) => {
      const { catalog, fair } = subject;
      await store(subject, testSource('quiet'), ['q', 'quiet']);
      const names = ['1', '2', '3', '4'];
      for (const name of names) await store(subject, testSource(name), [name, 'busy'], [`${name}/2`, 'busy']);
      expect(await fair.evictSourcesOfHeaviest(3)).toEqual({ groups: 0, sources: 3, bytes: 3 * OWN });
      expect(await fair.usageOf('busy' as Context)).toEqual({ groups: 8, bytes: 4 * WEIGHT - 3 * OWN });
      expect(await fair.evictSourcesOfHeaviest(3)).toEqual({ groups: 0, sources: 1, bytes: OWN });
      expect(await fair.evictSourcesOfHeaviest(3)).toEqual({ groups: 0, sources: 0, bytes: 0 });
      for (const name of names) {
        const entry = await catalog.find(groupRef(name, 'busy'));
        expect([entry?.source.sourceKept, entry?.source.previews.length]).toEqual([false, 2]);
      }
      expect((await catalog.find(groupRef('q', 'quiet')))?.source.sourceKept).toBe(true);
      expect(await catalog.usage()).toMatchObject({ sourceBytes: OWN, previewBytes: 5 * PREVIEWS });
    },
  },
  {
    name: 'leaves the kept source that is still to be converted, and takes it once it is complete',
    run: async (subject) => {
      const { fair } = subject;
      await store(subject, testSource('a', { complete: false }), ['1', 't']);
      await store(subject, testSource('b'), ['2', 't']);
      expect(await fair.evictSourcesOfHeaviest(5)).toMatchObject({ sources: 1 });
      await store(subject, testSource('a'));
      expect(await fair.evictSourcesOfHeaviest(5)).toMatchObject({ sources: 1 });
      expect(await fair.usageOf('t' as Context)).toEqual({ groups: 2, bytes: 2 * PREVIEWS });
    },
  },
  {
    name: 'the kept source that two contexts share is charged to neither once it is evicted for one',
    run: async (subject) => {
      const { fair } = subject;
      await store(subject, testSource('shared'), ['1', 'a'], ['1', 'b']);
      await store(subject, testSource('own'), ['2', 'a']);
      expect(await fair.evictSourcesOfHeaviest(2)).toMatchObject({ sources: 2, bytes: 2 * OWN });
      await expectUsage(fair, { a: { groups: 2, bytes: 2 * PREVIEWS }, b: { groups: 1, bytes: PREVIEWS } });
      expect(await fair.evictSourcesOfHeaviest(2)).toMatchObject({ sources: 0 });
    },
  },
];

export const fairEvictionCases: readonly ContractCase<FairEvictionSubject>[] = [...telling, ...choosing];

export function fairEvictionContract(name: string, open: Open<FairEvictionSubject>): void {
  describeContract(`${name} keeps the fair eviction contract`, fairEvictionCases, open);
}
