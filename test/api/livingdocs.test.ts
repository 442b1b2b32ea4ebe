// The Livingdocs API at the edge: the contract of dialects, and every fact of its importers that the edge decides.
import { createHash, createHmac } from 'node:crypto';
import { request } from 'node:http';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { livingdocsLetter } from '../../src/http/dialects/livingdocs/callback.js';
import { decodeImageName, slugOf } from '../../src/http/dialects/livingdocs/image-object.js';
import { reasonText } from '../../src/http/dialects/livingdocs/import-status.js';
import { dialectsOf } from '../../src/http/dialects/registry.js';
import { ProofsheetError } from '../../src/kernel/errors.js';
import type { Context } from '../../src/kernel/image-key.js';
import { IMPORT_REASONS } from '../../src/kernel/import-reasons.js';
import type { AssetId, ImportId, TenantId } from '../../src/kernel/library/ids.js';
import { describeContract } from '../contracts/contract.js';
import { dialectCases, openDialect } from '../contracts/dialect.contract.js';
import { startEdgeServer } from '../support/edge-server.js';
import { failure, tenantOf } from '../support/import-flow.js';
import { BOTH, type LibraryEdge, READER, STRANGER, startLibraryEdge, WRITER } from '../support/library-edge.js';
import { groupRef } from '../support/records.js';
import { jpegOf } from '../support/test-images.js';

const OTHER = tenantOf({ id: 'other' as TenantId, context: 'other' as Context });
const API = '/livingdocs/api/v1';

let edge: LibraryEdge;
afterEach(() => edge?.close());

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const get = (path: string, token = BOTH, headers: Record<string, string> = {}) =>
  fetch(`${edge.server.origin}${path}`, { headers: { ...bearer(token), ...headers } });
