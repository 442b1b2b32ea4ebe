// A server that waits for another container's to let go of the data directory (see group-lock.ts), as in a rolling restart. It listens
// meanwhile: what its clients send goes to that server unread, and waits, bounded, while that one stops and this one opens the catalog.
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { DOORS, type DoorName, type DoorServers, inject, type Question, SERVING, TAKEN } from './door.js';
import type { Logger } from './kernel/ports/logger.js';
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
/** An answered connection that is silent for this long is idle. */
const IDLE_MS = 300;

/** The probes' names at the root; the first two ask whether this process lives. */
const PROBE = /^(?:GET|HEAD) \/+(?:(healthz|health\/liveness)|readyz|health\/readiness)\/?[ ?]/;

interface Held {
  readonly to: DoorName;
  readonly socket: Socket;
  /** Ends the wait; the connection is as it came. */
  release(): void;
}

export interface StandbyOptions {
  /** Where the lock lies, and the group that this process would hold it for. */
  readonly lockDir: string;
  readonly group: string;
  readonly maxConnections: number;
  readonly logger: Logger;
}

export class Standby {
  /** Those who have said that they serve, by name. */
  private readonly serving = new Map<string, Socket>();
  private readonly watched = new Map<string, Socket>();
  private readonly fronts = new Map<DoorName, Server>();
  private held: Held[] = [];
  /** Connections that a neighbour serves, and when and by whom the last byte was sent. */
  private readonly passed = new Map<Socket, { answered: boolean; at: number }>();
  private successor: DoorServers | undefined;
  private look: () => void = () => undefined;
  private closed = false;

  constructor(private readonly options: StandbyOptions) {}

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
    for (const endsAt = performance.now() + limitMs; this.passed.size > 0; await sleep(SOON_MS)) {
      const now = performance.now();
      for (const [socket, { answered, at }] of this.passed)
        if (now > endsAt || (answered && now - at > IDLE_MS)) socket.destroy();
    }
    for (const socket of this.watched.values()) socket.destroy();
  }

  private watch(name: string): void {
    if (this.watched.has(name)) return;
    const socket = this.ask(name, { want: 'watch' });
    this.watched.set(name, socket);
    socket.once('data', (said: Buffer) => {
      if (said.toString() !== SERVING) return;
      this.serving.set(name, socket);
      for (const { to, socket: client } of this.released()) void this.place(to, client);
      this.look();
    });
    socket.once('end', () => socket.destroy());
    socket.once('close', () => {
      this.watched.delete(name);
      this.serving.delete(name);
      this.look();
    });
  }

  private ask(name: string, question: Question): Socket {
    const socket = connectTo(this.options.lockDir, name);
    socket.on('error', () => undefined);
    socket.write(`${JSON.stringify(question)}\n`);
    return socket;
  }

  private async place(to: DoorName, client: Socket): Promise<void> {
    if (this.successor) {
      this.give(this.successor, to, client);
      return;
    }
    const names = [...this.serving.keys()];
    for (let n = Math.floor(Math.random() * names.length), tries = 0; tries < names.length; tries++, n++) {
      const name = names[n % names.length] ?? '';
      if (this.serving.has(name) && (await this.pass(name, to, client))) return;
    }
    this.hold(to, client);
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
    const taken = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), TAKEN_MS);
      const settle = (isTaken: boolean): void => {
        clearTimeout(timer);
        resolve(isTaken);
      };
      server.once('data', (said: Buffer) => {
        server.pause();
        if (said.length > TAKEN.length) server.unshift(said.subarray(TAKEN.length));
        settle(said.toString('latin1', 0, TAKEN.length) === TAKEN);
      });
      server.once('close', () => settle(false));
    });
    if (!taken) {
      server.destroy();
      return false;
    }
    this.join(client, server);
    return true;
  }

  private join(client: Socket, server: Socket): void {
    const state = { answered: true, at: performance.now() };
    this.passed.set(client, state);
    const note = (answered: boolean) => () => {
      state.answered = answered;
      state.at = performance.now();
    };
    client.on('data', note(false));
    server.on('data', note(true));
    client.pipe(server);
    server.pipe(client);
    // One that ended as it should is still to be written to; one that broke breaks the other.
    client.once('close', () => {
      this.passed.delete(client);
      if (!client.readableEnded) server.destroy();
    });
    server.once('close', () => {
      if (!server.readableEnded) client.destroy();
    });
  }

  private hold(to: DoorName, socket: Socket): void {
    if (this.closed || this.held.length >= MOST_HELD) {
      socket.destroy();
      return;
    }
    const drop = (answer: string): void => {
      this.held = this.held.filter((one) => one !== held);
      held.release();
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
    const timer = setTimeout(() => drop(NOBODY), HELD_MS);
    const held: Held = {
      to,
      socket,
      release: () => {
        clearTimeout(timer);
        socket.off('data', look);
        socket.pause();
      },
    };
    this.held.push(held);
    if (to !== 'tls') socket.once('data', look).resume();
  }

  /** Those who wait, which they do no more. */
  private released(): readonly Held[] {
    const all = this.held.splice(0);
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
