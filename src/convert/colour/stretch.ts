// Numbers of any range as samples of 16 bits: what floats and signed integers of scientists' pictures are shown by.
import type { Samples } from './reading.js';

export interface Stretch {
  /** What black and white are; otherwise the numbers themselves tell. */
  readonly range: readonly [black: number, white: number] | undefined;
  readonly isFloat: boolean;
  /** The least number is white. */
  readonly inverted: boolean;
  /** Stands for nothing, as do numbers that are none. */
  readonly noData: number | undefined;
}

/** Larger numbers than this stand for nothing: "no data" is often written as the largest float. */
const MOST = 1e30;
/** Light over white that is cut off rather than made the new white. */
const HIGHLIGHTS = 2;

/** `samples` between 0 and 65535, alpha (the last of 2 or 4 `channels`) as 0 to 1 or in the same range. */
export function stretched(samples: Samples, channels: number, stretch: Stretch): Uint16Array {
  const alphaAt = channels === 2 || channels === 4 ? channels - 1 : -1;
  const isData = (value: number): boolean => Math.abs(value) < MOST && value !== stretch.noData;
  const [black, white] = stretch.range ?? rangeOf(samples, channels, alphaAt, stretch.isFloat, isData);
  const scale = white > black ? 65_535 / (white - black) : 0;
  const out = new Uint16Array(samples.length);
  for (let at = 0; at < samples.length; at++) {
    const value = samples[at] as number;
    if (at % channels === alphaAt && stretch.isFloat) {
      out[at] = bounded(value * 65_535);
    } else if (isData(value)) {
      const level = bounded((value - black) * scale);
      out[at] = stretch.inverted ? 65_535 - level : level;
    }
  }
  return out;
}

function bounded(value: number): number {
  return value <= 0 ? 0 : value >= 65_535 ? 65_535 : Math.round(value);
}

/**
 * Floats of 0 to 1 are coded values, with highlights above that are cut off; those of up to 255 that use most of it are those
 * of 8 bits. Everything else is a measurement, from its least to its greatest number.
 */
function rangeOf(
  samples: Samples,
  channels: number,
  alphaAt: number,
  isFloat: boolean,
  isData: (value: number) => boolean,
): readonly [number, number] {
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let at = 0; at < samples.length; at++) {
    const value = samples[at] as number;
    if (at % channels === alphaAt || !isData(value)) continue;
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  if (!isFloat) return [least, greatest];
  if (least >= -0.01 && greatest <= HIGHLIGHTS) return [0, 1];
  return least >= 0 && greatest <= 255 && greatest > 127 ? [0, 255] : [least, greatest];
}