const post = (body: unknown, token = BOTH, path = `${API}/import/images`) =>
  fetch(`${edge.server.origin}${path}`, {
    method: 'POST',
    headers: { ...bearer(token), 'Content-Type': 'application/json; charset=utf-8' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

/** As the seed sends it. */
const image = (id: string, url = 'https://example.com/cat.jpg', more: object = {}) => ({
  url,
  id,
  fileName: ' cat ',
  metadata: { caption: 'foo' },
  ...more,
});
const batch = (images: readonly unknown[], more: object = {}) => ({ systemName: 'agency', images, ...more });

async function imported(images: readonly unknown[], more: object = {}) {
  const answer = await post(batch(images, more));
  expect(answer.status).toBe(200);
  const { id } = (await answer.json()) as { id: string };
  expect(id).toMatch(/^[a-z0-9]{12}$/);
  return { id, status: async () => (await get(`${API}/import/images/status?id=${id}`)).json() };
}

interface Shown {
  readonly mediaId: string;
  readonly originalUrl: string;
  readonly url: string;
}

async function oneImage(bytes: Buffer, id = 'one'): Promise<Shown> {
  edge.fetcher.answers.set('/cat.jpg', bytes);
  const { status } = await imported([image(id)]);
  await edge.work();
  return (await status()).images[0].image;
}

describeContract('Livingdocs', dialectCases, async () => {
  edge = await startLibraryEdge();
  const shown = await oneImage(await jpegOf(640, 480));
  const { id } = await imported([image('two')]);
  await edge.work();
  const original = new URL(shown.originalUrl);
  const entry = (await (await get(`${API}/mediaLibrary/${shown.mediaId}`)).json()) as { asset: { key: string } };
  const [dialect] = dialectsOf({
    basePath: '/a',
    strictErrors: false,
    strictFormats: false,
    dialects: [{ name: 'livingdocs' }],
    livingdocs: { imageService: 'imgix', publicUrl: () => '', permitsPort: () => true },
  });
  const headers = bearer(BOTH);
  const offer = {
    dialect,
    group: groupRef('unused', ''),
    examples: {
      images: { path: `${original.pathname.slice('/livingdocs'.length)}${original.search}` },
      importImages: { path: '/api/v1/import/images', body: batch([image('three')]), headers },
      importStatus: { path: `/api/v1/import/images/status?id=${id}`, headers },
      mediaLibrary: { path: `/api/v1/mediaLibrary?ids=${shown.mediaId}`, headers },
      mediaLibraryEntry: { path: `/api/v1/mediaLibrary/${shown.mediaId}`, headers },
      serveImage: { path: `/api/v1/mediaLibrary/serve-image/${entry.asset.key}`, headers },
    },
  };
  const opened = await openDialect(offer, edge.server);
  return { ...opened, close: () => edge.close() };
});

describe('an import', () => {
  beforeEach(async () => {
    edge = await startLibraryEdge({}, { others: [OTHER] });
  });

  it('of the three kinds of the seed ends with its status and state, title and systemName', async () => {
    const bytes = await jpegOf(640, 480);
    await oneImage(bytes, 'urn:newsml:dpa.com:20090101:1/2');
    edge.fetcher.answers.set('/new.jpg', await jpegOf(320, 200));
    const { id, status } = await imported([
      image('external-unique-id-123', 'https://example.com/new.jpg'),
      image('urn:newsml:dpa.com:20090101:1/2'),
      image('external-unique-id-345', 'https://example.com/absent.jpg?token=secret'),
    ]);
    expect(await status()).toEqual({
      finished: false,
      state: 'started',
      id,
      startedAt: expect.stringMatching(/^2026-01-01 \d\d:\d\d:\d\d$/),
    });
    await edge.work();
    const ended = await status();
    const shown = (widthPx: number, heightPx: number) => ({
      mediaId: expect.stringMatching(/^[a-zA-Z0-9-]{1,32}$/),
      originalUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/livingdocs\/api\/v1\/images\/cat\?id=[\w-]+$/),
      url: expect.stringMatching(/&format=auto$/),
      width: widthPx,
      height: heightPx,
      mimeType: 'image/jpeg',
      imageService: 'imgix',
    });
    const told = { title: 'cat', systemName: 'agency' };
    expect(ended).toEqual({
      finished: true,
      state: 'success',
      id,
      images: [
        { status: 'success', state: 'success', externalId: 'external-unique-id-123', ...told, image: shown(320, 200) },
        {
          status: 'skipped',
          state: 'skipped',
          reason: 'already exists',
          externalId: 'urn:newsml:dpa.com:20090101:1/2',
          ...told,
          image: shown(640, 480),
        },
        {
          status: 'failed',
          state: 'failed',
          reason: 'Could not download image: HTTP 404',
          externalId: 'external-unique-id-345',
          ...told,
        },
      ],
    });
    expect(JSON.stringify(ended)).not.toContain('secret');
  });

  it('with other bytes of a known pair is a new version of the same image, whose old URL stays what it was', async () => {
    const [first, second] = [await jpegOf(640, 480), await jpegOf(200, 100)];
    const before = await oneImage(first);
    const after = await oneImage(second);
    expect(after).toMatchObject({ mediaId: before.mediaId, width: 200, height: 100 });
    const bytesOf = async (url: string) => Buffer.from(await (await fetch(url)).arrayBuffer());
    expect(await bytesOf(before.originalUrl)).toEqual(first);
    expect(await bytesOf(after.originalUrl)).toEqual(second);
  });

  it('with an id twice takes the first, and the later one is skipped', async () => {
    edge.fetcher.answers.set('/cat.jpg', await jpegOf(64, 48));
    const { status } = await imported([image('a'), image('a')]);
    await edge.work();
    const { images } = await status();
    expect(images[1]).toMatchObject({
      status: 'skipped',
      reason: 'duplicate id in this import',
      image: images[0].image,
    });
  });

  test.each(['v1', 'beta', '2025-03', '2026-01', '2026-09'])('is taken by version %s', async (version) => {
    expect((await post(batch([image('a')]), WRITER, `/livingdocs/api/${version}/import/images`)).status).toBe(200);
  });

  it('by a version that is gone is told so, and one that never was is unknown', async () => {
    const gone = await post(batch([image('a')]), WRITER, '/livingdocs/api/2024-11/import/images');
    expect([gone.status, await gone.json()]).toMatchObject([410, { status: 410, error: 'Gone' }]);
    for (const version of ['v2', '2025-04', 'v1x'])
      expect((await post(batch([image('a')]), WRITER, `/livingdocs/api/${version}/import/images`)).status).toBe(404);
  });

  it('waits in the queue before it is answered, and nothing is fetched', async () => {
    const { id } = await imported([image('a'), image('b')]);
    expect(edge.fetcher.asked).toEqual([]);
    const again = await edge.reopen();
    expect(await again.assets.findImport(edge.tenant.context, id as ImportId)).toMatchObject({ items: 2 });
    await again.close();
  });
});

describe('what is refused', () => {
  beforeEach(async () => {
    edge = await startLibraryEdge({ quota: { imagesPerDay: 100 } }, { others: [OTHER] });
  });

  const faultsOf = async (body: unknown) => {
    const answer = await post(body);
    const told = (await answer.json()) as { error_details: Record<string, string> };
    expect([answer.status, told]).toMatchObject([400, { status: 400, error: 'Bad Request' }]);
    return Object.keys(told.error_details);
  };
  const without = (key: string) => Object.fromEntries(Object.entries(image('a')).filter(([name]) => name !== key));

  test.each([
    ['no systemName', { images: [image('a')] }, ['systemName']],
    ['a systemName of 257 characters', batch([image('a')], { systemName: 'a'.repeat(257) }), ['systemName']],
    ['no images', { systemName: 'a' }, ['images']],
    ['an empty array', batch([]), ['images']],
    ['images that are none', batch([1, 'a', null]), ['images.0', 'images.1', 'images.2']],
    ['an array', [], ['body']],
    ['no url', batch([without('url')]), ['images.0.url']],
    ['no id', batch([image('a'), without('id')]), ['images.1.id']],
    ['an id of 513 characters', batch([image('a'.repeat(513))]), ['images.0.id']],
    ['no fileName', batch([without('fileName')]), ['images.0.fileName']],
    ['a fileName of blanks', batch([image('a', undefined, { fileName: '  ' })]), ['images.0.fileName']],
    ['no metadata', batch([without('metadata')]), ['images.0.metadata']],
    [
      'metadata of 64 KiB and more',
      batch([image('a', undefined, { metadata: { a: 'x'.repeat(65_536) } })]),
      ['images.0.metadata'],
    ],
    ['a data URL', batch([image('a', 'data:image/png;base64,AAAA')]), ['images.0.url']],
    ['ftp', batch([image('a', 'ftp://example.com/a.jpg')]), ['images.0.url']],
    ['a relative URL', batch([image('a', '/a.jpg')]), ['images.0.url']],
    ['a URL with a password', batch([image('a', 'https://u:p@example.com/a.jpg')]), ['images.0.url']],
    ['a URL of 2049 characters', batch([image('a', `https://example.com/${'a'.repeat(2_029)}`)]), ['images.0.url']],
    ['a URL with another port', batch([image('a', 'https://example.com:22/a.jpg')]), ['images.0.url']],
    ['a webhook that is none', batch([image('a')], { webhook: 'mailto:a@example.com' }), ['webhook']],
    ['a context that is no object', batch([image('a')], { context: 'x' }), ['context']],
  ])('%s', async (_name, body, paths) => {
    expect(await faultsOf(body)).toEqual(paths);
    expect(await edge.service.listImports({ limit: 10 })).toEqual({ entries: [] });
  });

  it('a context of 8193 bytes, and not one of 8192, by its UTF-8', async () => {
    const context = (bytes: number) => ({ a: `ä${'x'.repeat(bytes - '{"a":"ä"}'.length - 1)}` });
    expect(Buffer.byteLength(JSON.stringify(context(8_192)))).toBe(8_192);
    const webhook = 'https://example.com/hook';
    expect((await post(batch([image('a')], { webhook, context: context(8_192) }))).status).toBe(200);
    expect(await faultsOf(batch([image('b')], { webhook, context: context(8_193) }))).toEqual(['context']);
  });

  it('the whole batch above the quota, in the words of the documents to the byte', async () => {
    await imported(Array.from({ length: 99 }, (_, index) => image(`${index}`)));
    const answer = await post(batch(Array.from({ length: 10 }, (_, index) => image(`x${index}`))));
    expect(answer.status).toBe(429);
    expect(await answer.text()).toBe(
      [
        '[',
        '  {',
        '    "status": 429,',
        '    "error": "Usage Limit Exceeded",',
        '    "error_details": {',
        String.raw`      "message": "Your plan does not allow you to upload more than 100 per day.\n      You already uploaded 99 in the last 24 hours and are trying to upload 10 more.\n      Please try again later."`,
        '    }',
        '  }',
        ']',
      ].join('\n'),
    );
    expect(answer.headers.get('retry-after')).toBe('Fri, 02 Jan 2026 00:01:00 GMT');
    expect((await edge.service.listImports({ limit: 10 })).entries).toHaveLength(1);
    // One was left all the same.
    await imported([image('last')]);
  });

  it('the fourth import where three are open', async () => {
    for (const id of ['a', 'b', 'c']) await imported([image(id)]);
    const answer = await post(batch([image('d')]));
    expect([answer.status, await answer.json()]).toMatchObject([
      429,
      { error: 'Too Many Requests', error_details: { name: 'OverQuota' } },
    ]);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('tokens that are none, or not for this', async () => {
    const told = async (answer: Response) => {
      const body = (await answer.json()) as { status: number; error: string };
      return [answer.status, body.status, body.error];
    };
    const body = batch([image('a')]);
    expect(await told(await post(body, READER))).toEqual([403, 403, 'Forbidden']);
    const unknown = await post(body, 'another-token-of-16');
    expect(unknown.headers.get('www-authenticate')).toContain('Bearer');
    expect(await told(unknown)).toEqual([401, 401, 'Unauthorized']);
    const bare = await fetch(`${edge.server.origin}${API}/import/images`, { method: 'POST', body: '{"not":"read"' });
    expect(await told(bare)).toEqual([401, 401, 'Unauthorized']);
    expect(await told(await get(`${API}/mediaLibrary`, WRITER))).toEqual([403, 403, 'Forbidden']);
    expect(await edge.service.listImports({ limit: 10 })).toEqual({ entries: [] });
  });

  it('what is no JSON, or too much of it', async () => {
    expect((await post('{"systemName":')).status).toBe(400);
    expect((await post(batch([image('a')], { more: 'x'.repeat(9 << 20) }))).status).toBe(413);
  });

  it('what is nested deeper than anybody means, however short', async () => {
    const nested = (levels: number, open = '[', close = ']') => open.repeat(levels) + close.repeat(levels);
    for (const value of [nested(200_000), nested(101), `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`]) {
      const answer = await post(`{"systemName":"a","images":[],"context":{"a":${value}}}`);
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringMatching(/at most 100 levels/)]);
    }
    expect((await post(batch([image('a')], { context: { a: JSON.parse(nested(90)) } }))).status).toBe(200);
  });

  it('a body beyond what the requests of a tenant may hold together, until some of these are done', async () => {
    const MIB = 2 ** 20;
    const slow = () => {
      const headers = { ...bearer(WRITER), 'Content-Type': 'application/json', 'Content-Length': String(8 * MIB) };
      const sent = request(`${edge.server.origin}${API}/import/images`, { method: 'POST', headers });
      const answered = new Promise<number | undefined>((resolve) => {
        sent.on('response', (response) => resolve(response.statusCode));
        sent.on('error', () => resolve(undefined));
      });
      sent.write(' '.repeat(7 * MIB));
      return { sent, answered };
    };
    // Any two of them hold more than one tenant may, so one at least is sent away while the others wait.
    const held = Array.from({ length: 5 }, slow);
    expect(await Promise.race(held.map(({ answered }) => answered))).toBe(429);
    for (const { sent } of held) sent.destroy();
    await vi.waitFor(
      async () => expect((await post(batch([image('a')], { more: 'x'.repeat(7 * MIB) }))).status).toBe(200),
      {
        timeout: 30_000,
      },
    );
  });

  it('more images than any server may be set to take, before it looks at each', async () => {
    const answer = await post(`{"systemName":"a","images":[${'{},'.repeat(500_000)}{}]}`);
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { error_details: { images: expect.any(String) } },
    ]);
  });
});

