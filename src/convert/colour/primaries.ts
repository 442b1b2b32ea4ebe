// From the light of one set of primaries to that of sRGB: matrices of three rows, one row after the other.

export type Matrix = readonly [number, number, number, number, number, number, number, number, number];
/** CIE 1931 chromaticities. */
export type Chromaticity = readonly [x: number, y: number];

export interface Primaries {
  readonly red: Chromaticity;
  readonly green: Chromaticity;
  readonly blue: Chromaticity;
  readonly white: Chromaticity;
}

const D65: Chromaticity = [0.3127, 0.329];

/** ITU-R BT.709, which sRGB shares. */
export const BT709: Primaries = { red: [0.64, 0.33], green: [0.3, 0.6], blue: [0.15, 0.06], white: D65 };

/** Display P3: of SMPTE EG 432-1, with the white of sRGB. */
export const DISPLAY_P3: Primaries = { red: [0.68, 0.32], green: [0.265, 0.69], blue: [0.15, 0.06], white: D65 };

/** Of ITU-R BT.2020, as BT.2100 rounds them. */
const LUMINANCE_2020 = [0.2627, 0.678, 0.0593] as const;

/** XYZ under D50, as colour profiles (ICC.1) tell colours, to linear sRGB: the colourants of the sRGB profile, turned round. */
export const D50_TO_SRGB: Matrix = [
  3.1338561, -1.6168667, -0.4906146, -0.9787684, 1.9161415, 0.033454, 0.0719453, -0.2289914, 1.4052427,
];

const BRADFORD: Matrix = [0.8951, 0.2664, -0.1614, -0.7502, 1.7135, 0.0367, 0.0389, -0.0685, 1.0296];

/** Linear light of `primaries` to that of sRGB, its white to white (Bradford); `undefined` for primaries that span no colours. */
export function toSrgbFrom(primaries: Primaries): Matrix | undefined {
  const fromSource = toXyz(primaries);
  const fromSrgb = toXyz(BT709);
  if (fromSource === undefined || fromSrgb === undefined) return undefined;
  const cones = (white: Chromaticity) => applied(BRADFORD, xyzOf(white));
  const [source, srgb] = [cones(primaries.white), cones(BT709.white)];
  const scale = diagonal(srgb[0] / source[0], srgb[1] / source[1], srgb[2] / source[2]);
  const [toCones, toSrgb] = [inverse(BRADFORD), inverse(fromSrgb)];
  if (toCones === undefined || toSrgb === undefined) return undefined;
  const matrix = times(times(toSrgb, times(toCones, times(scale, BRADFORD))), fromSource);
  return matrix.every(Number.isFinite) ? matrix : undefined;
}

/** XYZ of the white of `primaries`, and from XYZ to their light. */
export function toXyzOf(primaries: Primaries): {
  readonly white: readonly [number, number, number];
  readonly fromXyz: Matrix;
} {
  const matrix = toXyz(primaries);
  const back = matrix && inverse(matrix);
  if (back === undefined) throw new RangeError('expected primaries that span colours');
  return { white: xyzOf(primaries.white), fromXyz: back };
}

/** Shares of red, green and blue in the luminance of their light; of BT.2020 for primaries that span no colours. */
export function luminanceOf(primaries: Primaries | undefined): readonly [number, number, number] {
  const [, , , red, green, blue] = (primaries && toXyz(primaries)) ?? [0, 0, 0, ...LUMINANCE_2020];
  return [red, green, blue];
}

/** Whether it changes no colour by more than a step or two of 255. */
export function isIdentity(matrix: Matrix): boolean {
  return matrix.every((value, index) => Math.abs(value - (index % 4 === 0 ? 1 : 0)) < 0.01);
}

function toXyz({ red, green, blue, white }: Primaries): Matrix | undefined {
  const [r, g, b] = [xyzOf(red), xyzOf(green), xyzOf(blue)];
  const columns: Matrix = [r[0], g[0], b[0], r[1], g[1], b[1], r[2], g[2], b[2]];
  const back = inverse(columns);
  if (back === undefined) return undefined;
  return times(columns, diagonal(...applied(back, xyzOf(white))));
}

function xyzOf([x, y]: Chromaticity): readonly [number, number, number] {
  return [x / y, 1, (1 - x - y) / y];
}

function diagonal(a: number, b: number, c: number): Matrix {
  return [a, 0, 0, 0, b, 0, 0, 0, c];
}

export function times(a: Matrix, b: Matrix): Matrix {
  const [b0, b1, b2, b3, b4, b5, b6, b7, b8] = b;
  const [x, y, z] = [applied(a, [b0, b3, b6]), applied(a, [b1, b4, b7]), applied(a, [b2, b5, b8])];
  return [x[0], y[0], z[0], x[1], y[1], z[1], x[2], y[2], z[2]];
}

function applied(m: Matrix, [x, y, z]: readonly [number, number, number]): readonly [number, number, number] {
  return [m[0] * x + m[1] * y + m[2] * z, m[3] * x + m[4] * y + m[5] * z, m[6] * x + m[7] * y + m[8] * z];
}

function inverse(m: Matrix): Matrix | undefined {
  const [a, b, c, d, e, f, g, h, i] = m;
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  if (!Number.isFinite(determinant) || Math.abs(determinant) < 1e-9) return undefined;
  const over = (value: number): number => value / determinant;
  return [
    over(e * i - f * h),
    over(c * h - b * i),
    over(b * f - c * e),
    over(f * g - d * i),
    over(a * i - c * g),
    over(c * d - a * f),
    over(d * h - e * g),
    over(b * g - a * h),
    over(a * e - b * d),
  ];
}
