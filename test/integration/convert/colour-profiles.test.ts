// Colours of deep sources with a profile: what the profile says is what is shown, in every depth and at every size.
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Converting } from '../../support/converting.js';
import { pngChunk, pngChunksOf } from '../../support/hostile/png.js';
import {
  type Colourant,
  gammaCurve,
  greyProfile,
  parametricCurve,
  rgbProfile,
  SRGB_CURVE,
  tableCurve,
} from '../../support/icc.js';
import { barColours } from '../../support/pixels.js';
import { tiffPicture, UNDEFINED } from '../../support/tiff-picture.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start();
});
afterAll(() => converting.close());

const BARS = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [200, 60, 60],
  [64, 128, 192],
  [10, 20, 30],
] as const;
const [WIDTH, HEIGHT] = [96, 32];

type Encoder = (pixels: Uint16Array, channels: 1 | 2 | 3 | 4, profile: Buffer) => Promise<Buffer>;

function sixteenBit(pixels: Uint16Array, channels: 1 | 2 | 3 | 4) {
  const raw = { width: WIDTH, height: HEIGHT, channels, depth: 'ushort' } as const;
  return sharp(pixels, { raw: raw as never }).toColourspace(channels < 3 ? 'grey16' : 'rgb16');
}

async function png(pixels: Uint16Array, channels: 1 | 2 | 3 | 4, profile: Buffer): Promise<Buffer> {
  const bytes = await sixteenBit(pixels, channels).png().toBuffer();
  const [header = Buffer.alloc(0), ...rest] = pngChunksOf(bytes);
  const icc = pngChunk('iCCP', Buffer.concat([Buffer.from('x\0\0', 'latin1'), deflateSync(profile)]));
  return Buffer.concat([bytes.subarray(0, 8), header, icc, ...rest]);
}

const tiff: Encoder = async (pixels, bands, profile) => tiffOf(pixels, bands, profile, false);
const bigEndianTiff: Encoder = async (pixels, bands, profile) => tiffOf(pixels, bands, profile, true);

function tiffOf(pixels: Uint16Array, bands: number, profile: Buffer, bigEndian: boolean): Buffer {
  return tiffPicture({
    widthPx: WIDTH,
    heightPx: HEIGHT,
    bits: 16,
    bands,
    photometric: bands < 3 ? 1 : 2,
    bigEndian,
    sample: (x, y, band) => pixels[(y * WIDTH + x) * bands + band] ?? 0,
    ...(bands % 2 === 0 ? { extraSamples: [2] } : {}),
    tags: [[34_675, UNDEFINED, profile]],
  });
}

/** The bars in 16 bits, `coded` from 8-bit values of 0 to 1. */
function bars(
  channels: 1 | 2 | 3 | 4,
  coded: (value: number) => number,
  colours = BARS as readonly number[][] | typeof BARS,
) {
  const pixels = new Uint16Array(WIDTH * HEIGHT * channels);
  for (let at = 0; at < WIDTH * HEIGHT; at++) {
    const colour = colours[Math.floor(((at % WIDTH) * colours.length) / WIDTH)] ?? [];
    for (let channel = 0; channel < channels; channel++) {
      const isAlpha = channel === channels - 1 && channels % 2 === 0;
      pixels[at * channels + channel] = isAlpha ? 65_535 : Math.round(coded((colour[channel] ?? 0) / 255) * 65_535);
    }
  }
  return pixels;
}

const linear = (value: number): number => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);

async function expectBars(source: Buffer, expected: readonly (readonly number[])[], within: number): Promise<void> {
  for (const format of ['png:-1x-1', 'png:48x48']) {
    const colours = await barColours(await converting.preview(source, format), expected.length);
    for (const [bar, colour] of colours.entries()) {
      for (const [channel, value] of (expected[bar] ?? []).entries()) {
        expect(
          Math.abs((colour[channel] ?? Number.NaN) - value),
          `${format}: bar ${bar} is ${colour}`,
        ).toBeLessThanOrEqual(within);
      }
    }
  }
}

describe('16-bit RGB', () => {
  const encoders: readonly (readonly [string, Encoder])[] = [
    ['PNG', png],
    ['TIFF', tiff],
    ['big-endian TIFF', bigEndianTiff],
  ];
  for (const [name, encode] of encoders) {
    test.each([3, 4] as const)(`${name} of %i channels with the profile of sRGB`, async (channels) => {
      await expectBars(
        await encode(
          bars(channels, (v) => v),
          channels,
          rgbProfile(SRGB_CURVE),
        ),
        BARS,
        2,
      );
    });

    test(`${name} with linear light`, async () => {
      await expectBars(await encode(bars(3, linear), 3, rgbProfile(gammaCurve(1))), BARS, 2);
    });
  }

  test('AVIF of 10 bits with the profile of sRGB', async () => {
    const eight = Uint8Array.from(
      bars(3, (v) => v),
      (value) => value >> 8,
    );
    const source = await sharp(eight, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
      .withIccProfile('srgb')
      .avif({ bitdepth: 10, quality: 95, chromaSubsampling: '4:4:4' })
      .toBuffer();
    const { space, icc } = await sharp(source).metadata();
    expect([space, icc !== undefined]).toEqual(['rgb16', true]);
    await expectBars(source, BARS, 4);
  });

  test('TIFF with the profile of Display P3', async () => {
    // 200, 60, 60 in Display P3 is 217, 42, 52 in sRGB.
    const p3: readonly Colourant[] = [
      [0.51512, 0.2412, -0.00105],
      [0.29198, 0.69225, 0.04189],
      [0.1571, 0.06657, 0.78407],
    ];
    const profile = rgbProfile(SRGB_CURVE, p3 as [Colourant, Colourant, Colourant]);
    for (const encode of [png, tiff, bigEndianTiff]) {
      await expectBars(
        await encode(
          bars(3, (v) => v, [[200, 60, 60]]),
          3,
          profile,
        ),
        [[217, 42, 52]],
        3,
      );
    }
  });
});

describe('16-bit grey', () => {
  const GREYS = [[10], [64], [128], [192], [255]];
  const shown = GREYS.map(([value = 0]) => [value, value, value]);

  test.each([
    ['linear light', gammaCurve(1), linear],
    ['a power', gammaCurve(1.8), (v: number) => linear(v) ** (1 / 1.8)],
    ['a table', tableCurve([0, 0.25, 0.5, 0.75, 1]), linear],
    ['a parametric power', parametricCurve(0, 2.2), (v: number) => linear(v) ** (1 / 2.2)],
    ['the curve of sRGB', SRGB_CURVE, (v: number) => v],
  ] as const)('with %s', async (_name, curve, coded) => {
    for (const encode of [png, tiff, bigEndianTiff]) {
      await expectBars(await encode(bars(1, coded, GREYS), 1, greyProfile(curve)), shown, 1);
    }
  });

  test('with alpha', async () => {
    await expectBars(await png(bars(2, linear, GREYS), 2, greyProfile(gammaCurve(1))), shown, 1);
  });

  test('with a damaged profile is shown as it is coded', async () => {
    const profile = greyProfile(gammaCurve(1));
    await expectBars(
      await png(
        bars(1, (v) => v, GREYS),
        1,
        profile.subarray(0, 150),
      ),
      shown,
      1,
    );
  });
});
