// What goes from the library by itself: the trash after its time, originals that nothing names, imports that ended long ago. In small
// batches, by one process at a time; whatever a crash leaves is found by the next round.
import type { Assets } from '../kernel/ports/assets.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Jobs } from '../kernel/ports/jobs.js';
import type { Logger } from '../kernel/ports/logger.js';
import { Rounds } from '../previews/rounds.js';

/** Of each kind at once. */
const BATCH = 100;
/** Keys of enqueued work are remembered as long as anybody may repeat a wish. */
const KEYS_MS = 7 * 86_400_000;

export interface LibraryUpkeepDeps {
  readonly assets: Assets;
  readonly jobs: Jobs;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly intervalMs: number;
  /** How long an asset stays in the trash before it is erased. */
  readonly trashMs: number;
  /** How long an original stays that no version names; more than any import takes. */
  readonly unneededMs: number;
  /** How long an import that has ended is remembered. */
  readonly finishedMs: number;
}

export class LibraryUpkeep {
  private readonly rounds: Rounds;

  constructor(private readonly deps: LibraryUpkeepDeps) {
    this.rounds = new Rounds({
      intervalMs: deps.intervalMs,
      work: () => this.sweep(),
      onFailure: (error) => deps.logger.warn({ error }, 'the library could not be looked after; it is tried again'),
    });
  }

  start(): void {
    this.rounds.start();
  }

  /** One round now, or the one that is running. Never rejects. */
  round(): Promise<void> {
    return this.rounds.now();
  }

  close(): Promise<void> {
    return this.rounds.close();
  }

  private async sweep(): Promise<void> {
    const { assets, jobs, clock, trashMs, unneededMs, finishedMs } = this.deps;
    for (let more = true; more && !this.rounds.isClosed; ) {
      const now = clock.now();
      const times = {
        trashedBefore: now - trashMs,
        unneededBefore: now - unneededMs,
        finishedBefore: now - finishedMs,
      };
      const swept = await assets.sweep(times, BATCH);
      const keys = await jobs.sweep(now - KEYS_MS, BATCH);
      more = Math.max(swept.assets, swept.originals, swept.imports, keys) === BATCH;
    }
  }
}
