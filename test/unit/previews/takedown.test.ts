// Takedowns over the real store and tiers: what leaves which tier, what stays for others, what may not come back, and who follows.
import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Digest, digestOf } from '../../../src/kernel/digest.js';
import type { WebhookMessage } from '../../../src/kernel/ports/webhook-sender.js';
import { verifiedText } from '../../../src/kernel/takedown/jws.js';
import type { PurgeSelection } from '../../../src/kernel/takedown/purge.js';
import { RECEIPT_TYPE } from '../../../src/kernel/takedown/receipt.js';
import { surrogateKeysOf } from '../../../src/kernel/takedown/surrogate-keys.js';
import { CdnNotifier } from '../../../src/previews/takedown/cdn-notifier.js';
import { TakedownFollower } from '../../../src/previews/takedown/takedown-follower.js';
import { TakedownService } from '../../../src/previews/takedown/takedown-service.js';
import { testOrder } from '../../contracts/takedowns.contract.js';
import { until } from '../../support/gate.js';
import { openPreviewBench, SMALL } from '../../support/preview-bench.js';
import { groupRef } from '../../support/records.js';
import { tempDir } from '../../support/temp-dir.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const contentOf = (text: string): Digest => digestOf(Buffer.from(text));

let bench: Awaited<ReturnType<typeof openPreviewBench>>;
let takedown: TakedownService;
let follower: TakedownFollower;
let close: () => Promise<void>;

async function open(deduplicate: 'all' | 'context' = 'all'): Promise<void> {
  const dir = await tempDir();
  const blockedSince = (content: Digest) => follower.blockedSince(content);
  bench = await openPreviewBench({ dataDir: dir.path, deduplicate, blockedSince });
  const { takedowns, walk, catalog, tiered: blobs, clock, logger } = bench;
  follower = new TakedownFollower({
    ...{ takedowns, blobs, clock, logger },
    holder: { id: 'this', host: 'here', worker: 0, keepsDisk: false },
  });
  takedown = new TakedownService({
    ...{
      takedowns,
      catalog,
      walk,
      blobs,
      clock,
      logger,
      key: privateKey,
      lastTier: 'disk',
      by: 'admin',
      tellsCdn: true,
    },
    follow: () => follower.round(),
  });
  await follower.round();
  close = async () => {
    await follower.close();
    await bench.close();
    await dir.remove();
  };
}
beforeEach(() => open());
afterEach(() => close());

const cache = async (text: string, key: string, context = '') =>
  bench.service.cache(groupRef(key, context), await bench.upload(text));
const purge = (selection: Parameters<TakedownService['purge']>[0]['selection'], isBlocked = false, until?: number) =>
  takedown.purge({ selection, reason: 'why', isBlocked, ...(until !== undefined && { until }) });

