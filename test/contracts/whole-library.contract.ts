// What the library's ports keep is told whole: records of all of them, each with every field that there is, come back from every client.
// A field that is added to a record does not compile until it stands here, and one that a backend loses shows.
import { expect } from 'vitest';
import type { Context } from '../../src/kernel/image-key.js';
import type { Asset, AssetVersion } from '../../src/kernel/library/asset.js';
import { DISABLED_AFTER_MS, FAILURES_TO_REST } from '../../src/kernel/library/delivery.js';
import type { Endpoint, WantedEndpoint } from '../../src/kernel/library/endpoint.js';
import type { Folder, FolderBatch, FolderId } from '../../src/kernel/library/folder.js';
import { newAssetId, newImportId, type TenantId } from '../../src/kernel/library/ids.js';
import type { ImportItem, ImportJob, WantedItem } from '../../src/kernel/library/import-job.js';
import type { Reason } from '../../src/kernel/library/reason.js';
import { newSlotId, type UploadSession } from '../../src/kernel/library/upload.js';
import type { Arrival, LibraryUsage } from '../../src/kernel/ports/assets.js';
import type { FailingReceiver, LoggedDelivery } from '../../src/kernel/ports/deliveries.js';
import type { DownloadGrant } from '../../src/kernel/ports/grants.js';
import type { Claim, Job, NewJob } from '../../src/kernel/ports/jobs.js';
import type { NewAssetWish, NewSession, UploadedPicture } from '../../src/kernel/ports/uploads.js';
import { newImport } from '../support/library.js';
import { type ContractCase, describeContract, type Open, type Whole } from './contract.js';
import type { DeliveriesSubject } from './deliveries.contract.js';
import type { EndpointsSubject } from './endpoints.contract.js';
import type { FoldersSubject } from './folders.contract.js';
import type { GrantsSubject } from './grants.contract.js';
import type { UploadsSubject } from './uploads.contract.js';

type Ports = UploadsSubject & DeliveriesSubject & FoldersSubject & EndpointsSubject & GrantsSubject;
/** All of them, and as another client has them. */
export type WholeLibrarySubject = Ports & { readonly peer: Pick<Ports, Port> };
type Port = 'assets' | 'jobs' | 'originals' | 'uploads' | 'deliveries' | 'folders' | 'endpoints' | 'grants';

const TENANT = 'tenant' as Context;
const HOUSE = 'house' as TenantId;
const HOUR_MS = 3_600_000;
const REASON: Whole<Reason> = { code: 'source-unavailable', status: 503, message: 'the origin is busy' };
const EMBEDDED = { title: 'A cat', latitude: 47.5 };

function only<T>([one, ...more]: readonly T[]): T {
  if (one === undefined || more.length > 0) throw new Error(`expected one, got ${one === undefined ? 'none' : 'more'}`);
  return one;
}

