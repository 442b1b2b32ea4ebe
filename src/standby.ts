// A server that waits for another container's to let go of the data directory (see group-lock.ts), as in a rolling restart. It listens
// meanwhile: what its clients send goes to that server unread, and waits, bounded, while that one stops and this one opens the catalog.
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { DOORS, type DoorName, type DoorServers, inject, type Question, SERVING, TAKEN } from './door.js';
import type { Logger } from './kernel/ports/logger.js';
import { PassedConnections } from './passed-connections.js';
import { foreignHolders } from './stores/embedded/group-lock.js';
import { connectTo } from './stores/embedded/held-name.js';

/** How often it looks whether others came; who goes is told by the end of a connection. */
const LOOK_MS = 1_000;
/** The same while nobody serves: one stops, or begins. */
const SOON_MS = 25;
/** A neighbour takes a connection within a turn of its loop, or has stopped. */
const TAKEN_MS = 2_000;
/** A client waits this long for somebody to serve it. */
const HELD_MS = 30_000;
/** Clients that wait; more are refused. */
const MOST_HELD = 4_096;
/** As many of them are offered to the neighbours at a time: a socket's queue has 511 places by default, for others too. */
const PORTION = 200;
/** As long as a server's own clients may pause by default (SEND_TIMEOUT_MS). */
const SEND_TIMEOUT_MS = 60_000;

/** The probes' names at the root; the first two ask whether this process lives. */
const PROBE = /^(?:GET|HEAD) \/+(?:(healthz|health\/liveness)|readyz|health\/readiness)\/?[ ?]/;

interface Held {
  readonly to: DoorName;
  readonly socket: Socket;
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
  readonly logger: Logger;
}

export class Standby {
  /** Those who have said that they serve, by name. */
  private readonly serving = new Map<string, Socket>();
  private readonly watched = new Map<string, Socket>();
  private readonly fronts = new Map<DoorName, Server>();
  private readonly held = new Set<Held>();
  private readonly passed: PassedConnections;
  private successor: DoorServers | undefined;
  private look: () => void = () => undefined;
  private offering = false;
  private closed = false;

  constructor(private readonly options: StandbyOptions) {
    this.passed = new PassedConnections(options.sendTimeoutMs ?? SEND_TIMEOUT_MS);
  }

