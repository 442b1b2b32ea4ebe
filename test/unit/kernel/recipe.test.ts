// Recipes: one text for each, a parser that takes any text, and stages that depend on what is drawn, not on how it was written.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { parseFormat } from '../../../src/kernel/format.js';
import { canvas, type Recipe, recipeOfFormat, scale } from '../../../src/kernel/recipe/recipe.js';
import { parseRecipe, recipeText } from '../../../src/kernel/recipe/recipe-text.js';
import { resolveRecipe } from '../../../src/kernel/recipe/resolve.js';
import { TURNS, thenTurned, turnedBack, turnedRegion, turnedSize } from '../../../src/kernel/recipe/turn.js';
import { areaOf, geometryOf } from '../../../src/kernel/sizes.js';
import { anyFormat, anySource } from '../../support/kernel-arbitraries.js';
import { anyRecipe } from '../../support/recipe-arbitraries.js';
import { sourceInfo } from '../../support/records.js';

const LIMITS = { maxSidePx: 100_000, maxPixels: 1e12 };
const P = sourceInfo({ widthPx: 550, heightPx: 740 });
const J = sourceInfo({ widthPx: 1920, heightPx: 1080 });

const drawing = (text: string, info = J) => resolveRecipe(parseRecipe(text), info, LIMITS);
const sizeOf = (text: string, info = J): string => {
  const { size } = drawing(text, info);
  return `${size.widthPx}x${size.heightPx}`;
};

describe('the text of a recipe', () => {
  test('is a fixed point', () => {
    fc.assert(
      fc.property(anyRecipe, (recipe) => {
        const text = recipeText(recipe);
        expect(recipeText(parseRecipe(text))).toBe(text);
      }),
    );
  });

  test('is parsed to a recipe or refused by name, whatever it is', () => {
    const likely = fc
      .array(
        fc.constantFrom('jpg', '@80', '/', 'scale', ':', '300x200', 'cover', 'never', '-1', 'x', 'bg=', 'ffffff', ','),
      )
      .map((words) => words.join(''));
    fc.assert(
      fc.property(fc.oneof(fc.string(), likely, anyRecipe.map(recipeText)), (text) => {
        try {
          expect(recipeText(parseRecipe(text)).length).toBeLessThanOrEqual(4096);
        } catch (error) {
          expect(error).toBeInstanceOf(ProofsheetError);
          expect((error as ProofsheetError).code).toBe('invalid-request-format');
        }
      }),
    );
  });

  test.each([
    'jpg@0',
    'tiff',
    'jpg,bg=FFFFFF',
    'jpg/scale:300x200',
    'jpg/turn:9',
    'jpg/region:0,0,0x5',
    'jpg/canvas:3x3:cut:north:south',
    'jpg/blur:0.1',
    'jpg/blur:1001',
    `jpg${'/upright'.repeat(41)}`,
  ])('%s is none', (text) => {
    expect(() => parseRecipe(text)).toThrow(ProofsheetError);
  });
});

