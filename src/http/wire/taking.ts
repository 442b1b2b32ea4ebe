// How long a client may take for an answer. Costs nothing while the socket takes what it is given; knows no contents.
import type { ServerResponse } from 'node:http';

/** A client has to take this much within the send timeout, on the average: 256 KiB in 30 s is 8.7 kB/s. */
const SHARE_BYTES = 256 * 1024;

/** The client left, or read too slowly: there is nobody to answer any more. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** Whether the kernel has not taken everything yet that was written. Nearly always it has, by the time `end` returns. */
export function isWaiting({ socket }: ServerResponse): boolean {
  return socket !== null && socket.writableLength > 0;
}

/**
 * Destroys a response of `bytes` that was ended, unless its client takes it: `timeoutMs` for every 256 KiB in all, and never
 * nothing at all for that long. Node looks once per `timeoutMs` whether anything was taken, so silence ends after twice that
 * at the latest.
 */
export function limitTaking(response: ServerResponse, bytes: number, timeoutMs: number): void {
  if (!isWaiting(response)) return;
  const shares = Math.max(1, Math.ceil(bytes / SHARE_BYTES));
  const whole = setTimeout(() => response.destroy(), timeoutMs * shares);
  response.once('close', () => clearTimeout(whole));
  if (shares === 1) return;
  const { socket } = response;
  response.setTimeout(timeoutMs, () => response.destroy());
  // Before Node's own listener, which sets the time that the connection may then be idle.
  response.prependOnceListener('finish', () => socket?.setTimeout(0));
}

/**
 * Whether the kernel has taken a response that was ended; asked when it closes, or at once after `end`. Node's `writableFinished`
 * and `finish` alone do not tell: what a destroyed socket still held counts as written.
 */
export function wasTaken(response: ServerResponse): boolean {
  return response.writableFinished && !response.req.socket.destroyed;
}

/** Resolves once the kernel has taken a response that was ended; throws `ClientGone` when it closes before. */
export function taken(response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => (wasTaken(response) ? resolve() : reject(gone()));
    if (response.writableFinished || response.closed) settle();
    else response.once('close', settle);
  });
}

/** A response that is written in pieces of a size that nobody knows before; each is waited for before the next is asked for. */
export class PiecewiseTaking {
  private waiting: { resolve(): void; reject(error: Error): void } | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly response: ServerResponse,
    private readonly timeoutMs: number,
  ) {
    response.on('drain', () => this.settle()?.resolve());
    response.once('close', () => this.settle()?.reject(gone()));
  }

  /** Writes a piece; resolves when the next may be. Throws `ClientGone` when the client leaves or takes too long. */
  async write(piece: string | Uint8Array): Promise<void> {
    const { response } = this;
    if (response.destroyed) throw gone();
    if (response.write(piece)) return;
    await new Promise<void>((resolve, reject) => {
      this.waiting = { resolve, reject };
      if (isWaiting(response)) this.timer = setTimeout(() => response.destroy(), this.timeoutMs);
    });
  }

  private settle(): { resolve(): void; reject(error: Error): void } | undefined {
    clearTimeout(this.timer);
    const { waiting } = this;
    this.waiting = undefined;
    return waiting;
  }
}

function gone(): ClientGone {
  return new ClientGone('the client left');
}
