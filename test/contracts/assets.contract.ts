// The contract of Assets and Originals: what belongs together becomes visible together, once; what is named stays, and what is not
// goes; every list is a page of an index.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Context } from '../../src/kernel/image-key.js';
import { MAX_VERSIONS, type OriginalInfo } from '../../src/kernel/library/asset.js';
import type { AssetId } from '../../src/kernel/library/ids.js';
import type { Acceptance, Assets, ItemEffects, ItemOutcome, NewImport } from '../../src/kernel/ports/assets.js';
import type { Clock } from '../../src/kernel/ports/clock.js';
import type { Claim, Finish, Jobs } from '../../src/kernel/ports/jobs.js';
import type { Originals } from '../../src/kernel/ports/originals.js';
import { arrived, newImport, originalOf } from '../support/library.js';
import { type ContractCase, describeContract, type Open } from './contract.js';

export interface LibrarySubject {
  readonly assets: Assets;
  readonly jobs: Jobs;
  readonly originals: Originals;
  /** Another client of the same backend, as another process would have it. */
  readonly peer: { readonly assets: Assets; readonly jobs: Jobs; readonly originals: Originals };
  /** An existing directory for files of the test. */
  readonly dataDir: string;
  /** The clock that the backend reads; `jump`: somebody sets it, by so many ms. */
  readonly clock: Clock & { jump(ms: number): void };
  advance(ms: number): void;
  /** Keeps an original with the bytes of a text. */
  keep(text: string): Promise<OriginalInfo>;
}

const TENANT = 'tenant' as Context;
const OTHER = 'other' as Context;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NEVER = 0;
/** Items that end at the same time, where there are a thousand. */
const AT_ONCE = 20;

async function accept({ assets }: LibrarySubject, wanted: NewImport): Promise<NewImport> {
  expect((await assets.acceptImport(wanted)).outcome).toBe('accepted');
  return wanted;
}

async function claimAll({ jobs }: LibrarySubject): Promise<readonly Claim[]> {
  return jobs.claim({ kind: 'import-item', limit: 1_000, leaseMs: HOUR_MS });
}

function finish(
  { jobs }: LibrarySubject,
  claim: Claim | undefined,
  outcome: ItemOutcome,
  counting: Pick<ItemEffects, 'free'> = {},
): Promise<Finish> {
  const [importId, index] = (claim?.id ?? '').split('.');
  const item = { importId: importId as NewImport['id'], index: Number(index) };
  return jobs.finish(claim as Claim, { ...item, outcome, ...counting });
}

/** Imports one picture with the bytes of `text` under `name`; resolves with its asset. */
async function importOne(subject: LibrarySubject, name: string, text: string, context = TENANT): Promise<AssetId> {
  const wanted = await accept(subject, newImport([name], { context }));
  const [claim] = await claimAll(subject);
  expect(await finish(subject, claim, arrived(name, await subject.keep(text)))).toBe('finished');
  return (await subject.assets.findItem(wanted.id, 0))?.assetId as AssetId;
}

const reference = (name: string) => ({ system: 'test', externalId: `urn:${name}` });
const sweepAll = (
  { assets, clock }: LibrarySubject,
  { trashed = NEVER, unneeded = clock.now(), finished = NEVER } = {},
) => assets.sweep({ trashedBefore: trashed, unneededBefore: unneeded, finishedBefore: finished }, 100);

