// The library's settings, each seen in what a server does: how many images at once, how many in an import, how many imports and
// uploads, and how long what is over or was left stays.
import { writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Context } from '../../src/kernel/image-key.js';
import { openEmbeddedLibrary } from '../../src/stores/embedded/library/open-library.js';
import { systemClock } from '../../src/telemetry/clock.js';
import { FakeLogger } from '../support/fake-logger.js';
import { FakeMetrics } from '../support/fake-metrics.js';
import { setClock } from '../support/faults/set-clock.js';
import { until } from '../support/gate.js';
import { MediagraphClient } from '../support/mediagraph-client.js';
import { type Origin, startOrigin } from '../support/origins.js';
import { type ServerProcess, scrape, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';

const SLOW = { timeout: 300_000 };
const TOKEN = 'token-of-the-agency-0001';
const HEADERS = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' };
const OTHER = { ...HEADERS, Authorization: 'Bearer token-of-the-other-00001' };

let dir: TempDir;
let server: ServerProcess | undefined;
let origin: Origin;
/** Requests that the origin has not answered yet. */
let waiting: ServerResponse[];
let picture: Buffer;

beforeEach(async () => {
  dir = await tempDir();
  waiting = [];
  picture = await jpegOf(40, 30);
  origin = await startOrigin((_request, response) => waiting.push(response));
  const tenants = [
    { id: 'agency', context: 'agency', organizationNumber: 100, tokens: [TOKEN] },
    { id: 'other', tokens: ['token-of-the-other-00001'] },
  ];
  await writeFile(join(dir.path, 'tenants.yaml'), JSON.stringify(tenants));
});
afterEach(async () => {
  server?.kill('SIGKILL');
  await server?.gone;
  server = undefined;
  await origin.close();
  await dir.remove();
});

async function start(environment: Readonly<Record<string, string>>): Promise<ServerProcess> {
  server = await startServerProcess({
    PROOFSHEET_DATA_DIR: join(dir.path, 'data'),
    PROOFSHEET_DIALECTS: 'image-converter,livingdocs,mediagraph',
    PROOFSHEET_API_TOKENS: 'token-of-the-cache-0001',
    PROOFSHEET_URL_KEYS: 'main:a-secret-of-the-operator',
    PROOFSHEET_TENANTS: join(dir.path, 'tenants.yaml'),
    PROOFSHEET_FETCH_ALLOW: `127.0.0.1:${origin.port}`,
    PROOFSHEET_EVICTION_INTERVAL_SECONDS: '1',
    ...environment,
  });
  return server;
}

const api = (path: string, init: RequestInit = {}) =>
  fetch(`${server?.origin}/livingdocs/api/v1${path}`, { headers: HEADERS, ...init });

function post(count: number, name = 'image', headers = HEADERS): Promise<Response> {
  const images = Array.from({ length: count }, (_, n) => ({
    url: origin.url(`/${name}-${n}.jpg`),
    id: `${name}-${n}`,
    fileName: 'cat',
    metadata: {},
  }));
  return api('/import/images', { method: 'POST', headers, body: JSON.stringify({ systemName: 'dam', images }) });
}

async function statusOf(
  id: string,
  headers = HEADERS,
): Promise<{ readonly finished: boolean; readonly state: string }> {
  const answer = await api(`/import/images/status?id=${id}`, { headers });
  return (await answer.json()) as { finished: boolean; state: string };
}

const answerAll = () => {
  for (const response of waiting.splice(0)) response.end(picture);
};

/** The id of an import of one image that has ended. */
async function imported(): Promise<string> {
  const { id } = (await (await post(1)).json()) as { readonly id: string };
  await until(async () => {
    answerAll();
    return (await statusOf(id)).finished;
  }, 'the import has ended');
  expect((await statusOf(id)).state).toBe('success');
  return id;
}

test.each([1, 3])('PROOFSHEET_IMPORT_CONCURRENCY=%d is how many images are fetched at a time', SLOW, async (at) => {
  await start({ PROOFSHEET_IMPORT_CONCURRENCY: String(at) });
  // Of two tenants, since one of them never has all hands.
  const { id } = (await (await post(7)).json()) as { readonly id: string };
  const { id: other } = (await (await post(7, 'other', OTHER)).json()) as { readonly id: string };
  let most = 0;
  await until(() => waiting.length >= at, 'as many as may be');
  await until(async () => {
    most = Math.max(most, waiting.filter(({ destroyed }) => !destroyed).length);
    // One at a time, so that another that may begin does.
    waiting.shift()?.end(picture);
    return (await statusOf(id)).finished && (await statusOf(other, OTHER)).finished;
  }, 'both imports have ended');
  expect(most).toBe(at);
});

test('PROOFSHEET_IMPORT_MAX_ITEMS is the most images of an import', SLOW, async () => {
  await start({ PROOFSHEET_IMPORT_MAX_ITEMS: '2' });
  expect((await post(2)).status).toBe(200);
  const refused = await post(3, 'more');
  expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('at most 2 images')]);
});