async function importsAndAssets(subject: WholeLibrarySubject): Promise<void> {
  const { assets, jobs, peer, clock, advance } = subject;
  const [id, becomes, start] = [newImportId(), newAssetId(), clock.now()];
  const wanted: Whole<WantedItem> = {
    ...{ url: 'https://example.com/a.jpg?secret=1', sentUrl: 'https://EXAMPLE.com/a.jpg?secret=1', title: 'a.jpg' },
    ...{ reference: { system: 's', externalId: 'urn:a' }, fileName: 'a.jpg', mediaType: 'image', becomes },
    metadata: { caption: 'a' },
  };
  const callback = { url: 'https://x/', context: [1, null, { a: 'b' }] };
  await assets.acceptImport(newImport([], { id, items: [wanted], tenantId: HOUSE, system: 'sys', key: 'k', callback }));
  await jobs.retryAt(only(await jobs.claim({ kind: 'import-item', limit: 2, leaseMs: HOUR_MS })), start + 5, {
    reason: REASON,
  });
  const waiting: Whole<Omit<ImportItem, 'assetId' | 'versionNumber' | 'picture'>> = {
    ...{ ...wanted, importId: id, index: 0, state: 'queued', attempts: 1, reason: REASON, nextAttemptAt: start + 5 },
  };
  expect(await peer.assets.findItem(id, 0)).toEqual(waiting);
  advance(5);
  const original = await subject.keep('whole');
  const { metadata, reference, title, fileName, mediaType } = wanted;
  const arrival: Whole<Arrival> = {
    ...{ original, title, fileName, mediaType, metadata, createdVia: 'import', reference, embedded: EMBEDDED },
    validators: { finalUrl: 'https://example.com/final', etag: '"e"', lastModified: 'Mon, 30 Nov 2026 21:00:00 GMT' },
  };
  const claim = only(await jobs.claim({ kind: 'import-item', limit: 2, leaseMs: HOUR_MS }));
  const outcome = { kind: 'arrived', newId: becomes, arrival } as const;
  expect(await jobs.finish(claim, { importId: id, index: 0, outcome })).toBe('finished');

  // What was to be written to the asset is not told of an item that has ended.
  const ended: Whole<Omit<ImportItem, 'reason' | 'nextAttemptAt' | 'metadata'>> = {
    ...{ url: wanted.url, sentUrl: wanted.sentUrl, title, reference, fileName, mediaType, becomes },
    ...{ importId: id, index: 0, state: 'succeeded', attempts: 2, assetId: becomes, versionNumber: 1 },
    picture: { title, type: original.type, widthPx: original.widthPx, heightPx: original.heightPx },
  };
  expect(await peer.assets.findItem(id, 0)).toEqual(ended);
  expect(await peer.assets.itemsOf(id)).toEqual([ended]);
  const job: Whole<ImportJob> = {
    ...{ id, context: TENANT, tenantId: HOUSE, dialect: 'test', system: 'sys', items: 1, callback },
    ended: { succeeded: 1, skipped: 0, failed: 0, cancelled: 0 },
    ...{ acceptedAt: start, finishedAt: start + 5 },
  };
  expect(await peer.assets.findImport(TENANT, id)).toEqual(job);

  const { validators } = arrival;
  const asset: Whole<Omit<Asset, 'reference' | 'upload' | 'slots' | 'failure' | 'trashedAt'>> = {
    ...{ id: becomes, number: 1, context: TENANT, title, fileName, mediaType, metadata, createdVia: 'import' },
    ...{ state: 'processed', head: 1, versions: 1, validators, createdAt: start, updatedAt: start + 5 },
    revision: expect.any(Number) as unknown as number,
  };
  const version: Whole<Omit<AssetVersion, 'fileName' | 'via' | 'viaId'>> = {
    ...{ ...original, assetId: becomes, number: 1, createdAt: start + 5, embedded: EMBEDDED },
  };
  expect(await peer.assets.findAsset(TENANT, becomes)).toEqual({ asset, version });
  expect(await peer.assets.findVersion(TENANT, becomes, 1)).toEqual(version);
  await assets.trash(TENANT, becomes);
  expect((await peer.assets.findAsset(TENANT, becomes))?.asset.trashedAt).toBe(start + 5);

  // An asset that waited for its picture is known by its id, any other by its reference.
  const other = newImport(['b']);
  await assets.acceptImport(other);
  const [newId, claimed] = [newAssetId(), await jobs.claim({ kind: 'import-item', limit: 2, leaseMs: HOUR_MS })];
  await jobs.finish(only(claimed), { importId: other.id, index: 0, outcome: { ...outcome, newId } });
  const named: Whole<Pick<Asset, 'reference'>> = { reference };
  expect((await peer.assets.findAsset(TENANT, newId))?.asset).toMatchObject(named);
  const usage: Whole<LibraryUsage> = { assets: 2, originals: 1, bytes: 5, openImports: 0, openSlots: 0 };
  expect(await peer.assets.usage(TENANT)).toEqual(usage);
}

