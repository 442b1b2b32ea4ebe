// Livingdocs' importers against a server as an operator starts it, with an origin and a receiver on loopback: the lines of their
// documents, the flow of their own importer, the one that asks once after three seconds, a crash in between, and a hostile origin.
import { createHmac, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/gate.js';
import { image as picture } from '../support/images.js';
import { type Answering, type Origin, startOrigin } from '../support/origins.js';
import { type RedisServers, startStandalone } from '../support/redis-servers.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { isSignedBy } from '../support/standard-webhook.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';

const TOKEN = 'token-of-the-agency-0001';
const OTHER = 'token-of-somebody-else-1';
const SECRETS = [randomBytes(32), randomBytes(32)].map((bytes) => `whsec_${bytes.toString('base64')}`);
const HEADERS = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json; charset=utf-8' };

interface Told {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly atMs: number;
  /** What the status was when the receiver asked for it, once. */
  readonly status: Status;
}

interface Status {
  readonly finished: boolean;
  readonly state: string;
  readonly images?: readonly {
    readonly state: string;
    readonly reason?: string;
    readonly externalId: string;
    readonly image?: Readonly<Record<string, string | number>>;
  }[];
}

describe.each([
  { name: 'one machine', count: 1 },
  { name: 'two nodes over Redis and BullMQ', count: 2 },
])('$name', ({ count }) => {
  let dir: TempDir;
  /** The one that is spoken to; the last of those that work. */
  let server: ServerProcess;
  let nodes: ServerProcess[];
  let redis: RedisServers | undefined;
  let origin: Origin;
  let receiver: Origin;
  let answer: Answering;
  let told: Told[];
  /** What the receiver answers, in turn; 200 at the end. */
  let answers: number[];

  beforeEach(() => {
    [told, answers] = [[], []];
  });
  beforeAll(async () => {
    dir = await tempDir();
    origin = await startOrigin((request, response) => answer(request, response));
    receiver = await startOrigin(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString('utf8');
      const atMs = performance.now();
      told.push({ headers: request.headers, text, atMs, status: await statusOf(JSON.parse(text).id) });
      response.writeHead(answers.shift() ?? 200).end('ignored');
    });
    const tenants = [
      {
        id: 'agency',
        name: 'Agency',
        context: 'agency',
        tokens: [TOKEN],
        webhookSecrets: SECRETS,
        imagesPerDay: 5_000,
      },
      { id: 'other', name: 'Other', context: 'other', tokens: [OTHER] },
    ];
    await writeFile(join(dir.path, 'tenants.yaml'), JSON.stringify(tenants));
    nodes = [];
    redis = count === 1 ? undefined : await startStandalone();
    for (let at = 0; at < count; at++) await start(at);
  });
  afterAll(async () => {
    for (const node of nodes) node.kill('SIGKILL');
    await Promise.all(nodes.map((node) => node.gone));
    await Promise.all([origin.close(), receiver.close(), redis?.stop()]);
    await dir.remove();
  });

  async function start(at = count - 1): Promise<void> {
    server = await startServerProcess({
      PROOFSHEET_DATA_DIR: join(dir.path, `data-${at}`),
      ...(redis && { PROOFSHEET_REDIS_URL: redis.url }),
      PROOFSHEET_DIALECTS: 'image-converter,livingdocs',
      PROOFSHEET_TENANTS: join(dir.path, 'tenants.yaml'),
      PROOFSHEET_FETCH_ALLOW: [origin, receiver].map(({ port }) => `127.0.0.1:${port}`).join(','),
      PROOFSHEET_FETCH_TIMEOUT_MS: '20000',
      PROOFSHEET_LOG_LEVEL: 'debug',
    });
    nodes.push(server);
  }

  const api = (path: string, token = TOKEN) =>
    fetch(`${server.origin}/livingdocs/api/v1${path}`, { headers: { Authorization: `Bearer ${token}` } });

  async function statusOf(id: string): Promise<Status> {
    return (await (await api(`/import/images/status?id=${id}`)).json()) as Status;
  }

  async function post(images: readonly object[], more: object = {}): Promise<string> {
    const sent = await fetch(`${server.origin}/livingdocs/api/v1/import/images`, {
      method: 'POST',
      headers: HEADERS,
      body: JSON.stringify({ systemName: 'identifier-for-your-system', images, ...more }),
    });
    const body = (await sent.json()) as { id: string };
    expect([sent.status, Object.keys(body)]).toEqual([200, ['id']]);
    return body.id;
  }

  const image = (id: string, path: string) => ({
    url: origin.url(path),
    id,
    fileName: 'cat',
    metadata: { caption: 'foo' },
  });
  const finished = (id: string) => until(async () => (await statusOf(id)).finished, 'the import to finish');
  const outcomes = (status: Status) => status.images?.map(({ state, reason }) => reason ?? state);

  // The first, while the library is empty.
  test('a server that is killed between acceptance and end goes on where it was, and tells it', async () => {
    const held: (() => void)[] = [];
    const bytes = await jpegOf(320, 200);
    let open = false;
    answer = (_request, response) => {
      if (open) response.end(bytes);
      else held.push(() => response.end(bytes));
    };
    const images = Array.from({ length: 20 }, (_, index) => image(`item:${index}`, `/${index}.jpg`));
    const id = await post(images, { webhook: receiver.url('/hook') });
    await until(() => held.length > 0, 'an image that is asked for');
    server.kill('SIGKILL');
    await server.gone;
    open = true;
    await start();
    await until(() => told.length > 0, 'a callback');
    const status = await statusOf(id);
    expect(status.images?.map(({ externalId, state }) => [externalId, state])).toEqual(
      images.map((item) => [item.id, 'success']),
    );
    const mediaIds = status.images?.map((item) => item.image?.mediaId);
    expect(new Set(mediaIds).size).toBe(20);
    const list = (await (await api('/mediaLibrary')).json()) as { mediaLibraryEntries: unknown[] };
    expect(list.mediaLibraryEntries).toHaveLength(20);
    expect(new Set(told.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });

  test('the three kinds of the documents in one batch, and a callback by which the status is final', async () => {
    const cat = await jpegOf(800, 600);
    answer = ({ url }, response) => {
      if (url === '/cat.jpg') response.writeHead(200, { 'Content-Type': 'image/jpeg', ETag: '"cat"' }).end(cat);
      else response.writeHead(404).end();
    };
    const known = 'urn:newsml:dpa.com:20090101:1/2';
    await finished(await post([image(known, '/cat.jpg')]));
    answers = [500];
    const context = { myIdentifier: 'some-identifier-sent-to-the-webhook' };
    const acceptedMs = performance.now();
    const id = await post(
      [image('123abc', '/cat.jpg'), image(known, '/cat.jpg'), image('345', '/gone.jpg?token=secret')],
      {
        webhook: receiver.url('/webhooks/image-import?key=secret'),
        context,
      },
    );
    const ofThis = () => told.filter(({ text }) => JSON.parse(text).id === id);
    await until(() => ofThis().length === 2, 'two callbacks');

    const [first, second] = ofThis();
    expect((first?.atMs ?? 0) - acceptedMs).toBeGreaterThanOrEqual(1_000);
    expect(JSON.parse(first?.text ?? '')).toEqual({
      source: 'livingdocs-image-import',
      id,
      state: 'success',
      overview: { total: 3, details: { success: 1, skipped: 1, failed: 1 } },
      context,
    });
    // The importer asks once, when it is told.
    expect(first?.status).toMatchObject({ finished: true, state: 'success', id });
    expect(outcomes(first?.status as Status)).toEqual([
      'success',
      'already exists',
      'Could not download image: HTTP 404',
    ]);
    // The same once more, because it was answered 500: the same id, another time.
    expect(second?.text).toBe(first?.text);
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    for (const { headers, text } of ofThis()) {
      for (const secret of SECRETS) expect(isSignedBy(secret, headers, text, Date.now())).toBe(true);
      const hex = createHmac('sha256', SECRETS[0] ?? '')
        .update(text)
        .digest('hex');
      expect(headers['x-livingdocs-signature']).toBe(`sha256=${hex}`);
    }

    const shown = first?.status.images?.[0]?.image ?? {};
    expect(shown).toMatchObject({ width: 800, height: 600, mimeType: 'image/jpeg', imageService: 'imgix' });
    expect(shown.originalUrl).toMatch(new RegExp(`^${server.origin}/livingdocs/api/v1/images/cat\\?id=[\\w-]+$`));
    expect(Buffer.from(await (await fetch(String(shown.originalUrl))).arrayBuffer())).toEqual(cat);
    const small = await fetch(`${shown.url}&w=200`);
    expect([small.status, small.headers.get('content-type'), small.headers.get('vary')]).toEqual([
      200,
      'image/jpeg',
      'Accept',
    ]);
    // What was known was asked for by its tag.
    expect(origin.requests.filter(({ headers }) => headers['if-none-match'] === '"cat"')).toHaveLength(1);
    expect((await api(`/import/images/status?id=${id}`, OTHER)).status).toBe(200);
    expect(await (await api(`/import/images/status?id=${id}`, OTHER)).json()).toMatchObject({ state: 'lost' });
    expect(JSON.stringify(server.log)).not.toMatch(/secret|whsec_/);
  });

  test('one image of 200 kB is finished when its importer asks, once, after three seconds', async () => {
    const noise = randomBytes(500 * 500 * 3);
    const bytes = await picture({ widthPx: 500, heightPx: 500, channels: 3, data: noise })
      .jpeg({ quality: 90 })
      .toBuffer();
    expect(bytes.length).toBeGreaterThan(190_000);
    answer = (_request, response) => response.end(bytes);
    // The converter is awake.
    await finished(await post([image('before', '/before.jpg')]));
    const id = await post([image('one', '/one.jpg')]);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await statusOf(id)).toMatchObject({
      finished: true,
      images: [{ status: 'success', image: { width: 500 } }],
    });
  }, 60_000);

  test('a hostile origin makes failed items with reasons, never a failure of the server', async () => {
    answer = ({ url }, response) => {
      if (url === '/metadata') response.writeHead(302, { Location: 'http://169.254.169.254/latest/meta-data/' }).end();
      else if (url === '/itself') response.writeHead(302, { Location: `${server.origin}/imageconverter/status` }).end();
      else if (url === '/circle') response.writeHead(302, { Location: '/circle' }).end();
      else if (url === '/login')
        response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><p>Sign in');
      else if (url === '/empty') response.writeHead(200).end();
      else if (url === '/huge') response.writeHead(200, { 'Content-Length': '10000000000' }).write('x');
      else if (url === '/damaged') response.end(Buffer.from('\xff\xd8\xff\xe0 no more of it', 'latin1'));
      else response.end(Buffer.from('GIF89a'));
    };
    const paths = ['/metadata', '/itself', '/circle', '/login', '/empty', '/huge', '/damaged', '/short'];
    const id = await post([
      ...paths.map((path) => image(path, path)),
      { ...image('literal', ''), url: 'http://127.0.0.1/a.jpg' },
      { ...image('mapped', ''), url: 'https://[::ffff:10.0.0.1]/a.jpg' },
    ]);
    await finished(id);
    expect(outcomes(await statusOf(id))).toEqual([
      'Could not download image: blocked by policy',
      'Could not download image: blocked by policy',
      'Could not download image: too many redirects',
      'Could not download image: expected an image, got text/html',
      'Could not download image: the answer is empty',
      'Image is too large',
      'Image is damaged',
      'Image is damaged',
      'Could not download image: blocked by policy',
      'Could not download image: blocked by policy',
    ]);
    expect(server.log.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
