// What is to be drawn, as values: the steps that a picture takes and what it is written as. Every dialect that takes wishes parses
// to this; what a recipe means for one source is next door (resolve.ts), its text too (recipe-text.ts). Knows of no encoder.
import type { Digest } from '../digest.js';
import type { Format, PreviewType } from '../format.js';
import { type SourceInfo, storedSize } from '../source.js';
import type { Turn } from './turn.js';

/** `auto`: as a format's `auto`. `source`: what the source is, where that is written at all; else PNG with alpha and JPEG without. */
export type RecipeType = PreviewType | 'auto' | 'source';

/** Where a picture lies on a smaller or larger canvas; `attention`: what draws the eye is kept (of a picture that is cut). */
export const GRAVITIES = [
  'centre',
  'north',
  'south',
  'east',
  'west',
  'northeast',
  'northwest',
  'southeast',
  'southwest',
  'attention',
] as const;
export type Gravity = (typeof GRAVITIES)[number];

/** What stands around a picture on a larger canvas: one colour, its outermost pixels, or the picture mirrored. */
export const EXTENDS = ['background', 'copy', 'mirror'] as const;
export type Extend = (typeof EXTENDS)[number];

/** 6 lower-case hex digits: RRGGBB; or `none`, which is transparent where the type has that, and white where it has not. */
export type Colour = string;

/** A side of 0 is free: it follows from the other and the picture's proportions. -1 is the picture's own. */
interface Box {
  /** 1 to 16384, 0 or -1. */
  readonly widthPx: number;
  readonly heightPx: number;
}

export const FITS = ['contain', 'cover', 'fill'] as const;
/**
 * `never`: a picture is not enlarged. `unless-within`: one that is smaller than the box on both sides stays as it is, any other is
 * enlarged where the fit asks for it. `always`: whatever the fit asks for.
 */
export const ENLARGES = ['never', 'unless-within', 'always'] as const;

export interface ScaleStep extends Box {
  readonly step: 'scale';
  readonly fit: (typeof FITS)[number];
  readonly enlarge: (typeof ENLARGES)[number];
}

/**
 * `exact`: cut and padded to the box. `cut`: what stands over is cut, and nothing is padded. `unless-within`: as `exact`, but a picture
 * that is smaller than the box on both sides stays as it is.
 */
export const CANVASES = ['exact', 'cut', 'unless-within'] as const;

export interface CanvasStep extends Box {
  readonly step: 'canvas';
  readonly mode: (typeof CANVASES)[number];
  readonly gravity: Gravity;
  readonly extend: Extend;
  /** Of what is padded, with `extend: background`. */
  readonly background: Colour;
}

export type Step =
  /** As the source's EXIF orientation says; means something as the first step alone. */
  | { readonly step: 'upright' }
  | { readonly step: 'turn'; readonly turn: Turn }
  /** A rectangle of the picture; what lies outside the picture is left away. */
  | {
      readonly step: 'region';
      /** 0 or more. */
      readonly leftPx: number;
      readonly topPx: number;
      /** 1 or more. */
      readonly widthPx: number;
      readonly heightPx: number;
    }
  | ScaleStep
  | CanvasStep
  /** A Gaussian of so many pixels, 0.3 to 1000. */
  | { readonly step: 'blur'; readonly sigmaPx: number };

interface Laid {
  /** SHA-256 of the text, or of the image's bytes. */
  readonly digest: Digest;
  /** Above 0 to 1. */
  readonly opacity: number;
  /** Above 0 to 1: at 1 it is as wide, or as high, as nine tenths of the picture. */
  readonly scale: number;
}

/** A watermark: a text, or the PNG at `path`, which lies on this machine and has not changed since its digest was taken. */
export type Mark =
  | (Laid & { readonly kind: 'text'; readonly text: string })
  | (Laid & { readonly kind: 'image'; readonly path: string });

export interface Recipe {
  readonly type: RecipeType;
  /** 1 to 100 of a lossy type; absent: the type's default. */
  readonly quality?: number;
  /** Behind what is transparent, where the type has no alpha, or nothing is to be transparent. */
  readonly background: Colour;
  /** From 1; the last of a source with fewer. */
  readonly page: number;
  readonly steps: readonly Step[];
  /** What is laid over it in the end. */
  readonly mark?: Mark;
}

export const NO_COLOUR: Colour = 'none';
/** Longer recipes are refused: nobody means them. */
export const MAX_STEPS = 40;
export const MAX_RECIPE_SIDE_PX = 1_000_000;

export function scale(
  widthPx: number,
  heightPx: number,
  fit: ScaleStep['fit'],
  enlarge: ScaleStep['enlarge'],
): ScaleStep {
  return { step: 'scale', widthPx, heightPx, fit, enlarge };
}

export function canvas(
  widthPx: number,
  heightPx: number,
  mode: CanvasStep['mode'],
  { gravity = 'centre', extend = 'background', background = NO_COLOUR }: Partial<CanvasStep> = {},
): CanvasStep {
  return { step: 'canvas', widthPx, heightPx, mode, gravity, extend, background };
}

/** What a format asks for of this source: its preview is exactly this. */
export function recipeOfFormat(format: Format, source: SourceInfo): Recipe {
  const { type, scaleType, norotate, expand, page, quality } = format;
  const own = norotate ? storedSize(source) : source;
  const widthPx = format.widthPx === -1 ? own.widthPx : format.widthPx;
  const heightPx = format.heightPx === -1 ? own.heightPx : format.heightPx;
  const isCovering = scaleType === 'cover' || scaleType === 'coverandcrop';
  const isOnCanvas = scaleType === 'coverandcrop' || scaleType === 'containforcedimension';
  return {
    type,
    ...(quality !== undefined && { quality }),
    background: NO_COLOUR,
    page,
    steps: [
      ...(norotate ? [] : [{ step: 'upright' } as const]),
      scale(widthPx, heightPx, isCovering ? 'cover' : 'contain', expand ? 'always' : 'never'),
      ...(isOnCanvas ? [canvas(widthPx, heightPx, 'exact')] : []),
    ],
  };
}
