// The catalog against a plain model: whatever is committed, removed and evicted in whatever order, its counts, totals and
// files agree with what a scan of the model says.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Context, ImageKey } from '../../../src/kernel/image-key.js';
import { collect } from '../../contracts/contract.js';
import { openTestStore, type TestStore } from '../../support/embedded.js';
import { blobOf, commitOf, groupRef, storeBlobs, type TestSource, testSource } from '../../support/records.js';

const SECOND_MS = 1000;
const KEYS = ['a', 'b', 'ab', '😀'];
const CONTEXTS = ['', 'a', 't'];

/** Sources that share previews with each other, in versions with other previews. */
function modelSource(n: number, version: number, kept: boolean, complete: boolean): TestSource {
  const previews = [blobOf(`shared ${n % 2}`, 70), blobOf(`own ${n}.${version}`, 10 + n)];
  return testSource(`${n}`, { previews, sourceKept: kept, complete, sequenceId: `${version}`.repeat(16) });
}

interface ModelGroup {
  readonly key: string;
  readonly context: string;
  readonly source: string;
  used: number;
}

class Model {
  readonly groups = new Map<string, ModelGroup>();
  readonly sources = new Map<string, TestSource['record']>();

  commit(source: TestSource, names: readonly (readonly [string, string])[], replace: boolean, now: number): void {
    const known = this.sources.get(source.record.digest);
    // A group of the same source is used once more, whoever it was that wrote it.
    const isWritten = (before: ModelGroup | undefined): boolean =>
      replace || before === undefined || before.source === source.record.digest;
    const effective = names.filter(([key, context]) => isWritten(this.groups.get(`${context}/${key}`)));
    if (known === undefined && effective.length === 0) return;
    const late = known?.complete === true && !source.record.complete && known.sequenceId === source.record.sequenceId;
    if (!late) this.sources.set(source.record.digest, source.record);
    for (const [key, context] of effective)
      this.groups.set(`${context}/${key}`, { key, context, source: source.record.digest, used: now });
    this.forgetUnused();
  }

  remove(key: string | undefined, context: string | undefined): number {
    let removed = 0;
    for (const [name, group] of this.groups) {
      if ((key ?? group.key) !== group.key || (context ?? group.context) !== group.context) continue;
      this.groups.delete(name);
      removed++;
    }
    this.forgetUnused();
    return removed;
  }

  forgetUnused(): void {
    const used = new Set([...this.groups.values()].map((group) => group.source));
    for (const digest of this.sources.keys()) if (!used.has(digest)) this.sources.delete(digest);
  }

  /** Every named blob: digest -> bytes. */
  blobs(): { previews: Map<string, number>; sources: Map<string, number> } {
    const [previews, sources] = [new Map<string, number>(), new Map<string, number>()];
    for (const record of this.sources.values()) {
      for (const preview of record.previews) previews.set(preview.digest, preview.bytes);
      if (record.sourceKept) sources.set(record.digest, record.bytes);
    }
    return { previews, sources };
  }
}

