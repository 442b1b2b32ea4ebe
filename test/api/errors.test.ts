// Row by row: the error table of the contract that any client can bring about, over real HTTP, from the outside only.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATION_NAMES } from '../../src/http/dialects/image-converter/operations.js';
import { FORM_TYPE, fieldPart, filePart, multipartBody, sourceForm } from '../support/multipart.js';
import { jpegOf } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

const MAX_SOURCE_BYTES = 50_000;
let server: TestServer;
/** Reads request formats strictly. */
let strictServer: TestServer;
let photo: Buffer;

beforeAll(async () => {
  server = await startTestServer({ maxSourceBytes: MAX_SOURCE_BYTES });
  strictServer = await startTestServer({ environment: { PROOFSHEET_STRICT_FORMATS: 'true' } });
  photo = await jpegOf(64, 48);
});
afterAll(() => Promise.all([server.close(), strictServer.close()]));

const ask = (path: string, init: RequestInit = {}) => fetch(`${server.url}${path}`, init);
const send = (body: Buffer, headers: Record<string, string> = {}, path = '/cacheImage/key') =>
  ask(path, { method: 'POST', body: new Uint8Array(body), headers: { 'Content-Type': FORM_TYPE, ...headers } });

async function expectError(answer: Response, status: number, code: number): Promise<string> {
  expect(answer.headers.get('content-type')).toBe('application/json');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  const body = await answer.json();
  expect([answer.status, body]).toEqual([status, { code, message: expect.any(String) }]);
  return body.message;
}

