// What clients and probes of a server see that waits for another container's to let go of the data directory: they are served by that one,
// and by itself when that is gone, each with its own address, by TLS too, and with the deadlines of every connection; a probe hears no lie.
import { readdir, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { failing, inContainer } from '../../support/faults/wrappers.js';
import { until } from '../../support/gate.js';
import { sourceForm } from '../../support/multipart.js';
import { freePort } from '../../support/ports.js';
import { argumentsOf, childrenOf, descendantsOf, run, signalIfThere } from '../../support/processes.js';
import { type ServerProcess, startServerProcess, type Wrapper } from '../../support/server-process.js';
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

async function start(environment: Readonly<Record<string, string>> = {}, wrapper?: Wrapper): Promise<ServerProcess> {
  const all = { PROOFSHEET_DATA_DIR: join(dir.path, 'data'), ...environment };
  const server = await startServerProcess(all, wrapper ?? (await inContainer()));
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

/** The server's own process, below the wrapper's shell. */
function innerOf(server: ServerProcess): number {
  const [shell = 0] = childrenOf(server.pid);
  return childrenOf(shell)[0] ?? 0;
}

/** The settings of a port for TLS. */
async function tlsPort(): Promise<Readonly<Record<string, string>>> {
  const [cert, key] = [join(dir.path, 'cert.pem'), join(dir.path, 'key.pem')];
  const openssl = await requireTool('openssl');
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  await run(openssl, ['req', '-x509', ...options, '-subj', '/CN=first.example', '-keyout', key, '-out', cert]);
  return { PROOFSHEET_TLS_PORT: '0', PROOFSHEET_TLS_CERT: cert, PROOFSHEET_TLS_KEY: key };
}

/** Where it listens beside its `url`. */
function portOf(server: ServerProcess, name: 'tlsUrl' | 'healthUrl'): string {
  return String(server.log.find(({ message }) => message === 'listening')?.[name]);
}

/** The answer by TLS, whoever has signed for it; a connection of its own each. */
const askByTls = (url: string, method = 'GET', headers: Readonly<Record<string, string>> = {}) =>
  new Promise<{ readonly status: number | undefined; readonly body: string }>((resolve, reject) => {
    const asked = request(url, { method, headers: { ...headers, Connection: 'close' }, rejectUnauthorized: false });
    asked.once('error', reject);
    asked.once('response', (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.once('end', () => resolve({ status: response.statusCode, body }));
    });
    asked.end();
  });

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
  const environment = {
    PROOFSHEET_ADMIN_PASSWORD: 'right',
    PROOFSHEET_LOGIN_FAILURES_PER_MINUTE: '2',
    ...(await tlsPort()),
  };
  const old = await start(environment);
  const next = await start(environment);
  const headersOf = (password: string) => ({ Authorization: `Basic ${btoa(`admin:${password}`)}` });
  const clear = async (url: string, password: string) =>
    (await ask(`${url}/clearImages`, { method: 'DELETE', headers: headersOf(password) })).status;
  const clearByTls = async (password: string) =>
    (await askByTls(`${portOf(next, 'tlsUrl')}/clearImages`, 'DELETE', headersOf(password))).status;
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
  const inner = innerOf(next);
  const converters = descendantsOf(old.pid).slice(2);
  for (const pid of converters) signalIfThere(pid, 'SIGSTOP');
  const underWay = upload(next.url, 'a');
  await until(async () => {
    const text = await (await ask(`${old.origin}/metrics`)).text();
    return /proofsheet_converters\{state="busy"\} [1-9]/.test(text);
  }, 'the conversion runs');
  process.kill(inner, 'SIGTERM');
  await until(async () => (await ask(next.url).catch(() => undefined)) === undefined, 'it takes nobody any more');
  for (const pid of converters) signalIfThere(pid, 'SIGCONT');
  expect((await underWay).status).toBe(200);
  expect(await next.gone).toBe(0);
  expect((await ask(`${old.url}/getMetadata/a`)).status).toBe(200);
});

const READY = { ready: true, draining: false };

it('has ports that its neighbour lacks: an update that adds them goes on', { timeout: TEST_MS }, async () => {
  const old = await start();
  const next = await start({ PROOFSHEET_HEALTH_PORT: '0', ...(await tlsPort()) });
  const [health, tls] = [portOf(next, 'healthUrl'), portOf(next, 'tlsUrl')];
  const origin = tls.slice(0, -new URL(tls).pathname.length);
  const isReady = async () => [
    (await ask(`${health}/readyz`)).status,
    (await ask(`${health}/health/readiness`, { method: 'HEAD' })).status,
    (await ask(`${next.origin}/readyz`)).status,
    (await askByTls(`${origin}/readyz`)).status,
  ];
  await until(async () => (await isReady()).every((status) => status === 200), 'it is ready at each of its ports');
  expect(await (await ask(`${health}/readyz`)).json()).toMatchObject(READY);
  expect(await (await ask(`${health}/healthz`)).json()).toEqual({ alive: true });
  for (const path of ['/', '/imageconverter/status', '/imageconverter/getKeyCount'])
    expect([path, (await ask(health + path)).status]).toEqual([path, 404]);
  expect((await upload(next.url, 'a')).status).toBe(200);
  expect(await askByTls(`${tls}/getKeyCount`)).toEqual({ status: 200, body: '{"count":1}' });
  expect(await (await ask(`${health}/metrics`)).text()).toContain('proofsheet_http_requests_total');
  signal(old, 'SIGSTOP');
  expect([(await ask(`${health}/readyz`)).status, (await ask(`${health}/healthz`)).status]).toEqual([503, 200]);
  signal(old, 'SIGCONT');
  await until(async () => (await ask(`${health}/readyz`)).status === 200, 'it is ready again');
  await kill(old);
  await until(() => takeovers(next) === 1, 'it has the data directory');
  expect(await isReady()).toEqual([200, 200, 200, 200]);
  expect((await ask(`${health}/metrics`)).status).toBe(200);
  expect(await askByTls(`${tls}/getKeyCount`)).toEqual({ status: 200, body: '{"count":1}' });
});

