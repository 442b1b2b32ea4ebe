// Random recipes for property tests.
import fc from 'fast-check';
import {
  CANVASES,
  ENLARGES,
  EXTENDS,
  FITS,
  GRAVITIES,
  NO_COLOUR,
  type Recipe,
  type Step,
} from '../../src/kernel/recipe/recipe.js';
import { TURNS } from '../../src/kernel/recipe/turn.js';

const colour = fc.constantFrom(NO_COLOUR, '000000', 'ffffff', '12ab9f');
const side = (max: number) =>
  fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 1, max }) }, { weight: 1, arbitrary: fc.constantFrom(0, -1) });

/** Steps whose sides are at most `max`. */
export function anyStep(max = 3000): fc.Arbitrary<Step> {
  const at = fc.integer({ min: 0, max: Math.floor(max / 4) });
  const long = fc.integer({ min: 1, max });
  return fc.oneof(
    fc.constantFrom(...TURNS).map((turn): Step => ({ step: 'turn', turn })),
    fc
      .record({ leftPx: at, topPx: at, widthPx: long, heightPx: long })
      .map((region): Step => ({ step: 'region', ...region })),
    fc
      .record({
        widthPx: side(max),
        heightPx: side(max),
        fit: fc.constantFrom(...FITS),
        enlarge: fc.constantFrom(...ENLARGES),
      })
      .map((given): Step => ({ step: 'scale', ...given })),
    fc
      .record({
        widthPx: side(max),
        heightPx: side(max),
        mode: fc.constantFrom(...CANVASES),
        gravity: fc.constantFrom(...GRAVITIES),
        extend: fc.constantFrom(...EXTENDS),
        background: colour,
      })
      .map(
        (given): Step => ({
          step: 'canvas',
          ...given,
          background: given.extend === 'background' ? given.background : NO_COLOUR,
        }),
      ),
    fc.integer({ min: 30, max: 6_000 }).map((hundredths): Step => ({ step: 'blur', sigmaPx: hundredths / 100 })),
  );
}

export const anyRecipe: fc.Arbitrary<Recipe> = fc
  .record({
    type: fc.constantFrom('auto', 'source', 'jpg', 'png', 'webp', 'avif', 'gif'),
    quality: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
    background: colour,
    page: fc.integer({ min: 1, max: 3 }),
    isUpright: fc.boolean(),
    steps: fc.array(anyStep(), { maxLength: 6 }),
  })
  .map(({ quality, isUpright, steps, ...rest }) => ({
    ...rest,
    ...(quality !== undefined && { quality }),
    steps: isUpright ? [{ step: 'upright' } as const, ...steps] : steps,
  }));
