// Members that name nothing of ours in the sets that eviction, sweeps, lists and clears walk, put there by somebody else, before all that
// does: what stands behind them is reached all the same, no walk goes on for ever, and they are gone afterwards, and counted as damage.
import { createClient } from '@redis/client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Digest, digestOf } from '../../../src/kernel/digest.js';
import { newAssetId } from '../../../src/kernel/library/ids.js';
import {
  ALL_SHARDS,
  digestShard,
  groupName,
  groupShard,
  KeyLayout,
  type Shard,
} from '../../../src/stores/redis/key-layout.js';
import { LibraryKeys } from '../../../src/stores/redis/library/library-keys.js';
import { FakeClock } from '../../support/fake-clock.js';
import { arrived, newImport } from '../../support/library.js';
import { blobOf, commitOf, groupRef, storeBlobs, testSource } from '../../support/records.js';
import { openRedisLibrarySubject } from '../../support/redis-library.js';
import { type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { newPrefix, openTestStore, PATIENT, type TestStore } from '../../support/redis-store.js';

/** Of each shard. More than are looked at in one go. */
const STRAYS = 70;
const MAX_ENTRIES = 64;
const TENANT = 'tenant';
const ref = groupRef('key', TENANT);
const source = testSource('a', { sourceKept: true });

let servers: RedisServers;
let client: ReturnType<typeof createClient>;
let store: TestStore;
let keys: KeyLayout;
let clock: FakeClock;
beforeAll(async () => {
  servers = await startStandalone();
  client = createClient({ url: servers.url });
  client.on('error', () => undefined);
  await client.connect();
});
afterAll(async () => {
  client.destroy();
  await servers.stop();
});
beforeEach(async () => {
  const prefix = newPrefix();
  keys = new KeyLayout(prefix);
  clock = new FakeClock();
  const refusals = { ttlMs: 60_000, maxEntries: MAX_ENTRIES, rules: 'rules' };
  store = await openTestStore(servers.url, prefix, { ...PATIENT, clock, refusals });
});
afterEach(() => store.close());

type Member = string | Buffer;
const named = (name: string): Digest => digestOf(Buffer.from(name));
const elsewhere = (shard: Shard, n: number): Digest => {
  for (let tries = 0; ; tries++) {
    const digest = named(`${n}/${tries}`);
    if (digestShard(digest) !== shard) return digest;
  }
};

/** What `named` made of digests of other shards, texts that are none, and bytes that are no text. */
function* straysOf(shard: Shard, nameOf: (digest: Digest) => string): Generator<Member> {
  for (let n = 0; n < STRAYS; n++) {
    if (n % 3 === 0) yield nameOf(elsewhere(shard, n));
    else if (n % 3 === 1) yield `../../etc/passwd${n}`;
    else yield Buffer.from([0xff, 0xfe, n]);
  }
}

/** Before all others, in the sets of all shards, or of one. */
async function plant(
  keyOf: (shard: Shard) => string,
  membersOf: (shard: Shard) => Iterable<Member>,
  shards: readonly Shard[] = ALL_SHARDS,
): Promise<void> {
  for (const shard of shards)
    await client.zAdd(
      keyOf(shard),
      [...membersOf(shard)].map((value) => ({ score: -1, value })),
    );
}
const left = async (keyOf: (shard: Shard) => string): Promise<number> =>
  (await Promise.all(ALL_SHARDS.map((shard) => client.zCount(keyOf(shard), '-inf', '(0')))).reduce((a, b) => a + b);

async function put(of = source, as = ref): Promise<void> {
  await storeBlobs(store.blobs, of);
  expect(await store.catalog.commit(commitOf(of, [as]))).toEqual([]);
}
const groupsElsewhere = (shard: Shard): string[] =>
  Array.from({ length: STRAYS * 3 }, (_, n) => groupRef(`stray ${n}`, TENANT))
    .filter(({ imageKey }) => groupShard(imageKey) !== shard)
    .slice(0, STRAYS)
    .map(groupName);

it('pictures on demand are evicted', async () => {
  const picture = blobOf('picture', 10);
  const facts = { type: 'jpg', widthPx: 3, heightPx: 2, bytes: 10, digest: picture.digest } as const;
  await store.derivatives.put(source.record.digest, named('recipe'), facts, picture.bytes);
  const keyOf = (shard: Shard): string => keys.derivativeUses(shard);
  await plant(keyOf, (shard) => straysOf(shard, (digest) => `${digest}:${named('recipe')}`));
  expect(await store.derivatives.evict(0)).toBe(1);
  expect(await store.derivatives.usage()).toEqual({ entries: 0, bytes: 0 });
  expect(await left(keyOf)).toBe(0);
  expect(store.metrics.total('damaged_records_total')).toBe(STRAYS * ALL_SHARDS.length);
  // What is said to be there and is not is no reason to look for ever, nor to evict what comes next at once.
  await client.hSet(keys.derivativeCosts(0 as Shard), 'all', '1000000000');
  expect(await store.derivatives.evict(0)).toBe(0);
});

it('kept sources are evicted', async () => {
  await put();
  const keyOf = (shard: Shard): string => keys.evictable(shard);
  await plant(keyOf, (shard) => straysOf(shard, (digest) => digest));
  expect(await store.catalog.evictSources(1)).toMatchObject({ sources: 1 });
  expect(await left(keyOf)).toBe(0);
});

it('groups are evicted, and the oldest use is told', async () => {
  await put();
  const keyOf = (shard: Shard): string => keys.access(shard);
  await plant(keyOf, (shard) => [...straysOf(shard, (digest) => digest), ...groupsElsewhere(shard)]);
  expect(await store.catalog.oldestUse()).toBe(clock.now());
  expect(await left(keyOf)).toBe(0);
  await plant(keyOf, (shard) => [...straysOf(shard, (digest) => digest), ...groupsElsewhere(shard)]);
  expect(await store.catalog.evictGroups(1)).toMatchObject({ groups: 1 });
});

it('aged sources and orphans are swept', async () => {
  await put();
  clock.advance(3_600_000 + 25 * 3_600_000);
  await plant(
    (shard) => keys.used(shard),
    (shard) => straysOf(shard, (digest) => digest),
  );
  await store.catalog.sweep(100);
  expect(await store.catalog.findSource(source.record.digest)).toBeUndefined();
  for (const shard of ALL_SHARDS)
    await client.sAdd(keys.orphans(shard), [...straysOf(shard, (digest) => digest)].slice(0, 2));
  await store.catalog.sweep(1_000);
  for (const shard of ALL_SHARDS) expect(await client.sCard(keys.orphans(shard))).toBe(0);
});

it.each([
  ['of all contexts', {}],
  ['of a context', { context: ref.context }],
])('groups %s are cleared', async (_of, selection) => {
  await put();
  const strays = (shard: Shard): Member[] => [
    ...groupsElsewhere(shard).map((name) => `C${name}`),
    ...Array.from({ length: STRAYS }, (_, n) => `C-${n}`),
  ];
  await plant((shard) => keys.index(shard), strays, [3 as Shard, 5 as Shard]);
  await client.zAdd(
    keys.index(3 as Shard),
    strays(3 as Shard).map((value) => ({ score: 0, value })),
  );
  expect(await store.catalog.remove(selection)).toBe(1);
  expect(await store.catalog.find(ref)).toBeUndefined();
});

it('the context that has most loses groups and sources', async () => {
  await put();
  const shard = 7 as Shard;
  await plant(
    (of) => keys.index(of),
    (of) => [...groupsElsewhere(of).map((name) => `C${name}`), 'C-'],
    [shard],
  );
  await client.zAdd(keys.index(shard), [...groupsElsewhere(shard).map((name) => ({ score: 0, value: `C${name}` }))]);
  for (let n = 0; n < 12; n++)
    for (const of of ALL_SHARDS) await client.zAdd(keys.contexts(of), { score: 1_000_000 + n, value: `nobody ${n}` });
  expect((await store.fair.evictGroupsOfHeaviest('groups', 1)).groups).toBe(1);
  await put();
  const since = '0'.repeat(13);
  await plant(
    (of) => keys.keptOf(of),
    (of) =>
      [...straysOf(of, (digest) => `${TENANT}\0${since}${digest}`)].map((member) =>
        typeof member === 'string' && member.startsWith(TENANT) ? member : `${TENANT}\0${since}${String(member)}`,
      ),
  );
  for (const of of ALL_SHARDS)
    for (const member of await client.zRange(keys.keptOf(of), 0, -1))
      await client.zAdd(keys.keptOf(of), { score: 0, value: member });
  expect((await store.fair.evictSourcesOfHeaviest(1)).sources).toBe(1);
});

it('remembered failures make room and are forgotten', async () => {
  const refusals = store.refusals;
  if (refusals === undefined) throw new Error('expected refusals');
  const failure = { code: 'source-undecodable', message: 'it is corrupt', certain: true } as const;
  const keyOf = (shard: Shard): string => keys.refusals(shard);
  await plant(keyOf, (shard) => straysOf(shard, (digest) => digest));
  // Not over yet, so that no note takes them for old ones.
  for (const shard of ALL_SHARDS)
    for (const value of straysOf(shard, (digest) => digest))
      await client.zAdd(keyOf(shard), { score: clock.now() + 1, value });
  await refusals.note(named('bad'), failure);
  expect(await refusals.find(named('bad'))).toMatchObject(failure);
  expect(await left(keyOf)).toBe(0);
  for (const shard of ALL_SHARDS)
    for (const value of straysOf(shard, (digest) => digest))
      await client.zAdd(keyOf(shard), { score: clock.now() + 1, value });
  expect(await refusals.forget()).toBe(1);
  for (const shard of ALL_SHARDS) expect(await client.zCard(keyOf(shard))).toBe(0);
});

it('a CDN is told of takedowns', async () => {
  const id = `tkd_${'0'.repeat(32)}`;
  for (let n = 0; n < 200; n++) await client.hSet(keys.takedowns('open'), `tkd_${String(n + 1).padStart(32, '0')}`, '');
  const amount = { blobs: 0, bytes: 0 };
  const order = {
    ...{ id, at: 1, by: 'admin', reason: 'because', groups: 1, stillNamed: 0, derivatives: 0 },
    selection: { by: 'key', ...ref },
    lasting: { ...amount, tier: 'shared' },
    ...{ named: [], originals: [], blobs: [], blocked: [], unblocked: [], surrogateKeys: [] },
  } as const;
  await store.takedowns.append(order, { sent: 0, messages: 1, attempts: 0, dueAt: 1 });
  expect(await store.takedowns.openHooks(1)).toEqual([id]);
  expect(await client.hLen(keys.takedowns('open'))).toBe(1);
});

it('the library is swept', async () => {
  const { subject, library, keyPrefix, close } = await openRedisLibrarySubject(servers.url);
  try {
    const of = new LibraryKeys(keyPrefix);
    const wanted = newImport(['a']);
    await subject.assets.acceptImport(wanted);
    const [claim] = await subject.jobs.claim({ kind: 'import-item', limit: 1, leaseMs: 60_000 });
    const outcome = arrived('a', await subject.keep('bytes'));
    if (claim) await subject.jobs.finish(claim, { importId: wanted.id, index: 0, outcome });
    const { context } = wanted;
    await subject.assets.trash(context, outcome.newId);
    const trashedAt = subject.clock.now();
    await subject.advance(10_000);
    // Its own time is later than the one it stands under.
    const strays = Array.from({ length: STRAYS }, (_, n) => (n % 2 === 0 ? `../../etc/passwd${n}` : newAssetId()));
    for (const set of [of.trash, of.unneeded, of.ended, of.newSessions, of.openSlots, of.receivers, of.leaving])
      await client.zAdd(
        set,
        strays.map((value) => ({ score: -1, value })),
      );
    for (const value of ['1.0', '01', '1e0']) await client.zAdd(of.newSessions, { score: -1, value });
    await client.zAdd(of.trash, { score: 1, value: outcome.newId });
    const early = { trashedBefore: trashedAt, unneededBefore: trashedAt, finishedBefore: 1 };
    for (let round = 0; round < 20; round++) {
      expect(await subject.assets.sweep(early, 10)).toMatchObject({ assets: 0 });
      await library.uploads.sweepSlots(1, 10);
      await library.deliveries.sweep(1, 10);
    }
    for (const set of [of.trash, of.unneeded, of.ended, of.newSessions, of.openSlots, of.receivers])
      expect(await client.zCount(set, '-inf', '(0'), set).toBe(0);
    expect(await client.zCard(of.leaving)).toBe(0);
    expect(await client.zScore(of.trash, outcome.newId)).toBe(trashedAt);
    expect(await subject.assets.sweep({ ...early, trashedBefore: trashedAt + 1 }, 10)).toMatchObject({ assets: 1 });
  } finally {
    await close();
  }
});

it('jobs are claimed', async () => {
  const { subject, keyPrefix, close } = await openRedisLibrarySubject(servers.url);
  try {
    const { base } = new LibraryKeys(keyPrefix);
    const turns = Array.from({ length: 1_100 }, (_, n) => ({ score: -1, value: `nobody ${n}` }));
    await client.zAdd(`${base}turns:import-item`, turns);
    await subject.assets.acceptImport(newImport(['a']));
    const wish = { kind: 'import-item', limit: 1, leaseMs: 60_000, admits: () => true } as const;
    const claims = [...(await subject.jobs.claim(wish)), ...(await subject.jobs.claim(wish))];
    expect(claims).toHaveLength(1);
  } finally {
    await close();
  }
});
