// The servers of other containers that have the data directory, as one sees them that waits for it (standby.ts): who of them serves, and
// connections on which one of them has taken a client.
import type { Socket } from 'node:net';
import { type DoorName, type Question, SERVING, TAKEN } from './door.js';
import { connectTo } from './stores/embedded/held-name.js';

/** A neighbour takes a connection within a turn of its loop, or has stopped. */
const TAKEN_MS = 2_000;

export class Neighbours {
  /** Those who have said that they serve, by name. */
  private readonly serving = new Map<string, Socket>();
  private readonly watched = new Map<string, Socket>();

  /** `onServing` is told when one more serves, `onGone` when one that did has gone. */
  constructor(
    private readonly lockDir: string,
    private readonly onServing: () => void,
    private readonly onGone: () => void,
  ) {}

  get someServe(): boolean {
    return this.serving.size > 0;
  }

  /** Watches the holder of this name from now on. */
  watch(name: string): void {
    if (this.watched.has(name)) return;
    const socket = this.ask(name, { want: 'watch' });
    if (socket === undefined) return;
    this.watched.set(name, socket);
    let served = false;
    socket.once('data', (said: Buffer) => {
      if (said.toString() !== SERVING) return;
      served = true;
      this.serving.set(name, socket);
      this.onServing();
    });
    socket.once('end', () => socket.destroy());
    socket.once('close', () => {
      this.watched.delete(name);
      // One that refused is asked again after a pause.
      this.serving.delete(name);
      if (served) this.onGone();
    });
  }

  /** A connection that one of them has taken for this client, of whom nothing was sent yet; `undefined` where none has. */
  async reach(to: DoorName, client: Socket): Promise<Socket | undefined> {
    const names = [...this.serving.keys()];
    for (let n = Math.floor(Math.random() * names.length), tries = 0; tries < names.length; tries++, n++) {
      const name = names[n % names.length] ?? '';
      const server = this.serving.has(name) ? await this.reachAt(name, to, client) : undefined;
      if (server !== undefined || client.destroyed) return server;
    }
    return undefined;
  }

  /** Watches nobody any more. Connections that were taken go on. */
  close(): void {
    for (const socket of this.watched.values()) socket.destroy();
  }

  /** The connection to answer on; `undefined` where there can be none, which is as good as one that is refused. */
  private ask(name: string, question: Question): Socket | undefined {
    let socket: Socket;
    try {
      socket = connectTo(this.lockDir, name);
    } catch {
      return undefined;
    }
    socket.on('error', () => undefined);
    socket.write(`${JSON.stringify(question)}\n`);
    return socket;
  }

  private async reachAt(name: string, to: DoorName, client: Socket): Promise<Socket | undefined> {
    const { remoteAddress: address = '', remotePort: port = 0 } = client;
    const server = this.ask(name, { want: 'pass', to, address, port });
    if (server === undefined) return undefined;
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
    if (taken) return server;
    server.destroy();
    return undefined;
  }
}
