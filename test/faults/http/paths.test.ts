// Paths, keys and headers that are spelled to trick: the hot lane answers nothing that Express would refuse, both answer the
// same, and neither mixes up keys or contexts.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawConnection, rawRequest } from '../../support/http-client.js';
import { FORM_TYPE, filePart, multipartBody } from '../../support/multipart.js';
import { jpegOf } from '../../support/test-images.js';
import { startTestServer, type TestServer } from '../../support/test-server.js';

interface Seen {
  readonly status: number;
  readonly code: number;
  readonly etag: string | undefined;
  readonly contentRange: string | undefined;
  readonly bodyBytes: number;
  /** Prepared answers carry no request id: hits are not logged, so there is nothing to find by it. */
  readonly isPrepared: boolean;
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  expect(await put('a', 40)).toBe(200);
});
afterAll(() => server.close());

/** By hand, because client libraries take "." and ".." out of a path, encoded or not. */
async function put(key: string, widthPx: number, context = ''): Promise<number> {
  const target = `/imageconverter/cacheImage/${encodeURIComponent(key)}?context=${encodeURIComponent(context)}`;
  const body = multipartBody([filePart('sourceImage', 'a.jpg', await jpegOf(widthPx, 20))]);
  const head = [
    `POST ${target} HTTP/1.1`,
    'Host: test',
    `Content-Type: ${FORM_TYPE}`,
    `Content-Length: ${body.length}`,
  ];
  return (await rawRequest(server.url, Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]))).status;
}

async function send(head: string, lines: readonly string[] = ['Host: test']): Promise<Seen> {
  const connection = await RawConnection.open(server.url);
  connection.send(Buffer.from(`${[head, ...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`, 'latin1'));
  await connection.closed();
  const [top = '', ...rest] = connection.text.split('\r\n\r\n');
  const body = rest.join('\r\n\r\n');
  const header = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(top)?.[1];
  const isError = header('content-type') === 'application/json' && body !== '';
  return {
    status: Number(top.split(' ')[1]),
    code: isError ? (JSON.parse(body).code ?? 0) : 0,
    etag: header('etag'),
    contentRange: header('content-range'),
    bodyBytes: body.length,
    isPrepared: header('x-request-id') === undefined,
  };
}

/** The answers to a request for a preview: by the hot lane, where it has one prepared, and by Express. */
async function bothWays(
  method: string,
  target: string,
  lines: readonly string[] = [],
  version = 'HTTP/1.1',
): Promise<{ hot: Seen; slow: Seen }> {
  const head = `${method} ${target} ${version}`;
  // A length that is spelled in an unusual way is for Express to sort out.
  const others = lines.filter((line) => line !== EMPTY_BODY);
  const slow = await send(head, ['Host: test', 'Content-Length: 00', ...others]);
  await send(`GET ${target} HTTP/1.1`);
  await send(`GET ${target} HTTP/1.1`);
  return { hot: await send(head, ['Host: test', ...lines]), slow };
}

/** With Host and Connection one more than are answered. */
const TOO_MANY_LINES: readonly string[] = Array(199).fill('a:');

const EMPTY_BODY = 'Content-Length: 0';

/** What java.net.http.HttpClient adds to every GET. */
const JAVA_LINES = [
  'Connection: Upgrade, HTTP2-Settings',
  EMPTY_BODY,
  'HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA',
  'Upgrade: h2c',
  'User-Agent: Java-http-client/17.0.15',
];

const IMAGE = '/imageconverter/getImage/a/auto:200x150';

