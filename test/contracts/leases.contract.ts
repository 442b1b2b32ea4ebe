// The contract of Leases: one holder at a time, over all clients of the backend, ending by itself.
import { expect } from 'vitest';
import type { Lease, Leases } from '../../src/kernel/ports/leases.js';
import { type ContractCase, describeContract, type Open } from './contract.js';

export interface LeasesSubject {
  readonly leases: Leases;
  /** Another client of the same backend, as another process would have it. */
  readonly peer: Leases;
}

const LONG_MS = 60_000;
/** Long enough to be still held after a few calls of most machines, short enough to wait for. */
const SHORT_MS = 150;
/** A server may count from a moment before it was asked. */
const COARSE_MS = 5;

/**
 * A short lease that `isHeld` found held, and its time. A machine that takes longer than that time to ask proves nothing, and
 * has another go with twice as much; one that is not held within its time is a fault.
 */
async function heldForShort(
  leases: Leases,
  isHeld: (lease: Lease) => Promise<boolean>,
): Promise<{ readonly lease: Lease; readonly ttlMs: number }> {
  for (let ttlMs = SHORT_MS; ; ttlMs *= 2) {
    const before = performance.now();
    const lease = await leases.acquire('work', ttlMs);
    if (lease === undefined) throw new Error('expected a lease that nobody has, got none');
    if (await isHeld(lease)) return { lease, ttlMs };
    expect(performance.now() - before).toBeGreaterThan(ttlMs - COARSE_MS);
  }
}

export const leasesCases: readonly ContractCase<LeasesSubject>[] = [
  {
    name: 'gives a lease to one holder at a time, over all clients',
    run: async ({ leases, peer }) => {
      expect(await leases.acquire('work', LONG_MS)).toBeDefined();
      expect(await leases.acquire('work', LONG_MS)).toBeUndefined();
      expect(await peer.acquire('work', LONG_MS)).toBeUndefined();
    },
  },
  {
    name: 'gives it to exactly one of many who ask at once',
    run: async ({ leases, peer }) => {
      const asked = await Promise.all(
        Array.from({ length: 20 }, (_, n) => (n % 2 ? leases : peer).acquire('work', LONG_MS)),
      );
      expect(asked.filter((lease) => lease !== undefined)).toHaveLength(1);
    },
  },
  {
    name: 'leases of other names are free',
    run: async ({ leases, peer }) => {
      expect(await leases.acquire('work', LONG_MS)).toBeDefined();
      expect(await peer.acquire('work 2', LONG_MS)).toBeDefined();
      expect(await peer.acquire('*', LONG_MS)).toBeDefined();
    },
  },
  {
    name: 'is free again once released; a second release harms nobody',
    run: async ({ leases, peer }) => {
      const first = await leases.acquire('work', LONG_MS);
      await first?.release();
      const second = await peer.acquire('work', LONG_MS);
      expect(second).toBeDefined();
      await first?.release();
      expect(await leases.acquire('work', LONG_MS)).toBeUndefined();
    },
  },
  {
    name: 'ends by itself; who held it cannot renew or release what another holds now',
    run: async ({ leases, peer }) => {
      const { lease: dead } = await heldForShort(leases, async () => {
        const taken = await peer.acquire('work', LONG_MS);
        await taken?.release();
        return taken === undefined;
      });
      await peer.waitUntilFree('work', LONG_MS);
      const next = await peer.acquire('work', LONG_MS);
      expect(next).toBeDefined();
      expect(await dead.renew(LONG_MS)).toBe(false);
      await dead.release();
      expect(await leases.acquire('work', LONG_MS)).toBeUndefined();
      expect(await next?.renew(LONG_MS)).toBe(true);
    },
  },
  {
    name: 'renewing keeps it',
    run: async ({ leases, peer }) => {
      const { ttlMs } = await heldForShort(leases, (lease) => lease.renew(LONG_MS));
      await peer.waitUntilFree('work', 2 * ttlMs);
      expect(await peer.acquire('work', LONG_MS)).toBeUndefined();
    },
  },
  {
    name: 'a released lease cannot be renewed',
    run: async ({ leases, peer }) => {
      const lease = await leases.acquire('work', LONG_MS);
      await lease?.release();
      expect(await lease?.renew(LONG_MS)).toBe(false);
      expect(await peer.acquire('work', LONG_MS)).toBeDefined();
    },
  },
  {
    name: 'waiting for a free lease takes no time',
    run: async ({ leases, peer }) => {
      const lease = await leases.acquire('work', LONG_MS);
      await lease?.release();
      await leases.waitUntilFree('work', LONG_MS);
      await peer.waitUntilFree('never held', LONG_MS);
      expect(await peer.acquire('work', LONG_MS)).toBeDefined();
    },
  },
  {
    name: 'wakes those who wait, in this client and the other, once it is released',
    run: async ({ leases, peer }) => {
      const lease = await leases.acquire('work', LONG_MS);
      let freed = false;
      const waiting = Promise.all(
        [leases, peer].map(async (client) => {
          await client.waitUntilFree('work', LONG_MS);
          expect(freed).toBe(true);
        }),
      );
      expect(await peer.acquire('work', LONG_MS)).toBeUndefined();
      freed = true;
      await lease?.release();
      await waiting;
    },
  },
  {
    name: 'stops waiting after the longest wait, with the lease still held',
    run: async ({ leases, peer }) => {
      await leases.acquire('work', LONG_MS);
      const started = performance.now();
      await peer.waitUntilFree('work', 100);
      const waitedMs = performance.now() - started;
      // Timers may fire a millisecond early.
      expect(waitedMs).toBeGreaterThan(95);
      expect(waitedMs).toBeLessThan(LONG_MS / 2);
      expect(await peer.acquire('work', LONG_MS)).toBeUndefined();
    },
  },
  {
    name: 'stops waiting when told to, before and during the wait',
    run: async ({ leases, peer }) => {
      await leases.acquire('work', LONG_MS);
      await expect(peer.waitUntilFree('work', LONG_MS, AbortSignal.abort())).rejects.toThrow();
      const abort = new AbortController();
      const waiting = expect(peer.waitUntilFree('work', LONG_MS, abort.signal)).rejects.toThrow();
      setImmediate(() => abort.abort());
      await waiting;
    },
  },
];

export function leasesContract(name: string, open: Open<LeasesSubject>): void {
  describeContract(`${name} keeps the leases contract`, leasesCases, open);
}