describe('a purge', () => {
  it('takes groups, previews and source away from every tier at once, and says so', async () => {
    const { source } = await cache('one', 'a');
    const named = [source.digest, ...source.previews.map(({ digest }) => digest)];
    for (const digest of named) await bench.tiered.get(digest);
    const { receipt } = await purge({ by: 'key', imageKey: groupRef('a').imageKey });
    expect(receipt).toMatchObject({
      groups: { removed: 1, named: [{ ...groupRef('a'), content: contentOf('one') }] },
      lasting: { tier: 'disk', blobs: named.length },
      stillNamed: 0,
      nodes: [{ state: 'dropped', host: 'here' }],
    });
    const bytes = 3 + source.previews.reduce((sum, preview) => sum + preview.bytes, 0);
    expect(receipt.lasting.bytes).toBe(bytes);
    for (const digest of named) {
      expect(await bench.tiered.has(digest)).toBe(false);
      expect(await bench.blobs.has(digest)).toBe(false);
    }
    await expect(bench.service.choose(groupRef('a'), SMALL)).rejects.toMatchObject({ code: 'unknown-image-key' });
    // Nothing was blocked.
    await cache('one', 'a');
  });

  it('leaves what other images name, and says how much', async () => {
    const { source } = await cache('one', 'a');
    await cache('one', 'b');
    const { receipt } = await purge({ by: 'key', imageKey: groupRef('a').imageKey });
    expect(receipt).toMatchObject({
      groups: { removed: 1 },
      lasting: { blobs: 0, bytes: 0 },
      stillNamed: 1 + source.previews.length,
    });
    expect((await bench.service.choose(groupRef('b'), SMALL)).preview).toBeDefined();
  });

  it.each(['all', 'context'] as const)(
    'by content meets it under every key and in every context (%s)',
    async (deduplicate) => {
      await close();
      await open(deduplicate);
      for (const [text, key, context] of [
        ['one', 'a', ''],
        ['one', 'b', 'c'],
        ['one', 'b', 'cc'],
        ['two', 'a', 'c'],
      ] as const)
        await cache(text, key, context);
      const { receipt } = await purge({ by: 'content', content: contentOf('one') });
      expect([receipt.groups.removed, receipt.stillNamed]).toEqual([3, 0]);
      expect(await bench.catalog.count()).toBe(1);
      expect(await bench.blobs.has(contentOf('one'))).toBe(false);
      expect(await bench.blobs.has(contentOf('two'))).toBe(true);
    },
  );

  it('says what the last tier could not delete, apart from what others have, and is not complete then', async () => {
    const { source } = await cache('one', 'a');
    await cache('one', 'b', 'other');
    await cache('two', 'c');
    const { takedowns, walk, catalog, tiered, clock, logger } = bench;
    const kept = contentOf('two');
    const blobs = new Proxy(tiered, {
      get(target, name) {
        const value = Reflect.get(target, name) as unknown;
        if (name === 'lasts') return async (digest: Digest) => digest === kept || target.lasts(digest);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const beside = new TakedownService({
      ...{ takedowns, catalog, walk, blobs, clock, logger, lastTier: 'shared', by: 'admin', tellsCdn: false },
      follow: () => follower.round(),
    });
    const selection = { by: 'context', context: groupRef('a').context } as const;
    const { receipt } = await beside.purge({ selection, reason: 'why', isBlocked: false });
    expect(receipt).toMatchObject({
      ...{ groups: { removed: 2 }, undeleted: 1, stillNamed: 1 + source.previews.length, isComplete: false },
    });
    const last = await beside.purge({
      selection: { by: 'key', imageKey: groupRef('b').imageKey },
      ...{ reason: 'why', isBlocked: false },
    });
    expect(last.receipt).toMatchObject({ undeleted: 0, stillNamed: 0, isComplete: true });
  });

  it('that ends while they are listed is listed once', async () => {
    await cache('one', 'a');
    const { receipt } = await purge({ by: 'key', imageKey: groupRef('a').imageKey });
    const { id, selection, takenDownAt, by, reason } = receipt;
    if (!selection) throw new Error('expected a selection');
    const begun = { id, at: Date.parse(takenDownAt), by, reason, selection, isBlocked: false };
    // It was under way when that was asked for, and has ended by the time that the log is read.
    vi.spyOn(bench.takedowns, 'begun').mockResolvedValue([begun]);
    expect((await takedown.latest(10)).map((each) => [each.id, each.isUnderWay])).toEqual([[id, false]]);
  });

  it('by prefix and by context takes nothing beside them', async () => {
    for (const [key, context] of [
      ['x/1', ''],
      ['x/2', 'c'],
      ['xy', ''],
      ['y', 'c'],
    ] as const)
      await cache(`${key}${context}`, key, context);
    const byPrefix = await purge({ by: 'prefix', prefix: 'x/' });
    expect(byPrefix.receipt.groups.named.map(({ imageKey }) => imageKey).sort()).toEqual(['x/1', 'x/2']);
    const byContext = await purge({ by: 'context', context: groupRef('k', 'c').context });
    expect(byContext.receipt.groups.removed).toBe(1);
    expect(await bench.catalog.count()).toBe(1);
  });

  it('names the assets that keep what was taken by its content, or is blocked, and is not complete while they do', async () => {
    const asked: ReadonlySet<Digest>[] = [];
    const { takedowns, walk, catalog, tiered: blobs, clock, logger } = bench;
    const holder = { context: groupRef('x', 'tenant').context, asset: 'one' };
    const beside = new TakedownService({
      ...{ takedowns, catalog, walk, blobs, clock, logger, lastTier: 'disk', by: 'admin', tellsCdn: false },
      follow: () => follower.round(),
      async originalsOf(contents) {
        asked.push(contents);
        return contents.has(contentOf('one')) ? { kept: 1, assets: [holder] } : { kept: 0, assets: [] };
      },
    });
    await cache('one', 'a');
    await cache('two', 'b');
    await cache('two', 'c');
    const purged = async (selection: PurgeSelection, isBlocked: boolean) =>
      (await beside.purge({ selection, reason: 'why', isBlocked })).receipt;
    const content = contentOf('one');
    expect(await purged({ by: 'content', content }, false)).toMatchObject({
      ...{ originals: [holder], keptOriginals: 1, isComplete: false },
    });
    expect(await purged({ by: 'key', imageKey: groupRef('b').imageKey }, false)).toMatchObject({
      ...{ originals: [], isComplete: true },
    });
    expect(asked).toHaveLength(1);
    expect(await purged({ by: 'key', imageKey: groupRef('c').imageKey }, true)).toMatchObject({ originals: [] });
    expect(asked).toEqual([new Set([content]), new Set([contentOf('two')])]);
  });

  it('of many groups names the first thousand, and has all copies dropped', async () => {
    const { source } = await cache('one', 'k0');
    const refs = Array.from({ length: 1_200 }, (_, at) => groupRef(`k${at}`));
    await bench.catalog.commit({
      source,
      groups: refs.map((ref) => ({ ...ref, sourceDigest: source.digest })),
      existing: 'keep',
    });
    const { receipt } = await purge({ by: 'prefix', prefix: 'k' });
    expect([receipt.groups.removed, receipt.groups.named.length]).toEqual([1_200, 1_000]);
    expect(receipt.cdn.surrogateKeys).toBe(1_200);
    expect(await bench.catalog.count()).toBe(0);
  }, 60_000);

  it('has a receipt that anybody with the public key can verify, found again by its id', async () => {
    await cache('one', 'a');
    const { receipt, jws = '' } = await purge({ by: 'key', imageKey: groupRef('a').imageKey });
    expect(JSON.parse(verifiedText(RECEIPT_TYPE, jws, publicKey) ?? '')).toEqual(receipt);
    expect((await takedown.receipt(receipt.id))?.receipt.groups).toEqual(receipt.groups);
    expect((await takedown.latest(10)).map(({ id }) => id)).toEqual([receipt.id]);
    expect(await takedown.receipt('tkd_none')).toBeUndefined();
  });
});

describe('a purge whose process dies', () => {
  const keys = Array.from({ length: 600 }, (_, at) => `k${at}`);
  /** A service over the same store, of a process that dies at the `nth` call of `of`: nothing that it begins later is done. */
  const dying = (of: 'noteStep' | 'append' | 'removeGroup' | 'block', nth: number) => {
    let calls = 0;
    const fails = <Args extends unknown[], T>(name: string, work: (...args: Args) => Promise<T>) => {
      return (...args: Args): Promise<T> => {
        if (name === of) calls++;
        return calls >= nth ? Promise.reject(new Error('the process is gone')) : work(...args);
      };
    };
    const { takedowns, walk, catalog, tiered: blobs, clock, logger } = bench;
    const seen = <Port extends object>(port: Port): Port =>
      new Proxy(port, {
        get(target, name) {
          const value = Reflect.get(target, name) as unknown;
          return typeof value === 'function' ? fails(String(name), value.bind(target)) : value;
        },
      });
    return new TakedownService({
      ...{ takedowns: seen(takedowns), catalog: seen(catalog), walk, blobs, clock, logger, key: privateKey },
      ...{ lastTier: 'disk', by: 'admin', tellsCdn: true, follow: async () => undefined },
    });
  };

  it.each([
    ['noteStep', 1, 0],
    ['block', 1, 0],
    ['removeGroup', 1, 0],
    ['removeGroup', 300, 299],
    ['noteStep', 2, 250],
    ['append', 1, 600],
  ] as const)(
    'at its %s number %i, when %i groups are gone, is carried on, and names them all',
    async (of, nth, gone) => {
      const { source } = await cache('one', 'k0');
      const groups = keys.map((key) => ({ ...groupRef(key), sourceDigest: source.digest }));
      await bench.catalog.commit({ source, groups, existing: 'keep' });
      await cache('two', 'other');
      const asked = { selection: { by: 'prefix', prefix: 'k' }, reason: 'why', isBlocked: true } as const;
      await expect(dying(of, nth).purge(asked)).rejects.toThrow('the process is gone');
      // Those that are removed beside the one that failed may be gone as well, or not yet.
      const left = (await bench.catalog.count()) - 1;
      expect(Math.abs(keys.length - left - gone)).toBeLessThan(17);
      const [begun] = await takedown.latest(1);
      expect(begun).toMatchObject({ isUnderWay: true, isComplete: false, reason: 'why', groups: { removed: 0 } });
      expect((await takedown.receipt(begun?.id ?? ''))?.receipt).toEqual(begun);
      await takedown.resume();
      await follower.round();
      expect(await bench.catalog.count()).toBe(1);
      const { receipt } = (await takedown.receipt(begun?.id ?? '')) ?? {};
      expect(receipt).toMatchObject({
        ...{ id: begun?.id, isUnderWay: false, groups: { removed: 600 }, stillNamed: 0 },
        lasting: { blobs: 1 + source.previews.length },
        // Of the groups, and of the content, which is blocked.
        cdn: { state: 'queued', surrogateKeys: 601 },
        blocked: { contents: [contentOf('one')] },
        nodes: [{ state: 'dropped' }],
      });
      expect(new Set(receipt?.groups.named.map(({ imageKey }) => imageKey)).size).toBe(600);
      expect(await bench.blobs.has(source.digest)).toBe(false);
      await takedown.resume();
      expect(await bench.takedowns.last()).toBe(1);
    },
    60_000,
  );

  it('leaves alone what was stored anew under a key that had gone, unless that is what is purged', async () => {
    await cache('one', 'a');
    await expect(
      dying('append', 1).purge({
        selection: { by: 'content', content: contentOf('one') },
        reason: 'why',
        isBlocked: false,
      }),
    ).rejects.toThrow();
    await cache('two', 'a');
    await takedown.resume();
    expect((await takedown.latest(1))[0]).toMatchObject({ groups: { removed: 1 } });
    expect((await bench.catalog.find(groupRef('a')))?.source.digest).toBe(contentOf('two'));
  });

  it('is left to another process that is at it', async () => {
    await cache('one', 'a');
    const asked = {
      selection: { by: 'key', imageKey: groupRef('a').imageKey },
      reason: 'why',
      isBlocked: false,
    } as const;
    await expect(dying('append', 1).purge(asked)).rejects.toThrow();
    const held = { acquire: async () => undefined, waitUntilFree: async () => undefined, close: async () => undefined };
    const { takedowns, walk, catalog, tiered: blobs, clock, logger } = bench;
    const another = new TakedownService({
      ...{ takedowns, catalog, walk, blobs, clock, logger, leases: held, lastTier: 'disk', by: 'x', tellsCdn: false },
      follow: async () => undefined,
    });
    await another.resume();
    expect(await takedowns.last()).toBe(0);
  });
});

describe('a tombstone', () => {
  it('keeps the content out under every key, until it ends', async () => {
    await cache('one', 'a');
    await purge({ by: 'content', content: contentOf('one') }, true, bench.clock.now() + 60_000);
    for (const attempt of [
      () => cache('one', 'a'),
      () => cache('one', 'another', 'c'),
      async () => bench.service.cacheAndChoose(groupRef('a'), SMALL, await bench.upload('one')),
    ])
      await expect(attempt()).rejects.toMatchObject({ code: 'blocked-content' });
    expect([await bench.catalog.count(), bench.converter.jobs.length]).toEqual([0, 1]);
    await cache('two', 'a');
    bench.clock.advance(60_000);
    await cache('one', 'a');
  });

  it('is left by a purge of keys for every content that they had, and taken away by hand', async () => {
    await cache('one', 'x/1');
    await cache('two', 'x/2');
    const { receipt } = await purge({ by: 'prefix', prefix: 'x/' }, true);
    expect([...receipt.blocked.contents].sort()).toEqual([contentOf('one'), contentOf('two')].sort());
    await expect(cache('two', 'y')).rejects.toMatchObject({ code: 'blocked-content' });
    expect((await takedown.tombstones(10)).map(({ reason }) => reason)).toEqual(['why', 'why']);
    expect(await takedown.unblock(contentOf('two'))).toBe(true);
    expect(await takedown.unblock(contentOf('two'))).toBe(false);
    await cache('two', 'y');
    expect((await takedown.latest(1))[0]).toMatchObject({ unblocked: [contentOf('two')] });
  });

  it('meets an upload that had begun before it was set: nothing of it stays', async () => {
    bench.converter.start.shut();
    const upload = cache('one', 'a');
    await until(() => bench.converter.start.held === 1, 'a conversion under way');
    await purge({ by: 'content', content: contentOf('one') }, true);
    bench.converter.start.open();
    await expect(upload).rejects.toMatchObject({ code: 'blocked-content' });
    expect(await bench.catalog.find(groupRef('a'))).toBeUndefined();
  });

  it('hides what an upload has stored behind it whose process died, or stands still, before it looked again', async () => {
    const { findTombstone } = bench.takedowns;
    const slipIn = async (key: string) => {
      bench.converter.start.shut();
      const upload = cache('one', key);
      void upload.catch(() => undefined);
      await until(() => bench.converter.start.held === 1, 'a conversion under way');
      await purge({ by: 'content', content: contentOf('one') }, true);
      bench.takedowns.findTombstone = () => new Promise(() => undefined);
      bench.converter.start.open();
      await until(async () => (await bench.catalog.find(groupRef(key))) !== undefined, 'it is stored');
      bench.takedowns.findTombstone = findTombstone;
    };
    await slipIn('a');
    expect(await bench.service.has(groupRef('a'))).toBe(false);
    expect(await bench.catalog.count()).toBe(0);
    for (const attempt of [
      () => bench.service.choose(groupRef('a'), SMALL),
      () => bench.service.metadata(groupRef('a')),
    ])
      await expect(attempt()).rejects.toMatchObject({ code: 'unknown-image-key' });
    const again = bench.service.cacheAndChoose(groupRef('a'), SMALL, await bench.upload('one'));
    await expect(again).rejects.toMatchObject({ code: 'blocked-content' });
  });

  it('alone hides nothing that was there before it', async () => {
    await cache('one', 'a');
    bench.clock.advance(120_000);
    await takedown.block(contentOf('one'), 'why', undefined);
    await follower.round();
    await bench.service.choose(groupRef('a'), SMALL);
  });

  it('is told to whoever keeps prepared answers', async () => {
    let told = 0;
    const { takedowns, tiered: blobs, clock, logger } = bench;
    const holder = { id: 'that', host: 'there', worker: 0, keepsDisk: false };
    const other = new TakedownFollower({ takedowns, blobs, clock, logger, holder, onBlocked: () => told++ });
    await other.round();
    const before = told;
    await takedown.block(contentOf('one'), 'why', undefined);
    await other.round();
    expect(told).toBe(before + 1);
    await takedown.unblock(contentOf('one'));
    await other.round();
    expect(told).toBe(before + 2);
  });
});

describe('following', () => {
  const dropped: (readonly Digest[] | 'all')[] = [];
  const another = (memory?: { value: number | undefined }) => {
    dropped.length = 0;
    const { takedowns, clock, logger } = bench;
    return new TakedownFollower({
      ...{ takedowns, clock, logger },
      blobs: {
        drop: async (digests) => {
          dropped.push(digests);
          return { memory: { blobs: 0, bytes: 0 }, disk: { blobs: 1, bytes: 5 } };
        },
      },
      holder: { id: 'that', host: 'there', worker: 0, keepsDisk: memory !== undefined },
      ...(memory && {
        memory: {
          read: () => memory.value,
          write: async (followed: number) => {
            memory.value = followed;
          },
        },
      }),
    });
  };

  it('a node that was away drops what it has missed when it is back, and the receipt says so', async () => {
    const memory = { value: 0 };
    await another(memory).round();
    await cache('one', 'a');
    const { receipt } = await purge({ by: 'key', imageKey: groupRef('a').imageKey });
    expect(receipt.isComplete).toBe(false);
    expect(receipt.nodes.map(({ host, state }) => `${host} ${state}`)).toEqual(['here dropped', 'there away']);
    await another(memory).round();
    expect(dropped).toEqual([expect.arrayContaining([contentOf('one')])]);
    const { receipt: later } = (await takedown.receipt(receipt.id)) ?? {};
    expect(later?.nodes.map(({ host, state }) => `${host} ${state}`).sort()).toEqual(['here dropped', 'there dropped']);
    dropped.length = 0;
    await another(memory).round();
    expect(dropped).toEqual([]);
  });

  it('no receipt waits for a process that has ended properly with its memory, but for one that was killed', async () => {
    const ended = another();
    await ended.round();
    await ended.close();
    // Whoever asks it to follow late, as a purge under way may, does not bring it back.
    await ended.round();
    const selection = { by: 'context', context: groupRef('k', 'c').context } as const;
    expect((await purge(selection)).receipt.nodes).toEqual([expect.objectContaining({ host: 'here' })]);
    await another().round();
    const { nodes } = (await purge(selection)).receipt;
    expect(nodes.map(({ host, state }) => `${host} ${state}`)).toEqual(['here dropped', 'there away']);
  });

  it('a node that has ended properly has its copies all the same, on its disk', async () => {
    const ended = another({ value: 0 });
    await ended.round();
    await ended.close();
    const { receipt } = await purge({ by: 'context', context: groupRef('k', 'c').context });
    expect(receipt.nodes.map(({ state }) => state)).toEqual(['dropped', 'away']);
  });

  it('copies of which nobody knows what they have followed are dropped as a whole; a new process has none', async () => {
    await bench.takedowns.append(testOrder('x'));
    await another({ value: undefined }).round();
    expect(dropped).toEqual(['all']);
    await another().round();
    expect(dropped).toEqual([]);
  });
});

describe('the CDN', () => {
  const sent: WebhookMessage[] = [];
  let fault: 'unreachable' | 'gone' | undefined;
  const notifier = () => {
    const { takedowns, clock, logger } = bench;
    return new CdnNotifier({
      ...{ takedowns, clock, logger, metrics: bench.metrics },
      ...{ url: 'https://cdn.example/purge', secrets: ['whsec_x'], share: () => 1 },
      sender: {
        send: async (message) => {
          sent.push(message);
          return { fault, durationMs: 1 };
        },
        close: async () => {},
      },
    });
  };
  beforeEach(() => {
    sent.length = 0;
    fault = undefined;
  });

  it('is told the surrogate keys once, by an id that stays', async () => {
    await cache('one', 'a');
    const { receipt } = await purge({ by: 'key', imageKey: groupRef('a').imageKey });
    // Of the image key in all contexts, and of the group that was found.
    expect(receipt.cdn).toEqual({ state: 'queued', surrogateKeys: 2, messages: 1, sent: 0 });
    await notifier().round();
    await notifier().round();
    expect(sent.map(({ id }) => id)).toEqual([`purge_${receipt.id}_1`]);
    expect(JSON.parse(sent[0]?.body ?? '')).toMatchObject({ type: 'cache.purge', data: { id: receipt.id, parts: 1 } });
    expect((await takedown.receipt(receipt.id))?.receipt).toMatchObject({
      cdn: { state: 'delivered' },
      isComplete: true,
    });
  });

  describe('of a purge that waits for it', () => {
    const telling = (tellCdn: () => Promise<void>) => {
      const { takedowns, walk, catalog, tiered: blobs, clock, logger } = bench;
      const service = new TakedownService({
        ...{ takedowns, catalog, walk, blobs, clock, logger, lastTier: 'disk', by: 'admin', tellsCdn: true, tellCdn },
        follow: () => follower.round(),
      });
      const selection = { by: 'context', context: groupRef('k', 'c').context } as const;
      return service.purge({ selection, reason: 'why', isBlocked: false });
    };

    it('is told at once, behind what it is being told, and the receipt is complete', async () => {
      const teller = notifier();
      // This round has looked already, and found nothing.
      void teller.round();
      const { receipt } = await telling(() => teller.round());
      expect(receipt).toMatchObject({ cdn: { state: 'delivered', messages: 1, sent: 1 }, isComplete: true });
      expect(sent).toHaveLength(1);
    });

    it('is waited for where another process tells it', async () => {
      const looks = vi.spyOn(bench.takedowns, 'hookOf');
      const purged = telling(async () => undefined);
      await until(() => looks.mock.calls.length > 3, 'the purge looks again');
      await notifier().round();
      expect((await purged).receipt).toMatchObject({ cdn: { state: 'delivered' }, isComplete: true });
    });

    it('is not waited for once it has not taken it: it is asked again much later', async () => {
      fault = 'unreachable';
      const looks = vi.spyOn(bench.takedowns, 'acknowledged');
      const { receipt } = await telling(() => notifier().round());
      expect(receipt).toMatchObject({ cdn: { state: 'queued' }, isComplete: false });
      expect(sent).toHaveLength(1);
      expect(looks.mock.calls.length).toBeLessThan(30);
    });
  });

  it('is told again of a key that had gone before, by whoever asks for it once more', async () => {
    await cache('one', 'a', 'c');
    const selection = { by: 'key', imageKey: groupRef('a').imageKey } as const;
    const { receipt } = await purge(selection);
    const again = await purge(selection);
    expect([receipt.groups.removed, again.receipt.groups.removed]).toEqual([1, 0]);
    await notifier().round();
    const keysOf = (id: string) =>
      sent
        .map(({ body }) => (JSON.parse(body) as { data: { id: string; surrogateKeys: string[] } }).data)
        .find((data) => data.id === id)?.surrogateKeys;
    const [ofGroup, ofImageKey] = surrogateKeysOf({ group: groupRef('a', 'c') });
    expect(keysOf(receipt.id)).toEqual([ofImageKey, ofGroup]);
    expect(keysOf(again.receipt.id)).toEqual([ofImageKey]);
  });

  it('that does not answer is asked again later and later, and given up after eight attempts', async () => {
    await purge({ by: 'context', context: groupRef('k', 'c').context });
    fault = 'unreachable';
    await notifier().round();
    await notifier().round();
    expect(sent).toHaveLength(1);
    expect([await notifier().waitSeconds(), bench.metrics.total('cdn_purges_total')]).toEqual([0, 0]);
    for (let attempt = 2; attempt <= 8; attempt++) {
      bench.clock.advance(50_400_000);
      expect(await notifier().waitSeconds()).toBe(50_400 * (attempt - 1));
      await notifier().round();
      expect(sent).toHaveLength(attempt);
    }
    expect((await takedown.latest(1))[0]?.cdn.state).toBe('dead');
    expect([await notifier().waitSeconds(), bench.metrics.total('cdn_purges_total', { result: 'dead' })]).toEqual([
      0, 1,
    ]);
    bench.clock.advance(50_400_000);
    await notifier().round();
    expect(sent).toHaveLength(8);
  });

  it('that is gone for good is not asked again', async () => {
    await purge({ by: 'context', context: groupRef('k', 'c').context });
    fault = 'gone';
    await notifier().round();
    expect((await takedown.latest(1))[0]?.cdn.state).toBe('dead');
  });
});
