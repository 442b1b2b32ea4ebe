// Mediagraph's own client against a server as an operator starts it: the requests of its upload, watch, download, versions and search in
// their order, the curl lines of the documents, cut and repeated and expired uploads, a crash in the middle, and two organizations.
import { createHash } from 'node:crypto';
import { readdir, readlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linkQuery } from '../../src/kernel/library/signed-link.js';
import { until } from '../support/gate.js';
import { settledBytes } from '../support/hostile/fuzzing.js';
import { MediagraphClient, padded } from '../support/mediagraph-client.js';
import { freePort } from '../support/ports.js';
import { run } from '../support/processes.js';
import { residentBytes, type ServerProcess, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';
import { requireTool } from '../support/tools.js';

const TOKEN = '8b5913aea36379a098fb4187d8a5face';
const READER = 'token-of-a-reader-000001';
const STRANGER = '098fb4187d8a5face98fb4187d8a5f';
const KEY = { id: 'main', secret: 'a-secret-of-the-operator' };
/** The whole of what is promised: `MEDIAGRAPH_UPLOADS=200 MEDIAGRAPH_MIB=20`. */
const UPLOADS = Number(process.env.MEDIAGRAPH_UPLOADS ?? 20);
const UPLOAD_BYTES = Number(process.env.MEDIAGRAPH_MIB ?? 1) * 2 ** 20;
const CLIENTS = 16;
const KILLS = Number(process.env.MEDIAGRAPH_KILLS ?? 5);

let dir: TempDir;
let server: ServerProcess;
let inspectorPort: number;
let origin: Awaited<ReturnType<typeof startOrigin>>;
let client: MediagraphClient;
let stranger: MediagraphClient;
let photo: Buffer;

interface OriginAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A server of somebody else, which answers as the test says. */
async function startOrigin() {
  const running = {
    server: createServer(async (request, response) => {
      const { headers, body } = running.answer(request, Buffer.concat(await request.toArray()).toString());
      response.writeHead(200, headers).end(body);
    }),
    url: '',
    answer: (_request: IncomingMessage, _body: string): OriginAnswer => ({ headers: {}, body: Buffer.alloc(0) }),
  };
  await new Promise<void>((resolve) => running.server.listen(0, '127.0.0.1', resolve));
  running.url = `http://127.0.0.1:${(running.server.address() as AddressInfo).port}`;
  return running;
}

async function start(): Promise<void> {
  inspectorPort = await freePort();
  server = await startServerProcess({
    PROOFSHEET_DATA_DIR: join(dir.path, 'data'),
    PROOFSHEET_DIALECTS: 'image-converter,mediagraph',
    PROOFSHEET_TENANTS: join(dir.path, 'tenants.yaml'),
    PROOFSHEET_API_TOKENS: 'token-of-the-cache-0001',
    PROOFSHEET_URL_KEYS: `${KEY.id}:${KEY.secret}`,
    PROOFSHEET_MAX_SOURCE_BYTES: '64MiB',
    PROOFSHEET_PUBLIC_METRICS: 'true',
    NODE_OPTIONS: `--inspect-port=${inspectorPort}`,
    PROOFSHEET_FETCH_ALLOW: origin.url.slice('http://'.length),
    // However long a busy machine holds up sixteen clients of one process.
    PROOFSHEET_UPLOAD_IDLE_TIMEOUT_MS: '120000',
    PROOFSHEET_UPLOAD_TIMEOUT_MS: '120000',
    PROOFSHEET_REQUEST_TIMEOUT_MS: '130000',
  });
  const api = `${server.origin}/mediagraph`;
  client = new MediagraphClient(api, TOKEN, 100);
  stranger = new MediagraphClient(api, STRANGER);
}

beforeAll(async () => {
  dir = await tempDir();
  photo = await jpegOf(800, 600);
  const reader = { token: READER, scopes: ['assets:read'] };
  await writeFile(
    join(dir.path, 'tenants.yaml'),
    JSON.stringify([
      {
        ...{ id: 'agency', name: 'An Agency', organizationNumber: 100, tokens: [TOKEN, reader] },
        watermark: { text: 'An Agency' },
        webhookSecrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
      },
      { id: 'museum', name: 'A Museum', organizationNumber: 200, tokens: [STRANGER] },
    ]),
  );
  origin = await startOrigin();
  await start();
});
afterAll(async () => {
  origin.server.close();
  server.kill('SIGTERM');
  await server.gone;
  await dir.remove();
});

const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex');

describe('the requests of the client', () => {
  test('begin with who it is and where it may upload', async () => {
    expect(await client.get('/api/whoami')).toMatchObject({
      id: 100,
      name: 'An Agency',
      organization: { id: 100, title: 'An Agency', slug: 'agency' },
      membership: { role_level: 'admin' },
    });
    expect(await client.get('/api/can_upload')).toMatchObject({ can_upload: true });
    expect(await client.get('/api/organizations/100')).toMatchObject({ id: 100, medium_download_size: 1_200 });
    expect(await client.get('/api/organizations/find?slug=agency')).toMatchObject({ organization: { id: 100 } });
    expect(await client.get('/api/storage_folders?page=1&per_page=100')).toMatchObject([{ type: 'StorageFolder' }]);
    expect(await client.get('/api/collections/tree')).toEqual([]);
    expect((await client.send('POST', '/api/refresh')).status).toBe(404);
  });

  test('upload a file, watch it, show it, download it by a token, find it', async () => {
    const session = await client.open();
    expect(session).toMatchObject({ aws_key: null, bucket: null, aasm_state: null, standalone: false });
    const bytes = padded(photo, 2_048);
    const prepared = await client.prepare(session.guid, 'Grüße, "Welt".jpg', bytes.length);
    const before = await client.get(`/api/assets/${prepared.id}`);
    expect(before).toMatchObject({ aasm_state: 'pending', md5: null, small_url: null, file_size: bytes.length });
    const put = await client.put(prepared.url, bytes);
    expect(put).toEqual({ status: 200, text: '', etag: `"${createHash('sha256').update(bytes).digest('hex')}"` });
    const uploaded = await client.uploaded(prepared.guid);
    expect([uploaded.status, uploaded.body.id, uploaded.body.mime_type]).toEqual([200, prepared.id, 'image/jpeg']);
    const done = await client.send('PUT', `/api/uploads/${session.id}/set_done`);
    expect(done.body).toMatchObject({ id: session.id, done: true, assets_count: 1 });
    expect((await client.send('PUT', `/api/uploads/${session.id}/set_done`)).body).toEqual(done.body);

    const asset = await client.watch(prepared.id);
    expect(asset).toMatchObject({
      aasm_state: 'processed',
      guid: prepared.guid,
      md5: md5(bytes),
      file_size: bytes.length,
      width: 800,
      height: 600,
      mime_type: 'image/jpeg',
      data_version_number: 1,
      download_sizes: ['original', 'full', 'medium', 'small'],
    });
    const small = await fetch(asset.small_url as string);
    expect([small.status, small.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    expect(small.headers.get('cache-control')).toMatch(/^public, max-age=(28[89]\d\d|29[0-4]\d\d), immutable$/);
    expect((await fetch((asset.small_url as string).replace('-small', '-full'))).status).toBe(403);

    const grant = await client.send('POST', '/api/downloads', {
      download: { asset_ids: [prepared.id], size: 'original', via: 'mediagraph-sync', skip_meta: true },
    });
    expect(grant.body).toEqual({
      token: expect.stringMatching(/^[0-9a-f]{32}$/),
      filename: 'Grüße, "Welt".jpg',
      integration: null,
    });
    const token = `${server.origin}/mediagraph/api/downloads/${grant.body.token}`;
    for (let times = 0; times < 2; times++)
      expect(Buffer.from(await (await fetch(token)).arrayBuffer()).equals(bytes)).toBe(true);
    const part = await fetch(token, { headers: { Range: 'bytes=0-99' } });
    expect([part.status, (await part.arrayBuffer()).byteLength]).toEqual([206, 100]);
    expect(part.headers.get('content-disposition')).toBe(
      `attachment; filename="Gr??e, \\"Welt\\".jpg"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%2C%20%22Welt%22.jpg`,
    );

    const found = await client.get(`/api/assets/search?upload_guid=${session.guid}&page=1&per_page=25`);
    expect(found).toMatchObject({ total_entries: 1, total: 1, assets: [{ id: prepared.id }] });
    expect(await client.get(`/api/uploads/${session.guid}/assets`)).toMatchObject([{ id: prepared.id }]);
    expect(await client.get(`/api/assets/search?q=welt&ids[]=${prepared.id}`)).toMatchObject({ total_entries: 1 });
  });

  test('add a version, list, show and revert; a version that is none leaves the head', async () => {
    const first = padded(photo, 1_000);
    const { id, guid } = await client.upload('one.jpg', first);
    await client.watch(id);
    const second = padded(await jpegOf(400, 300), 1_000);
    const added = await client.send('POST', `/api/assets/${id}/add_version`, {
      filename: 'two.jpg',
      content_type: 'image/jpeg',
      file_size: second.length,
    });
    await client.put(added.body.signed_upload_url as string, second);
    await client.uploaded(guid);
    expect(await client.watch(id)).toMatchObject({ data_version_number: 2, width: 400, md5: md5(second) });
    const versions = await client.get(`/api/assets/${id}/asset_data_versions`);
    expect(versions).toMatchObject([
      { number: 2, is_head: true, filename: 'two.jpg' },
      { number: 1, is_head: false, filename: 'one.jpg', md5: md5(first) },
    ]);
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const reverted = await client.send('POST', `/api/assets/${id}/revert`, 'version=1', form);
    expect(reverted.body).toMatchObject({ data_version_number: 1, data_versions_count: 2, md5: md5(first) });
    expect((await client.send('POST', `/api/assets/${id}/revert`, { version: 3 })).status).toBe(404);
    const old = await fetch(`${server.origin}/mediagraph/api/assets/${id}/download?version_number=2`, {
      headers: client.headers,
    });
    expect(Buffer.from(await old.arrayBuffer()).equals(second)).toBe(true);

    const bad = await client.send('POST', `/api/assets/${id}/add_version`, { asset: { filename: 'bad.jpg' } });
    await client.put(bad.body.signed_upload_url as string, Buffer.from('no picture'));
    await client.uploaded(guid);
    const after = await client.watch(id);
    expect(after).toMatchObject({
      data_version_number: 1,
      data_versions_count: 2,
      processing_error: expect.any(String),
    });
  });

  test('download with the watermark of the organization, which is laid once, or not at all where it has none', async () => {
    const plain = await jpegOf(1_600, 900, '#808080');
    const { id } = await client.upload('grey.jpg', plain);
    await client.watch(id);
    const made = async () => {
      const metrics = await (await fetch(`${server.origin}/metrics`)).text();
      return Number(/^\S*conversions_total\{[^}]*result="ok"[^}]*\} (\d+)/m.exec(metrics)?.[1]);
    };
    const download = async (of: MediagraphClient, query: string) => {
      const answer = await fetch(`${server.origin}/mediagraph/api/assets/${id}/download?${query}`, {
        headers: of.headers,
      });
      return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) };
    };
    const before = await made();
    const marked = await download(client, 'size=medium&watermarked=true');
    expect([marked.status, marked.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    expect((await download(client, 'size=permalink-watermark')).bytes.equals(marked.bytes)).toBe(true);
    expect(await made()).toBe(before + 1);
    const { data, info } = await sharp(marked.bytes).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([1_200, 675]);
    expect(data.reduce((most, value) => Math.max(most, value))).toBeGreaterThan(200);
    const unmarked = await sharp((await download(client, 'size=medium')).bytes)
      .raw()
      .toBuffer();
    expect(unmarked.reduce((most, value) => Math.max(most, value))).toBeLessThan(140);
    const whole = await download(client, 'size=original&watermarked=1');
    expect([whole.status, whole.headers.get('content-disposition')]).toEqual([
      200,
      expect.stringContaining('grey.jpg'),
    ]);
    expect(whole.bytes.equals(plain)).toBe(false);

    const wish = { download: { asset_ids: [id], size: 'small-watermark', watermarked: true } };
    const { body } = await client.send('POST', '/api/downloads', wish);
    const small = await fetch(`${server.origin}/mediagraph/api/downloads/${body.token}`);
    expect((await sharp(Buffer.from(await small.arrayBuffer())).metadata()).width).toBe(640);
    const theirs = await stranger.upload('grey.jpg', plain);
    await stranger.watch(theirs.id);
    const refused = await stranger.send('GET', `/api/assets/${theirs.id}/download?watermarked=true&size=small`);
    expect(refused).toMatchObject({ status: 422, body: { error: 'no_watermark' } });
    const none = { download: { asset_ids: [theirs.id], size: 'small', watermarked: true } };
    expect((await stranger.send('POST', '/api/downloads', none)).status).toBe(422);
    expect(await client.get('/api/organizations/100')).toMatchObject({
      watermark_format: 'text',
      watermark_text: 'An Agency',
    });
  });

  test('move an asset to the trash and back', async () => {
    const { id } = await client.upload('cat.jpg', padded(photo, 1_000));
    await client.watch(id);
    expect(await client.send('DELETE', `/api/assets/${id}`)).toEqual({ status: 200, body: {} });
    expect((await client.get(`/api/assets/${id}`)).trashed_at).toEqual(expect.any(String));
    expect(await client.get('/api/assets/trashed')).toEqual({ count: 1 });
    expect((await client.send('GET', `/api/assets/${id}/download`)).status).toBe(404);
    expect((await client.send('POST', `/api/assets/${id}/restore`)).body).toMatchObject({ trashed_at: null });
    expect(await client.get('/api/assets/trashed')).toEqual({ count: 0 });
  });

  test('download many as a ZIP that other programs read', async () => {
    const files = await Promise.all(['#112233', '#445566'].map((colour) => jpegOf(300, 200, colour)));
    const ids: number[] = [];
    for (const bytes of files) ids.push((await client.upload('same.jpg', bytes)).id);
    for (const id of ids) await client.watch(id);
    const { body } = await client.send('POST', '/api/downloads', { download: { asset_ids: ids, size: 'original' } });
    const answer = await fetch(`${server.origin}/mediagraph/api/downloads/${body.token}`);
    const zip = Buffer.from(await answer.arrayBuffer());
    expect([answer.headers.get('content-type'), Number(answer.headers.get('content-length'))]).toEqual([
      'application/zip',
      zip.length,
    ]);
    const path = join(dir.path, 'all.zip');
    await writeFile(path, zip);
    const python = await requireTool('debian-python3');
    const script =
      'import sys,zipfile,hashlib;z=zipfile.ZipFile(sys.argv[1]);print(z.testzip());[print(i.filename,i.compress_type,hashlib.md5(z.read(i)).hexdigest()) for i in z.infolist()]';
    expect((await run(python, ['-c', script, path])).stdout.trim().split('\n')).toEqual([
      'None',
      `same.jpg 0 ${md5(files[0] as Buffer)}`,
      `same (2).jpg 0 ${md5(files[1] as Buffer)}`,
    ]);
  });

  test('are the curl lines of the documents', async () => {
    const curl = await requireTool('curl');
    const file = join(dir.path, 'curl.jpg');
    const bytes = padded(photo, 5_000);
    await writeFile(file, bytes);
    const personal = ['-s', '-u', `:${TOKEN}`, '-H', 'OrganizationId: 100'];
    const found = await run(curl, [...personal, `${server.origin}/mediagraph/api/assets/search?q=sunset`]);
    expect(JSON.parse(found.stdout)).toMatchObject({ total_entries: 0, assets: [] });
    const bearer = ['-s', '-H', `Authorization: Bearer ${TOKEN}`];
    const same = await run(curl, [...bearer, `${server.origin}/mediagraph/api/assets/search?q=sunset`]);
    expect(JSON.parse(same.stdout)).toEqual(JSON.parse(found.stdout));
    const session = await client.open();
    const prepared = await client.prepare(session.guid, 'curl.jpg', bytes.length);
    const sent = await run(curl, ['-s', '-o', '/dev/null', '-w', '%{http_code}', '--upload-file', file, prepared.url]);
    expect(sent.stdout).toBe('200');
    await client.uploaded(prepared.guid);
    await client.watch(prepared.id);
    const part = join(dir.path, 'part');
    const url = `${server.origin}/mediagraph/api/assets/${prepared.id}/download`;
    const told = await run(curl, [...personal, '-r', '0-99', '-o', part, '-w', '%{http_code} %{size_download}', url]);
    expect(told.stdout).toBe('206 100');
  });
});

test('the calls of a WordPress site: bearer and OrganizationId, a search, details, and downloads by size', async () => {
  const { id } = await client.upload('site.jpg', padded(photo, 3_000));
  await client.watch(id);
  const headers = { Authorization: `Bearer ${TOKEN}`, OrganizationId: '100', Accept: 'application/json' };
  const base = `${server.origin}/mediagraph`;
  const get = async (path: string) => {
    const answer = await fetch(`${base}${path}`, { headers });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  expect((await get('/api/whoami')).body).toMatchObject({ id: 100, email: null, organization: { slug: 'agency' } });
  for (const tree of ['collections', 'storage_folders', 'lightboxes'])
    expect(await get(`/api/${tree}/tree`)).toEqual({ status: 200, body: [] });
  const search = 'q=site&page=1&per_page=40&sort=created_at&order=desc&include_renditions=true&type=images';
  const found = await get(`/api/assets/search?${search}`);
  expect(found.body).toMatchObject({
    total_entries: 1,
    assets: [{ id, renditions: [{ name: 'original' }, {}, {}, {}] }],
  });
  const { body: asset } = await get(`/api/assets/${id}?include_renditions=true`);
  expect(asset.downloadable).toBe(true);
  for (const name of ['grid_url', 'thumb_url', 'permalink_url', 'small_url', 'full_url']) {
    const shown = await fetch(new URL(asset[name] as string, base));
    expect([name, shown.status, shown.headers.get('content-type')]).toEqual([name, 200, 'image/jpeg']);
    await shown.arrayBuffer();
  }
  const sizes = ['original', 'full', 'medium', 'small'];
  expect(asset.download_sizes).toEqual(sizes);
  for (const size of sizes) {
    const file = await fetch(`${base}/api/assets/${id}/download?size=${size}&via=wordpress`, { headers });
    const bytes = Buffer.from(await file.arrayBuffer());
    // It goes by the bytes, and takes an empty body for an error.
    expect([size, file.status, bytes.subarray(0, 3).toString('hex')]).toEqual([size, 200, 'ffd8ff']);
  }
  const wrong = await fetch(`${base}/api/assets/${id}`, {
    headers: { ...headers, Authorization: 'Bearer of-nobody-0001' },
  });
  expect([wrong.status, await wrong.json()]).toEqual([401, { error: expect.any(String), message: expect.any(String) }]);
});

describe('the signed URL', () => {
  test('takes nothing that is altered, expired, too large or another than its digests say; and asks before it is sent', async () => {
    const session = await client.open();
    const bytes = padded(photo, 3_000);
    const { url, guid, id } = await client.prepare(session.guid, 'a.jpg', bytes.length);
    expect((await client.put(url.replace('max=', 'max=9'), bytes)).status).toBe(403);
    expect(
      (
        await client.put(
          url.replace(/signature=(.)/, (_, first) => `signature=${first === '_' ? 'A' : '_'}`),
          bytes,
        )
      ).status,
    ).toBe(403);
    expect((await fetch(url)).status).toBe(405);
    const { pathname, searchParams } = new URL(url);
    const [slot = '', max = ''] = [pathname.split('/').at(-1), searchParams.get('max') ?? ''];
    const old = linkQuery({ kind: 'upload', parts: [slot, max], expires: Math.floor(Date.now() / 1_000) - 1 }, KEY);
    const expired = await client.put(`${url.split('?')[0]}?max=${max}&${old}`, bytes);
    expect([expired.status, JSON.parse(expired.text).error]).toEqual([403, 'expired']);
    const small = linkQuery({ kind: 'upload', parts: [slot, '2999'], expires: 4_000_000_000 }, KEY);
    expect((await client.put(`${url.split('?')[0]}?max=2999&${small}`, bytes)).status).toBe(413);
    const other = createHash('md5').update('other').digest('base64');
    expect((await client.put(url, bytes, { 'Content-MD5': other })).status).toBe(400);
    const sha = createHash('sha256').update('other').digest('base64');
    expect((await client.put(url, bytes, { 'Content-Digest': `sha-256=:${sha}:` })).status).toBe(400);
    expect(await client.uploaded(guid)).toMatchObject({ status: 422, body: { error: 'not_uploaded' } });

    const right = createHash('md5').update(bytes).digest('base64');
    expect((await client.put(url, padded(photo, 100), { 'Content-Type': 'multipart/form-data' })).status).toBe(200);
    expect((await client.put(url, bytes, { 'Content-MD5': right })).status).toBe(200);
    await client.uploaded(guid);
    expect((await client.put(url, bytes)).status).toBe(403);
    expect(await client.watch(id)).toMatchObject({ md5: md5(bytes) });
    // The slot is closed by now: who asks first is told so, and sends nothing.
    expect(await firstLine(url, bytes.length)).toMatch(/^HTTP\/1\.1 4\d\d /);
  });
});

describe('organizations', () => {
  test('learn nothing of each other, by numbers, GUIDs, sessions, searches and downloads', async () => {
    const { id, guid } = await client.upload('secret.jpg', padded(photo, 1_000));
    await client.watch(id);
    const session = await client.open();
    const unknown = { id: 999_999, guid: guid.replace(/^./, (first) => (first === '0' ? '1' : '0')) };
    const about = (one: { id: number; guid: string }, upload: string) =>
      [
        ['GET', `/api/assets/${one.id}`],
        ['GET', `/api/assets/${one.guid}`],
        ['DELETE', `/api/assets/${one.id}`],
        ['GET', `/api/assets/${one.id}/download`],
        ['GET', `/api/assets/${one.id}/asset_data_versions`],
        ['GET', `/api/assets/${one.id}/asset_data_versions/1`],
        ['POST', `/api/assets/${one.id}/add_version`, { asset: { filename: 'x.jpg' } }],
        ['POST', `/api/assets/${one.id}/revert`, { version: 1 }],
        ['POST', `/api/assets/${one.id}/restore`],
        ['GET', `/api/assets/${one.guid}/set_uploaded`],
        ['POST', '/api/downloads', { download: { asset_ids: [one.id], size: 'original' } }],
        ['GET', `/api/uploads/${upload}`],
        ['GET', `/api/uploads/${upload}/assets`],
        ['POST', `/api/uploads/${upload}/assets`, { asset: { filename: 'x.jpg' } }],
        ['PUT', `/api/uploads/${upload}/set_done`],
        ['GET', `/api/assets/search?ids[]=${one.id}`],
        ['GET', `/api/assets/search?upload_guid=${upload}`],
      ] as const;
    const ask = (calls: ReturnType<typeof about>) =>
      Promise.all(calls.map(([verb, path, body]) => stranger.send(verb, path, body)));
    const theirs = await ask(about({ id, guid }, session.guid));
    expect(theirs).toEqual(await ask(about(unknown, 'ffffffff')));
    expect(theirs.slice(0, 15).map(({ status }) => status)).toEqual(Array.from({ length: 15 }, () => 404));
    const [mine, nobodys] = [300, 200].map(
      (number) => new MediagraphClient(`${server.origin}/mediagraph`, TOKEN, number),
    );
    expect(await mine?.send('GET', `/api/assets/${id}`)).toEqual(await nobodys?.send('GET', `/api/assets/${id}`));
    expect((await mine?.send('GET', '/api/assets/1'))?.status).toBe(403);
  });

  test('have webhooks of their own, whose numbers say nothing of another', async () => {
    const hook = { webhook: { name: 'Site', url: 'https://example.com/hook' } };
    const { body } = await client.send('POST', '/api/webhooks', hook);
    for (const [verb, path] of [
      ['GET', ''],
      ['PUT', ''],
      ['DELETE', ''],
      ['GET', '/logs'],
      ['POST', '/replay'],
      ['GET', '/payload?webhook_request_id=x'],
    ] as const) {
      const [theirs, nobodys] = await Promise.all(
        [body.id, 999].map((id) => stranger.send(verb, `/api/webhooks/${id}${path}`)),
      );
      expect(theirs).toEqual(nobodys);
      expect(theirs?.status).toBe(404);
    }
    expect(await stranger.get('/api/webhooks')).toEqual([]);
    expect((await client.send('DELETE', `/api/webhooks/${body.id}`)).status).toBe(200);
  });

  test('give tokens for less, and say which scope is missing; a malformed scheme is no fault of ours', async () => {
    const reader = new MediagraphClient(`${server.origin}/mediagraph`, READER, 100);
    expect((await reader.send('GET', '/api/assets/search')).status).toBe(200);
    expect(await reader.send('POST', '/api/uploads')).toEqual({
      status: 403,
      body: {
        error: 'insufficient_scope',
        message: expect.any(String),
        reason: 'scope',
        required: 'upload:write',
      },
    });
    const statusOf = async (authorization: string, organization?: string) =>
      (
        await fetch(`${server.origin}/mediagraph/api/uploads`, {
          headers: {
            Authorization: authorization,
            ...(organization !== undefined && { OrganizationId: organization }),
          },
        })
      ).status;
    expect(await statusOf(`Bearer: ${TOKEN}`)).toBe(200);
    expect(await statusOf(`Bearer ${TOKEN}`, '100')).toBe(200);
    expect(await statusOf(`Basic ${Buffer.from(`:${TOKEN}`).toString('base64')}`)).toBe(400);
    for (const wrong of ['Bearer', 'Bearer: ', 'Basic !!!', `Basic ${Buffer.from(`me:${TOKEN}`).toString('base64')}`])
      expect(await statusOf(wrong, '100')).toBe(401);
  });
});

test('many clients at once, some cut, repeated or late: every acknowledged byte is there, and nothing else is left', async () => {
  const before = await residentBytes(server.pid);
  const kept = new Map<number, string>();
  const session = await client.open();
  let next = 0;
  async function one(n: number): Promise<void> {
    const bytes = padded(photo, UPLOAD_BYTES);
    const { id, guid, url } = await client.prepare(session.guid, `${n}.jpg`, bytes.length);
    if (n % 10 === 3) await cut(url, bytes);
    if (n % 10 === 5) await client.put(url, padded(photo, 10_000));
    if (n % 10 === 7) {
      const { pathname, searchParams } = new URL(url);
      const parts = [pathname.split('/').at(-1) ?? '', searchParams.get('max') ?? ''];
      const late = linkQuery({ kind: 'upload', parts, expires: Math.floor(Date.now() / 1_000) - 5 }, KEY);
      expect((await client.put(`${url.split('?')[0]}?max=${parts[1]}&${late}`, bytes)).status).toBe(403);
    }
    expect((await client.put(url, bytes)).status).toBe(200);
    expect((await client.uploaded(guid)).status).toBe(200);
    kept.set(id, md5(bytes));
  }
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (next < UPLOADS) await one(next++);
    }),
  );
  for (const [id, digest] of kept) expect(await client.watch(id, 600_000)).toMatchObject({ md5: digest });
  for (const [id, digest] of [...kept].slice(0, 10)) {
    const answer = await fetch(`${server.origin}/mediagraph/api/assets/${id}/download`, { headers: client.headers });
    expect(md5(Buffer.from(await answer.arrayBuffer()))).toBe(digest);
  }
  expect(await client.get(`/api/assets/search?upload_guid=${session.guid}`)).toMatchObject({ total_entries: UPLOADS });
  await until(async () => (await unfinished()).length === 0, 'no unfinished file');
  await until(async () => (await openFiles(server.pid)).length === 0, 'no handle of one');
  // A slot is open as long as its asset waits.
  const waiting = await client.get(
    `/api/assets/search?upload_guid=${session.guid}&aasm_state=pending,uploaded,processing`,
  );
  expect(waiting).toMatchObject({ total_entries: 0 });
  const busy = await residentBytes(server.pid);
  const grown = busy - before;
  if (UPLOAD_BYTES * UPLOADS >= 2 ** 31) {
    const settled = (await settledBytes(server.pid, inspectorPort)) - before;
    const [all, kept] = [grown, settled].map((bytes) => (bytes / 2 ** 20).toFixed(1));
    process.stdout.write(`memory grew by ${all} MiB, by ${kept} MiB once V8 and malloc have let go\n`);
  }
  expect(grown).toBeLessThan(64 * 2 ** 20);
}, 1_800_000);

