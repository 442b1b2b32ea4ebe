// The contract of Uploads: a slot ends once, what it has received is held until then, and whatever it changes becomes visible together.
import { expect } from 'vitest';
import type { Context } from '../../src/kernel/image-key.js';
import type { OriginalInfo } from '../../src/kernel/library/asset.js';
import { type AssetId, newAssetId, type TenantId } from '../../src/kernel/library/ids.js';
import type { Quota } from '../../src/kernel/library/quota.js';
import { newSlotId, type SlotRef, slotName, type UploadSession } from '../../src/kernel/library/upload.js';
import type { Prepared, SlotOutcome, SlotWish, Uploads } from '../../src/kernel/ports/uploads.js';
import type { LibrarySubject } from './assets.contract.js';
import { type ContractCase, describeContract, type Open } from './contract.js';

export interface UploadsSubject extends LibrarySubject {
  readonly uploads: Uploads;
}

const TENANT = 'tenant' as Context;
const OTHER = 'other' as Context;
const HOUR_MS = 3_600_000;
const MADE: SlotOutcome = {
  kind: 'made',
  picture: { type: 'jpeg', widthPx: 4, heightPx: 3, md5: '0'.repeat(32), embedded: { title: 'A cat', latitude: 47.5 } },
};
const DAMAGED: SlotOutcome = { kind: 'failed', reason: { code: 'image-damaged', message: 'no picture' } };

function open({ uploads }: UploadsSubject, context = TENANT): Promise<UploadSession> {
  return uploads.openSession({ context, tenantId: 'house' as TenantId, name: 'spring', standalone: false });
}

function wishOf(fileName: string, quota: Quota = {}, maxOpen = 100): SlotWish {
  return { slotId: newSlotId(), fileName, declaredBytes: 3, via: 'cli', viaId: 'run', quota, maxOpen };
}

async function prepare(
  { uploads }: UploadsSubject,
  { number, context }: UploadSession,
  wish: SlotWish = wishOf('cat.jpg'),
  assetId: AssetId = newAssetId(),
): Promise<SlotRef> {
  return slotIn(
    await uploads.prepare(context, { ...wish, session: number, tenantId: 'house' as TenantId, assetId, path: 'a/b' }),
  );
}

function slotIn(prepared: Prepared | undefined): SlotRef {
  if (prepared?.outcome !== 'prepared') throw new Error(`expected a slot, got ${prepared?.outcome}`);
  return { assetId: prepared.asset.id, slotId: prepared.slotId };
}

async function receive(subject: UploadsSubject, slot: SlotRef, text: string, maxBytes?: number): Promise<OriginalInfo> {
  const original = await subject.keep(text);
  const { digest, md5, bytes } = original;
  // Known of some, as where the client named it.
  const named = text.length % 2 === 0 && { md5 };
  const received = { digest, bytes, at: subject.clock.now(), ...named };
  const receipt = await subject.uploads.receive(slot, received, maxBytes);
  expect(receipt.outcome).toBe('received');
  return original;
}

/** Claims what is due and ends it so. Resolves with how many jobs that were. */
async function work({ jobs }: UploadsSubject, outcome: SlotOutcome): Promise<number> {
  const claims = await jobs.claim({ kind: 'upload', limit: 100, leaseMs: HOUR_MS });
  for (const claim of claims) {
    const [assetId, slotId] = claim.id.split('.');
    const slot = { assetId, slotId } as SlotRef;
    expect(await jobs.finish(claim, { slot, outcome })).toBe('finished');
  }
  return claims.length;
}

async function uploaded(subject: UploadsSubject, session: UploadSession, text: string): Promise<AssetId> {
  const slot = await prepare(subject, session);
  await receive(subject, slot, text);
  await subject.uploads.commit(session.context, slot.assetId);
  expect(await work(subject, MADE)).toBe(1);
  return slot.assetId;
}