describe('400', () => {
  it.each([
    ['a key of 257 characters', `/getMetadata/${'k'.repeat(257)}`],
    ['a key with NUL', '/getMetadata/a%00b'],
    ['a key with a line end', '/getMetadata/a%0D%0Ab'],
    ['no key', '/getMetadata'],
    ['a context of 257 characters', `/getMetadata/key?context=${'c'.repeat(257)}`],
    ['a context given twice', '/getMetadata/key?context=a&context=b'],
    ['a malformed percent-encoding of the key', '/getMetadata/%E0%A4%A'],
    ['a malformed percent-encoding of the context', '/getMetadata/key?context=%E0%A4%A'],
    ['more segments than the operation has', '/getMetadata/key/more'],
  ])('4001 for %s', async (_what, path) => {
    const message = await expectError(await ask(path), 400, 4001);
    expect(message).not.toContain('%E0');
  });

  it('takes a key of exactly 256 characters', async () => {
    await expectError(await ask(`/getMetadata/${'k'.repeat(256)}`), 404, 4040);
  });

  it.each(['__proto__', 'constructor', 'hasOwnProperty', '..%2F..%2Fetc%2Fpasswd', 'con.'])(
    'takes %s for a key like any other',
    async (key) => {
      await expectError(await ask(`/getMetadata/${key}`), 404, 4040);
      const answer = await ask(`/cacheImage/${key}`, { method: 'POST', body: sourceForm(photo) });
      expect(answer.status).toBe(200);
      expect((await ask(`/getMetadata/${key}`)).status).toBe(200);
    },
  );

  it.each(['200', '0x150', 'auto:200x150~sideways', 'jp2:200x150', '1e3x5', 'auto:200x150@0', '%20200x150', ''])(
    '4002 for the request format "%s" where formats are read strictly; it is no failure elsewhere',
    async (format) => {
      await expectError(await fetch(`${strictServer.url}/getImage/key/${format}`), 400, 4002);
      await expectError(await ask(`/getImage/nothing/${format}`), 404, 4040);
    },
  );

  it('4002 and 4001 for an upload before its body is read', async () => {
    const body = multipartBody([filePart('sourceImage', 'a.jpg', photo)]);
    const misread = await fetch(`${strictServer.url}/cacheAndGetImage/key/sideways`, {
      method: 'POST',
      body: new Uint8Array(body),
      headers: { 'Content-Type': FORM_TYPE },
    });
    await expectError(misread, 400, 4002);
    await expectError(await send(body, {}, `/cacheImage/${'k'.repeat(257)}`), 400, 4001);
  });

  it.each([
    ['an empty body that is no form', { 'Content-Type': 'image/jpeg' }, Buffer.alloc(0)],
    ['multipart/mixed', { 'Content-Type': 'multipart/mixed; boundary=b' }, Buffer.from('--b--\r\n')],
    ['a form without the part', {}, multipartBody([fieldPart('other', 'x')])],
    ['a file of another name', {}, multipartBody([filePart('image', 'a.jpg', 'x')])],
    ['other files, one without a name', {}, multipartBody([filePart('a', 'a', 'x'), filePart('b', '', 'y')])],
    [
      'a part of its name that is no form-data',
      {},
      multipartBody([{ headers: ['Content-Disposition: attachment; name="sourceImage"'], body: 'x' }]),
    ],
  ])('4003 for %s', async (_what, headers, body) => {
    await expectError(await send(body, headers), 400, 4003);
  });

  it.each([
    ['JSON', 'application/json', '{}'],
    ['what curl calls a form of fields', 'application/x-www-form-urlencoded', 'sourceImage=1'],
  ])('4150 for a body of %s, which is taken for the source', async (_what, type, body) => {
    await expectError(await send(Buffer.from(body), { 'Content-Type': type }), 415, 4150);
  });

  it.each([
    ['no boundary', { 'Content-Type': 'multipart/form-data' }, Buffer.from('x')],
    ['another boundary than the body has', { 'Content-Type': 'multipart/form-data; boundary=other' }, undefined],
    ['no closing boundary', {}, multipartBody([filePart('sourceImage', 'a.jpg', 'x')], { closed: false })],
    ['an empty body', {}, Buffer.alloc(0)],
    ['two files', {}, multipartBody([filePart('sourceImage', 'a.jpg', 'x'), filePart('sourceImage', 'b.jpg', 'y')])],
    ['another file beside it', {}, multipartBody([filePart('sourceImage', 'a.jpg', 'x'), filePart('b', 'b.jpg', 'y')])],
    ['two files without a name', {}, multipartBody([fieldPart('sourceImage', 'x'), fieldPart('sourceImage', 'y')])],
    [
      'nine files before it',
      {},
      multipartBody([
        ...Array.from({ length: 9 }, (_, n) => filePart(`f${n}`, 'f', 'x')),
        filePart('sourceImage', 'a', 'x'),
      ]),
    ],
    ['too many fields', {}, multipartBody(Array.from({ length: 40 }, (_, n) => fieldPart(`f${n}`, 'x')))],
    ['a field twice', {}, multipartBody([fieldPart('f', '1'), fieldPart('f', '2'), filePart('sourceImage', 'a', 'x')])],
    ['a field too long', {}, multipartBody([fieldPart('f', 'x'.repeat(20_000))])],
    ['a field name too long', {}, multipartBody([fieldPart('f'.repeat(300), 'x')])],
    ['nested names', {}, multipartBody([fieldPart('a[b][c]', 'x')])],
    ['prototype names', {}, multipartBody([fieldPart('__proto__[polluted]', 'x')])],
    ['an array index', {}, multipartBody([fieldPart('a[999999999]', 'x')])],
    ['NUL in the file name', {}, multipartBody([filePart('sourceImage', 'a\0b.jpg', 'x')])],
    ['a part header of 30 kB', {}, multipartBody([filePart('sourceImage', 'a.jpg', 'x', `X: ${'x'.repeat(30_000)}`)])],
    [
      'a part without a name',
      {},
      multipartBody([{ headers: ['Content-Disposition: form-data; filename="a"'], body: '' }]),
    ],
  ])('4004 for %s', async (_what, headers, body = multipartBody([filePart('sourceImage', 'a.jpg', 'x')])) => {
    await expectError(await send(body, headers), 400, 4004);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('4005 for a digest that is not that of the upload, and success for one that is', async () => {
    const sha = (bytes: Buffer) => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
    const body = multipartBody([filePart('sourceImage', 'a.jpg', photo)]);
    const wrong = sha(Buffer.from('something else'));
    for (const name of ['Content-Digest', 'Repr-Digest']) {
      await expectError(await send(body, { [name]: wrong }), 400, 4005);
      await expectError(await send(body, { [name]: 'sha-256=:short:' }), 400, 4005);
      expect((await send(body, { [name]: sha(photo) })).status).toBe(200);
      expect((await send(body, { [name]: sha(body) })).status).toBe(200);
      expect((await send(body, { [name]: `sha-512=:AAAA:, ${sha(photo)}` })).status).toBe(200);
      const onPart = (digest: string) =>
        send(multipartBody([filePart('sourceImage', 'a.jpg', photo, `${name}: ${digest}`)]));
      await expectError(await onPart(wrong), 400, 4005);
      expect((await onPart(sha(photo))).status).toBe(200);
    }
  });

  const manyFields = Array.from({ length: 5 }, (_, index) => fieldPart(`f${index}`, 'x'.repeat(14_000)));
  it.each([
    ['another parameter that ends with boundary=', 'xboundary=AAA; boundary=BBB', []],
    ['a quoted boundary with an escape', 'boundary="B\\BB"', []],
    ['a semicolon inside quotes', 'a="; boundary=AAA"; boundary=BBB', []],
    ['empty parameters', '; ; boundary=BBB;', []],
    ['an unquoted =', 'boundary=B=_B', []],
    ['many bytes of fields before the source', 'boundary=BBB', manyFields],
  ])('4005 for a digest on the part, and success without one: %s', async (_, parameters, before) => {
    const boundary = parameters.includes('B=_B') ? 'B=_B' : 'BBB';
    const wrong = `Content-Digest: sha-256=:${Buffer.alloc(32, 7).toString('base64')}:`;
    const type = { 'Content-Type': `multipart/form-data; ${parameters}` };
    const form = (...more: string[]) =>
      multipartBody([...before, filePart('sourceImage', 'a.jpg', photo, ...more)], { boundary });
    await expectError(await send(form(wrong), type), 400, 4005);
    expect((await send(form(), type)).status).toBe(200);
  });
});

describe('401 and 403', () => {
  const PROTECTED = [
    ['DELETE', '/clearImages'],
    ['POST', '/clearImages'],
    ['DELETE', '/clearImagesByKey/key'],
    ['POST', '/clearImagesByKey/key'],
    ['GET', '/getKeys'],
  ] as const;
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

  it.each(PROTECTED)('4010 for %s %s without or with wrong credentials', async (method, path) => {
    const wrong = [
      '',
      'Basic',
      'Basic !!!',
      'Bearer x',
      basic('admin:wrong'),
      basic('admin:'),
      basic(':'),
      basic('__proto__:x'),
    ];
    const [, right = ''] = Buffer.from(server.adminAuth.slice(6), 'base64').toString().split(/:(.*)/s);
    wrong.push(basic(`other:${right}`), basic(`admin:${right}x`), basic(`admin:${'x'.repeat(8_000)}`));
    for (const authorization of wrong) {
      const headers: Record<string, string> = authorization === '' ? {} : { Authorization: authorization };
      const answer = await ask(path, { method, headers });
      expect(answer.headers.get('www-authenticate')).toBe('Basic realm="proofsheet", charset="UTF-8"');
      await expectError(answer, 401, 4010);
    }
    expect((await ask(path, { method, headers: { Authorization: server.adminAuth } })).status).toBe(200);
  });

  it('4030 while no admin password is configured', async () => {
    const open = await startTestServer({ withAdmin: false });
    for (const [method, path] of PROTECTED) {
      const headers = { Authorization: server.adminAuth };
      await expectError(await fetch(`${open.url}${path}`, { method, headers }), 403, 4030);
      await expectError(
        await fetch(`${open.url}${path}`, { method, headers: { Authorization: basic('admin:') } }),
        403,
        4030,
      );
    }
    await open.close();
  });

  it('4030 for what a browser sends on behalf of another site', async () => {
    const from = (headers: Record<string, string>) =>
      ask('/clearImages', { method: 'POST', headers: { Authorization: server.adminAuth, ...headers } });
    await expectError(await from({ Origin: 'https://evil.example' }), 403, 4030);
    await expectError(await from({ Origin: 'null' }), 403, 4030);
    expect((await from({ Origin: server.origin })).status).toBe(200);
  });
});

describe('404 and 405', () => {
  it.each(['/nothing', '/GetImage/key/200x150', '/toString', '/healthz'])('4041 for %s', async (path) => {
    await expectError(await ask(path), 404, 4041);
  });

  const ALLOW: Record<string, string> = {
    cacheAndGetImage: 'POST, PUT, OPTIONS',
    cacheAndGetImageAndMetadata: 'POST, PUT, OPTIONS',
    cacheImage: 'POST, PUT, OPTIONS',
    getImage: 'GET, HEAD, OPTIONS',
    getImageAndMetadata: 'GET, HEAD, OPTIONS',
    getMetadata: 'GET, HEAD, OPTIONS',
    clearImages: 'DELETE, POST, OPTIONS',
    clearImagesByKey: 'DELETE, POST, OPTIONS',
    getKeyCount: 'GET, HEAD, OPTIONS',
    getKeys: 'GET, HEAD, OPTIONS',
    getImages: 'POST, OPTIONS',
    sheet: 'GET, HEAD, OPTIONS',
    getRefusals: 'GET, HEAD, OPTIONS',
    clearRefusals: 'DELETE, POST, OPTIONS',
    status: 'GET, HEAD, OPTIONS',
  };

  it.each(OPERATION_NAMES)('4050 with Allow for every verb that %s has not', async (name) => {
    const allow = ALLOW[name] ?? '';
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      if (method !== 'OPTIONS' && allow.includes(method)) continue;
      const answer = await ask(`/${name}/key/auto:200x150`, { method });
      expect(answer.headers.get('allow')).toBe(allow);
      if (method === 'OPTIONS') expect(answer.status).toBe(204);
      else if (method === 'HEAD') expect(answer.status).toBe(405);
      else await expectError(answer, 405, 4050);
    }
  });
});

describe('413 and 415', () => {
  it('takes a source of exactly the limit as far as its type, and refuses one byte more with 4130', async () => {
    const exact = Buffer.concat([photo, Buffer.alloc(MAX_SOURCE_BYTES - photo.length)]);
    expect((await ask('/cacheImage/exact', { method: 'POST', body: sourceForm(exact) })).status).toBe(200);
    const over = Buffer.concat([exact, Buffer.alloc(1)]);
    await expectError(await ask('/cacheImage/over', { method: 'POST', body: sourceForm(over) }), 413, 4130);
    await expectError(await ask('/getMetadata/over'), 404, 4040);
  });

  it('4130 for a body whose length alone tells, and for one without a length', async () => {
    const big = multipartBody([filePart('sourceImage', 'a.jpg', Buffer.alloc(1_000_000))]);
    await expectError(await send(big), 413, 4130);
    const chunks = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(Buffer.alloc(65_536, 'x')));
      },
    });
    const endless: RequestInit & { duplex: 'half' } = {
      method: 'POST',
      body: chunks,
      duplex: 'half',
      headers: { 'Content-Type': FORM_TYPE },
    };
    await expectError(await ask('/cacheImage/key', endless), 413, 4130);
  });

  it.each([
    ['text', Buffer.from('hello, this is no image')],
    ['HTML', Buffer.from('<!doctype html><p>hi')],
    ['nothing', Buffer.alloc(0)],
    ['PDF', Buffer.from('%PDF-1.7\n1 0 obj\n')],
    ['ZIP', Buffer.from([0x50, 0x4b, 3, 4, 0, 0, 0, 0])],
  ])('4150 for %s', async (_what, source) => {
    await expectError(await ask('/cacheImage/no-image', { method: 'POST', body: sourceForm(source) }), 415, 4150);
    await expectError(await ask('/getMetadata/no-image'), 404, 4040);
  });

  it('4150 for a body with Content-Encoding, which is never inflated', async () => {
    const body = multipartBody([filePart('sourceImage', 'a.jpg', photo)]);
    await expectError(await send(body, { 'Content-Encoding': 'gzip' }), 415, 4150);
  });
});

describe('strict errors', () => {
  it('answer every failure of an operation with 500 and the same body', async () => {
    const strict = await startTestServer({
      strictErrors: true,
      environment: { PROOFSHEET_STRICT_FORMATS: 'true' },
    });
    for (const [path, code] of [
      ['/getMetadata/unknown', 4040],
      ['/getImage/key/sideways', 4002],
      ['/getMetadata/%E0%A4%A', 4001],
      ['/cacheImage/key', 4050],
    ] as const) {
      await expectError(await fetch(`${strict.url}${path}`), 500, code);
    }
    await expectError(await fetch(`${strict.url}/nothing`), 404, 4041);
    expect((await fetch(`${strict.url}/getKeys`)).status).toBe(401);
    await strict.close();
  });
});
