// A server that waits for another container's to let go of the data directory (see group-lock.ts), as in a rolling restart. It listens
// meanwhile: what its clients send goes to that server unread, and waits, bounded, while that one stops and this one opens the catalog.
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { type DoorName, type DoorServers, inject, type PortName } from './door.js';
import type { TlsFiles } from './http/wire/tls-files.js';
import type { Logger } from './kernel/ports/logger.js';
import { Neighbours } from './neighbours.js';
import { PassedConnections } from './passed-connections.js';
import { createProbeServer, NOBODY_TEXT, probeIn, unservedText } from './standby-probes.js';
import { foreignHolders, type Holder } from './stores/embedded/group-lock.js';
import { errnoOf } from './stores/embedded/storage-errors.js';

/** How often it looks whether others came; who goes is told by the end of a connection. */
const LOOK_MS = 1_000;
/** The same while nobody serves: one stops, or begins. */
const SOON_MS = 25;
/** A client waits this long for somebody to serve it. */
const HELD_MS = 30_000;
/** Clients that wait; more are refused. */
const MOST_HELD = 4_096;
/** As many of them are offered to the neighbours at a time: a socket's queue has 511 places by default, for others too. */
const PORTION = 200;
/** As long as a server's own clients may pause, and their headers may take, by default (SEND_TIMEOUT_MS, HEADERS_TIMEOUT_MS). */
const SEND_TIMEOUT_MS = 60_000;
const HEADERS_TIMEOUT_MS = 10_000;

/** The machine or this process lacks something just now, which says nothing about who holds the lock. */
const SHORTAGES = ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN'];

interface Held {
  readonly socket: Socket;
  readonly to: DoorName;
  /** When it is refused, by `performance.now()`: however often it was offered in between. */
  readonly endsAt: number;
  /** Ends the wait; the connection is as it came. */
  release(): void;
}

export interface StandbyOptions {
  /** Where the lock lies, and the group that this process would hold it for. */
  readonly lockDir: string;
  readonly group: string;
  readonly maxConnections: number;
  /** Longest pause of a client that takes a neighbour's answer. */
  readonly sendTimeoutMs?: number;
  /** Time for a handshake by TLS, and for a probe. */
  readonly headersTimeoutMs?: number;
  /** By what TLS ends here, whether the neighbour has a port for it or not; absent without such a port. */
  readonly tls?: TlsFiles;
  /** Probes are answered on the port for everything too. */
  readonly answersProbes: boolean;
  readonly logger: Logger;
}

export class Standby {
  private readonly neighbours: Neighbours;
  private readonly fronts = new Map<PortName, Server>();
  private readonly held = new Set<Held>();
  private readonly passed: PassedConnections;
  private readonly probes: ReturnType<typeof createProbeServer>;
  private readonly tlsServer: TlsServer | undefined;
  /** Clients whose handshake is under way, by `endsOf`. */
  private readonly securing = new Map<string, Socket>();
  private successor: DoorServers | undefined;
  private look: () => void = () => undefined;
  private offering = false;
  private isShort = false;
  private closed = false;

  constructor(private readonly options: StandbyOptions) {
    this.neighbours = new Neighbours(
      options.lockDir,
      () => {
        void this.offer();
        this.look();
      },
      () => this.look(),
    );
    const { sendTimeoutMs = SEND_TIMEOUT_MS, headersTimeoutMs = HEADERS_TIMEOUT_MS, tls, logger } = options;
    this.passed = new PassedConnections(sendTimeoutMs);
    this.probes = createProbeServer((to, asker) => this.neighbours.reach(to, asker), headersTimeoutMs);
    this.tlsServer = tls && this.ending(tls, headersTimeoutMs);
    if (this.tlsServer) tls?.follow(this.tlsServer, logger);
  }

