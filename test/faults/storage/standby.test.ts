// What clients and probes of a server see that waits for another container's to let go of the data directory: they are served by that one,
// and by itself when that is gone, each with its own address, by TLS too, and with the deadlines of every connection; a probe hears no lie.
import { request } from 'node:https';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { inContainer } from '../../support/faults/wrappers.js';
import { until } from '../../support/gate.js';
import { sourceForm } from '../../support/multipart.js';
import { descendantsOf, run, signalIfThere } from '../../support/processes.js';
import { type ServerProcess, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { requireTool } from '../../support/tools.js';

const TEST_MS = 240_000;

let dir: TempDir;
const servers: ServerProcess[] = [];
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  for (const server of servers) server.kill('SIGKILL');
  await Promise.all(servers.splice(0).map((server) => server.gone));
  await dir.remove();
});

async function start(environment: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  const all = { PROOFSHEET_DATA_DIR: join(dir.path, 'data'), ...environment };
  const server = await startServerProcess(all, await inContainer());
  servers.push(server);
  return server;
}

async function kill(server: ServerProcess): Promise<void> {
  server.kill('SIGKILL');
  await server.gone;
}

/** To all of a server but its wrapper. */
function signal(server: ServerProcess, name: NodeJS.Signals): void {
  for (const pid of descendantsOf(server.pid)) signalIfThere(pid, name);
}

/** A connection of its own each. */
const ask = (url: string, init: RequestInit = {}) =>
  fetch(url, { ...init, headers: { ...init.headers, Connection: 'close' } });

const upload = async (url: string, key: string) =>
  ask(`${url}/cacheImage/${key}`, { method: 'POST', body: sourceForm(await encodedPhoto(200, 150)) });

const standing = ({ log }: ServerProcess) =>
  log.filter(({ message }) => String(message).startsWith('a server in another container has')).length;
const takeovers = ({ log }: ServerProcess) =>
  log.filter(({ message }) => String(message).startsWith('the data directory is free')).length;

it('is alive and not ready while its neighbour does not answer, and its clients wait', {
  timeout: TEST_MS,
}, async () => {
  const old = await start();
  expect((await upload(old.url, 'a')).status).toBe(200);
  signal(old, 'SIGSTOP');
  const next = await start();
  expect(await (await ask(`${next.origin}/healthz`)).json()).toEqual({ alive: true });
  const probed = await ask(`${next.origin}/readyz`);
  expect([probed.status, await probed.json()]).toEqual([503, { ready: false, draining: false, dependencies: {} }]);
  let answered = false;
  const asking = ask(`${next.url}/getKeyCount`).then(async (answer) => {
    answered = true;
    return answer.json();
  });
  expect((await ask(`${next.origin}/health/readiness`)).status).toBe(503);
  expect(answered).toBe(false);
  signal(old, 'SIGCONT');
  expect(await asking).toEqual({ count: 1 });
  await until(async () => (await ask(`${next.origin}/readyz`)).status === 200, 'it is ready');
  expect(takeovers(next)).toBe(0);
});

it("hands on its clients' addresses, so that a login lock holds at both, by TLS too", {
  timeout: TEST_MS,
}, async () => {
  const [cert, key] = [join(dir.path, 'cert.pem'), join(dir.path, 'key.pem')];
  const openssl = await requireTool('openssl');
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  await run(openssl, ['req', '-x509', ...options, '-subj', '/CN=first.example', '-keyout', key, '-out', cert]);
  const environment = {
    PROOFSHEET_ADMIN_PASSWORD: 'right',
    PROOFSHEET_LOGIN_FAILURES_PER_MINUTE: '2',
    PROOFSHEET_TLS_PORT: '0',
    PROOFSHEET_TLS_CERT: cert,
    PROOFSHEET_TLS_KEY: key,
  };
  const old = await start(environment);
  const next = await start(environment);
  const headersOf = (password: string) => ({ Authorization: `Basic ${btoa(`admin:${password}`)}` });
  const clear = async (url: string, password: string) =>
    (await ask(`${url}/clearImages`, { method: 'DELETE', headers: headersOf(password) })).status;
  const tlsUrl = String(next.log.find(({ message }) => message === 'listening')?.tlsUrl);
  const clearByTls = (password: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const headers = { ...headersOf(password), Connection: 'close' };
      const asked = request(`${tlsUrl}/clearImages`, { method: 'DELETE', headers, rejectUnauthorized: false });
      asked.once('error', reject);
      asked.once('response', (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      asked.end();
    });
  expect(await clear(next.url, 'right')).toBe(200);
  expect([await clearByTls('wrong'), await clear(next.url, 'wrong')]).toEqual([401, 401]);
  expect([await clear(old.url, 'right'), await clear(next.url, 'right'), await clearByTls('right')]).toEqual([
    429, 429, 429,
  ]);
  // By itself it counts for itself.
  await kill(old);
  await until(() => takeovers(next) === 1, 'it has the data directory');
  expect([await clearByTls('right'), await clear(next.url, 'right')]).toEqual([200, 200]);
});

it('serves by all its workers when its neighbour is gone, and ends slow clients as ever', {
  timeout: TEST_MS,
}, async () => {
  const old = await start();
  const free = createServer();
  await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
  const address = free.address();
  await new Promise((resolve) => free.close(resolve));
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const next = await start({
    PROOFSHEET_PORT: String(port),
    PROOFSHEET_WORKERS: '2',
    PROOFSHEET_HEADERS_TIMEOUT_MS: '1000',
  });
  // A worker that starts later finds the directory free, and has nothing to take over.
  await until(() => standing(next) === 2, 'both workers stand by');
  expect((await upload(next.url, 'a')).status).toBe(200);
  await kill(old);
  await until(() => takeovers(next) === 2, 'both workers have it');
  expect(await (await ask(`${next.url}/getKeyCount`)).json()).toEqual({ count: 1 });
  expect((await upload(next.url, 'b')).status).toBe(200);
  const slow = connect(port, '127.0.0.1');
  let said = '';
  slow.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  const closed = new Promise((resolve) => slow.once('close', resolve));
  slow.write('GET /imageconverter/getKeyCount HTTP/1.1\r\nHost: x\r\nX-Slow: ');
  await closed;
  expect(said).toMatch(/^HTTP\/1\.1 408 /);
  for (let request = 0; request < 10; request++)
    expect(await (await ask(`${next.url}/getKeyCount`)).json()).toEqual({ count: 2 });
});

it('stops when it is asked to, with answers for those whom its neighbour serves', { timeout: TEST_MS }, async () => {
  const old = await start();
  const next = await start();
  // Its own process is the one below the wrapper's shell.
  const inner = descendantsOf(next.pid).at(-1) ?? 0;
  const converters = descendantsOf(old.pid).slice(2);
  for (const pid of converters) process.kill(pid, 'SIGSTOP');
  const underWay = upload(next.url, 'a');
  await until(async () => {
    const text = await (await ask(`${old.origin}/metrics`)).text();
    return /proofsheet_converters\{state="busy"\} [1-9]/.test(text);
  }, 'the conversion runs');
  process.kill(inner, 'SIGTERM');
  await until(async () => (await ask(next.url).catch(() => undefined)) === undefined, 'it takes nobody any more');
  for (const pid of converters) process.kill(pid, 'SIGCONT');
  expect((await underWay).status).toBe(200);
  expect(await next.gone).toBe(0);
  expect((await ask(`${old.url}/getMetadata/a`)).status).toBe(200);
});
