// How long a client may take for an answer: silence and slowness end it, steady taking does not, and nothing of it is left on
// the connection.
import { EventEmitter, once } from 'node:events';
import http, { type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isWaiting, limitTaking, taken, wasTaken } from '../../../../src/http/wire/taking.js';

const MIB = 2 ** 20;
const TIMEOUT_MS = 400;
/** More than the kernel takes for a client that reads nothing. */
const BODY = Buffer.alloc(32 * MIB, 'x');

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
  vi.useRealTimers();
});

/** A client that is paused, of a server whose first answer is `BODY` under its limit, and whose second comes late after it. */
async function slowClient(): Promise<{ socket: Socket; response: ServerResponse }> {
  const server = http.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  closing.push(
    () => socket.destroy(),
    () => server.close(),
  );
  socket.on('error', () => undefined);
  const asked = once(server, 'request');
  socket.pause();
  socket.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n');
  const [, response] = (await asked) as [unknown, ServerResponse];
  server.on('request', (_request, second: ServerResponse) => {
    response.once('close', () => setTimeout(() => second.end('later'), TIMEOUT_MS * 3));
  });
  response.setHeader('Content-Length', BODY.length);
  response.end(BODY);
  expect(isWaiting(response)).toBe(true);
  limitTaking(response, BODY.length, TIMEOUT_MS);
  return { socket, response };
}

describe('an answer that the kernel does not take at once', () => {
  it('is ended when its client takes nothing, and counts as not taken', async () => {
    const { response } = await slowClient();
    const asked = performance.now();
    await expect(taken(response)).rejects.toThrow('the client left');
    expect(wasTaken(response)).toBe(false);
    // A whole answer of this size may last 128 times the limit.
    expect(performance.now() - asked).toBeLessThan(TIMEOUT_MS * 64);
  });

  it('counts as not taken when its client leaves', async () => {
    const { socket, response } = await slowClient();
    socket.destroy();
    await expect(taken(response)).rejects.toThrow('the client left');
    expect(wasTaken(response)).toBe(false);
  });

  it('is not ended while its client takes it, and leaves no limit on what is answered next', async () => {
    const { socket, response } = await slowClient();
    socket.write('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
    const asked = performance.now();
    let [bytes, mayHave] = [0, 0];
    const pace = setInterval(() => {
      mayHave += 2 * MIB;
      socket.resume();
    }, TIMEOUT_MS / 4);
    let last = '';
    socket.on('data', (chunk) => {
      bytes += chunk.length;
      last = chunk.subarray(-5).toString();
      if (bytes > mayHave) socket.pause();
      if (last === 'later') socket.destroy();
    });
    const isWhole = taken(response);
    await once(socket, 'close');
    clearInterval(pace);
    await isWhole;
    expect([bytes > BODY.length, last]).toEqual([true, 'later']);
    expect(performance.now() - asked).toBeGreaterThan(TIMEOUT_MS * 2);
  }, 300_000);

  it.each([
    [0, 1],
    [256 * 1024, 1],
    [256 * 1024 + 1, 2],
    [MIB, 4],
  ])('of %i bytes is ended after %i times the limit, however steadily it is taken', (bytes, times) => {
    vi.useFakeTimers();
    const destroy = vi.fn();
    const socket = { writableLength: 1, setTimeout: vi.fn() };
    const response = Object.assign(new EventEmitter(), { socket, destroy, setTimeout: vi.fn() });
    limitTaking(response as unknown as ServerResponse, bytes, 1_000);
    vi.advanceTimersByTime(times * 1_000 - 1);
    expect(destroy).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(destroy).toHaveBeenCalledOnce();
  });

  it('costs neither timer nor listener when the kernel has it all', () => {
    vi.useFakeTimers();
    const response = Object.assign(new EventEmitter(), { socket: { writableLength: 0 } });
    limitTaking(response as unknown as ServerResponse, MIB, 1_000);
    expect([vi.getTimerCount(), response.eventNames()]).toEqual([0, []]);
  });
});
