// Growing from one machine to many: the embedded store of a running server is copied, and nodes with empty disks answer
// from the copy, byte for byte, without converting anything.
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { sourceForm } from '../../support/multipart.js';
import { cache, get, Nodes, newSource } from '../../support/nodes.js';
import { start } from '../../support/processes.js';
import { type RedisServer, type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { type ServerProcess, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { NODE } from '../../support/tools.js';

const CLI = fileURLToPath(new URL('../../../bin/cli.js', import.meta.url));
const FORMATS = ['auto:200x150', 'auto:200x150~cover', 'auto:800x800', 'auto:1920x1080'];
const KEYS = Array.from({ length: 12 }, (_, index) => `image ${index} é`);
const CONTEXTS = ['', 'tenant-a', 'ü/2'];

let redis: RedisServers & { readonly server: RedisServer };
let dir: TempDir;
let alone: ServerProcess;

beforeAll(async () => {
  redis = await startStandalone();
  dir = await tempDir();
  alone = await startServerProcess({ PROOFSHEET_DATA_DIR: dir.path });
}, 300_000);

afterAll(async () => {
  alone?.kill('SIGKILL');
  await alone?.gone;
  await dir?.remove();
  await redis?.stop();
});

function copy(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = start(NODE, [CLI, 'copy-to-shared', ...args], {
    env: { PATH: process.env.PATH ?? '', PROOFSHEET_REDIS_URL: redis.url, PROOFSHEET_DATA_DIR: dir.path },
  });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].on('data', (chunk: Buffer) => {
      text[name] += chunk.toString();
    });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...text })));
}

const path = (key: string) => encodeURIComponent(key);
const inContext = (context: string) => (context === '' ? '' : `?context=${encodeURIComponent(context)}`);

async function previews(node: ServerProcess): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (const context of CONTEXTS)
    for (const key of KEYS)
      for (const format of FORMATS) {
        const answer = await fetch(`${node.url}/getImage/${path(key)}/${format}${inContext(context)}`);
        expect(answer.status).toBe(200);
        const bytes = Buffer.from(await answer.arrayBuffer());
        all.set(`${context} ${key} ${format}`, createHash('sha256').update(bytes).digest('hex'));
      }
  return all;
}

it('copies every group of every context, so that new nodes answer byte for byte and convert nothing', {
  timeout: 300_000,
}, async () => {
  const pictures = await Promise.all([0, 1, 2, 3].map((index) => encodedPhoto(900 + 40 * index, 700)));
  for (const context of CONTEXTS)
    for (const [index, key] of KEYS.entries()) {
      const body = sourceForm(pictures[index % pictures.length] ?? Buffer.alloc(0));
      const stored = await fetch(`${alone.url}/cacheImage/${path(key)}${inContext(context)}`, { method: 'POST', body });
      expect(stored.status).toBe(200);
    }
  const before = await previews(alone);
  const first = await copy();
  expect(first).toMatchObject({ code: 0 });
  expect(first.stdout).toMatch(/^ +36 image groups copied/);
  // No terminal: no control characters.
  expect(first.stdout + first.stderr).toMatch(/^[\x20-\x7e\n]*$/);
  const nodes = await Nodes.start(redis.url, 2);
  try {
    expect(await previews(nodes.at(0))).toEqual(before);
    expect(await previews(nodes.at(1))).toEqual(before);
    expect(await nodes.sum('proofsheet_conversions_total')).toBe(0);

    const again = await copy();
    expect(again.code).toBe(0);
    expect(again.stdout).toMatch(/^ +0 image groups copied \(0 blobs, 0.0 MB\)\n +36 were there already/);

    // A newer upload over there stays; a group made meanwhile here is added.
    await cache(nodes.at(0), path(KEYS[0] ?? ''), await newSource('newer'));
    const newer = (await get(nodes.at(1), path(KEYS[0] ?? ''))).headers.get('etag');
    await cache(alone, 'added', await encodedPhoto(333, 222));
    const third = await copy('--concurrency', '1');
    expect(third.stdout).toMatch(/^ +1 image groups copied/);
    expect((await get(nodes.at(1), path(KEYS[0] ?? ''))).headers.get('etag')).toBe(newer);
    expect((await get(nodes.at(1), 'added')).status).toBe(200);
  } finally {
    await nodes.stop();
  }
});

it('sends again what the shared tier lost, never sends what is damaged here, and says so', {
  timeout: 300_000,
}, async () => {
  await redis.server.cli('FLUSHALL');
  const etag = (await get(alone, 'added', 'auto:200x150')).headers.get('etag')?.slice(1, -1) ?? '';
  const files = await readdir(join(dir.path, 'blobs'), { recursive: true });
  const file = files.find((name) => name.replaceAll('/', '').endsWith(etag.slice(-40)));
  expect(file).toBeDefined();
  const damaged = join(dir.path, 'blobs', file ?? '');
  const bytes = await readFile(damaged);
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  await writeFile(damaged, bytes);
  const { code, stdout } = await copy('--from', dir.path);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^ +36 image groups copied/);
  expect(stdout).toMatch(/ 1 have lost a preview here/);
});

it('refuses to begin without a shared tier, without a store, or with options that it does not know', async () => {
  expect((await copy('--from', join(dir.path, 'nowhere'))).code).toBe(78);
  expect((await copy('--concurrency', '0')).code).toBe(64);
  expect((await copy('--fast')).code).toBe(64);
});