describe('what is resolved', () => {
  test('is a recipe that resolves to itself', () => {
    fc.assert(
      fc.property(anyRecipe, anySource, (recipe, info) => {
        const resolved = resolvedOf(recipe, info);
        fc.pre(resolved !== undefined);
        expect(drawing(resolved?.text ?? '', info).text).toBe(resolved?.text);
      }),
    );
  });

  test('of a format is the geometry of its preview', () => {
    fc.assert(
      fc.property(anyFormat, anySource, (format, info) => {
        const upright = { ...info, orientation: 1 as const };
        const resolved = resolvedOf(recipeOfFormat(format, upright), upright);
        fc.pre(resolved !== undefined);
        expect(resolved?.size).toEqual({ ...geometryOf(upright, format).size });
        // What is cut and not scaled is a region of the source.
        if (resolved?.stages.length !== 1 || format.scaleType === 'coverandcrop') return;
        const { scaled, pad } = geometryOf(upright, format);
        expect(resolved.stages[0].scaled).toEqual({ widthPx: scaled.widthPx, heightPx: scaled.heightPx });
        expect(resolved.stages[0].pad).toEqual(pad);
      }),
    );
  });

  test.each([
    ['larger boxes of a small picture', 'jpg/scale:4096x4096:contain:never', 'jpg/scale:10000x9999:contain:never'],
    ['a default written out', 'jpg@75/scale:300x200:contain:never', 'jpg/scale:300x200:contain:never'],
    ['a cut before and after a turn', 'jpg/region:10,20,300x200/turn:3', 'jpg/turn:3/region:1610,860,300x200'],
    [
      'two halves of a scale',
      'jpg/scale:960x0:contain:never/scale:480x0:contain:never',
      'jpg/scale:480x0:contain:never',
    ],
    ['two turns and one', 'jpg/turn:6/turn:6', 'jpg/turn:3'],
    ['a turn and back', 'jpg/turn:6/turn:8', 'jpg'],
    ['the type of the source and its name', 'source', 'jpg'],
    ['white behind a type without alpha', 'jpg,bg=ffffff', 'jpg'],
    ['a cut of a cut', 'jpg/region:100,100,500x500/region:50,60,100x100', 'jpg/region:150,160,100x100'],
    [
      'a cover of the very box and a cut',
      'jpg/scale:192x108:cover:always/canvas:192x108:exact',
      'jpg/scale:192x108:fill:always',
    ],
    ['upright of a source that is', 'jpg/upright', 'jpg'],
  ])('is one for %s', (_, one, other) => {
    expect(drawing(one).text).toBe(drawing(other).text);
  });

  test('is not one for what draws other pictures', () => {
    const texts = ['jpg', 'png', 'jpg@80', 'jpg,page=2', 'jpg/turn:6', 'jpg/turn:8', 'jpg/blur:1', 'jpg,bg=000000'];
    const info = sourceInfo({ type: 'tiff', pages: 3 });
    expect(new Set(texts.map((text) => drawing(text, info).text)).size).toBe(texts.length);
  });

  test('begins another stage where something would be lost', () => {
    expect(drawing('jpg/scale:100x0:contain:never/scale:400x0:contain:always').stages).toHaveLength(2);
    expect(drawing('jpg/scale:400x400:contain:never/canvas:400x400:exact/turn:6').stages).toHaveLength(2);
    expect(drawing('jpg/blur:2/scale:400x0:contain:never').stages).toHaveLength(2);
    expect(drawing('jpg/upright/scale:400x400:contain:never').stages).toHaveLength(1);
  });

  test('blurs a picture the smaller the wider the blur is, whatever its sides', () => {
    const anySide = fc.integer({ min: 1, max: 5_000 });
    fc.assert(
      fc.property(anySide, anySide, fc.integer({ min: 30, max: 100_000 }), (widthPx, heightPx, hundredths) => {
        const { stages, size } = drawing(`png/blur:${hundredths / 100}`, sourceInfo({ widthPx, heightPx }));
        expect(size).toEqual({ widthPx, heightPx });
        // What a blur takes: of every pixel so many to each side.
        const cost = stages.reduce((sum, stage) => sum + areaOf(stage.size) * stage.blurSigmaPx, 0);
        // A thin picture is blurred at most as one of 32 rows.
        const most = Math.max(16 * areaOf(size), 1_000 * 32 * Math.max(widthPx, heightPx));
        expect(cost).toBeLessThanOrEqual(most);
      }),
      {
        examples: [
          [5_000, 5_000, 100_000],
          [550, 740, 5_000],
          [5_000, 1, 100_000],
          [5_000, 47, 100_000],
          [32, 32, 100_000],
        ],
      },
    );
  });

  test('counts the pages that the source has', () => {
    expect(drawing('jpg,page=9', sourceInfo({ type: 'pdf', pages: 3 })).page).toBe(3);
  });

  // Sizes of a contract with clients: w*H > W*h ? (W, round(W*h/w)) : (round(H*w/h), H).
  test.each([
    [1280, 1000, '710x9999', '710x555'],
    [1279, 1000, '710x9999', '710x555'],
    [900, 500, '312x312', '312x173'],
    [900, 500, '313x313', '313x174'],
    [1299, 2000, '710x999', '649x999'],
    [1500, 2000, '710x999', '710x947'],
  ])('%ix%i contained in %s is %s', (widthPx, heightPx, box, expected) => {
    expect(sizeOf(`jpg/scale:${box}:contain:never`, sourceInfo({ widthPx, heightPx }))).toBe(expected);
  });

  test('an orientation of 5 and more swaps the sides once it is upright', () => {
    const turned = sourceInfo({ widthPx: 600, heightPx: 400, orientation: 6 });
    expect(sizeOf('jpg/upright/scale:300x0:contain:never', turned)).toBe('300x200');
    expect(sizeOf('jpg/scale:200x0:contain:never', turned)).toBe('200x300');
  });

  test('a picture smaller than the box on one side alone is enlarged to cover it, unless it never is', () => {
    expect(sizeOf('jpg/scale:1000x1000:cover:unless-within/canvas:1000x1000:cut', P)).toBe('550x740');
    expect(sizeOf('jpg/scale:600x300:cover:unless-within/canvas:600x300:cut', P)).toBe('600x300');
    expect(sizeOf('jpg/scale:600x300:cover:never/canvas:600x300:cut', P)).toBe('550x300');
  });

  test('is refused beyond its limits, but for what is no larger than the source', () => {
    const limits = { maxSidePx: 1000, maxPixels: 500_000 };
    const refused = (text: string) => () => resolveRecipe(parseRecipe(text), J, limits);
    expect(refused('jpg/scale:4000x0:fill:always')).toThrow(
      'at most 1000 pixels on a side and 500000 in all, got 4000x2250',
    );
    expect(refused('jpg/canvas:900x9000:exact')).toThrow(ProofsheetError);
    // Large on its way alone, but large enough to take the memory.
    expect(refused('jpg/scale:9000x0:fill:always/blur:1/scale:90x0:contain:never')).toThrow(ProofsheetError);
    expect(refused('jpg')).not.toThrow();
    expect(refused('jpg/region:2000,0,10x10')).toThrow('begins within the 1920x1080');
  });

  test('is refused where its steps draw too much together, however small what comes of them is', () => {
    const limits = { maxSidePx: 10_000, maxPixels: 25_000_000 };
    const upAndDown = (times: number, to: string) =>
      `jpg${`/scale:${to}:fill:always/scale:10x10:fill:always`.repeat(times)}`;
    const resolve = (text: string, info = J) => resolveRecipe(parseRecipe(text), info, limits);
    expect(resolve(upAndDown(4, '5000x4999')).pixels).toBe(4 * 5_000 * 4_999 + 4 * 100);
    expect(() => resolve(upAndDown(5, '5000x4999'))).toThrow('at most 100000000 pixels in all, got 124975500');
    // Of a larger source there is more to draw.
    expect(() => resolve(upAndDown(5, '5000x4999'), sourceInfo({ widthPx: 8_000, heightPx: 4_000 }))).not.toThrow();
  });

  function resolvedOf(recipe: Recipe, info = J) {
    try {
      return resolveRecipe(recipe, info, LIMITS);
    } catch (error) {
      expect(error).toBeInstanceOf(ProofsheetError);
      return undefined;
    }
  }
});

