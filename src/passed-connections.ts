// Connections of clients that another process serves (standby.ts): each is joined to one to that process, byte by byte, and ends with it.
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** An answered connection that is silent for this long is idle. */
const IDLE_MS = 300;
/** How often it looks for idle ones while it closes. */
const LOOK_MS = 25;

interface Passed {
  readonly server: Socket;
  /** Whether the last byte was the server's. */
  answered: boolean;
  /** When a byte was last sent or taken. */
  at: number;
}

export class PassedConnections {
  private readonly all = new Map<Socket, Passed>();

  /** A client that takes nothing of what waits for it for `sendTimeoutMs` is ended. */
  constructor(private readonly sendTimeoutMs: number) {}

  /** Joins the two, of which neither is destroyed, until both are: whichever end goes, the other goes too. */
  join(client: Socket, server: Socket): void {
    const passed: Passed = { server, answered: true, at: performance.now() };
    this.all.set(client, passed);
    const note = (answered: boolean) => () => {
      passed.answered = answered;
      passed.at = performance.now();
    };
    client.on('data', note(false));
    server.on('data', note(true));
    client.on('drain', () => {
      passed.at = performance.now();
    });
    client.setTimeout(this.sendTimeoutMs, () => {
      if (client.writableLength > 0) client.destroy();
    });
    client.pipe(server);
    server.pipe(client);
    // A server never ends its side alone: it has closed, and what the client still says has no reader.
    server.once('end', () => client.destroySoon());
    client.once('close', () => {
      this.all.delete(client);
      server.destroy();
    });
    server.once('close', () => {
      if (server.readableEnded) client.destroySoon();
      else client.destroy();
    });
  }

  /** Ends those that are idle, as each becomes so, and all after `limitMs`; resolves when none is left. */
  async close(limitMs: number): Promise<void> {
    for (const endsAt = performance.now() + limitMs; this.all.size > 0; await sleep(LOOK_MS)) {
      const now = performance.now();
      for (const [client, passed] of this.all) if (now > endsAt || isIdle(client, passed, now)) client.destroy();
      if (now > endsAt) return;
    }
  }
}

function isIdle(client: Socket, { server, answered, at }: Passed, now: number): boolean {
  return answered && now - at > IDLE_MS && client.writableLength === 0 && server.readableLength === 0;
}
