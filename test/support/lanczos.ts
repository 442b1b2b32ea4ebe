// Scaling as it is defined, slow and exact: what the product's quick ways are measured against.
import type { Pixels } from './images.js';

const LOBES = 3;

/** The weights of the samples from `first` on that make one sample. */
interface Weights {
  readonly first: number;
  readonly of: Float64Array;
}

/** Lanczos3 of every pixel, without blocks, tables or rounding in between. Makes pictures smaller; 3 channels. */
export function lanczosReduced(
  { data, widthPx, heightPx, channels }: Pixels,
  toWidth: number,
  toHeight: number,
): Buffer {
  if (channels !== 3) throw new RangeError(`expected 3 channels, got ${channels}`);
  const columns = weightsOf(widthPx, toWidth);
  const rows = weightsOf(heightPx, toHeight);
  const narrow = new Float64Array(toWidth * heightPx * 3);
  for (let y = 0; y < heightPx; y++) {
    narrowRow(data.subarray(y * widthPx * 3, (y + 1) * widthPx * 3), columns, narrow.subarray(y * toWidth * 3));
  }
  const stride = toWidth * 3;
  const reduced = Buffer.alloc(stride * toHeight);
  const sums = new Float64Array(stride);
  for (const [y, { first, of }] of rows.entries()) {
    sums.fill(0);
    for (const [index, weight] of of.entries())
      addWeighted(sums, narrow.subarray((first + index) * stride, (first + index + 1) * stride), weight);
    for (let at = 0; at < stride; at++)
      reduced[y * stride + at] = Math.max(0, Math.min(255, Math.round(sums[at] as number)));
  }
  return reduced;
}

function narrowRow(row: Uint8Array, columns: readonly Weights[], narrow: Float64Array): void {
  for (let x = 0; x < columns.length; x++) {
    const { first, of } = columns[x] as Weights;
    let [red, green, blue] = [0, 0, 0];
    for (let index = 0, from = first * 3; index < of.length; index++, from += 3) {
      const weight = of[index] as number;
      red += weight * (row[from] as number);
      green += weight * (row[from + 1] as number);
      blue += weight * (row[from + 2] as number);
    }
    narrow[x * 3] = red;
    narrow[x * 3 + 1] = green;
    narrow[x * 3 + 2] = blue;
  }
}

/** A whole row at a time: one after the other of its samples, as memory has them. */
function addWeighted(sums: Float64Array, row: Float64Array, weight: number): void {
  for (let at = 0; at < sums.length; at++) sums[at] = (sums[at] as number) + weight * (row[at] as number);
}

function weightsOf(from: number, to: number): Weights[] {
  const shrink = from / to;
  if (shrink < 1) throw new RangeError(`expected at most ${from} samples, got ${to}`);
  return Array.from({ length: to }, (_, index) => {
    const centre = (index + 0.5) * shrink;
    const first = Math.max(0, Math.floor(centre - LOBES * shrink));
    const last = Math.min(from - 1, Math.ceil(centre + LOBES * shrink));
    const raw = Array.from({ length: last - first + 1 }, (_, at) => lanczos((first + at + 0.5 - centre) / shrink));
    const sum = raw.reduce((total, weight) => total + weight, 0);
    return { first, of: Float64Array.from(raw, (weight) => weight / sum) };
  });
}

function lanczos(x: number): number {
  if (x === 0) return 1;
  if (Math.abs(x) >= LOBES) return 0;
  const angle = Math.PI * x;
  return (LOBES * Math.sin(angle) * Math.sin(angle / LOBES)) / (angle * angle);
}
