// The same operations by TLS on a second port: prepared answers too, a certificate that is renewed, and files that are wrong.
import { rename, writeFile } from 'node:fs/promises';
import { request as requestPlain } from 'node:http';
import { createServer, request } from 'node:https';
import { type AddressInfo, connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { TlsFiles } from '../../src/http/wire/tls-files.js';
import { FakeLogger } from '../support/fake-logger.js';
import { until } from '../support/gate.js';
import { sourceForm } from '../support/multipart.js';
import { run } from '../support/processes.js';
import { type ServerProcess, spawnServer, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';
import { type Program, requireTool } from '../support/tools.js';

let openssl: Program;
let dir: TempDir;
let cert: string;
let key: string;
let server: ServerProcess | undefined;

beforeAll(async () => {
  openssl = await requireTool('openssl');
}, 300_000);
beforeEach(async () => {
  dir = await tempDir();
  cert = join(dir.path, 'cert.pem');
  key = join(dir.path, 'key.pem');
  await makePair('first.example', cert, key);
});
afterEach(async () => {
  server?.kill('SIGKILL');
  await server?.gone;
  server = undefined;
  await dir.remove();
});

async function makePair(name: string, certPath: string, keyPath: string): Promise<void> {
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const files = ['-subj', `/CN=${name}`, '-keyout', keyPath, '-out', certPath];
  await run(openssl, ['req', '-x509', ...options, ...files]);
}

async function start(environment: Readonly<Record<string, string>> = {}): Promise<{ url: string; tlsUrl: string }> {
  server = await startServerProcess({
    PROOFSHEET_DATA_DIR: join(dir.path, 'data'),
    PROOFSHEET_TLS_PORT: '0',
    PROOFSHEET_TLS_CERT: cert,
    PROOFSHEET_TLS_KEY: key,
    ...environment,
  });
  return { url: server.url, tlsUrl: String(server.log.find(({ message }) => message === 'listening')?.tlsUrl) };
}

interface Answer {
  readonly status: number | undefined;
  readonly etag: string | undefined;
  /** Prepared answers carry no request id. */
  readonly isPrepared: boolean;
  readonly name: string;
}

function get(url: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { rejectUnauthorized: false, agent: false }, (response) => {
      const socket = response.socket as ReturnType<typeof connect>;
      const name = String(socket.getPeerCertificate().subject.CN);
      const { etag, 'x-request-id': id } = response.headers;
      response.resume();
      response.once('end', () => resolve({ status: response.statusCode, etag, isPrepared: id === undefined, name }));
    });
    asked.once('error', reject);
    asked.end();
  });
}

function bodyOf(url: string): Promise<string> {
  const ask = url.startsWith('https:') ? request : requestPlain;
  return new Promise((resolve, reject) => {
    const asked = ask(url, { rejectUnauthorized: false, agent: false }, (response) => {
      text(response).then(resolve, reject);
    });
    asked.once('error', reject);
    asked.end();
  });
}

it('answers what the plain port answers, by the hot lane too', async () => {
  const { url, tlsUrl } = await start();
  expect(tlsUrl).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/imageconverter$/);
  const image = '/getImage/key/auto:200x150~autorotate@75';
  expect(await get(tlsUrl + image)).toMatchObject({ status: 404, isPrepared: false, name: 'first.example' });
  const form = sourceForm(await jpegOf(640, 480));
  expect((await fetch(`${url}/cacheImage/key`, { method: 'POST', body: form })).status).toBe(200);
  const plain = await fetch(url + image);
  const etag = plain.headers.get('etag');
  expect(await get(tlsUrl + image)).toMatchObject({ status: 200, etag, isPrepared: true });
  expect(await get(tlsUrl)).toMatchObject({ status: 200 });
});

it('names itself in answers as it was asked, by TLS and without', async () => {
  const { url, tlsUrl } = await start({ PROOFSHEET_DIALECTS: 'image-converter,dzi' });
  const form = sourceForm(await jpegOf(640, 480));
  expect((await fetch(`${url}/cacheImage/key`, { method: 'POST', body: form })).status).toBe(200);
  for (const { origin } of [new URL(url), new URL(tlsUrl), new URL(url)]) {
    const text = await bodyOf(`${origin}/dzi/_/key.json`);
    expect((JSON.parse(text) as { Image: { Url: string } }).Image.Url).toBe(`${origin}/dzi/_/key_files/`);
  }
});

it('closes a connection whose handshake fails, and goes on', async () => {
  const { tlsUrl } = await start();
  const socket = connectPlain(Number(new URL(tlsUrl).port), '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const received: Buffer[] = [];
  socket.on('data', (chunk) => received.push(chunk));
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve));
  expect(Buffer.concat(received).toString('latin1')).not.toContain('HTTP/1.1');
  expect((await get(tlsUrl)).status).toBe(200);
});

it('stops as ever, whether a connection is idle or has not shaken hands', async () => {
  const { tlsUrl } = await start({ PROOFSHEET_DRAIN_TIMEOUT_MS: '0' });
  const port = Number(new URL(tlsUrl).port);
  const idle = connect(port, '127.0.0.1', { rejectUnauthorized: false });
  const silent = connectPlain(port, '127.0.0.1');
  for (const socket of [idle, silent]) socket.on('error', () => undefined);
  await Promise.all([
    new Promise((resolve) => idle.once('secureConnect', resolve)),
    new Promise((resolve) => silent.once('connect', resolve)),
  ]);
  server?.kill('SIGTERM');
  expect(await server?.gone).toBe(0);
});

it.each<[string, () => Promise<void>]>([
  ['a certificate that is not there', () => rename(cert, join(dir.path, 'gone'))],
  ['a key of another certificate', () => makePair('other.example', join(dir.path, 'other.pem'), key)],
  ['a file that holds something else', () => writeFile(cert, 'no certificate')],
])('does not start with %s, and says which file', async (_what, spoil) => {
  await spoil();
  const child = spawnServer({
    PROOFSHEET_DATA_DIR: join(dir.path, 'data'),
    PROOFSHEET_TLS_PORT: '0',
    PROOFSHEET_TLS_CERT: cert,
    PROOFSHEET_TLS_KEY: key,
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(1);
  expect(output).toContain(cert);
  expect(output).not.toContain('"stack"');
});

it('uses files that change as soon as they are right, once each; until then the earlier ones stay', async () => {
  const logger = new FakeLogger();
  const files = await TlsFiles.read({ cert, key });
  const listening = createServer(files.pair, (_request, response) => response.end());
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  const nameNow = async () => (await get(`https://127.0.0.1:${port}/`)).name;
  const replace = async (name: string): Promise<{ finish: () => Promise<void> }> => {
    const [newCert, newKey] = [join(dir.path, 'new.pem'), join(dir.path, 'new-key.pem')];
    await makePair(name, newCert, newKey);
    await rename(newCert, cert);
    return { finish: () => rename(newKey, key) };
  };
  files.follow(listening, logger, 5);
  const second = await replace('second.example');
  await until(() => logger.at('error').length > 0, 'a certificate without its key is refused');
  expect(await nameNow()).toBe('first.example');
  await second.finish();
  await until(async () => (await nameNow()) === 'second.example', 'the second pair is used');
  await (await replace('third.example')).finish();
  await until(async () => (await nameNow()) === 'third.example', 'the third pair is used');
  files.close();
  listening.close();
  expect(logger.at('info')).toHaveLength(2);
  expect(logger.text).not.toContain('PRIVATE');
});