async function uploads(subject: WholeLibrarySubject): Promise<void> {
  const { uploads: ours, jobs, peer, clock, advance } = subject;
  const [start, cameBy] = [clock.now(), { via: 'cli', viaId: 'run' }];
  const opened: Whole<NewSession> = { context: TENANT, tenantId: HOUSE, name: 'n', note: 'o', standalone: true };
  const { number } = await ours.openSession(opened);
  const session: Whole<Omit<UploadSession, 'doneAt'>> = { ...opened, number, createdAt: start, updatedAt: start };
  expect(await peer.uploads.findSession(TENANT, number)).toEqual(session);

  const assetId = newAssetId();
  const wish = (fileName: string): Whole<NewAssetWish> => ({
    ...{ slotId: newSlotId(), fileName, declaredBytes: 3, ...cameBy, quota: { imagesPerDay: 9, maxBytes: 99 } },
    ...{ maxOpen: 9, session: number, tenantId: HOUSE, assetId, path: 'a/b' },
  });
  const original = await subject.keep('abc');
  const received = { digest: original.digest, md5: original.md5, bytes: 3, at: start };
  const picture: Whole<UploadedPicture> = {
    ...{ type: 'jpeg', widthPx: 4, heightPx: 3 },
    md5: original.md5,
    embedded: EMBEDDED,
  };
  for (const [name, outcome] of [
    ['good.jpg', { kind: 'made', picture }],
    ['bad.jpg', { kind: 'failed', reason: REASON }],
  ] as const) {
    const { slotId } = wish(name);
    const asked = { ...wish(name), slotId };
    await (name === 'good.jpg' ? ours.prepare(TENANT, asked) : ours.prepareVersion(TENANT, assetId, asked));
    await ours.receive({ assetId, slotId }, received);
    advance(1);
    await ours.commit(TENANT, assetId);
    const claim = only(await jobs.claim({ kind: 'upload', limit: 2, leaseMs: HOUR_MS }));
    advance(1);
    expect(await jobs.note(claim, 'converting')).toBe(true);
    advance(1);
    expect(await jobs.finish(claim, { slot: { assetId, slotId }, outcome })).toBe('finished');
  }
  const last = wish('last.jpg');
  await ours.prepareVersion(TENANT, assetId, last);
  await ours.receive({ assetId, slotId: last.slotId }, received);

  const facts: Whole<Pick<Asset, 'upload' | 'slots' | 'failure'>> = {
    upload: {
      ...{ session: number, path: 'a/b', tenantId: HOUSE, ...cameBy },
      ...{ uploadedAt: start + 1, processingAt: start + 5, processedAt: start + 6 },
    },
    slots: [
      {
        ...{ id: last.slotId, state: 'received', fileName: 'last.jpg', declaredBytes: 3, ...cameBy, received },
        ...{ openedAt: start + 6, minute: Math.floor((start + 6) / 60_000) * 60_000 },
      },
    ],
    failure: REASON,
  };
  const found = await peer.assets.findAsset(TENANT, assetId);
  expect({ upload: found?.asset.upload, slots: found?.asset.slots, failure: found?.asset.failure }).toEqual(facts);
  const version: Whole<AssetVersion> = {
    ...{ ...original, ...cameBy, assetId, number: 1, fileName: 'good.jpg', embedded: EMBEDDED, createdAt: start + 3 },
  };
  expect(found?.version).toEqual(version);
  await ours.closeSession(TENANT, number);
  const closed: Whole<UploadSession> = { ...session, updatedAt: start + 6, doneAt: start + 6 };
  expect(await peer.uploads.findSession(TENANT, number)).toEqual(closed);
}

async function work({ jobs, peer, clock, advance }: WholeLibrarySubject): Promise<void> {
  const start = clock.now();
  const wanted: Whole<NewJob> = {
    kind: 'webhook',
    id: 'a',
    context: TENANT,
    payload: { a: [1, null] },
    dueAt: start + 1,
  };
  await jobs.enqueue([wanted]);
  const claims = (of: typeof jobs) => of.claim({ kind: 'webhook', limit: 2, leaseMs: HOUR_MS });
  advance(1);
  await jobs.retryAt(only(await claims(jobs)), start + 2);
  advance(1);
  await jobs.retryAt(only(await claims(jobs)), start + 3, { free: true });
  advance(1);
  const job: Whole<Job> = {
    ...{ kind: 'webhook', id: 'a', context: TENANT, payload: wanted.payload, enqueuedAt: start, dueAt: start + 3 },
    ...{ attempts: 1, lostLeases: 0, waitingSince: start + 2 },
  };
  expect(await peer.jobs.find('webhook', 'a')).toEqual(job);
  await claims(jobs);
  advance(HOUR_MS + 1);
  // Due again when its lease is taken back.
  const claim: Whole<Claim> = {
    ...job,
    dueAt: clock.now(),
    lostLeases: 1,
    fence: expect.any(Number) as unknown as number,
  };
  expect(await claims(peer.jobs)).toEqual([claim]);
}

