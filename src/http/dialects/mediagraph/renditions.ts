// The sizes that Mediagraph's clients know, and what each of them is: a table, no logic.
import { type Mark, type Recipe, scale } from '../../../kernel/recipe/recipe.js';

/** What is drawn; `original` is no rendition but the bytes themselves. */
export const RENDITIONS = ['thumb', 'grid', 'small', 'permalink', 'full'] as const;
export type Rendition = (typeof RENDITIONS)[number];

/** The longest side in pixels; `full` has the picture's own. */
const LONGEST_SIDES_PX: Readonly<Record<Exclude<Rendition, 'full'>, number>> = {
  thumb: 100,
  grid: 300,
  small: 640,
  permalink: 1_200,
};

/** The width that organisations tell of their medium size. */
export const MEDIUM_PX = LONGEST_SIDES_PX.permalink;
export const RENDITION_EXTENSION = 'jpg';
/** What callers may download, largest first, as they are told. */
export const DOWNLOAD_SIZES = ['original', 'full', 'medium', 'small'] as const;

export function recipeOf(rendition: Rendition, mark?: Mark): Recipe {
  const steps: Recipe['steps'] = [
    { step: 'upright' },
    ...(rendition === 'full'
      ? []
      : [scale(LONGEST_SIDES_PX[rendition], LONGEST_SIDES_PX[rendition], 'contain', 'never')]),
  ];
  return { type: RENDITION_EXTENSION, background: 'ffffff', page: 1, steps, ...(mark && { mark }) };
}

/** A size as callers name it, with or without its mark; `undefined` for another text. `medium` and `permalink` are one. */
export function parseSize(
  text: string,
): { readonly size: Rendition | 'original'; readonly watermarked: boolean } | undefined {
  const [, name = '', mark] = /^([a-z]+)(-watermark)?$/.exec(text) ?? [];
  const size = name === 'medium' ? 'permalink' : [...RENDITIONS, 'original' as const].find((known) => known === name);
  if (size === undefined || (mark !== undefined && size === 'original')) return undefined;
  return { size, watermarked: mark !== undefined };
}
