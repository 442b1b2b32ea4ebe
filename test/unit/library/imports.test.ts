// An import from its acceptance to its assets: what is fetched becomes an asset once, what cannot be says why, and what may pass is
// tried again.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { shareOf } from '../../../src/kernel/fair-share.js';
import { parseFormat } from '../../../src/kernel/format.js';
import type { Context } from '../../../src/kernel/image-key.js';
import type { AssetId, ImportId, TenantId } from '../../../src/kernel/library/ids.js';
import type { Claim } from '../../../src/kernel/ports/jobs.js';
import { parseHostRule } from '../../../src/kernel/source-url.js';
import { blockedContent } from '../../../src/kernel/takedown/tombstone.js';
import { JobRunner } from '../../../src/library/job-runner.js';
import { flat, image } from '../../support/images.js';
import { failure, openImportFlow, tenantOf } from '../../support/import-flow.js';
import { newImport, wantedItem } from '../../support/library.js';

const TENANT = 'tenant' as Context;
/** A picture of `widthPx` by 30 pixels. */
const picture = (widthPx: number) =>
  image(flat(widthPx, 30, [200, 100, 50]))
    .jpeg()
    .toBuffer();
const DAY_MS = 24 * 3_600_000;
const WAIT = { timeout: 30_000, interval: 5 };

let flow: Awaited<ReturnType<typeof openImportFlow>>;
let runner: JobRunner;

async function begin(tenant = tenantOf()): Promise<void> {
  flow = await openImportFlow(tenant);
  runner = flow.runner();
  runner.start();
}

beforeEach(() => begin());
afterEach(async () => {
  await runner.close(30_000);
  await flow.dispose();
});

async function accept(...names: readonly string[]): Promise<ImportId> {
  const accepted = await flow.service.acceptImport(flow.tenant, { dialect: 'test', items: names.map(wantedItem) });
  if (accepted.outcome !== 'accepted') throw new Error(`expected an accepted import, got ${accepted.outcome}`);
  return accepted.job.id;
}

async function finished(id: ImportId) {
  await vi.waitFor(async () => {
    expect((await flow.service.findImport(TENANT, id))?.finishedAt).toBeDefined();
  }, WAIT);
  return (await flow.service.importStatus(TENANT, id))?.items ?? [];
}