export const uploadsCases: readonly ContractCase<UploadsSubject>[] = [
  {
    name: 'opens sessions with rising numbers, lists and closes them, each for its context',
    run: async (subject) => {
      const [first, theirs, second] = [await open(subject), await open(subject, OTHER), await open(subject)];
      expect(second.number).toBeGreaterThan(first.number);
      const { uploads } = subject.peer as unknown as UploadsSubject;
      expect(await uploads.findSession(TENANT, first.number)).toEqual(first);
      expect(await uploads.findSession(TENANT, theirs.number)).toBeUndefined();
      const page = await uploads.listSessions(TENANT, { limit: 1 });
      expect(page.entries).toEqual([second]);
      expect((await uploads.listSessions(TENANT, { limit: 5, cursor: page.next as string })).entries).toEqual([first]);
      subject.advance(5);
      const done = await uploads.closeSession(TENANT, first.number);
      expect(done).toMatchObject({ doneAt: subject.clock.now() });
      subject.advance(5);
      expect(await subject.uploads.closeSession(TENANT, first.number)).toEqual(done);
      expect(await uploads.closeSession(OTHER, second.number)).toBeUndefined();
    },
  },
  {
    name: 'prepares an asset that waits, and shows it in its session and by its number',
    run: async (subject) => {
      const session = await open(subject);
      const slot = await prepare(subject, session);
      const { uploads, assets } = subject;
      const found = await assets.findAsset(TENANT, slot.assetId);
      expect(found).toEqual({
        asset: expect.objectContaining({
          state: 'pending',
          head: 0,
          versions: 0,
          fileName: 'cat.jpg',
          createdVia: 'upload',
        }),
      });
      expect(found?.asset.upload).toMatchObject({ session: session.number, path: 'a/b', via: 'cli', viaId: 'run' });
      expect(await assets.findByNumber(TENANT, found?.asset.number ?? 0)).toEqual(found);
      expect((await uploads.assetsOf(TENANT, session.number, { limit: 10 })).entries).toEqual([found]);
      expect(await uploads.countOf(TENANT, session.number)).toBe(1);
      expect((await uploads.assetsOf(OTHER, session.number, { limit: 10 })).entries).toEqual([]);
      expect(await uploads.countOf(OTHER, session.number)).toBe(0);
      expect(await assets.usage(TENANT)).toMatchObject({ assets: 1, bytes: 0, openSlots: 1 });
      expect(await uploads.findSlot(slot)).toMatchObject({ id: slot.assetId });
      expect(await uploads.findSlot({ ...slot, slotId: newSlotId() })).toBeUndefined();
      const unknown = { ...wishOf('x'), session: session.number + 9, tenantId: 'house' as TenantId, path: '' };
      expect(await uploads.prepare(TENANT, { ...unknown, assetId: newAssetId() })).toBeUndefined();
    },
  },
  {
    name: 'a wish that comes again after its bytes became a version changes nothing of that, and is one for another version',
    run: async (subject) => {
      const session = await open(subject);
      const id = await uploaded(subject, session, 'one');
      const before = await subject.assets.findAsset(TENANT, id);
      const slot = await prepare(subject, session, wishOf('cat.jpg'), id);
      expect(slot.assetId).toBe(id);
      const after = await subject.assets.findAsset(TENANT, id);
      expect(after?.version).toEqual(before?.version);
      expect(after?.asset).toMatchObject({ state: 'processed', head: 1, versions: 1, number: before?.asset.number });
      expect(await subject.uploads.countOf(TENANT, session.number)).toBe(1);
      await receive(subject, slot, 'other');
      await subject.uploads.commit(TENANT, id);
      await work(subject, MADE);
      expect((await subject.assets.findAsset(TENANT, id))?.asset).toMatchObject({ head: 2, versions: 2 });
      await subject.assets.trash(TENANT, id);
      const again = { ...wishOf('cat.jpg'), session: session.number, tenantId: 'house' as TenantId, path: '' };
      expect(await subject.uploads.prepare(TENANT, { ...again, assetId: id })).toBeUndefined();
    },
  },
  {
    name: 'gives the same slot for the same wish, while it waits',
    run: async (subject) => {
      const session = await open(subject);
      const first = await prepare(subject, session);
      expect(await prepare(subject, session, wishOf('cat.jpg'), first.assetId)).toEqual(first);
      expect(await subject.assets.usage(TENANT)).toMatchObject({ assets: 1, openSlots: 1 });
    },
  },
  {
    name: 'replaces what was received until it is committed, and holds the latest alone',
    run: async (subject) => {
      const { uploads, assets } = subject;
      const slot = await prepare(subject, await open(subject));
      await receive(subject, slot, 'first');
      await receive(subject, slot, 'second!');
      expect(await assets.usage(TENANT)).toMatchObject({ bytes: 7, originals: 1 });
      await uploads.commit(TENANT, slot.assetId);
      const original = await subject.keep('third');
      expect(await uploads.receive(slot, { ...original, at: 1 })).toEqual({ outcome: 'closed' });
      expect(await uploads.receive({ ...slot, slotId: newSlotId() }, { ...original, at: 1 })).toEqual({
        outcome: 'unknown',
      });
      expect(await assets.usage(TENANT)).toMatchObject({ bytes: 7, originals: 1, openSlots: 0 });
    },
  },
  {
    name: 'refuses bytes that are not kept, and those beyond the quota',
    run: async (subject) => {
      const { uploads } = subject;
      const slot = await prepare(subject, await open(subject));
      const kept = await subject.keep('0123456789');
      expect(await uploads.receive(slot, { ...kept, bytes: 9, at: 1 })).toEqual({ outcome: 'original-missing' });
      expect(await uploads.receive(slot, { ...kept, at: 1 }, 9)).toEqual({ outcome: 'over-quota', limit: 9 });
      expect((await uploads.receive(slot, { ...kept, at: 1 }, 10)).outcome).toBe('received');
      // The same again is no more.
      expect((await uploads.receive(slot, { ...kept, at: 2 }, 10)).outcome).toBe('received');
    },
  },
  {
    name: 'queues a commit once, and makes version, head and counts visible with its end',
    run: async (subject) => {
      const { uploads, assets, jobs } = subject;
      const session = await open(subject);
      const slot = await prepare(subject, session);
      expect(await uploads.commit(TENANT, slot.assetId)).toMatchObject({ state: 'pending' });
      expect(await jobs.claim({ kind: 'upload', limit: 1, leaseMs: HOUR_MS })).toEqual([]);
      const original = await receive(subject, slot, 'bytes');
      expect(await uploads.commit(TENANT, slot.assetId)).toMatchObject({ state: 'uploaded', head: 0 });
      expect(await uploads.commit(TENANT, slot.assetId)).toMatchObject({ state: 'uploaded', revision: 2 });
      expect(await uploads.commit(OTHER, slot.assetId)).toBeUndefined();
      const [claim] = await jobs.claim({ kind: 'upload', limit: 9, leaseMs: HOUR_MS });
      expect(claim).toMatchObject({ id: slotName(slot), context: TENANT });
      if (claim === undefined) throw new Error('expected a job');
      expect(await jobs.note(claim, 'converting')).toBe(true);
      expect(await assets.findAsset(TENANT, slot.assetId)).toMatchObject({ asset: { state: 'processing' } });
      expect(await jobs.finish(claim, { slot, outcome: MADE })).toBe('finished');
      const found = await (subject.peer as unknown as UploadsSubject).assets.findAsset(TENANT, slot.assetId);
      expect(found).toMatchObject({
        asset: { state: 'processed', head: 1, versions: 1 },
        version: {
          ...original,
          number: 1,
          fileName: 'cat.jpg',
          via: 'cli',
          embedded: { title: 'A cat', latitude: 47.5 },
        },
      });
      expect(found?.asset.slots).toBeUndefined();
      expect(await assets.usage(TENANT)).toMatchObject({ assets: 1, originals: 1, bytes: 5, openSlots: 0 });
      expect(await uploads.commit(TENANT, slot.assetId)).toMatchObject({ state: 'processed' });
      expect(await work(subject, MADE)).toBe(0);
    },
  },
  {
    name: 'leaves the head as it was where a version cannot be made, and gives back what it held',
    run: async (subject) => {
      const { uploads, assets } = subject;
      const id = await uploaded(subject, await open(subject), 'good');
      const slot = slotIn(await uploads.prepareVersion(TENANT, id, wishOf('cat2.jpg')));
      await receive(subject, slot, 'damaged');
      expect(await assets.usage(TENANT)).toMatchObject({ bytes: 11 });
      await uploads.commit(TENANT, id);
      expect(await work(subject, DAMAGED)).toBe(1);
      expect(await assets.findAsset(TENANT, id)).toMatchObject({
        asset: { state: 'processed', head: 1, versions: 1, fileName: 'cat.jpg', failure: { code: 'image-damaged' } },
      });
      expect(await assets.usage(TENANT)).toMatchObject({ bytes: 4, originals: 1, openSlots: 0 });
      const first = await prepare(subject, await open(subject));
      await receive(subject, first, 'worse');
      await uploads.commit(TENANT, first.assetId);
      expect(await work(subject, DAMAGED)).toBe(1);
      expect(await assets.findAsset(TENANT, first.assetId)).toEqual({
        asset: expect.objectContaining({ state: 'failed', head: 0, versions: 0 }),
      });
    },
  },
  {
    name: 'adds versions, keeps the old ones, and shows any of them as head',
    run: async (subject) => {
      const { uploads, assets, originals } = subject;
      const id = await uploaded(subject, await open(subject), 'one');
      const slot = slotIn(await uploads.prepareVersion(TENANT, id, wishOf('two.jpg')));
      await receive(subject, slot, 'the second');
      await uploads.commit(TENANT, id);
      await work(subject, MADE);
      expect(await assets.findAsset(TENANT, id)).toMatchObject({ asset: { head: 2, fileName: 'two.jpg' } });
      expect(await uploads.setHead(TENANT, id, 1)).toMatchObject({ head: 1, versions: 2 });
      expect(await assets.findAsset(TENANT, id)).toMatchObject({ version: { number: 1, bytes: 3 } });
      for (const [context, number] of [
        [TENANT, 3],
        [TENANT, 0],
        [OTHER, 1],
      ] as const)
        expect(await uploads.setHead(context, id, number)).toBeUndefined();
      for (const version of await assets.versionsOf(TENANT, id)) expect(await originals.isWhole(version)).toBe(true);
      expect(await uploads.prepareVersion(OTHER, id, wishOf('x'))).toBeUndefined();
      await assets.trash(TENANT, id);
      expect(await uploads.prepareVersion(TENANT, id, wishOf('x'))).toBeUndefined();
    },
  },
  {
    name: 'has no slot for an asset in the trash, not even one that waits, and the same again when it is out of it',
    run: async (subject) => {
      const { uploads, peer, assets } = subject;
      const session = await open(subject);
      const slot = await prepare(subject, session);
      const { assetId } = slot;
      const asked = { ...wishOf('cat.jpg'), session: session.number, tenantId: 'house' as TenantId, assetId, path: '' };
      await peer.assets.trash(TENANT, assetId);
      expect(await uploads.prepare(TENANT, asked)).toBeUndefined();
      await assets.restore(TENANT, assetId);
      expect(slotIn(await uploads.prepare(TENANT, asked))).toEqual(slot);
      await receive(subject, slot, 'late');
      expect(await assets.usage(TENANT)).toMatchObject({ assets: 1, openSlots: 1 });
    },
  },
  {
    name: 'takes so many open slots and images as it is told, and gives back what came to nothing',
    run: async (subject) => {
      const { uploads } = subject;
      let session = await open(subject);
      const ask = (wish: SlotWish) =>
        uploads.prepare(TENANT, {
          ...wish,
          ...{ session: session.number, tenantId: 'house' as TenantId, assetId: newAssetId(), path: '' },
        });
      await prepare(subject, session, wishOf('a', { imagesPerDay: 2 }, 2));
      await prepare(subject, session, wishOf('b', { imagesPerDay: 2 }, 2));
      expect(await ask(wishOf('c', {}, 2))).toEqual({ outcome: 'too-many-open', limit: 2 });
      expect(await ask(wishOf('c', { imagesPerDay: 2 }))).toMatchObject({
        outcome: 'over-quota',
        what: 'images',
        freeAt: expect.any(Number),
      });
      expect(await ask(wishOf('c', { maxBytes: 2 }))).toEqual({ outcome: 'over-quota', what: 'bytes', limit: 2 });
      subject.advance(HOUR_MS);
      await uploads.sweepSlots(subject.clock.now(), 100);
      session = await open(subject);
      expect((await ask(wishOf('c', { imagesPerDay: 1 }, 1)))?.outcome).toBe('prepared');
    },
  },
  {
    name: 'sweeps slots that nobody committed, assets without a version and sessions without assets; and nothing else',
    run: async (subject) => {
      const { uploads, assets } = subject;
      const session = await open(subject);
      const id = await uploaded(subject, session, 'good');
      const version = slotIn(await uploads.prepareVersion(TENANT, id, wishOf('late.jpg')));
      const orphan = await prepare(subject, session);
      await receive(subject, orphan, 'never committed');
      const committed = await prepare(subject, session);
      await receive(subject, committed, 'committed');
      await uploads.commit(TENANT, committed.assetId);
      const empty = await open(subject);
      subject.advance(HOUR_MS);
      const young = await prepare(subject, session);
      await uploads.sweepSlots(subject.clock.now(), 100);
      expect(await assets.findAsset(TENANT, orphan.assetId)).toBeUndefined();
      expect(await uploads.findSession(TENANT, empty.number)).toBeUndefined();
      expect(await uploads.findSlot(version)).toBeUndefined();
      expect(await assets.findAsset(TENANT, id)).toMatchObject({ asset: { state: 'processed', head: 1 } });
      expect(await assets.findAsset(TENANT, committed.assetId)).toMatchObject({ asset: { state: 'uploaded' } });
      expect(await uploads.findSlot(young)).toBeDefined();
      expect(await uploads.findSession(TENANT, session.number)).toBeDefined();
      expect(await uploads.countOf(TENANT, session.number)).toBe(3);
      expect(await assets.usage(TENANT)).toMatchObject({ assets: 3, bytes: 13, openSlots: 1 });
      expect(await uploads.sweepSlots(subject.clock.now(), 100)).toBe(0);
    },
  },
  {
    name: 'lets go of everything with the asset',
    run: async (subject) => {
      const { uploads, assets } = subject;
      const session = await open(subject);
      const id = await uploaded(subject, session, 'good');
      const slot = slotIn(await uploads.prepareVersion(TENANT, id, wishOf('late.jpg')));
      await receive(subject, slot, 'late');
      expect(await assets.erase(TENANT, id)).toBe(true);
      expect(await assets.usage(TENANT)).toMatchObject({ assets: 0, bytes: 0, originals: 0 });
      expect(await uploads.countOf(TENANT, session.number)).toBe(0);
      expect(await uploads.receive(slot, { ...(await subject.keep('late')), at: 1 })).toEqual({ outcome: 'unknown' });
      subject.advance(HOUR_MS);
      await uploads.sweepSlots(subject.clock.now(), 100);
      expect(await assets.usage(TENANT)).toMatchObject({ openSlots: 0 });
    },
  },
];

export function uploadsContract(name: string, openSubject: Open<UploadsSubject>): void {
  describeContract(`${name} keeps the uploads contract`, uploadsCases, openSubject);
}
