// Hosts that close when they have sent everything, while it is still being written here: the server lives, and has every byte.
import { setTimeout as passed } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HttpClient } from '../../../src/outbound/http-client.js';
import { type Origin, startRawOrigin } from '../../support/origins.js';

// What undici hands on before it waits for a reader, all at once: it waits at the very end of the answer then.
const BODY = Buffer.alloc(64 * 1024, 'a');
const LENGTH = `Content-Length: ${BODY.length}\r\n`;

let origin: Origin;
let client: HttpClient;
/** The origin's connection has ended: what it sent has been taken, or given up. */
let ended: Promise<unknown>;
const open = async (head: string, end: 'ends' | 'resets', bytes = BODY): Promise<void> => {
  let tell: () => void = () => undefined;
  ended = new Promise<void>((resolve) => {
    tell = resolve;
  });
  origin = await startRawOrigin((socket) => {
    socket.once('close', tell);
    socket.write(`${head}\r\n`, () =>
      socket.write(bytes, () => (end === 'ends' ? socket.end() : setTimeout(() => socket.resetAndDestroy(), 100))),
    );
  });
};
beforeEach(() => {
  client = new HttpClient({
    policy: { permits: () => true, permitsPort: () => true } as never,
    resolve: async () => [],
    ...{ connectTimeoutMs: 20_000, headersTimeoutMs: 20_000, idleTimeoutMs: 20_000, connectionsPerOrigin: 1 },
  });
});
afterEach(async () => {
  await client.close();
  await origin.close();
});

/** The bytes of an answer that nobody reads for a while, or why there are none. */
async function readLate(late: () => Promise<unknown> = () => passed(500)): Promise<number | 'failed'> {
  const url = new URL(origin.url('/'));
  const answer = await client.ask({ method: 'GET', url, headers: {}, signal: AbortSignal.timeout(20_000) });
  await late();
  let bytes = 0;
  try {
    for await (const chunk of answer.body) bytes += (chunk as Buffer).length;
  } catch {
    return 'failed';
  }
  return bytes;
}

it.each([
  ['HTTP/1.0', `HTTP/1.0 200 OK\r\n${LENGTH}`],
  ['HTTP/1.0 without a length', 'HTTP/1.0 200 OK\r\n'],
  ['Connection: close', `HTTP/1.1 200 OK\r\nConnection: close\r\n${LENGTH}`],
  ['HTTP/1.1 without a length', 'HTTP/1.1 200 OK\r\n'],
  ['a connection that was to stay open', `HTTP/1.1 200 OK\r\n${LENGTH}`],
  ['one that is said to stay open', `HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n${LENGTH}`],
])('%s', async (_name, head) => {
  await open(head, 'ends');
  expect(await readLate()).toBe(BODY.length);
});

it('a connection that is reset costs its own answer alone', async () => {
  await open(`HTTP/1.1 200 OK\r\nConnection: close\r\n${LENGTH}`, 'resets');
  expect([BODY.length, 'failed']).toContain(await readLate());
});

it('more than may wait for its reader fails, and is not held', async () => {
  await open('HTTP/1.0 200 OK\r\n', 'ends', Buffer.alloc(40 * 1024 * 1024));
  expect(await readLate(() => ended)).toBe('failed');
});
