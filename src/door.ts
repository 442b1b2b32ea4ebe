// The door to a server's neighbours: servers in other containers on its data directory, which cannot use the catalog while this one
// has it, and pass on to it, by the lock's socket, the connections of their clients (standby.ts). Knows nothing of HTTP.
import type { Server, Socket } from 'node:net';
import type { GroupLock } from './stores/embedded/group-lock.js';

/** The servers of one process, by what speaks on them. */
export const PORTS = ['http', 'tls', 'health', 'imaginary'] as const;
export type PortName = (typeof PORTS)[number];
export type DoorServers = Readonly<Record<PortName, Server | undefined>>;
/** Those that neighbours pass connections on to: TLS ends where a client came. */
const DOORS = ['http', 'health', 'imaginary'] as const;
export type DoorName = (typeof DOORS)[number];

/** What a neighbour asks, as a line of JSON. */
export type Question =
  /** To be told `SERVING` and, by the end of the connection, that no more connections are taken. */
  | { readonly want: 'watch' }
  /** To hand over a client, whose bytes follow once `TAKEN` has come; address and port are the client's. */
  | { readonly want: 'pass'; readonly to: DoorName; readonly address: string; readonly port: number };

export const SERVING = 'serving\n';
/** One byte: what comes behind it is the answer. */
export const TAKEN = '+';

export class Door {
  private readonly watching = new Set<Socket>();
  private passed = 0;
  private closed = false;

  /** Opens it. More than `maxConnections` are not taken. */
  constructor(
    lock: GroupLock,
    private readonly servers: Pick<DoorServers, DoorName>,
    private readonly maxConnections: number,
  ) {
    lock.answerBy((question, socket) => this.answer(question, socket));
  }

  /** Takes nobody any more, and says so to those who watch; what has been passed on goes on. */
  close(): void {
    this.closed = true;
    for (const socket of this.watching) socket.destroy();
  }

  private answer(line: string, socket: Socket): void {
    const question = this.closed ? undefined : questionOf(line);
    if (question?.want === 'watch') this.watch(socket);
    else if (question?.want === 'pass') this.take(socket, question);
    else socket.destroy();
  }

  private watch(socket: Socket): void {
    this.watching.add(socket);
    socket.once('close', () => this.watching.delete(socket));
    socket.once('end', () => socket.destroy());
    socket.resume();
    socket.write(SERVING);
  }

  private take(socket: Socket, { to, address, port }: Question & { readonly want: 'pass' }): void {
    const server = this.servers[to];
    if (server === undefined || this.passed >= this.maxConnections) {
      socket.destroy();
      return;
    }
    this.passed++;
    socket.once('close', () => this.passed--);
    comesFrom(socket, address, port);
    socket.write(TAKEN);
    inject(server, socket);
  }
}

/** Has `server` serve a connection that it has not accepted itself, and that may be paused. */
export function inject(server: Server, socket: Socket): void {
  server.emit('connection', socket);
  socket.resume();
}

/** `undefined` where it is none: a neighbour of another version, or nobody of ours. */
function questionOf(line: string): Question | undefined {
  let asked: unknown;
  try {
    asked = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof asked !== 'object' || asked === null || !('want' in asked)) return undefined;
  if (asked.want === 'watch') return { want: 'watch' };
  if (asked.want !== 'pass' || !('to' in asked && 'address' in asked && 'port' in asked)) return undefined;
  const { address, port } = asked;
  const to = DOORS.find((name) => name === asked.to);
  if (to === undefined || typeof address !== 'string' || typeof port !== 'number') return undefined;
  return { want: 'pass', to, address, port };
}

/**
 * Limits and logins go by the client's address, so the connection has to tell it. Node asks the handle; a socket of
 * a file has no answer of its own.
 */
function comesFrom(socket: Socket, address: string, port: number): void {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return;
  Reflect.set(handle, 'getpeername', (peer: object) => {
    Object.assign(peer, { address, port, family: address.includes(':') ? 'IPv6' : 'IPv4' });
    return 0;
  });
}

/** The port that a server listens on, once it does. */
export function portsOf(listening: Server | undefined): readonly number[] {
  const place = listening?.address();
  return typeof place === 'object' && place !== null ? [place.port] : [];
}
