// A change of target formats on a real server: the plan, and the work at its pace, by the command line and by HTTP, over a restart.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sourceForm } from '../support/multipart.js';
import { AnswerCheck } from '../support/openapi-check.js';
import { run } from '../support/processes.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';
import { NODE } from '../support/tools.js';

const CLI = fileURLToPath(new URL('../../bin/cli.js', import.meta.url));
const AUTHORIZATION = `Basic ${Buffer.from('admin:s3cret').toString('base64')}`;
const COUNT = 6;

let dir: TempDir;
let server: ServerProcess;
const start = (formats: string) =>
  startServerProcess({
    PROOFSHEET_DATA_DIR: join(dir.path, 'data'),
    PROOFSHEET_ADMIN_PASSWORD: 's3cret',
    PROOFSHEET_WORKERS: '2',
    PROOFSHEET_TARGET_FORMATS: formats,
  });
async function restart(formats: string): Promise<void> {
  server.kill('SIGTERM');
  await server.gone;
  server = await start(formats);
}

beforeAll(async () => {
  dir = await tempDir();
  await writeFile(join(dir.path, 'password'), 's3cret\n');
  server = await start('auto:200x150');
  for (let at = 0; at < COUNT; at++) {
    const body = sourceForm(await jpegOf(640 + at, 480));
    expect((await fetch(`${server.url}/cacheImage/photo-${at}`, { method: 'POST', body })).status).toBe(200);
  }
  await restart('auto:200x150,auto:400x300');
}, 300_000);
afterAll(async () => {
  server?.kill('SIGTERM');
  await server?.gone;
  await dir?.remove();
});

async function cli(...args: readonly string[]): Promise<{ readonly code: number; readonly stdout: string }> {
  const env = { PATH: process.env.PATH ?? '', PROOFSHEET_DATA_DIR: join(dir.path, 'data') };
  const all = [CLI, ...args, '--url', server.url, '--password-file', 'password'];
  try {
    return { code: 0, ...(await run(NODE, all, { cwd: dir.path, env })) };
  } catch (error) {
    return error as { readonly code: number; readonly stdout: string };
  }
}
const ask = (path: string, body?: object) =>
  fetch(`${server.origin}/admin${path}`, {
    headers: { Authorization: AUTHORIZATION, 'Content-Type': 'application/json' },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });

it('is planned, begun, paused, gone on with after a restart, and done', { timeout: 300_000 }, async () => {
  const planned = await cli('plan', '--json');
  expect([planned.code, JSON.parse(planned.stdout)]).toMatchObject([
    0,
    { sources: COUNT, current: 0, outdated: COUNT, makes: 2 * COUNT, drops: 0, keeps: COUNT, stuck: 0 },
  ]);
  // Measured by the server before this one, and a few ms each.
  const { cpuSeconds } = JSON.parse(planned.stdout) as { readonly cpuSeconds: number };
  expect(cpuSeconds).toBeGreaterThan(0);
  expect(cpuSeconds).toBeLessThan(2 * COUNT);
  expect((await cli('apply', '--status')).code).toBe(1);
  // Six a minute: the first is made at once, the second ten seconds later.
  expect((await cli('apply', '--rate', '6', '--detach')).stdout).toMatch(/^running: /);
  const made = async () => ((await (await ask('/reconcile')).json()) as { readonly made: number }).made;
  await expect.poll(made, { timeout: 60_000, interval: 200 }).toBeGreaterThan(0);
  expect((await cli('apply', '--pause')).stdout).toMatch(/^paused: /);
  await restart('auto:200x150,auto:400x300');
  const standing = await (await ask('/reconcile')).json();
  expect(standing).toMatchObject({ state: 'paused', perMinute: 6, failed: 0 });
  expect(JSON.parse((await cli('plan', '--json')).stdout).outdated).toBeGreaterThan(0);
  const end = await cli('apply', '--rate', '0', '--json');
  expect([end.code, JSON.parse(end.stdout)]).toMatchObject([
    0,
    { state: 'done', looked: COUNT, failed: 0, perMinute: 0 },
  ]);
  expect(JSON.parse((await cli('plan', '--json')).stdout)).toMatchObject({ current: COUNT, outdated: 0, makes: 0 });
  for (const wrong of [
    ['apply', '--rate', 'x'],
    ['apply', '--pause', '--stop'],
    ['plan', 'x'],
  ])
    expect((await cli(...wrong)).code).toBe(64);
});

it('is answered as the document says, and to the admin alone', async () => {
  const check = new AnswerCheck(await (await fetch(`${server.origin}/openapi/admin.json`)).json());
  for (const [verb, path, body] of [
    ['GET', '/plan', undefined],
    ['POST', '/apply', { perMinute: 10 }],
    ['GET', '/reconcile', undefined],
    ['POST', '/reconcile/pause', {}],
    ['POST', '/reconcile/stop', {}],
  ] as const) {
    const answer = await ask(path, body);
    const { status, headers } = answer;
    expect([path, status]).toEqual([path, 200]);
    expect(check.faultsOf({ verb, path: `/admin${path}`, status, headers, text: await answer.text() })).toEqual([]);
    const anybody = await fetch(`${server.origin}/admin${path}`, { method: verb });
    expect(anybody.status).toBe(401);
  }
  expect((await ask('/apply', { perMinute: -1 })).status).toBe(400);
});
