// Work that one process at a time does of all that share a backend: whoever has the lease, for as long as it is renewed.
import type { Clock } from '../kernel/ports/clock.js';
import type { Lease, Leases } from '../kernel/ports/leases.js';

const LEASE_MS = 30_000;

export interface SoleTurnOptions {
  /** Of the lease. */
  readonly name: string;
  /** Absent where no other process shares the backend. */
  readonly leases: Leases | undefined;
  readonly clock: Clock;
}

export class SoleTurn {
  private held: { readonly lease: Lease; renewAt: number } | undefined;

  constructor(private readonly options: SoleTurnOptions) {}

  /** Does `work` unless another process is at it. */
  async run(work: () => Promise<void>): Promise<void> {
    const { leases, clock, name } = this.options;
    if (leases === undefined) return work();
    const lease = await leases.acquire(name, LEASE_MS);
    if (lease === undefined) return;
    this.held = { lease, renewAt: clock.monotonic() + LEASE_MS / 3 };
    try {
      await work();
    } finally {
      this.held = undefined;
      await lease.release();
    }
  }

  /** Asked between two steps of the work: whether this process may go on with it. */
  async isMine(): Promise<boolean> {
    const { held } = this;
    const now = this.options.clock.monotonic();
    if (held === undefined || now < held.renewAt) return true;
    held.renewAt = now + LEASE_MS / 3;
    return held.lease.renew(LEASE_MS);
  }
}
