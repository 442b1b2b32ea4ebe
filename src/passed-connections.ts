// Connections of clients that another process serves (standby.ts): each is joined to one to that process, byte by byte, and ends with it.
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often it looks for idle ones while it closes. */
const LOOK_MS = 25;
/**
 * An answered connection that is silent from one look to the next for this many is idle. Not for a time by the clock: a process that was
 * stalled meanwhile has not looked, and finds what came only after its timers.
 */
const IDLE_LOOKS = 12;

interface Passed {
  readonly server: Socket;
  /** Whether the last byte was the server's. */
  answered: boolean;
  /** Looks since a byte was last sent or taken. */
  quiet: number;
}

export class PassedConnections {
  private readonly all = new Map<Socket, Passed>();

  /** A client that takes nothing of what waits for it for `sendTimeoutMs` is ended. */
  constructor(private readonly sendTimeoutMs: number) {}

  /**
   * Joins the two, of which neither is destroyed, until both are: whichever end goes, the other goes too. The first bytes of the client are
   * shown to `takesOver`: where it says so, it has the client from then on, as if it had said nothing yet, and the server is ended.
   */
  join(client: Socket, server: Socket, takesOver: (first: Buffer) => boolean): void {
    const passed: Passed = { server, answered: true, quiet: 0 };
    this.all.set(client, passed);
    const note = (answered: boolean) => () => {
      passed.answered = answered;
      passed.quiet = 0;
    };
    const said = note(false);
    const drained = (): void => {
      passed.quiet = 0;
    };
    const stalled = (): void => {
      if (client.writableLength > 0) client.destroy();
    };
    // A server never ends its side alone: it has closed, and what the client still says has no reader.
    const serverEnded = (): void => client.destroySoon();
    const clientClosed = (): void => {
      this.all.delete(client);
      server.destroy();
    };
    const serverClosed = (): void => {
      if (server.readableEnded) client.destroySoon();
      else client.destroy();
    };
    const clientEnded = (): void => void server.end();
    const look = (first: Buffer): void => {
      client.pause();
      client.unshift(first);
      client.off('end', clientEnded);
      if (!takesOver(first)) {
        client.on('data', said).pipe(server);
        return;
      }
      this.all.delete(client);
      server.unpipe(client).off('end', serverEnded).off('close', serverClosed).destroy();
      client.off('drain', drained).off('close', clientClosed).setTimeout(0, stalled);
    };
    server.on('data', note(true));
    client.on('drain', drained);
    client.setTimeout(this.sendTimeoutMs, stalled);
    server.pipe(client);
    server.once('end', serverEnded);
    client.once('close', clientClosed);
    server.once('close', serverClosed);
    client.once('end', clientEnded);
    client.once('data', look).resume();
  }

  /** Ends those that are idle, as each becomes so, and all after `limitMs`; resolves when none is left. */
  async close(limitMs: number): Promise<void> {
    for (const endsAt = performance.now() + limitMs; this.all.size > 0; await sleep(LOOK_MS)) {
      const now = performance.now();
      for (const [client, passed] of this.all) if (now > endsAt || isIdle(client, passed)) client.destroy();
      if (now > endsAt) return;
    }
  }
}

/** Whether it is idle at this look. */
function isIdle(client: Socket, passed: Passed): boolean {
  const { server, answered, quiet } = passed;
  if (!answered || client.writableLength > 0 || server.readableLength > 0) return false;
  passed.quiet++;
  return quiet >= IDLE_LOOKS;
}
