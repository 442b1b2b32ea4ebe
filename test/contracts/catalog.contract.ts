// The contract of Catalog: what is committed is found by every client, counted exactly, and kept as long as it is named.
import { expect } from 'vitest';
import type { Context, ImageKey } from '../../src/kernel/image-key.js';
import type { BlobStore } from '../../src/kernel/ports/blobs.js';
import type { Catalog } from '../../src/kernel/ports/catalog.js';
import type { Clock } from '../../src/kernel/ports/clock.js';
import type { ImageGroup, SourceRecord } from '../../src/kernel/source.js';
import type { PagePyramid } from '../../src/kernel/zoom/pyramid-index.js';
import { blobOf, commitOf, groupRef, storeBlobs, type TestSource, testSource } from '../support/records.js';
import { type ContractCase, collect, describeContract, type Open, type Whole } from './contract.js';

export interface CatalogSubject {
  readonly catalog: Catalog;
  /** Another client of the same backend, as another process would have it. */
  readonly peer: Catalog;
  /** Where the blobs live that the catalog counts. */
  readonly blobs: BlobStore;
  /** The clock that the catalog reads. */
  readonly clock: Clock;
}

const HOUR_MS = 3_600_000;

async function store(
  { catalog, blobs }: CatalogSubject,
  source: TestSource,
  ...names: readonly (readonly [key: string, context?: string])[]
): Promise<void> {
  await storeBlobs(blobs, source);
  const refs = names.map(([key, context]) => groupRef(key, context));
  expect(await catalog.commit(commitOf(source, refs))).toEqual([]);
}

async function keysOf(catalog: Catalog, context?: string): Promise<string[]> {
  const batches = await collect(catalog.keys(context === undefined ? undefined : (context as Context)));
  return batches.flat();
}

async function sweepAll(catalog: Catalog): Promise<string[]> {
  const swept: string[] = [];
  for (;;) {
    const batch = await catalog.sweep(3);
    if (batch.length === 0) return swept.toSorted();
    expect(batch.length).toBeLessThanOrEqual(3);
    swept.push(...batch);
  }
}

const digestsOf = ({ source, previews }: TestSource) => [source, ...previews].map((blob) => blob.digest).toSorted();

