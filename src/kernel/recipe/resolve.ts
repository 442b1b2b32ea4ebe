// What a recipe means for one source: stages of one scaling each, fused as far as that shows nowhere. Pure arithmetic; two recipes that
// draw the same picture of a source resolve to the same stages and the same text, which is a recipe itself.
import { ProofsheetError } from '../errors.js';
import { defaultQualityOf, type PreviewType } from '../format.js';
import { MAX_SIDE_PX } from '../sequence.js';
import { areaOf, type Region, type Size } from '../sizes.js';
import { pageOf, type SourceInfo, type SourceType, storedSize } from '../source.js';
import { Fusing, type Stage } from './fusing.js';
import { canvas, type Mark, NO_COLOUR, type Recipe, type Step, scale } from './recipe.js';
import { recipeText } from './recipe-text.js';

/** Bounds of what is drawn: each picture on the way counts, and all of them together. */
export interface DrawingLimits {
  readonly maxSidePx: number;
  readonly maxPixels: number;
}

/** How many of the largest picture, or of its source where that is larger, a recipe may draw on its way, in pixels. */
const MAX_PICTURES = 4;

export interface ResolvedRecipe {
  /** The source has it. */
  readonly page: number;
  /** Of `auto` what it becomes unless the pixels or the sizes in bytes say otherwise. */
  readonly type: PreviewType;
  readonly auto: boolean;
  /** 1 to 100 for a lossy type, `undefined` for the others. */
  readonly quality: number | undefined;
  readonly background: string;
  /** In their order; the first is of the source as it is stored. At least one. */
  readonly stages: readonly [Stage, ...Stage[]];
  /** Of the picture in the end. */
  readonly size: Size;
  /** Of all pictures on the way: what it takes to draw it grows with them. */
  readonly pixels: number;
  readonly mark?: Mark;
  /** The canonical text: equal texts are equal pictures of the source. */
  readonly text: string;
}

/** Throws `invalid-request-format` for a picture beyond the limits, or a region outside of the picture. */
export function resolveRecipe(
  recipe: Recipe,
  info: SourceInfo,
  limits: DrawingLimits,
  rules: { readonly fuses: boolean } = { fuses: true },
): ResolvedRecipe {
  const type = typeOf(recipe, info);
  const fusing = new Fusing(storedSize(info), rules.fuses);
  for (const [index, step] of recipe.steps.entries()) {
    if (step.step !== 'upright') fusing.take(step);
    else if (index === 0) fusing.take({ step: 'turn', turn: info.orientation });
  }
  const stages = fusing.stages();
  for (const { scaled, size } of stages) for (const made of [scaled, size]) checkSize(made, type, areaOf(info), limits);
  const pixels = pixelsOf(stages);
  const mostPixels = MAX_PICTURES * Math.max(limits.maxPixels, areaOf(info));
  if (pixels > mostPixels)
    throw new ProofsheetError(
      'invalid-request-format',
      `expected steps that draw at most ${mostPixels} pixels in all, got ${pixels}`,
    );
  const { quality } = recipe;
  const resolved = {
    page: pageOf(info, recipe.page),
    type,
    auto: recipe.type === 'auto',
    quality: type === 'png' || type === 'gif' ? undefined : (quality ?? defaultQualityOf(type)),
    // Said of a type that has no alpha it means white.
    background: recipe.background === 'ffffff' && type === 'jpg' ? NO_COLOUR : recipe.background,
    stages,
    size: fusing.size,
    pixels,
    ...(recipe.mark && { mark: recipe.mark }),
  };
  return { ...resolved, text: recipeText(asRecipe(resolved, quality)) };
}

/** The stages as steps: what is resolved once resolves to itself. */
function asRecipe(resolved: Omit<ResolvedRecipe, 'text'>, askedQuality: number | undefined): Recipe {
  const { type, auto, quality, background, page, stages, mark } = resolved;
  const isDefault = quality === undefined || quality === defaultQualityOf(type);
  return {
    type: auto ? 'auto' : type,
    ...((auto ? askedQuality !== undefined : !isDefault) && { quality: askedQuality ?? quality ?? 0 }),
    background,
    page,
    steps: stages.flatMap(stepsOf),
    ...(mark && { mark }),
  };
}

function stepsOf(stage: Stage): Step[] {
  const { turn, of, region, scaled, crop, size, attention, gravity, extend, background, blurSigmaPx } = stage;
  const steps: Step[] = [];
  if (turn !== 1) steps.push({ step: 'turn', turn });
  if (!isAllOf(region, of)) steps.push({ step: 'region', ...region });
  if (scaled.widthPx !== region.widthPx || scaled.heightPx !== region.heightPx)
    steps.push(scale(scaled.widthPx, scaled.heightPx, 'fill', 'always'));
  if (attention) steps.push(canvas(crop.widthPx, crop.heightPx, 'cut', { gravity: 'attention' }));
  else if (!isAllOf(crop, scaled)) steps.push({ step: 'region', ...crop });
  if (size.widthPx !== crop.widthPx || size.heightPx !== crop.heightPx)
    steps.push(canvas(size.widthPx, size.heightPx, 'exact', { gravity, extend, background }));
  if (blurSigmaPx > 0) steps.push({ step: 'blur', sigmaPx: blurSigmaPx });
  return steps;
}

function isAllOf({ leftPx, topPx, widthPx, heightPx }: Region, of: Size): boolean {
  return leftPx === 0 && topPx === 0 && widthPx === of.widthPx && heightPx === of.heightPx;
}

const OWN_TYPES: Partial<Record<SourceType, PreviewType>> = {
  jpeg: 'jpg',
  png: 'png',
  gif: 'gif',
  webp: 'webp',
  avif: 'avif',
};

function typeOf({ type }: Recipe, info: SourceInfo): PreviewType {
  if (type !== 'auto' && type !== 'source') return type;
  const own = type === 'source' ? OWN_TYPES[info.type] : undefined;
  return own ?? (info.hasAlpha ? 'png' : 'jpg');
}

function pixelsOf(stages: readonly Stage[]): number {
  return stages.reduce((sum, { scaled, size }) => sum + Math.max(areaOf(scaled), areaOf(size)), 0);
}

/** What is no larger than the source is bounded as that is. */
function checkSize(size: Size, type: PreviewType, sourcePixels: number, { maxSidePx, maxPixels }: DrawingLimits): void {
  const { widthPx, heightPx } = size;
  const isBounded =
    areaOf(size) <= sourcePixels || (areaOf(size) <= maxPixels && Math.max(widthPx, heightPx) <= maxSidePx);
  if (isBounded && Math.max(widthPx, heightPx) <= MAX_SIDE_PX[type]) return;
  throw new ProofsheetError(
    'invalid-request-format',
    `expected a picture of at most ${Math.min(maxSidePx, MAX_SIDE_PX[type])} pixels on a side and ${maxPixels} in all, got ${widthPx}x${heightPx}`,
  );
}
