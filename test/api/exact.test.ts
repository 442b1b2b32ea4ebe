// match=exact: what the format says, made once, kept and answered hot; who may ask, how much that is new, and what a signature carries.
import { createHmac } from 'node:crypto';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENCODED, flat } from '../support/images.js';
import { sourceForm } from '../support/multipart.js';
import { jpegOf } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

const SECRET = 'a-secret-of-16-chars';
const TOKEN = 'token-for-all-contexts-1';

async function count(server: TestServer, line: RegExp): Promise<number> {
  const text = await (await fetch(`${server.origin}/metrics`)).text();
  return text
    .split('\n')
    .filter((each) => line.test(each))
    .reduce((sum, each) => sum + Number(each.split(' ').at(-1)), 0);
}
const decodes = (server: TestServer) => count(server, /^proofsheet_decodes_total/);

async function shown(answer: Response) {
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (!answer.ok) return [answer.status, (JSON.parse(bytes.toString()) as { code: number }).code];
  const { width, height, format } = await sharp(bytes).metadata();
  return [answer.status, `${format} ${width}x${height}`];
}

describe('where anybody may ask', () => {
  let server: TestServer;
  let photo: Buffer;
  beforeAll(async () => {
    server = await startTestServer({
      environment: { PROOFSHEET_EXACT: 'any', PROOFSHEET_CONTEXT_DRAWINGS_PER_MINUTE: '20' },
    });
    photo = await jpegOf(640, 480);
    const stored = await fetch(`${server.url}/cacheImage/key`, { method: 'POST', body: sourceForm(photo) });
    expect(await stored.json()).toMatchObject({ code: 0 });
  });
  afterAll(() => server.close());
  const ask = (path: string, init: RequestInit = {}) => fetch(`${server.url}/getImage/${path}`, init);

  test.each([
    ['jpg:400x300', 'jpeg 400x300'],
    ['webp:100x100~coverandcrop', 'webp 100x100'],
    ['png:333x400~containforcedimension', 'png 333x400'],
    ['auto:4000x4000', 'jpeg 640x480'],
    ['jpg:800x800~expand', 'jpeg 800x600'],
  ])('%s is %s', async (format, expected) => {
    const answer = await ask(`key/${format}?match=exact`);
    expect(answer.headers.get('x-proofsheet-match')).toMatch(/^exact; /);
    expect(await shown(answer)).toEqual([200, expected]);
  });

  test('is drawn once; from then on with conditions, ranges and HEAD as any picture', async () => {
    const url = 'key/jpg:123x124?match=exact';
    const bytes = Buffer.from(await (await ask(url)).arrayBuffer());
    const before = await decodes(server);
    for (let round = 0; round < 3; round++) {
      const again = await ask(url);
      expect(Buffer.from(await again.arrayBuffer())).toEqual(bytes);
      const etag = again.headers.get('etag') ?? '';
      expect((await ask(url, { headers: { 'If-None-Match': etag } })).status).toBe(304);
      const part = await ask(url, { headers: { Range: 'bytes=1-3' } });
      expect([part.status, Buffer.from(await part.arrayBuffer())]).toEqual([206, bytes.subarray(1, 4)]);
      const head = await ask(url, { method: 'HEAD' });
      expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
    }
    expect(await decodes(server)).toBe(before);
    // Prepared answers have no id: they are not logged.
    expect((await ask(url)).headers.get('x-request-id')).toBeNull();
  });

  test('without it the best match answers as ever, and nothing is drawn', async () => {
    const before = await decodes(server);
    for (const query of ['', '?match=best']) {
      const answer = await ask(`key/auto:210x160${query}`);
      expect(answer.headers.get('x-proofsheet-match')).toMatch(/^larger; /);
      await answer.arrayBuffer();
    }
    expect(await decodes(server)).toBe(before);
  });

  test('a target format is the preview that is there', async () => {
    const plain = await ask('key/auto:200x150');
    const before = await decodes(server);
    const exact = await ask('key/auto:200x150?match=exact');
    expect(exact.headers.get('etag')).toBe(plain.headers.get('etag'));
    expect(await decodes(server)).toBe(before);
    await Promise.all([plain.arrayBuffer(), exact.arrayBuffer()]);
  });

  test('what is no format, too large a picture or another match is refused', async () => {
    for (const [path, code] of [
      ['key/nonsense?match=exact', 4002],
      ['key/jpg:12000x12000~expand?match=exact', 4002],
      ['key/jpg:100x100?match=nearly', 4002],
    ] as const)
      expect(await shown(await ask(path))).toEqual([400, code]);
    expect(await shown(await ask('nobody/jpg:100x100?match=exact'))).toEqual([404, 4040]);
  });

  test('is forgotten with its key', async () => {
    const body = sourceForm(await ENCODED.png(flat(300, 200, [9, 60, 20])));
    await fetch(`${server.url}/cacheImage/passing`, { method: 'POST', body });
    for (let round = 0; round < 3; round++)
      expect(await shown(await ask('passing/png:90x90?match=exact'))).toEqual([200, 'png 90x60']);
    const headers = { Authorization: server.adminAuth };
    await fetch(`${server.url}/clearImagesByKey/passing`, { method: 'DELETE', headers });
    expect(await shown(await ask('passing/png:90x90?match=exact'))).toEqual([404, 4040]);
  });

  test('an upload is answered so too', async () => {
    const post = (key: string) =>
      fetch(`${server.url}/cacheAndGetImage/${key}/webp:77x77?match=exact`, {
        method: 'POST',
        body: sourceForm(photo),
      });
    expect(await shown(await post('another'))).toEqual([200, 'webp 77x58']);
    expect(await shown(await post('another'))).toEqual([200, 'webp 77x58']);
    expect(await shown(await ask('another/webp:77x77?match=exact'))).toEqual([200, 'webp 77x58']);
  });

  test('who asks for too much that is new is told when to come again, and gets what is there', async () => {
    // As many as there may be in a minute, and those that a slow machine is given meanwhile.
    let refused: Response | undefined;
    for (let side = 200; refused === undefined && side < 400; side++) {
      const answer = await ask(`key/jpg:${side}x${side}?match=exact`);
      if (answer.status === 429) refused = answer;
      else await answer.arrayBuffer();
    }
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused?.json()).toEqual({
      code: 4290,
      message: expect.stringMatching(/new pictures per minute.*try again in [0-9]+ s$/),
    });
    expect(await shown(await ask('key/jpg:201x201?match=exact'))).toEqual([200, 'jpeg 201x151']);
    expect(await shown(await ask('key/jpg:231x231'))).toEqual([200, expect.stringMatching(/^jpeg/)]);
    // Another context has its own.
    const other = `${server.url}/cacheImage/key?context=other`;
    await fetch(other, { method: 'POST', body: sourceForm(photo) });
    expect(await shown(await ask('key/jpg:231x231?match=exact&context=other'))).toEqual([200, 'jpeg 231x173']);
  });
});

