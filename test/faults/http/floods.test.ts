// Floods of headers, chunk extensions, trailers and parts: each is refused with its status, and nothing grows by it.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { another, ask, said, upload } from '../../support/faults/server-client.js';
import { until } from '../../support/gate.js';
import { type RawAnswer, RawConnection, rawRequest } from '../../support/http-client.js';
import { BOUNDARY, FORM_TYPE, fieldPart, filePart, multipartBody } from '../../support/multipart.js';
import { residentBytes, type ServerProcess, scrape, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { jpegOf } from '../../support/test-images.js';

const MIB = 2 ** 20;
const ROUNDS = 5;
const REST_MS = 200;
const MAX_SOURCE_BYTES = 2_000_000;
/**
 * What is read of an endless client: the largest upload with its form, the 4 MiB that are taken and thrown away of what is refused, and
 * one read of each. What it sends beyond waits in the kernel, up to tcp_rmem and tcp_wmem, which may be tens of MiB.
 */
const MOST_READ_BYTES = MAX_SOURCE_BYTES + 5.5 * MIB;

let dir: TempDir;
let server: ServerProcess;
let photo: Buffer;
/** Takes a second or more to convert. */
let slow: Buffer;
beforeAll(async () => {
  dir = await tempDir();
  server = await startServerProcess({
    PROOFSHEET_DATA_DIR: dir.path,
    PROOFSHEET_MAX_SOURCE_BYTES: String(MAX_SOURCE_BYTES),
    PROOFSHEET_HEADERS_TIMEOUT_MS: '2000',
    PROOFSHEET_UPLOAD_IDLE_TIMEOUT_MS: '1000',
    PROOFSHEET_UPLOAD_TIMEOUT_MS: '2000',
  });
  photo = await jpegOf(64, 48);
  slow = await jpegOf(9_000, 9_000);
});
afterAll(async () => {
  server.kill('SIGTERM');
  expect(await server.gone).toBe(0);
  await dir.remove();
});

function head(method: string, path: string, ...lines: readonly string[]): string {
  return `${[`${method} /imageconverter/${path} HTTP/1.1`, 'Host: test', ...lines].join('\r\n')}\r\n\r\n`;
}

const CHUNKED = head('POST', 'cacheImage/flood', `Content-Type: ${FORM_TYPE}`, 'Transfer-Encoding: chunked');

function form(body: Buffer, key = 'flood', ...more: readonly string[]): Buffer {
  const lines = [`Content-Type: ${FORM_TYPE}`, `Content-Length: ${body.length}`, ...more];
  return Buffer.concat([Buffer.from(head('POST', `cacheImage/${key}`, ...lines)), body]);
}

const outcome = ({ status, body }: RawAnswer): string => `${status}/${(JSON.parse(body) as { code: number }).code}`;

/** Sends `start`, then `more` as fast as it is taken until the server ends it; resolves with its answer, `closed` if that was lost. */
async function endless(start: string | Buffer, more: string): Promise<string> {
  const connection = await RawConnection.open(server.url);
  const { socket } = connection;
  connection.send(start);
  const piece = Buffer.from(more.repeat(Math.ceil(65_536 / more.length)));
  // A turn of the event loop in between: the answer is to be heard too.
  const pump = (): void => {
    if (!socket.destroyed) socket.write(piece, () => setImmediate(pump));
  };
  pump();
  await connection.closed();
  return connection.text === '' ? 'closed' : outcome(await connection.answer());
}

/** Bytes that the server has read so far, from sockets and files. */
async function readBytes(): Promise<number> {
  return Number(/^rchar: (\d+)$/m.exec(await readFile(`/proc/${server.pid}/io`, 'utf8'))?.[1]);
}

/** The same once nothing is read any more: what a client sent before it closed is read behind its answer, also by the next test's clock. */
async function readBytesAtRest(): Promise<number> {
  for (let before = await readBytes(); ; ) {
    await delay(REST_MS);
    const now = await readBytes();
    if (now - before < 65_536) return now;
    before = now;
  }
}

const get = (...lines: readonly string[]) => head('GET', 'getKeyCount', ...lines);

const FLOODS: readonly (readonly [what: string, said: string, send: () => Promise<string>])[] = [
  ['a header of 64 kB', '431/4310', async () => outcome(await rawRequest(server.url, get(`X: ${'x'.repeat(64_000)}`)))],
  [
    '100 kB of headers',
    '431/4310',
    async () => outcome(await rawRequest(server.url, get(...Array(100).fill(`X: ${'x'.repeat(1_000)}`)))),
  ],
  [
    '10,000 header lines',
    '431/4310',
    async () => outcome(await rawRequest(server.url, get(...Array(10_000).fill('a:')))),
  ],
  ['201 header lines', '431/4310', async () => outcome(await rawRequest(server.url, get(...Array(200).fill('a:'))))],
  ['endless headers', '431/4310', () => endless('GET / HTTP/1.1\r\nHost: test\r\n', 'a:\r\n')],
  ['an endless header', '431/4310', () => endless('GET / HTTP/1.1\r\nHost: test\r\nX: ', 'xxxx')],
  ['an endless request line', '431/4310', () => endless('GET /', 'xxxx')],
  ['endless empty lines', '408/4080', () => endless('', '\r\n')],
  ['endless chunk extensions', '400/4004', () => endless(`${CHUNKED}1;`, 'x=y;')],
  ['endless small chunks with extensions', '408/4080', () => endless(CHUNKED, `1;${'x'.repeat(8_000)}\r\nx\r\n`)],
  ['an endless chunk size', '408/4080', () => endless(CHUNKED, '0')],
  ['endless trailers', '400/4004', () => endless(`${CHUNKED}1\r\nx\r\n0\r\n`, 't:\r\n')],
  ['an endless trailer', '400/4004', () => endless(`${CHUNKED}1\r\nx\r\n0\r\nT: `, 'xxxx')],
  ['an endless preamble', '413/4130', () => endless(CHUNKED, chunk('x'.repeat(4_096)))],
  [
    'endless part headers',
    '400/4004',
    () => endless(`${CHUNKED}${chunk(`--${BOUNDARY}\r\nX: `)}`, chunk('x'.repeat(4_096))),
  ],
  [
    'endless garbage behind an upload that is being converted',
    '200/0',
    () => endless(form(multipartBody([filePart('sourceImage', 'slow', another(slow))]), 'slow'), 'xxxx'),
  ],
  [
    'endless garbage behind a request for another protocol',
    '200/undefined',
    () => endless(get('Connection: Upgrade', 'Upgrade: h2c'), 'xxxx'),
  ],
  [
    'endless garbage behind an upload that asks for another protocol and is being converted',
    '200/0',
    () =>
      endless(
        form(
          multipartBody([filePart('sourceImage', 'slow', another(slow))]),
          'slow',
          'Connection: Upgrade',
          'Upgrade: x',
        ),
        'xxxx',
      ),
  ],
  [
    '10,000 parts',
    '400/4004',
    async () => outcome(await rawRequest(server.url, form(multipartBody(Array(10_000).fill(fieldPart('f', 'v')))))),
  ],
  [
    '10,000 files',
    '400/4004',
    async () =>
      outcome(await rawRequest(server.url, form(multipartBody(Array(10_000).fill(filePart('sourceImage', 'a', 'x')))))),
  ],
  [
    'a part with 10,000 header lines',
    '400/4004',
    async () =>
      outcome(
        await rawRequest(server.url, form(multipartBody([{ headers: Array(10_000).fill('a: b'), body: photo }]))),
      ),
  ],
  [
    'a file name of 1 MB',
    '400/4004',
    async () =>
      outcome(
        await rawRequest(server.url, form(multipartBody([filePart('sourceImage', 'n'.repeat(1_000_000), photo)]))),
      ),
  ],
];

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

it.each(FLOODS)('%s: %s', async (what, expected, send) => {
  // Whoever still sends when his connection is closed may lose the answer; only the endless do.
  const before = await readBytesAtRest();
  expect(what.includes('endless') ? [expected, 'closed'] : [expected]).toContain(await send());
  // What is not ended by what it sent is ended by its time.
  if (expected !== '408/4080') expect((await readBytesAtRest()) - before).toBeLessThan(MOST_READ_BYTES);
});

it('has grown by nothing of all this, and goes on', async () => {
  const quick = FLOODS.filter(([, expected]) => expected !== '408/4080');
  const round = () => Promise.all(quick.map(([, , send]) => send()));
  await round();
  const files = await openFiles();
  const before = await residentBytes(server.pid);
  for (let n = 0; n < ROUNDS; n++) await round();
  await until(
    async () => (await scrape(server.origin, 'proofsheet_http_requests_in_flight')) === 1,
    'all are answered',
  );
  await until(async () => (await openFiles()) <= files + 1, 'their connections are closed');
  const [own = ''] = await readdir(join(dir.path, 'tmp'));
  await until(async () => (await readdir(join(dir.path, 'tmp', own))).length === 0, 'their files are removed');
  const grown = ((await residentBytes(server.pid)) - before) / MIB;
  console.log(`${Math.round(grown)} MiB more after ${ROUNDS * quick.length} floods`);
  expect(grown).toBeLessThan(48);
  expect(said(await ask(`${server.url}/getMetadata/flood`))).toBe('404/4040');
  expect(said(await upload(`${server.url}/cacheImage/flood`, another(photo)))).toBe('200');
}, 300_000);

async function openFiles(): Promise<number> {
  return (await readdir(`/proc/${server.pid}/fd`)).length;
}