test('PROOFSHEET_IMPORT_MAX_OPEN is how many imports may be under way', SLOW, async () => {
  await start({ PROOFSHEET_IMPORT_MAX_OPEN: '1' });
  const { id } = (await (await post(1)).json()) as { readonly id: string };
  expect((await post(1, 'another')).status).toBe(429);
  await until(async () => {
    answerAll();
    return (await statusOf(id)).finished;
  }, 'the first has ended');
  expect((await post(1, 'another')).status).toBe(200);
});

/** What was dated before a running server's clock was set forward may have been dated by one that was behind: it is kept a day longer. */
const LENIENCE_HOURS = 24;

test('PROOFSHEET_IMPORT_KEEP_SECONDS is how long an import can be asked for', SLOW, async () => {
  const clock = await setClock(join(dir.path, 'clock'));
  await start({ ...clock.environment, PROOFSHEET_IMPORT_KEEP_SECONDS: '7200' });
  const id = await imported();
  clock.set(1);
  // Rounds of upkeep have looked at it meanwhile.
  const rounds = origin.requests.length;
  await imported();
  expect(origin.requests.length).toBeGreaterThanOrEqual(rounds);
  expect((await statusOf(id)).state).toBe('success');
  clock.set(LENIENCE_HOURS + 3);
  await until(async () => (await statusOf(id)).state === 'lost', 'it is known no more');
});

test('PROOFSHEET_UPLOAD_MAX_OPEN is how many uploads may be prepared and not completed', SLOW, async () => {
  const { origin: own } = await start({ PROOFSHEET_UPLOAD_MAX_OPEN: '1' });
  const client = new MediagraphClient(`${own}/mediagraph`, TOKEN, 100);
  const session = await client.open();
  const first = await client.prepare(session.guid, 'a.jpg', picture.length);
  const wish = { asset: { filename: 'b.jpg', file_size: picture.length, created_via: 'mcp' } };
  expect(await client.send('POST', `/api/uploads/${session.guid}/assets`, wish)).toMatchObject({
    status: 422,
    body: { error: 'too_many_uploads' },
  });
  expect((await client.put(first.url, picture)).status).toBe(200);
  expect((await client.uploaded(first.guid)).status).toBe(200);
  expect((await client.send('POST', `/api/uploads/${session.guid}/assets`, wish)).status).toBe(200);
});

test('PROOFSHEET_UPLOAD_KEEP_SECONDS is how long an upload waits to be completed', SLOW, async () => {
  const clock = await setClock(join(dir.path, 'clock'));
  const { origin: own } = await start({ ...clock.environment, PROOFSHEET_UPLOAD_KEEP_SECONDS: '7200' });
  const client = new MediagraphClient(`${own}/mediagraph`, TOKEN, 100);
  const prepare = async () => client.prepare((await client.open()).guid, 'a.jpg', picture.length);
  const stateOf = (id: number) => client.send('GET', `/api/assets/${id}`);
  const early = await prepare();
  clock.set(1);
  const late = await prepare();
  clock.set(LENIENCE_HOURS + 2.5);
  // The round that takes the one leaves the other.
  await until(async () => (await stateOf(early.id)).status === 404, 'it is known no more');
  expect(await stateOf(late.id)).toMatchObject({ status: 200, body: { aasm_state: 'pending' } });
  clock.set(LENIENCE_HOURS + 4);
  await until(async () => (await stateOf(late.id)).status === 404, 'nor the other');
});

test('PROOFSHEET_TRASH_SECONDS is how long an asset stays in the trash', SLOW, async () => {
  const before = await start({});
  await imported();
  before.kill('SIGTERM');
  await before.gone;
  const data = join(dir.path, 'data');
  const [logger, metrics] = [new FakeLogger(), new FakeMetrics()];
  const library = await openEmbeddedLibrary({
    dataDir: data,
    tmpDir: dir.path,
    fsync: false,
    clock: systemClock,
    logger,
    metrics,
  });
  const context = 'agency' as Context;
  const { entries } = await library.assets.listAssets(context, { limit: 10 });
  expect(entries.length).toBe(1);
  for (const { asset } of entries) await library.assets.trash(context, asset.id);
  await library.close();

  const keeping = await start({ PROOFSHEET_TRASH_SECONDS: '86400' });
  expect(await scrape(keeping.origin, 'proofsheet_library_assets')).toBe(1);
  keeping.kill('SIGTERM');
  await keeping.gone;
  const erasing = await start({ PROOFSHEET_TRASH_SECONDS: '0' });
  await until(async () => (await scrape(erasing.origin, 'proofsheet_library_assets')) === 0, 'it is erased');
});
