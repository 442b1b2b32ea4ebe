// What arrives on a socket and is no well-behaved request: broken HTTP, slow and vanishing clients, pipelining, Expect.
import { afterEach, expect, it } from 'vitest';
import { BASIC_AUTH, type EdgeServer, startEdgeServer } from '../support/edge-server.js';
import { until } from '../support/gate.js';
import { type RawAnswer, RawConnection, rawRequest } from '../support/http-client.js';
import { BOUNDARY, FORM_TYPE, filePart, multipartBody } from '../support/multipart.js';
import { jpegOf } from '../support/test-images.js';

let server: EdgeServer;
afterEach(() => server.close());

const MAX_SOURCE_BYTES = 1_000_000;

function head(method: string, path: string, ...lines: readonly string[]): string {
  return `${[`${method} /imageconverter${path} HTTP/1.1`, 'Host: test', ...lines].join('\r\n')}\r\n\r\n`;
}

function uploadHead(length: number, ...lines: readonly string[]): string {
  return head('POST', '/cacheImage/key', `Content-Type: ${FORM_TYPE}`, `Content-Length: ${length}`, ...lines);
}

function expectJsonError(answer: RawAnswer, status: number, code: number): void {
  expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/json']);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(JSON.parse(answer.body)).toEqual({ code, message: expect.any(String) });
}

