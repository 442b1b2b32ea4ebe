// `proofsheet doctor` finds what was broken on purpose: each kind of fault of a machine is made, and told with advice.
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/commands/doctor.js';
import { setClock } from '../support/faults/set-clock.js';
import { freePort } from '../support/ports.js';
import { run } from '../support/processes.js';
import { redisCommand } from '../support/redis-command.js';
import { startStandalone } from '../support/redis-servers.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { NODE, requireTool } from '../support/tools.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SLOW = { timeout: 300_000 };

let dir: TempDir;
beforeAll(async () => {
  dir = await tempDir();
});
afterAll(() => dir.remove());

/** The findings by name, of the machine as `shell` makes it before the command. */
async function findings(environment: Record<string, string> = {}, shell = '', root = ROOT) {
  const env = { PATH: process.env.PATH ?? '', PROOFSHEET_DATA_DIR: join(dir.path, 'data'), ...environment };
  const script = `${shell}\nexec "$0" "$1" doctor --json`;
  const args = ['-c', script, NODE, join(root, 'bin', 'cli.js')];
  const { stdout } = await run(await requireTool('bash'), args, { env }).catch(
    (error: { readonly stdout: string }) => error,
  );
  const { findings: told } = JSON.parse(stdout) as { readonly findings: readonly Finding[] };
  for (const { state, advice } of told) expect(advice !== undefined).toBe(state !== 'ok');
  return Object.fromEntries(told.map((finding) => [finding.name, finding]));
}

describe('the machine', SLOW, () => {
  it('allows too few open files and processes', async () => {
    const found = await findings({ PROOFSHEET_CONVERTERS: '64' }, 'ulimit -n 1000; ulimit -u 4000');
    expect(found['open files']).toMatchObject({ state: 'warning', what: '1000 allowed' });
    expect(found.processes).toMatchObject({ state: 'warning', what: '4000 allowed' });
  });

  it('has no room for what the cache may have, or no place where it may write', async () => {
    expect((await findings({ PROOFSHEET_DISK_MAX_BYTES: '1000TiB' })).disk).toMatchObject({
      state: 'warning',
      advice: expect.stringContaining('PROOFSHEET_DISK_MAX_BYTES'),
    });
    await writeFile(join(dir.path, 'file'), '');
    const nowhere = await findings({ PROOFSHEET_DATA_DIR: join(dir.path, 'file', 'data') });
    expect(nowhere['data directory']).toMatchObject({ state: 'failure' });
  });

  it('has too little memory for its converters', async () => {
    expect((await findings({ PROOFSHEET_CONVERTERS: '256' })).memory).toMatchObject({
      state: 'warning',
      what: expect.stringContaining('256 converters'),
    });
  });

  it('has no font', async () => {
    const config = join(dir.path, 'fonts.conf');
    await writeFile(config, '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig></fontconfig>');
    expect((await findings({ FONTCONFIG_FILE: config })).fonts).toMatchObject({ state: 'warning' });
    const off = await findings({ FONTCONFIG_FILE: config, PROOFSHEET_SOURCE_TYPES: 'jpeg' });
    expect(off.fonts).toMatchObject({ state: 'ok' });
  });

  it('has no decoder of a type that is enabled', async () => {
    const root = join(dir.path, 'without');
    for (const part of ['bin', 'config', 'package.json'])
      await cp(join(ROOT, part), join(root, part), { recursive: true });
    for (const name of await readdir(join(ROOT, 'node_modules'))) {
      const scoped = name.startsWith('@') ? await readdir(join(ROOT, 'node_modules', name)) : [''];
      for (const one of scoped) {
        const place = join('node_modules', name, one);
        if (name === 'libheif-js' || place.endsWith('@hyzyla/pdfium')) continue;
        await mkdir(dirname(join(root, place)), { recursive: true });
        await symlink(join(ROOT, place), join(root, place));
      }
    }
    const found = await findings({ PROOFSHEET_SOURCE_TYPES: 'jpeg,heic,pdf,jxl' }, '', root);
    expect(found.decoders).toMatchObject({
      state: 'failure',
      what: 'libheif-js, @hyzyla/pdfium missing',
      advice: 'npm install libheif-js @hyzyla/pdfium',
    });
    expect((await findings({ PROOFSHEET_SOURCE_TYPES: 'jpeg,heic,pdf,jxl' })).decoders).toMatchObject({ state: 'ok' });
  });

  it('does not know what day it is', async () => {
    const clock = await setClock(join(dir.path, 'offset'));
    clock.set(-24 * 365 * 10);
    expect((await findings(clock.environment)).clock).toMatchObject({ state: 'failure' });
  });
});

describe('a shared tier', SLOW, () => {
  it('is not there', async () => {
    const found = await findings({ PROOFSHEET_REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    expect(found['shared tier']).toMatchObject({ state: 'failure', what: expect.stringContaining('Redis') });
  });

  it('asks for another password, takes away what must last, or goes by another clock', async () => {
    const redis = await startStandalone();
    try {
      const environment = { PROOFSHEET_REDIS_URL: redis.url };
      const well = await findings(environment);
      for (const name of ['shared tier', 'Redis eviction', 'clock beside Redis'])
        expect(well[name]).toMatchObject({ state: 'ok' });
      await redisCommand(redis.server.port, ['CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru']);
      const evicting = await findings(environment);
      expect(evicting['Redis eviction']).toMatchObject({
        state: 'warning',
        what: expect.stringContaining('allkeys-lru'),
        advice: expect.stringContaining('volatile-lru'),
      });
      const clock = await setClock(join(dir.path, 'ahead'));
      clock.set(1);
      expect((await findings({ ...environment, ...clock.environment }))['clock beside Redis']).toMatchObject({
        state: 'warning',
        what: expect.stringMatching(/^3(?:59|60)\d{4} ms ahead$/),
      });
      await redisCommand(redis.server.port, ['CONFIG', 'SET', 'requirepass', 'a-password']);
      expect((await findings(environment))['shared tier']).toMatchObject({ state: 'failure' });
    } finally {
      await redis.stop();
    }
  });
});
