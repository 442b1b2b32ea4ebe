// The eight ways to turn and mirror a picture, named as EXIF names them (CIPA DC-008, tag 0x0112), and what they do to sizes and
// rectangles. Pure arithmetic.
import type { Region, Size } from '../sizes.js';
import type { Orientation } from '../source.js';

/**
 * What brings a picture that is stored in that orientation upright: 1 nothing, 2 mirrored left to right, 3 by 180 degrees, 4 mirrored top
 * to bottom, 6 by 90 degrees clockwise, 8 by 270; 5 and 7 are 6 and 8 of what was mirrored top to bottom before.
 */
export type Turn = Orientation;

/** x' = a x + b y, y' = c x + d y, with y downwards. */
type Matrix = readonly [a: number, b: number, c: number, d: number];

const MATRICES: Readonly<Record<Turn, Matrix>> = {
  1: [1, 0, 0, 1],
  2: [-1, 0, 0, 1],
  3: [-1, 0, 0, -1],
  4: [1, 0, 0, -1],
  5: [0, 1, 1, 0],
  6: [0, -1, 1, 0],
  7: [0, -1, -1, 0],
  8: [0, 1, -1, 0],
};

export const TURNS: readonly Turn[] = [1, 2, 3, 4, 5, 6, 7, 8];

/** First one, then the other, as one. */
export function thenTurned(first: Turn, second: Turn): Turn {
  const [a, b, c, d] = MATRICES[first];
  const [e, f, g, h] = MATRICES[second];
  const product = [e * a + f * c, e * b + f * d, g * a + h * c, g * b + h * d];
  return TURNS.find((turn) => MATRICES[turn].every((value, at) => value === product[at])) ?? 1;
}

/** What undoes it. */
export function turnedBack(turn: Turn): Turn {
  return TURNS.find((other) => thenTurned(turn, other) === 1) ?? 1;
}

export function turnedSize({ widthPx, heightPx }: Size, turn: Turn): Size {
  return turn >= 5 ? { widthPx: heightPx, heightPx: widthPx } : { widthPx, heightPx };
}

/** Where `region` of a picture of size `of` lies when that is turned. */
export function turnedRegion(region: Region, of: Size, turn: Turn): Region {
  const [a, b, c, d] = MATRICES[turn];
  const [left, top] = [region.leftPx, region.topPx];
  const [right, bottom] = [left + region.widthPx, top + region.heightPx];
  const { widthPx, heightPx } = turnedSize(of, turn);
  // A side that is mirrored counts from the other edge.
  const x = (h: number, v: number): number => a * h + b * v + (a + b < 0 ? widthPx : 0);
  const y = (h: number, v: number): number => c * h + d * v + (c + d < 0 ? heightPx : 0);
  const corners = [x(left, top), x(right, bottom), y(left, top), y(right, bottom)] as const;
  const leftPx = Math.min(corners[0], corners[1]);
  const topPx = Math.min(corners[2], corners[3]);
  return { leftPx, topPx, ...turnedSize(region, turn) };
}
