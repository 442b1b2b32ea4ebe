// Leases on Redis: a key that only its holder's token can extend or remove, and that ends by itself.
import { setTimeout as delay } from 'node:timers/promises';
import type { Lease, Leases } from '../../kernel/ports/leases.js';
import { script } from './link.js';
import { newToken } from './record-codec.js';
import type { Session } from './session.js';

/** KEYS lease. ARGV token, ms. */
const RENEW = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`);

/** KEYS lease. ARGV token. */
const RELEASE = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`);

/** The longest time between two looks: the end of a lease is told to us, and a lost message costs no more than this. */
const MAX_POLL_MS = 500;

export class RedisLeases implements Leases {
  private readonly waiting = new Map<string, Set<() => void>>();

  constructor(private readonly session: Session) {}

  async acquire(name: string, ttlMs: number): Promise<Lease | undefined> {
    const { link, keys, deadlines } = this.session;
    const key = keys.lease(name);
    const token = newToken();
    const reply = await link.send(key, ['SET', key, token, 'NX', 'PX', String(Math.ceil(ttlMs))], deadlines.setMs);
    if (reply !== 'OK') return undefined;
    return {
      renew: async (ms) =>
        (await link.run(RENEW, { keys: [key], args: [token, Math.ceil(ms)] }, deadlines.scriptMs)) === 1,
      release: async () => void (await link.run(RELEASE, { keys: [key], args: [token] }, deadlines.scriptMs)),
    };
  }

  async waitUntilFree(name: string, maxWaitMs: number, signal?: AbortSignal): Promise<void> {
    const { link, keys, deadlines } = this.session;
    const key = keys.lease(name);
    const untilMs = performance.now() + maxWaitMs;
    signal?.throwIfAborted();
    for (;;) {
      // Listening begins before looking, so that a release in between is not missed.
      const changed = this.listen(name);
      try {
        const leftMs = Number(await link.send(key, ['PTTL', key], deadlines.getMs));
        if (leftMs === -2) return;
        const waitMs = Math.min(untilMs - performance.now(), leftMs < 0 ? MAX_POLL_MS : leftMs + 1, MAX_POLL_MS);
        if (waitMs <= 0) return;
        await changed.orAfter(waitMs, signal);
        signal?.throwIfAborted();
      } finally {
        changed.end();
      }
    }
  }

  /** The server said that the lease was taken, extended or ended; `undefined`: perhaps any of them. */
  changed(name: string | undefined): void {
    const woken = name === undefined ? [...this.waiting.values()] : [this.waiting.get(name) ?? new Set()];
    for (const set of woken) for (const wake of set) wake();
  }

  async close(): Promise<void> {
    this.changed(undefined);
  }

  private listen(name: string) {
    const over = new AbortController();
    const wake = () => over.abort();
    const set = this.waiting.get(name) ?? new Set();
    this.waiting.set(name, set.add(wake));
    return {
      async orAfter(ms: number, signal?: AbortSignal): Promise<void> {
        const either = signal ? AbortSignal.any([over.signal, signal]) : over.signal;
        // Woken or told to stop: the caller looks which of the two it was.
        await delay(ms, undefined, { signal: either }).catch(() => undefined);
      },
      end: () => {
        set.delete(wake);
        if (set.size === 0) this.waiting.delete(name);
      },
    };
  }
}
