// What operators see of the library: the queue, the imports by page, one with its items; no query of a URL, and nothing without a login.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withOperators } from '../../src/http/dialects/registry.js';
import type { Context } from '../../src/kernel/image-key.js';
import type { ImportId } from '../../src/kernel/library/ids.js';
import { type EdgeServer, startEdgeServer } from '../support/edge-server.js';
import { FakeTenants, openImportFlow } from '../support/import-flow.js';
import { arrived, keepText, wantedItem } from '../support/library.js';

const DIALECTS = withOperators({ basePath: '/imageconverter', strictErrors: false, strictFormats: false }, true);
const LOGIN = `Basic ${Buffer.from('admin:secret').toString('base64')}`;

let flow: Awaited<ReturnType<typeof openImportFlow>>;
let server: EdgeServer;
beforeEach(async () => {
  flow = await openImportFlow();
  const library = { library: flow.service, tenants: new FakeTenants([flow.tenant]), jobs: flow.jobs };
  const admins = [{ user: 'admin', password: 'secret' }];
  server = await startEdgeServer({ admins }, { dialects: DIALECTS, library });
});
afterEach(async () => {
  await server.close();
  await flow.dispose();
});

async function accept(...names: readonly string[]): Promise<ImportId> {
  const accepted = await flow.service.acceptImport(flow.tenant, { dialect: 'test', items: names.map(wantedItem) });
  return accepted.outcome === 'accepted' ? accepted.job.id : ('' as ImportId);
}

async function get(path: string, headers: Record<string, string> = { Authorization: LOGIN }) {
  const response = await fetch(`${server.origin}/library${path}`, { headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('nothing is told without a login', async () => {
  const id = await accept('a');
  for (const path of ['/jobs', `/jobs/${id}`]) expect((await get(path, {})).status).toBe(401);
});

test('the queue and the imports are listed, the latest first, by page and by context', async () => {
  const [first, second] = [await accept('a'), await accept('b', 'c')];
  const page = await get('/jobs?limit=1');
  expect(page.status).toBe(200);
  expect(page.body).toMatchObject({
    usage: { assets: 0, openImports: 2 },
    imports: [{ id: second, state: 'running', items: 2, ended: { succeeded: 0 }, finishedAt: null }],
  });
  const since = new Date(flow.clock.now()).toISOString();
  expect(page.body.queue).toContainEqual({
    kind: 'import-item',
    waiting: 3,
    delayed: 0,
    claimed: 0,
    oldestDueAt: since,
  });
  const rest = await get(`/jobs?limit=1&cursor=${String(page.body.next)}`);
  expect(rest.body).toMatchObject({ imports: [{ id: first }], next: null });
  expect((await get('/jobs?context=other')).body).toMatchObject({ imports: [] });
});

test('an import is told with its items, whose URLs come without a query', async () => {
  const id = await accept('a', 'b');
  const [a, b] = await flow.jobs.claim({ kind: 'import-item', limit: 2, leaseMs: 60_000 });
  const original = await keepText(flow.originals, flow.dataDir, 'bytes');
  if (a) await flow.jobs.finish(a, { importId: id, index: 0, outcome: arrived('a', original) });
  const reason = { code: 'source-unavailable', status: 503 } as const;
  if (b) await flow.jobs.retryAt(b, flow.clock.now() + 10_000, { reason });
  const { body } = await get(`/jobs/${id}`);
  expect(JSON.stringify(body)).not.toContain('secret');
  const asset = await flow.assets.findByReference('tenant' as Context, { system: 'test', externalId: 'urn:a' });
  expect(body).toMatchObject({
    id,
    state: 'running',
    items: [
      {
        index: 0,
        source: 'https://example.com/a.jpg',
        state: 'succeeded',
        assetId: asset?.asset.id,
        version: 1,
        isThere: true,
      },
      {
        index: 1,
        state: 'queued',
        reason,
        attempts: 1,
        nextAttemptAt: new Date(flow.clock.now() + 10_000).toISOString(),
      },
    ],
  });
});

test('what is not there and what cannot be asked is refused in words', async () => {
  expect(await get('/jobs/aaaaaaaaaaaa')).toMatchObject({
    status: 404,
    body: { message: expect.stringContaining('import') },
  });
  expect((await get('/jobs/nonsense')).status).toBe(404);
  for (const query of ['limit=0', 'limit=many', 'limit=1001', 'cursor=..%2F'])
    expect((await get(`/jobs?${query}`)).status).toBe(400);
});
