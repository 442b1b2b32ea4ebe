// Row by row: the operations of the contract over real HTTP, from the outside only. What is about requests and headers is asked as it is; what is
// about what they say, by the client that apps have.
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ProofsheetClient } from '../../src/client/index.js';
import { blobOfBytes, clientOf } from '../support/client-of.js';
import { sourceForm } from '../support/multipart.js';
import { jpegOf, translucentPng } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

let server: TestServer;
let client: ProofsheetClient;
let photo: Buffer;

beforeAll(async () => {
  server = await startTestServer();
  client = clientOf(server);
  photo = await jpegOf(640, 480);
});
afterAll(() => server.close());
beforeEach(async () => {
  await client.clearAll();
});

const admin = (method: string, path: string) =>
  fetch(`${server.url}${path}`, { method, headers: { Authorization: server.adminAuth } });
const get = (path: string, init: RequestInit = {}) => fetch(`${server.url}${path}`, init);
const upload = (path: string, source = photo, method = 'POST', fileName?: string) =>
  fetch(`${server.url}${path}`, { method, body: sourceForm(source, fileName) });
const put = (key: string, source = photo, context = '') => client.put(blobOfBytes(source), { key, context });
const sha256 = (bytes: Uint8Array, encoding: 'hex' | 'base64') => createHash('sha256').update(bytes).digest(encoding);
const sizeOf = async (bytes: Uint8Array) => {
  const { width, height, format } = await sharp(bytes).metadata();
  return `${format} ${width}x${height}`;
};

describe('cacheImage', () => {
  it.each(['POST', 'PUT'])(
    'answers %s with code 0, and every preview of the sequence can be fetched',
    async (method) => {
      const answer = await upload('/cacheImage/key', photo, method);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toBe('application/json');
      const body = await answer.json();
      expect(body).toEqual({ code: 0, message: expect.any(String) });
      for (const [format, size] of [
        ['auto:200x150', '200x150'],
        ['auto:200x150~cover', '200x150'],
        ['auto:800x800', '640x480'],
        ['auto:1920x1080~cover', '640x480'],
      ] as const) {
        const image = await get(`/getImage/key/${format}`);
        expect(image.status).toBe(200);
        expect(await sizeOf(new Uint8Array(await image.arrayBuffer()))).toBe(`jpeg ${size}`);
      }
    },
  );

  it('overwrites an existing group', async () => {
    await put('key');
    const before = await client.metadata('key');
    await put('key', await jpegOf(640, 480, '#aa0000'));
    const after = await client.metadata('key');
    expect(after.Proofsheet.digest).not.toBe(before.Proofsheet.digest);
    expect(await client.keyCount()).toBe(1);
  });
});

describe('cacheAndGetImage', () => {
  it.each(['POST', 'PUT'])('answers %s with the image and caches it', async (method) => {
    const answer = await upload('/cacheAndGetImage/key/auto:200x150', photo, method);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('image/jpeg');
    expect(await sizeOf(new Uint8Array(await answer.arrayBuffer()))).toBe('jpeg 200x150');
    expect((await get('/getImage/key/auto:200x150')).status).toBe(200);
  });

  it('gives the client its first preview, and no bytes are sent for the second', async () => {
    const source = blobOfBytes(photo);
    const first = await client.putAndPreview(source, 'auto:200x150');
    expect([first.key, first.isUploaded, first.preview.type]).toEqual([sha256(photo, 'hex'), true, 'image/jpeg']);
    const second = await client.putAndPreview(source, 'auto:200x150', { onProgress: () => expect.unreachable() });
    expect([second.isUploaded, second.preview.size]).toEqual([false, first.preview.size]);
    const text = blobOfBytes(Buffer.from('not an image at all'));
    await expect(client.putAndPreview(text, 'auto:200x150')).rejects.toMatchObject({ status: 415, code: 4150 });
  });

  it('reads and ignores the upload when the group exists', async () => {
    await upload('/cacheImage/key');
    const cached = await get('/getImage/key/auto:200x150');
    const answer = await upload('/cacheAndGetImage/key/auto:200x150', await jpegOf(300, 300, '#00ff00'));
    expect(answer.headers.get('etag')).toBe(cached.headers.get('etag'));
    const nonsense = await upload('/cacheAndGetImage/key/auto:200x150', Buffer.from('not an image at all'));
    expect(nonsense.status).toBe(200);
  });

  it('answers with PNG for a source whose alpha is used', async () => {
    const answer = await upload('/cacheAndGetImage/key/auto:200x150', await translucentPng(400, 300));
    expect(answer.headers.get('content-type')).toBe('image/png');
  });
});

