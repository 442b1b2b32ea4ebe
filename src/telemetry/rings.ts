// The last hour and the last day of a process, in memory: 360 slots of ten seconds and 288 of five minutes, whatever it does.
import { type Figures, LEVELS, type Level, SUMS, type Sum, type Track } from '../kernel/process-report.js';

export const HOUR_STEP_MS = 10_000;
const HOUR_SLOTS = 360;
const DAY_STEP_MS = 300_000;
const DAY_SLOTS = 288;

export class Rings {
  private readonly hourRing = new Ring(HOUR_STEP_MS, HOUR_SLOTS);
  private readonly dayRing = new Ring(DAY_STEP_MS, DAY_SLOTS);
  private before: Figures['sums'] | undefined;

  /** Takes in the figures at `now` (Unix ms); to be called once every `HOUR_STEP_MS` or oftener. */
  note(figures: Figures, now: number): void {
    for (const ring of [this.hourRing, this.dayRing]) {
      for (const name of SUMS) ring.add(name, now, Math.max(0, figures.sums[name] - (this.before?.[name] ?? 0)));
      for (const name of LEVELS) ring.raise(name, now, figures.levels[name]);
    }
    this.before = figures.sums;
  }

  hour(now: number): Track {
    return this.hourRing.track(now);
  }

  day(now: number): Track {
    return this.dayRing.track(now);
  }
}

/** One value a slot and name. A slot that comes round again is emptied; so a clock that is set back or forward leaves a gap, no more. */
class Ring {
  private readonly slots: Float64Array;
  private readonly values: Readonly<Record<Sum | Level, Float64Array>>;

  constructor(
    private readonly stepMs: number,
    private readonly size: number,
  ) {
    this.slots = new Float64Array(size).fill(-1);
    const empty = [...SUMS, ...LEVELS].map((name) => [name, new Float64Array(size)] as const);
    this.values = Object.fromEntries(empty) as Record<Sum | Level, Float64Array>;
  }

  add(name: Sum, now: number, by: number): void {
    const at = this.place(now);
    this.values[name][at] = (this.values[name][at] ?? 0) + by;
  }

  raise(name: Level, now: number, to: number): void {
    const at = this.place(now);
    this.values[name][at] = Math.max(this.values[name][at] ?? 0, to);
  }

  track(now: number): Track {
    const lastSlot = this.slotOf(now);
    const told = [...SUMS, ...LEVELS].map((name) => {
      const values = Array.from({ length: this.size }, (_, index) => {
        const slot = lastSlot - this.size + 1 + index;
        const at = slot % this.size;
        return this.slots[at] === slot ? Math.round((this.values[name][at] ?? 0) * 100) / 100 : null;
      });
      return [name, values] as const;
    });
    return { stepMs: this.stepMs, lastSlot, values: Object.fromEntries(told) as unknown as Track['values'] };
  }

  private slotOf(now: number): number {
    return Math.max(0, Math.floor(now / this.stepMs));
  }

  private place(now: number): number {
    const slot = this.slotOf(now);
    const at = slot % this.size;
    if (this.slots[at] !== slot) {
      this.slots[at] = slot;
      for (const values of Object.values(this.values)) values[at] = 0;
    }
    return at;
  }
}
