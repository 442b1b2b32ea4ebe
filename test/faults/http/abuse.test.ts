// Abuse over raw sockets of the real server: pipelined hits and misses, requests that two servers
// could read in two ways, and uploads that are left at every stage.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { another, ask, isWhole, said, upload } from '../../support/faults/server-client.js';
import { until } from '../../support/gate.js';
import { RawConnection } from '../../support/http-client.js';
import { FORM_TYPE, filePart, multipartBody } from '../../support/multipart.js';
import { type ServerProcess, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { jpegOf } from '../../support/test-images.js';

let dir: TempDir;
let server: ServerProcess;
let photo: Buffer;

beforeAll(async () => {
  dir = await tempDir();
  server = await startServerProcess({ PROOFSHEET_DATA_DIR: dir.path });
  photo = await encodedPhoto(900, 700);
  expect(said(await upload(`${server.url}/cacheImage/a`, another(photo)))).toBe('200');
});

afterAll(async () => {
  server.kill('SIGTERM');
  expect(await server.gone).toBe(0);
  await dir.remove();
});

const get = (path: string): string => `GET /imageconverter/${path} HTTP/1.1\r\nHost: test\r\n\r\n`;

async function uploadFiles(): Promise<string[]> {
  const tmp = join(dir.path, 'tmp');
  const [own = ''] = await readdir(tmp);
  return readdir(join(tmp, own));
}

it('answers 50 pipelined requests, hits from the hot lane among misses and failures, in their order', async () => {
  for (let round = 0; round < 3; round++) await ask(`${server.url}/getImage/a/auto:200x150`);
  const kinds = [
    [get('getImage/a/auto:200x150'), 200],
    [get('getImage/nobody/auto:200x150'), 404],
    [get('getImage/a/auto:200x150'), 200],
    [get('getImage/a/auto:200x150?context=a%0Ab'), 400],
    [get(`getImage/a/auto:800x800`), 200],
  ] as const;
  const connection = await RawConnection.open(server.url);
  const order = Array.from({ length: 50 }, (_, n) => kinds[(n * 7) % kinds.length] ?? kinds[0]);
  connection.send(order.map(([request]) => request).join(''));
  const statuses = [];
  for (let n = 0; n < 50; n++) statuses.push((await connection.answer()).status);
  expect(statuses).toEqual(order.map(([, status]) => status));
  connection.destroy();
});

it.each([
  ['two equal lengths', 'Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello'],
  ['a length and chunks', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['chunks in other words', 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
  ['chunks twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n'],
  ['chunks behind a tab', 'Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n'],
  ['a folded header', 'X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a length with a sign', 'Content-Length: +5\r\n\r\nhello'],
  ['a length in hex', 'Content-Length: 0x5\r\n\r\nhello'],
  ['lines that end with LF alone', 'Content-Length: 0\n\n'],
  ['a chunk size with a sign', 'Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n'],
])('does not read what follows %s as a request of its own', async (_what, rest) => {
  const connection = await RawConnection.open(server.url);
  connection.send(`POST /imageconverter/cacheImage/k HTTP/1.1\r\nHost: test\r\n${rest}${get('getKeyCount')}`);
  expect((await connection.answer()).status).toBeGreaterThanOrEqual(400);
  await connection.closed();
  expect(connection.text).not.toContain('"count"');
});

it('leaves nothing of uploads that are left at every stage', async () => {
  const body = multipartBody([filePart('sourceImage', 'a.jpg', another(photo))]);
  // Takes a second or more to convert: what is over sooner may be so between two looks.
  const slowBody = multipartBody([filePart('sourceImage', 'a.jpg', another(await jpegOf(9_000, 9_000)))]);
  const headOf = ({ length }: Buffer): string =>
    `POST /imageconverter/cacheImage/left HTTP/1.1\r\nHost: test\r\nContent-Type: ${FORM_TYPE}\r\nContent-Length: ${length}\r\n\r\n`;
  const head = headOf(body);
  const request = Buffer.concat([Buffer.from(head), body]);
  const stages = [1, 30, head.length, head.length + 1, head.length + 200, request.length / 2, request.length - 1];
  for (const stage of [...stages, ...stages]) {
    const connection = await RawConnection.open(server.url);
    connection.send(request.subarray(0, Math.floor(stage)));
    await new Promise((resolve) => setTimeout(resolve, 20));
    connection.socket.resetAndDestroy();
  }
  await until(async () => (await uploadFiles()).length === 0, 'temp files are gone');
  expect(said(await ask(`${server.url}/getMetadata/left`))).toBe('404/4040');
  // Left while it waits for its conversion: complete, so it may be kept, whole.
  const last = await RawConnection.open(server.url);
  last.send(Buffer.concat([Buffer.from(headOf(slowBody)), slowBody]));
  await until(async () => (await uploadFiles()).length > 0, 'it is being worked on');
  last.socket.resetAndDestroy();
  await until(async () => (await uploadFiles()).length === 0, 'temp files are gone');
  const kept = await ask(`${server.url}/getImage/left/auto:200x150`);
  expect(kept.status === 404 || isWhole(kept)).toBe(true);
});