const finding: readonly ContractCase<CatalogSubject>[] = [
  {
    name: 'finds what was committed, at once and from every client',
    run: async (subject) => {
      const { catalog, peer, blobs, clock } = subject;
      const source = testSource('a');
      const ref = groupRef('key', 'tenant');
      await storeBlobs(blobs, source);
      const change = {
        ...ref,
        sourceDigest: source.record.digest,
        fileName: 'Ferien 😀.jpg',
      };
      const before = clock.now();
      expect(
        await catalog.commit({
          source: source.record,
          groups: [change],
          existing: 'replace',
        }),
      ).toEqual([]);
      for (const client of [catalog, peer]) {
        const entry = await client.find(ref);
        expect(entry?.source).toEqual(source.record);
        expect(entry?.group).toMatchObject(change);
        expect(entry?.group.createdAt).toBeGreaterThanOrEqual(before);
        expect(entry?.group.createdAt).toBeLessThanOrEqual(clock.now());
        expect(entry?.group.revision).not.toBe('');
        expect(await client.findSource(source.record.digest)).toEqual(source.record);
      }
    },
  },
  {
    name: 'a group that takes the place of another source is a second later at least, and the same again is no earlier',
    run: async (subject) => {
      const { catalog, peer } = subject;
      const ref = groupRef('1');
      const madeAt = async (): Promise<number> => {
        const times = await Promise.all([catalog, peer].map(async (each) => (await each.find(ref))?.group.createdAt));
        expect(times[1]).toBe(times[0]);
        return times[0] ?? Number.NaN;
      };
      let before = Number.NEGATIVE_INFINITY;
      for (const name of ['a', 'b', 'c', 'a']) {
        const source = testSource(name, { previews: [blobOf(`of ${name}`, 30)] });
        await store(name === 'c' ? { ...subject, catalog: peer } : subject, source, ['1']);
        const made = await madeAt();
        expect(made).toBeGreaterThanOrEqual(before + 1_000);
        await store(subject, source, ['1']);
        before = await madeAt();
        expect(before).toBeGreaterThanOrEqual(made);
      }
    },
  },
  {
    name: 'finds nothing under another key, context or digest',
    run: async (subject) => {
      await store(subject, testSource('a'), ['key', 'tenant']);
      const { catalog } = subject;
      expect(await catalog.find(groupRef('key', 'tenant'))).toBeDefined();
      for (const [key, context] of [
        ['key', ''],
        ['key', 'tenan'],
        ['Key', 'tenant'],
        ['ke', 'tenant'],
        ['key ', 'tenant'],
      ] as const) {
        expect(await catalog.find(groupRef(key, context))).toBeUndefined();
      }
      expect(await catalog.findSource(blobOf('b').digest)).toBeUndefined();
    },
  },
  {
    name: 'tells every client all that the record of a source and a group say',
    run: async ({ catalog, peer, blobs, clock }) => {
      const { record: base, source, previews } = testSource('whole');
      const ref = groupRef('whole', 'tenant');
      const pyramid = (page: number): Whole<PagePyramid> => ({ ...pyramidOf('whole', page).named, page });
      const { page: _, ...first } = pyramid(1);
      const record: Whole<SourceRecord> = {
        ...{ digest: blobOf('scoped').digest, contentDigest: source.digest, bytes: source.bytes.length },
        info: {
          ...{ type: 'gif', widthPx: 40, heightPx: 30, orientation: 6, pages: 2, animated: true, delaysMs: [100, 50] },
          ...{ loop: 3, hasAlpha: true, channels: 4, bitsPerSample: 16, colorSpace: 'rgb16', progressive: true },
        },
        metadata: { File: { 'File Size': '200' }, Exif: { Artist: 'Grün' } },
        ...{ sequenceId: '0123456789abcdef', complete: true, onDemand: true, sourceKept: true },
        previews: base.previews.map((preview, at) => ({
          ...{ formats: preview.formats, type: preview.type, widthPx: preview.widthPx, heightPx: preview.heightPx },
          ...{ bytes: preview.bytes, digest: preview.digest, sequenceId: `00000000000000${at}0` },
        })),
        ...{ pyramid: first, pagePyramids: [pyramid(2)] },
      };
      for (const { digest, bytes } of [source, ...previews]) await blobs.put(digest, bytes, 'source');
      const group = { ...ref, sourceDigest: record.digest, fileName: 'whole.gif' };
      expect(await catalog.commit({ source: record, groups: [group], existing: 'replace' })).toEqual([]);
      for (const page of [1, 2]) {
        const { blob, named } = pyramidOf('whole', page);
        await blobs.put(blob.digest, blob.bytes, 'pyramid');
        expect(await catalog.addPyramid(record.digest, named)).toBe('added');
      }
      const entry = await peer.find(ref);
      expect(entry?.source).toEqual(record);
      expect(await peer.findSource(record.digest)).toEqual(record);
      const any = { number: expect.any(Number) as unknown as number, text: expect.any(String) as unknown as string };
      const told: Whole<ImageGroup> = { ...group, createdAt: any.number, lastAccess: any.number, revision: any.text };
      expect(entry?.group).toEqual(told);
      expect(entry?.group.lastAccess).toBeLessThanOrEqual(clock.now());
    },
  },
  {
    name: 'tells which contexts hold a source, until their last group of it is gone',
    run: async (subject) => {
      const { catalog, peer } = subject;
      const source = testSource('a');
      await store(subject, source, ['key', 'tenant'], ['other', 'tenant'], ['key', '']);
      const holders = async () => {
        const asked = ['tenant', '', 'stranger'].map((context) =>
          peer.holds(groupRef('key', context).context, source.record.digest),
        );
        return Promise.all(asked);
      };
      expect(await holders()).toEqual([true, true, false]);
      await catalog.remove(groupRef('key', 'tenant'));
      expect(await holders()).toEqual([true, true, false]);
      await catalog.remove(groupRef('other', 'tenant'));
      expect(await holders()).toEqual([false, true, false]);
      expect(await catalog.holds(groupRef('key', '').context, blobOf('b').digest)).toBe(false);
    },
  },
  {
    name: 'takes any name: 256 characters of four bytes, names of objects, patterns, look-alikes',
    run: async (subject) => {
      const { catalog } = subject;
      const names = [
        '😀'.repeat(256),
        `${'😀'.repeat(255)}😁`,
        'x'.repeat(256),
        '__proto__',
        'constructor',
        '*',
        'a:b',
        'a{b}',
        '[a-z]?\\',
        '../../etc/passwd',
        'é',
        'e\u0301',
        ' ',
        '%2F',
      ];
      const source = testSource('a');
      await store(subject, source, ...names.flatMap((name) => [[name] as const, [name, name] as const]));
      for (const name of names) {
        expect((await catalog.find(groupRef(name)))?.group.imageKey).toBe(name);
        expect((await catalog.find(groupRef(name, name)))?.group.context).toBe(name);
        expect(await catalog.count(name as Context)).toBe(1);
        expect(await keysOf(catalog, name)).toEqual([name]);
      }
      expect(await catalog.count()).toBe(names.length);
      expect((await keysOf(catalog)).toSorted()).toEqual(names.toSorted());
      expect(await catalog.remove({ context: '*' as Context })).toBe(1);
      expect(await catalog.remove({ imageKey: '[a-z]?\\' as ImageKey })).toBe(2);
      expect(await catalog.count()).toBe(names.length - 1);
    },
  },
  {
    name: 'writes nothing when blobs are missing, and names each of them once',
    run: async (subject) => {
      const { catalog, blobs } = subject;
      const same = blobOf('same');
      const source = testSource('a', { previews: [blobOf('p'), same, same] });
      await blobs.put(blobOf('p').digest, blobOf('p').bytes, 'preview');
      const ref = groupRef('key');
      const missing = await catalog.commit(commitOf(source, [ref]));
      expect(missing.toSorted()).toEqual([same.digest, source.record.digest].toSorted());
      expect(await catalog.find(ref)).toBeUndefined();
      expect(await catalog.findSource(source.record.digest)).toBeUndefined();
      expect(await catalog.count()).toBe(0);
      await store(subject, source, ['key']);
      expect(await catalog.find(ref)).toBeDefined();
    },
  },
  {
    name: 'does not ask for the blob of a source that is not kept',
    run: async (subject) => {
      const source = testSource('a', { sourceKept: false });
      await store(subject, source, ['key']);
      const entry = await subject.catalog.find(groupRef('key'));
      expect(entry?.source.sourceKept).toBe(false);
      expect(await subject.catalog.usage()).toMatchObject({
        previewBytes: 170,
        sourceBytes: 0,
      });
    },
  },
];

