// Dialects keep the contract: those over the cache and its pictures, and one of nobody that is as unlike them as can be. What one does not say
// keeps none of it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAccess } from '../../src/http/access/access.js';
import { administration } from '../../src/http/dialects/admin/admin.js';
import { operatorsConsole } from '../../src/http/dialects/console/console.js';
import type { Dialect } from '../../src/http/dialects/dialect.js';
import { dzi } from '../../src/http/dialects/dzi/dzi.js';
import { iiif } from '../../src/http/dialects/iiif/iiif.js';
import { imaginary } from '../../src/http/dialects/imaginary/imaginary.js';
import { OPERATION_NAMES, REFUSED_OPERATIONS } from '../../src/http/dialects/imaginary/operations.js';
import { libraryOperators } from '../../src/http/dialects/library/library.js';
import { dialectsOf } from '../../src/http/dialects/registry.js';
import { tokenDigest } from '../../src/kernel/credentials.js';
import { parseContext } from '../../src/kernel/image-key.js';
import type { LibraryUse } from '../../src/library/answers.js';
import { describeContract, passedCases } from '../contracts/contract.js';
import { type DialectOffer, dialectCases, openDialect } from '../contracts/dialect.contract.js';
import { ledger } from '../support/dialects/ledger.js';
import { BASIC_AUTH, type EdgeServer, startEdgeServer } from '../support/edge-server.js';
import { FakeClock } from '../support/fake-clock.js';
import { FAILED, fakeOperators, RECEIPT_ID } from '../support/fake-operators.js';
import { FakeTenants, openImportFlow, uploadsOf, webhooksOf } from '../support/import-flow.js';
import { wantedItem } from '../support/library.js';
import { failing } from '../support/library-edge.js';
import { sourceForm } from '../support/multipart.js';
import { groupRef } from '../support/records.js';
import { jpegOf } from '../support/test-images.js';

const [imageConverter] = dialectsOf({ basePath: '/imageconverter', strictErrors: false, strictFormats: false });

const IMAGE_CONVERTER: DialectOffer = {
  dialect: imageConverter,
  group: groupRef('photo', ''),
  examples: {
    cacheAndGetImage: { path: '/cacheAndGetImage/new/auto:200x150' },
    cacheAndGetImageAndMetadata: { path: '/cacheAndGetImageAndMetadata/newer/auto:200x150' },
    cacheImage: { path: '/cacheImage/newest' },
    getImage: { path: '/getImage/photo/auto:200x150' },
    getImageAndMetadata: { path: '/getImageAndMetadata/photo/auto:200x150' },
    getMetadata: { path: '/getMetadata/photo' },
    getImages: { path: '/getImages', body: { images: [{ key: 'photo', format: 'auto:200x150' }] } },
    sheet: { path: '/sheet?key=photo&key=nothing' },
    clearImages: { path: '/clearImages' },
    clearImagesByKey: { path: '/clearImagesByKey/photo' },
    getKeyCount: { path: '/getKeyCount' },
    getKeys: { path: '/getKeys' },
    getRefusals: { path: '/getRefusals' },
    clearRefusals: { path: '/clearRefusals' },
    status: { path: '/status' },
  },
};

const ZOOM = { publicUrl: () => 'http://pictures.test', viewerScript: () => 'var OpenSeadragon;' };
const GROUP = groupRef('photo', '');

const DZI: DialectOffer = {
  dialect: dzi({ mount: '/dzi', ...ZOOM }),
  group: GROUP,
  examples: {
    dziDescriptor: { path: '/_/photo.dzi' },
    dziTile: { path: '/_/photo_files/9/0_0.jpg' },
    dziView: { path: '/view/_/photo' },
    dziDescriptorOfAsset: { path: '/assets/agency/k3v9q1x7m2p8z.dzi' },
    dziTileOfAsset: { path: '/assets/agency/k3v9q1x7m2p8z_files/9/0_0.jpg' },
    dziViewOfAsset: { path: '/view/assets/agency/k3v9q1x7m2p8z' },
    dziScript: { path: '/scripts/viewer/view.js' },
  },
};

