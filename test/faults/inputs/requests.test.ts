// Keys, formats and headers that are odd but well-formed HTTP: what is a key stays what it is, what is no format is refused
// before a converter sees it, and no header makes a fault of ours. Broken HTTP itself: test/api/wire.test.ts.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sourceForm } from '../../support/multipart.js';
import { jpegOf } from '../../support/test-images.js';
import { startTestServer, type TestServer } from '../../support/test-server.js';

let server: TestServer;
let strictServer: TestServer;
let etag: string;
beforeAll(async () => {
  server = await startTestServer();
  strictServer = await startTestServer({ environment: { PROOFSHEET_STRICT_FORMATS: 'true' } });
  expect(await put('key', await jpegOf(64, 48))).toBe(200);
  etag = (await get('/getImage/key/auto:200x150')).headers.get('etag') ?? '';
});
afterAll(() => Promise.all([server.close(), strictServer.close()]));

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${server.url}${path}`, { headers });

async function put(key: string, source: Buffer): Promise<number> {
  const answer = await fetch(`${server.url}/cacheImage/${encodeURIComponent(key)}`, {
    method: 'POST',
    body: sourceForm(source),
  });
  await answer.arrayBuffer();
  return answer.status;
}

async function widthOf(key: string): Promise<string | undefined> {
  const answer = await get(`/getMetadata/${encodeURIComponent(key)}`);
  const metadata = (await answer.json()) as { readonly Header?: Readonly<Record<string, string>> };
  return metadata.Header?.['Header Pixel Width'];
}

describe('keys that look alike are keys of their own', () => {
  test.each([
    ['upper and lower case', ['Photo', 'photo', 'PHOTO']],
    ['composed and decomposed letters', ['\u00e9t\u00e9', 'e\u0301te\u0301']],
    ['letters of other alphabets', ['paypal', 'p\u0430ypal']],
    ['invisible and turning characters', ['a', 'a\u200b', 'a\u202eb', 'ab']],
    ['spaces and dots at the ends', ['k', 'k.', ' k', 'k ']],
    ['names of devices, of directories, of properties', ['con', 'nul', '...', '..%2f', 'toString', '__proto__']],
    ['emoji', ['\u{1f600}', '\u{1f601}', '\u{1f469}\u200d\u{1f469}']],
    ['patterns', ['*', '?', '[a]', 'a*']],
  ])('%s', async (_what, keys) => {
    for (const [index, key] of keys.entries()) expect(await put(key, await jpegOf(20 + index, 10))).toBe(200);
    for (const [index, key] of keys.entries()) expect([key, await widthOf(key)]).toEqual([key, String(20 + index)]);
  });

  test.each([1, 256])(
    'a key of %s characters beyond the basic plane is one, one more than 256 is too long',
    async (length) => {
      expect(await put('\u{1f600}'.repeat(length), await jpegOf(20, 10))).toBe(200);
      expect(await put('\u{1f600}'.repeat(257), await jpegOf(20, 10))).toBe(400);
    },
  );
});

test.each([
  ...['0x0', '-2x5', '1e9x5', 'NaNx5', 'Infinityx5', '1.5x5', '1e3x5', '%2010x5', '0x10x5', 'x', '16385x5'],
  ...['5x5@0', '5x5@101', '5x5@-1', '5x5@1.5', '5x5@', '5x5~', '5x5~cover~cover~', '5x5~~expand', '5x5~crop'],
  ...['jp2:5x5', 'jxl:5x5', 'raw:5x5', 'v:5x5', 'dz:5x5', 'svg:5x5', 'constructor:5x5', ':5x5', 'auto:5x5%00'],
])(
  '%s is no format: a preview answers all the same, and strictly read it is 400/4002, before anything is read',
  async (format) => {
    const path = `/getImage/key/${format.startsWith('%') ? format : encodeURI(format).replaceAll('%2500', '%00')}`;
    expect((await get(path)).headers.get('content-type')).toBe('image/jpeg');
    const refused = await fetch(`${strictServer.url}${path}`);
    expect([refused.status, ((await refused.json()) as { readonly code: number }).code]).toEqual([400, 4002]);
  },
);

describe('headers', () => {
  test.each([
    ['no preference', {}],
    ['junk for Accept', { Accept: ';;q=, /;;,' }],
    ['8 kB of Accept', { Accept: 'image/x-something;q=0.1, '.repeat(320) }],
    ['an Accept that takes nothing', { Accept: 'image/avif;q=0' }],
    ['dates that are none', { 'If-Modified-Since': 'yesterday', 'If-Unmodified-Since': '99/99/9999' }],
    ['a date to come', { 'If-Modified-Since': 'Fri, 01 Jan 2100 00:00:00 GMT', 'If-None-Match': '"other"' }],
    ['tags that are none', { 'If-None-Match': 'x, ,"y' }],
    ['ranges that are none', { Range: 'bytes=--1, 5-' }],
    [
      'forged proxies',
      { 'X-Forwarded-For': '127.0.0.1, '.repeat(100), 'X-Forwarded-Host': 'evil', Forwarded: 'for=1' },
    ],
  ])('%s: 200 with the preview', async (_what, headers) => {
    const answer = await get('/getImage/key/auto:200x150', headers);
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('etag')]).toEqual([
      200,
      'image/jpeg',
      etag,
    ]);
    expect([...answer.headers.values()].join()).not.toContain('evil');
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(100);
  });

  test.each([
    ['any tag', () => '*'],
    ['its tag', () => etag],
    ['its tag, said to be weak', () => `W/${etag}`],
    ['its tag after a hundred others', () => `${Array.from({ length: 100 }, (_, n) => `"${n}"`).join(', ')}, ${etag}`],
  ])('If-None-Match with %s: 304', async (_what, value) => {
    expect((await get('/getImage/key/auto:200x150', { 'If-None-Match': value() })).status).toBe(304);
  });
});