const changing: readonly ContractCase<CatalogSubject>[] = [
  {
    name: 'replaces a group: another source, another revision, the old source forgotten',
    run: async (subject) => {
      const { catalog } = subject;
      const [old, next] = [testSource('old'), testSource('next')];
      await store(subject, old, ['key']);
      const before = await catalog.find(groupRef('key'));
      await store(subject, next, ['key']);
      const after = await catalog.find(groupRef('key'));
      expect(after?.source).toEqual(next.record);
      expect(after?.group.revision).not.toBe(before?.group.revision);
      expect(await catalog.findSource(old.record.digest)).toBeUndefined();
      expect(await catalog.count()).toBe(1);
      expect(await sweepAll(catalog)).toEqual(digestsOf(old));
    },
  },
  {
    name: 'keeps a group that exists when told so, and makes those that do not',
    run: async (subject) => {
      const { catalog, blobs } = subject;
      const [old, next] = [testSource('old'), testSource('next')];
      await store(subject, old, ['key']);
      const before = await catalog.find(groupRef('key'));
      await storeBlobs(blobs, next);
      const refs = [groupRef('key'), groupRef('new')];
      expect(await catalog.commit(commitOf(next, refs, 'keep'))).toEqual([]);
      expect(await catalog.find(groupRef('key'))).toEqual(before);
      expect((await catalog.find(groupRef('new')))?.source).toEqual(next.record);
    },
  },
  {
    name: 'renews a group of the same source, under another revision, and makes one that is gone; one of another stays',
    run: async (subject) => {
      const { catalog, blobs } = subject;
      const [old, next] = [testSource('old'), testSource('next')];
      await store(subject, old, ['other']);
      await store(subject, next, ['same']);
      const before = await Promise.all(['other', 'same'].map((key) => catalog.find(groupRef(key))));
      await storeBlobs(blobs, next);
      const refs = ['other', 'same', 'gone'].map((key) => groupRef(key));
      expect(await catalog.commit(commitOf(next, refs, 'keep'))).toEqual([]);
      expect(await catalog.find(groupRef('other'))).toEqual(before[0]);
      const renewed = await catalog.find(groupRef('same'));
      expect(renewed?.source).toEqual(next.record);
      expect(renewed?.group.revision).not.toBe(before[1]?.group.revision);
      expect((await catalog.find(groupRef('gone')))?.source).toEqual(next.record);
      await catalog.remove({});
      expect(await sweepAll(catalog)).toEqual([...digestsOf(old), ...digestsOf(next)].toSorted());
    },
  },
  {
    name: 'removes a group at the revision that was seen, and none that was committed since, by whomever',
    run: async (subject) => {
      const { catalog, peer } = subject;
      const ref = groupRef('key', 'tenant');
      const revisionOf = async () => (await catalog.find(ref))?.group.revision ?? 'none';
      const [old, next] = [testSource('old'), testSource('next')];
      await store(subject, old, ['key', 'tenant'], ['other']);
      const first = await revisionOf();
      const changes = [
        () => store(subject, next, ['key', 'tenant']),
        () => peer.commit(commitOf(next, [ref], 'keep')),
        () => store({ ...subject, catalog: peer }, old, ['key', 'tenant']),
      ];
      for (const change of changes) {
        const seen = await revisionOf();
        await change();
        expect(await catalog.removeGroup(ref, seen)).toBe(false);
        expect(await peer.find(ref)).toBeDefined();
      }
      expect(await catalog.removeGroup(ref, first)).toBe(false);
      expect(await catalog.removeGroup(groupRef('key'), await revisionOf())).toBe(false);
      expect(await catalog.removeGroup(ref, await revisionOf())).toBe(true);
      expect(await catalog.find(ref)).toBeUndefined();
      expect(await catalog.removeGroup(ref, await revisionOf())).toBe(false);
      expect(await catalog.usage()).toMatchObject({ groups: 1, keys: 1, sources: 1 });
    },
  },
  {
    name: 'removes no group for the loss of a blob that is stored again',
    run: async (subject) => {
      const { catalog, blobs } = subject;
      const source = testSource('healed');
      await store(subject, source, ['key']);
      const ref = groupRef('key');
      const revision = (await catalog.find(ref))?.group.revision ?? 'none';
      const [lost] = source.record.previews;
      if (lost === undefined) throw new Error('expected a source with a preview');
      expect(await catalog.removeGroup(ref, revision, lost)).toBe(false);
      expect(await catalog.find(ref)).toBeDefined();
      await blobs.delete(lost.digest);
      expect(await catalog.removeGroup(ref, revision, lost)).toBe(true);
      expect(await catalog.find(ref)).toBeUndefined();
    },
  },
  {
    name: 'forgets a source that no group points to, and its blobs are swept',
    run: async (subject) => {
      const { catalog, blobs } = subject;
      const [kept, lost] = [testSource('kept'), testSource('lost')];
      await store(subject, kept, ['key']);
      await storeBlobs(blobs, lost);
      await catalog.commit(commitOf(lost, [groupRef('key')], 'keep'));
      expect(await catalog.findSource(lost.record.digest)).toBeUndefined();
      await catalog.commit(commitOf(lost, []));
      expect(await catalog.findSource(lost.record.digest)).toBeUndefined();
      expect(await catalog.usage()).toMatchObject({ sources: 1, groups: 1 });
      expect(await sweepAll(catalog)).toEqual(digestsOf(lost));
      expect(await blobs.has(kept.record.digest)).toBe(true);
    },
  },
  {
    name: "replacing a source's previews is seen by all its groups, under new revisions",
    run: async (subject) => {
      const { catalog, peer } = subject;
      const shared = blobOf('shared', 70);
      const first = testSource('a', {
        previews: [shared, blobOf('dropped', 30)],
        complete: false,
      });
      await store(subject, first, ['1'], ['2', 'tenant']);
      const refs = [groupRef('1'), groupRef('2', 'tenant')];
      const before = await Promise.all(refs.map((ref) => catalog.find(ref)));
      const second = testSource('a', { previews: [shared, blobOf('new', 90)] });
      await store(subject, second);
      for (const [index, ref] of refs.entries()) {
        const entry = await peer.find(ref);
        expect(entry?.source).toEqual(second.record);
        expect(entry?.group.revision).not.toBe(before[index]?.group.revision);
        expect(entry?.group.createdAt).toBe(before[index]?.group.createdAt);
      }
      expect(await catalog.usage()).toMatchObject({ previewBytes: 160 });
      expect(await sweepAll(catalog)).toEqual([blobOf('dropped', 30).digest]);
    },
  },
  {
    name: 'late work of a sequence that is complete changes nothing, and its groups get the complete record',
    run: async (subject) => {
      const { catalog, blobs } = subject;
      const complete = testSource('a');
      const late = testSource('a', { previews: [blobOf('late')], complete: false });
      await store(subject, complete, ['1']);
      const before = await catalog.find(groupRef('1'));
      await storeBlobs(blobs, late);
      expect(await catalog.commit(commitOf(late, [groupRef('2')]))).toEqual([]);
      expect(await catalog.commit(commitOf(late, []))).toEqual([]);
      expect(await catalog.find(groupRef('1'))).toEqual(before);
      expect((await catalog.find(groupRef('2')))?.source).toEqual(complete.record);
      expect(await collect(catalog.unfinished())).toEqual([]);
      expect(await catalog.usage()).toMatchObject({ previewBytes: 170, sourceBytes: 200 });
      const remade = testSource('a', { previews: [blobOf('remade')], complete: false, sequenceId: 'f'.repeat(16) });
      await store(subject, remade, ['1']);
      expect((await catalog.find(groupRef('2')))?.source).toEqual(remade.record);
    },
  },
  {
    name: 'every commit of a group changes its revision, even to the same',
    run: async (subject) => {
      const revisions = new Set<string | undefined>();
      for (let n = 0; n < 5; n++) {
        await store(subject, testSource('a'), ['key']);
        const entry = await subject.catalog.find(groupRef('key'));
        revisions.add(entry?.group.revision);
      }
      expect(revisions.size).toBe(5);
      expect(revisions.has(undefined)).toBe(false);
    },
  },
  {
    name: 'lists unfinished sources until they are complete or gone',
    run: async (subject) => {
      const { catalog } = subject;
      await store(subject, testSource('a', { complete: false }), ['a']);
      await store(subject, testSource('b', { complete: false }), ['b']);
      await store(subject, testSource('c', { complete: false }), ['c']);
      await store(subject, testSource('d'), ['d']);
      expect((await collect(catalog.unfinished())).toSorted()).toEqual(
        ['a', 'b', 'c'].map((s) => testSource(s).record.digest).toSorted(),
      );
      await store(subject, testSource('a'));
      await catalog.remove({ imageKey: 'b' as ImageKey });
      expect(await collect(catalog.unfinished())).toEqual([testSource('c').record.digest]);
    },
  },
  {
    name: 'keeps what is made on demand as such, and takes nothing of it for unfinished',
    run: async (subject) => {
      const { catalog } = subject;
      const lazy = testSource('a', { onDemand: true, previews: [blobOf('small a', 50)] });
      await store(subject, lazy, ['key']);
      const before = await catalog.find(groupRef('key'));
      expect(before?.source).toEqual(lazy.record);
      expect(await collect(catalog.unfinished())).toEqual([]);
      // One more was asked for: without a group, by another process perhaps.
      const more = testSource('a', { onDemand: true });
      await store(subject, more);
      const after = await catalog.find(groupRef('key'));
      expect(after?.source).toEqual(more.record);
      expect(after?.group.revision).not.toBe(before?.group.revision);
      expect((await catalog.evictSources(1)).sources).toBe(1);
      expect((await catalog.find(groupRef('key')))?.source).toEqual({ ...more.record, sourceKept: false });
    },
  },
  {
    name: 'commits of one group at the same time end in one of them, counted once',
    run: async (subject) => {
      const { catalog, peer, blobs } = subject;
      const sources = Array.from({ length: 12 }, (_, n) => testSource(`${n}`));
      await Promise.all(sources.map((source) => storeBlobs(blobs, source)));
      await Promise.all(
        sources.map((source, n) => (n % 2 ? catalog : peer).commit(commitOf(source, [groupRef('key')]))),
      );
      const found = (await catalog.find(groupRef('key')))?.source.digest;
      const lost = sources.filter(({ record }) => record.digest !== found);
      expect(lost).toHaveLength(11);
      expect(await catalog.usage()).toEqual({
        groups: 1,
        keys: 1,
        sources: 1,
        previewBytes: 170,
        sourceBytes: 200,
      });
      expect(await sweepAll(catalog)).toEqual(lost.flatMap(digestsOf).toSorted());
    },
  },
  {
    name: 'tells revisions at once or not at all, and a changed generation after every change',
    run: async (subject) => {
      const { catalog, peer } = subject;
      const ref = groupRef('key');
      expect(catalog.revisionOf(ref)).toBeUndefined();
      const changes = [
        () => store(subject, testSource('a'), ['key']),
        () => store(subject, testSource('b'), ['key']),
        () => store(subject, testSource('b', { previews: [blobOf('p')] })),
        () => catalog.remove({ context: '' as Context }),
      ];
      for (const change of changes) {
        const before = [catalog.generation(), peer.generation()];
        await change();
        expect(catalog.generation()).not.toBe(before[0]);
        const current = (await catalog.find(ref))?.group.revision;
        expect([current, undefined]).toContain(catalog.revisionOf(ref));
        await expect.poll(() => peer.generation(), { timeout: 60_000, interval: 5 }).not.toBe(before[1]);
        expect([current, undefined]).toContain(peer.revisionOf(ref));
      }
      const quiet = catalog.generation();
      await catalog.find(ref);
      expect(catalog.generation()).toBe(quiet);
    },
  },
];

