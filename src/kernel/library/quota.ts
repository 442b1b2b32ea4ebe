// What a tenant may have and do: images in the last 24 hours, bytes of originals. Pure rules; the counting is the store's.

/** A quota of images counts over this sliding window, in ms. */
export const QUOTA_WINDOW_MS = 86_400_000;

/** What is reserved is counted together with all that is in the same minute, in ms. */
export const QUOTA_MINUTE_MS = 60_000;

/** A minute counts for so long from its beginning, in ms: until what was reserved in the last moment of it is as old as the window. */
export const QUOTA_KEPT_MS = QUOTA_WINDOW_MS + QUOTA_MINUTE_MS;

/**
 * What was reserved further ahead than that, in ms, was so by a clock that has been put right since. It counts from when that is seen,
 * and not for as long again as the clock was wrong; clocks of two nodes may well differ by minutes.
 */
export const QUOTA_AHEAD_MS = 3_600_000;

/** Absent: no limit. */
export interface Quota {
  /** Images in any 24 hours: taken as a whole batch when it is accepted, given back for items that become no new picture. */
  readonly imagesPerDay?: number;
  /** Bytes of the originals of its assets, each original once. */
  readonly maxBytes?: number;
}

/** Why a batch is refused as a whole. */
export type QuotaRefusal =
  | {
      readonly kind: 'images-per-day';
      readonly limit: number;
      /** In the last 24 hours. */
      readonly used: number;
      readonly asked: number;
      /** Unix ms when the batch would fit if nothing else came; `undefined` when it never does. */
      readonly freeAt?: number;
    }
  | { readonly kind: 'bytes'; readonly limit: number; readonly used: number };

/** The minute, by its beginning in Unix ms, in which what is reserved at `now` is counted. */
export function quotaMinute(now: number): number {
  return Math.floor(now / QUOTA_MINUTE_MS) * QUOTA_MINUTE_MS;
}

/** What was reserved in one minute; `at`: its beginning, in Unix ms. */
export interface Reserved {
  readonly at: number;
  readonly images: number;
}

/**
 * When `asked` images fit beside `window` (ascending by time, all of it counting still): Unix ms, `now` when they fit
 * already, `undefined` when they never do.
 */
export function fitsAt(window: readonly Reserved[], asked: number, limit: number, now: number): number | undefined {
  if (asked > limit) return undefined;
  let used = window.reduce((sum, { images }) => sum + images, 0);
  if (used + asked <= limit) return now;
  for (const { at, images } of window) {
    used -= images;
    if (used + asked <= limit) return at + QUOTA_KEPT_MS;
  }
  return now;
}
