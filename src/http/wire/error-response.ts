// Writes failures: as a response while there is one, as plain text on the socket when HTTP itself broke. A body that
// nobody read is drained for a moment, so that the client gets to see its answer instead of a reset.
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { errorBody, PROTOCOL_ERRORS, type ProtocolErrorName, type RenderedFailure } from '../replies/error-map.js';
import { type HeaderPairs, jsonHeaders } from '../replies/headers.js';
import type { Exchange } from './exchange-log.js';
import { writeHead } from './sender.js';
import { limitTaking } from './taking.js';

/**
 * An unread body is taken and thrown away up to this size, while it comes without such a pause; what is more is left to wait, since a
 * connection that is closed over unread bytes is reset, and the answer with it. After so long in all it is closed all the same. A busy
 * client that sends 100 uploads at once needs seconds until it looks at its answers: with 0.5 s in all it saw none of them (EPIPE).
 */
const MAX_DRAINED_BYTES = 4 * 1024 * 1024;
const LINGER_SILENCE_MS = 500;
const LINGER_MS = 5_000;
/** A client has this long to take an error; its few bytes wait only where it has left much else unread. */
export const ERROR_TAKING_MS = 30_000;

/** Answers with a failure; once headers are out only the connection can tell, so it is destroyed. */
export function sendError(response: ServerResponse, exchange: Exchange, answer: RenderedFailure): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = Buffer.from(answer.body);
  writeHead(response, answer.status, [...jsonHeaders(body.length), ...answer.headers]);
  exchange.bytes += response.req.method === 'HEAD' ? 0 : body.length;
  endUnread(response, body);
}

/** Answers with a failure of HTTP itself, for which no operation was found or reached. */
export function sendProtocolError(
  response: ServerResponse,
  exchange: Exchange,
  name: ProtocolErrorName,
  headers: HeaderPairs = [],
): void {
  const { status, code, message } = PROTOCOL_ERRORS[name];
  exchange.code = code;
  sendError(response, exchange, { status, headers, body: errorBody(code, message) });
}

/** Writes a failure to a socket that has no response to use, and closes it. */
export function sendRawError(socket: Socket, name: ProtocolErrorName): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { status, code, message } = PROTOCOL_ERRORS[name];
  const body = errorBody(code, message);
  const head = [...jsonHeaders(Buffer.byteLength(body)), ['Connection', 'close'] as const].map((pair) =>
    pair.join(': '),
  );
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head.join('\r\n')}\r\n\r\n${body}`);
  setTimeout(() => socket.destroy(), LINGER_SILENCE_MS).unref();
}

/**
 * To be told whenever more has come on a connection behind what could not be read: that is not read for ever while an answer is still
 * made, but up to the same size as an unread body, and then left to wait.
 */
export function createGarbageBound(): (socket: Socket) => void {
  const readBefore = new WeakMap<Socket, number>();
  return (socket) => {
    const before = readBefore.get(socket);
    if (before === undefined) readBefore.set(socket, socket.bytesRead);
    else if (socket.bytesRead - before > MAX_DRAINED_BYTES) socket.pause();
  };
}

/** Whether the request announced a body that has not been read to its end. */
export function hasUnreadBody(request: IncomingMessage): boolean {
  if (request.complete) return false;
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/**
 * Ends the response. With an unread body the complete answer is written first and the end held back, because Node closes
 * the socket with it and the kernel would then reset a client that still sends; LINGER_MS bounds that politeness.
 */
function endUnread(response: ServerResponse, body: Buffer): void {
  const request = response.req;
  if (!hasUnreadBody(request)) {
    response.end(body);
    limitTaking(response, body.length, ERROR_TAKING_MS);
    return;
  }
  response.setHeader('Connection', 'close');
  response.write(body);
  const socket = request.socket;
  const readBefore = socket.bytesRead;
  const timer = setTimeout(finish, LINGER_MS);
  const silence = setTimeout(finish, LINGER_SILENCE_MS);
  request.on('data', () => {
    silence.refresh();
    if (socket.bytesRead - readBefore <= MAX_DRAINED_BYTES) return;
    clearTimeout(silence);
    request.pause();
  });
  request.once('end', finish);
  request.once('close', finish);
  request.resume();

  function finish(): void {
    clearTimeout(timer);
    clearTimeout(silence);
    if (!response.writableEnded) response.end();
    limitTaking(response, body.length, ERROR_TAKING_MS);
  }
}
