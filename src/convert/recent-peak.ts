// The most of something in the last minutes: a maximum that forgets, kept in a few slices of time.

/** How far back it looks. */
export const RECENT_MS = 300_000;
const SLICES = 10;
const SLICE_MS = RECENT_MS / SLICES;

export class RecentPeak {
  /** The most in each slice, by its number since the beginning of time; one more than fit, since the oldest counts in part. */
  private readonly most = new Map<number, number>();

  /** `now`: ms that never go back. */
  constructor(private readonly now: () => number) {}

  note(value: number): void {
    const slice = this.slice();
    this.most.set(slice, Math.max(this.most.get(slice) ?? 0, value));
    this.forget(slice);
  }

  /** The most of the last `RECENT_MS`, up to a slice more; at least `current`, which lasts. */
  value(current: number): number {
    this.forget(this.slice());
    return Math.max(current, ...this.most.values());
  }

  private slice(): number {
    return Math.floor(this.now() / SLICE_MS);
  }

  private forget(slice: number): void {
    for (const old of this.most.keys()) if (old < slice - SLICES) this.most.delete(old);
  }
}
