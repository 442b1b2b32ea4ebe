// Stops asking a server that does not answer, so that a request pays for an outage once and not every time.
import type { Clock } from '../kernel/ports/clock.js';

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** How long it stays open before one call is let through as a trial, in ms. */
  readonly openMs: number;
}

export type BreakerState = 'closed' | 'open' | 'half-open';

/** `closed`: calls pass. `open`: none does. `half-open`: one trial is under way, and decides. */
export class Breaker {
  private current: BreakerState = 'closed';
  private failuresInARow = 0;
  private openedAt = 0;

  constructor(
    private readonly clock: Clock,
    private readonly options: BreakerOptions,
  ) {}

  get state(): BreakerState {
    return this.current;
  }

  /** Whether a call may be made now; a `true` obliges the caller to report its outcome. */
  enter(): boolean {
    if (this.current === 'closed') return true;
    if (this.current === 'half-open' || this.clock.monotonic() - this.openedAt < this.options.openMs) return false;
    this.current = 'half-open';
    return true;
  }

  succeeded(): void {
    this.current = 'closed';
    this.failuresInARow = 0;
  }

  failed(): void {
    this.failuresInARow++;
    // A late failure of a call made before it opened does not prolong the pause.
    if (this.current === 'open') return;
    if (this.current === 'closed' && this.failuresInARow < this.options.failures) return;
    this.current = 'open';
    this.openedAt = this.clock.monotonic();
  }
}
