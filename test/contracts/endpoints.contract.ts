// The contract of Endpoints: who is told of what becomes of assets, each within its context, and the work of telling them, which is
// in the queue as soon as an asset has changed.
import { expect } from 'vitest';
import type { Context } from '../../src/kernel/image-key.js';
import { MAX_ENDPOINTS, noticeIn, type WantedEndpoint } from '../../src/kernel/library/endpoint.js';
import { newAssetId, type TenantId } from '../../src/kernel/library/ids.js';
import type { Endpoints } from '../../src/kernel/ports/endpoints.js';
import { arrived, newImport } from '../support/library.js';
import type { LibrarySubject } from './assets.contract.js';
import { type ContractCase, describeContract, type Open } from './contract.js';

export interface EndpointsSubject extends LibrarySubject {
  readonly endpoints: Endpoints;
}

const TENANT = 'tenant' as Context;
const OTHER = 'other' as Context;
const HOUR_MS = 3_600_000;

function wanted(more: Partial<WantedEndpoint> = {}): WantedEndpoint {
  return {
    ...{ tenantId: 'house' as TenantId, name: 'Site', url: 'https://example.com/hook?secret=1' },
    ...{ isEnabled: true, events: [], extras: { note: null, trash: false } },
    ...more,
  };
}

/** Imports one picture of the context. */
async function arrive({ assets, jobs, keep }: EndpointsSubject, name: string, text: string, context = TENANT) {
  await assets.acceptImport(newImport([name], { context }));
  const [claim] = await jobs.claim({ kind: 'import-item', limit: 1, leaseMs: HOUR_MS });
  if (claim === undefined) throw new Error('expected an item, got none');
  const [importId, index] = claim.id.split('.');
  const outcome = arrived(name, await keep(text));
  const effects = { importId: importId as never, index: Number(index), outcome };
  expect(await jobs.finish(claim, effects)).toBe('finished');
}

/** What is to be told, in the order of its time; ended. */
async function told({ jobs }: EndpointsSubject) {
  const claims = await jobs.claim({ kind: 'webhook', limit: 100, leaseMs: HOUR_MS });
  for (const claim of claims) await jobs.finish(claim);
  const notices = claims.map(({ payload, context }) => ({ context, ...noticeIn(payload) }));
  return notices.map(({ context, endpoint, event, number }) => `${context} ${endpoint} ${event} ${number}`).toSorted();
}

