// Tells all who share the store how far back a clock has stood that something was dated with: who evicts by age is rarely who dated.
import type { Logger } from '../kernel/ports/logger.js';
import type { WorkNotes } from '../kernel/ports/work-notes.js';
import { STEP_MS, type WatchedClock } from '../kernel/watched-clock.js';

const NOTE = 'clocks';
/** One entry for each start of a machine that has noted a step; more push out the oldest. */
const MOST_MACHINES = 32;
/** A step is of no interest any more to what is kept for less. */
const KEPT_MS = 40 * 86_400_000;

/** `machine`: differs for clocks that may differ, and after a restart of the machine. */
interface Entry {
  readonly machine: string;
  /** Wall time when the machine's time was 0, at its earliest; Unix ms. */
  readonly earliestZero: number;
  readonly spreadMs: number;
  /** Unix ms. */
  readonly at: number;
}

export interface ClockNotesDeps {
  readonly clock: WatchedClock;
  readonly notes: WorkNotes;
  readonly logger: Logger;
  readonly machine: string;
  /** Ms on a clock that all processes of the machine share. */
  readonly machineTimeMs: () => number;
}

export class ClockNotes {
  /** What is added to a zero of the machine to have that of this process's clock. */
  private readonly offsetMs: number;
  private telling: Promise<void> = Promise.resolve();

  constructor(private readonly deps: ClockNotesDeps) {
    const { clock, machineTimeMs } = deps;
    this.offsetMs = machineTimeMs() - clock.monotonic();
    // Not waited for: whoever asks for the time cannot. A few ms later everybody can know.
    clock.onStep(() => void this.look());
  }

  /** Learns what others have noted, and notes what this process knows and they do not. Never rejects. */
  look(): Promise<void> {
    // One after the other: each writes what it has read, changed.
    this.telling = this.telling
      .then(() => this.exchange())
      .catch((error: unknown) => {
        this.deps.logger.warn({ error }, 'how far back the clock has stood could not be noted; it is tried again');
      });
    return this.telling;
  }

  private async exchange(): Promise<void> {
    const { clock, notes, machine } = this.deps;
    const noted = entriesIn(await notes.read(NOTE)).filter(({ at }) => clock.now() - at < KEPT_MS);
    const own = noted.find((entry) => entry.machine === machine);
    const others = noted.filter((entry) => entry !== own);
    if (own) clock.hasBeenAt(own.earliestZero + this.offsetMs);
    clock.othersWereBehind(Math.max(0, ...others.map(({ spreadMs }) => spreadMs)));
    const { earliestZero, spreadMs } = clock.history;
    const known = own ?? { earliestZero: Number.POSITIVE_INFINITY, spreadMs: 0 };
    const isNews = earliestZero - this.offsetMs < known.earliestZero - STEP_MS || spreadMs > known.spreadMs + STEP_MS;
    if (spreadMs <= STEP_MS || !isNews) return;
    const entry = {
      machine,
      earliestZero: Math.min(earliestZero - this.offsetMs, known.earliestZero),
      spreadMs: Math.max(spreadMs, known.spreadMs),
      at: clock.now(),
    };
    await notes.write(NOTE, [entry, ...others].slice(0, MOST_MACHINES));
    this.deps.logger.warn(
      { steppedMs: Math.round(entry.spreadMs) },
      'the clock has been set; what was dated meanwhile is kept as much longer, a day at most',
    );
  }
}

/** Whatever else stands there was written by another version. */
function entriesIn(noted: unknown): readonly Entry[] {
  if (!Array.isArray(noted)) return [];
  return noted.filter((entry): entry is Entry => {
    const { machine, earliestZero, spreadMs, at } = (entry ?? {}) as Partial<Entry>;
    return typeof machine === 'string' && [earliestZero, spreadMs, at].every(Number.isFinite);
  });
}
