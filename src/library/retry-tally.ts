// How often work of the library was put off, and why, in this process since it started: for operators who look at one server. Metrics tell
// the same over time and over all processes.
import type { RetryReason } from '../kernel/library/retry-reasons.js';
import type { JobKind } from '../kernel/ports/jobs.js';
import type { Metrics } from '../kernel/ports/metrics.js';

export interface Retries {
  readonly kind: JobKind;
  readonly reason: RetryReason;
  /** 1 or more. */
  readonly retries: number;
}

export class RetryTally {
  private readonly counts = new Map<string, Retries>();

  constructor(private readonly metrics: Metrics) {}

  /** As many entries as there are kinds and reasons at most. */
  add(kind: JobKind, reason: RetryReason = 'internal'): void {
    this.metrics.count('job_retries_total', { kind, reason });
    const name = `${kind} ${reason}`;
    this.counts.set(name, { kind, reason, retries: (this.counts.get(name)?.retries ?? 0) + 1 });
  }

  /** The most frequent first. */
  readonly list = (): readonly Retries[] => [...this.counts.values()].toSorted((a, b) => b.retries - a.retries);
}