const imports: readonly ContractCase<LibrarySubject>[] = [
  {
    name: 'accepts job, items and work together, seen by every client; nothing of another context',
    run: async (subject) => {
      const wanted = await accept(subject, newImport(['a', 'b'], { callback: { url: 'https://x/', context: [1] } }));
      for (const { assets } of [subject, subject.peer]) {
        const job = await assets.findImport(TENANT, wanted.id);
        expect(job).toMatchObject({
          items: 2,
          dialect: 'test',
          acceptedAt: subject.clock.now(),
          callback: { context: [1] },
        });
        expect(job?.finishedAt).toBeUndefined();
        const items = await assets.itemsOf(wanted.id);
        expect(items).toMatchObject(wanted.items.map((item, index) => ({ ...item, index, state: 'queued' })));
        expect(await assets.findImport(OTHER, wanted.id)).toBeUndefined();
        expect(await assets.usage(TENANT)).toMatchObject({ openImports: 1 });
      }
      expect((await claimAll(subject)).map(({ id }) => id)).toEqual([`${wanted.id}.0`, `${wanted.id}.1`]);
    },
  },
  {
    name: 'knows a key again, within its context',
    run: async (subject) => {
      const first = await accept(subject, newImport(['a'], { key: 'k' }));
      const again = await subject.peer.assets.acceptImport(newImport(['b'], { key: 'k' }));
      expect(again).toMatchObject({ outcome: 'known', job: { id: first.id } });
      await accept(subject, newImport(['c'], { key: 'k', context: OTHER }));
      expect(await claimAll(subject)).toHaveLength(2);
    },
  },
  {
    name: 'knows an id again, and begins anew under it only when what had it has ended',
    run: async (subject) => {
      const { assets, peer } = subject;
      const first = await accept(subject, newImport(['a', 'b']));
      for (const startsAnew of [false, true])
        expect(await peer.assets.acceptImport({ ...newImport(['c']), id: first.id, startsAnew })).toMatchObject({
          outcome: 'known',
          job: { id: first.id, items: 2 },
        });
      for (const claim of await claimAll(subject)) await finish(subject, claim, { kind: 'cancelled' });
      expect(await assets.acceptImport({ ...newImport(['c']), id: first.id })).toMatchObject({ outcome: 'known' });
      expect(
        await assets.acceptImport({ ...newImport(['c']), id: first.id, startsAnew: true, context: OTHER }),
      ).toMatchObject({ outcome: 'known' });
      const again = await peer.assets.acceptImport({ ...newImport(['c']), id: first.id, startsAnew: true });
      expect(again).toMatchObject({ outcome: 'accepted', job: { id: first.id, items: 1 } });
      expect((await assets.findImport(TENANT, first.id))?.finishedAt).toBeUndefined();
      expect((await assets.itemsOf(first.id)).map(({ title, state }) => [title, state])).toEqual([['c', 'queued']]);
      expect(await assets.usage(TENANT)).toMatchObject({ openImports: 1 });
      expect((await assets.listImports({ context: TENANT, limit: 10 })).entries).toHaveLength(1);
      expect((await claimAll(subject)).map(({ id }) => id)).toEqual([`${first.id}.0`]);
      // What has ended before is not swept with what had its name.
      await sweepAll(subject, { finished: subject.clock.now() + 1 });
      expect(await assets.findImport(TENANT, first.id)).toBeDefined();
    },
  },
  {
    name: 'skips a reference that comes again in the batch, and never queues it',
    run: async (subject) => {
      const wanted = await accept(subject, newImport(['a', 'b', 'a']));
      expect((await subject.assets.itemsOf(wanted.id)).map(({ state }) => state)).toEqual([
        'queued',
        'queued',
        'skipped',
      ]);
      expect(await claimAll(subject)).toHaveLength(2);
    },
  },
  {
    name: 'shows asset, version, reference, result, counts and callback with one commit, and not before',
    run: async (subject) => {
      const { assets, peer, jobs, clock, advance } = subject;
      const wanted = await accept(subject, newImport(['a'], { callback: { url: 'https://x/' } }));
      const [claim] = await claimAll(subject);
      await jobs.note(claim as Claim, 'converting');
      expect((await assets.findItem(wanted.id, 0))?.state).toBe('converting');
      const original = await subject.keep('bytes of a');
      expect(await peer.assets.findByReference(TENANT, reference('a'))).toBeUndefined();
      expect(await assets.usage(TENANT)).toMatchObject({ assets: 0, originals: 0, bytes: 0 });
      advance(10);
      expect(await finish(subject, claim, arrived('a', original))).toBe('finished');
      const found = await peer.assets.findByReference(TENANT, reference('a'));
      expect(found?.asset).toMatchObject({ title: 'a', head: 1, versions: 1, number: 1, metadata: { caption: 'a' } });
      expect(found?.version).toEqual({ ...original, assetId: found?.asset.id, number: 1, createdAt: clock.now() });
      const item = await peer.assets.findItem(wanted.id, 0);
      expect(item).toMatchObject({ state: 'succeeded', assetId: found?.asset.id, versionNumber: 1 });
      const job = await peer.assets.findImport(TENANT, wanted.id);
      expect(job).toMatchObject({ finishedAt: clock.now(), ended: { succeeded: 1, failed: 0 } });
      const usage = { assets: 1, originals: 1, bytes: 10, openImports: 0, openSlots: 0 };
      expect(await peer.assets.usage(TENANT)).toEqual(usage);
      expect(await peer.assets.usage()).toEqual(usage);
      // Not sooner than a second after it was accepted.
      expect(await jobs.find('callback', wanted.id)).toMatchObject({
        dueAt: clock.now() - 10 + 1_000,
        context: TENANT,
      });
    },
  },
  {
    name: 'ends every item once: what ran a second time changes nothing',
    run: async (subject) => {
      const { assets, jobs, advance } = subject;
      const wanted = await accept(subject, newImport(['a']));
      const [first] = await jobs.claim({ kind: 'import-item', limit: 1, leaseMs: 1_000 });
      advance(1_001);
      const [second] = await claimAll(subject);
      const original = await subject.keep('a');
      expect(await finish(subject, first, arrived('a', original))).toBe('lost');
      expect(await assets.findByReference(TENANT, reference('a'))).toBeUndefined();
      expect(await finish(subject, second, arrived('a', original))).toBe('finished');
      expect(await finish(subject, second, { kind: 'failed', reason: { code: 'internal' } })).toBe('lost');
      expect((await assets.findItem(wanted.id, 0))?.state).toBe('succeeded');
      expect(await assets.usage()).toMatchObject({ assets: 1, originals: 1 });
    },
  },
  {
    name: 'makes other bytes a version of the same asset, and skips equal ones',
    run: async (subject) => {
      const id = await importOne(subject, 'a', 'one');
      expect(await importOne(subject, 'a', 'two!')).toBe(id);
      expect(await importOne(subject, 'a', 'two!')).toBe(id);
      const { assets } = subject;
      expect((await assets.findAsset(TENANT, id))?.asset).toMatchObject({ head: 2, versions: 2 });
      const versions = await assets.versionsOf(TENANT, id);
      expect(versions.map(({ number, bytes }) => [number, bytes])).toEqual([
        [2, 4],
        [1, 3],
      ]);
      expect(await assets.usage(TENANT)).toMatchObject({ assets: 1, originals: 2, bytes: 7 });
      const states = (await assets.listImports({ limit: 10 })).entries.map(({ ended }) => ended.skipped);
      expect(states).toEqual([1, 0, 0]);
    },
  },
  {
    name: 'tells why an item failed or waits, and gives back what it had reserved',
    run: async (subject) => {
      const { assets, jobs, clock, advance } = subject;
      const wanted = await accept(subject, newImport(['a', 'b'], { quota: { imagesPerDay: 2 } }));
      const [a, b] = await claimAll(subject);
      const reason = { code: 'source-unavailable', status: 503 } as const;
      await jobs.retryAt(a as Claim, clock.now() + 1_000, { reason });
      const waiting = { state: 'queued', reason, attempts: 1, nextAttemptAt: clock.now() + 1_000 };
      expect(await assets.findItem(wanted.id, 0)).toMatchObject(waiting);
      advance(1_000);
      await finish(subject, (await claimAll(subject))[0], {
        kind: 'failed',
        reason: { code: 'source-not-found', status: 404 },
      });
      expect(await assets.findItem(wanted.id, 0)).toMatchObject({ state: 'failed', reason: { status: 404 } });
      expect((await assets.findImport(TENANT, wanted.id))?.finishedAt).toBeUndefined();
      await finish(subject, b, arrived('b', await subject.keep('b')));
      expect((await assets.findImport(TENANT, wanted.id))?.ended).toEqual({
        succeeded: 1,
        failed: 1,
        skipped: 0,
        cancelled: 0,
      });
      expect((await assets.acceptImport(newImport(['c', 'd'], { quota: { imagesPerDay: 2 } }))).outcome).toBe(
        'over-quota',
      );
      expect((await assets.acceptImport(newImport(['c'], { quota: { imagesPerDay: 2 } }))).outcome).toBe('accepted');
    },
  },
  {
    name: 'tells how often each item was tried, the attempt that ended it included unless that is free',
    run: async (subject) => {
      const { assets, peer, jobs, clock } = subject;
      const wanted = await accept(subject, newImport(['a', 'b', 'c', 'd', 'e', 'e']));
      const [a, b, c, d, e] = await claimAll(subject);
      const reason = { code: 'source-unavailable', status: 503 } as const;
      const failed = { kind: 'failed', reason } as const;
      await finish(subject, a, arrived('a', await subject.keep('a')));
      await finish(subject, b, failed);
      for (const free of [false, true, false]) {
        const [claim = c] = await claimAll(subject);
        await jobs.retryAt(claim as Claim, clock.now(), { reason, free });
      }
      const [last] = await claimAll(subject);
      // By this it is decided whether there is a next one.
      expect(last).toMatchObject({ attempts: 2 });
      expect(await assets.findItem(wanted.id, 2)).toMatchObject({ state: 'queued', attempts: 2 });
      await finish(subject, last, failed);
      const told = async () => (await peer.assets.itemsOf(wanted.id)).map(({ attempts }) => attempts);
      expect(await told()).toEqual([1, 1, 3, 0, 0, 0]);
      await finish(
        subject,
        d,
        { kind: 'unchanged', assetId: (await assets.findItem(wanted.id, 0))?.assetId as AssetId },
        { free: true },
      );
      await finish(subject, e, { kind: 'cancelled' }, { free: true });
      expect((await assets.findImport(TENANT, wanted.id))?.finishedAt).toBe(clock.now());
      expect(await told()).toEqual([1, 1, 3, 0, 0, 0]);
    },
  },
  {
    name: 'refuses a batch as a whole that does not fit the last 24 hours, and says what fits when',
    run: async (subject) => {
      const { assets, clock, advance } = subject;
      const quota = { imagesPerDay: 10 };
      const from = clock.now();
      await accept(
        subject,
        newImport(
          Array.from({ length: 9 }, (_, n) => `${n}`),
          { quota },
        ),
      );
      const refused: Acceptance = await assets.acceptImport(newImport(['x', 'y'], { quota }));
      expect(refused).toMatchObject({
        outcome: 'over-quota',
        refusal: { kind: 'images-per-day', limit: 10, used: 9, asked: 2 },
      });
      expect(await assets.usage(TENANT)).toMatchObject({ openImports: 1 });
      const freeAt =
        refused.outcome === 'over-quota' && refused.refusal.kind === 'images-per-day' ? refused.refusal.freeAt : 0;
      // Counted by the minute.
      expect(Math.abs((freeAt ?? 0) - (from + DAY_MS))).toBeLessThanOrEqual(60_000);
      advance(DAY_MS + 60_000);
      await accept(subject, newImport(['x', 'y'], { quota }));
    },
  },
  {
    name: 'counts images for 24 hours in full, whenever in a minute they were taken',
    run: async (subject) => {
      const { assets, peer, clock, advance } = subject;
      const quota = { imagesPerDay: 2 };
      const ask = (name: string, of = peer.assets) => of.acceptImport(newImport([name], { quota }));
      // The last second of a minute.
      const minute = (Math.floor(clock.now() / MINUTE_MS) + 1) * MINUTE_MS;
      advance(minute + 59_000 - clock.now());
      await accept(subject, newImport(['a', 'b'], { quota }));
      const refused = { outcome: 'over-quota', refusal: { used: 2, asked: 1, freeAt: minute + MINUTE_MS + DAY_MS } };
      advance(DAY_MS - 59_000);
      expect(await ask('c')).toMatchObject(refused);
      advance(58_999);
      expect(await ask('d', assets)).toMatchObject(refused);
      advance(1_000);
      expect(await ask('e')).toMatchObject(refused);
      // As it was told.
      advance(1);
      expect(clock.now()).toBe(refused.refusal.freeAt);
      await accept(subject, newImport(['f', 'g'], { quota }));
      expect((await ask('h')).outcome).toBe('over-quota');
    },
  },
  {
    name: 'gives back what an import had reserved as long as that counts, also in the last minute of its day',
    run: async (subject) => {
      const { assets, clock, advance } = subject;
      const quota = { imagesPerDay: 1 };
      advance((Math.floor(clock.now() / MINUTE_MS) + 1) * MINUTE_MS + 59_000 - clock.now());
      await accept(subject, newImport(['a'], { quota }));
      advance(DAY_MS - 1);
      expect((await assets.acceptImport(newImport(['b'], { quota }))).outcome).toBe('over-quota');
      await finish(subject, (await claimAll(subject))[0], { kind: 'cancelled' });
      await accept(subject, newImport(['b'], { quota }));
      expect((await assets.acceptImport(newImport(['c'], { quota }))).outcome).toBe('over-quota');
    },
  },
  {
    name: 'counts what was taken by a clock that was ahead for a day, once that has been put right',
    run: async (subject) => {
      const { assets, peer, clock, advance } = subject;
      const quota = { imagesPerDay: 3 };
      clock.jump(400 * DAY_MS);
      await accept(subject, newImport(['a', 'b'], { quota }));
      clock.jump(-400 * DAY_MS);
      const both = await Promise.all(
        [assets, peer.assets].map((each, at) => each.acceptImport(newImport([`c${at}`, `d${at}`], { quota }))),
      );
      expect(both).toEqual([0, 1].map(() => expect.objectContaining({ outcome: 'over-quota' })));
      await accept(subject, newImport(['e'], { quota }));
      expect((await assets.acceptImport(newImport(['f'], { quota }))).outcome).toBe('over-quota');
      advance(DAY_MS + 60_000);
      await accept(subject, newImport(['g', 'h', 'i'], { quota }));
    },
  },
  {
    name: 'refuses more open imports than there may be, and more bytes than a tenant may have',
    run: async (subject) => {
      const { assets } = subject;
      await accept(subject, newImport(['a'], { maxOpen: 1 }));
      expect(await assets.acceptImport(newImport(['b'], { maxOpen: 1 }))).toMatchObject({
        outcome: 'too-many-open',
        open: 1,
      });
      const [claim] = await claimAll(subject);
      await finish(subject, claim, arrived('a', await subject.keep('twelve bytes'), 11));
      expect((await assets.listImports({ limit: 1 })).entries[0]?.ended.failed).toBe(1);
      expect(await assets.usage(TENANT)).toMatchObject({ assets: 0, bytes: 0, openImports: 0 });
      await importOne(subject, 'b', 'twelve bytes');
      const full = await assets.acceptImport(newImport(['c'], { quota: { maxBytes: 12 } }));
      expect(full).toMatchObject({ outcome: 'over-quota', refusal: { kind: 'bytes', used: 12, limit: 12 } });
    },
  },
  {
    name: 'gives many that ask at the same time no more than the quota between them: imports, images and bytes',
    run: async (subject) => {
      const { assets, peer, jobs } = subject;
      const quota = { imagesPerDay: 10 };
      const ask = (facts: Partial<NewImport>) =>
        Promise.all(
          Array.from({ length: 8 }, async (_, at) => {
            const names = [`a${at}`, `b${at}`, `c${at}`];
            const wanted = newImport(names, { quota, ...facts });
            return { wanted, ...(await (at % 2 === 0 ? assets : peer.assets).acceptImport(wanted)) };
          }),
        );
      const accepted = (of: Awaited<ReturnType<typeof ask>>) => of.filter(({ outcome }) => outcome === 'accepted');
      const first = accepted(await ask({}));
      expect(first).toHaveLength(3);
      expect(accepted(await ask({ context: OTHER, quota: {}, maxOpen: 2 }))).toHaveLength(2);

      // Of originals of 10 bytes each there is room for four.
      const claims = await claimAll(subject);
      const mine = claims.filter(({ context }) => context === TENANT);
      expect(mine).toHaveLength(9);
      const originals = await Promise.all(mine.map((_, at) => subject.keep(`original ${at}`)));
      expect(originals[0]?.bytes).toBe(10);
      const ends = mine.map((claim, at) => {
        const outcome = arrived(`x${at}`, originals[at] as OriginalInfo, 49);
        return finish({ ...subject, jobs: at % 2 === 0 ? jobs : peer.jobs }, claim, outcome);
      });
      expect(new Set(await Promise.all(ends))).toEqual(new Set(['finished']));
      expect(await assets.usage(TENANT)).toMatchObject({ assets: 4, bytes: 40, openImports: 0 });
      const ended = await Promise.all(first.map(({ wanted }) => assets.findImport(TENANT, wanted.id)));
      expect(ended.reduce((sum, job) => sum + (job?.ended.failed ?? 0), 0)).toBe(5);
    },
  },
  {
    name: 'makes an asset anew of what was erased while its picture was fetched, also where that was told to be unchanged',
    run: async (subject) => {
      const { assets, peer } = subject;
      const first = await importOne(subject, 'a', 'one');
      const again = await accept(subject, newImport(['a']));
      const [claim] = await claimAll(subject);
      expect(await peer.assets.erase(TENANT, first)).toBe(true);
      expect(await finish(subject, claim, arrived('a', await subject.keep('two')))).toBe('finished');
      const item = await assets.findItem(again.id, 0);
      expect(item).toMatchObject({ state: 'succeeded', versionNumber: 1 });
      expect(item?.assetId).not.toBe(first);
      expect((await assets.findByReference(TENANT, reference('a')))?.asset).toMatchObject({
        id: item?.assetId,
        versions: 1,
      });
      expect(await assets.usage(TENANT)).toMatchObject({ assets: 1, bytes: 3 });

      const known = await accept(subject, newImport(['a']));
      const [other] = await claimAll(subject);
      const assetId = item?.assetId as AssetId;
      await peer.assets.erase(TENANT, assetId);
      expect(await finish(subject, other, { kind: 'unchanged', assetId })).toBe('original-missing');
      expect(await assets.findItem(known.id, 0)).not.toMatchObject({ state: expect.stringMatching(/failed|skipped/) });
      expect(await assets.usage(TENANT)).toMatchObject({ assets: 0, bytes: 0, openImports: 1 });
      expect(await finish(subject, other, arrived('a', await subject.keep('three')))).toBe('finished');
      expect(await assets.findItem(known.id, 0)).toMatchObject({ state: 'succeeded', versionNumber: 1 });
      expect(await assets.usage(TENANT)).toMatchObject({ assets: 1, bytes: 5, openImports: 0 });
    },
  },
  {
    name: 'skips nothing for an asset that went to the trash while its origin was asked, and says so when it is out again',
    run: async (subject) => {
      const { assets, peer } = subject;
      const assetId = await importOne(subject, 'a', 'one');
      const wanted = await accept(subject, newImport(['a', 'b']));
      const [a, b] = await claimAll(subject);
      await peer.assets.trash(TENANT, assetId);
      for (const claim of [a, b])
        expect(await finish(subject, claim, { kind: 'unchanged', assetId })).toBe('original-missing');
      for (const item of await assets.itemsOf(wanted.id)) {
        expect(item).not.toMatchObject({ state: expect.stringMatching(/failed|skipped/) });
        expect(item.assetId).toBeUndefined();
      }
      expect(await assets.usage(TENANT)).toMatchObject({ openImports: 1 });
      // The same bytes, brought again, are another asset: the one in the trash stays there.
      expect(await finish(subject, a, arrived('a', await subject.keep('one')))).toBe('finished');
      const item = await assets.findItem(wanted.id, 0);
      expect(item).toMatchObject({ state: 'succeeded', versionNumber: 1 });
      expect(item?.assetId).not.toBe(assetId);
      expect((await assets.findByReference(TENANT, reference('a')))?.asset.id).toBe(item?.assetId);
      await peer.assets.restore(TENANT, assetId);
      expect(await finish(subject, b, { kind: 'unchanged', assetId })).toBe('finished');
      expect(await assets.findItem(wanted.id, 1)).toMatchObject({ state: 'skipped', assetId });
    },
  },
  {
    name: 'commits nothing of an original that is not there',
    run: async (subject) => {
      await accept(subject, newImport(['a']));
      const [claim] = await claimAll(subject);
      expect(await finish(subject, claim, arrived('a', originalOf('never kept')))).toBe('original-missing');
      expect(await subject.assets.usage()).toMatchObject({ assets: 0 });
      expect(await finish(subject, claim, arrived('a', await subject.keep('never kept')))).toBe('finished');
    },
  },
  {
    name: 'lists imports by page, the latest first, of one context and of all',
    run: async (subject) => {
      const ids: string[] = [];
      for (const n of Array(7).keys()) ids.unshift((await accept(subject, newImport([`${n}`]))).id);
      const foreign = (await accept(subject, newImport(['x'], { context: OTHER }))).id;
      const listed: string[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await subject.peer.assets.listImports({ context: TENANT, limit: 3, ...(cursor && { cursor }) });
        expect(page.entries.length).toBeLessThanOrEqual(3);
        listed.push(...page.entries.map(({ id }) => id));
        cursor = page.next;
        if (cursor === undefined) break;
      }
      expect(listed).toEqual(ids);
      const all = await subject.assets.listImports({ limit: 100 });
      expect(all.entries.map(({ id }) => id)).toEqual([foreign, ...ids]);
      await expect(subject.assets.listImports({ limit: 1, cursor: '../x' })).rejects.toThrow('cursor');
    },
  },
  {
    name: 'forgets imports that ended long ago, with items and key, and no other',
    run: async (subject) => {
      const { assets, clock, advance } = subject;
      const open = await accept(subject, newImport(['open'], { context: OTHER }));
      await claimAll(subject);
      const old = await accept(subject, newImport(['a'], { key: 'k' }));
      await finish(subject, (await claimAll(subject))[0], { kind: 'cancelled' });
      advance(DAY_MS);
      await importOne(subject, 'b', 'b');
      expect(await sweepAll(subject, { finished: clock.now() })).toMatchObject({ imports: 1 });
      expect(await assets.findImport(TENANT, old.id)).toBeUndefined();
      expect(await assets.itemsOf(old.id)).toEqual([]);
      expect(await assets.findImport(OTHER, open.id)).toBeDefined();
      expect((await assets.listImports({ context: TENANT, limit: 10 })).entries).toHaveLength(1);
      await accept(subject, newImport(['a'], { key: 'k' }));
    },
  },
];

