// When a group was made that takes another's place: Last-Modified tells versions apart by whole seconds, and never goes back.

/** A second of HTTP dates, in ms. */
const APART_MS = 1_000;

/**
 * Unix ms. `before`: when what stood there was made; `undefined` where nothing did. Another source is a second later at least, or who
 * asks by the date of the one before would keep it; the same one is no earlier, whatever became of the clock.
 */
export function laterThan(before: number | undefined, now: number, isAnotherSource: boolean): number {
  if (before === undefined) return now;
  return Math.max(now, isAnotherSource || now < before ? before + APART_MS : before);
}