describe('an unusual request for a prepared answer is answered as Express does', () => {
  it.each([
    ['as usual', 'GET', [], 'HTTP/1.1', 200, true],
    ['HEAD', 'HEAD', [], 'HTTP/1.1', 200, true],
    ['a range', 'GET', ['Range: bytes=0-9'], 'HTTP/1.1', 206, true],
    ['HEAD with a range', 'HEAD', ['Range: bytes=0-9'], 'HTTP/1.1', 200, true],
    ['HEAD with a range behind the end', 'HEAD', ['Range: bytes=999999-'], 'HTTP/1.1', 200, true],
    ['a range behind the end', 'GET', ['Range: bytes=999999-'], 'HTTP/1.1', 416, false],
    ['any tag known', 'GET', ['If-None-Match: *'], 'HTTP/1.1', 304, true],
    ['another tag known', 'GET', ['If-None-Match: "other"'], 'HTTP/1.1', 200, true],
    ['a range of another version', 'GET', ['Range: bytes=0-9', 'If-Range: "other"'], 'HTTP/1.1', 200, true],
    ['HTTP/1.0', 'GET', [], 'HTTP/1.0', 200, true],
    ['HTTP/2.0', 'GET', [], 'HTTP/2.0', 400, false],
    ['HEAD by HTTP/2.0', 'HEAD', [], 'HTTP/2.0', 400, false],
    ['a second Host', 'GET', ['Host: other'], 'HTTP/1.1', 400, false],
    ['201 header lines', 'GET', TOO_MANY_LINES, 'HTTP/1.1', 431, false],
    ['an unknown expectation', 'GET', ['Expect: banana'], 'HTTP/1.1', 417, false],
    ['an upgrade', 'GET', ['Upgrade: h2c', 'Connection: upgrade'], 'HTTP/1.1', 200, true],
    ['the headers of Java', 'GET', JAVA_LINES, 'HTTP/1.1', 200, true],
    ['an empty body', 'HEAD', [EMPTY_BODY], 'HTTP/1.1', 200, true],
    ['another verb', 'DELETE', [], 'HTTP/1.1', 405, false],
  ] as const)('%s', async (_what, method, lines, version, status, isPrepared) => {
    const { hot, slow } = await bothWays(method, IMAGE, lines, version);
    expect(hot).toMatchObject({ status, isPrepared });
    expect({ ...hot, isPrepared: false }).toEqual({ ...slow, isPrepared: false });
  });
});

describe('a path that is spelled to trick', () => {
  it.each([
    ['a parent', '/imageconverter/getImage/../getKeyCount', 404, 4040],
    ['a parent, encoded', '/imageconverter/%2e%2e/getKeyCount', 404, 4041],
    ['a path within a key', '/imageconverter/getImage/..%2f..%2fetc%2fpasswd/auto:200x150', 404, 4040],
    ['a dot', '/imageconverter/./getKeyCount', 404, 4041],
    ['an empty key', '/imageconverter/getImage//', 400, 4001],
    ['an encoded slash for a key', '/imageconverter/getImage/%2f/auto:200x150', 404, 4040],
    ['a session id for a key', '/imageconverter/getImage/;jsessionid=1/', 400, 4001],
    ['a session id in a key, encoded', '/imageconverter/getImage/a%3Bjsessionid=1/auto:200x150', 404, 4040],
    ['another parameter behind a key', '/imageconverter/getImage/a;v=1/auto:200x150', 404, 4040],
    ['a session id behind a dot', '/imageconverter/.;jsessionid=1/getKeyCount', 404, 4041],
    ['a parent behind a session id', '/imageconverter/x;jsessionid=1/../getKeyCount', 404, 4041],
    ['an encoded slash in the base path', '/imageconverter%2fgetKeyCount', 404, 4041],
    ['an encoded letter in the operation', '/imageconverter/get%4beyCount', 404, 4041],
    ['another case of the operation', '/imageconverter/getkeycount', 404, 4041],
    ['another case of the base path', '/ImageConverter/getKeyCount', 404, 4041],
    ['backslashes', '/imageconverter\\getImage\\a\\auto:200x150', 404, 4041],
    ['NUL', '/imageconverter/getImage/a%00/auto:200x150', 400, 4001],
    ['a line end', '/imageconverter/getImage/a%0d%0aX:y/auto:200x150', 400, 4001],
    ['an overlong slash', '/imageconverter/getImage/%c0%af/auto:200x150', 400, 4001],
    ['half a surrogate pair', '/imageconverter/getImage/%ed%a0%80/auto:200x150', 400, 4001],
    ['no hex digits', '/imageconverter/getImage/%zz/auto:200x150', 400, 4001],
    ['a lone percent sign', '/imageconverter/getImage/%/auto:200x150', 400, 4001],
    ['a key of 257 characters', `/imageconverter/getImage/${'k'.repeat(257)}/auto:200x150`, 400, 4001],
    ['a parameter behind a semicolon', `/imageconverter/getImage/unknown/auto:200x150;context=b`, 404, 4040],
    ['a context twice', `${IMAGE}?context=b&context=c`, 400, 4001],
    ['a context twice, once with its name encoded', `${IMAGE}?context=b&conte%78t=c`, 400, 4001],
    ['a context by its encoded name', `${IMAGE}?conte%78t=c`, 404, 4040],
    ['a context that does not decode', `${IMAGE}?context=%zz`, 400, 4001],
    ['a fragment', `${IMAGE}#`, 400, 4000],
    ['a context in a fragment', `${IMAGE}#?context=b`, 400, 4000],
    ['a tab', `${IMAGE}\t`, 400, 4000],
    ['raw UTF-8', '/imageconverter/getImage/\xc3\xa4/auto:200x150', 400, 4000],
    ['a space that is none', `${IMAGE}\xa0`, 400, 4000],
    ['an asterisk', '*', 404, 4041],
    ['another scheme', `ftp://test${IMAGE}`, 400, 4000],
    ['user information', `http://user:secret@test${IMAGE}`, 400, 4000],
    ['an absolute form with backslashes', 'http://test\\imageconverter\\getKeyCount', 400, 4000],
    ['an absolute form with a backslash in its path', 'http://test/imageconverter\\getKeyCount', 404, 4041],
  ])('%s', async (_what, target, status, code) => {
    const { hot, slow } = await bothWays('GET', target);
    for (const seen of [hot, slow]) expect(seen).toMatchObject({ status, code });
    expect([hot.bodyBytes, hot.etag]).toEqual([slow.bodyBytes, slow.etag]);
  });

  it('means in its absolute form, which proxies use, what it means in its usual one', async () => {
    const { hot } = await bothWays('GET', IMAGE);
    for (const origin of ['http://test', 'HTTPS://other.example:8443'])
      for (const seen of Object.values(await bothWays('GET', origin + IMAGE)))
        expect(seen).toMatchObject({ status: 200, etag: hot.etag });
    expect(await send('GET http://test HTTP/1.1')).toMatchObject({ status: 404, code: 4041 });
  });
});