  /** A server that takes connections in the place of the process's own one of this name; the caller listens with it. */
  front(name: DoorName): Server {
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
      socket.on('error', () => undefined);
      void this.place(name, socket);
    });
    server.maxConnections = this.options.maxConnections;
    this.fronts.set(name, server);
    return server;
  }

  /**
   * Until no other group holds the lock connections go to those who do. Resolves with whether it is free: not where this was closed
   * before that.
   */
  async untilFree(): Promise<boolean> {
    const { lockDir, group, logger } = this.options;
    for (let told = ''; !this.closed; ) {
      const holders = await foreignHolders(lockDir, group);
      if (holders.length === 0) return true;
      for (const { name } of holders) this.watch(name);
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
        sleep(this.serving.size > 0 ? LOOK_MS : SOON_MS, undefined, { signal: timer.signal }).catch(() => undefined),
      ]);
      timer.abort();
    }
    return false;
  }

  /** From now on connections are served by `servers`, those that wait first. */
  handOver(servers: DoorServers): void {
    this.successor = servers;
    // Node watches the deadlines of headers and requests from there on, whoever accepts.
    for (const name of DOORS) servers[name]?.emit('listening');
    for (const { to, socket } of this.released()) this.give(servers, to, socket);
  }

  /** Takes nobody any more, and resolves when those who are served have their answers, or after `limitMs`. */
  async close(limitMs: number): Promise<void> {
    this.closed = true;
    this.look();
    for (const server of this.fronts.values()) server.close();
    for (const { socket } of this.released()) socket.destroy();
    await this.passed.close(limitMs);
    for (const socket of this.watched.values()) socket.destroy();
  }

  private watch(name: string): void {
    if (this.watched.has(name)) return;
    const socket = this.ask(name, { want: 'watch' });
    if (socket === undefined) return;
    this.watched.set(name, socket);
    let served = false;
    socket.once('data', (said: Buffer) => {
      if (said.toString() !== SERVING) return;
      served = true;
      this.serving.set(name, socket);
      void this.offer();
      this.look();
    });
    socket.once('end', () => socket.destroy());
    socket.once('close', () => {
      this.watched.delete(name);
      // One that refused is asked again after a pause.
      this.serving.delete(name);
      if (served) this.look();
    });
  }

  /** The connection to answer on; `undefined` where there can be none, which is as good as one that is refused. */
  private ask(name: string, question: Question): Socket | undefined {
    let socket: Socket;
    try {
      socket = connectTo(this.options.lockDir, name);
    } catch {
      return undefined;
    }
    socket.on('error', () => undefined);
    socket.write(`${JSON.stringify(question)}\n`);
    return socket;
  }

  /** Offers those who wait to the neighbours that serve, each once, for as long as these take any. */
  private async offer(): Promise<void> {
    if (this.offering) return;
    this.offering = true;
    const waiting = [...this.held];
    for (let some = true; some && this.serving.size > 0 && waiting.length > 0; ) {
      // Those who have gone meanwhile, or were handed over, do not wait any more.
      const portion = waiting.splice(0, PORTION).filter((one) => this.held.delete(one));
      for (const one of portion) one.release();
      const placed = await Promise.all(portion.map(({ to, socket, endsAt }) => this.place(to, socket, endsAt)));
      some = portion.length === 0 || placed.includes(true);
    }
    this.offering = false;
  }

  /** Whether the client waits no longer. */
  private async place(to: DoorName, client: Socket, endsAt = performance.now() + HELD_MS): Promise<boolean> {
    if (client.destroyed) return true;
    if (this.successor) {
      this.give(this.successor, to, client);
      return true;
    }
    const names = [...this.serving.keys()];
    for (let n = Math.floor(Math.random() * names.length), tries = 0; tries < names.length; tries++, n++) {
      const name = names[n % names.length] ?? '';
      if (this.serving.has(name) && (await this.pass(name, to, client))) return true;
    }
    if (client.destroyed) return true;
    // It may have come while the neighbours were asked.
    if (this.successor) this.give(this.successor, to, client);
    else this.hold(to, client, endsAt);
    return this.successor !== undefined;
  }

  private give(servers: DoorServers, to: DoorName, client: Socket): void {
    const server = servers[to];
    if (server === undefined) client.destroy();
    else inject(server, client);
  }

  /** Whether the neighbour has taken the client; nothing of it was sent otherwise. */
  private async pass(name: string, to: DoorName, client: Socket): Promise<boolean> {
    const { remoteAddress: address = '', remotePort: port = 0 } = client;
    const server = this.ask(name, { want: 'pass', to, address, port });
    if (server === undefined) return false;
    const watch = this.serving.get(name);
    const taken = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => {
        // It has stopped, whatever it said; it is watched anew, and says so when it serves again.
        if (this.serving.get(name) === watch) this.serving.delete(name);
        watch?.destroy();
        resolve(false);
      }, TAKEN_MS);
      const settle = (isTaken: boolean): void => {
        clearTimeout(timer);
        resolve(isTaken);
      };
      server.once('data', (said: Buffer) => {
        server.pause();
        if (said.length > TAKEN.length) server.unshift(said.subarray(TAKEN.length));
        settle(said.toString('latin1', 0, TAKEN.length) === TAKEN);
      });
      // Who refuses has ended its side, which leaves this one open.
      server.once('end', () => settle(false));
      server.once('close', () => settle(false));
    });
    if (!taken) {
      server.destroy();
      return false;
    }
    if (client.destroyed) {
      server.destroy();
      return true;
    }
    this.passed.join(client, server);
    return true;
  }

  private hold(to: DoorName, socket: Socket, endsAt: number): void {
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
      if (to === 'tls') socket.destroy();
      else socket.end(answer, () => socket.destroy());
    };
    // A probe asks about this process, and does not wait until there is a better answer.
    const look = (first: Buffer): void => {
      socket.pause();
      socket.unshift(first);
      const probe = PROBE.exec(first.toString('latin1', 0, 64));
      if (probe !== null) drop(probe[1] === undefined ? NOT_READY : ALIVE);
    };
    const timer = setTimeout(() => drop(NOBODY), Math.max(0, endsAt - performance.now()));
    const held: Held = {
      to,
      socket,
      endsAt,
      release: () => {
        clearTimeout(timer);
        socket.off('data', look).off('close', forget);
        socket.pause();
      },
    };
    this.held.add(held);
    socket.once('close', forget);
    if (to !== 'tls') socket.once('data', look).resume();
  }

  /** Those who wait, which they do no more. */
  private released(): readonly Held[] {
    const all = [...this.held];
    this.held.clear();
    for (const held of all) held.release();
    return all;
  }
}

function answerOf(status: string, body: unknown): string {
  const text = JSON.stringify(body);
  return `HTTP/1.1 ${status}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${text.length}\r\nCache-Control: no-store\r\nRetry-After: 1\r\nConnection: close\r\n\r\n${text}`;
}

const ALIVE = answerOf('200 OK', { alive: true });
const NOT_READY = answerOf('503 Service Unavailable', { ready: false, draining: false, dependencies: {} });
const NOBODY = answerOf('503 Service Unavailable', {
  code: 5030,
  message: 'the server is not ready; ask again in a moment',
});
