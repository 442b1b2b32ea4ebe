// Pipelined requests have their turn one by one: none is begun before the one before it is answered, so that a client costs
// one answer at a time however many it asks for, and sees its own changes in their order.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BASIC_AUTH, type EdgeServer, startEdgeServer } from '../../support/edge-server.js';
import { until } from '../../support/gate.js';
import { type RawAnswer, RawConnection } from '../../support/http-client.js';
import { FORM_TYPE, filePart, multipartBody } from '../../support/multipart.js';
import { jpegOf } from '../../support/test-images.js';

let server: EdgeServer;
let connection: RawConnection;
beforeEach(async () => {
  server = await startEdgeServer();
  connection = await RawConnection.open(server.url);
});
afterEach(async () => {
  server.previews.making.open();
  connection.destroy();
  await server.close();
});

function request(method: string, path: string, ...lines: readonly string[]): string {
  return `${[`${method} /imageconverter/${path} HTTP/1.1`, 'Host: test', ...lines].join('\r\n')}\r\n\r\n`;
}

async function upload(path = 'cacheImage/key'): Promise<Buffer> {
  const body = multipartBody([filePart('sourceImage', 'a.jpg', await jpegOf(32, 32))]);
  const head = request('POST', path, `Content-Type: ${FORM_TYPE}`, `Content-Length: ${body.length}`);
  return Buffer.concat([Buffer.from(head), body]);
}

async function answers(count: number): Promise<RawAnswer[]> {
  const all = [];
  while (all.length < count) all.push(await connection.answer());
  return all;
}

const inFlight = async () => (await server.metrics.gaugeSamples('http_requests_in_flight'))[0]?.value;

it('begins no request before the one before it is answered', async () => {
  server.previews.making.shut();
  const read = request('GET', 'getMetadata/key');
  const clear = request('DELETE', 'clearImagesByKey/key', `Authorization: ${BASIC_AUTH}`);
  connection.send(Buffer.concat([await upload(), Buffer.from(read + clear + read), await upload(), Buffer.from(read)]));
  await until(() => server.previews.making.held === 1, 'the first upload is being worked on');
  // Another client's request goes through all the stages that the pipelined ones would have gone through meanwhile.
  expect((await fetch(`${server.url}/getMetadata/other`)).status).toBe(404);
  expect(server.previews.calls).toEqual(['cache', 'metadata']);
  server.previews.making.open();
  expect((await answers(6)).map(({ status }) => status)).toEqual([200, 200, 200, 404, 200, 200]);
  expect(server.previews.calls.slice(2)).toEqual(['metadata', 'clear', 'metadata', 'cache', 'metadata']);
});

it('closes a client with more than 100 requests waiting, and says so', async () => {
  server.previews.making.shut();
  connection.send(Buffer.concat([await upload(), Buffer.from(request('GET', 'getKeyCount').repeat(100))]));
  await until(() => server.previews.making.held === 1, 'the upload is being worked on');
  const other = await RawConnection.open(server.url);
  other.send(Buffer.concat([await upload('cacheImage/b'), Buffer.from(request('GET', 'getKeyCount').repeat(101))]));
  await other.closed();
  expect(server.logger.at('warn').map(({ fields }) => fields)).toEqual([{ maxWaitingRequests: 100 }]);
  server.previews.making.open();
  expect((await answers(101)).every(({ status }) => status === 200)).toBe(true);
});

it('answers what waits behind each other when the connection then breaks, and closes with the last', async () => {
  server.previews.making.shut();
  connection.send(Buffer.concat([await upload(), Buffer.from(`${request('GET', 'getKeyCount')}\0garbage`)]));
  await until(() => server.previews.making.held === 1, 'the upload is being worked on');
  server.previews.making.open();
  const [first, last] = await answers(2);
  expect([first?.status, last?.status, last?.headers.get('connection')]).toEqual([200, 200, 'close']);
  await connection.closed();
});

it('answers an upload whose body broke before it had its turn with 400/4004', async () => {
  server.previews.making.shut();
  const broken = request('POST', 'cacheImage/b', `Content-Type: ${FORM_TYPE}`, 'Transfer-Encoding: chunked');
  connection.send(Buffer.concat([await upload(), Buffer.from(`${broken}5\r\nhello\r\nXYZ\r\n`)]));
  await until(() => server.previews.making.held === 1, 'the upload is being worked on');
  server.previews.making.open();
  const [first, last] = await answers(2);
  expect([first?.status, last?.status, JSON.parse(last?.body ?? '{}').code]).toEqual([200, 400, 4004]);
  await connection.closed();
  expect(await server.uploadFiles()).toEqual([]);
});

it('forgets what waits when its client leaves', async () => {
  server.previews.making.shut();
  connection.send(Buffer.concat([await upload(), Buffer.from(request('GET', 'getKeyCount').repeat(20))]));
  await until(() => server.previews.making.held === 1, 'the upload is being worked on');
  connection.socket.resetAndDestroy();
  server.previews.making.open();
  await until(async () => (await inFlight()) === 0, 'nothing is in flight');
  expect(server.previews.calls).toEqual(['cache']);
});