const counting: readonly ContractCase<CatalogSubject>[] = [
  {
    name: 'counts keys of one context, and distinct keys over all',
    run: async (subject) => {
      const { catalog, peer } = subject;
      expect(await catalog.count()).toBe(0);
      expect(await catalog.count('a' as Context)).toBe(0);
      await store(subject, testSource('1'), ['k1', 'a'], ['k1', 'b'], ['k2', 'a']);
      await store(subject, testSource('2'), ['k1'], ['k1', 'a']);
      expect(await peer.count()).toBe(2);
      expect(await peer.count('a' as Context)).toBe(2);
      expect(await catalog.count('b' as Context)).toBe(1);
      expect(await catalog.count('' as Context)).toBe(1);
      expect(await catalog.count('c' as Context)).toBe(0);
      await catalog.remove({ context: 'a' as Context });
      expect(await catalog.count()).toBe(1);
      expect(await catalog.count('a' as Context)).toBe(0);
    },
  },
  {
    name: 'lists keys ascending by their UTF-8 bytes, each once',
    run: async (subject) => {
      const { catalog } = subject;
      // UTF-16 order would put the surrogates of 😀 before U+FF5E.
      const ascending = ['!', 'A', 'Z', 'a', 'aa', 'b', 'é', '～', '😀'];
      const source = testSource('a');
      await store(subject, source, ...ascending.map((key) => [key, 't'] as const));
      await store(subject, source, ...ascending.toReversed().map((key) => [key] as const));
      await store(subject, source, ['other', 'u']);
      expect(await keysOf(catalog, 't')).toEqual(ascending);
      expect(await keysOf(catalog, '')).toEqual(ascending);
      expect(await keysOf(catalog, 'u')).toEqual(['other']);
      expect(await keysOf(catalog, 'v')).toEqual([]);
      expect(await keysOf(catalog)).toEqual([...ascending.slice(0, 6), 'other', ...ascending.slice(6)]);
    },
  },
  {
    name: 'lists many keys in bounded batches',
    run: async (subject) => {
      const { catalog } = subject;
      const keys = Array.from({ length: 2_500 }, (_, n) => `k${10_000 + n}`);
      await store(subject, testSource('a'), ...keys.map((key) => [key] as const));
      const batches = await collect(catalog.keys());
      expect(batches.flat()).toEqual(keys);
      expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThanOrEqual(1_000);
    },
  },
  {
    name: "counts every stored blob's bytes once",
    run: async (subject) => {
      const { catalog } = subject;
      const shared = blobOf('shared', 1_000);
      const one = testSource('1', { previews: [shared, blobOf('own 1', 10)] });
      const two = testSource('2', { previews: [shared, shared] });
      await store(subject, one, ['1'], ['1 again'], ['1', 'tenant']);
      await store(subject, two, ['2']);
      expect(await catalog.usage()).toEqual({
        groups: 4,
        keys: 3,
        sources: 2,
        previewBytes: 1_010,
        sourceBytes: 400,
      });
      await catalog.remove({ imageKey: '2' as ImageKey });
      expect(await catalog.usage()).toMatchObject({
        previewBytes: 1_010,
        sourceBytes: 200,
      });
      await catalog.remove({});
      expect(await catalog.usage()).toEqual({
        groups: 0,
        keys: 0,
        sources: 0,
        previewBytes: 0,
        sourceBytes: 0,
      });
    },
  },
];

