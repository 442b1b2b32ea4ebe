// The port for exclusive rights over all processes that share a backend.

/** Exclusive right to do one named piece of work, over all processes that share the backend; ends by itself. */
export interface Lease {
  /** Extends the lease; `false` when it was lost, and somebody else may be at work. */
  renew(ttlMs: number): Promise<boolean>;
  release(): Promise<void>;
}

export interface Leases {
  /** How long the lease of a conversion outlives a holder that died, in ms, where that is configured. */
  readonly ttlMs?: number;
  /** The lease, or `undefined` while somebody holds it. */
  acquire(name: string, ttlMs: number): Promise<Lease | undefined>;
  /** Resolves once the lease is free or `maxWaitMs` have passed, whichever is first. Rejects when `signal` aborts. */
  waitUntilFree(name: string, maxWaitMs: number, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
