// kill -9 while a pyramid is made: of the server at every stage, and of the process that makes it. It is taken up again by whoever asks
// next, and in the end there is one blob, whole, and nothing else.
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { until } from '../../support/gate.js';
import { sourceForm } from '../../support/multipart.js';
import { argumentsOf, descendantsOf, runSync, signalIfThere } from '../../support/processes.js';
import { type ServerProcess, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { NODE } from '../../support/tools.js';

const CLI = fileURLToPath(new URL('../../../bin/cli.js', import.meta.url));
/** 24 megapixels: long enough to be met in every stage. */
const WIDTH = 6000;
const HEIGHT = 4000;
/** How often it is asked whether the making is over already. */
const MAKING_MS = 2000;
/** A machine that is busy with other things may not let the test look while a short stage lasts. */
const TRIES = 10;

let photo: Buffer;
let dir: TempDir;
let server: ServerProcess;

beforeAll(async () => {
  photo = await encodedPhoto(WIDTH, HEIGHT);
}, 120_000);
afterAll(async () => {
  server?.kill('SIGKILL');
  await server?.gone;
  await dir?.remove();
});

const start = () =>
  startServerProcess({
    PROOFSHEET_DATA_DIR: dir.path,
    PROOFSHEET_DIALECTS: 'image-converter,dzi',
    // Nothing stands in for a tile, and nobody waits long.
    PROOFSHEET_TARGET_FORMATS: 'auto:200x150~cover',
    PROOFSHEET_ZOOM_WAIT_MS: '0',
  });
const tile = () => fetch(`${server.origin}/dzi/_/photo_files/13/3_2.jpg`);

/** All files below `tmp/` that a pyramid is made in, by their names. */
async function stages(): Promise<readonly string[]> {
  const names = await readdir(join(dir.path, 'tmp'), { recursive: true }).catch(() => []);
  return names.filter((name) => name.includes('pyramid-'));
}

const STAGES = [
  { what: 'its source is copied', isAt: (names: readonly string[]) => names.some((name) => name.endsWith('source')) },
  { what: 'tiles are cut', isAt: (names: readonly string[]) => names.some((name) => name.endsWith('tiles.zip')) },
  {
    what: 'tiles are put in order',
    isAt: (names: readonly string[]) => names.some((name) => name.endsWith('.pyramid')),
  },
] as const;

async function whole(): Promise<void> {
  await until(async () => (await tile()).status === 200, 'the tile is there');
  const answer = await tile();
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect(answer.headers.get('etag')).toBe(`"${digestOf(bytes)}"`);
  expect(await pyramids()).toBe(1);
  await until(async () => (await stages()).length === 0, 'nothing is left of the making');
}

/** Stored blobs that are pyramids: the last of them is an index, which begins with its own name. */
async function pyramids(): Promise<number> {
  const blobs = join(dir.path, 'blobs');
  let found = 0;
  for (const name of await readdir(blobs, { recursive: true })) {
    if (!/[0-9a-f]{64}$/.test(name)) continue;
    const file = await open(join(blobs, name));
    const { size } = await file.stat();
    const end = Buffer.alloc(Math.min(size, 256 * 1024));
    await file.read(end, 0, end.length, size - end.length);
    await file.close();
    if (end.includes('PSPYRAM1')) found++;
  }
  return found;
}

/** Of a server that has nothing yet: true if it was killed at the stage, false if that was over before anybody looked. */
async function killedWhen(isAt: (names: readonly string[]) => boolean): Promise<boolean> {
  dir = await tempDir();
  server = await start();
  const stored = await fetch(`${server.url}/cacheImage/photo`, { method: 'POST', body: sourceForm(photo) });
  expect(stored.status).toBe(200);
  expect((await tile()).status).toBe(503);
  const made = { at: performance.now() + MAKING_MS };
  // Some stages last 30 ms: pauses that grow, as those of `until` do, would pass them over.
  while (!isAt(await stages())) {
    if (performance.now() > made.at) {
      if ((await pyramids()) > 0) return false;
      made.at += MAKING_MS;
    }
    await setTimeout(1);
  }
  server.kill('SIGKILL');
  await server.gone;
  return (await pyramids()) === 0;
}

describe('a pyramid whose server is killed', () => {
  it.each(STAGES)('while $what is made again, once', { timeout: 300_000 }, async ({ isAt }) => {
    for (let tries = 1; !(await killedWhen(isAt)); tries++) {
      expect(tries, 'the stage was over each time before it was seen').toBeLessThan(TRIES);
      server.kill('SIGKILL');
      await server.gone;
      await dir.remove();
    }
    server = await start();
    await whole();
    server.kill('SIGKILL');
    await server.gone;
    const env = { PATH: process.env.PATH ?? '', PROOFSHEET_DATA_DIR: dir.path };
    const verified = runSync(NODE, [CLI, 'verify', '--json'], { env });
    expect(JSON.parse(verified.stdout)).toMatchObject({ damaged: [], missing: [] });
    await dir.remove();
  });
});

describe('a pyramid whose process is killed', () => {
  it('is made again by another one, and the server goes on', { timeout: 300_000 }, async () => {
    dir = await tempDir();
    server = await start();
    await fetch(`${server.url}/cacheImage/photo`, { method: 'POST', body: sourceForm(photo) });
    expect((await tile()).status).toBe(503);
    await until(async () => STAGES[1].isAt(await stages()), 'tiles are cut');
    const makers = descendantsOf(server.pid).filter((pid) => argumentsOf(pid).join(' ').includes('"streams":true'));
    expect(makers).toHaveLength(1);
    for (const pid of makers) signalIfThere(pid, 'SIGKILL');
    await whole();
  });
});