const removing: readonly ContractCase<CatalogSubject>[] = [
  {
    name: 'removes one group, a key in all contexts, a context, or everything',
    run: async (subject) => {
      const { catalog } = subject;
      const names = ['a', 'b', 'c'].flatMap((key) => ['', 't', 'u'].map((context) => [key, context] as const));
      await store(subject, testSource('x'), ...names);
      const [a, b, t] = ['a' as ImageKey, 'b' as ImageKey, 't' as Context];
      expect(await catalog.remove({ imageKey: a, context: t })).toBe(1);
      expect(await catalog.find(groupRef('a', 't'))).toBeUndefined();
      expect(await catalog.find(groupRef('a', 'u'))).toBeDefined();
      expect(await catalog.remove({ imageKey: b })).toBe(3);
      expect(await keysOf(catalog)).toEqual(['a', 'c']);
      expect(await catalog.remove({ context: t })).toBe(1);
      expect(await catalog.remove({ context: t })).toBe(0);
      expect(await catalog.remove({ imageKey: a, context: t })).toBe(0);
      expect(await catalog.remove({})).toBe(4);
      expect(await catalog.count()).toBe(0);
      expect(await catalog.remove({})).toBe(0);
    },
  },
  {
    name: 'removes thousands, and is seen by every client',
    run: async (subject) => {
      const { catalog, peer } = subject;
      const source = testSource('x');
      for (let batch = 0; batch < 3; batch++) {
        const names = Array.from({ length: 1_000 }, (_, n) => `${batch}/${n}`);
        await store(subject, source, ...names.map((key) => [key, 't'] as const));
      }
      await store(subject, source, ['0/1']);
      expect(await catalog.remove({ context: 't' as Context })).toBe(3_000);
      expect(await peer.find(groupRef('0/1', 't'))).toBeUndefined();
      expect(await peer.find(groupRef('0/1'))).toBeDefined();
      expect(await peer.count()).toBe(1);
    },
  },
  {
    name: 'a source lives as long as one group points to it, a blob as long as one source names it',
    run: async (subject) => {
      const { catalog, blobs } = subject;
      const shared = blobOf('shared');
      const one = testSource('1', { previews: [shared, blobOf('own')] });
      const two = testSource('2', { previews: [shared] });
      await store(subject, one, ['1a'], ['1b', 't']);
      await store(subject, two, ['2']);
      await catalog.remove({ imageKey: '1a' as ImageKey });
      expect(await sweepAll(catalog)).toEqual([]);
      expect((await catalog.find(groupRef('1b', 't')))?.source).toEqual(one.record);
      await catalog.remove({ imageKey: '1b' as ImageKey });
      expect(await sweepAll(catalog)).toEqual([one.record.digest, blobOf('own').digest].toSorted());
      expect(await blobs.get(blobOf('own').digest)).toBeUndefined();
      expect(await blobs.get(shared.digest)).toEqual(shared.bytes);
      await catalog.remove({ imageKey: '2' as ImageKey });
      expect(await sweepAll(catalog)).toEqual(digestsOf(two));
      expect(await blobs.has(shared.digest)).toBe(false);
    },
  },
  {
    name: 'a blob that is named again before it was swept stays',
    run: async (subject) => {
      const { catalog, blobs } = subject;
      const source = testSource('1');
      await store(subject, source, ['key']);
      await catalog.remove({});
      expect(await catalog.commit(commitOf(source, [groupRef('key')]))).toEqual([]);
      expect(await sweepAll(catalog)).toEqual([]);
      for (const { digest, bytes } of [source.source, ...source.previews])
        expect(await blobs.get(digest)).toEqual(bytes);
      await catalog.remove({});
      expect(await sweepAll(catalog)).toEqual(digestsOf(source));
      expect((await catalog.commit(commitOf(source, [groupRef('key')]))).toSorted()).toEqual(digestsOf(source));
    },
  },
];