test('a crash at any moment of an upload: the client begins again, and there is one asset with bytes', async () => {
  for (const moment of ['putting', 'put', 'completed'] as const) {
    const bytes = padded(photo, 2 ** 20);
    const session = await client.open();
    const prepared = await client.prepare(session.guid, `${moment}.jpg`, bytes.length);
    if (moment === 'putting') void client.put(prepared.url, bytes).catch(() => undefined);
    if (moment === 'put' || moment === 'completed') await client.put(prepared.url, bytes);
    if (moment === 'completed') await client.uploaded(prepared.guid);
    server.kill('SIGKILL');
    await server.gone;
    await start();
    const url = prepared.url.replace(/^http:\/\/[^/]+/, server.origin);
    if (moment !== 'completed') expect((await client.put(url, bytes)).status).toBe(200);
    expect((await client.uploaded(prepared.guid)).status).toBe(200);
    expect(await client.watch(prepared.id)).toMatchObject({ aasm_state: 'processed', md5: md5(bytes) });
    const found = await client.get(`/api/assets/search?upload_guid=${session.guid}`);
    expect(found).toMatchObject({ total_entries: 1 });
  }
}, 600_000);

test('kills while a client uploads: it begins again where it was, and each of its files is one asset with its bytes', async () => {
  const session = await client.open();
  const kept = new Map<number, string>();
  for (let kill = 0; kill < KILLS; kill++) {
    const bytes = padded(photo, 2 ** 20);
    let isKilled = false;
    // As long as an upload and its processing take, from its very first call on.
    const killing = sleep(((kill + Math.random()) / KILLS) * 600).then(async () => {
      server.kill('SIGKILL');
      await server.gone;
      await start();
      isKilled = true;
    });
    /** What is not answered, or by a server that has just begun, is done again. */
    const again = async <T>(work: () => Promise<T>): Promise<T> => {
      for (;;) {
        try {
          return await work();
        } catch (error) {
          if (!(error instanceof TypeError)) throw error;
          await killing;
        }
      }
    };
    const named = { filename: `${kill}.jpg`, file_size: bytes.length, idempotency_key: `file-${kill}` };
    const { body } = await again(() => client.send('POST', `/api/uploads/${session.guid}/assets`, { asset: named }));
    const put = async () => {
      const url = String(body.signed_upload_url).replace(/^http:\/\/[^/]+/, server.origin);
      return (await client.put(url, bytes)).status;
    };
    expect(await again(put)).toBe(200);
    expect((await again(() => client.uploaded(body.guid as string))).status).toBe(200);
    await killing;
    expect(isKilled).toBe(true);
    kept.set(body.id as number, md5(bytes));
  }
  for (const [id, digest] of kept)
    expect(await client.watch(id)).toMatchObject({ aasm_state: 'processed', md5: digest });
  expect(await client.get(`/api/assets/search?upload_guid=${session.guid}`)).toMatchObject({ total_entries: KILLS });
  expect(kept.size).toBe(KILLS);
}, 600_000);

