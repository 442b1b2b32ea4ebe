// What a preview takes of the processor, as converters have measured it on all servers of the store: kept with the store, since a change of
// target formats is planned by a server that has just been started. What was measured long ago weighs less.
import type { Clock } from '../../kernel/ports/clock.js';
import type { WorkNotes } from '../../kernel/ports/work-notes.js';

/** Name of the note. */
export const RATES = 'conversion-rates';

/** How often what was measured is noted, while something is. */
const TELL_MS = 60_000;
/** Beyond it both sums are halved. */
const MAX_PREVIEWS = 20_000;

export interface Measured {
  readonly cpuSeconds: number;
  readonly previews: number;
}

const NOTHING: Measured = { cpuSeconds: 0, previews: 0 };

export class CpuRates {
  private told = NOTHING;
  private toldAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly deps: {
      readonly notes: WorkNotes;
      /** By this process since its start. */
      readonly measured: () => Measured;
      readonly clock: Clock;
    },
  ) {}

  /** Seconds of processor time that a preview takes on average; `undefined` before any was measured. */
  async secondsPerPreview(): Promise<number | undefined> {
    await this.tell();
    const { cpuSeconds, previews } = measuredIn(await this.deps.notes.read(RATES));
    return previews === 0 ? undefined : cpuSeconds / previews;
  }

  /** To be called every few seconds: notes what was measured once a minute, and nothing where nothing was. */
  async tellSometimes(): Promise<void> {
    if (this.deps.clock.monotonic() - this.toldAt >= TELL_MS) await this.tell();
  }

  /** Two processes at once may lose what one has measured: the mean stays about what it is. */
  async tell(): Promise<void> {
    const { notes, measured, clock } = this.deps;
    const now = { ...measured() };
    if (now.previews === this.told.previews) return;
    const before = measuredIn(await notes.read(RATES));
    const cpuSeconds = before.cpuSeconds + now.cpuSeconds - this.told.cpuSeconds;
    const previews = before.previews + now.previews - this.told.previews;
    const share = previews > MAX_PREVIEWS ? 0.5 : 1;
    await notes.write(RATES, { cpuSeconds: cpuSeconds * share, previews: previews * share });
    this.told = now;
    this.toldAt = clock.monotonic();
  }
}

/** Nothing was measured where something else is noted. */
function measuredIn(noted: unknown): Measured {
  const { cpuSeconds, previews } = (noted ?? NOTHING) as Partial<Measured>;
  const areSums = [cpuSeconds, previews].every((sum) => Number.isFinite(sum) && Number(sum) >= 0);
  return areSums ? { cpuSeconds: Number(cpuSeconds), previews: Number(previews) } : NOTHING;
}