const evicting: readonly ContractCase<CatalogSubject>[] = [
  {
    name: 'evicts the groups used longest ago',
    run: async (subject) => {
      const { catalog, clock } = subject;
      for (const key of ['a', 'b', 'c', 'd']) await store(subject, testSource(key), [key]);
      const at = (hours: number) => clock.now() + hours * HOUR_MS;
      await catalog.touch([
        { ref: groupRef('a'), at: at(4) },
        { ref: groupRef('c'), at: at(2) },
        { ref: groupRef('unknown'), at: at(9) },
        { ref: groupRef('d'), at: at(3) },
      ]);
      const evicted = await catalog.evictGroups(1);
      expect(evicted).toEqual({ groups: 1, sources: 1, bytes: 370 });
      expect(await keysOf(catalog)).toEqual(['a', 'c', 'd']);
      await catalog.touch([{ ref: groupRef('c'), at: at(5) }]);
      expect(await catalog.evictGroups(2)).toMatchObject({ groups: 2 });
      expect(await keysOf(catalog)).toEqual(['c']);
      expect(await catalog.evictGroups(10)).toMatchObject({ groups: 1 });
      expect(await catalog.evictGroups(10)).toEqual({ groups: 0, sources: 0, bytes: 0 });
      expect(await sweepAll(catalog)).toHaveLength(12);
    },
  },
  {
    name: 'evicts by age: only what was last used before the given time',
    run: async (subject) => {
      const { catalog, clock } = subject;
      for (const key of ['a', 'b', 'c']) await store(subject, testSource(key), [key]);
      const now = clock.now();
      await catalog.touch([
        { ref: groupRef('a'), at: now + 2 * HOUR_MS },
        { ref: groupRef('b'), at: now + 4 * HOUR_MS },
        { ref: groupRef('c'), at: now + 6 * HOUR_MS },
      ]);
      expect(await catalog.evictGroups(10, now - HOUR_MS)).toMatchObject({ groups: 0 });
      expect(await catalog.evictGroups(10, now + 5 * HOUR_MS)).toMatchObject({ groups: 2 });
      expect(await keysOf(catalog)).toEqual(['c']);
    },
  },
  {
    name: 'tells when the group that was used longest ago was used last',
    run: async (subject) => {
      const { catalog, clock } = subject;
      expect(await catalog.oldestUse()).toBeUndefined();
      const now = clock.now();
      for (const key of ['a', 'b']) await store(subject, testSource(key), [key]);
      await catalog.touch([{ ref: groupRef('a'), at: now + 4 * HOUR_MS }]);
      // Uses are as coarse as they are noted.
      expect(Math.abs(((await catalog.oldestUse()) ?? 0) - now)).toBeLessThan(HOUR_MS);
      await catalog.remove({ imageKey: 'b' as ImageKey });
      expect(Math.abs(((await catalog.oldestUse()) ?? 0) - (now + 4 * HOUR_MS))).toBeLessThan(HOUR_MS);
    },
  },
  {
    name: 'an older access does not take back a newer one',
    run: async (subject) => {
      const { catalog, clock } = subject;
      for (const key of ['a', 'b']) await store(subject, testSource(key), [key]);
      const now = clock.now();
      await catalog.touch([
        { ref: groupRef('a'), at: now + 6 * HOUR_MS },
        { ref: groupRef('b'), at: now + 4 * HOUR_MS },
      ]);
      await catalog.touch([{ ref: groupRef('a'), at: now + 2 * HOUR_MS }]);
      expect(await catalog.evictGroups(1)).toMatchObject({ groups: 1 });
      expect(await keysOf(catalog)).toEqual(['a']);
    },
  },
  {
    name: 'evicts the blobs of sources used longest ago; their previews stay',
    run: async (subject) => {
      const { catalog, blobs, clock } = subject;
      const [a, b, c] = ['a', 'b', 'c'].map((key) => testSource(key)) as [TestSource, TestSource, TestSource];
      for (const source of [a, b, c]) await store(subject, source, [source === a ? 'a' : source === b ? 'b' : 'c']);
      await catalog.touch([{ ref: groupRef('a'), at: clock.now() + 2 * HOUR_MS }]);
      await catalog.touch([{ ref: groupRef('c'), at: clock.now() + 4 * HOUR_MS }]);
      expect(await catalog.evictSources(2)).toEqual({ groups: 0, sources: 2, bytes: 400 });
      expect(await sweepAll(catalog)).toEqual([a.record.digest, b.record.digest].toSorted());
      expect(await blobs.has(c.record.digest)).toBe(true);
      expect((await catalog.find(groupRef('a')))?.source).toEqual({ ...a.record, sourceKept: false });
      expect((await catalog.find(groupRef('c')))?.source).toEqual(c.record);
      expect(await catalog.usage()).toMatchObject({ groups: 3, sources: 3, previewBytes: 510, sourceBytes: 200 });
      expect(await catalog.evictSources(5)).toEqual({ groups: 0, sources: 1, bytes: 200 });
      expect(await catalog.evictSources(5)).toEqual({ groups: 0, sources: 0, bytes: 0 });
    },
  },
  {
    name: 'does not evict the blob of a source that is still to be converted',
    run: async (subject) => {
      const { catalog } = subject;
      await store(subject, testSource('a', { complete: false }), ['a']);
      await store(subject, testSource('b'), ['b']);
      expect(await catalog.evictSources(5)).toMatchObject({ sources: 1 });
      expect((await catalog.find(groupRef('a')))?.source.sourceKept).toBe(true);
      await store(subject, testSource('a'));
      expect(await catalog.evictSources(5)).toMatchObject({ sources: 1 });
    },
  },
  {
    name: 'evicting a group of a shared source frees nothing yet',
    run: async (subject) => {
      const { catalog, clock } = subject;
      await store(subject, testSource('a'), ['1'], ['2']);
      await catalog.touch([{ ref: groupRef('2'), at: clock.now() + 2 * HOUR_MS }]);
      expect(await catalog.evictGroups(1)).toEqual({ groups: 1, sources: 0, bytes: 0 });
      expect(await sweepAll(catalog)).toEqual([]);
      expect(await catalog.find(groupRef('2'))).toBeDefined();
    },
  },
];

