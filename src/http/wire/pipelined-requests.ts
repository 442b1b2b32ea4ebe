// Pipelined requests, one after the other: what waits on a connection is begun when the answer before it is out. Else one
// packet could make us read hundreds of images at once for a client that takes none, and a clear could overtake a read.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Most requests that wait on one connection for the answer before them; a client that sends more is closed. */
export const MAX_WAITING_REQUESTS = 100;

/** Handles one request; `pipelined`: it waited for another one on its connection. */
export type Handler = (request: IncomingMessage, response: ServerResponse, pipelined: boolean) => void;

export interface Pipeline {
  /** Hands the request on when it is its turn; the first on its connection at once. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** The last response that still waits for its turn on the socket. */
  lastWaiting(socket: object): ServerResponse | undefined;
}

/** A pipeline in front of `handler`; `onFlood` is told of every connection that was closed for its many requests. */
export function createPipeline(handler: Handler, onFlood: () => void): Pipeline {
  const waitingOn = new WeakMap<object, ServerResponse[]>();

  function wait(request: IncomingMessage, response: ServerResponse, socket: Socket): void {
    const waiting = waitingOn.get(socket) ?? [];
    waitingOn.set(socket, waiting);
    if (waiting.length >= MAX_WAITING_REQUESTS) {
      socket.destroy();
      onFlood();
      return;
    }
    waiting.push(response);
    // Told while Node is still handing over the socket; handled when that is done.
    response.once('socket', () => {
      waiting.shift();
      process.nextTick(() => {
        if (!response.destroyed) handler(request, response, true);
      });
    });
  }

  return {
    handle(request, response) {
      // A response that waits for the one before it on its connection has no socket yet.
      if (response.socket !== null) handler(request, response, false);
      else if (!request.socket.destroyed) wait(request, response, request.socket);
    },
    lastWaiting: (socket) => waitingOn.get(socket)?.at(-1),
  };
}
