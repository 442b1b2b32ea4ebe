// Whoever reads the log may stall or go: requests are answered all the same, and the server ends when it is asked to.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PATIENCE_MS, until } from '../support/gate.js';
import { freePort } from '../support/ports.js';
import { run, start } from '../support/processes.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { NODE, requireTool } from '../support/tools.js';

const MAIN = new URL('../../bin/main.js', import.meta.url).pathname;
/** A pipe holds 64 KiB, a socket some 200; a line has about 200 bytes. */
const LINES = 3_000;
/** How long a server may take that has nothing to end. */
const ENDS_WITHIN_MS = 25_000;

let dir: TempDir;
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(() => dir.remove());

/** Starts a server by `program`; resolves once it answers, with its origin and what tells of its end. */
async function serve(program: Parameters<typeof start>[0], args: readonly string[], workers: number) {
  const port = await freePort();
  const env = {
    PATH: process.env.PATH ?? '',
    PROOFSHEET_PORT: String(port),
    PROOFSHEET_DATA_DIR: join(dir.path, 'data'),
    PROOFSHEET_WORKERS: String(workers),
    PROOFSHEET_LOG_LEVEL: 'info',
  };
  const child = start(program, args, { env });
  const gone = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const origin = `http://127.0.0.1:${port}`;
  await until(async () => (await fetch(`${origin}/healthz`).catch(() => undefined))?.status === 200, 'it answers');
  return { child, gone, origin };
}

/** `count` times, on eight connections; node:http takes half of what fetch does, and there are thousands. */
async function ask(origin: string, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  let asked = 0;
  const status = () =>
    new Promise<number | undefined>((resolve, reject) => {
      const url = `${origin}/imageconverter/getMetadata/none`;
      get(url, { agent, timeout: PATIENCE_MS }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode));
      })
        .once('timeout', () => reject(new Error(`no answer within ${PATIENCE_MS} ms`)))
        .once('error', reject);
    });
  const client = async (): Promise<void> => {
    while (asked++ < count) expect(await status()).toBe(404);
  };
  await Promise.all(Array.from({ length: 8 }, client));
  agent.destroy();
}

async function stallAndStop({ child, gone, origin }: Awaited<ReturnType<typeof serve>>): Promise<void> {
  await ask(origin, LINES);
  expect((await fetch(`${origin}/healthz`)).status).toBe(200);
  const since = performance.now();
  child.kill('SIGTERM');
  expect(await gone).toBe(0);
  expect(performance.now() - since).toBeLessThan(ENDS_WITHIN_MS);
}

it.each([1, 2])('a socket that nobody reads, with %i process(es)', { timeout: 300_000 }, async (workers) => {
  // The other end is our child's output, which this test never reads.
  const server = await serve(NODE, [MAIN], workers);
  server.child.stdout.pause();
  await stallAndStop(server);
});

it('a pipe that nobody reads', async () => {
  const fifo = join(dir.path, 'log');
  await run(await requireTool('mkfifo'), [fifo]);
  const reader = await open(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const args = ['-c', 'exec "$0" "$1" > "$2"', NODE, MAIN, fifo];
  await stallAndStop(await serve(await requireTool('sh'), args, 1));
  const { bytesRead, buffer } = await reader.read(Buffer.alloc(1 << 17), 0, 1 << 17);
  expect(buffer.subarray(0, bytesRead).toString()).toContain('"message":"listening"');
  await reader.close();
});

it('a pipe whose reader has gone', async () => {
  const fifo = join(dir.path, 'log');
  await run(await requireTool('mkfifo'), [fifo]);
  const reader = await open(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const args = ['-c', 'exec "$0" "$1" > "$2"', NODE, MAIN, fifo];
  const server = await serve(await requireTool('sh'), args, 1);
  await reader.close();
  await stallAndStop(server);
});

it('a file on a disk that is full', async () => {
  const args = ['-c', 'exec "$0" "$1" > /dev/full', NODE, MAIN];
  await stallAndStop(await serve(await requireTool('sh'), args, 1));
});

it('a reader that comes back is told how many lines it has missed', { timeout: 300_000 }, async () => {
  const server = await serve(NODE, [MAIN], 1);
  // More than the bound of what waits, and the socket, hold.
  await ask(server.origin, 9_000);
  let text = '';
  server.child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const told = /"lines":(\d+),"message":"log lines were dropped/;
  await until(() => told.test(text), 'the log tells');
  const answered = text.split('\n').filter((line) => line.includes('getMetadata')).length;
  expect(Number(told.exec(text)?.[1]) + answered).toBe(9_000);
  server.child.kill('SIGTERM');
  expect(await server.gone).toBe(0);
});
