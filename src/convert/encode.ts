// From pixels to the bytes of a preview: one encoder per preview type, without any metadata; `auto` by what comes out smallest.
import type { Sharp } from 'sharp';
import type { PreviewType } from '../kernel/format.js';
import type { AutoRule, PlannedPreview } from '../kernel/sequence.js';
import type { Size } from '../kernel/sizes.js';
import { type SourceInfo, storedSize } from '../kernel/source.js';
import { adaptive } from './adaptive.js';
import { type Encoded, smaller, withoutDensity } from './encoded.js';
import { type Edges, kernelFor, pipelineFrom, type Raster, rasterOfSize } from './raster.js';

const WHITE = { r: 255, g: 255, b: 255 };
const TRANSPARENT = { r: 0, g: 0, b: 0, alpha: 0 };

/** What an encoding may go by beside the pixels. */
export interface EncodingRules {
  readonly auto: AutoRule;
  /** The source's own picture as a file without anything beside it; `undefined` where that would not look the same. */
  readonly own: () => Encoded | undefined;
}

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

/** Scales `raster` as planned and encodes it: cropped, padded and flattened as the plan says. */
export async function encode(
  raster: Raster,
  planned: PlannedPreview,
  info: SourceInfo,
  edges: Edges,
  rules: EncodingRules,
): Promise<Encoded> {
  const image = pictureOf(raster, planned, edges);
  const ownSize = isOwnSize(planned, info);
  const own = ownSize ? rules.own() : undefined;
  // Lossy types always have one; others do not look at it.
  const quality = planned.quality ?? 100;
  if (planned.auto && rules.auto === 'adaptive' && !planned.animated) {
    const isDrawn = ownSize && (info.type === 'png' || info.type === 'gif');
    // What is encoded more than once is made once, unless it is there.
    const canTry = edges !== 'soft' || planned.type === 'png' || isDrawn;
    const picture = canTry
      ? { raster: ownSize && isSameSize(raster, info) ? raster : await rasterOfSize(image, planned.geometry.size) }
      : { image, size: planned.geometry.size };
    const made = await adaptive(picture, {
      type: planned.type === 'png' ? 'png' : 'jpg',
      quality,
      edges,
      own,
      isDrawn,
    });
    return smaller(made, own);
  }
  const animation = planned.animated ? { delay: [...info.delaysMs], loop: info.loop } : undefined;
  if (planned.type === 'webp' && animation === undefined && edges !== 'soft')
    return smallerWebp(await rasterOfSize(image, planned.geometry.size), quality);
  const bytes = await ENCODERS[planned.type](image, { quality, animation }).toBuffer();
  const made = { type: planned.type, bytes: planned.type === 'png' ? withoutDensity(bytes) : bytes };
  return own?.type === planned.type && !planned.auto ? smaller(made, own) : made;
}

/** In one go with its encoding, which saves a copy. */
function pictureOf(raster: Raster, planned: PlannedPreview, edges: Edges): Sharp {
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
  return image;
}

/** Drawn pictures are often smaller without loss: text on one colour by a third and more. */
async function smallerWebp(raster: Raster, quality: number): Promise<Encoded> {
  const lossy = await ENCODERS.webp(pipelineFrom(raster), { quality, animation: undefined }).toBuffer();
  const lossless = await pipelineFrom(raster).webp({ lossless: true, effort: 2 }).toBuffer();
  return smaller({ type: 'webp', bytes: lossy }, { type: 'webp', bytes: lossless });
}

/** Nothing of the source is left out, and nothing is added. */
function isOwnSize({ geometry: { scaled, crop, size }, asStored }: PlannedPreview, info: SourceInfo): boolean {
  return [scaled, crop, size].every((each) => isSameSize(each, asStored ? storedSize(info) : info));
}

function isSameSize(a: Size, b: Size): boolean {
  return a.widthPx === b.widthPx && a.heightPx === b.heightPx;
}
