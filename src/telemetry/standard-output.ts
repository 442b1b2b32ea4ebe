// Standard output as a place for log lines that never holds up the server: a line is handed to the system at once where that takes it,
// and otherwise waits, up to a bound, until somebody reads.
import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import { type DestinationStream, destination } from 'pino';

/** Standard output. */
const FD = 1;
/** Bytes of lines that may wait for a reader; what comes beyond is dropped and counted. */
const MAX_WAITING_BYTES = 1 << 20;

export interface LogOutput extends DestinationStream {
  /** Resolves once every line is out, or after `limitMs`. */
  flush(limitMs: number): Promise<void>;
}

/** A file, a device or a terminal is written synchronously: those take what they are given. */
export function standardOutput(): LogOutput {
  // In bigint: asked for in plain numbers, a pipe keeps Node from following links to what is loaded next (nodejs/node#51142).
  const stat = fstatSync(FD, { bigint: true });
  if (stat.isFIFO() || stat.isSocket()) return new Unhurried(new Socket({ fd: FD, readable: false, writable: true }));
  const sync = destination({ fd: FD, sync: true, maxLength: MAX_WAITING_BYTES });
  // A disk that is full, a terminal that was closed: requests are answered all the same. What waits is written with a later line.
  sync.on('error', () => undefined);
  return { write: (line) => sync.write(line), flush: async () => undefined };
}

/** Over a pipe or a socket, whose reader may stall. Exported for tests. */
export class Unhurried implements LogOutput {
  private dropped = 0;

  constructor(private readonly socket: Socket) {
    socket.unref();
    // The reader is gone for good: there is nobody to tell, and requests are answered all the same.
    socket.on('error', () => undefined);
    socket.on('drain', () => this.tellOfDropped());
  }

  write(line: string): void {
    if (this.socket.destroyed) return;
    if (this.socket.writableLength > MAX_WAITING_BYTES) this.dropped++;
    // The system is asked at once: only what it does not take stays here, and would be lost in a crash.
    else this.socket.write(line);
  }

  async flush(limitMs: number): Promise<void> {
    if (this.socket.writableLength === 0 || this.socket.destroyed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      for (const event of ['drain', 'close'] as const)
        this.socket.once(event, () => {
          clearTimeout(timer);
          resolve();
        });
    });
  }

  private tellOfDropped(): void {
    if (this.dropped === 0) return;
    const lines = this.dropped;
    this.dropped = 0;
    const time = new Date().toISOString();
    this.write(
      `${JSON.stringify({ level: 'warn', time, lines, message: 'log lines were dropped, since nobody read them' })}\n`,
    );
  }
}
