// Hosts that close when they have sent everything, while it is still being written here: the server lives, and has every byte.
import { setTimeout as passed } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, HttpClient } from '../../../src/outbound/http-client.js';
import { type Origin, startRawOrigin } from '../../support/origins.js';

// What undici hands on before it waits for a reader, all at once: it waits at the very end of the answer then.
const BODY = Buffer.alloc(64 * 1024, 'a');
const LENGTH = `Content-Length: ${BODY.length}\r\n`;

let origin: Origin;
let client: HttpClient;
const open = async (head: string, end: 'ends' | 'resets', bytes = BODY): Promise<void> => {
  origin = await startRawOrigin((socket) =>
    socket.write(`${head}\r\n`, () =>
      socket.write(bytes, () => (end === 'ends' ? socket.end() : setTimeout(() => socket.resetAndDestroy(), 100))),
    ),
  );
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

function ask(): Promise<Answer> {
  const url = new URL(origin.url('/'));
  return client.ask({ method: 'GET', url, headers: {}, signal: AbortSignal.timeout(20_000) });
}

/** The bytes of an answer that nobody reads for a while, or why there are none. */
async function readLate(): Promise<number | 'failed'> {
  const answer = await ask();
  await passed(500);
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

describe('a body that comes faster than it is read', () => {
  const MANY = Buffer.alloc(40 * 1024 * 1024, 'b');

  it.each([
    ['without a length', 'HTTP/1.0 200 OK\r\n'],
    ['with one', `HTTP/1.1 200 OK\r\nContent-Length: ${MANY.length}\r\n`],
  ])('is whole in the end, and hardly any of it waits here: %s', async (_name, head) => {
    await open(head, 'ends', MANY);
    const answer = await ask();
    let [bytes, mostWaiting] = [0, 0];
    for await (const chunk of answer.body) {
      bytes += (chunk as Buffer).length;
      mostWaiting = Math.max(mostWaiting, answer.body.readableLength);
      // A turn of the event loop for each piece, as a disk takes it at the best.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(bytes).toBe(MANY.length);
    expect(mostWaiting).toBeLessThan(5 * 1024 * 1024);
  });

  it('is whole also where nobody reads it for a while', async () => {
    await open('HTTP/1.0 200 OK\r\n', 'ends', MANY);
    expect(await readLate()).toBe(MANY.length);
  });

  it('is not waited for by the next one on its connection, when it is here and not read yet', async () => {
    // The last of it is what makes it much.
    const body = Buffer.alloc(4 * 1024 * 1024 + 1);
    const answer = Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`), body]);
    origin = await startRawOrigin((socket) => {
      socket.write(answer);
      socket.on('data', () => socket.write(answer));
    });
    const first = await ask();
    expect(await readLate()).toBe(body.length);
    expect(first.body.readableLength).toBe(body.length);
    expect(origin.connections()).toBe(1);
  });

  it('fails where its host resets the connection meanwhile', async () => {
    await open('HTTP/1.0 200 OK\r\n', 'resets', MANY);
    expect([MANY.length, 'failed']).toContain(await readLate());
  });
});