test('pictures by URL come from their origin, called as it calls them, and a webhook is told', async () => {
  const told: { readonly event: string; readonly signature: boolean; readonly assets: readonly { id: number }[] }[] =
    [];
  const hook = await client.send('POST', '/api/webhooks', { webhook: { name: 'Site', url: `${origin.url}/hook` } });
  origin.answer = (request, body) => {
    if (request.method === 'GET')
      return { headers: { 'Content-Disposition': 'attachment; filename="a cat.jpg"' }, body: photo };
    told.push({ ...JSON.parse(body), signature: request.headers['webhook-signature'] !== undefined });
    return { headers: {}, body: Buffer.from('thanks') };
  };
  const { status, body } = await client.send('POST', '/api/assets', { from_url: `${origin.url}/get?id=7` });
  const [asset] = body as unknown as { id: number; filename: string; aasm_state: string }[];
  expect([status, asset?.filename, asset?.aasm_state]).toEqual([200, 'get', 'pending']);
  expect(await client.watch(asset?.id ?? 0)).toMatchObject({ filename: 'a cat.jpg', md5: md5(photo), width: 800 });
  await until(async () => told.length === 1, 'the webhook is told');
  expect(told).toMatchObject([{ event: 'asset.created', signature: true, assets: [{ id: asset?.id }] }]);
  // Noted once it was answered.
  const log = async () => (await client.get(`/api/webhooks/${hook.body.id}/logs`)) as unknown as object[];
  await until(async () => (await log()).length === 1, 'the delivery is noted');
  const [noted] = await log();
  expect(noted).toMatchObject({ event: 'asset.created', success: true, response_body: 'thanks' });
});