async function told({ deliveries, peer }: WholeLibrarySubject): Promise<void> {
  const receiver = 'https://example.com/hook';
  const delivery: Whole<LoggedDelivery> = {
    ...{ id: 'd', context: TENANT, receiver, at: 5, attempt: 2, end: 'again' },
    said: { fault: 'status', status: 503, answer: 'busy', durationMs: 3, retryAfterMs: 1_000 },
    told: {
      notice: { endpoint: 1, event: 'asset.created', assetId: newAssetId(), number: 7, at: 4, body: '{"a":1}' },
      body: '{"a":1}',
    },
  };
  await deliveries.note(delivery);
  expect(await peer.deliveries.log(TENANT, receiver)).toEqual([delivery]);
  const step = DISABLED_AFTER_MS / FAILURES_TO_REST;
  for (let n = 1; n <= FAILURES_TO_REST; n++) await deliveries.note({ ...delivery, at: 5 + n * step });
  const failing: Whole<FailingReceiver> = {
    ...{ context: TENANT, receiver },
    state: {
      ...{ failures: FAILURES_TO_REST + 1, failingSince: 5 },
      ...{ lastAttemptAt: 5 + DISABLED_AFTER_MS, disabled: 'failing' },
    },
  };
  expect(await peer.deliveries.failing()).toEqual([failing]);
}

async function endpointsAndFolders({ endpoints, folders, peer, clock }: WholeLibrarySubject): Promise<void> {
  const now = clock.now();
  const wanted: Whole<WantedEndpoint> = {
    ...{ tenantId: HOUSE, name: 'Site', url: 'https://example.com/hook?secret=1', isEnabled: false },
    ...{ events: ['asset.created', 'asset.deleted'], extras: { note: null, list: [1, { a: true }] } },
  };
  await endpoints.add(TENANT, wanted);
  const endpoint: Whole<Endpoint> = { ...wanted, id: 1, createdAt: now, updatedAt: now };
  expect(await peer.endpoints.list(TENANT)).toEqual([endpoint]);

  const [id, parentId] = ['Abc123' as FolderId, 'root00' as FolderId];
  const folder: Whole<Omit<Folder, 'createdAt'>> = { id, context: TENANT, parentId, name: 'Grün', type: 'album' };
  await folders.create(folder);
  const kept: Whole<Folder> = { ...folder, createdAt: expect.any(Number) as unknown as number };
  expect(await peer.folders.find(TENANT, id)).toEqual(kept);
  const batch: Whole<FolderBatch> = { importId: newImportId(), images: 3 };
  await folders.add(TENANT, id, batch);
  expect(await peer.folders.batchesOf(TENANT, id)).toEqual([batch]);
}

async function grantsOf({ grants, peer, clock }: WholeLibrarySubject): Promise<void> {
  const grant: Whole<DownloadGrant> = {
    ...{ context: TENANT, tenantId: HOUSE, assets: [newAssetId(), newAssetId()], size: 'permalink' },
    ...{ fileName: 'Grüße.zip', expiresAt: clock.now() + HOUR_MS },
  };
  await grants.put('0123456789abcdef', grant);
  expect(await peer.grants.find('0123456789abcdef')).toEqual(grant);
}

export const wholeLibraryCases: readonly ContractCase<WholeLibrarySubject>[] = [
  { name: 'of imports, their items, assets and versions', run: importsAndAssets },
  { name: 'of sessions, slots, assets and versions that were uploaded', run: uploads },
  { name: 'of jobs and claims', run: work },
  { name: 'of deliveries and receivers that fail', run: told },
  { name: 'of endpoints, folders and batches', run: endpointsAndFolders },
  { name: 'of download grants', run: grantsOf },
];

export function wholeLibraryContract(name: string, open: Open<WholeLibrarySubject>): void {
  describeContract(`${name} tells every client all that there is`, wholeLibraryCases, open);
}
