// Writing answers to sockets, with back-pressure and a deadline, so that a client that reads slowly or never costs a bounded
// time and no copy of the bytes.
import type { ServerResponse } from 'node:http';
import type { Pieces } from '../../kernel/ports/originals.js';
import { type HeaderPairs, jsonHeaders } from '../replies/headers.js';
import type { Exchange } from './exchange-log.js';
import { ClientGone, isWaiting, limitTaking, PiecewiseTaking, taken } from './taking.js';

/** How answers are written; one per server. */
export interface Sender {
  /** Writes status, headers and a body that is at hand; resolves when the socket has taken it all. */
  bytes(
    response: ServerResponse,
    exchange: Exchange,
    status: number,
    headers: HeaderPairs,
    body: readonly Uint8Array[],
  ): Promise<void>;
  /** Writes a value as JSON. */
  json(response: ServerResponse, exchange: Exchange, value: unknown, headers?: HeaderPairs): Promise<void>;
  /** Writes chunks as they come, and tells which have passed to the kernel; a client that leaves ends the iteration. */
  stream(
    response: ServerResponse,
    exchange: Exchange,
    headers: HeaderPairs,
    chunks: AsyncIterable<string | Uint8Array> & Pick<Pieces, 'passed'>,
    status?: number,
  ): Promise<void>;
}

/** A sender whose every answer has to be taken as `limitTaking` says. HEAD is answered without a body. */
export function createSender(sendTimeoutMs: number): Sender {
  async function end(response: ServerResponse, last?: Uint8Array): Promise<void> {
    if (response.destroyed) throw new ClientGone('the client left');
    response.end(last);
    limitTaking(response, response.socket?.writableLength ?? 0, sendTimeoutMs);
    await taken(response);
  }

  const sender: Sender = {
    async bytes(response, exchange, status, headers, body) {
      writeHead(response, status, headers);
      const parts = response.req.method === 'HEAD' ? [] : [...body];
      const last = parts.pop();
      // Handed over whole: headers and body leave in one write, and the kernel comes back for what it cannot take yet.
      for (const part of parts) {
        exchange.bytes += part.length;
        response.write(part);
      }
      exchange.bytes += last?.length ?? 0;
      await end(response, last);
    },
    async json(response, exchange, value, headers = []) {
      const body = Buffer.from(JSON.stringify(value));
      await sender.bytes(response, exchange, 200, [...jsonHeaders(body.length), ...headers], [body]);
    },
    async stream(response, exchange, headers, chunks, status = 200) {
      if (response.req.method === 'HEAD') {
        writeHead(response, status, headers);
        return end(response);
      }
      const iterator = chunks[Symbol.asyncIterator]();
      try {
        // The first chunk comes before the status: an early failure is still answered as one.
        let next = await iterator.next();
        writeHead(response, status, headers);
        const pieces = new PiecewiseTaking(response, sendTimeoutMs);
        for (; !next.done; next = await iterator.next()) {
          exchange.bytes += Buffer.byteLength(next.value);
          await pieces.write(next.value);
          const hasPassed = !response.destroyed && !isWaiting(response) && response.writableLength === 0;
          if (hasPassed && typeof next.value !== 'string') chunks.passed?.(next.value);
        }
      } finally {
        await iterator.return?.();
      }
      await end(response);
    },
  };
  return sender;
}

/** Beside what the answer varies by already. */
function addVary(response: ServerResponse, name: string): void {
  const before = [response.getHeader('Vary') ?? []].flat().flatMap((value) => String(value).split(/\s*,\s*/));
  if (!before.includes(name)) response.setHeader('Vary', [...before, name].join(', '));
}

/** Sets status and headers; later pairs replace earlier ones of the same name. */
export function writeHead(response: ServerResponse, status: number, headers: HeaderPairs): void {
  response.statusCode = status;
  writeHeaders(response, headers);
}

export function writeHeaders(response: ServerResponse, headers: HeaderPairs): void {
  for (const [name, value] of headers) {
    if (name === 'Vary') addVary(response, value);
    else response.setHeader(name, value);
  }
}
