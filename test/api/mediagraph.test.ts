// Mediagraph's API over an embedded library: pictures by URL, and what a call that is sent twice does.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Fetched } from '../../src/kernel/ports/source-fetcher.js';
import { failure } from '../support/import-flow.js';
import { BOTH, type LibraryEdge, startLibraryEdge } from '../support/library-edge.js';
import { type Json, MediagraphClient } from '../support/mediagraph-client.js';
import { jpegOf } from '../support/test-images.js';

const [ONE, TWO] = await Promise.all([jpegOf(40, 30), jpegOf(30, 40)]);
let edge: LibraryEdge;
let client: MediagraphClient;

beforeEach(async () => {
  edge = await startLibraryEdge({ organizationNumber: 100 }, { dialects: [{ name: 'mediagraph' }], maxItems: 3 });
  client = new MediagraphClient(`${edge.server.origin}/mediagraph`, BOTH, 100);
});
afterEach(() => edge.close());

const ask = async (body: unknown, path = '/api/assets') => {
  const { status, body: answer } = await client.send('POST', path, body);
  return { status, body: answer, assets: Array.isArray(answer) ? (answer as readonly Json[]) : [] };
};

describe('pictures by URL', () => {
  test('are assets at once, in the order of the URLs, and called by what their origin calls them', async () => {
    edge.fetcher.answers.set('/a.jpg', ONE);
    edge.fetcher.answers.set('/get', async () => {
      const fetched = (await edge.fetcher.fetched(TWO)) as Fetched & { kind: 'fetched' };
      return { ...fetched, file: { ...fetched.file, fileName: 'Grüße.jpg' } };
    });
    const { status, assets } = await ask({
      from_url: 'https://example.com/a.jpg , https://example.com/get?secret=1',
      contribution_id: 100,
    });
    expect(status).toBe(200);
    expect(assets).toMatchObject([
      { filename: 'a.jpg', aasm_state: 'pending', created_via: 'url', submitted: true, md5: null, upload_id: null },
      { filename: 'get', aasm_state: 'pending' },
    ]);
    expect(assets[1]?.id).toBe((assets[0]?.id as number) + 1);
    expect(edge.fetcher.asked).toEqual([]);
    await edge.work();
    const shown = await Promise.all(assets.map(({ guid }) => client.get(`/api/assets/${guid}`)));
    expect(shown).toMatchObject([
      {
        id: assets[0]?.id,
        filename: 'a.jpg',
        aasm_state: 'processed',
        data_version_number: 1,
        file_size: ONE.length,
        width: 40,
      },
      { id: assets[1]?.id, filename: 'Grüße.jpg', aasm_state: 'processed', download_sizes: expect.any(Array) },
    ]);
    expect(await edge.assets.usage(edge.tenant.context)).toMatchObject({ assets: 2, originals: 2, openImports: 0 });
    const body = await fetch(`${edge.server.origin}/mediagraph/api/assets/${assets[0]?.id}/download`, {
      headers: client.headers,
    });
    expect(Buffer.from(await body.arrayBuffer()).toString('latin1')).toBe(ONE.toString('latin1'));
  });

  test('are called as is asked for, by the other path too', async () => {
    edge.fetcher.answers.set('/a.jpg', ONE);
    const { assets } = await ask(
      { from_url: 'https://example.com/a.jpg', asset: { filename: 'x/cat.jpg' } },
      '/api/assets/upload',
    );
    await edge.work();
    expect(await client.get(`/api/assets/${assets[0]?.id}`)).toMatchObject({ filename: 'cat.jpg', title: null });
  });

  test('that cannot be had end in an error that says why, and the call was right', async () => {
    edge.fetcher.answers.set('/gone.jpg', failure('source-not-found', { status: 404, message: 'the origin has none' }));
    const { status, assets } = await ask({ from_url: 'https://example.com/gone.jpg' });
    expect(status).toBe(200);
    await edge.work();
    expect(await client.get(`/api/assets/${assets[0]?.id}`)).toMatchObject({
      aasm_state: 'processing_error',
      processing_error: 'the origin has none',
      data_versions_count: 0,
    });
  });

  test('that are asked for twice, because the answer was lost, are the same assets, within a minute or by their key', async () => {
    edge.fetcher.answers.set('/a.jpg', ONE);
    const wish = { from_url: 'https://example.com/a.jpg' };
    const first = (await ask(wish)).assets[0]?.id;
    edge.clock.advance(59_000);
    await edge.work();
    expect((await ask(wish)).assets).toMatchObject([{ id: first, aasm_state: 'processed' }]);
    expect((await ask({ ...wish, asset: { filename: 'other.jpg' } })).assets[0]?.id).not.toBe(first);
    edge.clock.advance(61_000);
    expect((await ask(wish)).assets[0]?.id).not.toBe(first);
    const keyed = { ...wish, idempotency_key: 'mine' };
    const second = (await ask(keyed)).assets[0]?.id;
    edge.clock.advance(600_000);
    expect((await ask(keyed)).assets[0]?.id).toBe(second);
  });

  test('whose URL is none, whose scheme is another, or that are too many are refused as a whole, with the field', async () => {
    for (const url of [
      '',
      'cat.jpg',
      'file:///etc/passwd',
      'https://example.com:22/',
      'https://u:p@example.com/',
      'a,b',
    ])
      expect(await ask({ from_url: `https://example.com/a.jpg,${url}` }), url).toMatchObject(
        url === ''
          ? { status: 200 }
          : { status: 422, body: { error: 'invalid', errors: { from_url: [expect.any(String)] } } },
      );
    expect((await ask({})).status).toBe(422);
    const many = Array.from({ length: 4 }, (_, n) => `https://example.com/${n}.jpg`).join();
    expect((await ask({ from_url: many })).status).toBe(422);
    expect((await ask({ from_url: 'https://example.com/b.jpg', contribution_id: 7 })).status).toBe(404);
    expect(await edge.assets.usage(edge.tenant.context)).toMatchObject({ assets: 1 });
  });

  test('are stopped by a full quota with 403, which no client repeats', async () => {
    await edge.close();
    edge = await startLibraryEdge(
      { organizationNumber: 100, quota: { imagesPerDay: 1 } },
      { dialects: [{ name: 'mediagraph' }] },
    );
    client = new MediagraphClient(`${edge.server.origin}/mediagraph`, BOTH, 100);
    const refused = await ask({ from_url: 'https://example.com/1.jpg,https://example.com/2.jpg' });
    expect(refused).toMatchObject({ status: 403, body: { error: 'over_quota' } });
    expect(await edge.assets.usage(edge.tenant.context)).toMatchObject({ assets: 0 });
  });

  test('erased before they came do not come back', async () => {
    edge.fetcher.answers.set('/a.jpg', ONE);
    await ask({ from_url: 'https://example.com/a.jpg' });
    const { entries } = await edge.assets.listAssets(edge.tenant.context, { limit: 1 });
    await edge.assets.erase(edge.tenant.context, entries[0]?.asset.id as never);
    await edge.work();
    expect(await edge.assets.usage(edge.tenant.context)).toMatchObject({ assets: 0, bytes: 0, openImports: 0 });
  });
});