it('answers the preflight of a page whose origin is allowed, with the token that it is to send', async () => {
  const app = 'https://cms.example';
  edge = await startLibraryEdge({}, { settings: { corsOrigins: [app] } });
  const preflight = await fetch(`${edge.server.origin}${API}/import/images`, {
    method: 'OPTIONS',
    headers: {
      Origin: app,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'authorization,content-type',
    },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-origin')).toBe(app);
  expect(preflight.headers.get('access-control-allow-methods')).toContain('POST');
  const allowed = preflight.headers.get('access-control-allow-headers')?.toLowerCase().split(', ');
  expect(allowed).toEqual(expect.arrayContaining(['authorization', 'content-type']));
  const answer = await fetch(`${edge.server.origin}${API}/import/images`, {
    method: 'POST',
    headers: { ...bearer(WRITER), Origin: app, 'Sec-Fetch-Site': 'cross-site', 'Content-Type': 'application/json' },
    body: JSON.stringify(batch([image('a')])),
  });
  expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, app]);
});

it('takes as many images as the server says, and not one more', async () => {
  edge = await startLibraryEdge({}, { maxItems: 1_000 });
  const images = (count: number) => batch(Array.from({ length: count }, (_, index) => image(`${index}`)));
  expect((await post(images(1_000))).status).toBe(200);
  const refused = await post(images(1_001));
  expect([refused.status, await refused.json()]).toMatchObject([
    400,
    { error_details: { images: expect.any(String) } },
  ]);
});

