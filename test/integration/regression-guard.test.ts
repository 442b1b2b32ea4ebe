// What an upload and a hit may cost, in counts that no noise of a machine changes: decodes, encodes, looks into the catalog,
// system calls, bytes. Speed itself is the benchmark's business.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TurnGeneration } from '../../src/http/hot/turn-generation.js';
import { DEFAULT_TARGET_FORMATS } from '../support/default-formats.js';

import { encodedPhoto } from '../support/encoded-photo.js';
import { sourceForm } from '../support/multipart.js';
import { start } from '../support/processes.js';
import { type ServerProcess, scrape, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { requireTool } from '../support/tools.js';

const HITS = 300;

let dir: TempDir;
let server: ServerProcess;

beforeEach(async () => {
  dir = await tempDir();
  server = await startServerProcess({ PROOFSHEET_DATA_DIR: dir.path });
});
afterEach(async () => {
  server.kill('SIGKILL');
  await server.gone;
  await dir.remove();
});

/** Large enough that every format of the sequence is a picture of its own. */
let source: Promise<Buffer> | undefined;

const upload = async (operation: string): Promise<void> => {
  source ??= encodedPhoto(2400, 1600);
  const form = sourceForm(await source);
  const response = await fetch(`${server.url}/${operation}`, { method: 'POST', body: form });
  await response.arrayBuffer();
  expect(response.status).toBe(200);
};
const total = (name: string, labels = ''): Promise<number> => scrape(server.origin, `proofsheet_${name}`, labels);

describe('an upload', () => {
  it('is decoded once and encoded once per preview of the sequence; the same source again, not at all', async () => {
    await upload('cacheImage/first');
    for (const again of [0, 1]) {
      expect(await total('decodes_total', 'purpose="sequence"')).toBe(1);
      expect(await total('decodes_total', 'purpose="wanted"')).toBe(0);
      expect(await total('encodes_total', 'type="jpg"')).toBe(DEFAULT_TARGET_FORMATS.length);
      await upload(`cacheImage/again-${again}`);
    }
  });
});

describe('a hit', () => {
  /** Sequential requests on one keep-alive connection. Resolves with the bytes of all bodies. */
  async function ask(path: string, times: number): Promise<number> {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    let bytes = 0;
    for (let left = times; left > 0; left--) {
      const [response] = (await once(http.get(`${server.url}/${path}`, { agent }), 'response')) as [
        http.IncomingMessage,
      ];
      for await (const chunk of response) bytes += (chunk as Buffer).length;
    }
    agent.destroy();
    return bytes;
  }

  it('reads the request and writes the answer with one system call each, and opens no file', async () => {
    await upload('cacheImage/key');
    // A converter that has worked is replaced some seconds later, which reads /proc: one that has never done so is left as it is.
    server.kill('SIGTERM');
    await server.gone;
    server = await startServerProcess({ PROOFSHEET_DATA_DIR: dir.path });
    const path = 'getImage/key/auto:200x150';
    const bytesOfOne = (await ask(path, 10)) / 10;
    const sentBefore = await total('sent_bytes_total');
    const output = join(dir.path, 'strace.txt');
    const calls = 'trace=read,readv,pread64,write,writev,sendto,sendmsg,openat,stat,fstat';
    const tracer = start(await requireTool('strace'), ['-c', '-e', calls, '-o', output, '-p', String(server.pid)]);
    await once(tracer.stderr, 'data');
    const bytes = await ask(path, HITS);
    tracer.kill('SIGINT');
    await once(tracer, 'exit');
    const counts = callCounts(await readFile(output, 'utf8'));

    expect(bytes).toBe(HITS * bytesOfOne);
    // A tenth more for what the process does beside: timers, its children, its one log line.
    expect(counts.get('writev')).toBeGreaterThanOrEqual(HITS);
    expect(counts.get('writev')).toBeLessThanOrEqual(HITS * 1.1);
    expect(counts.get('read')).toBeLessThanOrEqual(HITS * 1.1);
    for (const none of ['openat', 'pread64', 'stat', 'fstat', 'sendto', 'sendmsg'])
      expect(counts.get(none) ?? 0).toBe(0);
    expect(await total('sent_bytes_total')).toBeGreaterThanOrEqual(sentBefore + bytes);
    expect(await total('http_requests_total', 'operation="getImage",status="200"')).toBe(10 + HITS);
  });

  it('asks the catalog for its generation once per turn of the event loop, and after 64 hits of a turn', async () => {
    let asked = 0;
    const generations = new TurnGeneration({ generation: () => ++asked });
    const turn = async (hits: number, pipelined = false): Promise<number> => {
      const before = asked;
      for (let left = hits; left > 0; left--) generations.forRequest(pipelined);
      await new Promise((resolve) => setImmediate(resolve));
      return asked - before;
    };
    expect([await turn(1), await turn(64), await turn(65), await turn(129)]).toEqual([1, 1, 1, 2]);
    expect(await turn(5, true)).toBe(5);
  });
});

/** Calls by name from strace's summary: "% time, seconds, usecs/call, calls, [errors,] syscall". */
function callCounts(summary: string): ReadonlyMap<string, number> {
  const lines = summary.matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$/gm);
  return new Map([...lines].map(([, calls, name]) => [name ?? '', Number(calls)]));
}
