// A clock that stands still until a test moves it: no test waits for real time, and none is surprised by it.
import type { AgingClock } from '../../src/kernel/ports/clock.js';

interface Sleeper {
  readonly wakeAtMs: number;
  readonly wake: () => void;
}

/** Wall and monotonic time that move together, unless `jump` moves the wall alone. */
export class FakeClock implements AgingClock {
  private wallMs: number;
  private monotonicMs = 0;
  private sleepers: Sleeper[] = [];

  /** `startMs`: Unix time in ms; the default is 2026-01-01T00:00:00Z. */
  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.wallMs = startMs;
  }

  now(): number {
    return this.wallMs;
  }

  /** Remembers nothing of its jumps: see `WatchedClock`. */
  agesCountFrom(): number {
    return this.wallMs;
  }

  monotonic(): number {
    return this.monotonicMs;
  }

  /** Time passes; whoever sleeps until then wakes, earliest first. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`expected ms of at least 0, got ${ms}`);
    const untilMs = this.monotonicMs + ms;
    for (;;) {
      const next = this.sleepers
        .filter((sleeper) => sleeper.wakeAtMs <= untilMs)
        .toSorted((a, b) => a.wakeAtMs - b.wakeAtMs)[0];
      if (next === undefined) break;
      this.sleepers = this.sleepers.filter((sleeper) => sleeper !== next);
      this.moveTo(next.wakeAtMs);
      next.wake();
    }
    this.moveTo(untilMs);
  }

  /** Somebody sets the machine's clock: the wall jumps (back too), monotonic time does not. */
  jump(ms: number): void {
    this.wallMs += ms;
  }

  /** Resolves once `ms` have passed by this clock. */
  sleep(ms: number): Promise<void> {
    return new Promise((wake) => {
      this.sleepers.push({ wakeAtMs: this.monotonicMs + ms, wake });
    });
  }

  /** How many sleepers wait: a test that waits for one knows its subject has gone to sleep. */
  get sleeping(): number {
    return this.sleepers.length;
  }

  private moveTo(monotonicMs: number): void {
    this.wallMs += monotonicMs - this.monotonicMs;
    this.monotonicMs = monotonicMs;
  }
}