describe('an import', () => {
  test('makes an asset of a picture, with its previews and its original, and leaves no file behind', async () => {
    const bytes = await picture(40);
    flow.fetcher.answers.set('/a.jpg', bytes);
    const [status] = await finished(await accept('a'));
    const size = { type: 'jpeg', widthPx: 40, heightPx: 30 } as const;
    expect(status).toMatchObject({ state: 'succeeded', versionNumber: 1, picture: { ...size, title: 'a' } });
    const id = status?.assetId as AssetId;
    const described = await flow.service.describeAsset(TENANT, id);
    expect(described?.asset).toMatchObject({
      title: 'a',
      reference: { externalId: 'urn:a' },
      validators: { etag: '"1"' },
    });
    expect(described?.version).toMatchObject({ ...size, bytes: bytes.length });
    const opened = await flow.service.openOriginal(TENANT, id);
    const pieces: Uint8Array[] = [];
    for await (const piece of opened?.bytes ?? []) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
    const choice = await flow.service.choosePreview(TENANT, id, parseFormat('auto:20x20'));
    expect(choice?.preview.bytes).toBeGreaterThan(0);
    await vi.waitFor(async () => expect(await readdir(flow.tmpDir)).toEqual([]), WAIT);
  });

  test('makes its previews again from the original where the cache has lost them', async () => {
    flow.fetcher.answers.set('/a.jpg', await picture(40));
    const [status] = await finished(await accept('a'));
    const id = status?.assetId as AssetId;
    expect(await flow.previews.clear({})).toBe(1);
    const request = parseFormat('auto:20x20');
    const again = await flow.service.choosePreview(TENANT, id, request);
    expect(again && (await flow.service.readPreview(again)).bytes.length).toBeGreaterThan(0);
    expect(flow.fetcher.asked).toHaveLength(1);
  });

  test('skips a known picture whose origin has nothing new, and keeps asking with what it said last', async () => {
    flow.fetcher.answers.set('/a.jpg', await picture(40));
    const [first] = await finished(await accept('a'));
    flow.fetcher.answers.set('/a.jpg', { kind: 'not-modified' });
    const [second] = await finished(await accept('a'));
    expect(flow.fetcher.asked[1]?.validators).toEqual({ finalUrl: 'https://example.com/', etag: '"1"' });
    expect(second).toMatchObject({ state: 'skipped', attempts: 1, assetId: first?.assetId });
    expect(second?.reason).toBeUndefined();
  });

  test('makes other bytes a version of the same asset', async () => {
    flow.fetcher.answers.set('/a.jpg', await picture(40));
    const [first] = await finished(await accept('a'));
    flow.fetcher.answers.set('/a.jpg', await picture(50));
    const [second] = await finished(await accept('a'));
    expect(second).toMatchObject({ state: 'succeeded', assetId: first?.assetId, versionNumber: 2 });
    const id = first?.assetId as AssetId;
    expect((await flow.service.listVersions(TENANT, id)).map(({ widthPx }) => widthPx)).toEqual([50, 40]);
  });

  test('says of each picture that cannot be had why, without an attempt more', async () => {
    const html = async () => flow.fetcher.fetched(Buffer.from('<html>'), 'text/html');
    flow.fetcher.answers.set('/page.jpg', html);
    flow.previews.failNext = new ProofsheetError('source-type-refused', 'expected an image');
    const [page] = await finished(await accept('page'));
    expect(page).toMatchObject({
      state: 'failed',
      reason: { code: 'not-an-image', message: expect.stringContaining('text/html') },
    });
    flow.fetcher.answers.set('/broken.jpg', Buffer.from('broken'));
    flow.previews.failNext = new ProofsheetError('source-undecodable', 'the image cannot be decoded');
    const [missing, broken] = await finished(await accept('missing', 'broken'));
    expect(missing).toMatchObject({
      state: 'failed',
      attempts: 1,
      reason: { code: 'source-not-found', status: 404 },
    });
    expect(broken).toMatchObject({ state: 'failed', reason: { code: 'image-damaged' } });
    expect(await flow.assets.usage()).toMatchObject({ assets: 0, originals: 0 });
  });

  test('says of a picture that was taken down that it is not to come back, without an attempt more', async () => {
    flow.fetcher.answers.set('/gone.jpg', await picture(40));
    flow.previews.failNext = blockedContent();
    const [gone] = await finished(await accept('gone'));
    expect(gone).toMatchObject({ state: 'failed', attempts: 1, reason: { code: 'image-blocked' } });
    expect(await flow.assets.usage()).toMatchObject({ assets: 0, originals: 0 });
  });

  test('tries an origin that fails four times, and then says so', async () => {
    const away = failure('source-unavailable', { status: 503, isTransient: true, retryAfterMs: 2_000 });
    flow.fetcher.answers.set('/a.jpg', away);
    const id = await accept('a');
    for (const attempts of [1, 2, 3]) {
      await vi.waitFor(async () => expect(await flow.assets.findItem(id, 0)).toMatchObject({ attempts }), WAIT);
      const item = await flow.assets.findItem(id, 0);
      // Half of the longest wait, and what the origin asked for.
      const waits = [7_000, 32_000, 302_000];
      expect((item?.nextAttemptAt ?? 0) - flow.clock.now()).toBe(waits[attempts - 1]);
      flow.clock.advance(waits[attempts - 1] ?? 0);
    }
    const [status] = await finished(id);
    expect(status).toMatchObject({
      state: 'failed',
      attempts: 4,
      reason: { code: 'source-unavailable', status: 503 },
    });
    expect(flow.fetcher.asked).toHaveLength(4);
  });

  test('waits for a server without room, and for a host that is not asked, at no cost of attempts', async () => {
    flow.fetcher.answers.set('/a.jpg', await picture(40));
    flow.previews.failNext = new ProofsheetError('storage-full', 'no space is left');
    flow.fetcher.answers.set('/b.jpg', failure('source-unavailable', { isTransient: true, wasTried: false }));
    const id = await accept('a', 'b');
    const waiting = { state: 'queued', attempts: 0, nextAttemptAt: expect.any(Number) };
    for (const index of [0, 1])
      await vi.waitFor(async () => expect(await flow.assets.findItem(id, index)).toMatchObject(waiting), WAIT);
    flow.fetcher.answers.set('/b.jpg', await picture(30));
    flow.clock.advance(10_000);
    expect((await finished(id)).map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
  });

  /** Runs the item by hand, over and over as its endings say, until it has ended; the waits, in ms. */
  async function waitsUntilEnd(): Promise<readonly number[]> {
    const [waits, signal] = [[] as number[], new AbortController().signal];
    for (;;) {
      const [claim] = await flow.jobs.claim({ kind: 'import-item', limit: 1, leaseMs: 60_000 });
      if (claim === undefined || waits.length > 200) throw new Error('expected an end');
      const ending = await flow.worker.run(claim, { lost: signal, giveUp: signal, note: async () => undefined });
      if (ending.kind === 'done') {
        await flow.jobs.finish(claim, ending.effects);
        return waits;
      }
      await flow.jobs.retryAt(claim, ending.at, ending.retry);
      waits.push(ending.at - flow.clock.now());
      flow.clock.advance(ending.at - flow.clock.now());
    }
  }

  test.each([
    ['a fetch that fails for a reason of ours', () => new ProofsheetError('storage-full', 'no space is left')],
    ['a fetch that fails for no known reason', () => new TypeError('undefined is no function')],
  ])('waits ever longer after %s, and ends some time', async (_, error) => {
    await runner.close(30_000);
    flow.fetcher.answers.set('/a.jpg', async () => {
      throw error();
    });
    const id = await accept('a');
    const waits = await waitsUntilEnd();
    expect(waits[0]).toBe(7_500);
    expect(waits.at(-1)).toBe(450_000);
    expect(waits.length).toBeLessThan(100);
    expect((await finished(id))[0]).toMatchObject({ state: 'failed', reason: { code: 'internal' } });
  });

  test('waits ever longer where an original cannot be kept, and leaves no file behind', async () => {
    vi.spyOn(flow.originals, 'keep').mockRejectedValue(new ProofsheetError('storage-full', 'no space is left'));
    flow.fetcher.answers.set('/a.jpg', await picture(40));
    const id = await accept('a');
    const waiting = { state: 'queued', attempts: 0, reason: { code: 'internal', message: 'no space is left' } };
    await vi.waitFor(async () => expect(await flow.assets.findItem(id, 0)).toMatchObject(waiting), WAIT);
    flow.clock.advance(7 * 3_600_000);
    // Late, and still not ended by one fault more: the attempt is counted.
    await vi.waitFor(async () => expect(await flow.assets.findItem(id, 0)).toMatchObject({ attempts: 1 }), WAIT);
    flow.clock.advance(600_000);
    expect((await finished(id))[0]).toMatchObject({ state: 'failed', reason: { code: 'internal' } });
    await vi.waitFor(async () => expect(await readdir(flow.tmpDir)).toEqual([]), WAIT);
  });

  test('is not late because the clock was set forward by ten hours', async () => {
    const keep = vi
      .spyOn(flow.originals, 'keep')
      .mockRejectedValue(new ProofsheetError('storage-full', 'no space is left'));
    flow.fetcher.answers.set('/a.jpg', await picture(40));
    const id = await accept('a');
    const tries = async (calls: number) => {
      await vi.waitFor(() => expect(keep.mock.calls.length).toBeGreaterThanOrEqual(calls), WAIT);
      const waiting = { state: 'queued', attempts: 0, reason: { code: 'internal', message: 'no space is left' } };
      await vi.waitFor(async () => expect(await flow.assets.findItem(id, 0)).toMatchObject(waiting), WAIT);
    };
    await tries(1);
    flow.clock.jump(10 * 3_600_000);
    for (let calls = 2; calls <= 4; calls++) {
      await tries(calls);
      flow.clock.advance(600_000);
    }
    keep.mockRestore();
    flow.clock.advance(600_000);
    expect((await finished(id))[0]).toMatchObject({ state: 'succeeded' });
  });

  test('does not fetch at once, over and over, where an original is gone as soon as it is kept', async () => {
    vi.spyOn(flow.originals, 'keep').mockResolvedValue(undefined);
    flow.fetcher.answers.set('/a.jpg', await picture(40));
    const id = await accept('a');
    const waiting = { state: 'queued', attempts: 0, nextAttemptAt: flow.clock.now() + 7_500 };
    await vi.waitFor(async () => expect(await flow.assets.findItem(id, 0)).toMatchObject(waiting), WAIT);
    expect(flow.fetcher.asked).toHaveLength(1);
  });

  test('gives up a callback whose handler fails for ever, after three days', async () => {
    const handle = vi.fn(() => Promise.reject(new Error('no letter can be written')));
    const callbacks = new JobRunner({ ...flow, kind: 'callback', concurrency: 1, handle, share: () => 0.5 });
    callbacks.start();
    try {
      await flow.jobs.enqueue([{ kind: 'callback', id: 'a', context: TENANT }]);
      for (const [ms, attempts] of [
        [0, 0],
        [73 * 3_600_000, 1],
        [600_000, undefined],
      ] as const) {
        flow.clock.advance(ms);
        const calls = handle.mock.calls.length;
        if (attempts === undefined)
          await vi.waitFor(async () => expect(await flow.jobs.find('callback', 'a')).toBeUndefined(), WAIT);
        else
          await vi.waitFor(async () => {
            expect(handle.mock.calls.length).toBeGreaterThanOrEqual(Math.max(1, calls));
            const job = await flow.jobs.find('callback', 'a');
            expect(job).toMatchObject({ attempts });
            expect(job?.dueAt).toBeGreaterThan(flow.clock.now());
          }, WAIT);
      }
      expect(handle).toHaveBeenCalledTimes(3);
      expect(flow.logger.at('error')).toHaveLength(1);
    } finally {
      await callbacks.close(30_000);
    }
  });

  test('ends an item whose records fail for ever, and leaves no file of it behind', async () => {
    const note = flow.jobs.note.bind(flow.jobs);
    vi.spyOn(flow.jobs, 'note').mockImplementation((claim, stage) =>
      stage === 'converting' ? Promise.reject(new Error('the records cannot be written')) : note(claim, stage),
    );
    flow.fetcher.answers.set('/a.jpg', await picture(40));
    const id = await accept('a');
    const waiting = { state: 'queued', attempts: 0, nextAttemptAt: flow.clock.now() + 7_500 };
    await vi.waitFor(async () => expect(await flow.assets.findItem(id, 0)).toMatchObject(waiting), WAIT);
    expect(await readdir(flow.tmpDir)).toEqual([]);
    flow.clock.advance(7 * 3_600_000);
    await vi.waitFor(async () => expect(await flow.assets.findItem(id, 0)).toMatchObject({ attempts: 1 }), WAIT);
    flow.clock.advance(600_000);
    expect((await finished(id))[0]).toMatchObject({ state: 'failed', reason: { code: 'internal' } });
    expect(await readdir(flow.tmpDir)).toEqual([]);
  });

  test('gives back what a stopping server has not fetched, and another one goes on with it', async () => {
    flow.fetcher.answers.set(
      '/a.jpg',
      ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    const id = await accept('a');
    await vi.waitFor(() => expect(flow.fetcher.asked).toHaveLength(1), WAIT);
    await runner.close(30_000);
    expect(await flow.jobs.find('import-item', `${id}.0`)).toMatchObject({ attempts: 0, lostLeases: 0 });
    flow.fetcher.answers.set('/a.jpg', await picture(40));
    runner = flow.runner();
    runner.start();
    expect((await finished(id))[0]).toMatchObject({ state: 'succeeded', attempts: 1 });
  });

  test('gives up an item that its holders died of five times', async () => {
    await runner.close(30_000);
    flow.fetcher.answers.set('/a.jpg', await picture(40));
    const id = await accept('a');
    for (let deaths = 0; deaths < 5; deaths++) {
      expect(await flow.jobs.claim({ kind: 'import-item', limit: 1, leaseMs: 1_000 })).toHaveLength(1);
      flow.clock.advance(1_001);
    }
    runner = flow.runner();
    runner.start();
    expect((await finished(id))[0]).toMatchObject({ state: 'failed', reason: { code: 'internal' } });
    expect(flow.fetcher.asked).toEqual([]);
  });

  test('is refused as a whole where it is longer than may be', async () => {
    const items = Array.from({ length: 1_001 }, (_, n) => wantedItem(`${n}`));
    await expect(flow.service.acceptImport(flow.tenant, { dialect: 'test', items })).rejects.toThrow(
      'at most 1000 images',
    );
    expect(await flow.assets.usage()).toMatchObject({ openImports: 0 });
  });

  test('has no more in hand than hands, and goes on as they are free', async () => {
    let [inHand, most] = [0, 0];
    const bytes = await picture(40);
    const answer = async () => {
      most = Math.max(most, ++inHand);
      await new Promise((resolve) => setImmediate(resolve));
      inHand--;
      return flow.fetcher.fetched(bytes);
    };
    const names = Array.from({ length: 12 }, (_, n) => `${n}`);
    for (const name of names) flow.fetcher.answers.set(`/${name}.jpg`, answer);
    expect((await finished(await accept(...names))).every(({ state }) => state === 'succeeded')).toBe(true);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
  });

  test('leaves a hand free for others, however many pictures of one context hang', async () => {
    const other = tenantOf({ id: 'other' as TenantId, context: 'other' as Context });
    flow.tenants.tenants = [flow.tenant, other];
    const hangs = ({ signal }: { readonly signal: AbortSignal }): Promise<never> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const names = Array.from({ length: 20 }, (_, n) => `slow-${n}`);
    for (const name of names) flow.fetcher.answers.set(`/${name}.jpg`, hangs);
    flow.fetcher.answers.set('/quick.jpg', await picture(40));
    await accept(...names);
    await vi.waitFor(() => expect(flow.fetcher.asked).toHaveLength(3), WAIT);
    for (let times = 0; times < 3; times++) {
      const wanted = { dialect: 'test', items: [wantedItem('quick')] };
      const accepted = await flow.service.acceptImport(other, wanted);
      if (accepted.outcome !== 'accepted') throw new Error(`expected an accepted import, got ${accepted.outcome}`);
      await vi.waitFor(async () => {
        expect((await flow.service.findImport(other.context, accepted.job.id))?.finishedAt).toBeDefined();
      }, WAIT);
    }
    // The end of an item is seen a moment before its hand is free.
    await vi.waitFor(() => expect(runner.inHand).toBe(3), WAIT);
  });

  test('does the work of no context that is not its own', async () => {
    await runner.close(30_000);
    flow.fetcher.answers.set('/a.jpg', await picture(40));
    const id = await accept('a');
    const only = new JobRunner({
      ...flow,
      kind: 'import-item',
      concurrency: 4,
      handle: flow.worker.run,
      only: (context) => context !== TENANT,
    });
    const claim = vi.spyOn(flow.jobs, 'claim');
    only.start();
    await vi.waitFor(() => expect(claim.mock.results.length).toBeGreaterThan(0), WAIT);
    await claim.mock.results[0]?.value;
    await only.close(30_000);
    expect(await flow.jobs.find('import-item', `${id}.0`)).toMatchObject({ attempts: 0 });
    expect(await flow.assets.findItem(id, 0)).toMatchObject({ state: 'queued' });
    expect(flow.fetcher.asked).toEqual([]);
    runner = flow.runner();
    runner.start();
    expect((await finished(id))[0]?.state).toBe('succeeded');
  });

  test('counts patience from the first refusal, however long the queue was before', async () => {
    await runner.close(30_000);
    flow.fetcher.answers.set('/a.jpg', failure('source-unavailable', { isTransient: true, wasTried: false }));
    const id = await accept('a');
    flow.clock.advance(3 * DAY_MS);
    runner = flow.runner();
    runner.start();
    const waiting = { state: 'queued', attempts: 0, nextAttemptAt: flow.clock.now() + 5_000 };
    await vi.waitFor(async () => expect(await flow.assets.findItem(id, 0)).toMatchObject(waiting), WAIT);
    flow.clock.advance(5 * 3_600_000);
    await vi.waitFor(async () => {
      expect((await flow.assets.findItem(id, 0))?.nextAttemptAt).toBe(flow.clock.now() + 5_000);
    }, WAIT);
    flow.clock.advance(2 * 3_600_000);
    const reason = { code: 'source-unavailable' };
    expect((await finished(id))[0]).toMatchObject({ state: 'failed', attempts: 0, reason });
  });

  test.each([
    ['has no converter free', () => flow.fetcher.answers.set('/a.jpg', Buffer.from('x')), 'overloaded'],
    [
      'has as many conversions as the context may',
      () => flow.fetcher.answers.set('/a.jpg', Buffer.from('x')),
      'over-quota',
    ],
    [
      'has as many requests to the host as may be',
      () =>
        flow.fetcher.answers.set(
          '/a.jpg',
          failure('source-unavailable', { isTransient: true, wasTried: false, isBusy: true }),
        ),
      undefined,
    ],
  ] as const)('never fails because this server %s', async (_, prepare, code) => {
    prepare();
    const cache = vi.spyOn(flow.previews, 'cache');
    if (code !== undefined) cache.mockRejectedValue(new ProofsheetError(code, 'there is too much to do'));
    const id = await accept('a');
    for (let days = 0; days < 5; days++) {
      await vi.waitFor(async () => {
        expect(await flow.assets.findItem(id, 0)).toMatchObject({ state: 'queued', attempts: 0 });
        expect((await flow.assets.findItem(id, 0))?.nextAttemptAt).toBeGreaterThan(flow.clock.now());
      }, WAIT);
      flow.clock.advance(DAY_MS);
    }
    cache.mockRestore();
    flow.fetcher.answers.set('/a.jpg', await picture(40));
    flow.clock.advance(DAY_MS);
    expect((await finished(id))[0]?.state).toBe('succeeded');
  });

  test.each(['update', 'skip'] as const)(
    'brings a known picture again whose original is damaged or lost, where known ones are to %s',
    async (onExisting) => {
      await runner.close(30_000);
      await flow.dispose();
      await begin(tenantOf({ onExisting }));
      const bytes = await picture(40);
      flow.fetcher.answers.set('/a.jpg', bytes);
      const [first] = await finished(await accept('a'));
      const original = await flow.service.findVersion(TENANT, first?.assetId as AssetId);
      if (original === undefined) throw new Error('expected a version');
      const { digest } = original;
      const path = join(flow.dataDir, 'library', 'originals', digest.slice(0, 2), digest.slice(2, 4), digest);
      const damages = [
        () => writeFile(path, Buffer.alloc(bytes.length)),
        () => writeFile(path, bytes.subarray(1)),
        () => rm(path),
      ];
      for (const damage of damages) {
        await damage();
        const [again] = await finished(await accept('a'));
        expect(again).toMatchObject({ state: 'skipped', assetId: first?.assetId });
        expect(flow.fetcher.asked.at(-1)?.validators).toBeUndefined();
        expect(await readFile(path)).toEqual(bytes);
      }
      expect(flow.fetcher.asked).toHaveLength(1 + damages.length);
      // What was damaged is still there for whoever looks into it.
      expect(await readFile(`${path}.damaged`)).toEqual(bytes.subarray(1));
      await finished(await accept('a'));
      expect(flow.fetcher.asked).toHaveLength(onExisting === 'skip' ? 4 : 5);
    },
  );

  test('brings a known picture again that was put in the trash while its origin said that it had nothing new', async () => {
    flow.fetcher.answers.set('/a.jpg', await picture(40));
    const [first] = await finished(await accept('a'));
    flow.fetcher.answers.set('/a.jpg', async () => {
      await flow.assets.trash(TENANT, first?.assetId as AssetId);
      return { kind: 'not-modified' };
    });
    const id = await accept('a');
    const waiting = { state: 'queued', nextAttemptAt: flow.clock.now() + 7_500 };
    await vi.waitFor(async () => expect(await flow.assets.findItem(id, 0)).toMatchObject(waiting), WAIT);
    flow.fetcher.answers.set('/a.jpg', await picture(40));
    flow.clock.advance(7_500);
    const [second] = await finished(id);
    expect(second).toMatchObject({ state: 'succeeded', versionNumber: 1 });
    expect(second?.assetId).not.toBe(first?.assetId);
    // In full, since there is nothing that it could be unchanged to.
    expect(flow.fetcher.asked.map(({ validators }) => validators !== undefined)).toEqual([false, true, false]);
    expect(await flow.service.describeAsset(TENANT, second?.assetId as AssetId)).toBeDefined();
  });

  test('shows nothing of an original that is damaged, and sets it aside', async () => {
    const bytes = await picture(40);
    flow.fetcher.answers.set('/a.jpg', bytes);
    const [status] = await finished(await accept('a'));
    const id = status?.assetId as AssetId;
    const digest = (await flow.service.findVersion(TENANT, id))?.digest ?? '';
    const path = join(flow.dataDir, 'library', 'originals', digest.slice(0, 2), digest.slice(2, 4), digest);
    const damaged = Buffer.from(bytes).fill(0, 30);
    await writeFile(path, damaged);
    const opened = await flow.service.openOriginal(TENANT, id);
    const read = async (): Promise<void> => {
      for await (const _ of opened?.bytes ?? []) throw new Error('expected no piece before all is checked');
    };
    await expect(read()).rejects.toThrow('is damaged');
    await expect(flow.service.openOriginal(TENANT, id)).rejects.toThrow('is lost');
    expect(await readFile(`${path}.damaged`)).toEqual(damaged);
    expect(await flow.assets.erase(TENANT, id)).toBe(true);
    flow.clock.advance(DAY_MS);
    const now = flow.clock.now();
    await flow.assets.sweep({ trashedBefore: now, unneededBefore: now, finishedBefore: now }, 100);
    for (const gone of [path, `${path}.damaged`]) await expect(readFile(gone)).rejects.toThrow('ENOENT');
  });

  test('asks nobody where a known picture is to be left alone', async () => {
    await runner.close(30_000);
    await flow.dispose();
    await begin(tenantOf({ onExisting: 'skip' }));
    flow.fetcher.answers.set('/a.jpg', await picture(40));
    await finished(await accept('a'));
    const [again] = await finished(await accept('a'));
    expect(again).toMatchObject({ state: 'skipped', attempts: 0 });
    expect(flow.fetcher.asked).toHaveLength(1);
  });
});

describe('whose import it is', () => {
  const [first, second] = [tenantOf({ id: 'first' as TenantId }), tenantOf({ id: 'second' as TenantId })];
  const signal = new AbortController().signal;
  const hold = { lost: signal, giveUp: signal, note: async () => undefined };
  // By hand, so that every ending is seen.
  beforeEach(() => runner.close(30_000));

  async function claimed(accepted = flow.tenant): Promise<Claim> {
    await flow.service.acceptImport(accepted, { dialect: 'test', items: [wantedItem('a')] });
    return claim();
  }

  async function claim(): Promise<Claim> {
    const [found] = await flow.jobs.claim({ kind: 'import-item', limit: 1, leaseMs: 60_000 });
    if (found === undefined) throw new Error('expected the item in the queue');
    return found;
  }

  test('decides the hosts, the bytes and the rule, not who else has the context', async () => {
    const allowedHosts = [parseHostRule('second.example')];
    const other = tenantOf({ ...first, allowedHosts: [parseHostRule('first.example')], onExisting: 'skip' });
    const own = tenantOf({ ...second, allowedHosts, quota: { maxBytes: 7_000_000 } });
    flow.tenants.tenants = [other, own];
    flow.fetcher.answers.set('/a.jpg', await picture(40));
    const before = await claimed(own);
    const ending = await flow.worker.run(before, hold);
    expect(ending).toMatchObject({ effects: { outcome: { kind: 'arrived', maxBytes: 7_000_000 } } });
    expect(flow.fetcher.asked[0]).toMatchObject({ allowedHosts });
    if (ending.kind === 'done') await flow.jobs.finish(before, ending.effects);
    // Known now: the one leaves it alone, the other asks for it again.
    await flow.worker.run(await claimed(own), hold);
    expect(flow.fetcher.asked).toHaveLength(2);
    expect(await flow.worker.run(await claimed(other), hold)).toMatchObject({
      effects: { outcome: { kind: 'unchanged' } },
    });
    expect(flow.fetcher.asked).toHaveLength(2);
  });

  test('that was accepted before the tenant was noted, is told by its context where one tenant has that alone', async () => {
    await flow.assets.acceptImport(newImport(['a']));
    const old = await claim();
    flow.tenants.tenants = [first, second];
    expect(await flow.worker.run(old, hold)).toMatchObject({ kind: 'again' });
    flow.tenants.tenants = [second];
    expect(await flow.worker.run(old, hold)).toMatchObject({ effects: { outcome: { kind: 'failed' } } });
  });

  test('is waited for where the tenant is not known, and cancelled only after a day of that', async () => {
    const work = await claimed();
    // A process that begins long after the import was accepted, as a command may that has another tenants file.
    flow.clock.advance(10 * DAY_MS);
    for (const tenants of [[], [first], [tenantOf({ context: 'moved' as Context })]]) {
      flow.tenants.tenants = tenants;
      const at = flow.clock.now() + 60_000;
      expect(await flow.worker.run(work, hold)).toMatchObject({ kind: 'again', at, retry: { free: true } });
    }
    flow.clock.advance(DAY_MS);
    expect(await flow.worker.run(work, hold)).toMatchObject({ kind: 'again' });
    flow.tenants.tenants = [flow.tenant];
    expect(await flow.worker.run(work, hold)).toMatchObject({ effects: { outcome: { kind: 'failed' } } });
    flow.tenants.tenants = [];
    expect(await flow.worker.run(work, hold)).toMatchObject({ kind: 'again' });
    flow.clock.advance(DAY_MS + 1);
    expect(await flow.worker.run(work, hold)).toMatchObject({
      effects: { outcome: { kind: 'cancelled' }, free: true },
    });
  });
});

test('a context has three quarters of the hands that others leave, so that one that hangs leaves others some', () => {
  expect([1, 2, 4, 8, 16].map((hands) => shareOf(hands, 0))).toEqual([1, 1, 3, 6, 12]);
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 1_000 }), (hands) => {
      const first = shareOf(hands, 0);
      expect(first).toBeLessThan(hands);
      expect(first + shareOf(hands, first)).toBeLessThanOrEqual(hands);
      if (hands >= 8) expect(first + shareOf(hands, first)).toBeLessThan(hands);
    }),
  );
});