const pyramidOf = (seed: string, page = 1) => {
  const blob = blobOf(`pyramid ${seed} ${page}`, 300);
  return {
    blob,
    named: { page, digest: blob.digest, bytes: 300, indexDigest: blobOf(`index ${seed}`).digest, type: 'jpg' as const },
  };
};

const ofPyramids: readonly ContractCase<CatalogSubject>[] = [
  {
    name: 'names a pyramid that is added, and keeps it over every commit until the source goes',
    run: async (subject) => {
      const { catalog, peer, blobs } = subject;
      const source = testSource('a');
      await store(subject, source, ['key']);
      const before = await catalog.find(groupRef('key'));
      const { blob, named } = pyramidOf('a');
      await blobs.put(blob.digest, blob.bytes, 'pyramid');
      expect(await peer.addPyramid(source.record.digest, named)).toBe('added');
      const { page: _, ...pyramid } = named;
      const after = await catalog.find(groupRef('key'));
      expect(after?.source).toEqual({ ...source.record, pyramid });
      expect(after?.group.revision).not.toBe(before?.group.revision);
      // Whoever commits may never have heard of it, as one that began before it.
      const more = testSource('a', { previews: [...source.previews, blobOf('more')] });
      await store(subject, more, ['other']);
      expect((await peer.find(groupRef('key')))?.source).toEqual({ ...more.record, pyramid });
      expect(await sweepAll(catalog)).toEqual([]);
      expect(await catalog.usage()).toMatchObject({ previewBytes: 170 + 64 + 300 });
      await catalog.remove({});
      expect(await sweepAll(catalog)).toContain(blob.digest);
    },
  },
  {
    name: 'adds no pyramid to what is gone, and none whose blob is',
    run: async (subject) => {
      const { catalog, blobs } = subject;
      const source = testSource('a');
      const { blob, named } = pyramidOf('a');
      await store(subject, source, ['key']);
      expect(await catalog.addPyramid(source.record.digest, named)).toBe('no-blob');
      expect(await catalog.findSource(source.record.digest)).toEqual(source.record);
      await blobs.put(blob.digest, blob.bytes, 'pyramid');
      await catalog.remove({});
      expect(await catalog.addPyramid(source.record.digest, named)).toBe('no-source');
      expect(await catalog.findSource(source.record.digest)).toBeUndefined();
    },
  },
  {
    name: 'keeps previews and pyramids of many pages that are written at the same time by two clients',
    run: async (subject) => {
      const { catalog, peer, blobs } = subject;
      const pages = [1, 2, 3, 4, 5, 6].map((page) => pyramidOf('a', page));
      for (const { blob } of pages) await blobs.put(blob.digest, blob.bytes, 'pyramid');
      const few = testSource('a');
      await store(subject, few, ['key']);
      const more = testSource('a', { previews: [...few.previews, blobOf('more')] });
      await storeBlobs(blobs, more);
      const added = pages.map(({ named }, index) =>
        (index % 2 === 0 ? catalog : peer).addPyramid(few.record.digest, named),
      );
      const committed = ['b', 'c', 'd'].map((key) => peer.commit(commitOf(more, [groupRef(key)])));
      expect(await Promise.all(added)).toEqual(pages.map(() => 'added'));
      expect(await Promise.all(committed)).toEqual([[], [], []]);
      const found = await catalog.findSource(few.record.digest);
      expect(found?.previews).toEqual(more.record.previews);
      expect(found?.pyramid?.digest).toBe(pages[0]?.blob.digest);
      expect(found?.pagePyramids?.map(({ page }) => page).toSorted()).toEqual([2, 3, 4, 5, 6]);
      expect(await sweepAll(catalog)).toEqual([]);
    },
  },
  {
    name: 'names the pyramids of 32 pages beside the first, the latest, and the source may lose its own blob meanwhile',
    run: async (subject) => {
      const { catalog, blobs } = subject;
      const source = testSource('a');
      await store(subject, source, ['key']);
      const pages = Array.from({ length: 34 }, (_, index) => pyramidOf('a', index + 1));
      for (const { blob, named } of pages) {
        await blobs.put(blob.digest, blob.bytes, 'pyramid');
        if (named.page === 3) expect(await catalog.evictSources(1)).toMatchObject({ sources: 1 });
        expect(await catalog.addPyramid(source.record.digest, named)).toBe('added');
      }
      const found = await catalog.findSource(source.record.digest);
      expect(found?.sourceKept).toBe(false);
      expect(found?.pagePyramids?.map(({ page }) => page)).toEqual(Array.from({ length: 32 }, (_, at) => at + 3));
      const gone = [source.source.digest, pages[1]?.blob.digest].toSorted();
      expect(await sweepAll(catalog)).toEqual(gone);
    },
  },
];

export const catalogCases: readonly ContractCase<CatalogSubject>[] = [
  ...finding,
  ...changing,
  ...ofPyramids,
  ...counting,
  ...removing,
  ...evicting,
];

export function catalogContract(name: string, open: Open<CatalogSubject>): void {
  describeContract(`${name} keeps the catalog contract`, catalogCases, open);
}
