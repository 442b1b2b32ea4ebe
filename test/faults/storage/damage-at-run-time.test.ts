// A catalog that is damaged while a server uses it: a row that is not as it was written is a miss, what no request can go
// round ends the process, and the next one serves everything that can still be read.
import { createHash } from 'node:crypto';
import { open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { expectAccounted } from '../../support/faults/accounts.js';
import { another, ask, isWhole, said, upload } from '../../support/faults/server-client.js';
import { until } from '../../support/gate.js';
import { freePort } from '../../support/ports.js';
import { type ServerProcess, scrape, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const HIT = 'key-007';
const PAGE_BYTES = 4_096;
/** Where a page tells of what kind it is; there is none of kind 0. */
const FLAGS_AT = 18;

let dir: TempDir;
let small: Buffer;
let digests: Map<string, string>;
const servers: ServerProcess[] = [];

beforeEach(async () => {
  dir = await tempDir();
  small ??= await encodedPhoto(60, 40);
});

afterEach(async () => {
  for (const server of servers) server.kill('SIGKILL');
  await Promise.all(servers.splice(0).map((server) => server.gone));
  await dir.remove();
});

async function start(workers = 1): Promise<ServerProcess> {
  // Workers that take others' places have to have their port.
  const port = workers > 1 ? await freePort() : 0;
  const environment = {
    PROOFSHEET_DATA_DIR: dir.path,
    PROOFSHEET_WORKERS: String(workers),
    PROOFSHEET_PORT: String(port),
  };
  const server = await startServerProcess(environment);
  servers.push(server);
  return server;
}

/** A server with `count` keys of `sources` sources in turn. */
async function filled(count: number, sources: number, workers = 1): Promise<ServerProcess> {
  const server = await start(workers);
  digests = new Map();
  const pictures = Array.from({ length: sources }, () => another(small));
  for (let n = 0; n < count; n++) {
    const key = `key-${String(n).padStart(3, '0')}`;
    const source = pictures[n % sources] ?? Buffer.of();
    digests.set(key, createHash('sha256').update(source).digest('hex'));
    expect(said(await upload(`${server.url}/cacheImage/${key}`, source))).toBe('200');
  }
  return server;
}

/** Every place of the catalog's file where `text` stands: those of older transactions too. */
async function placesOf(text: string): Promise<number[]> {
  const bytes = await readFile(join(dir.path, 'catalog', 'data.mdb'));
  const places: number[] = [];
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) places.push(at);
  return places;
}

/** The server reads the file through its pages in memory, which this writes to. */
async function overwrite(places: readonly number[], bytes: Buffer): Promise<void> {
  const file = await open(join(dir.path, 'catalog', 'data.mdb'), 'r+');
  for (const place of places) await file.write(bytes, 0, bytes.length, place);
  await file.close();
}

/** What is kept under `key` as the server tells it: a status, or a wrong source. */
async function kept(server: ServerProcess, key: string): Promise<string> {
  const outcome = await ask(`${server.url}/getMetadata/${key}`);
  if (outcome.status !== 200) return said(outcome);
  return outcome.body.includes(`sha256:${digests.get(key)}`) ? '200' : 'another source';
}

async function expectRightImages(server: ServerProcess): Promise<number> {
  let found = 0;
  for (const key of digests.keys()) {
    const state = await kept(server, key);
    expect(['200', '404/4040']).toContain(state);
    if (state !== '200') continue;
    expect(isWhole(await ask(`${server.url}/getImage/${key}/auto:200x150`))).toBe(true);
    found++;
  }
  return found;
}

async function dropBroken(): Promise<void> {
  for (const name of await readdir(dir.path))
    if (name.startsWith('catalog.broken-')) await rm(join(dir.path, name), { recursive: true });
}

/** The digit of a length in every record of `HIT`: still JSON, and nothing but a checksum tells. */
async function damageRecord(): Promise<void> {
  const start = `{"digest":"${digests.get(HIT)}","bytes":`;
  const records = await placesOf(start);
  expect(records.length).toBeGreaterThan(0);
  const lengths = records.map((place) => place + start.length);
  await overwrite(lengths, Buffer.from('7'));
}

it('a flipped bit in a record: a miss, counted, and everything else is served; an upload there ends the process, and the next saves all others', async () => {
  const first = await filled(12, 12);
  await damageRecord();
  for (const key of digests.keys())
    expect([key, await kept(first, key)]).toEqual([key, key === HIT ? '404/4040' : '200']);
  expect(await scrape(first.origin, 'proofsheet_damaged_records_total')).toBeGreaterThanOrEqual(1);
  expect((await ask(`${first.origin}/readyz`)).status).toBe(200);

  const anew = await upload(`${first.url}/cacheImage/${HIT}`, another(small)).catch(() => undefined);
  expect(anew === undefined ? 'cut' : said(anew)).toMatch(/cut|500\/5000/);
  expect(await first.gone).toBe(1);
  expect(first.log.some(({ message }) => String(message).includes('unexpected failure'))).toBe(true);

  const second = await start();
  expect(second.log.find(({ groups }) => groups !== undefined)).toMatchObject({ groups: digests.size - 1 });
  expect(await expectRightImages(second)).toBe(digests.size - 1);
  expect(await scrape(second.origin, 'proofsheet_decodes_total')).toBe(0);
  expect(said(await upload(`${second.url}/cacheImage/${HIT}`, another(small)))).toBe('200');
  second.kill('SIGTERM');
  expect(await second.gone).toBe(0);
  await dropBroken();
  expect((await expectAccounted(dir.path)).groups).toBe(digests.size);
});

it('a page that makes no sense: the process says so and ends, and the next one serves what the other pages hold', async () => {
  const first = await filled(400, 4);
  const pages = new Set((await placesOf(HIT)).map((place) => place - (place % PAGE_BYTES) + FLAGS_AT));
  await overwrite([...pages], Buffer.of(0, 0));
  expect(['500/5000', 'gone']).toContain(await kept(first, HIT).catch(() => 'gone'));
  const ready = ask(`${first.origin}/readyz`).then(
    ({ status }) => status,
    () => 'gone',
  );
  expect([503, 'gone']).toContain(await ready);
  // Not always with 1: it closes what it can, and what hangs over that page is given up.
  expect([1, 'SIGKILL', 'SIGSEGV', 'SIGBUS', 'SIGABRT']).toContain(await first.gone);
  const second = await start();
  const found = await expectRightImages(second);
  expect(found).toBeGreaterThan(digests.size / 2);
  expect(found).toBeLessThan(digests.size);
  expect(second.log.find(({ groups }) => groups !== undefined)).toMatchObject({ groups: found });
  for (const key of digests.keys()) {
    if ((await kept(second, key)) !== '200')
      expect(said(await upload(`${second.url}/cacheImage/${key}`, another(small)))).toBe('200');
  }
  second.kill('SIGTERM');
  expect(await second.gone).toBe(0);
  await dropBroken();
  expect((await expectAccounted(dir.path)).groups).toBe(digests.size);
});

it('workers that share the catalog begin anew one after the other, and go by one catalog afterwards', async () => {
  const server = await filled(12, 12, 2);
  await damageRecord();
  const anew = await upload(`${server.url}/cacheImage/${HIT}`, another(small)).catch(() => undefined);
  expect(anew === undefined ? 'cut' : said(anew)).toMatch(/cut|500\/5000/);
  const ended = () => server.log.filter(({ message }) => String(message).startsWith('a worker ended'));
  const listening = () => server.log.filter(({ message }) => message === 'listening');
  await until(() => ended().length === 2 && listening().length === 4, 'both workers were replaced');
  expect(await expectRightImages(server)).toBe(digests.size - 1);
  expect(said(await upload(`${server.url}/cacheImage/${HIT}`, small))).toBe('200');
  digests.set(HIT, createHash('sha256').update(small).digest('hex'));
  // Connections of their own, so that both workers are asked.
  for (let round = 0; round < 20; round++) {
    const answer = await ask(`${server.url}/getMetadata/${HIT}`, { headers: { connection: 'close' } });
    expect(answer.body.includes(`sha256:${digests.get(HIT)}`)).toBe(true);
  }
});
