// Tells those who wait for jobs in this process, and nobody else: where no engine is there.
import type { Claim, JobKind } from '../../../kernel/ports/jobs.js';
import type { Due, OnDue } from './library-changes.js';
import type { JobBell } from './redis-jobs.js';

export class LocalBell implements JobBell {
  private readonly listeners = new Set<(kind: JobKind) => void>();

  readonly ring: OnDue = (due, now) => this.ringHere(due, now);

  onDue(listener: (kind: JobKind) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  claiming(_kind: JobKind, _limit: number): void {}
  claimed(_claims: readonly Claim[]): void {}
  ended(_claim: Claim): void {}
  async close(): Promise<void> {}

  /** Those who wait for a kind of which something is due at `now` (Unix ms). */
  protected ringHere(due: readonly Due[], now: number): void {
    const kinds = due.filter(({ at }) => at <= now).map(({ kind }) => kind);
    for (const kind of new Set(kinds)) for (const listener of this.listeners) listener(kind);
  }
}
