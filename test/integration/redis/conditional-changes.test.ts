// What was decided on something that was read does not hit what was committed since: eviction, ageing and sweeping on Redis.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Digest } from '../../../src/kernel/digest.js';
import type { RedisCatalog } from '../../../src/stores/redis/redis-catalog.js';
import { FakeClock } from '../../support/fake-clock.js';
import { commitOf, groupRef, storeBlobs, testSource } from '../../support/records.js';
import { type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { newPrefix, openTestStore, PATIENT, type TestStore } from '../../support/redis-store.js';

const BLOB_TTL_SECONDS = 3_600;
const AGED_MS = BLOB_TTL_SECONDS * 1_000 + 24 * 3_600_000 + 1;

let servers: RedisServers;
let store: TestStore;
let catalog: RedisCatalog;
let clock: FakeClock;
beforeAll(async () => {
  servers = await startStandalone();
});
beforeEach(async () => {
  await store?.close();
  // It stands still: whatever happens has one time.
  clock = new FakeClock();
  store = await openTestStore(servers.url, newPrefix(), { ...PATIENT, clock, blobTtlSeconds: BLOB_TTL_SECONDS });
  catalog = store.catalog as RedisCatalog;
});
afterAll(async () => {
  await store.close();
  await servers.stop();
});

const ref = groupRef('key', 'tenant');
const source = testSource('a', { sourceKept: true });
const next = testSource('b', { sourceKept: true });

async function put(of = source): Promise<void> {
  await storeBlobs(store.blobs, of);
  expect(await catalog.commit(commitOf(of, [ref]))).toEqual([]);
}
const isKept = async (digest: Digest) => (await catalog.findSource(digest))?.sourceKept;

it('a source that is uploaded again after it has aged is not swept as aged', async () => {
  await put();
  clock.advance(AGED_MS);
  await put();
  expect(await catalog.sweep(100)).toEqual([]);
  expect((await catalog.find(ref))?.source).toEqual(source.record);
  clock.advance(AGED_MS);
  await catalog.sweep(100);
  expect(await catalog.find(ref)).toBeUndefined();
  expect(await catalog.findSource(source.record.digest)).toBeUndefined();
});

it('a source that is uploaded again is not the first that is evicted', async () => {
  await put();
  clock.advance(1_000);
  const other = testSource('other', { sourceKept: true });
  await storeBlobs(store.blobs, other);
  await catalog.commit(commitOf(other, [groupRef('other')]));
  clock.advance(1_000);
  await put();
  expect(await catalog.evictSources(1)).toMatchObject({ sources: 1 });
  expect([await isKept(source.record.digest), await isKept(other.record.digest)]).toEqual([true, false]);
});

it('a group that was overwritten at the very time of its last use is not evicted for that use', async () => {
  await put();
  const groups = (catalog as unknown as { groups: { evictable: (refs: unknown) => Promise<unknown>; remove: Remove } })
    .groups;
  const found = await groups.evictable([{ ...ref, usedAt: clock.now() }]);
  await put(next);
  expect(await groups.remove(found, new Map())).toBe(0);
  expect((await catalog.find(ref))?.source).toEqual(next.record);
  expect(await groups.remove(await groups.evictable([{ ...ref, usedAt: clock.now() - 1 }]), new Map())).toBe(0);
  expect(await catalog.evictThese([{ ...ref, usedAt: clock.now() }])).toMatchObject({ groups: 1 });
});
type Remove = (refs: unknown, ended: Map<Digest, unknown>) => Promise<number>;

it('a group that is kept for an upload of its own source is not removed for what was seen of it before', async () => {
  await put();
  const seen = (await catalog.find(ref))?.group.revision ?? '';
  expect(await catalog.commit(commitOf(source, [ref], 'keep'))).toEqual([]);
  expect(await catalog.removeGroup(ref, seen)).toBe(false);
  expect((await catalog.find(ref))?.source).toEqual(source.record);
  expect(await catalog.usage()).toMatchObject({ groups: 1, sources: 1 });
});

it('a kept source is not taken away for a use or a record that are not its last', async () => {
  await put();
  const { digest } = source.record;
  clock.advance(5);
  await put();
  expect(await catalog.unkeepThese([{ digest, usedAt: clock.now() - 5 }])).toMatchObject({ sources: 0 });
  expect(await isKept(digest)).toBe(true);
  expect(await catalog.unkeepThese([{ digest, usedAt: clock.now() }])).toMatchObject({ sources: 1 });
  expect(await isKept(digest)).toBe(false);
});

it('a source that has aged goes with the references of groups that are gone, however many they are', async () => {
  const refs = Array.from({ length: 2_500 }, (_, n) => groupRef(`key ${n}`));
  await storeBlobs(store.blobs, source);
  expect(await catalog.commit(commitOf(source, refs))).toEqual([]);
  // As a crash in the middle of a clear would leave it: no groups, and a source that is still referred to.
  const groups = (catalog as unknown as { groups: { remove: Remove } }).groups;
  expect(await groups.remove(refs, new Map())).toBe(2_500);
  clock.advance(AGED_MS);
  for (let sweeps = 0; sweeps < 10 && (await catalog.findSource(source.record.digest)); sweeps++)
    await catalog.sweep(10);
  expect(await catalog.findSource(source.record.digest)).toBeUndefined();
  expect(await catalog.usage()).toMatchObject({ sources: 0, previewBytes: 0, sourceBytes: 0 });
});
