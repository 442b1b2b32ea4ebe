// Recipes as a converter draws them: one decode, fused where nobody sees it, and exactly what a format makes where it asks for the same.
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseFormat } from '../../../src/kernel/format.js';
import { recipeOfFormat, type Step } from '../../../src/kernel/recipe/recipe.js';
import { parseRecipe, recipeText } from '../../../src/kernel/recipe/recipe-text.js';
import { Converting } from '../../support/converting.js';
import { image, photo } from '../../support/images.js';
import { colourDistance, meanColour, psnrDb, quarterColours } from '../../support/pixels.js';
import { anyStep } from '../../support/recipe-arbitraries.js';
import { sourceInfo } from '../../support/records.js';

let converting: Converting;
/** 480x320, without hard edges or grain. */
let soft: Buffer;
/** 600x400: red, green, blue and yellow quarters in reading order. */
let quarters: Buffer;

const COLOURS = [
  [255, 0, 0],
  [0, 128, 0],
  [0, 0, 255],
  [255, 255, 0],
];

beforeAll(async () => {
  converting = await Converting.start();
  soft = await image(await photo(480, 320, 7))
    .blur(4)
    .png()
    .toBuffer();
  const quarter = (red: number, green: number, blue: number) => ({
    create: { width: 300, height: 200, channels: 3 as const, background: { r: red, g: green, b: blue } },
  });
  const at = [
    [0, 0],
    [300, 0],
    [0, 200],
    [300, 200],
  ];
  quarters = await sharp({ create: { width: 600, height: 400, channels: 3, background: 'black' } })
    .composite(
      COLOURS.map(([red = 0, green = 0, blue = 0], index) => ({
        input: quarter(red, green, blue),
        left: at[index]?.[0] ?? 0,
        top: at[index]?.[1] ?? 0,
      })),
    )
    .png()
    .toBuffer();
});
afterAll(() => converting.close());

/** Was blurred with the black of what is transparent. */
const PADDED_AND_BLURRED: Step[] = [
  {
    step: 'canvas',
    widthPx: 32,
    heightPx: 321,
    mode: 'exact',
    gravity: 'centre',
    extend: 'background',
    background: 'none',
  },
  { step: 'blur', sigmaPx: 2.46 },
];

/** Was told with its sides swapped. */
const SCALED_CUT_PADDED: Step[] = [
  { step: 'scale', widthPx: 1, heightPx: 1, fit: 'cover', enlarge: 'never' },
  { step: 'region', leftPx: 0, topPx: 0, widthPx: 1, heightPx: 1 },
  {
    step: 'canvas',
    widthPx: 2,
    heightPx: 1,
    mode: 'exact',
    gravity: 'centre',
    extend: 'background',
    background: 'ffffff',
  },
];

const pixelsOf = (encoded: Buffer) =>
  sharp(encoded).flatten({ background: 'white' }).removeAlpha().raw().toBuffer({ resolveWithObject: true });

