// The one tracked home of work that nobody waits for: bounded, counted, never a floating promise, drained at shutdown.
import { setMaxListeners } from 'node:events';
import type { Logger } from '../kernel/ports/logger.js';

export interface BackgroundWorkOptions {
  /** More tasks than this at once are refused; the work they stand for is found again later. */
  readonly maxTasks: number;
  readonly logger: Logger;
}

export class BackgroundWork {
  private readonly tasks = new Set<Promise<void>>();
  private readonly stopping = new AbortController();
  private draining = false;

  constructor(private readonly options: BackgroundWorkOptions) {
    // Every task listens to it: as many as there may be are no leak, of which Node would warn on standard error.
    setMaxListeners(0, this.stopping.signal);
  }

  /** Aborts when the drain limit is over: long tasks pass it on. */
  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  /** Nothing more should be begun that nobody waits for. */
  get isDraining(): boolean {
    return this.draining;
  }

  get size(): number {
    return this.tasks.size;
  }

  /** Runs `task`; a failure is logged under `what`. `false` when the bound is reached and the task was not begun. */
  run(what: string, task: (signal: AbortSignal) => Promise<void>): boolean {
    if (this.tasks.size >= this.options.maxTasks || this.signal.aborted) return false;
    const running = task(this.signal)
      .catch((error: unknown) => {
        if (!this.signal.aborted) this.options.logger.warn({ what, error }, 'background work failed');
      })
      .finally(() => this.tasks.delete(running));
    this.tasks.add(running);
    return true;
  }

  /** Waits until nothing runs, also for tasks begun meanwhile; after `limitMs` those left are aborted and waited for. */
  async drain(limitMs: number): Promise<void> {
    this.draining = true;
    const timer = setTimeout(() => this.stopping.abort(), limitMs);
    try {
      while (this.tasks.size > 0) await Promise.all(this.tasks);
      this.stopping.abort();
    } finally {
      clearTimeout(timer);
    }
  }
}