it("is ready as its neighbour is, by that one's port for probes where it has one", { timeout: TEST_MS }, async () => {
  const old = await start({ PROOFSHEET_HEALTH_PORT: '0', PROOFSHEET_PUBLIC_METRICS: 'false' });
  const next = await start();
  await until(async () => (await ask(`${next.origin}/readyz`)).status === 200, 'it is ready');
  const told = async (url: string) => (await ask(`${url}/readyz`)).json();
  expect(await told(next.origin)).toEqual(await told(portOf(old, 'healthUrl')));
  const third = await start({ PROOFSHEET_HEALTH_PORT: '0' });
  const scraped = () => ask(`${portOf(third, 'healthUrl')}/metrics`);
  await until(async () => (await scraped()).status === 200, 'it knows its neighbour');
  expect(await (await scraped()).text()).toContain('proofsheet_http_requests_total');
});

it('is refused with a certificate that it could not use later', { timeout: TEST_MS }, async () => {
  await start();
  const wrong = { ...(await tlsPort()), PROOFSHEET_TLS_CERT: join(dir.path, 'missing.pem') };
  const told = await start(wrong).then(
    () => 'listens',
    ({ message }: Error) => message,
  );
  expect(told).toContain('ended with 1');
  expect(told).toContain('missing.pem');
});

it("never fetches from itself, listening in another's place or not", { timeout: TEST_MS }, async () => {
  const port = String(await freePort());
  const tenants = join(dir.path, 'tenants.yaml');
  await writeFile(tenants, JSON.stringify([{ id: 'agency', tokens: ['token-of-the-agency-0001'] }]));
  const old = await start();
  const next = await start({
    PROOFSHEET_PORT: port,
    PROOFSHEET_DIALECTS: 'image-converter,livingdocs',
    PROOFSHEET_TENANTS: tenants,
    PROOFSHEET_FETCH_ALLOW: `127.0.0.1:${port}`,
  });
  await kill(old);
  await until(() => takeovers(next) === 1, 'it has the data directory');
  expect((await upload(next.url, 'a')).status).toBe(200);
  const url = `${next.url}/getImage/a/200x150`;
  expect((await ask(url)).status).toBe(200);
  const api = async (path: string, body?: unknown) => {
    const headers = { Authorization: 'Bearer token-of-the-agency-0001', 'Content-Type': 'application/json' };
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    return (await ask(`${next.origin}/livingdocs/api/v1${path}`, { headers, ...init })).json();
  };
  const images = [{ url, id: 'one', fileName: 'cat', metadata: {} }];
  const { id } = await api('/import/images', { systemName: 'dam', images });
  let status: { readonly finished?: boolean; readonly images?: readonly { readonly state: string }[] } = {};
  await until(async () => {
    status = await api(`/import/images/status?id=${id}`);
    return status.finished === true;
  }, 'the import has ended');
  expect(status.images).toEqual([expect.objectContaining({ state: 'failed' })]);
});

it('closes what it was opening when it is asked to stop', { timeout: TEST_MS }, async () => {
  const old = await start();
  const next = await start();
  const inner = innerOf(next);
  await kill(old);
  // The catalog is open by then.
  // One that is stopped before it has become a program of its own holds the server in its fork, which hears no signal there.
  const isConverter = (pid: number): boolean => argumentsOf(pid).some((word) => word.endsWith('/convert/child.js'));
  await until(() => {
    const children = childrenOf(inner);
    return children.length > 0 && children.every(isConverter);
  }, 'its converters start');
  const converters = childrenOf(inner);
  for (const pid of converters) signalIfThere(pid, 'SIGSTOP');
  process.kill(inner, 'SIGTERM');
  await until(() => next.log.some(({ message }) => String(message).startsWith('stopping')), 'it is told');
  for (const pid of converters) signalIfThere(pid, 'SIGCONT');
  expect(await next.gone).toBe(0);
  expect(takeovers(next)).toBe(0);
  const left = await Promise.all(
    ['in-use', 'tmp'].map((name) => readdir(join(dir.path, 'data', name)).catch(() => [])),
  );
  expect(left).toEqual([[], []]);
});

it('does not take a shortage of handles for a neighbour that has gone', { timeout: TEST_MS }, async () => {
  const old = await start();
  const next = await start();
  expect((await upload(next.url, 'a')).status).toBe(200);
  const mend = await failing(innerOf(next), ['openat'], 'EMFILE');
  await until(() => next.log.some(({ reason }) => reason === 'EMFILE'), 'it cannot look');
  await mend();
  expect(takeovers(next)).toBe(0);
  expect((await upload(next.url, 'b')).status).toBe(200);
  expect((await ask(`${old.url}/getKeyCount`)).status).toBe(200);
  await kill(old);
  await until(() => takeovers(next) === 1, 'it has the data directory');
  expect(await (await ask(`${next.url}/getKeyCount`)).json()).toEqual({ count: 2 });
});