describe('a status', () => {
  beforeEach(async () => {
    edge = await startLibraryEdge({}, { others: [OTHER] });
  });

  it('of an import that nobody knows, of another tenant and of nonsense is lost', async () => {
    const { id } = await imported([image('a')]);
    const lost = (text: string) => ({ finished: false, state: 'lost', id: `no import job found for id "${text}"` });
    for (const [text, token] of [
      ['25bzj8j', BOTH],
      ['aaaaaaaaaaaa', BOTH],
      [id, STRANGER],
    ] as const) {
      const answer = await get(`${API}/import/images/status?id=${text}`, token);
      expect([answer.status, await answer.json()]).toEqual([200, lost(text)]);
    }
  });

  it('without an id is no request', async () => {
    for (const query of ['', '?id=']) {
      const answer = await get(`${API}/import/images/status${query}`);
      expect([answer.status, await answer.json()]).toMatchObject([400, { error_details: { id: expect.any(String) } }]);
    }
  });

  it('tells each reason in words without a URL', () => {
    const told = IMPORT_REASONS.map((code) => reasonText({ code }));
    for (const text of told) expect(text).toMatch(/^[A-Z].{3,80}$/);
    expect(reasonText({ code: 'source-refused', status: 403 })).toBe('Could not download image: HTTP 403');
    expect(reasonText({ code: 'source-timeout' })).toBe('Could not download image: timed out');
    expect(reasonText({ code: 'address-forbidden', message: 'x' })).toBe('Could not download image: blocked by policy');
  });

  it('of a page of HTML says what came', async () => {
    edge.fetcher.answers.set('/login', async () =>
      failure('not-an-image', { message: 'expected an image, got text/html' }),
    );
    const { status } = await imported([image('a', 'https://example.com/login')]);
    await edge.work();
    expect((await status()).images[0].reason).toBe('Could not download image: expected an image, got text/html');
  });
});

