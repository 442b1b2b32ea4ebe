// Waiting where there is no place, for those who would do the work by themselves, and for more, if they were refused: what is overloaded
// is tried again until it is not, or until their time is over. Bounded in number and time.
import { setTimeout as sleep } from 'node:timers/promises';
import { ProofsheetError } from '../kernel/errors.js';
import type { BackgroundWork } from './background-work.js';

/** Less than the 120 s that Nextcloud waits for a picture. */
const PATIENCE_MS = 100_000;
/** Waiting at once; each holds its upload, a file. More are refused as everybody is. */
const MOST_WAITING = 256;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

export class Patience {
  private waiting = 0;

  constructor(private readonly background: Pick<BackgroundWork, 'signal' | 'isDraining'>) {}

  /** Runs `work`, and again while it throws `overloaded`, for so long. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const endsAt = performance.now() + PATIENCE_MS;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ProofsheetError && error.code === 'overloaded')) throw error;
        if (this.waiting >= MOST_WAITING || this.background.isDraining || performance.now() + pauseMs > endsAt)
          throw error;
        await this.pause(pauseMs, error);
      }
    }
  }

  /** Who waits does so for different times, so that not all come back at once. */
  private async pause(ms: number, error: ProofsheetError): Promise<void> {
    this.waiting++;
    try {
      await sleep(ms * (0.5 + Math.random() / 2), undefined, { signal: this.background.signal });
    } catch {
      throw error;
    } finally {
      this.waiting--;
    }
  }
}
