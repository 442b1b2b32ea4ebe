// A tier that is down fails thousands of times a second: this says so once in a while, and how often it was.
import type { TierName } from '../kernel/ports/blobs.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Logger } from '../kernel/ports/logger.js';

/** Ms between two warnings about the same tier. */
export const WARNING_INTERVAL_MS = 10_000;

interface Warned {
  readonly atMs: number;
  /** Failures since that were not told of. */
  untold: number;
}

export class TierWarnings {
  /** One entry per tier. */
  private readonly last = new Map<TierName, Warned>();

  constructor(
    private readonly logger: Logger,
    private readonly clock: Clock,
  ) {}

  warn(tier: TierName, error: unknown): void {
    const warned = this.last.get(tier);
    const nowMs = this.clock.monotonic();
    if (warned !== undefined && nowMs - warned.atMs < WARNING_INTERVAL_MS) {
      warned.untold++;
      return;
    }
    this.last.set(tier, { atMs: nowMs, untold: 0 });
    this.logger.warn({ error, tier, failuresSinceLast: warned?.untold ?? 0 }, 'a blob tier failed and was passed over');
  }
}