describe('the eight turns', () => {
  const size = { widthPx: 7, heightPx: 4 };
  const region = { leftPx: 1, topPx: 2, widthPx: 3, heightPx: 1 };

  test('are a group: each has its opposite, and two are one', () => {
    for (const one of TURNS) {
      expect(thenTurned(one, turnedBack(one))).toBe(1);
      for (const other of TURNS) {
        const both = turnedRegion(turnedRegion(region, size, one), turnedSize(size, one), other);
        expect(turnedRegion(region, size, thenTurned(one, other))).toEqual(both);
      }
    }
  });

  test('by 90 degrees clockwise the top left corner comes to the top right', () => {
    expect(turnedRegion({ leftPx: 0, topPx: 0, widthPx: 2, heightPx: 1 }, size, 6)).toEqual({
      leftPx: 3,
      topPx: 0,
      widthPx: 1,
      heightPx: 2,
    });
  });
});

test('the box of a format that is the own extent of the source is that of the source', () => {
  const info = sourceInfo({ widthPx: 600, heightPx: 400 });
  const recipe = recipeOfFormat(parseFormat('png:-1x100~containforcedimension'), info);
  expect(recipe.steps).toEqual([{ step: 'upright' }, scale(600, 100, 'contain', 'never'), canvas(600, 100, 'exact')]);
});