describe('where it is restricted', () => {
  test('to a list', async () => {
    const server = await startTestServer({ environment: { PROOFSHEET_EXACT_FORMATS: 'jpg:400x300,webp:50x50' } });
    const body = sourceForm(await jpegOf(640, 480));
    await fetch(`${server.url}/cacheImage/key`, { method: 'POST', body });
    const ask = async (format: string) => shown(await fetch(`${server.url}/getImage/key/${format}?match=exact`));
    expect(await ask('jpg:400x300')).toEqual([200, 'jpeg 400x300']);
    // Another spelling of the same.
    expect(await ask('JPG:400X300~auto')).toEqual([200, 'jpeg 400x300']);
    expect(await ask('auto:200x150')).toEqual([200, 'jpeg 200x150']);
    expect(await ask('jpg:401x300')).toEqual([403, 4030]);
    await server.close();
  });

  test('to who has it signed', async () => {
    const server = await startTestServer({
      environment: {
        PROOFSHEET_EXACT: 'signed',
        PROOFSHEET_API_TOKENS: TOKEN,
        PROOFSHEET_URL_KEYS: `k1:${SECRET}`,
      },
    });
    const headers = { Authorization: `Bearer ${TOKEN}` };
    const body = sourceForm(await jpegOf(640, 480));
    await fetch(`${server.url}/cacheImage/key`, { method: 'POST', body, headers });
    const expires = Math.floor(Date.now() / 1_000) + 600;
    const signature = (format: string, ...more: string[]) =>
      createHmac('sha256', SECRET)
        .update(['proofsheet-url-v1', `/getImage/key/${encodeURIComponent(format)}`, '', expires, ...more].join('\n'))
        .digest('base64url');
    const ask = async (format: string, query: string, init: RequestInit = {}) =>
      shown(await fetch(`${server.url}/getImage/key/${format}?expires=${expires}&kid=k1&signature=${query}`, init));
    const exact = signature('jpg:300x300', 'match=exact');
    for (let round = 0; round < 3; round++)
      expect(await ask('jpg:300x300', `${exact}&match=exact`)).toEqual([200, 'jpeg 300x225']);
    // A signature of one is none of the other, nor of another size.
    expect(await ask('jpg:300x300', exact)).toEqual([401, 4010]);
    expect(await ask('jpg:301x300', `${exact}&match=exact`)).toEqual([401, 4010]);
    expect(await ask('jpg:300x300', `${signature('jpg:300x300')}&match=exact`)).toEqual([401, 4010]);
    const byToken = await fetch(`${server.url}/getImage/key/jpg:310x310?match=exact`, { headers });
    expect(await shown(byToken)).toEqual([200, 'jpeg 310x233']);
    await server.close();
  });

  test('to nobody', async () => {
    const server = await startTestServer({ environment: { PROOFSHEET_EXACT: 'off' } });
    expect(await shown(await fetch(`${server.url}/getImage/key/auto:200x150?match=exact`))).toEqual([403, 4030]);
    await server.close();
  });
});
