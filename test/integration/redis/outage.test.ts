// A Redis server that is killed, frozen or paused: deadlines hold, what the node knows is served, nothing false is
// acknowledged, and it recovers by itself.
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImageKey } from '../../../src/kernel/image-key.js';
import { eventually } from '../../support/gate.js';
import { blobOf, commitOf, groupRef, storeBlobs, testSource } from '../../support/records.js';
import { type RedisServer, type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { newPrefix, openTestStore, type TestStore } from '../../support/redis-store.js';

const DEADLINES = { getMs: 150, setMs: 500, scriptMs: 500 };
/** What a call may end later than a timer of this process that runs beside it: both are late on a busy machine. */
const LATE_MS = 350;

const known = groupRef('known');
const unknown = groupRef('unknown');
const source = testSource('a');

describe('one Redis server', () => {
  let servers: RedisServers & { readonly server: RedisServer };
  let store: TestStore;
  let peer: TestStore;

  beforeEach(async () => {
    servers = await startStandalone();
    const prefix = newPrefix();
    store = await openTestStore(servers.url, prefix, { deadlines: DEADLINES });
    peer = await openTestStore(servers.url, prefix);
    await storeBlobs(store.blobs, source);
    expect(await store.catalog.commit(commitOf(source, [known, unknown]))).toEqual([]);
    expect(await store.catalog.find(known)).toBeDefined();
  });

  afterEach(async () => {
    servers.server.thaw();
    await store.close();
    await peer.close();
    await servers.stop();
  });

  /** `call` is rejected as unreachable; resolves with how much later than a timer of `deadlineMs`, in ms. */
  async function lateBy(deadlineMs: number, call: () => Promise<unknown>): Promise<number> {
    const timer = delay(deadlineMs).then(() => performance.now());
    await expect(call()).rejects.toMatchObject({ code: 'shared-tier-unreachable', retryAfterSeconds: 5 });
    const ended = performance.now();
    return ended - (await timer);
  }

  const everyCall = (): readonly (readonly [ms: number, call: () => Promise<unknown>])[] => [
    // A finding waits through a deadline, and through a doubt of the same length at most.
    [2 * DEADLINES.getMs, () => store.catalog.find(unknown)],
    [DEADLINES.getMs, () => store.catalog.findSource(source.record.digest)],
    [DEADLINES.scriptMs, () => store.catalog.commit(commitOf(source, [unknown]))],
    [DEADLINES.scriptMs, () => store.catalog.remove({ imageKey: known.imageKey })],
    [DEADLINES.scriptMs, () => store.catalog.count()],
    [DEADLINES.scriptMs, () => store.catalog.keys()[Symbol.asyncIterator]().next()],
    [DEADLINES.getMs + 500, () => store.blobs.get(blobOf('small a', 50).digest)],
    [DEADLINES.setMs, () => store.blobs.put(blobOf('x').digest, blobOf('x').bytes, 'preview')],
    [DEADLINES.getMs, () => store.blobs.has(blobOf('x').digest)],
    [DEADLINES.setMs, () => store.leases.acquire('work', 1_000)],
    [DEADLINES.getMs, () => store.leases.waitUntilFree('work', 60_000)],
  ];

  it('frozen: every call ends at its deadline, and soon at once; what is known is served all the time', async () => {
    servers.server.freeze();
    const started = performance.now();
    for (const [deadlineMs, call] of everyCall()) {
      expect(await lateBy(deadlineMs, call)).toBeLessThan(LATE_MS);
      expect((await store.catalog.find(known))?.source).toEqual(source.record);
    }
    await eventually(async () => store.state() === 'down', 'a store that is down');
    while (performance.now() - started < 4_000) {
      const timer = delay(DEADLINES.getMs).then(() => performance.now());
      expect((await store.catalog.find(known))?.source).toEqual(source.record);
      const answered = performance.now();
      expect(answered - (await timer)).toBeLessThan(LATE_MS);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // The connection was given up by now, and nothing waits any more.
    for (const [, call] of everyCall()) expect(await lateBy(0, call)).toBeLessThan(LATE_MS);

    servers.server.thaw();
    await eventually(async () => store.state() === 'up', 'a store that is up again');
    expect((await store.catalog.find(unknown))?.source).toEqual(source.record);
    await eventually(async () => (await store.blobs.get(blobOf('small a', 50).digest)) !== undefined, 'blobs');
  });

  it('killed: what is known is served, nothing is acknowledged; restarted, empty: nothing of before is served', async () => {
    await servers.server.kill();
    for (let n = 0; n < 50; n++) {
      expect((await store.catalog.find(known))?.source).toEqual(source.record);
      expect(store.catalog.revisionOf(known) ?? 'ask').not.toBe('');
    }
    for (const [, call] of everyCall()) await lateBy(0, call);
    expect(store.state()).toBe('down');

    await servers.server.resume();
    await eventually(async () => store.state() === 'up', 'a store that is up again');
    expect(await store.catalog.find(known)).toBeUndefined();
    expect(store.catalog.revisionOf(known)).toBeUndefined();
    await eventually(async () => {
      await storeBlobs(store.blobs, source);
      return true;
    }, 'blobs can be stored');
    expect(await store.catalog.commit(commitOf(source, [known]))).toEqual([]);
    expect((await peer.catalog.find(known))?.source).toEqual(source.record);
  });

  it('paused by CLIENT PAUSE: deadlines hold, and it goes on by itself', async () => {
    await servers.server.cli('CLIENT', 'PAUSE', '1500', 'ALL');
    expect(await lateBy(2 * DEADLINES.getMs, () => store.catalog.find(unknown))).toBeLessThan(LATE_MS);
    expect(await store.catalog.find(known)).toBeDefined();
    await eventually(async () => (await store.catalog.find(unknown)) !== undefined, 'answers');
  });

  it('out of memory: storing is refused as storage-full, reading goes on', async () => {
    await servers.server.cli('CONFIG', 'SET', 'maxmemory', '1');
    const { digest, bytes } = blobOf('new', 1_000);
    for (let n = 0; n < 10; n++)
      await expect(store.blobs.put(digest, bytes, 'preview')).rejects.toMatchObject({ code: 'storage-full' });
    expect(await store.blobs.get(blobOf('small a', 50).digest)).toEqual(blobOf('small a', 50).bytes);
    expect(await peer.catalog.find(known)).toBeDefined();
    expect(store.state()).toBe('up');
    await servers.server.cli('CONFIG', 'SET', 'maxmemory', '0');
    await store.blobs.put(digest, bytes, 'preview');
  });

  it('a connection that is cut, a clear elsewhere, and at once a question: never a stale answer', async () => {
    for (let round = 0; round < 20; round++) {
      const ref = groupRef(`round ${round}`);
      await storeBlobs(peer.blobs, source);
      expect(await peer.catalog.commit(commitOf(source, [ref]))).toEqual([]);
      // News of the commit may arrive while it is read, which then is not remembered.
      await eventually(async () => {
        await store.catalog.find(ref);
        return store.catalog.revisionOf(ref) !== undefined;
      }, 'a remembered group');
      await servers.server.cli('CLIENT', 'KILL', 'TYPE', 'normal');
      await eventually(
        async () => (await peer.catalog.remove({ imageKey: ref.imageKey as ImageKey })) === 1,
        'a clear',
      );
      // A node may say that it does not know for a moment; what it says when it does is not stale.
      let found: unknown = 'nothing yet';
      await eventually(async () => {
        found = await store.catalog.find(ref);
        return true;
      }, 'an answer');
      expect(found).toBeUndefined();
      expect(store.catalog.revisionOf(ref)).toBeUndefined();
    }
  });

  it('away at the start: the store opens, is down, and comes up by itself', async () => {
    await servers.server.kill();
    const late = await openTestStore(servers.url, newPrefix());
    try {
      expect(late.state()).toBe('down');
      await expect(late.catalog.find(known)).rejects.toMatchObject({ code: 'shared-tier-unreachable' });
      await servers.server.resume();
      await eventually(async () => late.state() === 'up', 'a store that is up');
      expect(await late.catalog.find(known)).toBeUndefined();
    } finally {
      await late.close();
    }
  });
});
