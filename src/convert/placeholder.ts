// What stands in for a picture until it is there: its ThumbHash, its BlurHash and its dominant colour, from at most 256 pixels,
// for less than a tenth of the processor time that one small preview of a photograph takes.
import { areaOf } from '../kernel/sizes.js';
import type { Orientation } from '../kernel/source.js';
import { firstFrame, type Raster, upright } from './raster.js';

/** Pixels of the longer side that the hashes are made of: they keep 7 waves at most, BlurHash costs three times as much for 32. */
const SIDE_PX = 16;
/** Rows and columns that are looked at of what becomes one pixel. */
const LOOKS = 4;
/** Waves across and down. */
const BLUR_COMPONENTS = [3, 3] as const;
/** Steps of a channel that count as one colour. */
const COLOUR_STEP = 32;
const OPAQUE_ENOUGH = 128;

/** By the names of `SourceFacts`; the colour is left out where nothing is opaque. */
export interface Placeholder {
  readonly thumbhash: string;
  readonly blurhash: string;
  readonly dominantColor?: string;
}

let loaded: ReturnType<typeof loadHashes> | undefined;

/** Loaded by the first conversion, not by the start; an `import()` of what is loaded takes a tenth of a millisecond still. */
function hashes(): ReturnType<typeof loadHashes> {
  loaded ??= loadHashes();
  return loaded;
}

async function loadHashes() {
  const [{ rgbaToThumbHash }, { encode }] = await Promise.all([import('thumbhash'), import('blurhash')]);
  return { rgbaToThumbHash, encode };
}

/** Of the smallest of `rasters`, which are one picture as it is stored in `orientation`. */
export async function placeholderOf(rasters: readonly Raster[], orientation: Orientation): Promise<Placeholder> {
  const [smallest] = rasters.toSorted((a, b) => areaOf(a) - areaOf(b));
  if (smallest === undefined) throw new RangeError('expected at least one raster, got none');
  const small = await upright(sampled(firstFrame(smallest)), orientation);
  const { rgbaToThumbHash, encode } = await hashes();
  const colour = dominantColour(small);
  return {
    thumbhash: Buffer.from(rgbaToThumbHash(small.widthPx, small.heightPx, small.pixels)).toString('base64'),
    blurhash: encode(overWhite(small), small.widthPx, small.heightPx, ...BLUR_COMPONENTS),
    ...(colour !== undefined && { dominantColor: colour }),
  };
}

/** RGBA of at most 16 pixels a side, each the mean of pixels spread over what it stands for. */
function sampled({ pixels, widthPx, heightPx, channels }: Raster): Raster {
  const scale = Math.min(1, SIDE_PX / Math.max(widthPx, heightPx));
  const [width, height] = [widthPx, heightPx].map((side) => Math.max(1, Math.round(side * scale))) as [number, number];
  const out = Buffer.alloc(width * height * 4);
  const toGreen = channels === 1 ? 0 : 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let [red, green, blue, alpha] = [0, 0, 0, 0];
      for (let look = 0; look < LOOKS * LOOKS; look++) {
        const column = Math.floor(((x + ((look % LOOKS) + 0.5) / LOOKS) * widthPx) / width);
        const row = Math.floor(((y + (Math.floor(look / LOOKS) + 0.5) / LOOKS) * heightPx) / height);
        const at = (row * widthPx + column) * channels;
        const opacity = channels === 4 ? (pixels[at + 3] ?? 0) : 255;
        red += (pixels[at] ?? 0) * opacity;
        green += (pixels[at + toGreen] ?? 0) * opacity;
        blue += (pixels[at + 2 * toGreen] ?? 0) * opacity;
        alpha += opacity;
      }
      const to = (y * width + x) * 4;
      out[to] = alpha && Math.round(red / alpha);
      out[to + 1] = alpha && Math.round(green / alpha);
      out[to + 2] = alpha && Math.round(blue / alpha);
      out[to + 3] = Math.round(alpha / (LOOKS * LOOKS));
    }
  }
  return { pixels: out, widthPx: width, heightPx: height, channels: 4, frames: 1 };
}

/** BlurHash knows no alpha. */
function overWhite({ pixels }: Raster): Uint8ClampedArray {
  const out = new Uint8ClampedArray(pixels);
  for (let at = 0; at < out.length; at += 4) {
    const opacity = (pixels[at + 3] ?? 0) / 255;
    for (let channel = 0; channel < 3; channel++)
      out[at + channel] = (pixels[at + channel] ?? 0) * opacity + 255 * (1 - opacity);
    out[at + 3] = 255;
  }
  return out;
}

/** The mean of the pixels whose colour is the most frequent one, as `#rrggbb`. */
function dominantColour({ pixels }: Raster): string | undefined {
  const sums = new Map<number, [count: number, red: number, green: number, blue: number]>();
  for (let at = 0; at < pixels.length; at += 4) {
    if ((pixels[at + 3] ?? 0) < OPAQUE_ENOUGH) continue;
    const [red, green, blue] = [pixels[at] ?? 0, pixels[at + 1] ?? 0, pixels[at + 2] ?? 0];
    const key = [red, green, blue].reduce((sum, value) => sum * 16 + Math.floor(value / COLOUR_STEP), 0);
    const sum = sums.get(key) ?? [0, 0, 0, 0];
    sums.set(key, [sum[0] + 1, sum[1] + red, sum[2] + green, sum[3] + blue]);
  }
  const [most] = [...sums.values()].sort(([a], [b]) => b - a);
  if (most === undefined) return undefined;
  const [count, ...totals] = most;
  return `#${totals
    .map((total) =>
      Math.round(total / count)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}