export const endpointsCases: readonly ContractCase<EndpointsSubject>[] = [
  {
    name: 'keeps endpoints for their context, changes and forgets them, and gives no id twice',
    run: async (subject) => {
      const { endpoints } = subject;
      const peer = (subject.peer as unknown as EndpointsSubject).endpoints;
      expect(await endpoints.list(TENANT)).toEqual([]);
      const first = await endpoints.add(TENANT, wanted());
      const now = subject.clock.now();
      expect(first).toEqual({ ...wanted(), id: 1, createdAt: now, updatedAt: now });
      const second = await peer.add(TENANT, wanted({ name: 'Other', events: ['asset.created'] }));
      expect(second?.id).toBe(2);
      expect(await peer.list(TENANT)).toEqual([first, second]);
      expect(await endpoints.list(OTHER)).toEqual([]);
      subject.advance(5);
      const changed = await endpoints.change(TENANT, 2, { isEnabled: false });
      expect(changed).toEqual({ ...second, isEnabled: false, updatedAt: now + 5 });
      expect(await endpoints.change(OTHER, 2, { name: 'x' })).toBeUndefined();
      expect(await endpoints.change(TENANT, 3, { name: 'x' })).toBeUndefined();
      expect([await peer.remove(OTHER, 2), await peer.remove(TENANT, 2), await endpoints.remove(TENANT, 2)]).toEqual([
        false,
        true,
        false,
      ]);
      expect((await endpoints.add(TENANT, wanted()))?.id).toBe(3);
      expect((await peer.list(TENANT)).map(({ id }) => id)).toEqual([1, 3]);
    },
  },
  {
    name: 'holds a bounded number of endpoints',
    run: async ({ endpoints }) => {
      for (let at = 0; at < MAX_ENDPOINTS; at++) expect(await endpoints.add(TENANT, wanted())).toBeDefined();
      expect(await endpoints.add(TENANT, wanted())).toBeUndefined();
      expect(await endpoints.add(OTHER, wanted())).toBeDefined();
    },
  },
  {
    name: 'leaves the work of telling in the queue with every change that there is something to tell of',
    run: async (subject) => {
      const { endpoints, assets } = subject;
      await endpoints.add(TENANT, wanted());
      await endpoints.add(TENANT, wanted({ events: ['asset.deleted', 'asset.updated'] }));
      await endpoints.add(TENANT, wanted({ isEnabled: false }));
      await endpoints.add(OTHER, wanted());
      await arrive(subject, 'cat', 'one');
      expect(await told(subject)).toEqual(['tenant 1 asset.created 1']);
      await arrive(subject, 'cat', 'one');
      expect(await told(subject)).toEqual([]);
      await arrive(subject, 'cat', 'two');
      expect(await told(subject)).toEqual(['tenant 1 asset.updated 1', 'tenant 2 asset.updated 1']);
      const { entries } = await assets.listAssets(TENANT, { limit: 1 });
      const asset = entries[0]?.asset;
      if (asset === undefined) throw new Error('expected an asset, got none');
      await assets.trash(TENANT, asset.id);
      expect(await told(subject)).toEqual(['tenant 1 asset.deleted 1', 'tenant 2 asset.deleted 1']);
      await assets.trash(TENANT, asset.id);
      expect(await told(subject)).toEqual([]);
      await assets.restore(TENANT, asset.id);
      expect(await told(subject)).toEqual(['tenant 1 asset.restored 1']);
      await assets.erase(TENANT, asset.id);
      expect(await told(subject)).toEqual(['tenant 1 asset.deleted 1', 'tenant 2 asset.deleted 1']);
    },
  },
  {
    name: 'tells nothing of an asset while it lies in the trash, whatever comes for it meanwhile',
    run: async (subject) => {
      const { endpoints, assets, jobs, keep } = subject;
      await endpoints.add(TENANT, wanted());
      const id = newAssetId();
      const batch = newImport(['cat']);
      const items = batch.items.map(({ reference: _, ...item }) => ({ ...item, becomes: id }));
      await assets.acceptImport({ ...batch, items });
      await assets.trash(TENANT, id);
      const [claim] = await jobs.claim({ kind: 'import-item', limit: 1, leaseMs: HOUR_MS });
      if (claim === undefined) throw new Error('expected an item, got none');
      const { reference: _, ...arrival } = arrived('cat', await keep('one')).arrival;
      const outcome = { kind: 'arrived', newId: id, arrival: { ...arrival, fileName: 'c.jpg' } } as const;
      expect(await jobs.finish(claim, { importId: batch.id, index: 0, outcome })).toBe('finished');
      const asset = (await assets.findAsset(TENANT, id))?.asset;
      expect(asset).toMatchObject({ head: 1, trashedAt: expect.any(Number) });
      expect(await told(subject)).toEqual([]);
      await assets.restore(TENANT, id);
      expect(await told(subject)).toEqual([`tenant 1 asset.restored ${asset?.number}`]);
      await assets.erase(TENANT, id);
      expect(await told(subject)).toEqual([`tenant 1 asset.deleted ${asset?.number}`]);
    },
  },
  {
    name: 'tells of an asset that waits for its item once it has a picture, and of one that never had any nothing',
    run: async (subject) => {
      const { endpoints, assets, jobs, keep } = subject;
      await endpoints.add(TENANT, wanted());
      const [there, not] = [newAssetId(), newAssetId()];
      const batch = newImport(['cat', 'dog']);
      const items = batch.items.map(({ reference: _, ...item }, at) => ({ ...item, becomes: at === 0 ? there : not }));
      await assets.acceptImport({ ...batch, items });
      const waiting = await assets.findAsset(TENANT, there);
      expect(waiting).toEqual({ asset: expect.objectContaining({ state: 'pending', head: 0, createdVia: 'import' }) });
      expect((await assets.findAsset(TENANT, not))?.asset.number).toBe((waiting?.asset.number ?? 0) + 1);
      expect(await assets.usage(TENANT)).toMatchObject({ assets: 2, bytes: 0 });
      const claims = await jobs.claim({ kind: 'import-item', limit: 2, leaseMs: HOUR_MS });
      for (const claim of claims) {
        await jobs.note(claim, 'converting');
        const isCat = claim.id.endsWith('.0');
        expect((await assets.findAsset(TENANT, isCat ? there : not))?.asset.state).toBe('processing');
        const { reference: _, ...arrival } = arrived('cat', await keep('one')).arrival;
        const outcome = isCat
          ? ({
              kind: 'arrived',
              newId: there,
              arrival: { ...arrival, fileName: 'c.jpg', embedded: { title: 'A cat' } },
            } as const)
          : ({ kind: 'failed', reason: { code: 'source-not-found' } } as const);
        const index = isCat ? 0 : 1;
        expect(await jobs.finish(claim, { importId: batch.id, index, outcome })).toBe('finished');
      }
      expect(await told(subject)).toEqual([`tenant 1 asset.created ${waiting?.asset.number}`]);
      expect(await assets.findAsset(TENANT, there)).toMatchObject({
        asset: { number: waiting?.asset.number, state: 'processed', head: 1, versions: 1, fileName: 'c.jpg' },
        version: { number: 1, bytes: 3, embedded: { title: 'A cat' } },
      });
      expect(await assets.findAsset(TENANT, not)).toMatchObject({
        asset: { state: 'failed', head: 0, failure: { code: 'source-not-found' } },
      });
      expect(await assets.usage(TENANT)).toMatchObject({ assets: 2, originals: 1, openImports: 0 });
    },
  },
];

export function endpointsContract(name: string, open: Open<EndpointsSubject>): void {
  describeContract(`${name} keeps the endpoints contract`, endpointsCases, open);
}
