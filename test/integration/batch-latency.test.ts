// A list of 50 thumbnails over HTTP/1.1 where each way takes 25 ms: one batch, against a request for each over six connections, as browsers do.
import { Agent, request } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ProofsheetClient } from '../../src/client/index.js';
import { blobOfBytes } from '../support/client-of.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';

const LATENCY_MS = 50;
const THUMBNAILS = 50;
const CONNECTIONS = 6;
const FORMAT = 'auto:200x150';
/** Each is measured so often at most, in turns; the best counts: what else the machine does only adds. */
const TIMES = 40;

let dir: TempDir;
let server: ServerProcess;
let far: { readonly url: string; close(): void };
let keys: readonly string[];

/** Hands on what comes half of the latency later, in both directions; connections are opened as late. */
async function farAway(target: URL): Promise<typeof far> {
  const sockets = new Set<Socket>();
  const later = (act: () => void) => setTimeout(act, LATENCY_MS / 2);
  const proxy = createServer((near) => {
    const there = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [near, there],
      [there, near],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (chunk: Buffer) => later(() => to.write(chunk)));
      from.on('end', () => later(() => to.end()));
      from.on('error', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${target.pathname}`,
    close() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}

beforeAll(async () => {
  dir = await tempDir();
  server = await startServerProcess({ PROOFSHEET_DATA_DIR: dir.path });
  const client = new ProofsheetClient({ url: server.url, retries: 30 });
  keys = Array.from({ length: THUMBNAILS }, (_, index) => `thumbnail-${index}`);
  for (const [index, key] of keys.entries())
    await client.put(blobOfBytes(await jpegOf(400 + index, 300, '#3366cc')), { key });
  far = await farAway(new URL(server.url));
}, 300_000);
afterAll(async () => {
  far?.close();
  server?.kill('SIGTERM');
  await server?.gone;
  await dir?.remove();
});

function fetched(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { agent }, (answer) => {
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      answer.on('end', () => resolve(answer.statusCode === 200 ? bytes : 0));
    })
      .on('error', reject)
      .end();
  });
}

/** The connections stand already: who opens a list has loaded the page. */
async function oneByOne(agent: Agent): Promise<number> {
  const url = (key: string) => `${far.url}/getImage/${key}/${FORMAT}`;
  await Promise.all(keys.slice(0, CONNECTIONS).map((key) => fetched(url(key), agent)));
  const startedAt = performance.now();
  const sizes = await Promise.all(keys.map((key) => fetched(url(key), agent)));
  expect(sizes.every((size) => size > 100)).toBe(true);
  return performance.now() - startedAt;
}

async function batch(): Promise<number> {
  const client = new ProofsheetClient({ url: far.url });
  await client.keyCount();
  const startedAt = performance.now();
  let found = 0;
  for await (const { preview } of client.previews(keys.map((key) => ({ key, format: FORMAT }))))
    if ((preview?.size ?? 0) > 100) found++;
  expect(found).toBe(THUMBNAILS);
  return performance.now() - startedAt;
}

it('takes at most a third of the time in one batch', { timeout: 300_000 }, async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  let [one, other] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let time = 0; time < TIMES && (time === 0 || other / one > 1 / 3); time++) {
    one = Math.min(one, await oneByOne(agent));
    other = Math.min(other, await batch());
  }
  agent.destroy();
  // Nine turns of the latency are the least that 50 requests over 6 connections take.
  expect(one).toBeGreaterThanOrEqual(Math.ceil(THUMBNAILS / CONNECTIONS) * LATENCY_MS - 10);
  expect(other / one).toBeLessThanOrEqual(1 / 3);
});
