// The memory that conversions may take together: asked for in bytes before a source is decoded, given back afterwards. What a
// process keeps of it when its conversion is over stays counted.
import { PRIORITIES, type Priority } from '../kernel/ports/converter.js';

/** Bytes granted to one conversion; `release` more than once gives back once. */
export interface Grant {
  readonly bytes: number;
  release(): void;
}

interface Waiter {
  readonly bytes: number;
  readonly priority: Priority;
  readonly granted: (grant: Grant) => void;
  /** How many that came later stand before it. */
  overtaken: number;
}

/** Then an upload is the next, or what is instant for one context could keep that of another waiting for ever. */
const MOST_OVERTAKINGS = 4;

/**
 * Grants in order of priority, then of arrival. A large request at the front waits for space and nothing overtakes it
 * with the same or a lower priority, or it might wait for ever. At most one waiter per converter, so bounded by their number.
 */
export class MemoryBudget {
  private usedBytes = 0;
  private keptBytes = 0;
  private waiters: Waiter[] = [];

  /** `onShort`: somebody waits for more than is free; what is only kept should be given back. */
  constructor(
    readonly totalBytes: number,
    private readonly onShort: () => void = () => undefined,
  ) {}

  /** Granted to conversions. */
  get inFlightBytes(): number {
    return this.usedBytes - this.keptBytes;
  }

  /** Whether `bytes` can ever be granted. */
  fits(bytes: number): boolean {
    return bytes <= this.totalBytes;
  }

  /** Calls `granted`, at once or later, unless the returned function took the request back before. */
  request(bytes: number, priority: Priority, granted: (grant: Grant) => void): () => void {
    if (!this.fits(bytes)) throw new RangeError(`expected at most ${this.totalBytes} bytes, got ${bytes}`);
    const waiter: Waiter = { bytes, priority, granted, overtaken: 0 };
    const rank = PRIORITIES.indexOf(priority);
    const standsBefore = (other: Waiter): boolean =>
      PRIORITIES.indexOf(other.priority) <= rank ||
      (other.priority !== 'background' && other.overtaken >= MOST_OVERTAKINGS);
    const at = this.waiters.findLastIndex(standsBefore) + 1;
    for (const other of this.waiters.slice(at)) other.overtaken++;
    this.waiters.splice(at, 0, waiter);
    this.grantInOrder();
    return () => {
      const index = this.waiters.indexOf(waiter);
      if (index < 0) return;
      this.waiters.splice(index, 1);
      this.grantInOrder();
    };
  }

  /** Counts what a process keeps though nobody asked for it; whether there is room or not, since it is there. */
  keep(bytes: number): Grant {
    const grant = this.grant(bytes);
    this.keptBytes += bytes;
    let kept = true;
    return {
      bytes,
      release: () => {
        if (kept) this.keptBytes -= bytes;
        kept = false;
        grant.release();
      },
    };
  }

  private grantInOrder(): void {
    for (let next = this.waiters[0]; next !== undefined; next = this.waiters[0]) {
      if (this.usedBytes + next.bytes > this.totalBytes) {
        if (this.keptBytes > 0) this.onShort();
        return;
      }
      this.waiters.shift();
      next.granted(this.grant(next.bytes));
    }
  }

  private grant(bytes: number): Grant {
    this.usedBytes += bytes;
    let held = true;
    return {
      bytes,
      release: () => {
        if (!held) return;
        held = false;
        this.usedBytes -= bytes;
        this.grantInOrder();
      },
    };
  }
}

/** For people: rounded up. */
export function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 1024 / 1024);
}
