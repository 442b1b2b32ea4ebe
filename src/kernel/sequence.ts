// The preview sequence: the configured target formats, and what they mean for one source. Pure: which pictures have to be
// made, in which type and geometry, and which of them are the same picture.
import { createHash } from 'node:crypto';
import { defaultQualityOf, type Format, type FormatType, type PreviewType, parseFormat } from './format.js';
import { type Geometry, geometryOf } from './sizes.js';
import { type SourceInfo, storedSize } from './source.js';

/** Raise it whenever the same source and target format would give other bytes than before. */
export const PIPELINE_VERSION = 10;

/**
 * The longest side each type can hold: libjpeg's JPEG_MAX_DIMENSION, WebP's 14 bits, the AV1 level libvips allows, GIF's
 * 16 bits; PNG could hold more, but nothing that a preview is for.
 */
export const MAX_SIDE_PX = {
  jpg: 65_500,
  png: 65_535,
  gif: 65_535,
  webp: 16_383,
  avif: 16_384,
} as const satisfies Record<PreviewType, number>;

/**
 * What `auto` makes of a still picture. `adaptive`: JPEG or PNG, whichever is smaller at the same likeness. `classic`: PNG where alpha is
 * used, else JPEG.
 */
export const AUTO_RULES = ['adaptive', 'classic'] as const;
export type AutoRule = (typeof AUTO_RULES)[number];

/** The preview sequence of a server: target formats, and the id that their previews carry. */
export interface Sequence {
  readonly formats: readonly Format[];
  /** 16 hex characters over the canonical formats, in order, the pipeline version, and the rule of `auto`. */
  readonly id: string;
}

/** The sequence of these target formats; equal formats count once. Throws `invalid-request-format` for a bad one. */
export function sequenceOf(texts: readonly string[], auto: AutoRule = 'adaptive'): Sequence {
  const byText = new Map(texts.map((text) => parseFormat(text.trim())).map((format) => [format.text, format]));
  const formats = [...byText.values()];
  const identity = [`pipeline ${PIPELINE_VERSION}, auto ${auto}`, ...byText.keys()].join('\n');
  return {
    formats,
    id: createHash('sha256').update(identity).digest('hex').slice(0, 16),
  };
}

/** One picture to make: the answer to every target format in `formats`. */
export interface PlannedPreview {
  readonly formats: readonly Format[];
  /** What it becomes; of `auto` under the adaptive rule, what it becomes unless another type is smaller. */
  readonly type: PreviewType;
  /** The formats leave the type open. */
  readonly auto: boolean;
  readonly geometry: Geometry;
  /** Made from the source as it is stored, orientation not applied. */
  readonly asStored: boolean;
  /** All frames, not only the first. */
  readonly animated: boolean;
  /** 1 to 100 for a lossy type, `undefined` for the others. */
  readonly quality: number | undefined;
}

/**
 * What a sequence means for one source, in the order of `formats`; formats that give the same pixels in the same type
 * and quality are one planned preview. `alphaUsed` (at least one pixel is not opaque) decides `auto`.
 */
export function planSequence(info: SourceInfo, alphaUsed: boolean, formats: readonly Format[]): PlannedPreview[] {
  const planned = new Map<string, PlannedPreview & { formats: Format[] }>();
  for (const format of formats) {
    const preview = planPreview(info, alphaUsed, format);
    const identity = JSON.stringify([
      preview.type,
      preview.auto,
      preview.geometry,
      preview.asStored,
      preview.animated,
      preview.quality,
    ]);
    const same = planned.get(identity);
    if (same) same.formats.push(format);
    else planned.set(identity, { ...preview, formats: [format] });
  }
  return [...planned.values()];
}

function planPreview(info: SourceInfo, alphaUsed: boolean, format: Format): Omit<PlannedPreview, 'formats'> {
  const type = decideType(format.type, info, alphaUsed);
  const asStored = format.norotate && info.orientation !== 1;
  return {
    type,
    auto: format.type === 'auto',
    geometry: geometryOf(asStored ? storedSize(info) : info, format, MAX_SIDE_PX[type]),
    asStored,
    animated: info.animated && (type === 'gif' || type === 'webp'),
    quality: type === 'png' || type === 'gif' ? undefined : (format.quality ?? defaultQualityOf(type)),
  };
}

/** `auto`: an animation stays what it is, alpha that is used becomes PNG, anything else JPEG. */
function decideType(type: FormatType, info: SourceInfo, alphaUsed: boolean): PreviewType {
  if (type !== 'auto') return type;
  if (info.animated && (info.type === 'gif' || info.type === 'webp')) return info.type;
  return alphaUsed ? 'png' : 'jpg';
}
