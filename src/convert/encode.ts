// From pixels to the bytes of a preview: one encoder per preview type, without any metadata.
import type { Sharp } from 'sharp';
import type { PreviewType } from '../kernel/format.js';
import type { PlannedPreview } from '../kernel/sequence.js';
import type { SourceInfo } from '../kernel/source.js';
import { type Edges, kernelFor, pipelineFrom, type Raster } from './raster.js';

const WHITE = { r: 255, g: 255, b: 255 };
const TRANSPARENT = { r: 0, g: 0, b: 0, alpha: 0 };

interface Encoding {
  readonly quality: number;
  /** Set for an animation: frames that are equal stay frames of their own where the type can have them so. */
  readonly animation: { readonly delay: number[]; readonly loop: number } | undefined;
}

// Efforts, measured on a photograph and a screenshot of 2 megapixels each. WebP 2: 4 takes twice the time for 7 % less
// bytes. AVIF 1: 0 makes screenshots five times as large, 2 takes three times the time for photographs. GIF 4: 7 takes
// six times the time for 14 % less. PNG 7: 9 takes twice the time for a fifth less on screenshots, nothing on photographs.
const ENCODERS = {
  jpg: (image, { quality }) => image.jpeg({ quality }),
  png: (image) => image.png({ compressionLevel: 7, palette: false }),
  webp: (image, { quality, animation }) => image.webp({ quality, effort: 2, ...animation }),
  avif: (image, { quality }) => image.avif({ quality, effort: 1 }),
  gif: (image, { animation }) => image.gif({ effort: 4, keepDuplicateFrames: true, ...animation }),
} satisfies Record<PreviewType, (image: Sharp, encoding: Encoding) => Sharp>;

/** Scales `raster` as planned and encodes it: cropped, padded and flattened as the plan says. In one go, which saves a copy. */
export async function encode(raster: Raster, planned: PlannedPreview, info: SourceInfo, edges: Edges): Promise<Buffer> {
  const { crop, pad, size, scaled } = planned.geometry;
  let image = pipelineFrom(raster);
  if (raster.widthPx !== scaled.widthPx || raster.heightPx !== scaled.heightPx) {
    image = image.resize(scaled.widthPx, scaled.heightPx, { fit: 'fill', kernel: kernelFor(raster, scaled, edges) });
  }
  // JPEG has no alpha; nor does an animation's first frame keep any in it.
  if (planned.type === 'jpg' && raster.channels === 4) image = image.flatten({ background: WHITE });
  if (crop.widthPx !== scaled.widthPx || crop.heightPx !== scaled.heightPx) {
    image = image.extract({ left: crop.leftPx, top: crop.topPx, width: crop.widthPx, height: crop.heightPx });
  }
  if (size.widthPx !== crop.widthPx || size.heightPx !== crop.heightPx) {
    image = image.extend({
      left: pad.leftPx,
      top: pad.topPx,
      right: size.widthPx - crop.widthPx - pad.leftPx,
      bottom: size.heightPx - crop.heightPx - pad.topPx,
      background: planned.type === 'jpg' ? WHITE : TRANSPARENT,
    });
  }
  const animation = planned.animated ? { delay: [...info.delaysMs], loop: info.loop } : undefined;
  // Lossy types always have one; others do not look at it.
  const quality = planned.quality ?? 100;
  const bytes = await ENCODERS[planned.type](image, { quality, animation }).toBuffer();
  return planned.type === 'png' ? withoutDensity(bytes) : bytes;
}

const SIGNATURE_AND_HEADER_BYTES = 8 + 25;
const DENSITY_CHUNK_BYTES = 21;

/** Without the density of 25 pixels an inch that the encoder writes right behind the header: office programs believe it. */
export function withoutDensity(png: Buffer): Buffer {
  const at = SIGNATURE_AND_HEADER_BYTES;
  if (png.toString('latin1', at + 4, at + 8) !== 'pHYs') return png;
  return Buffer.concat([png.subarray(0, at), png.subarray(at + DENSITY_CHUNK_BYTES)]);
}
