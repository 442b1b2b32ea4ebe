// Records of the library that somebody else has written or changed in Redis, servers that may take keys away, and two nodes that commit
// at the same time.
import { createClient } from '@redis/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Context } from '../../../src/kernel/image-key.js';
import { newAssetId } from '../../../src/kernel/library/ids.js';
import { parseItemWorkId } from '../../../src/kernel/library/import-job.js';
import type { Claim } from '../../../src/kernel/ports/jobs.js';
import { LibraryKeys } from '../../../src/stores/redis/library/library-keys.js';
import { arrived, newImport } from '../../support/library.js';
import { openRedisLibrarySubject, openTestRedisLibrary } from '../../support/redis-library.js';
import { type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { newPrefix, openTestStore } from '../../support/redis-store.js';

const TENANT = 'tenant' as Context;
const CLAIM = { kind: 'import-item', limit: 1_000, leaseMs: 60_000 } as const;

let servers: RedisServers & Awaited<ReturnType<typeof startStandalone>>;
const client = () => createClient({ url: servers.url });
let redis: ReturnType<typeof client>;

beforeAll(async () => {
  servers = await startStandalone();
  redis = client();
  redis.on('error', () => undefined);
  await redis.connect();
});
afterAll(async () => {
  redis.destroy();
  await servers.stop();
});

async function withAsset(options: Parameters<typeof openRedisLibrarySubject>[1] = {}) {
  const opened = await openRedisLibrarySubject(servers.url, options);
  const { subject, keyPrefix } = opened;
  const wanted = newImport(['a']);
  await subject.assets.acceptImport(wanted);
  const [claim] = await subject.jobs.claim(CLAIM);
  const outcome = arrived('a', await subject.keep('bytes'));
  expect(await subject.jobs.finish(claim as Claim, { importId: wanted.id, index: 0, outcome })).toBe('finished');
  const keys = new LibraryKeys(keyPrefix);
  return { ...opened, keys, wanted, id: outcome.newId, reference: outcome.arrival.reference };
}

test('a record that was changed, or stands under another name, is refused, told once each time, and left as it is', async () => {
  const { subject, library, keys, id, wanted, reference, close } = await withAsset();
  const right = String(await redis.get(keys.asset(id)));
  const other = newAssetId();
  const damages: readonly (readonly [name: string, text: string])[] = [
    ['a bit', right.replace('"title":"a"', '"title":"b"')],
    ['an end', right.slice(0, -1)],
    ['nothing of it', ''],
    ['no JSON', `${right.slice(0, 44)}no JSON`],
  ];
  for (const [name, text] of damages) {
    await redis.set(keys.asset(id), text);
    await expect(subject.assets.findAsset(TENANT, id), name).rejects.toThrow('damaged');
    await expect(subject.assets.trash(TENANT, id), name).rejects.toThrow('damaged');
    expect(await redis.get(keys.asset(id))).toBe(text);
  }
  await redis.set(keys.asset(other), right);
  await expect(subject.assets.findAsset(TENANT, other)).rejects.toThrow('damaged');
  expect(library.metrics.total('damaged_records_total')).toBe(9);
  await redis.set(keys.asset(id), right);
  expect((await subject.assets.findAsset(TENANT, id))?.asset.title).toBe('a');

  // A name that leads to another asset proves nothing.
  if (reference)
    await redis.rename(keys.reference(TENANT, reference), keys.reference(TENANT, { ...reference, externalId: 'x' }));
  expect(await subject.assets.findByReference(TENANT, { system: 'test', externalId: 'x' })).toBeUndefined();
  await redis.set(keys.endedItems(wanted.id), 'x');
  await expect(subject.assets.itemsOf(wanted.id)).rejects.toThrow('damaged');
  await expect(subject.assets.findItem(wanted.id, 0)).rejects.toThrow('damaged');
  await close();
});

test('the items of an import are one record once it has ended, but where one of them was damaged behind its end', async () => {
  const { subject, keyPrefix, close } = await openRedisLibrarySubject(servers.url);
  const keys = new LibraryKeys(keyPrefix);
  const [whole, damaged] = [newImport(['a', 'b']), newImport(['c', 'd'])];
  for (const wanted of [whole, damaged]) {
    await subject.assets.acceptImport(wanted);
    const claims = await subject.jobs.claim(CLAIM);
    expect(claims).toHaveLength(2);
    for (const [at, claim] of claims.entries()) {
      const { index } = parseItemWorkId(claim.id) ?? { index: -1 };
      expect(await redis.exists([keys.items(wanted.id), keys.endedItems(wanted.id)])).toBe(1);
      if (wanted === damaged && at === 1)
        await redis.hSet(keys.items(wanted.id), String(parseItemWorkId(claims[0]?.id ?? '')?.index), 'x');
      const outcome = arrived(`${wanted.id}${index}`, await subject.keep(`bytes ${wanted.id} ${index}`));
      expect(await subject.jobs.finish(claim, { importId: wanted.id, index, outcome })).toBe('finished');
    }
    expect((await subject.assets.findImport(TENANT, wanted.id))?.finishedAt).toBeDefined();
  }
  expect(await redis.exists(keys.items(whole.id))).toBe(0);
  const items = await subject.assets.itemsOf(whole.id);
  expect(items.map(({ index, state }) => [index, state])).toEqual([
    [0, 'succeeded'],
    [1, 'succeeded'],
  ]);
  expect(await subject.peer.assets.findItem(whole.id, 1)).toEqual(items[1]);
  expect(await redis.exists([keys.items(damaged.id), keys.endedItems(damaged.id)])).toBe(1);
  await expect(subject.assets.itemsOf(damaged.id)).rejects.toThrow('damaged');
  await close();
});

test('with keys configured, nobody without one makes a record that is believed, and keys can take turns', async () => {
  const old = { secret: 'o'.repeat(20) };
  const young = { secret: 'y'.repeat(20) };
  const { keyPrefix, keys, id, close, subject } = await withAsset({ recordKeys: [old] });
  const bytes = { ...(await openTestStore(servers.url, keyPrefix)) };
  const open = (recordKeys?: readonly (typeof old)[]) =>
    openTestRedisLibrary(servers.url, keyPrefix, bytes.originals, { ...(recordKeys && { recordKeys }) });
  const [both, without, strange] = await Promise.all([open([young, old]), open(), open([young])]);
  expect((await both.assets.findAsset(TENANT, id))?.asset.id).toBe(id);
  await expect(without.assets.findAsset(TENANT, id)).rejects.toThrow('damaged');
  await expect(strange.assets.findAsset(TENANT, id)).rejects.toThrow('damaged');
  // What has been written anew is sealed by the first key.
  await both.assets.trash(TENANT, id);
  expect(await strange.assets.restore(TENANT, id)).toMatchObject({ id, revision: 3 });
  await expect(subject.assets.findAsset(TENANT, id)).rejects.toThrow('damaged');
  expect(String(await redis.get(keys.asset(id)))).toContain(id);
  await Promise.all([both.close(), without.close(), strange.close(), bytes.close()]);
  await close();
});

test('nothing of the library and its originals has a time to live', async () => {
  const { keyPrefix, close, subject } = await withAsset();
  await subject.assets.acceptImport(newImport(['b', 'c'], { key: 'k', callback: { url: 'https://x.example/' } }));
  await subject.jobs.claim({ ...CLAIM, limit: 1 });
  const kinds = new Set<string>();
  for await (const names of redis.scanIterator({ MATCH: `${keyPrefix}*`, COUNT: 1_000 }))
    for (const name of names) {
      if (!/^[^{]*(?:\{library\}|p:)/.test(name)) continue;
      kinds.add(/(?:\{library\}:([a-z]+)|:(p):)/.exec(name)?.slice(1).join('') ?? name);
      expect([name, await redis.ttl(name)]).toEqual([name, -1]);
    }
  for (const kind of ['asset', 'versions', 'import', 'items', 'job', 'due', 'claimed', 'original', 'p'])
    expect(kinds).toContain(kind);
  await close();
});

test('a server that may take keys away is refused with advice, and data of another version is not touched', async () => {
  const store = await openTestStore(servers.url, newPrefix());
  for (const policy of ['volatile-lru', 'allkeys-lru', 'volatile-ttl']) {
    await servers.server.cli('CONFIG', 'SET', 'maxmemory-policy', policy);
    const opened = openTestRedisLibrary(servers.url, newPrefix(), store.originals);
    await expect(opened).rejects.toThrow(/noeviction.*PROOFSHEET_JOBS_REDIS_URL/);
    expect(await store.evictionPolicy()).toBe(policy);
  }
  await servers.server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  const keyPrefix = newPrefix();
  await redis.set(new LibraryKeys(keyPrefix).schema, '2');
  await expect(openTestRedisLibrary(servers.url, keyPrefix, store.originals)).rejects.toThrow('version 2');
  await store.close();
});

test('two nodes that end items of one import at the same time: one outcome each, one asset each, and counts that agree', async () => {
  const { subject, close } = await openRedisLibrarySubject(servers.url);
  // Two names for one picture, twenty times: whoever comes second finds it.
  const names = Array.from({ length: 40 }, (_, n) => `${n}`);
  const wanted = newImport(names, { quota: { imagesPerDay: 40 } });
  await subject.assets.acceptImport(wanted);
  const original = await subject.keep('the same bytes');
  const claims = await subject.jobs.claim(CLAIM);
  const ends = claims.map(async (claim, at) => {
    const { jobs } = at % 2 === 0 ? subject : subject.peer;
    const { index } = parseItemWorkId(claim.id) ?? { index: 0 };
    const outcome = arrived(`${index % 20}`, original);
    return jobs.finish(claim, { importId: wanted.id, index, outcome });
  });
  expect(new Set(await Promise.all(ends))).toEqual(new Set(['finished']));
  const job = await subject.assets.findImport(TENANT, wanted.id);
  expect(job?.ended).toEqual({ succeeded: 20, skipped: 20, failed: 0, cancelled: 0 });
  expect(job?.finishedAt).toBe(subject.clock.now());
  const usage = { assets: 20, originals: 1, bytes: 14, openImports: 0, openSlots: 0 };
  expect(await subject.peer.assets.usage(TENANT)).toEqual(usage);
  const { entries } = await subject.assets.listAssets(TENANT, { limit: 100 });
  expect(new Set(entries.map(({ asset }) => asset.number)).size).toBe(20);
  // Given back for the twenty that were there: as many fit again, and not one more.
  const both = await Promise.all(
    [subject, subject.peer].map(({ assets }, at) =>
      assets.acceptImport(newImport(names.slice(0, 15), { quota: { imagesPerDay: 40 }, key: `${at}` })),
    ),
  );
  expect(both.map(({ outcome }) => outcome).sort()).toEqual(['accepted', 'over-quota']);
  await close();
});