describe('an image', () => {
  beforeEach(async () => {
    edge = await startLibraryEdge({}, { others: [OTHER] });
  });

  it('is served by its URL without a token: the original, under conditions and in parts', async () => {
    const bytes = await jpegOf(640, 480);
    const { originalUrl } = await oneImage(bytes);
    const answer = await fetch(originalUrl);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes);
    const etag = answer.headers.get('etag') ?? '';
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'image/jpeg',
      'content-length': String(bytes.length),
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining('sandbox'),
    });
    expect((await fetch(originalUrl, { headers: { 'If-None-Match': etag } })).status).toBe(304);
    const part = await fetch(originalUrl, { headers: { Range: 'bytes=10-19' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 10-19/${bytes.length}`]);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(10, 20));
    expect((await fetch(originalUrl, { headers: { Range: `bytes=${bytes.length}-` } })).status).toBe(416);
    const head = await fetch(originalUrl, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
  });

  it('has a slug that is decoration, and an id that may have a second question mark behind it', async () => {
    const { originalUrl } = await oneImage(await jpegOf(640, 480));
    const id = new URL(originalUrl).searchParams.get('id');
    for (const url of [
      originalUrl.replace('/cat?', '/another-title?'),
      `${originalUrl}?format=auto`,
      `${originalUrl}=?format=auto`,
      `${edge.server.origin}${API}/images/x?format=auto&id=${id}`,
    ]) {
      const answer = await fetch(url);
      expect([url, answer.status]).toEqual([url, 200]);
      expect(answer.headers.get('vary')).toBe(url.includes('format') ? 'Accept' : null);
    }
  });

  it('of a width is the stored preview that is best for it', async () => {
    const { originalUrl, url } = await oneImage(await jpegOf(640, 480));
    const widthOf = async (query: string) => {
      const answer = await fetch(`${query}`);
      expect(answer.headers.get('content-type')).toBe('image/jpeg');
      return /size=(\d+)x/.exec(answer.headers.get('x-proofsheet-match') ?? '')?.[1];
    };
    expect(await widthOf(`${originalUrl}&w=100`)).toBe('200');
    expect(await widthOf(`${url}&w=300`)).not.toBe('200');
    expect((await fetch(`${originalUrl}&w=0`)).status).toBe(400);
    expect((await fetch(`${originalUrl}&w=99999`)).status).toBe(400);
    const cropped = await fetch(`${originalUrl}&w=100&rect=0,0,10,10&s=abc`);
    expect([cropped.status, cropped.headers.get('warning')]).toEqual([200, '299 - "rect is ignored"']);
    expect(edge.previews.calls.filter((call) => call === 'cache')).toHaveLength(1);
  });

  it('that the cache has lost is made again once, however many ask for it at the same time and in whatever width', async () => {
    const { url, mediaId } = await oneImage(await jpegOf(640, 480));
    const version = await edge.service.findVersion('tenant' as Context, mediaId as AssetId);
    const group = { imageKey: version?.digest as never };
    expect(await edge.previews.clear({ context: 'tenant' as Context, ...group })).toBe(0);
    expect(await edge.previews.clear(group)).toBe(1);
    const before = edge.previews.conversions;
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => fetch(`${url}&w=${100 + n}`)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(edge.previews.conversions).toBe(before + 1);
  });

  it('is not made again while the server is behind, and those that are there are served all the same', async () => {
    const { url } = await oneImage(await jpegOf(640, 480));
    edge.strain.now = new ProofsheetError('overloaded', 'too far behind', { retryAfterSeconds: 7 });
    expect((await fetch(`${url}&w=200`)).status).toBe(200);
    await edge.previews.clear({});
    const refused = await fetch(`${url}&w=200`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '7']);
    edge.strain.now = undefined;
    expect((await fetch(`${url}&w=200`)).status).toBe(200);
  });

  it('is nothing that a client of the cache can name, read or put another in the place of', async () => {
    const bytes = await jpegOf(640, 480);
    await edge.close();
    edge = await startLibraryEdge({}, { dialects: [{ name: 'image-converter' }, { name: 'livingdocs' }] });
    const { url } = await oneImage(bytes);
    const digest = createHash('sha256').update(bytes).digest('hex');
    for (const context of ['tenant', '', '%01tenant'])
      expect((await fetch(`${edge.server.url}/getImage/${digest}/200x150?context=${context}`)).status).not.toBe(200);
    const own = (await fetch(`${url}&w=200`)).headers.get('etag');
    const form = new FormData();
    form.append('sourceImage', new Blob([new Uint8Array(await jpegOf(300, 300))]), 'other.jpg');
    const put = `${edge.server.url}/cacheImage/${digest}?context=tenant`;
    expect((await fetch(put, { method: 'POST', body: form })).status).toBe(200);
    expect((await fetch(`${url}&w=200`)).headers.get('etag')).toBe(own);
  });

  it('of a type that the client does not take is a preview', async () => {
    const webp = await sharp(await jpegOf(300, 200))
      .webp()
      .toBuffer();
    const { url, originalUrl } = await oneImage(webp);
    const typeOf = async (from: string, accept: string) => {
      const answer = await fetch(from, { headers: { Accept: accept } });
      return [answer.headers.get('content-type'), answer.headers.get('vary')];
    };
    expect(await typeOf(url, 'image/avif,image/webp,*/*')).toEqual(['image/webp', 'Accept']);
    for (const accept of ['image/png,*/*;q=0.8', 'image/webp;q=0,*/*', ''])
      expect([accept, ...(await typeOf(url, accept))]).toEqual([accept, 'image/jpeg', 'Accept']);
    expect(await typeOf(originalUrl, 'image/png')).toEqual(['image/webp', null]);
  });

  it('that nobody knows, that is in the trash or of another tenant is not there', async () => {
    const { originalUrl, mediaId } = await oneImage(await jpegOf(64, 48));
    for (const id of ['', 'x', 'MQk', Buffer.from('1\tagency/aaaaaaaaaaaaa\t1').toString('base64url')])
      expect((await fetch(`${edge.server.origin}${API}/images/x?id=${id}`)).status).toBe(404);
    const others = Buffer.from(`1\tother/${mediaId}\t1`).toString('base64url');
    expect((await fetch(`${edge.server.origin}${API}/images/x?id=${others}`)).status).toBe(404);
    expect((await fetch(originalUrl)).status).toBe(200);
    await edge.service.trash(edge.tenant.context, mediaId as never);
    expect((await fetch(originalUrl)).status).toBe(404);
  });

  it('is shown by its old URLs when its tenant has another id, as long as its context has a tenant, and told of nothing else', async () => {
    const { originalUrl, url, mediaId } = await oneImage(await jpegOf(640, 480));
    const tenants = edge.fakes;
    const [agency = edge.tenant, ...others] = tenants.tenants;
    const renamed = { ...agency, id: 'newsroom' as TenantId };
    tenants.tenants = [...others, renamed];
    for (const asked of [originalUrl, url, `${originalUrl}&w=200`]) expect((await fetch(asked)).status).toBe(200);
    const statusAndBody = async (tenant: string, asset: string, version = 1) => {
      const id = Buffer.from(`1\t${tenant}/${asset}\t${version}`).toString('base64url');
      const answer = await fetch(`${edge.server.origin}${API}/images/x?id=${id}`);
      return [answer.status, (await answer.text()).replaceAll(asset, 'ASSET')];
    };
    const notThere = await statusAndBody('agency', 'aaaaaaaaaaaaa');
    expect(notThere).toEqual([404, expect.stringContaining("(id: 'ASSET')")]);
    // Of a version or tenant that is not there, and of a tenant that is known and has no such asset.
    expect(await statusAndBody('agency', mediaId, 2)).toEqual(notThere);
    expect(await statusAndBody('newsroom', 'aaaaaaaaaaaaa')).toEqual(notThere);
    expect(await statusAndBody('other', mediaId)).toEqual(notThere);
    tenants.tenants = others;
    expect(await statusAndBody('agency', mediaId)).toEqual(notThere);
    tenants.tenants = [...others, renamed];
    await edge.service.trash(agency.context, mediaId as never);
    expect(await statusAndBody('agency', mediaId)).toEqual(notThere);
    expect(await statusAndBody('newsroom', mediaId)).toEqual(notThere);
  });

  it('has a slug of letters and digits, whatever its title', () => {
    expect(slugOf('Zürich: Überflutung!')).toBe('zurich-uberflutung');
    expect(slugOf('日本')).toBe('image');
    expect(slugOf('x'.repeat(200))).toHaveLength(80);
    expect(slugOf(' -- A 1, b.C -- ')).toBe('a-1-b-c');
    expect(slugOf('---')).toBe('image');
    // Never more than it may have, and never a hyphen at its end.
    expect(slugOf(`${'x'.repeat(78)} yz`)).toBe(`${'x'.repeat(78)}-y`);
    expect(slugOf(`${'x'.repeat(79)} yz`)).toBe('x'.repeat(79));
    expect(decodeImageName('not base64!')).toBeUndefined();
  });
});

describe('the media library', () => {
  beforeEach(async () => {
    edge = await startLibraryEdge({}, { others: [OTHER] });
  });

  it('shows an entry as it is known, by id, by ids and by what the outside calls it', async () => {
    const bytes = await jpegOf(640, 480);
    const { mediaId } = await oneImage(bytes, 'urn:1/2');
    const entry = await (await get(`${API}/mediaLibrary/${mediaId}`, READER)).json();
    expect(entry).toMatchObject({
      id: mediaId,
      version: 1,
      mediaType: 'image',
      title: 'cat',
      asset: {
        key: expect.stringMatching(/^2026\/01\/01\/[a-z0-9]{13}-1\.jpg$/),
        url: expect.stringContaining('/images/cat?id='),
        mimeType: 'image/jpeg',
        width: 640,
        height: 480,
        size: bytes.length,
        filename: expect.any(String),
      },
      metadata: { caption: 'foo' },
      createdAt: expect.stringMatching(/^2026-01-01T.*Z$/),
      updatedAt: expect.stringMatching(/^2026-01-01T.*Z$/),
      systemName: 'agency',
      externalId: 'urn:1/2',
    });
    const list = async (query: string, token = READER) => (await get(`${API}/mediaLibrary${query}`, token)).json();
    expect(await list(`?ids=${mediaId},aaaaaaaaaaaaa,`)).toEqual({ mediaLibraryEntries: [entry] });
    expect(await list('?externalId=urn%3A1%2F2&systemName=agency')).toEqual({ mediaLibraryEntries: [entry] });
    expect(await list('?externalId=urn%3A1%2F2&systemName=other')).toEqual({ mediaLibraryEntries: [] });
    expect(await list('')).toEqual({ mediaLibraryEntries: [entry] });
    expect(await list('', STRANGER)).toEqual({ mediaLibraryEntries: [] });
    expect((await get(`${API}/mediaLibrary?externalId=a`, READER)).status).toBe(400);
    const newer = await get('/livingdocs/api/2026-01/mediaLibrary', READER);
    expect(Object.keys((await newer.json()) as object)).toEqual(['results']);
    const older = await get('/livingdocs/api/2025-11/mediaLibrary', READER);
    expect(Object.keys((await older.json()) as object)).toEqual(['mediaLibraryEntries']);
  });

  it('tells of an entry that is not there as the documents do', async () => {
    const { mediaId } = await oneImage(await jpegOf(64, 48));
    for (const [id, token] of [
      ['25bzj8j', READER],
      [mediaId, STRANGER],
    ] as const) {
      const answer = await get(`${API}/mediaLibrary/${id}`, token);
      expect([answer.status, await answer.json()]).toEqual([
        404,
        {
          status: 404,
          error: 'Not Found',
          error_details: { name: 'NotFound', message: `MediaLibrary Entry does not exist (id: '${id}')` },
        },
      ]);
    }
  });

  it('serves originals by their storage key to who may read', async () => {
    const bytes = await jpegOf(640, 480);
    const { mediaId } = await oneImage(bytes);
    const { asset } = (await (await get(`${API}/mediaLibrary/${mediaId}`)).json()) as { asset: { key: string } };
    const path = `${API}/mediaLibrary/serve-image/${asset.key}`;
    expect(Buffer.from(await (await get(path, READER)).arrayBuffer())).toEqual(bytes);
    expect((await get(path, WRITER)).status).toBe(403);
    expect((await get(path, STRANGER)).status).toBe(404);
    expect((await get(path.replace('-1.jpg', '-2.jpg'), READER)).status).toBe(404);
    expect((await get(`${API}/mediaLibrary/serve-image/x`, READER)).status).toBe(404);
  });
});

describe('a callback', () => {
  const job = {
    id: 'abcdefghijkl' as ImportId,
    context: 'tenant' as Context,
    dialect: 'livingdocs',
    items: 3,
    ended: { succeeded: 1, skipped: 1, failed: 1, cancelled: 0 },
    callback: { url: 'https://example.com/', context: { mine: 'ä' } },
    acceptedAt: 1,
    finishedAt: 2,
  };

  it('says what importers read, with the context and the signature of Livingdocs', () => {
    const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const { body, headers } = livingdocsLetter(job, [secret, 'old']);
    expect(JSON.parse(body)).toEqual({
      source: 'livingdocs-image-import',
      id: 'abcdefghijkl',
      state: 'success',
      overview: { total: 3, details: { success: 1, skipped: 1, failed: 1 } },
      context: { mine: 'ä' },
    });
    const hex = createHmac('sha256', secret).update(body).digest('hex');
    expect(headers).toEqual({ 'x-livingdocs-signature': `sha256=${hex}` });
  });

  it('without a secret and a context has neither', () => {
    const { body, headers } = livingdocsLetter({ ...job, callback: { url: 'https://example.com/' } }, []);
    expect(JSON.parse(body)).not.toHaveProperty('context');
    expect(headers).toEqual({});
  });
});

it('without tenants everything is shut with a clear answer', async () => {
  const settings = { imageService: 'imgix', publicUrl: () => '', permitsPort: () => true };
  const server = await startEdgeServer({ dialects: [{ name: 'livingdocs' }], livingdocs: settings });
  try {
    for (const [method, path] of [
      ['POST', '/import/images'],
      ['GET', '/import/images/status?id=a'],
      ['GET', '/mediaLibrary'],
      ['GET', '/images/cat?id=MQk'],
    ] as const) {
      const answer = await fetch(`${server.origin}${API}${path}`, { method, headers: bearer(BOTH) });
      const told = (await answer.json()) as { error_details: { message: string } };
      expect([answer.status, told.error_details.message]).toEqual([403, expect.stringContaining('PROOFSHEET_TENANTS')]);
    }
  } finally {
    await server.close();
  }
});

it('stands below another path, at the root, and beside ImageConverter', async () => {
  edge = await startLibraryEdge(
    {},
    { dialects: [{ name: 'image-converter' }, { name: 'livingdocs', mount: '/proxy/api' }] },
  );
  expect((await post(batch([image('a')]), WRITER, '/proxy/api/api/v1/import/images')).status).toBe(200);
  expect((await post(batch([image('a')]), WRITER)).status).toBe(404);
  expect((await fetch(`${edge.server.url}/getMetadata/a`)).status).toBe(404);
  await edge.close();
  edge = await startLibraryEdge({}, { dialects: [{ name: 'image-converter' }, { name: 'livingdocs', mount: '' }] });
  expect((await post(batch([image('a')]), WRITER, '/api/v1/import/images')).status).toBe(200);
  const unknown = await fetch(`${edge.server.origin}/api/v1/nothing`);
  expect([unknown.status, await unknown.json()]).toMatchObject([404, { error: 'Not Found' }]);
  expect((await fetch(`${edge.server.origin}/healthz`)).status).toBe(200);
});