describe.each([
  ['getImageAndMetadata', (path: string) => get(path)],
  ['cacheAndGetImageAndMetadata', (path: string) => upload(path)],
])('%s', (operation, ask) => {
  it('answers with multipart/form-data that a standard parser reads', async () => {
    await upload('/cacheImage/key', photo, 'POST', 'holiday.jpg');
    const image = new Uint8Array(await (await get('/getImage/key/auto:200x150')).arrayBuffer());
    const answer = await ask(`/${operation}/key/auto:200x150`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^multipart\/form-data; boundary=/);
    const length = Number(answer.headers.get('content-length'));
    const whole = await answer.clone().arrayBuffer();
    expect(whole.byteLength).toBe(length);
    const form = await answer.formData();
    expect([...form.keys()]).toEqual(['image', 'metadata']);
    const part = form.get('image') as File;
    expect(part.type).toBe('image/jpeg');
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(image);
    const metadata = form.get('metadata');
    expect(JSON.parse(String(metadata))).toMatchObject({
      File: { 'File Name': 'holiday.jpg' },
      Proofsheet: { digest: `sha256:${sha256(photo, 'hex')}` },
    });
    expect(Buffer.from(whole).toString('latin1')).toContain('Content-Type: application/json');
  });
});

describe('getImage', () => {
  it('answers an unknown key with 404/4040, in another context too', async () => {
    await put('key', photo, 'a');
    for (const [key, context] of [
      ['key', ''],
      ['other', 'a'],
    ] as const)
      await expect(client.preview(key, 'auto:200x150', { context })).rejects.toMatchObject({ status: 404, code: 4040 });
    expect((await client.preview('key', 'auto:200x150', { context: 'a' })).type).toBe('image/jpeg');
  });

  it('reads a percent-encoded format and key as it reads raw ones', async () => {
    await upload(`/cacheImage/${encodeURIComponent('a/b ü%')}`);
    for (const format of ['auto:200x150~cover@80', encodeURIComponent('auto:200x150~cover@80')]) {
      expect((await get(`/getImage/${encodeURIComponent('a/b ü%')}/${format}`)).status).toBe(200);
    }
    expect((await get('/getImage/a%2Fb%20%C3%BC%25/200x150')).status).toBe(200);
  });

  it('takes no context and an empty one for the default context', async () => {
    await upload('/cacheImage/key?context=');
    expect((await get('/getImage/key/auto:200x150')).status).toBe(200);
    expect((await get('/getImage/key/auto:200x150?context=&unknown=parameter')).status).toBe(200);
  });

  it('tells which preview answered, and why', async () => {
    await put('key');
    const match = async (format: string) => (await client.answerTo('key', format)).match;
    expect(await match('auto:200x150')).toBe('exact; format="auto:200x150"; size=200x150');
    expect(await match('auto:300x300')).toBe('larger; format="auto:800x800"; size=640x480');
  });

  it('has every header of the contract, and HEAD has the same without the body', async () => {
    await upload('/cacheImage/key');
    const answer = await get('/getImage/key/auto:200x150');
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const expected = {
      'content-type': 'image/jpeg',
      'content-length': String(bytes.length),
      etag: `"${sha256(bytes, 'hex')}"`,
      'last-modified': expect.stringMatching(/^\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/),
      'cache-control': expect.stringMatching(/./),
      'accept-ranges': 'bytes',
      'repr-digest': `sha-256=:${sha256(bytes, 'base64')}:`,
      'x-content-type-options': 'nosniff',
      'x-proofsheet-match': 'exact; format="auto:200x150"; size=200x150',
    };
    expect(Object.fromEntries(answer.headers)).toMatchObject(expected);
    // The id of a log line: a prepared answer, which is counted but not logged, has none.
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.headers.has('x-powered-by')).toBe(false);
    const head = await get('/getImage/key/auto:200x150', { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(Object.fromEntries(head.headers)).toMatchObject(expected);
    expect((await head.arrayBuffer()).byteLength).toBe(0);
    for (let hit = 0; hit < 3; hit++) {
      const again = await get('/getImage/key/auto:200x150');
      expect(Object.fromEntries(again.headers)).toMatchObject(expected);
      expect(new Uint8Array(await again.arrayBuffer())).toEqual(bytes);
    }
  });

  it('answers 304 to what a client has already, and 200 to what it has not', async () => {
    await upload('/cacheImage/key');
    const first = await get('/getImage/key/auto:200x150');
    const [etag, date] = [first.headers.get('etag') ?? '', first.headers.get('last-modified') ?? ''];
    const status = async (headers: Record<string, string>, method = 'GET') =>
      (await get('/getImage/key/auto:200x150', { headers, method })).status;
    expect(await status({ 'If-None-Match': etag })).toBe(304);
    expect(await status({ 'If-None-Match': `"other", W/${etag}` })).toBe(304);
    expect(await status({ 'If-None-Match': '*' })).toBe(304);
    expect(await status({ 'If-None-Match': etag }, 'HEAD')).toBe(304);
    expect(await status({ 'If-None-Match': '"other"' })).toBe(200);
    expect(await status({ 'If-None-Match': '"other"', 'If-Modified-Since': date })).toBe(200);
    expect(await status({ 'If-Modified-Since': date })).toBe(304);
    expect(await status({ 'If-Modified-Since': 'Thu, 01 Jan 1970 00:00:00 GMT' })).toBe(200);
    expect(await status({ 'If-Modified-Since': 'yesterday' })).toBe(200);
    const unchanged = await get('/getImage/key/auto:200x150', { headers: { 'If-None-Match': etag } });
    expect(unchanged.headers.get('etag')).toBe(etag);
    expect(unchanged.headers.get('cache-control')).toBe(first.headers.get('cache-control'));
    expect(unchanged.headers.has('content-type')).toBe(false);
  });

  it('a picture that was replaced at once is no older than its date says, and the date never lies ahead', async () => {
    let date = '';
    for (const [at, source] of [photo, await jpegOf(320, 240), photo].entries()) {
      await upload('/cacheImage/replaced', source);
      const ask = (headers: Record<string, string>) => get('/getImage/replaced/auto:200x150', { headers });
      if (at > 0) expect((await ask({ 'If-Modified-Since': date })).status).toBe(200);
      const { headers } = await ask({});
      date = headers.get('last-modified') ?? '';
      expect(Date.parse(date)).toBeLessThanOrEqual(Date.parse(headers.get('date') ?? ''));
    }
  });

  it('answers ranges with 206 and exactly those bytes, and impossible ones with 416', async () => {
    await upload('/cacheImage/key');
    const whole = Buffer.from(await (await get('/getImage/key/auto:200x150')).arrayBuffer());
    const size = whole.length;
    const part = async (range: string, more: Record<string, string> = {}) => {
      const answer = await get('/getImage/key/auto:200x150', { headers: { Range: range, ...more } });
      return [answer.status, answer.headers.get('content-range'), Buffer.from(await answer.arrayBuffer())] as const;
    };
    expect(await part('bytes=0-9')).toEqual([206, `bytes 0-9/${size}`, whole.subarray(0, 10)]);
    expect(await part('bytes=10-')).toEqual([206, `bytes 10-${size - 1}/${size}`, whole.subarray(10)]);
    expect(await part('bytes=-7')).toEqual([206, `bytes ${size - 7}-${size - 1}/${size}`, whole.subarray(-7)]);
    expect(await part('bytes=0-99999999')).toEqual([206, `bytes 0-${size - 1}/${size}`, whole]);
    for (const ignored of ['bytes=0-0,5-6', 'bytes=9-1', 'bytes=x', 'items=0-1'])
      expect(await part(ignored)).toEqual([200, null, whole]);
    expect((await part('bytes=0-9', { 'If-Range': '"other"' }))[0]).toBe(200);
    const { headers } = await get('/getImage/key/auto:200x150');
    expect((await part('bytes=0-9', { 'If-Range': headers.get('etag') ?? '' }))[0]).toBe(206);
    // Other bytes may have the same date.
    expect((await part('bytes=0-9', { 'If-Range': headers.get('last-modified') ?? '' }))[0]).toBe(200);
    const [status, contentRange, body] = await part(`bytes=${size}-`);
    expect([status, contentRange]).toEqual([416, `bytes */${size}`]);
    expect(JSON.parse(body.toString())).toEqual({ code: 4160, message: expect.any(String) });
    expect((await part('bytes=-0'))[0]).toBe(416);
  });
});

describe('getMetadata', () => {
  it('answers with the groups of tags and our own facts', async () => {
    await upload('/cacheImage/key', photo, 'POST', 'holiday.jpg');
    const image = new Uint8Array(await (await client.preview('key', 'auto:200x150')).arrayBuffer());
    const metadata = await client.metadata('key');
    expect(metadata).toMatchObject({
      Header: { 'Header Pixel Width': '640', 'Header Pixel Height': '480', 'Header Format Name': 'jpeg' },
      File: { 'File Size': expect.any(String), 'File Name': 'holiday.jpg' },
      Proofsheet: {
        digest: `sha256:${sha256(photo, 'hex')}`,
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        source: { orientation: 1, hasAlpha: false, pages: 1, colorSpace: 'sRGB', channels: 3, bitsPerSample: 8 },
      },
    });
    expect(metadata.Proofsheet.previews).toContainEqual({
      format: expect.arrayContaining(['auto:200x150']),
      type: 'jpg',
      width: 200,
      height: 150,
      bytes: image.length,
      digest: `sha256:${sha256(image, 'hex')}`,
    });
  });

  it('answers 304 to its own tag, HEAD without a body, and an unknown key with 404/4040', async () => {
    await upload('/cacheImage/key');
    const etag = (await get('/getMetadata/key')).headers.get('etag') ?? '';
    expect((await get('/getMetadata/key', { headers: { 'If-None-Match': etag } })).status).toBe(304);
    const head = await get('/getMetadata/key', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const unknown = await get('/getMetadata/other');
    expect([unknown.status, (await unknown.json()).code]).toEqual([404, 4040]);
  });
});

describe('clearImages and clearImagesByKey', () => {
  beforeEach(async () => {
    for (const [key, context] of GROUPS) await put(key, photo, context);
  });
  const GROUPS = [
    ['one', 'a'],
    ['one', 'b'],
    ['two', 'a'],
    ['two', ''],
  ] as const;
  const left = async () =>
    (await Promise.all(GROUPS.map(([key, context]) => client.has(key, { context })))).map(Number).join('');

  it('say how many groups went', async () => {
    expect(await client.clear('one')).toBe('removed 2 image groups');
    expect(await client.clear('two', { context: 'a' })).toBe('removed 1 image group');
    expect(await left()).toBe('0001');
    expect(await client.clearAll()).toBe('removed 1 image group');
    expect(await client.clear('two')).toBe('removed 0 image groups');
  });

  it.each(['DELETE', 'POST'])('answers %s; without context everything goes, with one only that', async (method) => {
    const answer = await admin(method, '/clearImages?context=a');
    expect([answer.status, (await answer.json()).code]).toEqual([200, 0]);
    expect(await left()).toBe('0101');
    await admin(method, '/clearImages?context=');
    expect(await left()).toBe('0000');
  });

  it.each(['DELETE', 'POST'])('answers %s; a key goes in all contexts, or in the one that is named', async (method) => {
    await admin(method, '/clearImagesByKey/two?context=a');
    expect(await left()).toBe('1101');
    const answer = await admin(method, '/clearImagesByKey/one');
    expect([answer.status, (await answer.json()).code]).toEqual([200, 0]);
    expect(await left()).toBe('0001');
    expect((await admin(method, '/clearImagesByKey/never-there')).status).toBe(200);
    expect(await left()).toBe('0001');
  });

  it('takes wildcards for what they are: characters', async () => {
    for (const key of ['*', '?', '[a-z]', 'tw*']) expect(await client.clear(key)).toBe('removed 0 image groups');
    expect(await left()).toBe('1111');
  });
});

describe('getKeyCount and getKeys', () => {
  it('count and list all contexts, or the one that is named, each key once and ascending', async () => {
    for (const [key, context] of [
      ['b', 'a'],
      ['b', ''],
      ['a', 'a'],
      ['c', ''],
    ] as const)
      await put(key, photo, context);
    expect(await client.keyCount()).toBe(3);
    expect(await (await get('/getKeyCount?context=')).json()).toEqual({ count: 3 });
    expect(await client.keyCount({ context: 'a' })).toBe(2);
    expect(await client.keys()).toEqual(['a', 'b', 'c']);
    expect(await client.keys({ context: 'a' })).toEqual(['a', 'b']);
    expect(await client.keys({ context: 'nobody' })).toEqual([]);
  });

  it('write any key as JSON', async () => {
    const key = '"\\</script>\u2028é';
    await put(key);
    expect(await client.keys()).toEqual([key]);
  });

  it('answer HEAD without a body', async () => {
    const head = await get('/getKeyCount', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const keys = await admin('HEAD', '/getKeys');
    expect([keys.status, await keys.text()]).toEqual([200, '']);
  });
});

describe('status and the probes', () => {
  it('shows the page, with the metrics when asked', async () => {
    const page = await get('/status');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await page.text()).toContain('<h1>Proofsheet</h1>');
    expect(await (await get('/status?metrics=yes')).text()).toContain('proofsheet_');
  });

  it.each(['/healthz', '/readyz', '/metrics'])('answers %s at the root', async (path) => {
    const answer = await fetch(`${server.origin}${path}`);
    expect(answer.status).toBe(200);
    expect((await fetch(`${server.url}${path}`)).status).toBe(404);
    expect((await fetch(`${server.origin}${path}`, { method: 'POST' })).status).toBe(405);
  });
});
