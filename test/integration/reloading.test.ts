// SIGHUP to a server with a file of settings, as an operator sends it: what is taken over at once and by every process, what is not,
// and that a file that cannot be used changes nothing.
import { rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodedPhoto } from '../support/encoded-photo.js';
import { until } from '../support/gate.js';
import { sourceForm } from '../support/multipart.js';
import { childrenOf, start } from '../support/processes.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { NODE, requireTool } from '../support/tools.js';

const OLD_TOKEN = 'old-token-of-16-characters';
const NEW_TOKEN = 'new-token-of-16-characters';

let dir: TempDir;
let server: ServerProcess;

beforeEach(async () => {
  dir = await tempDir();
});

afterEach(async () => {
  server.kill('SIGKILL');
  await server.gone;
  await dir.remove();
});

/** In the operator's directory; JSON is YAML. */
const write = (settings: unknown) => writeFile(join(dir.path, 'default.yaml'), JSON.stringify(settings));

async function serve(settings: unknown, environment: Record<string, string> = {}): Promise<void> {
  await write(settings);
  server = await startServerProcess({
    NODE_CONFIG_DIR: dir.path,
    PROOFSHEET_DATA_DIR: join(dir.path, 'data'),
    ...environment,
  });
}

const told = (message: string) => server.log.filter((line) => line.message === message);
const READ_AGAIN = 'settings read again';
const UNUSABLE = 'the settings could not be used; those that were known before stay';

/** Reads the file again in `processes` processes and the one that reads it. */
async function reload(settings: unknown): Promise<void> {
  await write(settings);
  const before = told(READ_AGAIN).length;
  server.kill('SIGHUP');
  await until(() => told(READ_AGAIN).length > before, 'the settings to be read again');
}

const asked = (path: string, authorization?: string, init: RequestInit = {}) =>
  fetch(`${server.url}/${path}`, {
    ...init,
    headers: { Connection: 'close', ...(authorization !== undefined && { Authorization: authorization }) },
  });
const bearer = (token: string) => `Bearer ${token}`;
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const put = async (key: string, authorization?: string) =>
  asked(`cacheImage/${key}`, authorization, { method: 'POST', body: sourceForm(await encodedPhoto(300, 200)) });

test('tokens, passwords and the log level are taken over at once, and what was prepared for others is not answered', async () => {
  await serve({ telemetry: { logLevel: 'info' } });
  expect((await put('key')).status).toBe(200);
  // Twice: the second is answered from what is prepared.
  for (let time = 0; time < 2; time++) expect((await asked('getImage/key/200x150')).status).toBe(200);
  expect((await asked('clearImages', basic('admin', 'a new password'), { method: 'DELETE' })).status).toBe(403);

  await reload({
    telemetry: { logLevel: 'debug' },
    access: { apiTokens: [OLD_TOKEN] },
    admin: { password: ['a new password'] },
  });
  expect(told(READ_AGAIN)).toEqual([
    expect.objectContaining({ reloaded: ['admin.password', 'access.apiTokens', 'telemetry.logLevel'] }),
  ]);
  expect((await asked('getImage/key/200x150')).status).toBe(401);
  expect((await asked('getImage/key/200x150', bearer(OLD_TOKEN))).status).toBe(200);
  await until(
    () => server.log.some(({ level, operation }) => level === 'debug' && operation === 'getImage'),
    'a hit in the log',
  );
  const documented = (await (await fetch(`${server.origin}/openapi.json`)).json()) as {
    readonly paths: Readonly<Record<string, { readonly get?: { readonly security?: readonly object[] } }>>;
  };
  const security = documented.paths['/imageconverter/getImage/{imageKey}/{requestFormat}']?.get?.security;
  expect(security?.length).toBeGreaterThan(0);
  expect(security).not.toContainEqual({});

  await reload({ access: { apiTokens: [NEW_TOKEN] }, admin: { password: ['a new password'] } });
  expect((await asked('getImage/key/200x150', bearer(OLD_TOKEN))).status).toBe(401);
  expect((await asked('getImage/key/200x150', bearer(NEW_TOKEN))).status).toBe(200);
  expect((await asked('clearImages', basic('admin', 'a new password'), { method: 'DELETE' })).status).toBe(200);
  const text = JSON.stringify(server.log);
  for (const secret of [OLD_TOKEN, NEW_TOKEN, 'a new password']) expect(text).not.toContain(secret);
});

test('quotas are taken over, and what needs a restart is named and stays', async () => {
  await serve({ fairness: { contextUploadsPerSecond: 0 }, server: { maxConnections: 100 } });
  await reload({ fairness: { contextUploadsPerSecond: 1 }, server: { maxConnections: 200 } });
  expect(told('these settings have changed too, and hold after a restart')).toEqual([
    expect.objectContaining({ level: 'warn', settings: ['server.maxConnections'] }),
  ]);
  const statuses = [];
  for (let time = 0; time < 6; time++) statuses.push((await put(`key-${time}`)).status);
  expect(statuses).toContain(429);
  await reload({ fairness: { contextUploadsPerSecond: 0 }, server: { maxConnections: 100 } });
  for (let time = 0; time < 6; time++) expect((await put(`more-${time}`)).status).toBe(200);
});

