// The port with imaginary alone, as a container of its name would have it: the same dialect at the root, and no other; it is drained and
// closed as the main port is.
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { image, photo } from '../support/images.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';

let dir: TempDir;
let server: ServerProcess;
let alone: string;
let jpeg: Buffer;

beforeAll(async () => {
  dir = await tempDir();
  server = await startServerProcess({
    PROOFSHEET_DATA_DIR: dir.path,
    PROOFSHEET_DIALECTS: 'image-converter,imaginary',
    PROOFSHEET_IMAGINARY_PORT: '0',
  });
  alone = String(server.log.find(({ message }) => message === 'listening')?.imaginaryUrl);
  jpeg = await image(await photo(900, 600, 4))
    .jpeg()
    .toBuffer();
});
afterAll(() => dir.remove());

const post = (url: string, body = jpeg) => fetch(url, { method: 'POST', body: new Uint8Array(body) });

test('answers at its root what the main port answers below its path, from one store', async () => {
  expect(await (await fetch(`${alone}/`)).json()).toHaveProperty('imaginary');
  expect(await (await fetch(`${alone}/health`)).json()).toHaveProperty('uptime');
  const first = await post(`${alone}/fit?width=300&height=300`);
  expect([first.status, first.headers.get('image-width')]).toEqual([200, '300']);
  const again = await post(`${server.origin}/imaginary/fit?width=300&height=300`);
  expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
  const { width, height } = await sharp(Buffer.from(await first.arrayBuffer())).metadata();
  expect([width, height]).toEqual([300, 200]);
});

test.each([
  '/imageconverter/getKeys',
  '/imaginary/health',
  '/healthz',
  '/metrics',
  '/openapi.json',
  '//imageconverter/getKeys',
  '/../imageconverter/getKeys',
  '/%2e%2e/metrics',
])('has nothing else: %s', async (path) => {
  const answer = await fetch(`${alone}${path}`);
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({ status: 404, message: expect.any(String) });
});

test('answers what is under way when it is asked to end, and takes nothing more', async () => {
  const large = await image(await photo(1500, 1000, 6))
    .png()
    .toBuffer();
  const answer = post(`${alone}/fit?width=1200&height=1200`, large);
  await new Promise((resolve) => setTimeout(resolve, 150));
  server.kill('SIGTERM');
  expect((await answer).status).toBe(200);
  expect(await server.gone).toBe(0);
  await expect(fetch(`${alone}/`)).rejects.toThrow();
});
