// Probes and metrics on a port of their own, as a chart asks for them: beside the operations, or instead of there.
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { type ServerProcess, spawnServer, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';

let dir: TempDir;
let server: ServerProcess | undefined;
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  server?.kill('SIGKILL');
  await server?.gone;
  server = undefined;
  await dir.remove();
});

async function start(environment: Readonly<Record<string, string>>): Promise<{ origin: string; health: string }> {
  server = await startServerProcess({ PROOFSHEET_DATA_DIR: dir.path, ...environment });
  const { origin, log } = server;
  return { origin, health: String(log.find(({ message }) => message === 'listening')?.healthUrl) };
}

const statusOf = async (url: string, method = 'GET') => (await fetch(url, { method })).status;

const PATHS = ['/health/liveness', '/health/readiness', '/healthz', '/readyz', '/metrics', '//metrics/'];

describe.each(['1', '2'])('with %s worker(s)', (workers) => {
  it('answers the probes and metrics there, and nothing else', async () => {
    const { origin, health } = await start({
      PROOFSHEET_HEALTH_PORT: String(await freePort()),
      PROOFSHEET_WORKERS: workers,
      PROOFSHEET_ALLOWED_HOSTS: 'pictures.example',
    });
    for (const path of PATHS) expect([path, await statusOf(health + path)]).toEqual([path, 200]);
    expect(await statusOf(`${health}/readyz?x=1`, 'HEAD')).toBe(200);
    expect(await (await fetch(`${health}/health/readiness`)).json()).toMatchObject({ ready: true });
    const metrics = await (await fetch(`${health}/metrics`)).text();
    expect(metrics).toContain('proofsheet_http_requests_total{dialect="server",operation="healthz",status="200"} 2');
    for (const path of ['/', '/imageconverter', '/imageconverter/status', '/__proto__', '/health']) {
      const answer = await fetch(health + path);
      expect([path, answer.status, (await answer.json()).code]).toEqual([path, 404, 4041]);
    }
    const posted = await fetch(`${health}/metrics`, { method: 'POST', body: 'x' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    // The main port is as it was.
    for (const path of ['/imageconverter', '/metrics', '/healthz', '/readyz'])
      expect([path, await statusOf(origin + path)]).toEqual([path, 200]);
  });
});

it('takes them off the main port where that is wished; the base path stays', async () => {
  const { origin, health } = await start({ PROOFSHEET_HEALTH_PORT: '0', PROOFSHEET_PUBLIC_METRICS: 'false' });
  for (const path of ['/metrics', '/healthz', '/readyz']) {
    expect([path, await statusOf(origin + path)]).toEqual([path, 404]);
    expect([path, await statusOf(health + path)]).toEqual([path, 200]);
  }
  expect(await statusOf(`${origin}/imageconverter`)).toBe(200);
  expect(server?.log.some(({ message }) => message === 'listening')).toBe(true);
});

it('stops as ever', async () => {
  await start({ PROOFSHEET_HEALTH_PORT: '0' });
  server?.kill('SIGTERM');
  expect(await server?.gone).toBe(0);
});

it.each(['1', '2'])(
  'a health port that is taken keeps the server from starting, with %s worker(s)',
  async (workers) => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? String(address.port) : '';
    const child = spawnServer({
      PROOFSHEET_DATA_DIR: dir.path,
      PROOFSHEET_HEALTH_PORT: port,
      PROOFSHEET_WORKERS: workers,
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(1);
    expect(output).toContain(`"port":${port}`);
    expect(output).toContain('cannot listen');
    taken.close();
  },
);
