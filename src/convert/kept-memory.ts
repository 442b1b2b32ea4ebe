// What a converter child has not given back of its conversions: fragments, pools of its libraries. It counts in the budget, since the
// machine has not got it.
import type { Grant, MemoryBudget } from './memory-budget.js';
import { residentBytes } from './memory-watch.js';

/** What a warm child that has nothing to do may take without being counted. */
const IDLE_CHILD_BYTES = 70 * 1024 * 1024;

export class KeptMemory {
  private grant: Grant | undefined;

  constructor(private readonly budget: MemoryBudget) {}

  /** Counted now; 0 for a child that keeps no more than a bare one. */
  get bytes(): number {
    return this.grant?.bytes ?? 0;
  }

  /** Looks at the child and counts anew. Returns its resident memory in bytes; 0 where the system does not tell. */
  count(pid: number | undefined): number {
    const resident = (pid === undefined ? undefined : residentBytes(pid)) ?? 0;
    this.release();
    if (resident > IDLE_CHILD_BYTES) this.grant = this.budget.keep(resident - IDLE_CHILD_BYTES);
    return resident;
  }

  /** The child is gone, or works in it. */
  release(): void {
    const { grant } = this;
    this.grant = undefined;
    grant?.release();
  }
}