  /** A server that takes connections in the place of the process's own one of this name; the caller listens with it. */
  front(name: PortName): Server {
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
      socket.on('error', () => undefined);
      this.begin(name, socket);
    });
    server.maxConnections = this.options.maxConnections;
    this.fronts.set(name, server);
    return server;
  }

  /**
   * Until no other group holds the lock connections go to those who do. Resolves with whether it is free: not where this was closed
   * before that. Throws `DataDirError` where nobody can tell whether others hold it.
   */
  async untilFree(): Promise<boolean> {
    const { logger } = this.options;
    for (let told = ''; !this.closed; ) {
      const holders = await this.holders();
      if (holders?.length === 0) return true;
      if (holders === undefined) {
        await sleep(LOOK_MS);
        continue;
      }
      for (const { name } of holders) this.neighbours.watch(name);
      void this.offer();
      const processes = holders.map(({ pid }) => pid);
      if (told !== processes.join()) {
        told = processes.join();
        logger.info(
          { processes },
          'a server in another container has the data directory: requests go to it until it ends',
        );
      }
      const woken = new Promise<void>((resolve) => {
        this.look = resolve;
      });
      const timer = new AbortController();
      await Promise.race([
        woken,
        sleep(this.neighbours.someServe ? LOOK_MS : SOON_MS, undefined, { signal: timer.signal }).catch(
          () => undefined,
        ),
      ]);
      timer.abort();
    }
    return false;
  }

  /** From now on connections are served by `servers`, those that wait first. */
  handOver(servers: DoorServers): void {
    this.successor = servers;
    this.options.tls?.close();
    for (const { socket, to } of this.released()) this.give(servers, to, socket);
  }

  /** Takes nobody any more, and resolves when those who are served have their answers, or after `limitMs`. */
  async close(limitMs: number): Promise<void> {
    this.closed = true;
    this.look();
    this.options.tls?.close();
    for (const server of this.fronts.values()) server.close();
    for (const { socket } of this.released()) socket.destroy();
    for (const socket of this.securing.values()) socket.destroy();
    await this.passed.close(limitMs);
    this.probes.closeAllConnections();
    this.neighbours.close();
  }

  /** Who holds the lock; `undefined` where the system could not say just now. */
  private async holders(): Promise<readonly Holder[] | undefined> {
    const { lockDir, group, logger } = this.options;
    try {
      const holders = await foreignHolders(lockDir, group);
      this.isShort = false;
      return holders;
    } catch (error) {
      const reason = errnoOf(error);
      if (reason === undefined || !SHORTAGES.includes(reason)) throw error;
      if (!this.isShort)
        logger.warn({ reason }, 'who has the data directory cannot be seen just now; it is asked again');
      this.isShort = true;
      return undefined;
    }
  }

  private begin(name: PortName, client: Socket): void {
    if (this.successor) this.give(this.successor, name, client);
    else if (name === 'http' || name === 'imaginary') void this.place(client, name);
    else if (name === 'health') inject(this.probes, client);
    else if (this.tlsServer) this.secure(this.tlsServer, client);
    else client.destroy();
  }

  private secure(server: TlsServer, client: Socket): void {
    const ends = endsOf(client);
    this.securing.set(ends, client);
    client.once('close', () => this.securing.delete(ends));
    inject(server, client);
  }

  /** A server that does not listen: who is given to it speaks TLS, and is placed once that stands. */
  private ending(tls: TlsFiles, handshakeTimeout: number): TlsServer {
    const options = { ...tls.pair, ALPNProtocols: ['http/1.1'], handshakeTimeout, allowHalfOpen: true };
    return createTlsServer(options, (client) => {
      client.on('error', () => undefined);
      this.securing.delete(endsOf(client));
      void this.place(client, 'http');
    }).on('tlsClientError', (_error, client) => client.destroy());
  }

  /** Offers those who wait to the neighbours that serve, each once, for as long as these take any. */
  private async offer(): Promise<void> {
    if (this.offering) return;
    this.offering = true;
    const waiting = [...this.held];
    for (let some = true; some && this.neighbours.someServe && waiting.length > 0; ) {
      // Those who have gone meanwhile, or were handed over, do not wait any more.
      const portion = waiting.splice(0, PORTION).filter((one) => this.held.delete(one));
      for (const one of portion) one.release();
      const placed = await Promise.all(portion.map(({ socket, to, endsAt }) => this.place(socket, to, endsAt)));
      some = portion.length === 0 || placed.includes(true);
    }
    this.offering = false;
  }

  /** Whether the client, who speaks HTTP, waits no longer. */
  private async place(client: Socket, to: DoorName, endsAt = performance.now() + HELD_MS): Promise<boolean> {
    if (client.destroyed) return true;
    if (this.successor) {
      this.give(this.successor, to, client);
      return true;
    }
    const server = await this.neighbours.reach(to, client);
    if (client.destroyed) {
      server?.destroy();
      return true;
    }
    if (server !== undefined) {
      this.passed.join(client, server, (first) => this.takesProbe(client, first));
      return true;
    }
    // It may have come while the neighbours were asked.
    if (this.successor) this.give(this.successor, to, client);
    else this.hold(client, to, endsAt);
    return this.successor !== undefined;
  }

  private give(servers: DoorServers, to: PortName, client: Socket): void {
    const server = servers[to];
    if (server === undefined) client.destroy();
    else inject(server, client);
  }

  /** A probe asks about this process, whatever the neighbour answers on its port. */
  private takesProbe(client: Socket, first: Buffer): boolean {
    const probe = this.options.answersProbes ? probeIn(first) : undefined;
    if (probe === undefined || probe === 'metrics') return false;
    // Its turn comes when the connection is nobody else's any more.
    queueMicrotask(() => inject(this.probes, client));
    return true;
  }

  private hold(socket: Socket, to: DoorName, endsAt: number): void {
    if (this.closed || this.held.size >= MOST_HELD) {
      socket.destroy();
      return;
    }
    const forget = (): void => {
      this.held.delete(held);
      held.release();
    };
    const drop = (answer: string): void => {
      forget();
      socket.end(answer, () => socket.destroy());
    };
    // A probe does not wait until there is a better answer.
    const look = (first: Buffer): void => {
      socket.pause();
      socket.unshift(first);
      const probe = probeIn(first);
      const answer = probe && unservedText(probe);
      if (answer !== undefined) drop(answer);
    };
    const timer = setTimeout(() => drop(NOBODY_TEXT), Math.max(0, endsAt - performance.now()));
    const held: Held = {
      socket,
      to,
      endsAt,
      release: () => {
        clearTimeout(timer);
        socket.off('data', look).off('close', forget);
        socket.pause();
      },
    };
    this.held.add(held);
    socket.once('close', forget);
    socket.once('data', look).resume();
  }

  /** Those who wait, which they do no more. */
  private released(): readonly Held[] {
    const all = [...this.held];
    this.held.clear();
    for (const held of all) held.release();
    return all;
  }
}

/** Tells a connection from all others that stand; the same by TLS as without. */
function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}
