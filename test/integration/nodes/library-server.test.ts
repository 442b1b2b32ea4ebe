// A server with tenants, as an operator starts it: what keeps it from starting, and what it reads again while it runs.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../support/gate.js';
import { startStandalone } from '../../support/redis-servers.js';
import { type ServerProcess, scrape, spawnServer, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

let dir: TempDir;
let server: ServerProcess | undefined;
let environment: Record<string, string>;

beforeEach(async () => {
  dir = await tempDir();
  environment = {
    PROOFSHEET_DATA_DIR: join(dir.path, 'data'),
    PROOFSHEET_TENANTS: join(dir.path, 'tenants.yaml'),
    PROOFSHEET_ADMIN_USER: 'admin',
    PROOFSHEET_ADMIN_PASSWORD: 'correct horse',
  };
});
afterEach(async () => {
  server?.kill('SIGTERM');
  await server?.gone;
  server = undefined;
  await dir.remove();
});

const tenants = (text: string) => writeFile(join(dir.path, 'tenants.yaml'), text);
const told = (message: string) => server?.log.filter((entry) => entry.message === message) ?? [];

async function endOf(
  more: Record<string, string> = {},
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawnServer({ ...environment, ...more });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output: output.join('') };
}

test('does not start with a tenants file that is wrong or missing, and says why', async () => {
  expect(await endOf()).toMatchObject({ code: 78, output: expect.stringContaining('ENOENT') });
  await tenants('- { id: agency, tokens: [short-secret] }');
  const wrong = await endOf();
  expect(wrong).toMatchObject({ code: 78, output: expect.stringContaining('tenant 1.tokens.1') });
  expect(wrong.output).not.toContain('short-secret');
});

test('does not start beside a Redis that may take away the library or its originals, and says what to do', async () => {
  await tenants('- { id: agency }');
  expect(await endOf({ PROOFSHEET_JOBS_REDIS_URL: 'redis://127.0.0.1:1' })).toMatchObject({
    code: 78,
    output: expect.stringContaining('PROOFSHEET_REDIS_URL'),
  });
  const [cache, jobs] = await Promise.all([startStandalone(), startStandalone()]);
  try {
    const urls = { PROOFSHEET_REDIS_URL: cache.url, PROOFSHEET_JOBS_REDIS_URL: jobs.url };
    const policy = (of: typeof cache, name: string) => of.server.cli('CONFIG', 'SET', 'maxmemory-policy', name);
    await policy(cache, 'volatile-lru');
    const { PROOFSHEET_JOBS_REDIS_URL: _, ...shared } = urls;
    const both = await endOf(shared);
    expect(both).toMatchObject({ code: 78, output: expect.stringMatching(/PROOFSHEET_JOBS_REDIS_URL.*noeviction/) });
    await policy(cache, 'allkeys-lru');
    const originals = await endOf(urls);
    expect(originals).toMatchObject({ code: 78, output: expect.stringMatching(/PROOFSHEET_REDIS_URL.*originals/) });
    await policy(cache, 'volatile-lru');
    server = await startServerProcess({ ...environment, ...urls });
    expect(await (await fetch(`${server.origin}/readyz`)).json()).toMatchObject({
      dependencies: { library: 'up' },
    });
  } finally {
    await Promise.all([cache.stop(), jobs.stop()]);
  }
});

test('reads its tenants again on SIGHUP in every worker, and goes on serving', async () => {
  await tenants('- { id: agency }');
  server = await startServerProcess({ ...environment, PROOFSHEET_WORKERS: '2' });
  await until(() => told('listening').length === 2, 'both workers');
  server.kill('SIGHUP');
  await until(() => told('tenants read again').length >= 2, 'the file to be read again by both');
  const login = `Basic ${Buffer.from('admin:correct horse').toString('base64')}`;
  const jobs = await fetch(`${server.origin}/library/jobs`, { headers: { Authorization: login } });
  expect(jobs.status).toBe(200);
  expect(await jobs.json()).toMatchObject({ imports: [], next: null, usage: { assets: 0 } });
  expect((await fetch(`${server.origin}/library/jobs`)).status).toBe(401);
  const page = await (await fetch(`${server.url}/status`)).text();
  for (const shown of ['Work of the library', 'import-item', 'Bytes of originals']) expect(page).toContain(shown);
  expect(await scrape(server.origin, 'proofsheet_library_assets')).toBe(0);
  expect(await scrape(server.origin, 'proofsheet_jobs_queued', 'kind="import-item"')).toBe(0);
  // One pair of names that fall together there turns the whole page into the older format.
  const open = await fetch(`${server.origin}/metrics`, { headers: { Accept: 'application/openmetrics-text' } });
  expect(open.headers.get('content-type')).toContain('application/openmetrics-text');
  const families = await open.text();
  for (const name of ['jobs counter', 'jobs_queued gauge']) expect(families).toContain(`# TYPE proofsheet_${name}\n`);
});

test('without tenants there is no library', async () => {
  const { PROOFSHEET_TENANTS: _, ...without } = environment;
  server = await startServerProcess(without);
  expect((await fetch(`${server.origin}/library/jobs`)).status).toBe(404);
  expect(await (await fetch(`${server.url}/status`)).text()).not.toContain('Work of the library');
});
