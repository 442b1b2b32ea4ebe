// Bits that flip on the disk: in a blob they are detected, counted and healed, or the image is a miss; in the catalog the
// server answers right or not at all, and at the latest a restart serves again.
import { createHash } from 'node:crypto';
import { copyFile, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blobPath } from '../../support/embedded.js';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { expectAccounted } from '../../support/faults/accounts.js';
import { another, ask, isWhole, type Outcome, said, upload } from '../../support/faults/server-client.js';
import { type ServerProcess, scrape, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const FORMATS = ['auto:200x150', 'auto:800x800', 'auto:1920x1080'] as const;

let dir: TempDir;
let photo: Buffer;
const servers: ServerProcess[] = [];

beforeEach(async () => {
  dir = await tempDir();
  photo ??= await encodedPhoto(900, 700);
});

afterEach(async () => {
  for (const server of servers) server.kill('SIGKILL');
  await Promise.all(servers.splice(0).map((server) => server.gone));
  await dir.remove();
});

async function start(): Promise<ServerProcess> {
  const server = await startServerProcess({ PROOFSHEET_DATA_DIR: dir.path });
  servers.push(server);
  return server;
}

async function stop(server: ServerProcess): Promise<void> {
  server.kill('SIGTERM');
  expect(await server.gone).toBe(0);
}

/** Flips one bit of the file, `at` (0 to 1) of its length. */
async function flipBit(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    const position = Math.floor(at * ((await file.stat()).size - 1));
    await file.read(byte, 0, 1, position);
    await file.write(Buffer.of((byte[0] ?? 0) ^ 0x10), 0, 1, position);
  } finally {
    await file.close();
  }
}

async function allBlobs(): Promise<string[]> {
  const files = await readdir(join(dir.path, 'blobs'), { recursive: true });
  return files.map((file) => file.split('/').at(-1) ?? '').filter((name) => name.length === 64);
}

describe('a flipped bit', () => {
  it.each([0, 0.5, 1])('at %d of every preview is detected, counted and healed from the source', async (at) => {
    const first = await start();
    const source = another(photo);
    expect(said(await upload(`${first.url}/cacheImage/a`, source))).toBe('200');
    const before = await Promise.all(FORMATS.map((format) => ask(`${first.url}/getImage/a/${format}`)));
    await stop(first);
    const sourceDigest = createHash('sha256').update(source).digest('hex');
    const previews = (await allBlobs()).filter((digest) => digest !== sourceDigest);
    for (const digest of previews) await flipBit(blobPath(dir.path, digest), at);
    const second = await start();
    for (const [index, format] of FORMATS.entries()) {
      const outcome = await ask(`${second.url}/getImage/a/${format}`);
      expect([said(outcome), outcome.body.equals(before[index]?.body ?? Buffer.of())]).toEqual(['200', true]);
    }
    // A heal makes all of them again, so the others were found by nobody.
    expect(await scrape(second.origin, 'proofsheet_damaged_blobs_total')).toBeGreaterThanOrEqual(1);
    expect(await scrape(second.origin, 'proofsheet_healed_previews_total')).toBeGreaterThanOrEqual(1);
    await stop(second);
    await expectAccounted(dir.path);
  });

  it('in a preview and its source makes the image a miss, and an upload makes it anew', async () => {
    const first = await start();
    expect(said(await upload(`${first.url}/cacheImage/a`, photo))).toBe('200');
    await stop(first);
    for (const digest of await allBlobs()) await flipBit(blobPath(dir.path, digest), 0.5);
    const second = await start();
    expect(said(await ask(`${second.url}/getImage/a/auto:200x150`))).toBe('404/4040');
    expect(said(await ask(`${second.url}/getMetadata/a`))).toBe('404/4040');
    expect(await scrape(second.origin, 'proofsheet_damaged_blobs_total')).toBe(2);
    expect(isWhole(await upload(`${second.url}/cacheAndGetImage/a/auto:200x150`, photo))).toBe(true);
    for (const format of FORMATS) expect(isWhole(await ask(`${second.url}/getImage/a/${format}`))).toBe(true);
    await stop(second);
    await expectAccounted(dir.path);
  });
});