test('what is no text, number or flag where one is wanted is refused with the field, whatever the object brings', async () => {
  const { guid: session } = await client.open();
  const { guid } = await client.prepare(session, 'a.jpg', ONE.length);
  const odd: readonly unknown[] = [{ toString: 1 }, { toString: 'x', valueOf: 1 }, [{ toString: 1 }], [1], {}];
  for (const value of odd) {
    for (const [path, body] of [
      ['/api/uploads', { contribution_id: value }],
      [`/api/uploads/${session}/assets`, { filename: 'b.jpg', file_size: value }],
      [`/api/assets/${guid}/add_version`, { filename: 'b.jpg', file_size: value }],
    ] as const)
      expect([path, value, (await client.send('POST', path, body)).status]).toEqual([path, value, 422]);
    const { status } = await client.send('POST', `/api/assets/${guid}/revert`, { version: value });
    expect([value, status]).toEqual([value, 404]);
  }
});

test('an order that nobody knows is the usual one, be it a name that every object has', async () => {
  edge.fetcher.answers.set('/a.jpg', ONE).set('/b.jpg', TWO);
  await ask({ from_url: 'https://example.com/a.jpg,https://example.com/b.jpg' });
  await edge.work();
  const usual = await client.get('/api/assets/search');
  for (const sort of ['__proto__', 'constructor', 'hasOwnProperty', 'unknown'])
    expect(await client.get(`/api/assets/search?sort=${sort}`)).toEqual(usual);
});

test.each(['GET', 'PUT', 'POST'])('that its bytes are there may be said by %s, and once more', async (verb) => {
  const { guid: session } = await client.open();
  const prepared = await client.prepare(session, 'a.jpg', ONE.length);
  const path = `/api/assets/${prepared.guid}/set_uploaded`;
  expect(await client.send(verb, path)).toMatchObject({ status: 422, body: { error: 'not_uploaded' } });
  expect((await client.put(prepared.url, ONE)).status).toBe(200);
  for (let time = 0; time < 2; time++)
    expect(await client.send(verb, path)).toMatchObject({ status: 200, body: { id: prepared.id } });
  await edge.work('upload');
  expect(await client.get(`/api/assets/${prepared.id}`)).toMatchObject({
    aasm_state: 'processed',
    data_versions_count: 1,
  });
});

