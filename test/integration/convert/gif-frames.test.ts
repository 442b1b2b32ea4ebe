// GIF frames that do not cover their screen: what they leave uncovered is transparent, in every frame, as browsers have it.
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Converting } from '../../support/converting.js';
import { gifOf } from '../../support/hostile/gif.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start();
});
afterAll(() => converting.close());

/** The colour of every frame, as `gifOf` has it. */
const DRAWN = [10, 20, 30, 255];
const CLEAR = [0, 0, 0, 0];

/** RGBA of each frame at each point; with clear pixels black. */
async function framesAt(encoded: Buffer, points: readonly (readonly [x: number, y: number])[]): Promise<number[][][]> {
  const { pages = 1, pageHeight, height } = await sharp(encoded, { pages: -1 }).metadata();
  const { data, info } = await sharp(encoded, { pages: -1 }).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  const rows = pageHeight ?? height;
  return Array.from({ length: pages }, (_, page) =>
    points.map(([x, y]) => {
      const at = ((page * rows + y) * info.width + x) * 4;
      const [r = 0, g = 0, b = 0, a = 0] = data.subarray(at, at + 4);
      // Lossy types may be a few steps away.
      const drawn = a === 255 && [r, g, b].every((value, channel) => Math.abs(value - (DRAWN[channel] ?? 0)) <= 8);
      return a === 0 ? CLEAR : drawn ? DRAWN : [r, g, b, a];
    }),
  );
}

describe('a still', () => {
  test('smaller than its screen is transparent around', async () => {
    const preview = await converting.preview(gifOf({ screen: [24, 24], frame: [8, 8, 8, 8] }), 'auto:-1x-1');
    expect((await sharp(preview).metadata()).hasAlpha).toBe(true);
    expect(
      await framesAt(preview, [
        [2, 2],
        [12, 12],
        [20, 12],
      ]),
    ).toEqual([[CLEAR, DRAWN, CLEAR]]);
  });

  test('is white around as JPEG', async () => {
    const preview = await converting.preview(gifOf({ screen: [24, 24], frame: [8, 8, 8, 8] }), 'jpg:-1x-1');
    const { data } = await sharp(preview).raw().toBuffer({ resolveWithObject: true });
    for (const value of data.subarray(0, 3)) expect(value).toBeGreaterThan(250);
  });

  test('that covers its screen is opaque', async () => {
    const preview = await converting.preview(gifOf(), 'auto:-1x-1');
    expect((await sharp(preview).metadata()).hasAlpha).toBe(false);
  });

  test('that hangs over its screen makes it larger, as in browsers', async () => {
    const preview = await converting.preview(gifOf({ screen: [24, 24], frame: [20, 20, 8, 8] }), 'png:-1x-1');
    expect((await sharp(preview).metadata()).width).toBe(28);
    expect(
      await framesAt(preview, [
        [19, 19],
        [22, 22],
        [0, 22],
      ]),
    ).toEqual([[CLEAR, DRAWN, CLEAR]]);
  });

  test('is scaled without a dark edge', async () => {
    const preview = await converting.preview(gifOf({ screen: [64, 64], frame: [0, 0, 8, 8] }), 'png:32x32');
    const [[corner, far] = []] = await framesAt(preview, [
      [0, 0],
      [30, 30],
    ]);
    expect(corner?.slice(0, 3)).toEqual(DRAWN.slice(0, 3));
    expect(far).toEqual(CLEAR);
  });
});

describe('an animation', () => {
  const POINTS = [
    [2, 2],
    [10, 10],
    [20, 20],
  ] as const;
  const at = [
    [0, 0],
    [8, 8],
    [16, 16],
  ] as const;

  test.each([
    [
      'frames that stay',
      1,
      [
        [DRAWN, CLEAR, CLEAR],
        [DRAWN, DRAWN, CLEAR],
        [DRAWN, DRAWN, DRAWN],
      ],
    ],
    [
      'frames that are cleared',
      2,
      [
        [DRAWN, CLEAR, CLEAR],
        [CLEAR, DRAWN, CLEAR],
        [CLEAR, CLEAR, DRAWN],
      ],
    ],
    [
      'frames that give way to what was before',
      3,
      [
        [DRAWN, CLEAR, CLEAR],
        [CLEAR, DRAWN, CLEAR],
        [CLEAR, CLEAR, DRAWN],
      ],
    ],
  ])('%s', async (_name, disposal, expected) => {
    const source = gifOf({ screen: [24, 24], at, disposal });
    for (const format of ['auto:-1x-1', 'webp:-1x-1']) {
      expect(await framesAt(await converting.preview(source, format), POINTS), format).toEqual(expected);
    }
    // Its first frame alone.
    expect(await framesAt(await converting.preview(source, 'png:-1x-1'), POINTS)).toEqual(expected.slice(0, 1));
  });

  test('with a transparent colour is left to the decoder', async () => {
    const source = gifOf({ screen: [24, 24], at, disposal: 2, transparent: 3 });
    const frames = await framesAt(await converting.preview(source, 'gif:-1x-1'), POINTS);
    expect(frames.map(([first]) => first)).toEqual([DRAWN, CLEAR, CLEAR]);
  });
});

test('zeros between the blocks change nothing', async () => {
  const plain = gifOf({ frames: 3, loop: 0 });
  const block = plain.indexOf(Buffer.from([0x21, 0xf9]), 60);
  const odd = Buffer.concat([plain.subarray(0, block), Buffer.alloc(3), plain.subarray(block)]);
  const [shown, expected] = [
    await converting.preview(odd, 'auto:-1x-1'),
    await converting.preview(plain, 'auto:-1x-1'),
  ];
  expect(shown.equals(expected)).toBe(true);
});