const IIIF: DialectOffer = {
  dialect: iiif({ mount: '/iiif', ...ZOOM }),
  group: GROUP,
  examples: {
    iiif3Info: { path: '/3/photo/info.json' },
    iiif3Image: { path: '/3/photo/full/64,/0/default.jpg' },
    iiif3Base: { path: '/3/photo' },
    iiif2Info: { path: '/2/photo/info.json' },
    iiif2Image: { path: '/2/photo/full/64,/0/default.jpg' },
    iiif2Base: { path: '/2/photo' },
    iiifManifest: { path: '/presentation/photo/manifest.json' },
    iiif3InfoOfAsset: { path: '/3/assets/agency/k3v9q1x7m2p8z/info.json' },
    iiif3ImageOfAsset: { path: '/3/assets/agency/k3v9q1x7m2p8z/full/64,/0/default.jpg' },
    iiif3BaseOfAsset: { path: '/3/assets/agency/k3v9q1x7m2p8z' },
    iiif2InfoOfAsset: { path: '/2/assets/agency/k3v9q1x7m2p8z/info.json' },
    iiif2ImageOfAsset: { path: '/2/assets/agency/k3v9q1x7m2p8z/full/64,/0/default.jpg' },
    iiif2BaseOfAsset: { path: '/2/assets/agency/k3v9q1x7m2p8z' },
    iiifManifestOfAsset: { path: '/presentation/assets/agency/k3v9q1x7m2p8z/manifest.json' },
  },
};

const LEDGER: DialectOffer = {
  dialect: ledger,
  group: groupRef('page 1', 'house'),
  examples: {
    find: { path: '/find', body: { organisation: 'house', entry: 'page 1' } },
    entries: { path: '/entries/house/page%201/cover' },
    facts: { path: '/facts/house/page%201' },
    file: { path: '/file/house/page%202' },
  },
};

/** What one or the other of its operations needs. */
const DRAWN_BY = 'width=32&height=24&type=jpeg&areawidth=10&areaheight=10&rotate=90&sigma=2&factor=1';

const IMAGINARY: DialectOffer = {
  dialect: imaginary({ mount: '/imaginary', context: parseContext(''), version: '1.2.3' }),
  group: GROUP,
  examples: Object.fromEntries([
    ...OPERATION_NAMES.map((name) => [name, { path: `/${name}?${DRAWN_BY}` }]),
    ['pipeline', { path: `/pipeline?operations=${encodeURIComponent('[{"operation":"autorotate"}]')}` }],
    ...REFUSED_OPERATIONS.map((name) => [name, { path: `/${name}` }]),
    ['info', { path: '/info' }],
    ['health', { path: '/health' }],
    ['versions', { path: '/' }],
  ]),
  asking: 'resize',
  varying: ['health'],
};

describeContract('ImageConverter', dialectCases, () => openDialect(IMAGE_CONVERTER));
/** Every asset is the one picture. */
const ASSETS = {
  tenants: { byId: () => ({ context: parseContext('agency') }) },
  library: { zoomable: async () => GROUP },
} as unknown as LibraryUse;
const overAssets = async (offer: DialectOffer) =>
  openDialect(offer, await startEdgeServer({}, { dialects: [offer.dialect], library: ASSETS }));

describeContract('Deep Zoom', dialectCases, () => overAssets(DZI));
describeContract('IIIF', dialectCases, () => overAssets(IIIF));
// Not the first of its server: that one's mount is where the original is probed, and imaginary has a route of its own there.
describeContract('imaginary', dialectCases, async () =>
  openDialect(IMAGINARY, await startEdgeServer({}, { dialects: [imageConverter, IMAGINARY.dialect] })),
);
const LOGIN = { Authorization: BASIC_AUTH };

const CONSOLE: DialectOffer = {
  dialect: operatorsConsole(),
  group: GROUP,
  login: LOGIN,
  examples: {
    consolePage: { path: '/' },
    consoleScript: { path: '/app/main.js' },
    consoleLive: { path: '/live?once=yes' },
    consoleContexts: { path: '/contexts' },
    consolePicture: { path: '/picture?key=photo' },
    consoleThumb: { path: '/thumb?key=photo' },
    consoleRefusals: { path: '/refusals' },
    consoleForget: { path: `/refusals/${FAILED}/forget` },
    consoleRetry: { path: `/refusals/${FAILED}/retry` },
    consoleWork: { path: '/work' },
  },
  asking: 'consoleContexts',
  // Each page has a nonce of its own.
  varying: ['consolePage'],
};

const ADMINISTRATION: DialectOffer = {
  dialect: administration(),
  group: GROUP,
  login: LOGIN,
  examples: {
    adminPurge: { path: '/purge', body: { content: FAILED, reason: 'ticket 1' } },
    adminPurges: { path: '/purges' },
    adminReceipt: { path: `/purges/${RECEIPT_ID}` },
    adminTombstones: { path: '/tombstones' },
    adminBlock: { path: '/block', body: { content: FAILED, reason: 'ticket 1' } },
    adminUnblock: { path: `/unblock/${FAILED}` },
    adminKeys: { path: '/keys' },
    adminPlan: { path: '/plan' },
    adminApply: { path: '/apply', body: {} },
    adminReconcile: { path: '/reconcile' },
    adminPause: { path: '/reconcile/pause' },
    adminStop: { path: '/reconcile/stop' },
  },
};

