// Several HTTP processes on one port: one cache, one conversion, one set of figures, and no outage when one of them dies.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodedPhoto } from '../support/encoded-photo.js';
import { until } from '../support/gate.js';
import { sourceForm } from '../support/multipart.js';
import { freePort } from '../support/ports.js';
import { childrenOf, isRunning } from '../support/processes.js';
import { type ServerProcess, scrape, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';

let dir: TempDir;
let server: ServerProcess;

beforeEach(async () => {
  dir = await tempDir();
  server = await startServerProcess({
    PROOFSHEET_DATA_DIR: dir.path,
    // Of its own: another server takes it over.
    PROOFSHEET_PORT: String(await freePort()),
    PROOFSHEET_WORKERS: '2',
    ...ADMIN_ENVIRONMENT,
  });
  await until(() => listening() === 2, 'both workers listen');
});

afterEach(async () => {
  server.kill('SIGKILL');
  await server.gone;
  await dir.remove();
});

const ADMIN_ENVIRONMENT = { PROOFSHEET_ADMIN_USER: 'admin', PROOFSHEET_ADMIN_PASSWORD: 'secret' };
const AUTHORIZATION = `Basic ${Buffer.from('admin:secret').toString('base64')}`;

const listening = () => server.log.filter((line) => line.message === 'listening').length;

/** A connection of its own each, so that the requests are spread over the workers. */
const once = (path: string, init: RequestInit = {}) =>
  fetch(`${server.url}/${path}`, { ...init, headers: { ...init.headers, Connection: 'close' } });

it('converts equal uploads at all workers once, and adds up their figures', async () => {
  const source = await encodedPhoto(3000, 2000);
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      once(`cacheImage/key-${index}`, { method: 'POST', body: sourceForm(source) }),
    ),
  );
  expect(answers.map((answer) => answer.status)).toEqual(Array(40).fill(200));
  for (let request = 0; request < 5; request++) {
    expect(await scrape(server.origin, 'proofsheet_conversions_total', 'result="ok"')).toBe(1);
    expect(await scrape(server.origin, 'proofsheet_http_requests_total', 'cacheImage')).toBe(40);
  }
  expect(await (await once('getKeyCount')).json()).toEqual({ count: 40 });
});

it('shows every worker at once what one of them cleared or overwrote', async () => {
  const sources = await Promise.all([encodedPhoto(400, 300), encodedPhoto(420, 300)]);
  const tag = async () => (await once('getImage/key/auto:200x150')).headers.get('etag');
  for (let round = 0; round < 10; round++) {
    const source = sources[round % 2] ?? Buffer.alloc(0);
    expect((await once('cacheImage/key', { method: 'POST', body: sourceForm(source) })).status).toBe(200);
    const tags = await Promise.all(Array.from({ length: 8 }, tag));
    expect(new Set(tags).size).toBe(1);
    expect(tags[0]).not.toBeNull();
    const cleared = await once('clearImagesByKey/key', { method: 'DELETE', headers: { Authorization: AUTHORIZATION } });
    expect(cleared.status).toBe(200);
    const after = await Promise.all(Array.from({ length: 8 }, () => once('getImage/key/auto:200x150')));
    expect(after.map((answer) => answer.status)).toEqual(Array(8).fill(404));
  }
});

it('shows all workers in the console, whichever of them is asked, with what each has met', async () => {
  const source = await encodedPhoto(400, 300);
  const console = `${server.origin}/console/live?once=yes`;
  const overview = async () => {
    const answer = await fetch(console, { headers: { Authorization: AUTHORIZATION, Connection: 'close' } });
    return JSON.parse(/^data: (.*)$/m.exec(await answer.text())?.[1] ?? 'null') as {
      readonly servers: readonly { readonly node: string; readonly worker: number }[];
      readonly past: { readonly sightings: { readonly newest: readonly { readonly imageKey: string }[] } };
    };
  };
  for (let index = 0; index < 8; index++)
    expect((await once(`cacheImage/key-${index}`, { method: 'POST', body: sourceForm(source) })).status).toBe(200);
  for (let looks = 0; looks < 6; looks++) {
    const { servers, past } = await overview();
    expect(servers.map(({ worker }) => worker)).toEqual([0, 1]);
    expect(new Set(servers.map(({ node }) => node)).size).toBe(1);
    expect(past.sightings.newest).toHaveLength(8);
  }
});

it('replaces a worker that is killed, and stays ready', async () => {
  const source = await encodedPhoto(400, 300);
  expect((await once('cacheImage/key', { method: 'POST', body: sourceForm(source) })).status).toBe(200);
  const [victim] = childrenOf(server.pid);
  expect(victim).toBeGreaterThan(0);
  process.kill(victim ?? 0, 'SIGKILL');
  await until(async () => {
    expect((await fetch(`${server.origin}/readyz`, { headers: { Connection: 'close' } })).status).toBe(200);
    return listening() === 3;
  }, 'another worker takes its place');
  for (let request = 0; request < 10; request++) {
    expect((await once('getImage/key/auto:200x150')).status).toBe(200);
  }
});

it('whose supervisor is killed end at once, under uploads, and leave port and catalog to the next server', async () => {
  const source = await encodedPhoto(1200, 900);
  let stopped = false;
  const uploading = Array.from({ length: 6 }, async (_, uploader) => {
    for (let n = 0; !stopped; n++) {
      const body = sourceForm(Buffer.concat([source, Buffer.from(`${uploader}-${n}`)]));
      await once(`cacheImage/${uploader}-${n}`, { method: 'POST', body }).catch(() => undefined);
    }
  });
  await until(async () => (await scrape(server.origin, 'proofsheet_keys')) > 2, 'uploads are under way');
  const workers = childrenOf(server.pid);
  expect(workers).toHaveLength(2);
  server.kill('SIGKILL');
  await server.gone;
  await until(() => !workers.some(isRunning), 'no worker is left');
  stopped = true;
  await Promise.all(uploading);
  const { port } = new URL(server.origin);
  server = await startServerProcess({ PROOFSHEET_DATA_DIR: dir.path, PROOFSHEET_PORT: port, PROOFSHEET_WORKERS: '2' });
  expect((await once('cacheImage/after', { method: 'POST', body: sourceForm(source) })).status).toBe(200);
});

it('stops all workers on one signal, and exits with 0', async () => {
  server.kill('SIGTERM');
  expect(await server.gone).toBe(0);
  expect(server.log.filter((line) => line.message === 'stopped')).toHaveLength(2);
});

it('ends with 1 when the port is taken, instead of trying for ever', async () => {
  const { port } = new URL(server.origin);
  const second = startServerProcess({
    PROOFSHEET_DATA_DIR: `${dir.path}/other`,
    PROOFSHEET_PORT: port,
    PROOFSHEET_WORKERS: '2',
  });
  await expect(second).rejects.toThrow(/ended with 1\b[\s\S]*cannot listen/);
});