/** Where in a page: its flags, the number of its entries, its entries, its rows. */
const WITHIN_PAGE = [18, 24, 100, 2_000, 4_000] as const;
const PLACES = Number(process.env.PROOFSHEET_TEST_DAMAGED_PLACES ?? 8);

it(`a catalog with a flipped byte at one of ${PLACES} places never gives a wrong image and never keeps the server from starting`, {
  timeout: 30_000 + PLACES * 10_000,
}, async () => {
  const keys = Array.from({ length: 20 }, (_, n) => `key-${n}`);
  const small = await encodedPhoto(60, 40);
  const first = await start();
  const digests = new Map<string, string>();
  for (const key of keys) {
    const source = another(small);
    digests.set(key, createHash('sha256').update(source).digest('hex'));
    expect(said(await upload(`${first.url}/cacheImage/${key}`, source))).toBe('200');
  }
  await stop(first);
  const catalog = join(dir.path, 'catalog', 'data.mdb');
  const healthy = join(dir.path, 'healthy.mdb');
  await copyFile(catalog, healthy);
  const pages = Math.floor((await stat(catalog)).size / 4_096);
  const tally: Record<string, number> = {};
  const count = (what: string) => {
    tally[what] = (tally[what] ?? 0) + 1;
  };
  for (let place = 0; place < PLACES; place++) {
    await copyFile(healthy, catalog);
    const page = Math.floor(((place + 0.5) / PLACES) * pages);
    await setAllBits(catalog, page * 4_096 + (WITHIN_PAGE[place % WITHIN_PAGE.length] ?? 0));
    let server = await startLikeASupervisor(count);
    /** What no answer can go round ends the server: its supervisor starts another, which is asked again. */
    const surviving = async (request: () => Promise<Outcome>): Promise<Outcome> => {
      const outcome = await request().catch(() => undefined);
      if (outcome !== undefined && outcome.code !== 5_000) return outcome;
      await server.gone;
      count('ended while it served');
      server = await startLikeASupervisor(count);
      return request();
    };
    for (const key of keys) {
      const outcome = await surviving(() => ask(`${server.url}/getMetadata/${key}`));
      // What cannot be read is refused: one row that was damaged, or all of a page.
      expect(['200', '404/4040']).toContain(said(outcome));
      count(said(outcome));
      if (outcome.status !== 200) continue;
      expect(outcome.body.toString()).toContain(`sha256:${digests.get(key)}`);
      const image = await surviving(() => ask(`${server.url}/getImage/${key}/auto:200x150`));
      expect(said(image) === '404/4040' || isWhole(image), said(image)).toBe(true);
    }
    count(`upload ${said(await surviving(() => upload(`${server.url}/cacheImage/new-${place}`, another(small))))}`);
    if (server.log.some(({ message }) => String(message).includes('set aside'))) count('set aside');
    server.kill('SIGKILL');
    await server.gone;
  }
  expect(tally['200']).toBeGreaterThan(0);
  expect(tally['upload 200']).toBeGreaterThan(0);
  console.log(`${PLACES} places of ${pages} pages: ${JSON.stringify(tally)}`);
});

/** A damaged page can fault in LMDB: a supervisor starts again, and after three times the catalog is set aside. */
async function startLikeASupervisor(count: (what: string) => void): Promise<ServerProcess> {
  for (let attempt = 1; attempt <= 3; attempt++) {
    try {
      return await start();
    } catch (error) {
      expect(String(error)).toContain('the server ended with null');
      count('faulted at the start');
    }
  }
  return start();
}

async function setAllBits(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(Buffer.of(0xff, 0xff, 0xff, 0xff), 0, 4, at);
  await file.close();
}
