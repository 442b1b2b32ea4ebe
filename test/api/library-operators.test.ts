// What operators see of the library: the queue, the imports by page, one with its items; no query of a URL, and nothing without a login.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withOperators } from '../../src/http/dialects/registry.js';
import type { Context } from '../../src/kernel/image-key.js';
import { receiverOf } from '../../src/kernel/library/delivery.js';
import type { ImportId } from '../../src/kernel/library/ids.js';
import { type EdgeServer, startEdgeServer } from '../support/edge-server.js';
import { until } from '../support/gate.js';
import { FakeTenants, failure, openImportFlow, uploadsOf, webhooksOf } from '../support/import-flow.js';
import { arrived, keepText, wantedItem } from '../support/library.js';

const DIALECTS = withOperators({ basePath: '/imageconverter', strictErrors: false, strictFormats: false }, true);
const LOGIN = `Basic ${Buffer.from('admin:secret').toString('base64')}`;

let flow: Awaited<ReturnType<typeof openImportFlow>>;
let server: EdgeServer;
beforeEach(async () => {
  flow = await openImportFlow();
  const library = {
    library: flow.service,
    tenants: new FakeTenants([flow.tenant]),
    jobs: flow.jobs,
    ...uploadsOf(flow),
    ...webhooksOf(flow),
  };
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
  expect(page.body.retries).toEqual([]);
  const rest = await get(`/jobs?limit=1&cursor=${String(page.body.next)}`);
  expect(rest.body).toMatchObject({ imports: [{ id: first }], next: null });
  expect((await get('/jobs?context=other')).body).toMatchObject({ imports: [] });
});

test('why work was put off is told, the most frequent first', async () => {
  const [busy, none] = ['source-unavailable', 'source-timeout'] as const;
  flow.fetcher.answers.set('/a.jpg', failure(busy, { isTransient: true, status: 503 }));
  flow.fetcher.answers.set('/b.jpg', failure(busy, { isTransient: true, status: 503 }));
  flow.fetcher.answers.set('/c.jpg', failure(none, { isTransient: true }));
  await accept('a', 'b', 'c', 'd');
  const runner = flow.runner();
  runner.start();
  const retries = async () => (await get('/jobs')).body.retries;
  await until(async () => ((await retries()) as readonly unknown[]).length === 2, 'both reasons');
  await until(() => runner.inHand === 0, 'the end of all work');
  await runner.close(1_000);
  expect(await retries()).toEqual([
    { kind: 'import-item', reason: busy, retries: 2 },
    { kind: 'import-item', reason: none, retries: 1 },
  ]);
  expect(flow.metrics.total('job_retries_total')).toBe(3);
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
  const headers = { Authorization: LOGIN };
  const asHead = await fetch(`${server.origin}/library/jobs/${id}`, { method: 'HEAD', headers });
  expect([asHead.status, asHead.headers.get('content-type'), await asHead.text()]).toEqual([
    200,
    'application/json',
    '',
  ]);
  const asset = await flow.assets.findByReference('tenant' as Context, { system: 'test', externalId: 'urn:a' });
  expect(body).toMatchObject({
    id,
    state: 'running',
    items: [
      {
        index: 0,
        source: 'https://example.com/a.jpg',
        state: 'succeeded',
        attempts: 1,
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

async function post(path: string, headers: Record<string, string> = { Authorization: LOGIN }) {
  const response = await fetch(`${server.origin}/library${path}`, { method: 'POST', headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('a receiver that fails is listed with what was said to it, and can be called again', async () => {
  const [url, context, at] = ['https://example.com/hook?token=secret', 'tenant' as Context, flow.clock.now()];
  const receiver = receiverOf(url);
  const said = { fault: 'status', status: 500, answer: 'no', durationMs: 7 } as const;
  await flow.deliveries.note({ id: 'import_a', context, receiver, at, attempt: 1, end: 'again', said });
  const listed = await get('/webhooks');
  expect(JSON.stringify(listed.body)).not.toContain('secret');
  const time = new Date(at).toISOString();
  expect(listed.body).toEqual({
    failing: [{ context, receiver, failures: 1, failingSince: time, lastAttemptAt: time, isDisabled: false }],
  });
  const path = `/webhooks/${encodeURIComponent(receiver)}`;
  expect((await get(`${path}/deliveries?context=tenant`)).body).toEqual({
    deliveries: [
      { id: 'import_a', at: time, attempt: 1, end: 'again', fault: 'status', status: 500, answer: 'no', durationMs: 7 },
    ],
  });
  expect((await get(`${path}/deliveries?context=other`)).body).toEqual({ deliveries: [] });
  expect((await post(`${path}/enable?context=tenant`, {})).status).toBe(401);
  expect((await post(`${path}/enable?context=other`)).status).toBe(404);
  expect(await post(`${path}/enable?context=tenant`)).toMatchObject({ status: 200, body: { enabled: true } });
  expect((await get('/webhooks')).body).toEqual({ failing: [] });
});

test('the end of an import is told once more, where there is one and somebody to tell', async () => {
  const callback = { url: 'https://example.com/hook' };
  const wanted = { dialect: 'test', items: [wantedItem('a')], callback };
  const accepted = await flow.service.acceptImport(flow.tenant, wanted);
  const id = accepted.outcome === 'accepted' ? accepted.job.id : '';
  expect((await post(`/jobs/${id}/callback`)).status).toBe(404);
  const [claim] = await flow.jobs.claim({ kind: 'import-item', limit: 1, leaseMs: 60_000 });
  const outcome = { kind: 'failed', reason: { code: 'internal' } } as const;
  if (claim) await flow.jobs.finish(claim, { importId: id as ImportId, index: 0, outcome });
  flow.clock.advance(1_000);
  const [first] = await flow.jobs.claim({ kind: 'callback', limit: 1, leaseMs: 60_000 });
  if (first) await flow.jobs.finish(first);
  expect((await post(`/jobs/${id}/callback`, {})).status).toBe(401);
  expect(await post(`/jobs/${id}/callback`)).toMatchObject({ status: 200, body: { queued: true } });
  const [again] = await flow.jobs.claim({ kind: 'callback', limit: 9, leaseMs: 60_000 });
  expect(again).toMatchObject({ id });
  // One that waits for its next try waits no longer.
  if (again) await flow.jobs.retryAt(again, flow.clock.now() + 3_600_000);
  expect(await post(`/jobs/${id}/callback`)).toMatchObject({ status: 200, body: { queued: true } });
  expect(await flow.jobs.claim({ kind: 'callback', limit: 9, leaseMs: 60_000 })).toMatchObject([{ id, attempts: 1 }]);
  expect((await post('/jobs/aaaaaaaaaaaa/callback')).status).toBe(404);
});
