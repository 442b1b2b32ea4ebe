// Two nodes on one server: what one changes the other stops serving, how soon, and never again.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/gate.js';
import { commitOf, groupRef, storeBlobs, testSource } from '../../support/records.js';
import { type RedisServers, startStandalone, startWithTls } from '../../support/redis-servers.js';
import { newPrefix, openTestStore, type TestStore } from '../../support/redis-store.js';

const ROUNDS = 200;

describe('two nodes on one Redis server', () => {
  let servers: RedisServers;
  let store: TestStore;
  let peer: TestStore;
  beforeAll(async () => {
    servers = await startStandalone();
    const prefix = newPrefix();
    store = await openTestStore(servers.url, prefix);
    peer = await openTestStore(servers.url, prefix);
  });
  afterAll(async () => {
    await store.close();
    await peer.close();
    await servers.stop();
  });

  it('a clear is seen by the other node within 100 ms at the 99th percentile', async () => {
    const source = testSource('a');
    const delaysMs: number[] = [];
    for (let n = 0; n < ROUNDS; n++) {
      const ref = groupRef(`key ${n}`);
      await storeBlobs(peer.blobs, source);
      await peer.catalog.commit(commitOf(source, [ref]));
      await eventually(async () => {
        await store.catalog.find(ref);
        return store.catalog.revisionOf(ref) !== undefined;
      }, 'a remembered group');
      // Both nodes run in this process: counted from the call, so that its answer cannot hide the wait for the news.
      const called = performance.now();
      const clearing = peer.catalog.remove({ imageKey: ref.imageKey });
      while (store.catalog.revisionOf(ref) !== undefined) await new Promise((resolve) => setImmediate(resolve));
      delaysMs.push(performance.now() - called);
      await clearing;
      expect(store.catalog.revisionOf(ref)).toBeUndefined();
      expect(await store.catalog.find(ref)).toBeUndefined();
    }
    delaysMs.sort((a, b) => a - b);
    const at = (share: number) => delaysMs[Math.ceil(share * ROUNDS) - 1] as number;
    console.log(
      `a clear is seen by the other node ${at(0.5).toFixed(1)} ms (median), ${at(0.99).toFixed(1)} ms (p99), ${at(1).toFixed(1)} ms (max) after it was called for`,
    );
    expect(at(0.99)).toBeLessThan(100);
  });

  it('readers and writers of one group at the same time: once all is quiet, both nodes tell the same', async () => {
    const ref = groupRef('contended');
    const sources = Array.from({ length: 4 }, (_, n) => testSource(`contended ${n}`));
    for (let round = 0; round < 25; round++) {
      for (const source of sources) await storeBlobs(peer.blobs, source);
      const finds = Array.from({ length: 40 }, async (_, n) => {
        for (let wait = 0; wait < n; wait++) await new Promise((resolve) => setImmediate(resolve));
        await store.catalog.find(ref);
      });
      const commits = sources.map((source, n) => (n % 2 ? store : peer).catalog.commit(commitOf(source, [ref])));
      await Promise.all([...finds, ...commits]);
      await eventually(async () => {
        const [here, there] = await Promise.all([store.catalog.find(ref), peer.catalog.find(ref)]);
        return here !== undefined && here.group.revision === there?.group.revision;
      }, 'the same answer on both nodes');
      await peer.catalog.sweep(100);
    }
  });

  it('news of other deployments on the same server is not heard', async () => {
    const other = await openTestStore(servers.url, newPrefix());
    try {
      const source = testSource('other');
      const before = store.catalog.generation();
      await storeBlobs(other.blobs, source);
      await other.catalog.commit(commitOf(source, [groupRef('key')]));
      expect(await store.catalog.find(groupRef('key'))).toBeUndefined();
      expect(store.catalog.generation()).toBe(before);
    } finally {
      await other.close();
    }
  });
});

describe('a Redis server with TLS', () => {
  it('is spoken to with a CA file, and not without', async () => {
    const servers = await startWithTls();
    try {
      const source = testSource('a');
      const store = await openTestStore(servers.url, newPrefix(), { caFile: servers.caFile });
      expect(store.state()).toBe('up');
      await storeBlobs(store.blobs, source);
      expect(await store.catalog.commit(commitOf(source, [groupRef('key')]))).toEqual([]);
      expect((await store.catalog.find(groupRef('key')))?.source).toEqual(source.record);
      await store.close();
      const untrusting = await openTestStore(servers.url, newPrefix());
      expect(untrusting.state()).toBe('down');
      await untrusting.close();
    } finally {
      await servers.stop();
    }
  });
});

describe('a Redis server with users', () => {
  it('is spoken to with few rights; the password may stand in the URL or beside it, and is in no log', async () => {
    const servers = await startStandalone();
    try {
      const port = servers.servers[0]?.port;
      // The rights that docs/CLUSTER.md names.
      const rights = '~test-* +@read +@write +@scripting +@connection -keys'.split(' ');
      await servers.servers[0]?.cli('ACL', 'SETUSER', 'sheet', 'on', '>s3cret', ...rights);
      await servers.servers[0]?.cli('ACL', 'SETUSER', 'default', 'off');
      const inUrl = await openTestStore(`redis://sheet:s3cret@127.0.0.1:${port}`, newPrefix());
      const beside = await openTestStore(`redis://127.0.0.1:${port}`, newPrefix(), {
        user: 'sheet',
        password: 's3cret',
      });
      const wrong = await openTestStore(`redis://sheet:s3cretx@127.0.0.1:${port}`, newPrefix());
      expect([inUrl.state(), beside.state(), wrong.state()]).toEqual(['up', 'up', 'down']);
      const source = testSource('a');
      await storeBlobs(inUrl.blobs, source);
      expect(await inUrl.catalog.commit(commitOf(source, [groupRef('key')]))).toEqual([]);
      expect((await inUrl.catalog.find(groupRef('key')))?.source).toEqual(source.record);
      expect(await inUrl.leases.acquire('work', 1_000)).toBeDefined();
      expect(await inUrl.catalog.remove({})).toBe(1);
      expect(await inUrl.catalog.sweep(10)).toHaveLength(3);
      for (const store of [inUrl, beside, wrong]) {
        await store.close();
        expect(store.logger.text).not.toContain('s3cret');
      }
    } finally {
      await servers.stop();
    }
  });
});
