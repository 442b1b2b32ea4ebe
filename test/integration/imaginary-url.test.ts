// Pictures that a GET names by URL: fetched within limits, from allowed places, signed, kept by caches as an operator says.
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { flat, image, photo } from '../support/images.js';
import { type ServerProcess, scrape, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';

const MAX_BYTES = 1_000_000;
const KEY = 'a-key-of-thirty-two-characters-01';
let dirs: TempDir[];
let origin: Server;
let port: number;
let asked = 0;
let plain: ServerProcess;
let strict: ServerProcess;

async function start(environment: Readonly<Record<string, string>>): Promise<ServerProcess> {
  const dir = await tempDir();
  dirs.push(dir);
  return startServerProcess({
    PROOFSHEET_DATA_DIR: dir.path,
    PROOFSHEET_DIALECTS: 'image-converter,imaginary',
    PROOFSHEET_IMAGINARY_SOURCES: `http://127.0.0.1:${port}/pictures`,
    PROOFSHEET_FETCH_ALLOW: `127.0.0.1:${port}`,
    PROOFSHEET_MAX_SOURCE_BYTES: String(MAX_BYTES),
    ...environment,
  });
}

beforeAll(async () => {
  dirs = [await tempDir()];
  const jpeg = await image(await photo(550, 740, 5))
    .jpeg()
    .toBuffer();
  origin = createServer((request, response) => {
    asked++;
    const path = request.url ?? '';
    if (path.includes('large'))
      response.writeHead(200, { 'Content-Type': 'image/jpeg' }).end(Buffer.concat([jpeg, Buffer.alloc(MAX_BYTES)]));
    else if (path.includes('photo')) response.writeHead(200, { 'Content-Type': 'image/jpeg' }).end(jpeg);
    else if (path.includes('text')) response.writeHead(200, { 'Content-Type': 'image/jpeg' }).end('no picture at all');
    else if (path.includes('away')) response.writeHead(302, { Location: 'http://169.254.169.254/photo.jpg' }).end();
    else response.writeHead(Number(/status-(\d+)/.exec(path)?.[1] ?? 404)).end();
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  ({ port } = origin.address() as AddressInfo);
  const placeholder = join(dirs[0]?.path ?? '', 'placeholder.png');
  writeFileSync(
    placeholder,
    await image(flat(40, 40, [200, 30, 30]))
      .png()
      .toBuffer(),
  );
  [plain, strict] = await Promise.all([
    start({}),
    start({
      PROOFSHEET_IMAGINARY_SIGN_KEY: KEY,
      PROOFSHEET_IMAGINARY_CACHE_TTL: '3600',
      PROOFSHEET_SURROGATE_KEYS: 'Surrogate-Key',
      PROOFSHEET_IMAGINARY_PLACEHOLDER: placeholder,
    }),
  ]);
});
afterAll(async () => {
  for (const server of [plain, strict]) server.kill('SIGTERM');
  await Promise.all([plain.gone, strict.gone]);
  origin.close();
  for (const dir of dirs) await dir.remove();
});

const source = (path: string) => encodeURIComponent(`http://127.0.0.1:${port}/pictures/${path}`);
const get = (path: string) => fetch(`${plain.origin}/imaginary${path}`);

test('are fetched and drawn, once; told to caches as not to be kept', async () => {
  const path = `/crop?width=200&height=200&url=${source('photo.jpg')}`;
  const answer = await get(path);
  expect([answer.status, answer.headers.get('image-width'), answer.headers.get('image-height')]).toEqual([
    200,
    '200',
    '200',
  ]);
  expect(answer.headers.get('cache-control')).toBe('private, no-cache, no-store, must-revalidate');
  const { width, format } = await sharp(Buffer.from(await answer.arrayBuffer())).metadata();
  expect([width, format]).toEqual([200, 'jpeg']);
  const decodes = () => scrape(plain.origin, 'proofsheet_decodes_total');
  const before = await decodes();
  expect((await get(path)).headers.get('etag')).toBe(answer.headers.get('etag'));
  expect(await decodes()).toBe(before);
  const head = await fetch(`${plain.origin}/imaginary${path}`, { method: 'HEAD' });
  expect([head.status, head.headers.get('etag')]).toEqual([200, answer.headers.get('etag')]);
});

test('what is known of them is told, too', async () => {
  const answer = await get(`/info?url=${source('photo.jpg')}`);
  expect([answer.status, await answer.json()]).toEqual([
    200,
    expect.objectContaining({ width: 550, height: 740, type: 'jpeg', orientation: 0 }),
  ]);
  expect(answer.headers.get('cache-control')).toBe('private, no-cache, no-store, must-revalidate');
  expect((await get('/info')).status).toBe(400);
  expect((await get(`/info?url=${source('status-403')}`)).status).toBe(403);
});

test('at most as many bytes are read of one as may be uploaded', async () => {
  const before = asked;
  const answer = await get(`/crop?width=20&url=${source('large-photo.jpg')}`);
  expect([answer.status, asked]).toEqual([413, before + 1]);
});

test.each([
  ['what its host says is told on', () => `url=${source('status-400')}`, 400],
  ['the same of another status', () => `url=${source('status-403')}`, 403],
  ['what is not there', () => `url=${source('nothing')}`, 404],
  ['a host that fails', () => `url=${source('status-502')}`, 502],
  ['no picture', () => `url=${source('text.jpg')}`, 406],
  ['a place that is not allowed', () => `url=${encodeURIComponent(`http://127.0.0.1:${port}/other/photo.jpg`)}`, 400],
  ['another host', () => 'url=http%3A%2F%2Fexample.org%2Fpictures%2Fphoto.jpg', 400],
  ['an address behind a redirect', () => `url=${source('away')}`, 400],
  ['no http', () => 'url=file%3A%2F%2F%2Fetc%2Fpasswd', 400],
  ['a file of the server', () => 'file=photo.jpg', 400],
  ['a file above its root', () => 'file=..%2F..%2Fetc%2Fpasswd', 400],
  ['nothing at all', () => '', 400],
])('%s', async (_what, query, status) => {
  const answer = await get(`/crop?width=200&height=200&${query()}`);
  expect(answer.status).toBe(status);
  expect(await answer.json()).toMatchObject({ status, message: expect.not.stringContaining('127.0.0.1') });
  expect(answer.headers.get('cache-control')).toBe('no-store');
});

test('an upload is drawn whatever URL stands beside it, and nothing is fetched for it', async () => {
  const before = asked;
  const body = new Uint8Array(
    await image(flat(60, 40, [1, 2, 3]))
      .png()
      .toBuffer(),
  );
  const answer = await fetch(`${plain.origin}/imaginary/fit?width=30&height=30&url=${source('photo.jpg')}`, {
    method: 'POST',
    body,
  });
  expect([answer.status, answer.headers.get('image-width')]).toEqual([200, '30']);
  expect(asked).toBe(before);
});

/** As imaginary has it: the path, and the query sorted by its names and encoded as Go does, which is not as browsers do. */
function signed(path: string, values: Readonly<Record<string, string>>, key = KEY): string {
  const query = new URLSearchParams(values);
  query.sort();
  const sign = createHmac('sha256', key)
    .update(path)
    .update(query.toString().replaceAll('*', '%2A').replaceAll('%7E', '~'))
    .digest('base64url');
  return `${strict.origin}${path}?${query}&sign=${sign}`;
}
const photoOf = () => ({ width: '50', url: `http://127.0.0.1:${port}/pictures/photo.jpg?a=b c&d=(1)*'~` });

test('a signed URL is answered, and may be kept for so long; of the path below the mount too', async () => {
  const answer = await fetch(signed('/imaginary/resize', photoOf()));
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([
    200,
    'public, s-maxage=3600, max-age=3600, no-transform',
  ]);
  // Of the context, the content, and all.
  expect(answer.headers.get('surrogate-key')).toMatch(/^c-[0-9a-f]{16} s-[0-9a-f]{16} proofsheet$/);
  const below = signed('/resize', photoOf()).replace('/resize?', '/imaginary/resize?');
  expect((await fetch(below)).status).toBe(200);
});

test('another signature, none, or another query are refused before anything is fetched', async () => {
  const before = asked;
  const url = signed('/imaginary/resize', photoOf());
  for (const [wrong, status] of [
    [url.replace('width=50', 'width=51'), 403],
    [signed('/imaginary/resize', photoOf(), 'another-key-of-thirty-two-chars!'), 403],
    [signed('/imaginary/fit', photoOf()).replace('/fit?', '/resize?'), 403],
    [url.replace(/&sign=.*/, ''), 400],
    [url.replace(/sign=.*/, 'sign=not*base64'), 400],
  ] as const) {
    const answer = await fetch(wrong);
    expect([wrong, answer.status]).toEqual([wrong, status]);
    expect(await answer.json()).toMatchObject({ status });
  }
  for (const path of ['/imaginary/info', '/imaginary/pipeline'])
    expect((await fetch(`${strict.origin}${path}?url=${source('photo.jpg')}`)).status).toBe(400);
  expect(asked).toBe(before);
  expect((await fetch(signed('/imaginary/info', photoOf()))).status).toBe(200);
  expect(JSON.stringify(strict.log)).not.toContain(KEY);
});

test('a placeholder stands for what cannot be had, in its size and type, with the status of the failure', async () => {
  const url = `http://127.0.0.1:${port}/pictures/status-404`;
  const answer = await fetch(signed('/imaginary/crop', { width: '120', height: '80', type: 'webp', url }));
  expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'image/webp']);
  expect(JSON.parse(answer.headers.get('error') ?? '')).toMatchObject({ status: 404 });
  expect(answer.headers.get('cache-control')).toBe('no-store');
  const { width, height } = await sharp(Buffer.from(await answer.arrayBuffer())).metadata();
  expect([width, height]).toEqual([120, 80]);
});