describe('the steps of a recipe', () => {
  test('look the same fused and one by one, whatever they are', { timeout: 240_000 }, async () => {
    // Of steps that enlarge a few pixels to many, nothing is soft any more.
    const steps = fc.array(anyStep(500), { minLength: 1, maxLength: 4 });
    const isGentle = (of: readonly Step[]): boolean =>
      of.every((step) => step.step !== 'canvas' || step.gravity !== 'attention');
    await fc.assert(
      fc.asyncProperty(steps.filter(isGentle), async (some) => {
        const recipe = recipeText({ type: 'png', background: 'none', page: 1, steps: some });
        const draw = (fuses: boolean) => converting.draw(soft, recipe, fuses).catch((error: unknown) => String(error));
        const [fused, stepwise] = [await draw(true), await draw(false)];
        if (typeof fused === 'string' || typeof stepwise === 'string') {
          expect(fused).toBe(stepwise);
          return;
        }
        const [a, b] = [await pixelsOf(fused.bytes), await pixelsOf(stepwise.bytes)];
        expect([a.info.width, a.info.height]).toEqual([b.info.width, b.info.height]);
        // Pictures of some pixels have no soft ones.
        if (Math.min(a.info.width, a.info.height) >= 32) expect(psnrDb(a.data, b.data)).toBeGreaterThanOrEqual(40);
      }),
      { numRuns: 80, examples: [[SCALED_CUT_PADDED], [PADDED_AND_BLURRED]] },
    );
  });

  test.each([
    'jpg:300x200',
    'png:100x100~coverandcrop',
    'jpg:150x150~containforcedimension',
    'webp:200x200~cover',
    'auto:64x64',
  ])('give the very bytes of the preview of %s', async (format) => {
    const source = await image(await photo(640, 480, 3))
      .jpeg({ quality: 90 })
      .toBuffer();
    const { previews } = await converting.convert(source, [format]);
    const recipe = recipeText(recipeOfFormat(parseFormat(format), sourceInfo({ widthPx: 640, heightPx: 480 })));
    expect((await converting.draw(source, recipe)).preview.digest).toBe(previews[0]?.digest);
  });

  test.each([
    ['nothing', 'png', [0, 1, 2, 3]],
    ['a turn by 90 degrees clockwise', 'png/turn:6', [2, 0, 3, 1]],
    ['mirrored left to right', 'png/turn:2', [1, 0, 3, 2]],
    ['mirrored top to bottom, at half the size', 'png/turn:4/scale:300x0:contain:never', [2, 3, 0, 1]],
    ['the middle', 'png/region:150,100,300x200', [0, 1, 2, 3]],
    ['the middle of a turned one, scaled', 'png/turn:8/region:100,150,200x300/scale:100x0:contain:never', [1, 3, 0, 2]],
    ['the upper left', 'png/region:0,0,300x200', [0, 0, 0, 0]],
    ['the right half after a scale', 'png/scale:300x200:fill:always/region:150,0,150x200', [1, 1, 3, 3]],
  ])('show what they should: %s', async (_, recipe, expected) => {
    const { bytes } = await converting.draw(quarters, recipe);
    const colours = await quarterColours(bytes);
    for (const [index, quarter] of colours.entries())
      expect(colourDistance(quarter, COLOURS[expected[index] ?? 0] ?? []), `${index}: ${quarter}`).toBeLessThan(8);
  });

  // Scaled, cut and padded in one go, of a picture with hard edges, which is decoded in full.
  test.each(['png', 'webp', 'auto', 'jpg'])('scale, cut and pad in one go, as %s', async (type) => {
    for (const [words, behind] of [
      ['', [255, 255, 255]],
      [':bg=336699', [0x33, 0x66, 0x99]],
    ] as const) {
      const recipe = `${type}/scale:450x300:fill:always/region:0,0,225x300/canvas:450x300:exact:west${words}`;
      const { bytes } = await converting.draw(quarters, recipe);
      const { data, info } = await pixelsOf(bytes);
      expect([info.width, info.height]).toEqual([450, 300]);
      const at = (x: number, y: number) => [...data.subarray(3 * (y * 450 + x), 3 * (y * 450 + x) + 3)];
      for (const [x, y, colour] of [
        [110, 75, [255, 0, 0]],
        [110, 225, [0, 0, 255]],
        [340, 75, behind],
        [340, 225, behind],
      ] as const)
        expect(colourDistance(at(x, y), [...colour]), `${recipe}: ${x},${y}`).toBeLessThan(8);
    }
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'turn a source of orientation %i upright, and cut what is then there',
    async (orientation) => {
      const back = [1, 1, 2, 3, 4, 5, 8, 7, 6][orientation] ?? 1;
      const stored = (await converting.draw(quarters, back === 1 ? 'png' : `png/turn:${back}`)).bytes;
      const source = await sharp(stored).jpeg({ quality: 95 }).withMetadata({ orientation }).toBuffer();
      const { preview, bytes } = await converting.draw(source, 'png/upright/region:150,100,300x200');
      expect([preview.widthPx, preview.heightPx]).toEqual([300, 200]);
      for (const [index, quarter] of (await quarterColours(bytes)).entries())
        expect(colourDistance(quarter, COLOURS[index] ?? []), `${index}: ${quarter}`).toBeLessThan(12);
    },
  );

  test('pad by a colour, by the outermost pixels, and with nothing', async () => {
    const corner = async (words: string) => {
      const { bytes } = await converting.draw(quarters, `png/canvas:700x500:exact${words}`);
      return meanColour(bytes, { left: 2, top: 2, width: 20, height: 20 });
    };
    expect(await corner(':bg=336699')).toEqual([0x33, 0x66, 0x99]);
    expect(await corner(':copy')).toEqual([255, 0, 0]);
    expect((await corner(''))[3]).toBe(0);
    const { bytes } = await converting.draw(quarters, 'jpg/canvas:700x500:exact');
    expect(
      colourDistance(await meanColour(bytes, { left: 2, top: 2, width: 20, height: 20 }), [255, 255, 255]),
    ).toBeLessThan(3);
  });

  test('put a colour behind what is transparent', async () => {
    const clear = await sharp({
      create: { width: 40, height: 40, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
    })
      .png()
      .toBuffer();
    expect(await meanColour((await converting.draw(clear, 'png,bg=ff8000')).bytes)).toEqual([255, 128, 0]);
    expect(colourDistance(await meanColour((await converting.draw(clear, 'jpg')).bytes), [255, 255, 255])).toBeLessThan(
      2,
    );
  });

  test('keep what draws the eye when they cut by attention', async () => {
    // A skin-coloured, detailed disc far to the right of a plain ground.
    const face = Buffer.from(
      '<svg width="200" height="200"><circle cx="100" cy="100" r="90" fill="#e0ac8a"/><circle cx="65" cy="80" r="14" fill="#222"/><circle cx="135" cy="80" r="14" fill="#222"/><path d="M60 135q40 35 80 0" stroke="#a02030" stroke-width="12" fill="none"/></svg>',
    );
    const source = await sharp({ create: { width: 1200, height: 400, channels: 3, background: '#8090a0' } })
      .composite([{ input: face, left: 950, top: 100 }])
      .jpeg({ quality: 92 })
      .toBuffer();
    const draw = (words: string) => converting.draw(source, `png/scale:0x200:contain:never/canvas:200x200:cut${words}`);
    const skin = async (bytes: Buffer) => {
      const { data } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
      let found = 0;
      for (let at = 0; at < data.length; at += 3)
        if (Math.abs((data[at] ?? 0) - 0xe0) < 20 && Math.abs((data[at + 1] ?? 0) - 0xac) < 20) found++;
      return found;
    };
    // The disc has 90 px of radius, 45 when it is drawn: less eyes and mouth, most of pi * 45^2 = 6361 pixels.
    expect(await skin((await draw(':attention')).bytes)).toBeGreaterThan(4_500);
    expect(await skin((await draw('')).bytes)).toBe(0);
  });

  test('blur', async () => {
    const { bytes } = await converting.draw(quarters, 'png/blur:20');
    // On the border of red and green both are halves, within the kernel's width.
    const [red = 0, green = 0] = await meanColour(bytes, { left: 299, top: 50, width: 2, height: 20 });
    expect(red).toBeGreaterThan(100);
    expect(red).toBeLessThan(155);
    expect(green).toBeGreaterThan(45);
    expect(green).toBeLessThan(85);
  });
});

// What is drawn of them is larger than they are, and the source's own picture is sent for a preview of its size where it is smaller.
test.each([
  ['blurred', 'upright/blur:8'],
  ['cut, and the rest coloured', 'region:0,0,200x200/canvas:400x200:exact:bg=ff0000'],
])('a drawn picture with hard edges, %s at its own size, is not sent as it came', async (_name, steps) => {
  const bars = Array.from({ length: 20 }, (_, at) => `<rect x="${at * 20}" width="10" height="200"/>`).join('');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="400" height="200"><path fill="#fff" d="M0 0h400v200H0z"/>${bars}</svg>`;
  const drawing = sharp(Buffer.from(svg)).removeAlpha();
  for (const source of [
    await drawing.png({ palette: true }).toBuffer(),
    await drawing.jpeg({ quality: 40 }).toBuffer(),
  ]) {
    const before = await sharp(source).removeAlpha().toColourspace('srgb').raw().toBuffer();
    for (const type of ['auto', 'png', 'jpg']) {
      const { preview, bytes } = await converting.draw(source, `${type}/${steps}`);
      expect([preview.widthPx, preview.heightPx]).toEqual([400, 200]);
      const after = await sharp(bytes).removeAlpha().toColourspace('srgb').raw().toBuffer();
      expect([type, psnrDb(after, before) < 20]).toEqual([type, true]);
    }
  }
});

test('a large photograph is decoded once, at reduced scale, and within the memory that was asked for', async () => {
  const source = await image(await photo(1000, 750, 5))
    .resize(4000, 3000)
    .jpeg({ quality: 85 })
    .toBuffer();
  const before = converting.metrics.total('decodes_total');
  const { preview, bytes } = await converting.draw(source, 'jpg@80/upright/scale:2048x2048:contain:never');
  expect([preview.widthPx, preview.heightPx]).toEqual([2048, 1536]);
  expect(converting.metrics.total('decodes_total') - before).toBe(1);
  const direct = await sharp(source).resize(2048, 1536, { kernel: 'lanczos3' }).removeAlpha().raw().toBuffer();
  expect(psnrDb(await sharp(bytes).raw().toBuffer(), direct)).toBeGreaterThan(33);
});

test('without a recipe the header is told, and nothing is decoded or made', async () => {
  const before = converting.metrics.total('decodes_total');
  const { info, previews } = await converting.drawing(soft, { limits: { maxSidePx: 1, maxPixels: 1 } });
  expect(info).toMatchObject({ type: 'png', widthPx: 480, heightPx: 320 });
  expect(previews).toEqual([]);
  expect(converting.metrics.total('decodes_total')).toBe(before);
});

test('a picture beyond the limits, a region outside of the picture and what is no picture are refused, and leave nothing', async () => {
  const limits = { maxSidePx: 1000, maxPixels: 1e6 };
  const draw = (recipe: string, source = soft) => converting.drawing(source, { recipe: parseRecipe(recipe), limits });
  const left = (await converting.leftovers()).length;
  await expect(draw('png/scale:2000x0:fill:always')).rejects.toMatchObject({ code: 'invalid-request-format' });
  await expect(draw('png/region:900,0,10x10')).rejects.toMatchObject({ code: 'invalid-request-format' });
  await expect(draw('png', Buffer.from('no picture at all'))).rejects.toMatchObject({ code: 'source-type-refused' });
  const photograph = await image(await photo(640, 480, 3))
    .jpeg()
    .toBuffer();
  await expect(draw('png', photograph.subarray(0, 2_000))).rejects.toMatchObject({ code: 'source-undecodable' });
  expect((await converting.leftovers()).length).toBe(left);
  const kept = await converting.drawing(soft, { recipe: parseRecipe('png'), limits });
  expect((await readFile(kept.previews[0]?.path ?? '')).length).toBe(kept.previews[0]?.bytes);
});
