// Several processes on one data directory: what one acknowledges all others see at once, and kill -9 loses none of it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import type { Catalog } from '../../../src/kernel/ports/catalog.js';
import { openTestStore, type TestStore } from '../../support/embedded.js';
import { until } from '../../support/gate.js';
import { commitOf, groupRef, storeBlobs, testSource } from '../../support/records.js';
import { StoreProcess } from '../../support/store-process.js';

let store: TestStore;
const started: StoreProcess[] = [];

async function start(): Promise<StoreProcess> {
  const process = await StoreProcess.start(store.dataDir);
  started.push(process);
  return process;
}

beforeEach(async () => {
  store = await openTestStore();
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((process) => process.kill()));
  await store.dispose();
});

/** The group that the process committed under `name`, with its bytes, is there and right. */
async function expectWhole({ catalog, blobs }: Pick<TestStore, 'catalog' | 'blobs'>, name: string): Promise<void> {
  const entry = await catalog.find(groupRef(name));
  expect(entry?.source.digest, name).toBe(digestOf(Buffer.from(`source ${name}`)));
  const digest = entry?.source.previews[0]?.digest ?? digestOf(Buffer.alloc(0));
  expect((await blobs.get(digest))?.toString()).toBe(`preview ${name}`);
}

describe('two processes', () => {
  it('see what the other acknowledged, at once, again and again', async () => {
    const other = await start();
    for (let n = 0; n < 50; n++) {
      const before = store.catalog.generation();
      await other.ask('commit', { name: `theirs ${n}` });
      // No turn of the event loop between the acknowledgement and the look.
      const revision = store.catalog.revisionOf(groupRef(`theirs ${n}`));
      expect(store.catalog.generation()).not.toBe(before);
      expect(revision).toBeDefined();
      await expectWhole(store, `theirs ${n}`);
      const ours = testSource(`${n}`);
      await storeBlobs(store.blobs, ours);
      await store.catalog.commit(commitOf(ours, [groupRef(`ours ${n}`)]));
      expect(await other.ask('has', { name: `ours ${n}` })).toBe(true);
    }
    expect(await other.ask('count')).toBe(100);
    expect(await store.catalog.count()).toBe(100);
  });

  it('see a clear at once, in the generation too; accesses, leases and sweeps do not change it', async () => {
    const other = await start();
    await other.ask('commit', { name: 'a' });
    const before = store.catalog.generation();
    await store.catalog.touch([{ ref: groupRef('a'), at: store.clock.now() + 9_000_000_000 }]);
    await other.ask('lease', { name: 'work', ttlMs: 60_000 });
    expect(store.catalog.generation()).toBe(before);
    expect(await other.ask('generation')).toBe(before);
    await other.ask('remove');
    expect(store.catalog.revisionOf(groupRef('a'))).toBeUndefined();
    expect(await store.catalog.find(groupRef('a'))).toBeUndefined();
    const cleared = store.catalog.generation();
    expect(cleared).not.toBe(before);
    expect(await other.ask('sweep')).toBe(2);
    expect(store.catalog.generation()).toBe(cleared);
  });

  it('never lose a blob under a record while the other clears and sweeps', async () => {
    const other = await start();
    other.tell('clearing');
    const source = testSource('x');
    for (let n = 0; n < 300; n++) {
      await storeBlobs(store.blobs, source);
      for (;;) {
        const missing = await store.catalog.commit(commitOf(source, [groupRef('x')]));
        if (missing.length === 0) break;
        await storeBlobs(store.blobs, source);
      }
    }
    await other.kill();
    await storeBlobs(store.blobs, source);
    await store.catalog.commit(commitOf(source, [groupRef('x')]));
    await store.catalog.sweep(1000);
    for (const blob of [source.source, ...source.previews])
      expect(await store.blobs.get(blob.digest)).toEqual(blob.bytes);
  });

  it('the lease of a killed process ends by itself', async () => {
    const other = await start();
    expect(await other.ask('lease', { name: 'work', ttlMs: 300 })).toBe(true);
    await other.kill();
    expect(await store.leases.acquire('work', 1000)).toBeUndefined();
    await store.leases.waitUntilFree('work', 10_000);
    expect(await store.leases.acquire('work', 1000)).toBeDefined();
  });
});

describe('kill -9', () => {
  it('loses nothing that was acknowledged, and leaves counts that agree with the rows', async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < 12; round++) {
      const other = await start();
      // Killed at another point of a commit each time: after 1, 4, 7, ... acknowledgements, from 1 to 4 lanes.
      const stopAt = 1 + 3 * round;
      other.tell('flood', { prefix: `${round}/`, lanes: 1 + (round % 4) });
      await until(() => other.acknowledged.length >= stopAt, 'the process acknowledges');
      await other.kill();
      expect(other.acknowledged.length).toBeGreaterThanOrEqual(stopAt);
      acknowledged.push(...other.acknowledged);
    }
    for (const name of acknowledged) await expectWhole(store, name);
    store = await store.reopen();
    for (const name of acknowledged) await expectWhole(store, name);
    await expectCounted(store.catalog);
  }, 300_000);
});

async function expectCounted(catalog: Catalog): Promise<void> {
  const keys: string[] = [];
  for await (const batch of catalog.keys()) keys.push(...batch);
  expect(await catalog.usage()).toMatchObject({ groups: keys.length, keys: keys.length, sources: keys.length });
  expect(await catalog.remove({})).toBe(keys.length);
  expect(await catalog.usage()).toEqual({ groups: 0, keys: 0, sources: 0, previewBytes: 0, sourceBytes: 0 });
}