test('a file that cannot be used changes nothing, and is told with every fault and no secret', async () => {
  await serve({ access: { apiTokens: [OLD_TOKEN] } });
  for (const [text, reason] of [
    ['access: { apiTokens: [another-short-secret', 'default.yaml'],
    ['admin: { password: *another-short-secret }', 'unidentified alias'],
    [
      JSON.stringify({ access: { apiTokens: ['short-secret'] }, telemetry: { logLevel: 'loud' } }),
      'PROOFSHEET_LOG_LEVEL',
    ],
    // Each right by itself, and wrong beside what stays.
    [JSON.stringify({ access: { urlKeys: ['main:a-secret-of-sixteen'] } }), 'access.apiTokens'],
  ] as const) {
    await writeFile(join(dir.path, 'default.yaml'), text);
    const failed = () => told(UNUSABLE);
    const before = failed().length;
    server.kill('SIGHUP');
    await until(() => failed().length > before, 'the fault to be told');
    expect(failed().at(-1)).toMatchObject({
      level: 'error',
      reason: expect.arrayContaining([expect.stringContaining(reason)]),
    });
    expect((await asked('getMetadata/none', bearer(OLD_TOKEN))).status).toBe(404);
    expect((await asked('getMetadata/none')).status).toBe(401);
  }
  const text = JSON.stringify(server.log);
  for (const secret of ['short-secret', 'a-secret-of-sixteen']) expect(text).not.toContain(secret);
});

test('every worker goes by them, and so does one that takes the place of another, whatever the file says then', async () => {
  await serve({ access: { apiTokens: [OLD_TOKEN] } }, { PROOFSHEET_WORKERS: '2' });
  const listening = () => told('listening').length;
  await until(() => listening() === 2, 'both workers listen');
  await reload({ access: { apiTokens: [NEW_TOKEN] } });
  const statuses = async (token: string) =>
    new Set(
      await Promise.all(
        Array.from({ length: 40 }, async () => (await asked('getMetadata/none', bearer(token))).status),
      ),
    );
  await until(
    async () => (await statuses(OLD_TOKEN)).size === 1 && (await statuses(OLD_TOKEN)).has(401),
    'both go by the new token',
  );
  expect(await statuses(NEW_TOKEN)).toEqual(new Set([404]));

  // A file that no server could start by, and another port in it: the next worker starts all the same, where the others are.
  await write({ server: { port: 'no port' } });
  const [victim = 0] = childrenOf(server.pid);
  process.kill(victim, 'SIGKILL');
  await until(() => listening() === 3, 'another worker to listen');
  expect(await statuses(NEW_TOKEN)).toEqual(new Set([404]));
  expect(await statuses(OLD_TOKEN)).toEqual(new Set([401]));
  server.kill('SIGTERM');
  expect(await server.gone).toBe(0);
});

test('a file that settings name, and that has gone since the start, ends no worker', async () => {
  const ca = join(dir.path, 'ca.pem');
  await writeFile(ca, rootCertificates[0] ?? '');
  await serve({ shared: { redisCaFile: ca } }, { PROOFSHEET_WORKERS: '2' });
  await until(() => told('listening').length === 2, 'both workers listen');
  const workers = childrenOf(server.pid);
  await rm(ca);
  server.kill('SIGHUP');
  await until(() => told(UNUSABLE).length === 3, 'all processes to say what is wrong');
  expect(childrenOf(server.pid)).toEqual(workers);
  expect((await asked('getKeyCount')).status).toBe(200);
  expect(server.log.filter(({ level, message }) => level === 'error' && message !== UNUSABLE)).toEqual([]);
});

/** Starts what it is given on a terminal of its own and prints what that says; SIGUSR1 is handed on as SIGHUP, SIGTERM closes the terminal. */
const ON_A_TERMINAL = `
import os, pty, select, signal, sys
pid, terminal = pty.fork()
if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
closing = []
signal.signal(signal.SIGUSR1, lambda *_: os.kill(pid, signal.SIGHUP))
signal.signal(signal.SIGTERM, lambda *_: closing.append(True))
while not closing:
    if select.select([terminal], [], [], 0.05)[0]: os.write(1, os.read(terminal, 65536))
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;
const MAIN = fileURLToPath(new URL('../../bin/main.js', import.meta.url));

test('on a terminal it reads them again too, but ends when that is closed', async () => {
  await serve({});
  const child = start(await requireTool('debian-python3'), ['-c', ON_A_TERMINAL, NODE, MAIN], {
    env: {
      PATH: process.env.PATH ?? '',
      PROOFSHEET_PORT: '0',
      PROOFSHEET_CONVERTERS: '1',
      PROOFSHEET_DATA_DIR: join(dir.path, 'other'),
    },
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const gone = new Promise((resolve) => child.once('close', resolve));
  await until(() => text.includes('"listening"'), 'the server to listen');
  child.kill('SIGUSR1');
  await until(() => text.includes(READ_AGAIN), 'the settings to be read again');
  child.kill('SIGTERM');
  await gone;
  expect(text.trimEnd().split('\n').at(-1)).toBe(String(-constants.signals.SIGHUP));
});
