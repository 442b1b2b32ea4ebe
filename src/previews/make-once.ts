// Convert once over all processes: a lease per source digest. Who gets it works; who does not waits and looks again.
import type { Digest } from '../kernel/digest.js';
import type { Lease, Leases } from '../kernel/ports/leases.js';
import { isUnreachable } from './unreachable.js';

/** A holder that died is succeeded after this long, unless the leases say otherwise; a living one renews three times within it. */
const LEASE_TTL_MS = 5_000;

/** `leases`, whose holders are succeeded `ttlMs` after they died. */
export function lasting(leases: Leases, ttlMs: number): Leases {
  return {
    ttlMs,
    acquire: (name, ms) => leases.acquire(name, ms),
    waitUntilFree: (name, maxWaitMs, signal) => leases.waitUntilFree(name, maxWaitMs, signal),
    close: () => leases.close(),
  };
}

/**
 * Runs `work` while holding the lease of `digest`. While somebody else holds it, waits, and returns what `look` finds
 * once they are done; when they left nothing behind, the work is ours after all.
 * A lease service that cannot be reached costs duplicate work at worst, so it stops nobody.
 */
export async function makeOnce<T>(
  leases: Leases,
  digest: Digest,
  look: () => Promise<T | undefined>,
  work: () => Promise<T>,
  signal: AbortSignal,
  what: 'make' | 'pyramid' | `pyramid-${number}` = 'make',
): Promise<T> {
  const { ttlMs = LEASE_TTL_MS } = leases;
  const name = `${what}:${digest}`;
  for (;;) {
    const lease = await orUnreachable(leases.acquire(name, ttlMs));
    if (lease === 'unreachable') return work();
    if (lease !== undefined) {
      try {
        // Between our first look and the lease somebody may have finished the same work.
        return (await look()) ?? (await renewing(lease, ttlMs, work));
      } finally {
        await lease.release().catch(() => undefined); // It ends by itself.
      }
    }
    await orUnreachable(leases.waitUntilFree(name, ttlMs, signal));
    const found = await look();
    if (found !== undefined) return found;
  }
}

async function renewing<T>(lease: Lease, ttlMs: number, work: () => Promise<T>): Promise<T> {
  // A lost lease only means that somebody may do the work a second time, with the same result.
  const timer = setInterval(() => void lease.renew(ttlMs).catch(() => undefined), ttlMs / 3);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

async function orUnreachable<T>(answer: Promise<T>): Promise<T | 'unreachable'> {
  try {
    return await answer;
  } catch (error) {
    if (isUnreachable(error)) return 'unreachable';
    throw error;
  }
}
