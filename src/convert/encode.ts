// From pixels to the bytes of a preview: one encoder per preview type, without any metadata; `auto` by what comes out smallest.
import type { Sharp } from 'sharp';
import type { PreviewType } from '../kernel/format.js';
import type { AutoRule, PlannedPreview } from '../kernel/sequence.js';
import { type SourceInfo, type SourceType, storedSize } from '../kernel/source.js';
import { adaptive } from './adaptive.js';
import { type Encoded, smaller, withoutDensity } from './encoded.js';
import { fitted } from './fitted.js';
import { type Edges, isGreyFaster, isSameSize, kernelFor, pipelineFrom, type Raster, rasterOfSize } from './raster.js';

const WHITE = { r: 255, g: 255, b: 255 };
const TRANSPARENT = { r: 0, g: 0, b: 0, alpha: 0 };

/** What an encoding may go by beside the pixels. */
export interface EncodingRules {
  readonly auto: AutoRule;
  /** Bytes of the source's file: a preview at its own size is not larger, unless it is of another type by its format. */
  readonly sourceBytes: number;
  /** The source's own picture as a file without anything beside it, of fewer bytes than these; `undefined` where that would not look the same. */
  readonly own: (mostBytes: number) => Encoded | undefined;
  /** The same where it has a profile that changes nothing; costs a decode. `shown`: at its own size. */
  readonly unprofiled: (shown: Raster) => Promise<Encoded | undefined>;
}

/** The source type of each preview type: all of them are shown by browsers. */
const SOURCE_TYPES = {
  jpg: 'jpeg',
  png: 'png',
  webp: 'webp',
  avif: 'avif',
  gif: 'gif',
} as const satisfies Record<PreviewType, SourceType>;
/** Types that drawings are stored in, as they were drawn. */
const DRAWN: readonly SourceType[] = ['png', 'gif', 'tiff', 'bmp', 'ico', 'psd'];

function isShownByBrowsers(type: SourceType): boolean {
  return Object.values(SOURCE_TYPES).some((shown) => shown === type);
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
  // Another type than the source's was asked for, or the rule that looks at no source.
  const mayBeLarger = planned.auto ? rules.auto === 'classic' : SOURCE_TYPES[planned.type] !== info.type;
  const own = ownSize && !mayBeLarger ? rules.own : () => undefined;
  const made = await encoded(raster, image, planned, { info, edges, own, ownSize, auto: rules.auto });
  if (!ownSize || mayBeLarger || made.bytes.length <= rules.sourceBytes || !isShownByBrowsers(info.type)) return made;
  if (planned.animated) return made;
  const strongType = planned.auto && (info.type === 'webp' || info.type === 'avif') ? info.type : undefined;
  const mostBytes = rules.sourceBytes;
  const costly = async () => (isSameSize(raster, info) ? rules.unprofiled(raster) : undefined);
  return fitted(made, image, { mostBytes, strongType, anyType: planned.auto, own: costly });
}

interface Known {
  readonly info: SourceInfo;
  readonly edges: Edges;
  readonly own: EncodingRules['own'];
  readonly ownSize: boolean;
  readonly auto: AutoRule;
}

async function encoded(
  raster: Raster,
  image: Sharp,
  planned: PlannedPreview,
  { info, edges, own, ownSize, auto }: Known,
): Promise<Encoded> {
  // Lossy types always have one; others do not look at it.
  const quality = planned.quality ?? 100;
  if (planned.auto && auto === 'adaptive' && !planned.animated) {
    const isDrawn = ownSize && DRAWN.includes(info.type);
    const { size, scaled } = planned.geometry;
    const base = greyOf(raster, planned) ?? raster;
    const picture = { image, size, scaled, raster: isThere(raster, planned) ? base : undefined, base };
    const type = planned.type === 'png' ? 'png' : 'jpg';
    return adaptive(picture, { type, quality, edges, own, isDrawn });
  }
  const animation = planned.animated ? { delay: [...info.delaysMs], loop: info.loop } : undefined;
  if (planned.type === 'webp' && animation === undefined && edges !== 'soft')
    return orOwn(await smallerWebp(await rasterOfSize(image, planned.geometry.size), quality), own);
  const bytes = await ENCODERS[planned.type](image, { quality, animation }).toBuffer();
  return orOwn({ type: planned.type, bytes: planned.type === 'png' ? withoutDensity(bytes) : bytes }, own);
}

function orOwn(made: Encoded, own: EncodingRules['own']): Encoded {
  return smaller(made, own(made.bytes.length));
}

/**
 * `raster` in one channel, where that is how `auto` codes it: of a type that is asked for by name everybody gets three. What is padded with
 * nothing has alpha beside.
 */
function greyOf(raster: Raster, { auto, type, geometry: { crop, size } }: PlannedPreview): Raster | undefined {
  if (!auto || (type !== 'jpg' && !isSameSize(crop, size))) return undefined;
  return raster.channels === 1 ? raster : raster.grey;
}

/** In one go with its encoding, which saves a copy. */
function pictureOf(raster: Raster, planned: PlannedPreview, edges: Edges): Sharp {
  const { crop, pad, size, scaled } = planned.geometry;
  const grey = greyOf(raster, planned);
  const from = grey && isGreyFaster(raster, scaled) ? grey : raster;
  let image = pipelineFrom(from);
  if (grey && from.channels === 3) image = image.extractChannel('green');
  else if (!grey && from.channels === 1) image = image.toColourspace('srgb');
  if (!isSameSize(raster, scaled)) {
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

/** `raster` is the picture already. */
function isThere(raster: Raster, { type, geometry: { scaled, crop, size } }: PlannedPreview): boolean {
  const isSame = [scaled, crop, size].every((each) => isSameSize(each, raster));
  return isSame && (type !== 'jpg' || raster.channels !== 4);
}
