// Measures of pictures: how far apart two are, and what colour a region has.
import sharp from 'sharp';

/** Peak signal-to-noise ratio of two equally long series of 8-bit samples, dB; `Infinity` when they are equal. */
export function psnrDb(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length || a.length === 0)
    throw new RangeError(`expected equally many samples, got ${a.length} and ${b.length}`);
  let squares = 0;
  for (let at = 0; at < a.length; at++) squares += ((a[at] ?? 0) - (b[at] ?? 0)) ** 2;
  return 10 * Math.log10((255 * 255 * a.length) / squares);
}

export interface Region {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The mean of each channel (red, green, blue and, where there is one, alpha) of an encoded picture or a region of it. */
export async function meanColour(encoded: Buffer, region?: Region): Promise<number[]> {
  const image = sharp(encoded);
  const { data, info } = await (region ? image.extract(region) : image)
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const sums = new Array<number>(info.channels).fill(0);
  for (let at = 0; at < data.length; at++) sums[at % info.channels] = (sums[at % info.channels] ?? 0) + (data[at] ?? 0);
  return sums.map((sum) => sum / (data.length / info.channels));
}

/** The largest difference between two colours in a channel. */
export function colourDistance(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) throw new RangeError(`expected equally many channels, got ${a.length} and ${b.length}`);
  return Math.max(...a.map((value, channel) => Math.abs(value - (b[channel] ?? Number.NaN))));
}

/** Mean colours of the middle of each quarter, in reading order. */
export async function quarterColours(encoded: Buffer): Promise<number[][]> {
  const { width, height } = await sharp(encoded).metadata();
  const w = Math.floor(width / 4);
  const h = Math.floor(height / 4);
  const at = (column: number, row: number): Promise<number[]> =>
    meanColour(encoded, {
      left: Math.floor((column * width) / 2 + w / 2),
      top: Math.floor((row * height) / 2 + h / 2),
      width: w,
      height: h,
    });
  return Promise.all([at(0, 0), at(1, 0), at(0, 1), at(1, 1)]);
}

/** The colour of the pixel in the middle of each of `count` bars side by side, rounded. */
export async function barColours(encoded: Buffer, count: number): Promise<number[][]> {
  const { data, info } = await sharp(encoded).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  return Array.from({ length: count }, (_, bar) => {
    const x = Math.floor(((bar + 0.5) * info.width) / count);
    const at = (Math.floor(info.height / 2) * info.width + x) * info.channels;
    return [...data.subarray(at, at + info.channels)];
  });
}