/** The beginning of a file part, as a client that never sends the end has it. */
const PART_START = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="sourceImage"; filename="a.jpg"\r\n\r\n`;

it.each([
  ['garbage', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['HTTP/0.9', 'GET /imageconverter/getKeyCount\r\n\r\n'],
  ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['two lengths', head('POST', '/cacheImage/k', 'Content-Length: 5', 'Content-Length: 6')],
  ['length and chunks', head('POST', '/cacheImage/k', 'Content-Length: 5', 'Transfer-Encoding: chunked')],
  ['a negative length', head('POST', '/cacheImage/k', 'Content-Length: -1')],
  ['a space before a colon', head('GET', '/getKeyCount', 'X : y')],
])('answers %s with 400/4000 as JSON and closes', async (_what, bytes) => {
  server = await startEdgeServer();
  const connection = await RawConnection.open(server.url);
  connection.send(Buffer.from(bytes, 'latin1'));
  expectJsonError(await connection.answer(), 400, 4000);
  await connection.closed();
});

it('answers a request without Host with 400/4000', async () => {
  server = await startEdgeServer();
  expectJsonError(await rawRequest(server.url, 'GET /imageconverter/getKeyCount HTTP/1.1\r\n\r\n'), 400, 4000);
});

it('answers HTTP/1.0 without Host', async () => {
  server = await startEdgeServer();
  const answer = await rawRequest(server.url, 'GET /imageconverter/getKeyCount HTTP/1.0\r\n\r\n');
  expect([answer.status, answer.body]).toEqual([200, '{"count":0}']);
});

it('tells no client of HTTP/1.0 to go on: its body comes, and the answer is the first thing that it is told', async () => {
  server = await startEdgeServer();
  const photo = await jpegOf(64, 48);
  for (const key of ['new', 'new', 'other']) {
    const connection = await RawConnection.open(server.url);
    const lines = ['Expect: 100-continue', `Content-Length: ${photo.length}`];
    const path = `/imageconverter/cacheAndGetImage/${key}/200x150`;
    connection.send(Buffer.from(`${[`PUT ${path} HTTP/1.0`, ...lines].join('\r\n')}\r\n\r\n`));
    connection.send(photo);
    expect((await connection.answer()).status).toBe(200);
    await connection.closed();
  }
});

it('answers headers and request lines of 20 kB with 431/4310', async () => {
  server = await startEdgeServer();
  expectJsonError(await rawRequest(server.url, head('GET', '/getKeyCount', `X: ${'x'.repeat(20_000)}`)), 431, 4310);
  expectJsonError(await rawRequest(server.url, head('GET', `/getMetadata/${'x'.repeat(20_000)}`)), 431, 4310);
});

it('answers TRACE with 405 and CONNECT with 400, as JSON', async () => {
  server = await startEdgeServer();
  expectJsonError(await rawRequest(server.url, head('TRACE', '/getKeyCount')), 405, 4050);
  expectJsonError(await rawRequest(server.url, 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'), 400, 4000);
});

it('answers a request that was complete before its connection broke', async () => {
  server = await startEdgeServer();
  const connection = await RawConnection.open(server.url);
  connection.send(`${head('GET', '/getKeyCount')}\0garbage`);
  expect((await connection.answer()).body).toBe('{"count":0}');
  await connection.closed();
});

it('answers requests for another protocol as what they are, keeps their connection, and closes it over garbage behind them', async () => {
  server = await startEdgeServer();
  const connection = await RawConnection.open(server.url);
  const upgrade = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'];
  for (let n = 0; n < 3; n++) {
    connection.send(head('GET', '/getKeyCount', ...(n < 2 ? upgrade : [])));
    expect((await connection.answer()).body).toBe('{"count":0}');
  }
  connection.send(head('GET', '/getKeyCount', ...upgrade));
  expect((await connection.answer()).body).toBe('{"count":0}');
  connection.send('\0'.repeat(20_000));
  expectJsonError(await connection.answer(), 400, 4000);
  await connection.closed();
});

it('answers an unknown expectation with 417/4170', async () => {
  server = await startEdgeServer();
  expectJsonError(await rawRequest(server.url, head('GET', '/getKeyCount', 'Expect: banana')), 417, 4170);
});

it('answers 50 pipelined requests in their order', async () => {
  server = await startEdgeServer();
  const connection = await RawConnection.open(server.url);
  const requests = Array.from({ length: 50 }, (_, n) => head('GET', `/getMetadata/key${n % 2 === 0 ? '' : '/extra'}`));
  connection.send(requests.join(''));
  for (let n = 0; n < 50; n++) expect((await connection.answer()).status).toBe(n % 2 === 0 ? 404 : 400);
  connection.destroy();
});

it('refuses an upload with 100-continue before anything is sent: too long, bad key, no such type', async () => {
  server = await startEdgeServer({ maxSourceBytes: MAX_SOURCE_BYTES });
  const tooLong = await RawConnection.open(server.url);
  tooLong.send(uploadHead(50_000_000, 'Expect: 100-continue'));
  expectJsonError(await tooLong.answer(), 413, 4130);
  await tooLong.closed();
  expect(tooLong.text).not.toContain('100 Continue');

  const badKey = head(
    'POST',
    '/cacheImage/a%00b',
    `Content-Type: ${FORM_TYPE}`,
    'Content-Length: 9',
    'Expect: 100-continue',
  );
  expectJsonError(await rawRequest(server.url, badKey), 400, 4001);
});

it('says 100 Continue to an upload that it will read, and then answers it', async () => {
  server = await startEdgeServer();
  const body = multipartBody([filePart('sourceImage', 'a.jpg', await jpegOf(32, 32))]);
  const connection = await RawConnection.open(server.url);
  connection.send(uploadHead(body.length, 'Expect: 100-continue'));
  expect((await connection.answer()).status).toBe(100);
  connection.send(body);
  expect((await connection.answer()).status).toBe(200);
  connection.destroy();
});

it('answers 413 at once when the limit is passed and the client then stalls, and closes the socket', async () => {
  server = await startEdgeServer({ maxSourceBytes: 10_000 });
  const connection = await RawConnection.open(server.url);
  const started = performance.now();
  connection.send(uploadHead(60_000));
  connection.send(PART_START + 'x'.repeat(20_000));
  expectJsonError(await connection.answer(), 413, 4130);
  await connection.closed();
  // Before any deadline of an upload ends it.
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(await server.uploadFiles()).toEqual([]);
});

it.each([
  ['an endless preamble', 'x'],
  ['an endless field', `--${BOUNDARY}\r\nContent-Disposition: form-data; name="f"\r\n\r\nx`],
  ['an endless file', `${PART_START}x`],
])('ends %s in chunks without a length', async (_what, start) => {
  server = await startEdgeServer({ maxSourceBytes: 100_000 });
  const connection = await RawConnection.open(server.url);
  connection.send(head('POST', '/cacheImage/key', `Content-Type: ${FORM_TYPE}`, 'Transfer-Encoding: chunked'));
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
  connection.send(chunk(start));
  let isOver = false;
  connection.socket.on('close', () => {
    isOver = true;
  });
  const pump = (): void => {
    if (!isOver) connection.socket.write(chunk('x'.repeat(16_384)), () => setImmediate(pump));
  };
  pump();
  const answer = await connection.answer();
  expect([400, 413]).toContain(answer.status);
  await connection.closed();
  expect(await server.uploadFiles()).toEqual([]);
});

it('answers a client that half-closes during its upload with 400/4004 and keeps nothing', async () => {
  server = await startEdgeServer();
  const connection = await RawConnection.open(server.url);
  connection.socket.end(uploadHead(5_000) + PART_START + 'x'.repeat(100));
  expectJsonError(await connection.answer(), 400, 4004);
  await connection.closed();
  await until(async () => (await server.uploadFiles()).length === 0, 'the temp file is gone');
});

it('answers a broken chunk during an upload with 400/4004 and keeps nothing', async () => {
  server = await startEdgeServer();
  const lines = [`Content-Type: ${FORM_TYPE}`, 'Transfer-Encoding: chunked'];
  const answer = await rawRequest(server.url, `${head('POST', '/cacheImage/key', ...lines)}5\r\nhello\r\nXYZ\r\n`);
  expectJsonError(answer, 400, 4004);
  await until(async () => (await server.uploadFiles()).length === 0, 'the temp file is gone');
});

it('removes the temp file of a client that resets mid-file, and logs 499', async () => {
  server = await startEdgeServer();
  const connection = await RawConnection.open(server.url);
  connection.send(uploadHead(500_000) + PART_START + 'x'.repeat(200_000));
  await until(async () => (await server.uploadFiles()).length === 1, 'the upload has begun');
  connection.socket.resetAndDestroy();
  await until(async () => (await server.uploadFiles()).length === 0, 'the temp file is gone');
  await until(() => server.logger.at('info').some(({ fields }) => fields.status === 499), 'the line is written');
  expect(server.metrics.total('http_requests_total', { operation: 'cacheImage', status: '499' })).toBe(1);
  expect(server.metrics.total('errors_total')).toBe(0);
  expect(server.previews.calls).toEqual([]);
});

it('answers an upload that falls silent with 408/4080', async () => {
  server = await startEdgeServer({ uploadIdleTimeoutMs: 100 });
  const connection = await RawConnection.open(server.url);
  connection.send(uploadHead(5_000) + PART_START);
  expectJsonError(await connection.answer(), 408, 4080);
  await connection.closed();
  expect(await server.uploadFiles()).toEqual([]);
});

it('answers an upload that drips for longer than it may with 408/4080', async () => {
  server = await startEdgeServer({ uploadIdleTimeoutMs: 5_000, uploadTimeoutMs: 300 });
  const connection = await RawConnection.open(server.url);
  connection.send(uploadHead(5_000) + PART_START);
  const drip = setInterval(() => connection.send('x'), 20);
  expectJsonError(await connection.answer(), 408, 4080);
  clearInterval(drip);
  await connection.closed();
});

it('answers headers that do not arrive in time with 408/4080', async () => {
  server = await startEdgeServer({ headersTimeoutMs: 100 });
  const connection = await RawConnection.open(server.url);
  connection.send('GET /imageconverter/getKeyCount HTTP/1.1\r\nHost: t');
  expectJsonError(await connection.answer(), 408, 4080);
  await connection.closed();
});

it('sees that an early answer reaches a client that is still sending', async () => {
  server = await startEdgeServer({ maxSourceBytes: MAX_SOURCE_BYTES });
  const connection = await RawConnection.open(server.url);
  connection.send(head('POST', '/cacheImage/a%00b', `Content-Type: ${FORM_TYPE}`, 'Content-Length: 900000'));
  connection.send('x'.repeat(900_000));
  const answer = await connection.answer();
  expectJsonError(answer, 400, 4001);
  expect(answer.headers.get('connection')).toBe('close');
  await connection.closed();
});

it('answers a failure mid-body also to a client that writes everything before it reads', async () => {
  server = await startEdgeServer({ maxSourceBytes: 8_000_000 });
  const connection = await RawConnection.open(server.url);
  connection.socket.pause();
  const body = multipartBody([filePart('wrongName', 'a.jpg', Buffer.alloc(3_000_000))]);
  connection.send(uploadHead(body.length));
  connection.send(body);
  // Unread bytes make the kernel reset the connection when it is closed, which may take the answer with it.
  await until(() => server.logger.at('info').length === 1, 'the server has answered and closed');
  connection.socket.resume();
  expectJsonError(await connection.answer(), 400, 4003);
  await connection.closed();
});

it('answers OPTIONS * with the verbs of the server as a whole, and any other request for * not', async () => {
  server = await startEdgeServer();
  const connection = await RawConnection.open(server.url);
  connection.send('OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n');
  const answer = await connection.answer();
  expect([answer.status, answer.headers.get('allow'), answer.body]).toEqual([
    204,
    'POST, PUT, GET, HEAD, DELETE, OPTIONS',
    '',
  ]);
  connection.send('GET * HTTP/1.1\r\nHost: test\r\n\r\n');
  expectJsonError(await connection.answer(), 404, 4041);
  connection.destroy();
});

it('does not wait for a body that a reading operation has no use for', async () => {
  server = await startEdgeServer();
  const connection = await RawConnection.open(server.url);
  connection.send(head('GET', '/getKeyCount', 'Content-Length: 1000000'));
  const answer = await connection.answer();
  expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close']);
  await connection.closed();
});

it('closes the connection of a client that does not read its answer', async () => {
  server = await startEdgeServer({ sendTimeoutMs: 200, maxSourceBytes: 1_000_000 });
  const keys = async function* () {
    for (;;) yield ['k'.repeat(60_000)];
  };
  server.previews.keys = keys as unknown as typeof server.previews.keys;
  const connection = await RawConnection.open(server.url);
  connection.socket.pause();
  connection.send(head('GET', '/getKeys', `Authorization: ${BASIC_AUTH}`));
  await until(() => server.logger.at('info').some(({ fields }) => fields.status === 499), 'the slow reader is gone');
  connection.destroy();
});

it('keeps of a file name only its last segment, as text', async () => {
  server = await startEdgeServer();
  const photo = await jpegOf(32, 32);
  const nameOf = async (disposition: string) => {
    const part = { headers: [`Content-Disposition: form-data; name="sourceImage"; ${disposition}`], body: photo };
    const body = multipartBody([part]);
    const answer = await rawRequest(server.url, Buffer.concat([Buffer.from(uploadHead(body.length)), body]));
    expect(answer.status).toBe(200);
    const metadata = await (await fetch(`${server.url}/getMetadata/key`)).json();
    return metadata.File['File Name'];
  };
  expect(await nameOf('filename="../../etc/passwd"')).toBe('passwd');
  expect(await nameOf('filename="C:\\x\\y.png"')).toBe('y.png');
  expect(await nameOf('filename="a%0d%0aX: y.png"')).toBe('aX: y.png');
  expect(await nameOf('filename="grün ☃.jpg"')).toBe('grün ☃.jpg');
  expect(await nameOf("filename*=UTF-8''%e2%82%ac.jpg")).toBe('€.jpg');
  expect(await nameOf(`filename="${'n'.repeat(400)}"`)).toBe('n'.repeat(255));
});
