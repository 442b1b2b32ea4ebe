// A clock that remembers how far back it has stood. Whoever dates anything asks it for the time, so that it has seen every time that
// anything was dated with, however short it was.
import type { AgingClock, Clock } from './ports/clock.js';

/** A machine that starts in 1970 and is told the time later must not keep everything for ever. */
const MAX_LENIENCE_MS = 24 * 3_600_000;
/** What differs by less from one look to the next is no step: a machine may be busy between reading the one clock and the other. */
export const STEP_MS = 1_000;

/** How a clock has been set, by `zero`: its wall time when its monotonic time was 0, in Unix ms. */
export interface ClockHistory {
  /** At its earliest. */
  readonly earliestZero: number;
  /** From its earliest to its latest, in ms. */
  readonly spreadMs: number;
}

export class WatchedClock implements AgingClock {
  private zero: number;
  private earliestZero: number;
  private latestZero: number;
  /** How far behind others who date have been. */
  private othersMs = 0;
  private readonly listeners: (() => void)[] = [];

  constructor(private readonly clock: Clock) {
    this.zero = clock.now() - clock.monotonic();
    this.earliestZero = this.zero;
    this.latestZero = this.zero;
  }

  now(): number {
    const now = this.clock.now();
    const zero = now - this.clock.monotonic();
    const stepMs = zero - this.zero;
    this.zero = zero;
    this.earliestZero = Math.min(this.earliestZero, zero);
    this.latestZero = Math.max(this.latestZero, zero);
    if (Math.abs(stepMs) > STEP_MS) for (const listener of this.listeners) listener();
    return now;
  }

  monotonic(): number {
    return this.clock.monotonic();
  }

  agesCountFrom(): number {
    const now = this.now();
    return Math.max(Math.min(this.earliestZero + this.monotonic(), now - this.othersMs), now - MAX_LENIENCE_MS);
  }

  /** Told at once of each time that the clock is found to have been set, before whoever asked has the time. */
  onStep(listener: () => void): void {
    this.listeners.push(listener);
  }

  get history(): ClockHistory {
    return { earliestZero: this.earliestZero, spreadMs: this.latestZero - this.earliestZero };
  }

  /** Somebody has dated by this same clock while it was set so early. */
  hasBeenAt(zero: number): void {
    this.earliestZero = Math.min(this.earliestZero, zero);
  }

  /** Others may have dated by clocks that were so far behind, in ms. */
  othersWereBehind(ms: number): void {
    this.othersMs = Math.max(0, ms);
  }
}