/** Over what operators see and do; it is never the first of its server. */
async function overOperators(offer: DialectOffer) {
  const dialects = [imageConverter, offer.dialect] as const;
  const server: EdgeServer = await startEdgeServer({}, { dialects, ...fakeOperators(() => server.previews) });
  return openDialect(offer, server);
}

/** Over a library that has an import, which has ended and is to be told, and a receiver that things are held against. */
async function overLibrary() {
  const flow = await openImportFlow();
  const accepted = await flow.service.acceptImport(flow.tenant, { dialect: 'test', items: [wantedItem('a')] });
  const id = accepted.outcome === 'accepted' ? accepted.job.id : '';
  const dialect = libraryOperators();
  const fault = () => {
    const { failNext } = server.previews;
    server.previews.failNext = undefined;
    return failNext;
  };
  const library = {
    library: failing(flow.service, fault),
    tenants: new FakeTenants([flow.tenant]),
    jobs: flow.jobs,
    ...uploadsOf(flow),
    ...webhooksOf(flow),
    replay: async () => true,
    deliveries: { failing: async () => [], log: async () => [], enable: async () => true },
  } as unknown as LibraryUse;
  const server: EdgeServer = await startEdgeServer({}, { dialects: [imageConverter, dialect], library });
  const offer: DialectOffer = {
    ...{ dialect, group: GROUP, login: LOGIN },
    examples: {
      libraryJobs: { path: '/jobs' },
      libraryJob: { path: `/jobs/${id}` },
      libraryReplay: { path: `/jobs/${id}/callback` },
      libraryWebhooks: { path: '/webhooks' },
      libraryDeliveries: { path: '/webhooks/receiver/deliveries' },
      libraryEnableWebhook: { path: '/webhooks/receiver/enable' },
    },
  };
  const opened = await openDialect(offer, server);
  const close = async () => {
    await opened.close();
    await flow.dispose();
  };
  return { ...opened, close };
}

describeContract('the console', dialectCases, () => overOperators(CONSOLE));
describeContract('administration', dialectCases, () => overOperators(ADMINISTRATION));
describeContract('the library of operators', dialectCases, overLibrary);
describeContract('a dialect of nobody', dialectCases, () => openDialect(LEDGER));

it('a dialect that says nothing passes no case', async () => {
  const silent: Dialect = {
    name: '',
    summary: '',
    failureSchema: {},
    mount: '/silent',
    routes: [],
    renderFailure: ({ status }) => ({ status, headers: [], body: '' }),
  };
  const offer: DialectOffer = { dialect: silent, examples: {}, group: groupRef('key', '') };
  expect(await passedCases(dialectCases, () => openDialect(offer))).toEqual([]);
});

describe('two dialects on one server', () => {
  const TOKEN = 'token-of-the-house-0001';
  let server: EdgeServer;
  afterEach(() => server.close());

  async function start(): Promise<void> {
    const tokens = [{ digest: tokenDigest(TOKEN), contexts: new Set([parseContext('house')]) }];
    const keys = { tokens, urlKeys: [] };
    const access = createAccess(() => keys, new FakeClock());
    server = await startEdgeServer({}, { dialects: [imageConverter, ledger], access });
  }

  const file = async (headers: Record<string, string>) =>
    fetch(`${server.origin}/ledger/v2/file/house/cover`, {
      method: 'PUT',
      headers,
      body: sourceForm(await jpegOf(64, 48)),
    });
  const find = (body: unknown, init: RequestInit = {}) =>
    fetch(`${server.origin}/ledger/v2/find`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      ...init,
    });

  it('share what is cached, each in its own words and with its own credentials', async () => {
    await start();
    expect((await file({})).status).toBe(401);
    const made = await file({ 'X-Api-Key': TOKEN });
    expect([made.status, await made.json()]).toEqual([201, { data: { previews: expect.any(Number) } }]);

    expect((await find({ organisation: 'house', entry: 'cover' })).status).toBe(401);
    expect((await find({ organisation: 'other', entry: 'cover', apiKey: TOKEN })).status).toBe(401);
    const found = await find({ organisation: 'house', entry: 'cover', apiKey: TOKEN });
    expect([found.status, found.headers.get('location')]).toEqual([303, '/ledger/v2/entries/house/cover/cover']);
    const picture = await fetch(`${server.origin}${found.headers.get('location')}`, {
      headers: { 'X-Api-Key': TOKEN },
    });
    expect([picture.status, picture.headers.get('access-control-allow-origin')]).toEqual([200, '*']);

    const same = await fetch(`${server.url}/getImage/cover/auto:200x150?context=house`, {
      headers: { Authorization: `Bearer ${TOKEN}` },
    });
    expect([same.status, same.headers.get('access-control-allow-origin')]).toEqual([200, null]);
    expect(await same.arrayBuffer()).toEqual(await picture.arrayBuffer());
    expect(server.previews.conversions).toBe(1);

    const absent = { organisation: 'house', entry: 'nothing', apiKey: TOKEN };
    const [theirs, ours] = [
      await find(absent),
      await fetch(`${server.url}/getMetadata/nothing?context=house`, { headers: { Authorization: `Bearer ${TOKEN}` } }),
    ];
    expect([theirs.status, await theirs.json()]).toEqual([
      410,
      { errors: [{ id: 'unknown-image-key', detail: expect.any(String) }] },
    ]);
    expect([ours.status, await ours.json()]).toEqual([404, { code: 4040, message: expect.any(String) }]);
  });

  it('take JSON that is complete, small and JSON', async () => {
    await start();
    const told = async (answer: Response) => [answer.status, (await answer.json()).errors[0].id];
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    expect(await told(await find({}, { headers: form }))).toEqual([415, 'source-type-refused']);
    expect(await told(await find(undefined, { body: '{"organisation":' }))).toEqual([400, 'broken-upload']);
    expect(await told(await find(undefined, { body: Buffer.from([0x22, 0xff, 0x22]) }))).toEqual([
      400,
      'broken-upload',
    ]);
    expect(await told(await find({ entry: 'x'.repeat(70_000) }))).toEqual([413, 'source-too-large']);
    expect(await told(await find({ organisation: 1 }))).toEqual([400, 'invalid-image-key']);
  });
});

