// The Leases port on LMDB: who holds what is shared by all processes of the machine, and forgotten when it restarts.
import { createHash, randomBytes } from 'node:crypto';
import type { Lease, Leases } from '../../kernel/ports/leases.js';
import { keysFrom, type LmdbEnvironment, readRow, type Table } from './lmdb-environment.js';

/** The longest lease; what claims to end later was written before the machine's last start, and counts as ended. */
export const MAX_LEASE_MS = 3_600_000;

const TOKEN_BYTES = 16;
const FIRST_POLL_MS = 2;
/** A lease that another process releases is seen within this time. */
const MAX_POLL_MS = 25;
/** A machine has few leases at once; this bounds what a start looks at. */
const MAX_ENDED_PER_START = 10_000;

interface LeaseRow {
  readonly token: Buffer;
  /** By the machine's clock. */
  readonly endsAt: number;
}

/**
 * Ms on a clock that all processes of the machine share and nobody can set: CLOCK_MONOTONIC and its like count from the
 * start of the machine.
 */
export function machineTimeMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

export class LmdbLeases implements Leases {
  /** Those who wait in this process, by name: they need not poll. As many as there are requests in flight. */
  private readonly waiting = new Map<string, Set<() => void>>();

  private constructor(
    private readonly environment: LmdbEnvironment,
    private readonly table: Table,
    private readonly nowMs: () => number,
  ) {}

  /** `environment`: for this start of the machine alone, because it is not synced to disk; closed by `close`. */
  static async open(environment: LmdbEnvironment, nowMs: () => number = machineTimeMs): Promise<LmdbLeases> {
    const leases = new LmdbLeases(environment, environment.table('leases'), nowMs);
    await leases.removeEnded();
    return leases;
  }

  async acquire(name: string, ttlMs: number): Promise<Lease | undefined> {
    const key = keyOf(name);
    if (this.holder(key) !== undefined) return undefined;
    const token = randomBytes(TOKEN_BYTES);
    const acquired = await this.environment.write(() => {
      if (this.holderNow(key) !== undefined) return false;
      this.table.putSync(key, encodeLease({ token, endsAt: this.endOf(ttlMs) }));
      return true;
    });
    if (!acquired) return undefined;
    return {
      renew: (nextTtlMs) =>
        this.environment.write(() => {
          if (!this.holderNow(key)?.token.equals(token)) return false;
          this.table.putSync(key, encodeLease({ token, endsAt: this.endOf(nextTtlMs) }));
          return true;
        }),
      release: async () => {
        const released = await this.environment.write(() => {
          if (!readRow(this.table, key, decodeLease)?.token.equals(token)) return false;
          this.table.removeSync(key);
          return true;
        });
        if (released) this.wake(name);
      },
    };
  }

  async waitUntilFree(name: string, maxWaitMs: number, signal?: AbortSignal): Promise<void> {
    const key = keyOf(name);
    const until = this.nowMs() + maxWaitMs;
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(2 * pollMs, MAX_POLL_MS)) {
      signal?.throwIfAborted();
      const holder = this.holder(key);
      const leftMs = until - this.nowMs();
      if (holder === undefined || leftMs <= 0) return;
      await this.woken(name, Math.min(pollMs, leftMs), signal);
    }
  }

  close(): Promise<void> {
    return this.environment.close();
  }

  /** Resolves when the lease is released in this process, after `ms`, or when the signal aborts. */
  private woken(name: string, ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wakers = this.waiting.get(name) ?? new Set();
      this.waiting.set(name, wakers);
      const wake = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        wakers.delete(wake);
        if (wakers.size === 0 && this.waiting.get(name) === wakers) this.waiting.delete(name);
        resolve();
      };
      const timer = setTimeout(wake, Math.ceil(ms));
      signal?.addEventListener('abort', wake);
      wakers.add(wake);
    });
  }

  private wake(name: string): void {
    for (const wake of [...(this.waiting.get(name) ?? [])]) wake();
  }

  private holder(key: Buffer): LeaseRow | undefined {
    this.environment.refresh();
    return this.holderNow(key);
  }

  private holderNow(key: Buffer): LeaseRow | undefined {
    const row = readRow(this.table, key, decodeLease);
    return row !== undefined && this.isHeld(row) ? row : undefined;
  }

  private isHeld({ endsAt }: LeaseRow): boolean {
    const leftMs = endsAt - this.nowMs();
    return leftMs > 0 && leftMs <= MAX_LEASE_MS;
  }

  private endOf(ttlMs: number): number {
    if (!(ttlMs > 0 && ttlMs <= MAX_LEASE_MS))
      throw new RangeError(`expected a lease of more than 0 and at most ${MAX_LEASE_MS} ms, got ${ttlMs}`);
    return this.nowMs() + ttlMs;
  }

  /** What dead holders left; whoever asks for the same name again would take it over anyway. */
  private removeEnded(): Promise<void> {
    return this.environment.write(() => {
      for (const key of keysFrom(this.table, Buffer.of(0), undefined, MAX_ENDED_PER_START))
        if (this.holderNow(key) === undefined) this.table.removeSync(key);
    });
  }
}

/** Names of any length and any characters. */
function keyOf(name: string): Buffer {
  return createHash('sha256').update(name).digest();
}

function encodeLease({ token, endsAt }: LeaseRow): Buffer {
  const bytes = Buffer.allocUnsafe(8 + TOKEN_BYTES);
  bytes.writeDoubleBE(endsAt, 0);
  token.copy(bytes, 8);
  return bytes;
}

function decodeLease(bytes: Buffer): LeaseRow {
  return { endsAt: bytes.readDoubleBE(0), token: Buffer.from(bytes.subarray(8, 8 + TOKEN_BYTES)) };
}
