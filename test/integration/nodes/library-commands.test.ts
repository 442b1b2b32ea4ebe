// The library from the command line: a list is imported with a report of what was not, again without a second fetch, and a backup of
// a library in use is restored into another data directory, where every asset and original is found.
import { cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import type { Context } from '../../../src/kernel/image-key.js';
import type { TenantId } from '../../../src/kernel/library/ids.js';
import { GroupLock } from '../../../src/stores/embedded/group-lock.js';
import { openEmbeddedLibrary } from '../../../src/stores/embedded/library/open-library.js';
import { systemClock } from '../../../src/telemetry/clock.js';
import { FakeLogger } from '../../support/fake-logger.js';
import { FakeMetrics } from '../../support/fake-metrics.js';
import { flat, image } from '../../support/images.js';
import { newImport } from '../../support/library.js';
import { type Origin, startOrigin } from '../../support/origins.js';
import { run } from '../../support/processes.js';
import { startStandalone } from '../../support/redis-servers.js';
import { startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { NODE } from '../../support/tools.js';

const CLI = fileURLToPath(new URL('../../../bin/cli.js', import.meta.url));
const TENANT = 'agency' as Context;

let dir: TempDir;
let origin: Origin;
let environment: Record<string, string>;
let picture: Buffer;

beforeEach(async () => {
  dir = await tempDir();
  picture = await image(flat(40, 30, [20, 150, 70]))
    .jpeg()
    .toBuffer();
  origin = await startOrigin((request, response) => {
    if (request.url?.startsWith('/missing')) return void response.writeHead(404).end();
    response.writeHead(200, { 'Content-Type': 'image/jpeg', ETag: '"1"' }).end(picture);
  });
  await writeFile(join(dir.path, 'tenants.yaml'), `- { id: ${TENANT}, name: An Agency, onExisting: skip }`);
  environment = {
    PATH: process.env.PATH ?? '',
    TMPDIR: tmpdir(),
    PROOFSHEET_DATA_DIR: join(dir.path, 'data'),
    PROOFSHEET_TENANTS: join(dir.path, 'tenants.yaml'),
    PROOFSHEET_FETCH_ALLOW: `${origin.place.address}:${origin.place.port}`,
    PROOFSHEET_TARGET_FORMATS: 'auto:20x20',
    PROOFSHEET_CONVERTERS: '1',
  };
});
afterEach(async () => {
  await origin.close();
  await dir.remove();
});

/** What a command said, and its exit code. */
interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function command(args: readonly string[], more: Record<string, string> = {}): Promise<Said> {
  try {
    const { stdout, stderr } = await run(NODE, [CLI, ...args], { env: { ...environment, ...more } });
    return { code: 0, stdout, stderr };
  } catch (error) {
    // An exit code beside 0, with what was said; anything else is a fault of the test.
    if (error instanceof Error && 'code' in error && typeof error.code === 'number')
      return { stdout: '', stderr: '', ...error, code: error.code };
    throw error;
  }
}

async function list(...lines: readonly string[]): Promise<string> {
  const path = join(dir.path, 'urls.txt');
  await writeFile(path, lines.join('\n'));
  return path;
}

async function library(dataDir: string) {
  const tmp = join(dir.path, 'test');
  await mkdir(tmp, { recursive: true });
  const ports = { clock: systemClock, logger: new FakeLogger(), metrics: new FakeMetrics() };
  return openEmbeddedLibrary({ ...ports, dataDir, tmpDir: tmp, fsync: false });
}

describe('proofsheet import', () => {
  test('imports into the library of many machines, and backs up none of it', async () => {
    const redis = await startStandalone();
    try {
      const over = { PROOFSHEET_REDIS_URL: redis.url };
      const from = await list(origin.url('/a.jpg'), origin.url('/missing'));
      const said = await command(['import', '--from', from, '--tenant', 'agency'], over);
      expect([said.code, said.stderr]).toEqual([
        1,
        expect.stringContaining('1 of 2 images are in the library of agency'),
      ]);
      const backup = await command(['backup', '--to', join(dir.path, 'backup')], over);
      expect([backup.code, backup.stderr]).toEqual([78, expect.stringContaining('PROOFSHEET_REDIS_URL')]);
    } finally {
      await redis.stop();
    }
  });

  test('imports what can be had, tells what cannot without its query, and fetches nothing when it is given the list again', async () => {
    const from = await list(
      '# mine',
      origin.url('/a.jpg'),
      '',
      `${origin.url('/b.jpg')}\tA title`,
      origin.url('/missing?token=1'),
    );
    const first = await command(['import', '--from', from, '--tenant', 'An Agency']);
    expect(first.code).toBe(1);
    expect(first.stdout).toContain('line 5: ');
    expect(first.stdout).toContain('/missing: source-not-found (HTTP 404)');
    expect(first.stdout).not.toContain('token');
    expect(first.stderr).toContain('2 of 3 images are in the library of agency');
    const asked = origin.requests.length;
    const again = await command(['import', '--from', from, '--tenant', 'agency']);
    expect(again.code).toBe(1);
    expect(origin.requests).toHaveLength(asked);
    const found = await library(environment.PROOFSHEET_DATA_DIR ?? '');
    const { entries } = await found.assets.listAssets(TENANT, { limit: 10 });
    expect(entries.map(({ asset }) => asset.title)).toEqual(expect.arrayContaining(['A title', 'a.jpg']));
    await found.close();
  });

  test('refuses a list with what is no URL, naming the lines, and a tenant that is not there', async () => {
    const bad = await command([
      'import',
      '--from',
      await list(origin.url('/a.jpg'), 'ftp://x/y'),
      '--tenant',
      'agency',
    ]);
    expect(bad).toMatchObject({ code: 65, stderr: expect.stringContaining('line 2') });
    const nobody = await command(['import', '--from', await list(origin.url('/a.jpg')), '--tenant', 'nobody']);
    expect(nobody).toMatchObject({ code: 65, stderr: expect.stringContaining('no tenant "nobody"') });
    expect((await command(['import', '--tenant', 'agency'])).code).toBe(64);
    expect(origin.requests).toHaveLength(0);
  });
});

test('proofsheet import leaves the work of other tenants to the server, which may know what the command does not', async () => {
  const found = await library(environment.PROOFSHEET_DATA_DIR ?? '');
  const wanted = newImport(['a'], { context: 'elsewhere' as Context, tenantId: 'elsewhere' as TenantId });
  await found.assets.acceptImport(wanted);
  const from = await list(origin.url('/a.jpg'));
  expect((await command(['import', '--from', from, '--tenant', 'agency'])).code).toBe(0);
  // Neither fetched nor put off: a server that knows the tenant finds it due at once.
  expect(await found.assets.findItem(wanted.id, 0)).toMatchObject({ state: 'queued', attempts: 0 });
  expect((await found.assets.findItem(wanted.id, 0))?.nextAttemptAt).toBeUndefined();
  expect(await found.jobs.claim({ kind: 'import-item', limit: 9, leaseMs: 1_000 })).toHaveLength(1);
  await found.close();
});

describe('proofsheet backup and restore', () => {
  test('carry a library in use to another data directory, with every asset and its original', async () => {
    await command(['import', '--from', await list(origin.url('/a.jpg'), origin.url('/b.jpg')), '--tenant', 'agency']);
    const server = await startServerProcess(environment);
    const to = join(dir.path, 'backup');
    const backup = await command(['backup', '--to', to]);
    expect(backup).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('backed up: 1 originals, 1 of them copied now'),
    });
    // What was there is built on.
    expect((await command(['backup', '--to', to])).stderr).toContain('1 originals, 0 of them');
    server.kill('SIGTERM');
    expect(await server.gone).toBe(0);
    const elsewhere = join(dir.path, 'elsewhere');
    const restored = await command(['restore', '--from', to], { PROOFSHEET_DATA_DIR: elsewhere });
    expect(restored).toMatchObject({ code: 0, stderr: expect.stringContaining('restored: 1 originals') });
    expect(restored.stderr).toContain('it has the context "agency"');
    expect(restored.stderr).not.toContain('no tenant');
    const found = await library(elsewhere);
    const { entries } = await found.assets.listAssets(TENANT, { limit: 10 });
    expect(entries.map(({ version }) => version?.digest)).toEqual([digestOf(picture), digestOf(picture)]);
    expect(await found.originals.copyTo(digestOf(picture), join(dir.path, 'copy'))).toBe(true);
    await found.close();
    const twice = await command(['restore', '--from', to], { PROOFSHEET_DATA_DIR: elsewhere });
    expect(twice.code).not.toBe(0);
    expect(twice.stderr).toContain('without a library');
    expect(await readdir(join(elsewhere, 'library'))).toEqual(expect.arrayContaining(['originals', 'records']));
  });

  test('forget what was erased since, and tell what is damaged in a backup by reading it', async () => {
    await command(['import', '--from', await list(origin.url('/a.jpg')), '--tenant', 'agency']);
    const to = join(dir.path, 'backup');
    expect((await command(['backup', '--to', to])).code).toBe(0);
    const copies = async () =>
      (await readdir(join(to, 'originals'), { recursive: true })).filter((name) => /[0-9a-f]{64}/.test(name));
    const [kept = ''] = await copies();
    expect(await command(['verify', '--from', to])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('1 of 1 originals are whole'),
    });
    const path = join(to, 'originals', kept);
    await writeFile(path, Buffer.alloc(picture.length));
    const damaged = await command(['verify', '--from', to]);
    expect(damaged).toMatchObject({ code: 1, stdout: `damaged or missing: ${digestOf(picture)}\n` });
    await rm(path);
    expect((await command(['verify', '--from', to])).code).toBe(1);
    // Made whole again by the next backup, beside what one that was killed has left.
    await writeFile(`${path}.new`, 'half');
    expect((await command(['backup', '--to', to])).stderr).toContain('1 of them copied now');
    expect((await command(['verify', '--from', to])).code).toBe(0);
    expect(await copies()).toEqual([kept]);
    const found = await library(environment.PROOFSHEET_DATA_DIR ?? '');
    const [entry] = (await found.assets.listAssets(TENANT, { limit: 1 })).entries;
    await found.assets.erase(TENANT, entry?.asset.id ?? ('' as never));
    await found.close();
    expect((await command(['backup', '--to', to])).stderr).toContain('1 that were erased since are removed');
    expect(await copies()).toEqual([]);
    expect((await command(['verify', '--from', dir.path])).stderr).toContain('expected a backup');
    expect((await command(['verify', '--from'])).code).toBe(64);
  });

  test('read the library in a data directory too: an original that is damaged or gone is named, beside a server', async () => {
    await command(['import', '--from', await list(origin.url('/a.jpg')), '--tenant', 'agency']);
    const server = await startServerProcess(environment);
    const whole = await command(['verify', '--json']);
    expect([whole.code, JSON.parse(whole.stdout).library]).toEqual([0, { originals: 1, damaged: [] }]);
    const originals = join(environment.PROOFSHEET_DATA_DIR ?? '', 'library', 'originals');
    const [kept = ''] = (await readdir(originals, { recursive: true })).filter((name) => /[0-9a-f]{64}/.test(name));
    await writeFile(join(originals, kept), Buffer.alloc(picture.length));
    expect(await command(['verify'])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`damaged or missing original ${digestOf(picture)}\n`),
    });
    await rm(join(originals, kept));
    const gone = await command(['verify', '--json']);
    expect([gone.code, JSON.parse(gone.stdout).library]).toEqual([1, { originals: 1, damaged: [digestOf(picture)] }]);
    server.kill('SIGTERM');
    expect(await server.gone).toBe(0);
  });

  test('find the earlier backup where one was ended while it took its place', async () => {
    await command(['import', '--from', await list(origin.url('/a.jpg')), '--tenant', 'agency']);
    const to = join(dir.path, 'backup');
    await command(['backup', '--to', to]);
    await rename(join(to, 'records'), join(to, 'records.old'));
    await mkdir(join(to, 'records.new'));
    expect((await command(['verify', '--from', to])).stderr).toContain('1 of 1');
    await cp(join(to, 'records'), join(to, 'records.old'), { recursive: true });
    expect((await command(['backup', '--to', to])).code).toBe(0);
    expect((await readdir(to)).toSorted()).toEqual(['originals', 'records', 'tombstones.jsonl']);
    const restored = await command(['restore', '--from', to], { PROOFSHEET_DATA_DIR: join(dir.path, 'elsewhere') });
    expect(restored.code).toBe(0);
  });

  test('say that another backup is being written there, and leave it alone', async () => {
    await command(['import', '--from', await list(origin.url('/a.jpg')), '--tenant', 'agency']);
    const to = join(dir.path, 'backup');
    expect((await command(['backup', '--to', to])).code).toBe(0);
    const before = await readdir(to);
    const other = await GroupLock.take(join(to, 'backup-in-use'), 'abcdef012345');
    const elsewhere = { PROOFSHEET_DATA_DIR: join(dir.path, 'elsewhere') };
    try {
      for (const [args, more] of [
        [['backup', '--to', to], {}],
        [['verify', '--from', to], {}],
        [['restore', '--from', to], elsewhere],
      ] as const) {
        const said = await command(args, more);
        expect([said.code, said.stdout]).toEqual([75, '']);
        expect(said.stderr).toContain(`another process is writing a backup to ${to} (${process.pid})`);
      }
      expect((await readdir(to)).toSorted()).toEqual([...before, 'backup-in-use'].toSorted());
    } finally {
      other.release();
    }
    expect((await command(['restore', '--from', to], elsewhere)).code).toBe(0);
  });

  test('tell whose pictures a backup has, and warn where no tenant has them', async () => {
    await command(['import', '--from', await list(origin.url('/a.jpg')), '--tenant', 'agency']);
    const to = join(dir.path, 'backup');
    const backup = await command(['backup', '--to', to, '--json']);
    expect(JSON.parse(backup.stdout)).toMatchObject({ contexts: ['agency'] });
    expect(JSON.parse(backup.stdout)).not.toHaveProperty('withoutTenant');
    const others = join(dir.path, 'others.yaml');
    await writeFile(others, '- { id: agency, context: another }');
    const restored = await command(['restore', '--from', to], {
      PROOFSHEET_DATA_DIR: join(dir.path, 'elsewhere'),
      PROOFSHEET_TENANTS: others,
    });
    expect(restored.code).toBe(0);
    expect(restored.stderr).toContain('no tenant in PROOFSHEET_TENANTS has the context "agency": nobody sees it');
  });

  test('say so where there is nothing to back up', async () => {
    const nothing = await command(['backup', '--to', join(dir.path, 'backup')]);
    expect(nothing.code).not.toBe(0);
    expect(nothing.stderr).toContain('nothing to back up');
  });
});