describe('a path that is meant as usual is answered as usual, prepared too', () => {
  it.each([
    ['two slashes at the start', `/${IMAGE}`],
    ['two slashes behind the base path', IMAGE.replace('/getImage', '//getImage')],
    ['slashes everywhere', IMAGE.replaceAll('/', '///')],
    ['a slash at the end', `${IMAGE}/`],
    ['a session id at the end', `${IMAGE};jsessionid=0A1b.node-1!x`],
    ['session ids everywhere', IMAGE.replace(/(?<=.)\//g, ';JSESSIONID=1/')],
    ['a session id before a query', `${IMAGE};jsessionid=1?context=`],
  ])('%s', async (_what, target) => {
    const { hot: usual } = await bothWays('GET', target.includes('?') ? `${IMAGE}?context=` : IMAGE);
    const { hot, slow } = await bothWays('GET', target);
    expect(usual).toMatchObject({ status: 200, isPrepared: true });
    expect(hot).toEqual(usual);
    expect(slow).toEqual({ ...usual, isPrepared: false });
  });
});

it('never gives one key the image of another, prepared or not', async () => {
  const keys = [
    ...[
      'A',
      '%61',
      '%2561',
      'a b',
      'a+b',
      'a%20b',
      'a/b',
      'a\\b',
      'a?b',
      'a#b',
      'a&context=x',
      'a;b',
      'a ',
      ' a',
      'a.',
    ],
    ...['.', '..', '...', '*', '__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '0', '00', '-0'],
    ...['null', 'undefined', '\u00e9', 'e\u0301', '\ufb01', 'fi', 'a\u200b', '\ufeffa', '\u0430', '\u{1f600}'],
  ];
  const etags = new Map<string, string>();
  // Widths of their own make sources of their own.
  for (const [index, key] of keys.entries()) expect(await put(key, 50 + index)).toBe(200);
  for (const key of keys) {
    const { hot, slow } = await bothWays('GET', `/imageconverter/getImage/${encodeURIComponent(key)}/auto:200x150`);
    expect([key, hot.status, hot.isPrepared, slow.isPrepared]).toEqual([key, 200, true, false]);
    expect([key, hot.etag]).toEqual([key, slow.etag]);
    etags.set(slow.etag ?? '', key);
  }
  expect(etags.size).toBe(keys.length);
  // Every spelling of a key is that key.
  const { hot: plain } = await bothWays('GET', IMAGE);
  for (const query of ['', '?', '?context=', '?conte%78t=&x=%zz'])
    expect(await bothWays('GET', `/imageconverter/getImage/%61/auto%3A200x150${query}`)).toMatchObject({
      hot: { etag: plain.etag, isPrepared: true },
      slow: { etag: plain.etag },
    });
});

it('never gives one context the image of another, prepared or not', async () => {
  const contexts = [
    'b',
    'B',
    'b ',
    ' b',
    'b+',
    'b%20',
    'b&context=c',
    'c#',
    '__proto__',
    'constructor',
    '\u00e9',
    'e\u0301',
  ];
  for (const [index, context] of contexts.entries()) expect(await put('a', 100 + index, context)).toBe(200);
  const etags = new Set<string | undefined>([(await bothWays('GET', IMAGE)).hot.etag]);
  for (const context of contexts) {
    const { hot, slow } = await bothWays('GET', `${IMAGE}?context=${encodeURIComponent(context)}`);
    expect([context, hot.status, hot.isPrepared, hot.etag]).toEqual([context, 200, true, slow.etag]);
    etags.add(hot.etag);
  }
  expect(etags.size).toBe(contexts.length + 1);
});