describe.each([
  {
    dialect: imageConverter,
    operation: 'getImage',
    upload: { method: 'POST', path: '/cacheImage/photo' },
    path: '/getImage/photo/auto:200x150',
    constant: {},
  },
  {
    dialect: ledger,
    operation: 'entries',
    upload: { method: 'PUT', path: '/file/house/photo' },
    path: '/entries/house/photo/cover',
    constant: { 'access-control-allow-origin': '*' },
  },
])('a prepared answer of $dialect.name', ({ dialect, operation, upload, path, constant }) => {
  let server: EdgeServer;
  const at = (there: string) => `${server.origin}${dialect.mount}${there}`;
  const send = async (widthPx: number) => {
    const body = sourceForm(await jpegOf(widthPx, 48));
    expect((await fetch(at(upload.path), { method: upload.method, body })).ok).toBe(true);
  };
  const seen = async (init: RequestInit = {}) => {
    const answer = await fetch(at(path), init);
    const { date: _, 'x-request-id': id, ...headers } = Object.fromEntries(answer.headers);
    return { status: answer.status, headers, body: Buffer.from(await answer.arrayBuffer()), isHot: id === undefined };
  };

  beforeEach(async () => {
    server = await startEdgeServer({}, { dialects: [dialect] }, true);
    await send(64);
  });
  afterEach(() => server.close());

  it('is what the slow way answered, with the headers of its dialect, and counted as its operation', async () => {
    const slow = await seen();
    const asked = server.previews.calls.length;
    const hot = await seen();
    expect([slow.isHot, hot.isHot, server.previews.calls.length]).toEqual([false, true, asked]);
    expect(hot).toEqual({ ...slow, isHot: true });
    expect(hot.headers).toMatchObject(constant);
    const unchanged = await seen({ headers: { 'If-None-Match': hot.headers.etag ?? '' } });
    expect([unchanged.status, unchanged.isHot, unchanged.body.length]).toEqual([304, true, 0]);
    expect(unchanged.headers).toMatchObject(constant);
    const { metrics } = server;
    const counted = { dialect: dialect.name, operation };
    expect(metrics.total('http_requests_total', { ...counted, status: '200' })).toBe(2);
    expect(metrics.total('http_requests_total', { ...counted, status: '304' })).toBe(1);
    expect(metrics.total('sent_bytes_total')).toBeGreaterThanOrEqual(2 * slow.body.length);
  });

  it('is not given once its group is another one or gone', async () => {
    const first = await seen();
    await send(80);
    const second = await seen();
    expect([second.isHot, second.headers.etag === first.headers.etag]).toEqual([false, false]);
    expect((await seen()).headers.etag).toBe(second.headers.etag);
    await server.previews.clear({});
    const gone = await seen();
    expect([gone.isHot, gone.status]).toEqual([false, dialect === ledger ? 410 : 404]);
  });

  it('is not made where other sites may read answers by the request: those headers depend on it', async () => {
    await server.close();
    server = await startEdgeServer({ corsOrigins: ['https://pictures.example'] }, { dialects: [dialect] }, true);
    await send(64);
    await seen();
    expect((await seen()).isHot).toBe(false);
  });
});