const name = fc.tuple(fc.constantFrom(...KEYS), fc.constantFrom(...CONTEXTS));
const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      source: fc.nat(3),
      version: fc.nat(1),
      kept: fc.boolean(),
      complete: fc.boolean(),
      names: fc.array(name, { maxLength: 3 }),
      replace: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('remove' as const),
      key: fc.option(fc.constantFrom(...KEYS), { nil: undefined }),
      context: fc.option(fc.constantFrom(...CONTEXTS), { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('evictGroups' as const), limit: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('evictSources' as const), limit: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('evictGroupsOfHeaviest' as const),
      by: fc.constantFrom('bytes' as const, 'groups' as const),
      limit: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('evictSourcesOfHeaviest' as const), limit: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep' as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

async function apply(store: TestStore, model: Model, step: Action): Promise<void> {
  const { catalog, clock, blobs } = store;
  // Every step has a second of its own, so that least recently used is never a tie.
  clock.advance(SECOND_MS);
  switch (step.do) {
    case 'commit': {
      const source = modelSource(step.source, step.version, step.kept, step.complete);
      await storeBlobs(blobs, source);
      const refs = step.names.map(([key, context]) => groupRef(key, context));
      expect(await catalog.commit(commitOf(source, refs, step.replace ? 'replace' : 'keep'))).toEqual([]);
      model.commit(source, step.names, step.replace, clock.now());
      return;
    }
    case 'remove': {
      const selection = {
        ...(step.key === undefined ? {} : { imageKey: step.key as ImageKey }),
        ...(step.context === undefined ? {} : { context: step.context as Context }),
      };
      expect(await catalog.remove(selection)).toBe(model.remove(step.key, step.context));
      return;
    }
    case 'evictGroups': {
      const { groups } = await catalog.evictGroups(step.limit);
      expect(groups).toBe(Math.min(step.limit, model.groups.size));
      await followEviction(store, model, groups);
      return;
    }
    case 'evictSources': {
      const candidates = [...model.sources.values()].filter((record) => record.sourceKept && record.complete);
      const { sources } = await catalog.evictSources(step.limit);
      expect(sources).toBe(Math.min(step.limit, candidates.length));
      for (const record of candidates) {
        const found = await catalog.findSource(record.digest);
        if (found?.sourceKept === false) model.sources.set(record.digest, found);
      }
      return;
    }
    case 'evictGroupsOfHeaviest': {
      const context = await heaviestContext(catalog, model, step.by);
      const own = [...model.groups.values()].filter((group) => group.context === context);
      const { groups } = await catalog.evictGroupsOfHeaviest(step.by, step.limit);
      expect(groups).toBe(Math.min(step.limit, own.length));
      await followEviction(store, model, groups, context);
      return;
    }
    case 'evictSourcesOfHeaviest': {
      const context = await heaviestContext(catalog, model, 'bytes');
      const held = new Set(
        [...model.groups.values()].filter((own) => own.context === context).map((own) => own.source),
      );
      const candidates = [...model.sources.values()].filter((record) => record.sourceKept && record.complete);
      const own = candidates.filter((record) => held.has(record.digest));
      const { sources } = await catalog.evictSourcesOfHeaviest(step.limit);
      expect(sources).toBe(Math.min(step.limit, own.length));
      for (const record of candidates) {
        const found = await catalog.findSource(record.digest);
        if (found?.sourceKept !== false) continue;
        expect(held).toContain(record.digest);
        model.sources.set(record.digest, found);
      }
      return;
    }
    case 'sweep':
      while ((await catalog.sweep(2)).length > 0);
  }
}

/** Groups committed in one step were used at the same time: any of them may go first, but none that was used later. */
async function followEviction({ catalog }: TestStore, model: Model, evicted: number, context?: string): Promise<void> {
  const mayGo = (group: { context: string }) => context === undefined || group.context === context;
  const before = [...model.groups.values()];
  for (const group of before)
    if ((await catalog.find(groupRef(group.key, group.context))) === undefined)
      model.groups.delete(`${group.context}/${group.key}`);
  const gone = before.filter((group) => !model.groups.has(`${group.context}/${group.key}`));
  expect(gone).toHaveLength(evicted);
  const newestGone = Math.max(...gone.map((group) => group.used), 0);
  expect(gone.every(mayGo)).toBe(true);
  for (const kept of [...model.groups.values()].filter(mayGo)) expect(kept.used).toBeGreaterThanOrEqual(newestGone);
  model.forgetUnused();
}

/** What a context has: its groups, and the bytes of every source they point to, each once. */
function usageOf(model: Model, context: string): { groups: number; bytes: number } {
  const groups = [...model.groups.values()].filter((group) => group.context === context);
  const bytes = [...new Set(groups.map((group) => group.source))].reduce((sum, digest) => {
    const record = model.sources.get(digest);
    if (record === undefined) throw new Error('expected a source of every group');
    const blobs = new Map<string, number>(record.previews.map((preview) => [preview.digest, preview.bytes]));
    if (record.sourceKept) blobs.set(record.digest, record.bytes);
    return [...blobs.values()].reduce((all, size) => all + size, sum);
  }, 0);
  return { groups: groups.length, bytes };
}

/** The one context that the catalog's heaviest can be; of several with as much, that with the greatest hash. */
async function heaviestContext(
  catalog: TestStore['catalog'],
  model: Model,
  by: 'bytes' | 'groups',
): Promise<string | undefined> {
  const usages = CONTEXTS.map((context) => ({ context, hash: sha256(context), ...usageOf(model, context) }))
    .filter((usage) => usage.groups > 0)
    .toSorted((x, y) => y[by] - x[by] || (y.hash < x.hash ? -1 : 1));
  const [first] = usages;
  expect(await catalog.heaviest(by)).toEqual(
    first && { groups: first.groups, bytes: first.bytes, alone: usages.length === 1 },
  );
  return first?.context;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

async function expectEqual({ catalog, blobs }: TestStore, model: Model): Promise<void> {
  const { previews, sources } = model.blobs();
  const sum = (sizes: Map<string, number>): number => [...sizes.values()].reduce((all, bytes) => all + bytes, 0);
  const groups = [...model.groups.values()];
  expect(await catalog.usage()).toEqual({
    groups: groups.length,
    keys: new Set(groups.map((group) => group.key)).size,
    sources: model.sources.size,
    previewBytes: sum(previews),
    sourceBytes: sum(sources),
  });
  for (const context of CONTEXTS) {
    const keys = groups.filter((group) => group.context === context).map((group) => group.key);
    expect(await catalog.count(context as Context)).toBe(keys.length);
    expect(await catalog.usageOf(context as Context)).toEqual(usageOf(model, context));
    expect((await collect(catalog.keys(context as Context))).flat().toSorted()).toEqual(keys.toSorted());
  }
  for (const by of ['bytes', 'groups'] as const) await heaviestContext(catalog, model, by);
  for (const group of groups) {
    const entry = await catalog.find(groupRef(group.key, group.context));
    expect(entry?.source).toEqual(model.sources.get(group.source));
  }
  const unfinished = [...model.sources.values()].filter((record) => !record.complete).map((record) => record.digest);
  expect((await collect(catalog.unfinished())).toSorted()).toEqual(unfinished.toSorted());
  for (const digest of [...previews.keys(), ...sources.keys()])
    expect(await blobs.has(digest as TestSource['record']['digest'])).toBe(true);
}

describe('the catalog', () => {
  it('agrees with a plain model after any sequence of changes, and a sweep leaves exactly the named files', async () => {
    const store = await openTestStore();
    const everyBlob = [0, 1, 2, 3].flatMap((n) =>
      [0, 1].flatMap((version) => {
        const { source, previews } = modelSource(n, version, true, true);
        return [source, ...previews].map((blob) => blob.digest);
      }),
    );
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 25 }), async (steps) => {
          const model = new Model();
          for (const step of steps) {
            await apply(store, model, step);
            await expectEqual(store, model);
          }
          while ((await store.catalog.sweep(100)).length > 0);
          const { previews, sources } = model.blobs();
          for (const digest of everyBlob)
            expect(await store.blobs.has(digest)).toBe(previews.has(digest) || sources.has(digest));
          await store.catalog.remove({});
          while ((await store.catalog.sweep(100)).length > 0);
        }),
        { numRuns: 60 },
      );
    } finally {
      await store.dispose();
    }
  }, 300_000);
});
