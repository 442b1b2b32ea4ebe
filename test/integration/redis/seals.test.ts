// Keys that seal records: what somebody else wrote into Redis is damage, and keys can be changed while a cache is in use.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load-config.js';
import type { Catalog } from '../../../src/kernel/ports/catalog.js';
import { openSharedTier } from '../../../src/open-storage.js';
import { KeyLayout } from '../../../src/stores/redis/key-layout.js';
import { FakeLogger } from '../../support/fake-logger.js';
import { FakeMetrics } from '../../support/fake-metrics.js';
import { commitOf, groupRef, storeBlobs, testSource } from '../../support/records.js';
import { type RedisServer, type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { newPrefix, openTestStore, realClock, type TestStore } from '../../support/redis-store.js';

const OLD = { secret: 'old-0123456789abcdef' };
const NEW = { secret: 'new-0123456789abcdef' };
const NONE = { secret: undefined };

let servers: RedisServers & { readonly server: RedisServer };
const opened: TestStore[] = [];
beforeAll(async () => {
  servers = await startStandalone();
});
afterAll(async () => {
  for (const store of opened) await store.close();
  await servers.stop();
});

async function node(
  prefix: string,
  recordKeys?: readonly { readonly secret: string | undefined }[],
): Promise<TestStore> {
  const store = await openTestStore(servers.url, prefix, {
    ...(recordKeys && { recordKeys }),
    refusals: { ttlMs: 60_000, maxEntries: 100, rules: 'rules' },
  });
  opened.push(store);
  return store;
}

const source = testSource('a');
const ref = groupRef('key');
const find = async (catalog: Catalog) => (await catalog.find(ref))?.source.digest;

async function put(store: TestStore): Promise<void> {
  await storeBlobs(store.blobs, source);
  expect(await store.catalog.commit(commitOf(source, [ref]))).toEqual([]);
}

it('a record with a checksum of somebody else is damaged: removed, counted, and a new upload brings it back', async () => {
  const prefix = newPrefix();
  const store = await node(prefix, [OLD]);
  await put(store);
  const key = new KeyLayout(prefix).source(source.record.digest);
  const text = await servers.server.cli('GET', key);
  const body = text.slice(62).replace('"complete":true', '"complete":false');
  const seal = createHash('sha256').update(body).digest('hex').slice(0, 32);
  await servers.server.cli('SET', key, text.slice(0, 30) + seal + body);
  expect(await store.catalog.find(ref)).toBeUndefined();
  expect(store.metrics.total('damaged_records_total')).toBeGreaterThan(0);
  await put(store);
  expect(await find(store.catalog)).toBe(source.record.digest);
  // Without keys the same would have been taken for ours.
  const open = await node(newPrefix());
  expect(await find(open.catalog)).toBeUndefined();
});

it('a key is changed while the cache is in use: nothing is lost, and what is uploaded again is sealed anew', async () => {
  const prefix = newPrefix();
  await put(await node(prefix, [OLD]));
  const both = await node(prefix, [NEW, OLD]);
  expect(await find(both.catalog)).toBe(source.record.digest);
  await put(both);
  const after = await node(prefix, [NEW]);
  expect(await find(after.catalog)).toBe(source.record.digest);
  expect(after.metrics.total('damaged_records_total')).toBe(0);
});

it('keys are introduced to a cache in use: with unsealed beside them nothing is lost, in any order of nodes', async () => {
  const prefix = newPrefix();
  const [before, first, second] = [
    await node(prefix),
    await node(prefix, [NONE, NEW]),
    await node(prefix, [NEW, NONE]),
  ];
  await put(before);
  for (const store of [before, first, second]) expect(await find(store.catalog)).toBe(source.record.digest);
  await put(first);
  for (const store of [before, first, second]) expect(await find(store.catalog)).toBe(source.record.digest);
  await put(second);
  for (const store of [first, second, await node(prefix, [NEW])])
    expect(await find(store.catalog)).toBe(source.record.digest);
});

it('what is remembered of failed sources is sealed too', async () => {
  const prefix = newPrefix();
  const [sealing, other, open] = [await node(prefix, [NEW]), await node(prefix, [OLD]), await node(prefix)];
  await sealing.refusals?.note(source.record.digest, { code: 'source-undecodable', message: 'no', certain: true });
  expect(await sealing.refusals?.find(source.record.digest)).toMatchObject({ code: 'source-undecodable' });
  expect(await other.refusals?.find(source.record.digest)).toBeUndefined();
  expect(await open.refusals?.find(source.record.digest)).toBeUndefined();
});

it('PROOFSHEET_REDIS_RECORD_KEYS reaches the store, and no log', async () => {
  const prefix = newPrefix();
  await put(await node(prefix, [NEW]));
  const logger = new FakeLogger();
  const environment = {
    PROOFSHEET_REDIS_URL: servers.url,
    PROOFSHEET_REDIS_KEY_PREFIX: prefix,
    PROOFSHEET_REDIS_RECORD_KEYS: NEW.secret,
  };
  const deps = { clock: realClock, logger, metrics: new FakeMetrics() };
  const { redis } = await openSharedTier(loadConfig({ environment }), servers.url, deps);
  expect(await find(redis.catalog)).toBe(source.record.digest);
  await redis.close();
  expect(logger.text).not.toContain(NEW.secret);
});
