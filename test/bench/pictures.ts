// Sources whose previews have the sizes that hits are measured on. Photo-like, made here.
import { image, type Pixels, photo, randomNumbers } from '../support/images.js';

export interface PreviewSize {
  /** The preview's box; the source has exactly this shape. */
  readonly widthPx: number;
  readonly heightPx: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  /** Equal seeds give equal pictures. */
  readonly seed?: number;
}

const QUALITY = 75;
const MAX_GRAIN = 512;
const STEPS = 12;

/**
 * A lossless source of the size of its own preview, with as much film grain as gives that the bytes asked for. Throws when
 * no grain does.
 */
export async function sourceForPreview({
  widthPx,
  heightPx,
  minBytes,
  maxBytes,
  seed = 7,
}: PreviewSize): Promise<Buffer> {
  const pixels = await photo(widthPx, heightPx, seed);
  let [least, most] = [0, MAX_GRAIN];
  for (let step = 0; step < STEPS; step++) {
    const amplitude = (least + most) / 2;
    const source = image(grained(pixels, amplitude, seed));
    const { length } = await source.clone().jpeg({ quality: QUALITY }).toBuffer();
    if (length >= minBytes && length <= maxBytes) return source.png({ compressionLevel: 3 }).toBuffer();
    if (length > maxBytes) most = amplitude;
    else least = amplitude;
  }
  throw new Error(`expected a ${widthPx}x${heightPx} preview of ${minBytes} to ${maxBytes} bytes, got none`);
}

function grained(pixels: Pixels, amplitude: number, seed: number): Pixels {
  const random = randomNumbers(seed);
  const data = Buffer.alloc(pixels.data.length);
  for (let at = 0; at < data.length; at++) {
    data[at] = Math.max(0, Math.min(255, (pixels.data[at] ?? 0) + (random() - 0.5) * amplitude));
  }
  return { ...pixels, data };
}
