// Hosts on loopback that behave as a test wants, well or badly, and count what they are asked: for whatever dials what users name.
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import type { AddressPort } from '../../src/kernel/address-port.js';

export interface Origin {
  readonly port: number;
  /** As the rules that open private places have it. */
  readonly place: AddressPort;
  /** Connections that were made to it. */
  readonly connections: () => number;
  /** Connections that are open. */
  readonly open: () => number;
  /** Requests, in order. */
  readonly requests: readonly IncomingMessage[];
  /** `http://NAME:PORT/PATH`. */
  url(path: string, name?: string): string;
  close(): Promise<void>;
}

export type Answering = (request: IncomingMessage, response: ServerResponse) => void;

export function startOrigin(answer: Answering): Promise<Origin> {
  return listening('http', (requests) => createServer(listenerOf(answer, requests)));
}

export function startTlsOrigin(
  answer: Answering,
  tls: { readonly cert: string; readonly key: string },
): Promise<Origin> {
  return listening('https', (requests) => createTlsServer(tls, listenerOf(answer, requests)));
}

/** Speaks bytes: for answers that no HTTP server would give. */
export function startRawOrigin(answer: (socket: Socket) => void): Promise<Origin> {
  return listening('http', () => createTcpServer((socket) => socket.once('data', () => answer(socket))));
}

function listenerOf(answer: Answering, requests: IncomingMessage[]): RequestListener {
  return (request, response) => {
    requests.push(request);
    answer(request, response);
  };
}

async function listening(
  scheme: 'http' | 'https',
  create: (requests: IncomingMessage[]) => Server | TcpServer,
): Promise<Origin> {
  const requests: IncomingMessage[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = create(requests);
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    place: { address: '127.0.0.1', port },
    connections: () => connections,
    open: () => sockets.size,
    requests,
    url: (path, name = '127.0.0.1') => `${scheme}://${name}:${port}${path}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
