// What goes from the library by itself: the trash after its time, originals that nothing names, imports that ended long ago, uploads
// that nobody completed, and with what goes, what the cache has made of it. In small batches, by one process at a time; whatever a crash
// leaves is found by the next round.
import type { Digest } from '../kernel/digest.js';
import type { Context } from '../kernel/image-key.js';
import type { Assets } from '../kernel/ports/assets.js';
import type { AgingClock } from '../kernel/ports/clock.js';
import type { Deliveries } from '../kernel/ports/deliveries.js';
import type { Grants } from '../kernel/ports/grants.js';
import type { Jobs } from '../kernel/ports/jobs.js';
import type { Leases } from '../kernel/ports/leases.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Uploads } from '../kernel/ports/uploads.js';
import { SoleRounds, type SoleRoundsOptions } from '../previews/sole-rounds.js';

/** Of each kind at once. */
const BATCH = 100;
/** Keys of enqueued work are remembered as long as anybody may repeat a wish. */
const KEYS_MS = 7 * 86_400_000;
/**
 * How long a receiver is remembered to which nothing was said. One that was disabled may be called again then: ten times longer than
 * it took to disable it.
 */
const RECEIVERS_MS = 30 * 86_400_000;
const LEASE = 'library-upkeep';

export interface LibraryUpkeepDeps {
  readonly assets: Assets;
  readonly jobs: Jobs;
  readonly uploads: Pick<Uploads, 'sweepSlots'>;
  readonly grants: Pick<Grants, 'sweepGrants'>;
  readonly deliveries: Deliveries;
  /** Absent where no other process shares the library. */
  readonly leases?: Leases;
  readonly clock: AgingClock;
  /** What others have seen of clocks; absent where nobody else dates. */
  readonly clockNotes?: { look(): Promise<void> };
  readonly logger: Logger;
  readonly intervalMs: number;
  /** How long an asset stays in the trash before it is erased. */
  readonly trashMs: number;
  /** How long an original stays that no version names; more than any import takes. */
  readonly unneededMs: number;
  /** How long an import that has ended is remembered. */
  readonly finishedMs: number;
  /** How long a slot waits for bytes and for being committed. */
  readonly slotMs: number;
  /** Takes away what the cache has made of a content for a context. */
  readonly forgetMade: (context: Context, content: Digest) => Promise<void>;
}

export class LibraryUpkeep {
  private readonly rounds: SoleRounds;

  constructor(private readonly deps: LibraryUpkeepDeps) {
    const { leases, clock, logger, intervalMs } = deps;
    this.rounds = new SoleRounds({
      ...{ name: LEASE, intervalMs, leases, clock },
      work: this.sweep,
      onFailure: (error) => logger.warn({ error }, 'the library could not be looked after; it is tried again'),
    });
  }

  start(): void {
    this.rounds.start();
  }

  /** One round now, or the one that is running. Never rejects. */
  round(): Promise<void> {
    return this.rounds.round();
  }

  close(): Promise<void> {
    return this.rounds.close();
  }

  /**
   * The previews, pictures on demand and tiles of what contexts have let go of. Once more when the original goes too: what was being made
   * meanwhile was made of that, and nothing can be made of it later.
   */
  private async clearLetGo(now: number): Promise<number> {
    const { assets, forgetMade, unneededMs } = this.deps;
    const found = await assets.letGo(now, BATCH);
    for (const content of found) {
      if (!content.isHeld) await forgetMade(content.context, content.digest);
      await assets.noteCleared(content, content.isLast ? undefined : now + unneededMs);
    }
    return found.length;
  }

  private readonly sweep: SoleRoundsOptions['work'] = async (turn, signal) => {
    const { assets, jobs, deliveries, uploads, grants, clock, trashMs, unneededMs, finishedMs, slotMs } = this.deps;
    await this.deps.clockNotes?.look();
    for (let more = true; more && !signal.aborted && (await turn.isMine()); ) {
      const now = clock.agesCountFrom();
      const times = {
        trashedBefore: now - trashMs,
        unneededBefore: now - unneededMs,
        finishedBefore: now - finishedMs,
      };
      const swept = await assets.sweep(times, BATCH);
      const keys = await jobs.sweep(now - KEYS_MS, BATCH);
      const slots = await uploads.sweepSlots(now - slotMs, BATCH);
      const opened = await grants.sweepGrants(BATCH);
      const receivers = await deliveries.sweep(now - RECEIVERS_MS, BATCH);
      // By the time of now: what was erased in this turn goes in it.
      const cleared = await this.clearLetGo(clock.now());
      more = Math.max(cleared, slots, opened, swept.assets, swept.originals, swept.imports, keys, receivers) === BATCH;
    }
  };
}