/** Sends two thirds of the body, and leaves. */
async function cut(url: string, bytes: Buffer): Promise<void> {
  const { hostname, port, pathname, search } = new URL(url);
  const socket = connect(Number(port), hostname);
  const gone = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  socket.write(`PUT ${pathname}${search} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.length}\r\n\r\n`);
  socket.write(bytes.subarray(0, Math.floor((bytes.length * 2) / 3)), () => socket.destroy());
  await gone;
}

/** What is answered to a client that asks whether it may send. */
function firstLine(url: string, length: number): Promise<string> {
  const { hostname, port, pathname, search } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(
    `PUT ${pathname}${search} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`,
  );
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString('latin1').split('\r\n')[0] ?? '');
    });
  });
}

/** Files of the data directory that a process has open although they are unfinished, or gone. */
async function openFiles(pid: number): Promise<readonly string[]> {
  const names = await readdir(`/proc/${pid}/fd`);
  const files = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
  return files.filter((file) => file.startsWith(dir.path) && /\.upload$|slot-|import-[\w-]+$| \(deleted\)$/.test(file));
}

/** Files of uploads and conversions that nobody has finished. */
async function unfinished(): Promise<readonly string[]> {
  const names = await readdir(join(dir.path, 'data', 'tmp'), { recursive: true });
  return names.filter((name) => /(?:\.upload|slot-[\w-]+|import-[\w-]+)$/.test(name));
}