describe('webhooks', () => {
  const HOOK = 'https://example.com/hook?key=secret';
  const add = async (webhook: unknown) => (await client.send('POST', '/api/webhooks', { webhook })).body;
  const arrive = async () => {
    edge.fetcher.answers.set('/a.jpg', ONE);
    const { assets } = await ask({ from_url: 'https://example.com/a.jpg' });
    await edge.work();
    return assets[0] as Json;
  };
  const told = () => edge.sender.sent.map(({ body }) => JSON.parse(body) as Json);

  test('are registered, listed, shown, changed and deleted', async () => {
    const first = await add({ name: 'Site', url: HOOK, events: 'asset.created, asset.deleted', note: 'ours' });
    expect(first).toEqual({
      ...{ id: 1, name: 'Site', url: HOOK, enabled: true, events: 'asset.created,asset.deleted' },
      ...{ include_download_url: false, group_assets: true, trash: false, asset_group_id: null, note: 'ours' },
      created_at: expect.any(String),
      updated_at: expect.any(String),
    });
    const second = await add({ name: 'All', url: 'https://example.com/', group_assets: false });
    expect(second.events).toBe('asset.created,asset.updated,asset.deleted,asset.restored');
    expect(await client.get('/api/webhooks?sortField=name&sortOrder=ascend')).toEqual([second, first]);
    expect(await client.get('/api/webhooks?current=2&pageSize=1')).toEqual([second]);
    const put = await client.send('PUT', '/api/webhooks/1', { webhook: { enabled: false } });
    expect(put.body).toMatchObject({ ...first, enabled: false, updated_at: expect.any(String) });
    expect(await client.send('DELETE', '/api/webhooks/1')).toEqual({ status: 200, body: {} });
    for (const [verb, path] of [
      ['GET', '/1'],
      ['DELETE', '/1'],
      ['GET', '/1/logs'],
      ['GET', '/x'],
    ])
      expect((await client.send(verb as string, `/api/webhooks${path}`)).status).toBe(404);
  });

  test('with a name, a URL or an event that is none are refused with the field', async () => {
    const refused = async (webhook: unknown) => {
      const { status, body } = await client.send('POST', '/api/webhooks', { webhook });
      return [status, ...Object.keys(body.errors ?? {})];
    };
    expect(await refused({ url: HOOK })).toEqual([422, 'name']);
    expect(await refused({ name: 'x' })).toEqual([422, 'url']);
    for (const url of ['ftp://example.com/', 'hook', 'https://example.com:22/', 'https://u:p@example.com/'])
      expect(await refused({ name: 'x', url })).toEqual([422, 'url']);
    expect(await refused({ name: 'x', url: HOOK, events: 'asset.gone' })).toEqual([422, 'events']);
    expect(await client.get('/api/webhooks')).toEqual([]);
  });

  test('are told of what was created, updated, deleted and restored, with the asset and where it is downloaded', async () => {
    await add({ name: 'Site', url: HOOK, include_download_url: true, group_assets: false });
    const { id, guid } = await arrive();
    await edge.work('webhook');
    expect(edge.sender.sent[0]).toMatchObject({ url: HOOK, id: expect.stringMatching(/^asset_[a-z0-9]{13}_2_1$/) });
    const [created] = told();
    expect(created).toEqual({
      event: 'asset.created',
      timestamp: expect.any(String),
      asset: await client.get(`/api/assets/${id}`),
      download_url: expect.stringContaining(`${edge.server.origin}/mediagraph/api/downloads/`),
    });
    const bytes = Buffer.from(await (await fetch(created?.download_url as string)).arrayBuffer());
    expect(bytes.equals(ONE)).toBe(true);
    await client.send('DELETE', `/api/assets/${id}`);
    await client.send('POST', `/api/assets/${id}/restore`);
    await edge.work('webhook');
    expect(told().slice(1)).toMatchObject([
      { event: 'asset.deleted', asset: { guid } },
      { event: 'asset.restored', asset: { guid, trashed_at: null } },
    ]);
  });

  test('get lists where they group, nothing of events they did not ask for, and nothing while they are off', async () => {
    await add({ name: 'Site', url: HOOK, events: 'asset.created' });
    const off = await add({ name: 'Off', url: 'https://example.com/off' });
    await client.send('PUT', `/api/webhooks/${off.id}`, { enabled: 'false' });
    const { id } = await arrive();
    await client.send('DELETE', `/api/assets/${id}`);
    await edge.work('webhook');
    expect(edge.sender.sent.map(({ url }) => url)).toEqual([HOOK]);
    expect(told()).toMatchObject([{ event: 'asset.created', assets: [{ id }] }]);
  });

  test('whose receiver says 410 are switched off, and can be switched on again', async () => {
    const { id } = await add({ name: 'Site', url: HOOK });
    edge.sender.next = { fault: 'gone', status: 410 };
    const { id: first } = await arrive();
    await edge.work('webhook');
    expect(edge.sender.sent).toHaveLength(1);
    expect(await client.get(`/api/webhooks/${id}`)).toMatchObject({ enabled: false });
    edge.sender.next = { fault: undefined, status: 204 };
    await client.send('DELETE', `/api/assets/${first}`);
    await edge.work('webhook');
    expect(edge.sender.sent).toHaveLength(1);
    await client.send('PUT', `/api/webhooks/${id}`, { enabled: 'true' });
    await client.send('POST', `/api/assets/${first}/restore`);
    await edge.work('webhook');
    expect(told().slice(1)).toMatchObject([{ event: 'asset.restored' }]);
  });

  test('that fail are tried again, their attempts stand in a log, and one is said again in the same words', async () => {
    await add({ name: 'Site', url: HOOK });
    edge.sender.next = { fault: 'status', status: 500, answer: 'oh no' };
    await arrive();
    await edge.work('webhook');
    edge.sender.next = { fault: undefined, status: 204 };
    edge.clock.advance(10_000);
    await edge.work('webhook');
    const log = (await client.get('/api/webhooks/1/logs')) as unknown as Json[];
    expect(log).toMatchObject([
      { webhook_id: 1, event: 'asset.created', response_status: 204, response_body: null, success: true },
      { webhook_id: 1, event: 'asset.created', response_status: 500, response_body: 'oh no', success: false },
    ]);
    const request = `webhook_request_id=${log[1]?.id}`;
    expect(await client.get(`/api/webhooks/1/payload?${request}`)).toEqual(told()[0]);
    expect(await client.get(`/api/webhooks/payload?${request}`)).toEqual(told()[0]);
    expect(await client.get(`/api/webhooks/1/response_data?${request}`)).toEqual({
      response_status: 500,
      response_body: 'oh no',
    });
    const again = { webhook_request_id: log[1]?.id };
    expect((await client.send('POST', '/api/webhooks/1/replay', again)).body).toEqual({ message: 'Success' });
    await edge.work('webhook');
    const [first, , third] = edge.sender.sent;
    expect([third?.id, third?.body]).toEqual([first?.id, first?.body]);
    expect((await client.send('POST', '/api/webhooks/1/replay', { webhook_request_id: 'x' })).status).toBe(404);
  });

  test('one that waits for its next try is said again at once', async () => {
    await add({ name: 'Site', url: HOOK });
    edge.sender.next = { fault: 'status', status: 500 };
    await arrive();
    await edge.work('webhook');
    edge.sender.next = { fault: undefined, status: 204 };
    await edge.work('webhook');
    expect(edge.sender.sent).toHaveLength(1);
    const [failed] = (await client.get('/api/webhooks/1/logs')) as unknown as Json[];
    const again = { webhook_request_id: failed?.id };
    expect((await client.send('POST', '/api/webhooks/1/replay', again)).body).toEqual({ message: 'Success' });
    await edge.work('webhook');
    expect(edge.sender.sent).toHaveLength(2);
    expect(await edge.jobs.counts()).not.toContainEqual(
      expect.objectContaining({ kind: 'webhook', jobs: expect.toSatisfy((jobs: number) => jobs > 0) }),
    );
  });

  test('can be tried, and what the URL answers decides', async () => {
    const attempt = (url: string) => client.send('POST', '/api/webhooks/test', { url });
    expect(await attempt(HOOK)).toEqual({ status: 200, body: { message: 'Success' } });
    expect(told()).toMatchObject([{ event: 'test' }]);
    edge.sender.next = { fault: 'status', status: 404 };
    expect(await attempt(HOOK)).toMatchObject({ status: 422, body: { error: 'webhook_failed' } });
    expect((await attempt('file:///etc/passwd')).status).toBe(422);
  });

  test('of what was erased before it could be told name it', async () => {
    await add({ name: 'Site', url: HOOK, include_download_url: true });
    const { id, guid } = await arrive();
    const { entries } = await edge.assets.listAssets(edge.tenant.context, { limit: 1 });
    await edge.assets.erase(edge.tenant.context, entries[0]?.asset.id as never);
    await edge.work('webhook');
    expect(told()).toEqual(
      ['asset.created', 'asset.deleted'].map((event) => ({
        ...{ event, timestamp: expect.any(String), assets: [{ id, guid }] },
      })),
    );
  });
});
