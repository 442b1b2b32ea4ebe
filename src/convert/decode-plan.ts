// How a source is decoded for a whole plan of previews, and what memory that takes. Pure arithmetic on the header.
import type { PlannedPreview } from '../kernel/sequence.js';
import { areaOf, covers, type Size } from '../kernel/sizes.js';
import { type SourceInfo, storedSize } from '../kernel/source.js';
import { type Reading, SAMPLE_BYTES } from './colour/reading.js';

export interface DecodePlan {
  /**
   * `full`: every pixel into memory. `scaled`: straight to the largest raster that the plan needs, with shrink-on-load
   * where the type has it. `drawn`: a page or drawing, made at the size of the largest raster.
   */
  readonly kind: 'full' | 'scaled' | 'drawn';
  /** The largest raster the plan needs, in the orientation the source is stored in. */
  readonly largest: Size;
  /** Shrink-on-load may go down to the largest raster itself; otherwise at least twice its size stays to be scaled. */
  readonly fast: boolean;
  /** All frames are needed; otherwise the first. */
  readonly frames: number;
  /** Should the picture turn out to be full of hard edges, a scaled decode is done again in full. */
  readonly mayRepeat: boolean;
}

/** From here on the cost of a full decode is worth saving. 8 million pixels: above most screens, below every recent camera. */
export const LARGE_SOURCE_PIXELS = 8_000_000;
/** A repeat in full must not cost more memory than this many pixels. */
const MAX_REPEAT_PIXELS = 64_000_000;
/** Compressed without loss to fewer bits a pixel than a photograph can be: drawn, not taken, so full of hard edges. */
const DRAWN_BITS_PER_PIXEL = 4;
/** libjpeg rounds a shrunk side up; unless it divides, the picture is stretched by a part of a pixel. */
const JPEG_SHRINK_STEP = 8;

/** Decides on the header, the file's length and what is to be made. `lossless`: the file is compressed without loss. */
export function planDecode(
  info: SourceInfo,
  sourceBytes: number,
  lossless: boolean,
  plan: readonly PlannedPreview[],
  reading?: Reading,
): DecodePlan {
  const stored = storedSize(info);
  const pixels = areaOf(stored);
  const largest = largestStored(info, plan);
  const frames = info.animated && plan.some((planned) => planned.animated) ? info.pages : 1;
  const common = { largest, frames };
  const full: DecodePlan = { ...common, kind: 'full', fast: false, mayRepeat: false };
  // Alpha is judged on every pixel, frames are cut apart in memory, and vectors are drawn at their own size.
  if (info.hasAlpha || frames > 1 || info.type === 'svg' || reading?.wholeOnly) return full;
  const drawn = lossless && sourceBytes * 8 < pixels * DRAWN_BITS_PER_PIXEL;
  const small = pixels < LARGE_SOURCE_PIXELS;
  if (info.type === 'jpeg') {
    // With a quarter of the side or less, a careful shrink-on-load is as good as a full decode.
    if (small)
      return Math.min(stored.widthPx / largest.widthPx, stored.heightPx / largest.heightPx) >= 4
        ? { ...full, kind: 'scaled' }
        : full;
    const divides = stored.widthPx % JPEG_SHRINK_STEP === 0 && stored.heightPx % JPEG_SHRINK_STEP === 0;
    return { ...common, kind: 'scaled', fast: divides, mayRepeat: pixels <= MAX_REPEAT_PIXELS };
  }
  if (drawn || small) return full;
  return { ...common, kind: 'scaled', fast: true, mayRepeat: pixels <= MAX_REPEAT_PIXELS };
}

/** The largest scaled picture of the plan as it lies in the stored source. */
function largestStored(info: SourceInfo, plan: readonly PlannedPreview[]): Size {
  const swapped = info.orientation >= 5;
  const sizes = plan.map(({ geometry: { scaled }, asStored }) =>
    swapped && !asStored ? { widthPx: scaled.heightPx, heightPx: scaled.widthPx } : scaled,
  );
  return sizes.reduce((largest, size) => (areaOf(size) > areaOf(largest) ? size : largest));
}

/**
 * Bytes that the conversion takes at most beside the bare process: the file, what the decoder holds, the rasters and
 * the encoded previews. An upper bound from the header; the pixels have not been paid for yet.
 */
export function costOf(
  info: SourceInfo,
  sourceBytes: number,
  decode: DecodePlan,
  plan: readonly PlannedPreview[],
  reading?: Reading,
): number {
  const channels = info.hasAlpha ? 4 : 3;
  const sourcePixels = areaOf(info) * decode.frames;
  const fullRaster = sourcePixels * channels;
  const asSrgb = decode.kind === 'full' || decode.mayRepeat ? fullRaster : areaOf(decode.largest) * channels;
  // Samples that are read here are held beside the raster that they become.
  const samples = (asSrgb / channels) * Math.max(channels, info.channels);
  const decoded = reading ? asSrgb + samples * SAMPLE_BYTES[reading.depth] : asSrgb;
  // A progressive picture is held whole as coefficients or samples; WebP and AVIF decoders hold the frame they work on.
  const progressive = info.progressive ? areaOf(info) * info.channels * Math.max(2, info.bitsPerSample / 8) : 0;
  const frame = info.type === 'webp' || info.type === 'avif' || info.type === 'svg' ? areaOf(info) * 4 : 0;
  // Turning upright makes a second copy of the largest raster, and what is padded or encoded is held once more.
  const rasters = plan.reduce(
    (sum, { geometry, animated }) =>
      sum + (areaOf(geometry.scaled) + areaOf(geometry.size)) * channels * (animated ? info.pages : 1),
    areaOf(decode.largest) * channels * decode.frames * (info.orientation === 1 ? 1 : 2),
  );
  const turned = decode.kind === 'full' && info.orientation !== 1 ? fullRaster : 0;
  // Where no pixel has a colour, the rasters are held in one channel beside.
  const grey = info.hasAlpha || decode.frames > 1 ? 0 : (asSrgb + areaOf(decode.largest) * channels) / channels;
  return Math.ceil(sourceBytes + decoded + progressive + frame + rasters + turned + grey);
}

/** How much larger than a preview a raster has to be so that scaling from it is as good as scaling from the source. */
export const ENOUGH = 1.1;
/**
 * The same for a hard-edged picture that is scaled down so far that libvips averages blocks of pixels first (vips_resize
 * with its gap of 2): two steps with Lanczos3 alone come as near to Lanczos3 of every pixel, and mostly nearer.
 */
const BLOCKS = 4;
const ENOUGH_BEFORE_BLOCKS = 2;

/**
 * The raster that `target` is best made from: one of its very size; else the smallest that is large enough; else the
 * largest. Of a `hardEdged` picture none is large enough until `target` is a quarter of the largest raster's side.
 */
export function smallestEnough<R extends Size>(rasters: readonly R[], target: Size, hardEdged: boolean): R {
  const bySize = rasters.toSorted((a, b) => areaOf(a) - areaOf(b));
  const largest = bySize.at(-1);
  if (largest === undefined) throw new RangeError('expected at least one raster, got none');
  const same = bySize.find((raster) => raster.widthPx === target.widthPx && raster.heightPx === target.heightPx);
  if (same) return same;
  if (hardEdged && !covers(largest, times(target, BLOCKS))) return largest;
  const wanted = times(target, hardEdged ? ENOUGH_BEFORE_BLOCKS : ENOUGH);
  return bySize.find((raster) => covers(raster, wanted)) ?? largest;
}

function times({ widthPx, heightPx }: Size, factor: number): Size {
  return { widthPx: widthPx * factor, heightPx: heightPx * factor };
}
