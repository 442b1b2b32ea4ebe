// Writing answers to sockets: in bounded slices, with back-pressure, and with a deadline on every slice, so that a client
// that reads slowly or never costs a bounded time and no copy of the bytes.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Exchange } from './exchange.js';
import type { HeaderPairs } from './image-response.js';

/** A client has to take each slice within the send timeout: 256 KiB in 30 s is 8.7 kB/s. */
const SLICE_BYTES = 256 * 1024;

/** The client left, or read too slowly: there is nobody to answer any more. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

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
  /** Writes chunks as they come; a client that leaves ends the iteration. */
  stream(
    response: ServerResponse,
    exchange: Exchange,
    headers: HeaderPairs,
    chunks: AsyncIterable<string>,
  ): Promise<void>;
}

/** A sender whose every slice has to be taken within `sendTimeoutMs`. HEAD is answered without a body. */
export function createSender(sendTimeoutMs: number): Sender {
  async function write(response: ServerResponse, exchange: Exchange, chunk: Uint8Array | string): Promise<void> {
    if (response.destroyed) throw new ClientGone('the client left');
    exchange.bytes += Buffer.byteLength(chunk);
    if (!response.write(chunk)) await taken(response, 'drain', sendTimeoutMs);
  }

  async function end(response: ServerResponse): Promise<void> {
    if (response.destroyed) throw new ClientGone('the client left');
    response.end();
    if (!response.writableFinished) await taken(response, 'finish', sendTimeoutMs);
  }

  const sender: Sender = {
    async bytes(response, exchange, status, headers, body) {
      writeHead(response, status, headers);
      const only = body.length === 1 ? body[0] : undefined;
      if (response.req.method === 'HEAD' || body.length === 0) {
        await end(response);
      } else if (only !== undefined && only.length <= SLICE_BYTES) {
        // The usual case in one step: headers and body leave in one write.
        exchange.bytes += only.length;
        response.end(only);
        if (!response.writableFinished) await taken(response, 'finish', sendTimeoutMs);
      } else {
        for (const part of body) {
          for (let at = 0; at < part.length; at += SLICE_BYTES)
            await write(response, exchange, part.subarray(at, at + SLICE_BYTES));
        }
        await end(response);
      }
    },
    async json(response, exchange, value, headers = []) {
      const body = Buffer.from(JSON.stringify(value));
      await sender.bytes(response, exchange, 200, [...jsonHeaders(body.length), ...headers], [body]);
    },
    async stream(response, exchange, headers, chunks) {
      if (response.req.method === 'HEAD') {
        writeHead(response, 200, headers);
        return end(response);
      }
      const iterator = chunks[Symbol.asyncIterator]();
      try {
        // The first chunk comes before the status: an early failure is still answered as one.
        let next = await iterator.next();
        writeHead(response, 200, headers);
        for (; !next.done; next = await iterator.next()) await write(response, exchange, next.value);
      } finally {
        await iterator.return?.();
      }
      await end(response);
    },
  };
  return sender;
}

/** The headers of every JSON answer; `no-store` unless a later pair says otherwise. */
export function jsonHeaders(contentLength: number): HeaderPairs {
  return [
    ['Content-Type', 'application/json'],
    ['Content-Length', String(contentLength)],
    ['Cache-Control', 'no-store'],
    ['X-Content-Type-Options', 'nosniff'],
  ];
}

/** Sets status and headers; later pairs replace earlier ones of the same name. */
export function writeHead(response: ServerResponse, status: number, headers: HeaderPairs): void {
  response.statusCode = status;
  for (const [name, value] of headers) response.setHeader(name, value);
}

/** Destroys a response that was ended, and that its client does not take within `timeoutMs`. */
export function limitTaking(response: ServerResponse, timeoutMs: number): void {
  // Nearly always the kernel has taken everything by now; only if not is a deadline worth its timer.
  if (!response.socket || response.socket.writableLength === 0) return;
  const timer = setTimeout(() => response.destroy(), timeoutMs);
  response.once('close', () => clearTimeout(timer));
}

/** Resolves on `event`; throws `ClientGone` when the response closes first, or when `timeoutMs` pass: then it is destroyed. */
async function taken(response: ServerResponse, event: 'drain' | 'finish', timeoutMs: number): Promise<void> {
  const waiting = new AbortController();
  const timer = setTimeout(() => response.destroy(), timeoutMs);
  try {
    const closed = once(response, 'close', { signal: waiting.signal }).then(() => {
      if (!response.writableFinished) throw new ClientGone('the client left');
    });
    await Promise.race([once(response, event, { signal: waiting.signal }), closed]);
  } finally {
    clearTimeout(timer);
    // Whichever wait lost is ended; its rejection belongs to the race, which has settled already.
    waiting.abort();
  }
}