const living: readonly ContractCase<LibrarySubject>[] = [
  {
    name: 'finds an asset by id, number and reference, in its own context alone',
    run: async (subject) => {
      const { assets } = subject;
      const mine = await importOne(subject, 'same', 'bytes');
      const foreign = await importOne(subject, 'same', 'bytes', OTHER);
      expect(foreign).not.toBe(mine);
      expect((await assets.findAsset(TENANT, mine))?.asset.id).toBe(mine);
      expect(await assets.findAsset(OTHER, mine)).toBeUndefined();
      expect((await assets.findByReference(OTHER, reference('same')))?.asset.id).toBe(foreign);
      expect((await assets.findByNumber(TENANT, 1))?.asset.id).toBe(mine);
      expect(await assets.findByNumber(TENANT, 2)).toBeUndefined();
      expect(await assets.versionsOf(OTHER, mine)).toEqual([]);
      // One original, held by both.
      expect(await assets.usage()).toMatchObject({ assets: 2, originals: 1, bytes: 5 });
      expect(await assets.usage(OTHER)).toMatchObject({ assets: 1, originals: 1, bytes: 5 });
    },
  },
  {
    name: 'lists assets by page, the latest first, and the trash by itself',
    run: async (subject) => {
      const { assets } = subject;
      const ids: AssetId[] = [];
      for (const n of Array(5).keys()) ids.unshift(await importOne(subject, `${n}`, `bytes ${n}`));
      await assets.trash(TENANT, ids[1] as AssetId);
      const first = await assets.listAssets(TENANT, { limit: 3 });
      expect(first.entries.map(({ asset }) => asset.id)).toEqual([ids[0], ids[2], ids[3]]);
      expect(first.entries[0]?.version?.bytes).toBe(7);
      const rest = await assets.listAssets(TENANT, { limit: 3, cursor: first.next ?? '' });
      expect(rest.entries.map(({ asset }) => asset.id)).toEqual([ids[4]]);
      expect(rest.next).toBeUndefined();
      const trash = await assets.listAssets(TENANT, { limit: 10, trashed: true });
      expect(trash.entries.map(({ asset }) => asset.id)).toEqual([ids[1]]);
    },
  },
  {
    name: 'frees the reference of an asset in the trash, and gives it back unless it is taken',
    run: async (subject) => {
      const { assets, clock } = subject;
      const first = await importOne(subject, 'a', 'one');
      expect(await assets.trash(TENANT, first)).toMatchObject({ trashedAt: clock.now(), revision: 2 });
      expect(await assets.trash(OTHER, first)).toBeUndefined();
      expect(await assets.findByReference(TENANT, reference('a'))).toBeUndefined();
      expect((await assets.restore(TENANT, first))?.trashedAt).toBeUndefined();
      expect((await assets.findByReference(TENANT, reference('a')))?.asset.id).toBe(first);
      await assets.trash(TENANT, first);
      const second = await importOne(subject, 'a', 'one');
      expect(second).not.toBe(first);
      expect((await assets.restore(TENANT, first))?.reference).toBeUndefined();
      expect((await assets.findByReference(TENANT, reference('a')))?.asset.id).toBe(second);
    },
  },
  {
    name: 'keeps the originals of living assets and of the trash, and removes them after the grace time, once nothing names them',
    run: async (subject) => {
      const { assets, originals, peer, clock, advance, dataDir } = subject;
      const first = await importOne(subject, 'a', 'shared');
      const second = await importOne(subject, 'b', 'shared', OTHER);
      const shared = originalOf('shared');
      const { digest } = shared;
      await assets.trash(TENANT, first);
      advance(DAY_MS);
      expect(await sweepAll(subject)).toEqual({ assets: 0, originals: 0, imports: 0 });
      expect(await sweepAll(subject, { trashed: clock.now() })).toMatchObject({ assets: 1, originals: 0 });
      expect(await assets.findAsset(TENANT, first)).toBeUndefined();
      expect(await originals.copyTo(digest, join(dataDir, 'copy'))).toBe(true);
      expect((await stat(join(dataDir, 'copy'))).size).toBe(6);
      expect(await assets.usage(TENANT)).toMatchObject({ assets: 0, bytes: 0 });
      expect(await peer.assets.erase(OTHER, second)).toBe(true);
      expect(await assets.erase(OTHER, second)).toBe(false);
      expect(await assets.usage()).toEqual({ assets: 0, originals: 0, bytes: 0, openImports: 0, openSlots: 0 });
      expect(await sweepAll(subject, { unneeded: clock.now() })).toMatchObject({ originals: 0 });
      expect(await originals.isWhole(shared)).toBe(true);
      advance(1);
      expect(await sweepAll(subject)).toMatchObject({ originals: 1 });
      expect(await originals.isWhole(shared)).toBe(false);
      expect(await peer.originals.read(shared, 0, 6)).toBeUndefined();
    },
  },
  {
    name: 'tells whether there is room for bytes before they are kept, and asks none for what the context has',
    run: async (subject) => {
      const { assets, peer } = subject;
      await importOne(subject, 'a', 'eight...');
      const more = originalOf('two');
      for (const { assets: of } of [subject, peer])
        expect(await Promise.all([11, 10].map((maxBytes) => of.hasRoom(TENANT, more, maxBytes)))).toEqual([
          true,
          false,
        ]);
      expect(await assets.hasRoom(TENANT, originalOf('eight...'), 8)).toBe(true);
      expect(await assets.hasRoom(OTHER, originalOf('eight...'), 7)).toBe(false);
    },
  },
  {
    name: 'tells who has an original by its own row, and drops at once what nothing names, and nothing else',
    run: async (subject) => {
      const { assets, peer, originals } = subject;
      const first = await importOne(subject, 'a', 'shared');
      const second = await importOne(subject, 'b', 'shared', OTHER);
      const { digest } = originalOf('shared');
      const unnamed = await subject.keep('unnamed');
      const holders = await peer.assets.holders([digest, unnamed.digest, originalOf('never').digest]);
      expect([...holders].map(([of, { refs, contexts }]) => [of, refs, contexts.toSorted()])).toEqual([
        [digest, 2, [OTHER, TENANT]],
        [unnamed.digest, 0, []],
      ]);
      expect(await assets.dropUnneeded(digest)).toBe(false);
      expect(await originals.isWhole(originalOf('shared'))).toBe(true);
      expect(await assets.dropUnneeded(unnamed.digest)).toBe(true);
      expect(await peer.originals.isWhole(unnamed)).toBe(false);
      expect(await assets.holders([unnamed.digest])).toEqual(new Map());
      // It comes back like any other.
      await subject.keep('unnamed');
      expect(await originals.isWhole(unnamed)).toBe(true);
      await assets.erase(TENANT, first);
      expect((await assets.holders([digest])).get(digest)).toEqual({ refs: 1, contexts: [OTHER] });
      await assets.erase(OTHER, second);
      expect((await assets.holders([digest])).get(digest)).toEqual({ refs: 0, contexts: [] });
      expect(await assets.dropUnneeded(digest)).toBe(true);
      expect(await assets.dropUnneeded(originalOf('never').digest)).toBe(true);
    },
  },
  {
    name: 'notes what a context has let go of in the commit that erases, until it was seen to, and whether it has that again',
    run: async (subject) => {
      const { assets, peer, clock, advance } = subject;
      const first = await importOne(subject, 'a', 'shared');
      const second = await importOne(subject, 'b', 'shared');
      await importOne(subject, 'c', 'shared', OTHER);
      const { digest } = originalOf('shared');
      await assets.erase(TENANT, first);
      expect(await assets.letGo(clock.now(), 10)).toEqual([]);
      await assets.trash(TENANT, second);
      advance(DAY_MS);
      expect(await sweepAll(subject, { trashed: clock.now() })).toMatchObject({ assets: 1 });
      const noted = { context: TENANT, digest, dueAt: clock.now(), isLast: false, isHeld: false };
      expect(await assets.letGo(clock.now() - 1, 10)).toEqual([]);
      for (const { assets: of } of [subject, peer]) expect(await of.letGo(clock.now(), 10)).toEqual([noted]);
      const third = await importOne(subject, 'd', 'shared');
      expect(await assets.letGo(clock.now(), 10)).toEqual([{ ...noted, isHeld: true }]);
      await assets.noteCleared({ ...noted, isHeld: true }, clock.now() + HOUR_MS);
      expect(await assets.letGo(clock.now() + HOUR_MS - 1, 10)).toEqual([]);
      const again = { ...noted, dueAt: clock.now() + HOUR_MS, isLast: true, isHeld: true };
      expect(await peer.assets.letGo(clock.now() + HOUR_MS, 10)).toEqual([again]);
      await peer.assets.noteCleared(again);
      expect(await assets.letGo(clock.now() + DAY_MS, 10)).toEqual([]);
      await assets.erase(TENANT, third);
      expect(await assets.letGo(clock.now(), 10)).toEqual([{ ...noted, dueAt: clock.now() }]);
    },
  },
  {
    name: 'removes an original that was kept for nothing, and not one that was kept again since',
    run: async (subject) => {
      const { originals, clock, advance } = subject;
      const original = await subject.keep('for nothing');
      advance(HOUR_MS);
      const between = clock.now();
      await subject.keep('for nothing');
      advance(HOUR_MS);
      expect(await sweepAll(subject, { unneeded: between })).toMatchObject({ originals: 0 });
      expect(await originals.isWhole(original)).toBe(true);
      expect(await sweepAll(subject)).toMatchObject({ originals: 1 });
      expect(await originals.isWhole(original)).toBe(false);
    },
  },
  {
    name: 'reads an original in part and as a whole',
    run: async (subject) => {
      const original = await subject.keep('0123456789');
      for (const [start, end] of [
        [2, 5],
        [0, 10],
        [9, 10],
      ] as const) {
        const pieces: Uint8Array[] = [];
        for await (const piece of (await subject.peer.originals.read(original, start, end)) ?? []) pieces.push(piece);
        expect(Buffer.concat(pieces).toString()).toBe('0123456789'.slice(start, end));
      }
    },
  },
  {
    name: 'takes an original of another length than the records say for none',
    run: async (subject) => {
      const original = await subject.keep('0123456789');
      expect(await subject.originals.isWhole(original)).toBe(true);
      expect(await subject.peer.originals.isWhole({ ...original, bytes: 9 })).toBe(false);
      const again = await subject.keep('0123456789');
      expect(await subject.originals.read({ ...again, bytes: 11 }, 0, 11)).toBeUndefined();
    },
  },
  {
    name: 'tells whose an asset is by its id alone, in the trash too, and nothing of one that is not there',
    run: async (subject) => {
      const { assets, peer } = subject;
      const mine = await importOne(subject, 'a', 'one');
      const others = await importOne(subject, 'b', 'two', OTHER);
      expect([await assets.contextOf(mine), await peer.assets.contextOf(others)]).toEqual([TENANT, OTHER]);
      expect(await assets.contextOf('unknown000000' as AssetId)).toBeUndefined();
      await assets.trash(OTHER, others);
      expect(await assets.contextOf(others)).toBe(OTHER);
      await assets.erase(OTHER, others);
      expect(await assets.contextOf(others)).toBeUndefined();
    },
  },
  {
    name: 'finds many assets and one version at once, of their context alone',
    run: async (subject) => {
      const { assets } = subject;
      const first = await importOne(subject, 'a', 'one');
      await importOne(subject, 'a', 'two');
      const second = await importOne(subject, 'b', 'three');
      const other = await importOne(subject, 'c', 'four', OTHER);
      const found = await assets.findAssets(TENANT, [second, other, first, 'unknown000000' as AssetId]);
      expect([...found.keys()].sort()).toEqual([first, second].sort());
      expect(found.get(first)).toEqual(await assets.findAsset(TENANT, first));
      expect(await assets.findVersion(TENANT, first, 1)).toMatchObject({ number: 1, digest: originalOf('one').digest });
      expect(await assets.findVersion(TENANT, first, 2)).toMatchObject({ number: 2, digest: originalOf('two').digest });
      for (const number of [0, 3, -1, 1.5, 2 ** 40])
        expect(await assets.findVersion(TENANT, first, number)).toBeUndefined();
      expect(await assets.findVersion(OTHER, first, 1)).toBeUndefined();
    },
  },
  {
    name: 'tells what each item became, and whether that is there, long after the import has ended',
    run: async (subject) => {
      const { assets, peer } = subject;
      const wanted = await accept(subject, newImport(['a', 'b', 'c']));
      const claims = await claimAll(subject);
      const original = await subject.keep('bytes');
      await finish(subject, claims[0], arrived('a', original));
      await finish(subject, claims[1], arrived('b', original));
      const { type, widthPx, heightPx } = original;
      const picture = { type, widthPx, heightPx };
      const become = (title: string) => ({ state: 'succeeded', versionNumber: 1, picture: { ...picture, title } });
      const failed = { kind: 'failed', reason: { code: 'source-not-found', status: 404 } } as const;
      expect((await peer.assets.itemsOf(wanted.id))[0]).toMatchObject(become('a'));
      await finish(subject, claims[2], failed);
      for (const { assets: of } of [subject, peer]) {
        const items = await of.itemsOf(wanted.id);
        const index = [0, 1, 2];
        expect(items).toMatchObject([become('a'), become('b'), { state: 'failed', reason: failed.reason }]);
        expect(items).toMatchObject(
          index.map((at) => {
            const { url, sentUrl } = wanted.items[at] ?? {};
            return { index: at, importId: wanted.id, url, sentUrl };
          }),
        );
        expect(await Promise.all(index.map((at) => of.findItem(wanted.id, at)))).toEqual(items);
        expect(await of.findItem(wanted.id, 3)).toBeUndefined();
      }
      const [a, b] = (await assets.itemsOf(wanted.id)).map(({ assetId }) => assetId as AssetId) as [AssetId, AssetId];
      await assets.trash(TENANT, b);
      expect(await peer.assets.itemsOf(wanted.id)).toMatchObject([become('a'), become('b'), {}]);
      await assets.erase(TENANT, a);
      const [gone, kept] = await peer.assets.itemsOf(wanted.id);
      expect(gone).toMatchObject({ state: 'succeeded', assetId: a });
      expect([gone?.picture, kept?.picture]).toEqual([undefined, { ...picture, title: 'b' }]);
    },
  },
  {
    name: 'takes an original for there by its length, and for whole by its bytes',
    run: async (subject) => {
      const { originals, peer, clock } = subject;
      const original = await subject.keep('0123456789');
      const createdAt = clock.now();
      for (const of of [originals, peer.originals]) expect(await of.isThere({ ...original, createdAt })).toBe(true);
      for (const of of [originals, peer.originals])
        expect(await of.isThere({ ...original, bytes: 9, createdAt })).toBe(false);
    },
  },
  {
    name: 'keeps so many versions of an asset and no more',
    run: async (subject) => {
      const { assets, originals } = subject;
      const id = await importOne(subject, 'a', 'version 1');
      await accept(subject, newImport(Array.from({ length: MAX_VERSIONS - 1 }, (_, n) => `item ${n}`)));
      const texts = Array.from({ length: 2 * AT_ONCE }, (_, n) => `version ${n + 2}`);
      const bytes = await Promise.all(texts.map((text) => subject.keep(text)));
      const claims = await claimAll(subject);
      // Of those at the same time, and of those right before them, no two are of the same bytes, which would be no version.
      for (let from = 0; from < claims.length; from += AT_ONCE) {
        const some = claims.slice(from, from + AT_ONCE);
        const ends = some.map((claim, n) =>
          finish(subject, claim, arrived('a', bytes[(from + n) % bytes.length] as OriginalInfo)),
        );
        expect(new Set(await Promise.all(ends))).toEqual(new Set(['finished']));
      }
      const wanted = await accept(subject, newImport(['a']));
      const [claim] = await claimAll(subject);
      expect(await finish(subject, claim, arrived('a', await subject.keep('one more')))).toBe('finished');
      expect(await assets.findItem(wanted.id, 0)).toMatchObject({ state: 'failed', reason: { code: 'over-quota' } });
      expect(await assets.findAsset(TENANT, id)).toMatchObject({ asset: { head: MAX_VERSIONS } });
      expect(await assets.versionsOf(TENANT, id)).toHaveLength(MAX_VERSIONS);
      expect(await originals.isWhole(originalOf('version 1'))).toBe(true);
    },
  },
];

export const assetsCases: readonly ContractCase<LibrarySubject>[] = [...imports, ...living];

export function assetsContract(name: string, open: Open<LibrarySubject>): void {
  describeContract(`${name} keeps the assets contract`, assetsCases, open);
}
