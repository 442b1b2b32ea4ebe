// Colours that stand outside a profile: gamma, primaries and code points in PNG, code points in AVIF, high dynamic range too.
// Expected values from the standards' formulas, written down here once more and the other way round.
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Converting } from '../../support/converting.js';
import { pngChunk, pngChunksOf } from '../../support/hostile/png.js';
import { gammaCurve, rgbProfile } from '../../support/icc.js';
import { barColours } from '../../support/pixels.js';
import { heicOf, jxlOf } from '../../support/sources/tool-made.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start({ sourceTypes: ['png', 'avif', 'jxl'] });
});
afterAll(() => converting.close());

type Rgb = readonly [number, number, number];
const BARS: readonly Rgb[] = [
  [200, 60, 60],
  [60, 200, 60],
  [60, 60, 200],
  [128, 128, 128],
  [250, 240, 20],
  [255, 255, 255],
];
/** The bars of Display P3 as sRGB shows them. */
const P3_SHOWN: readonly Rgb[] = [
  [217, 42, 52],
  [0, 203, 11],
  [60, 60, 208],
  [128, 128, 128],
  [252, 240, 0],
  [255, 255, 255],
];
const [WIDTH, HEIGHT] = [96, 24];

/** The bars as coded values of 0 to 1, in 8 or 16 bits. */
async function bars(bits: 8 | 16, coded: (colour: Rgb) => readonly number[], colours = BARS): Promise<Buffer> {
  const most = bits === 8 ? 255 : 65_535;
  const [first] = colours;
  const channels = coded(first as Rgb).length as 1 | 3 | 4;
  const pixels = bits === 8 ? new Uint8Array(WIDTH * HEIGHT * channels) : new Uint16Array(WIDTH * HEIGHT * channels);
  for (let at = 0; at < WIDTH * HEIGHT; at++) {
    const colour = colours[Math.floor(((at % WIDTH) * colours.length) / WIDTH)] as Rgb;
    pixels.set(
      coded(colour).map((value) => Math.round(Math.max(0, Math.min(1, value)) * most)),
      at * channels,
    );
  }
  const space = bits === 8 ? (channels === 1 ? 'b-w' : 'srgb') : channels === 1 ? 'grey16' : 'rgb16';
  return sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels } })
    .toColourspace(space)
    .png()
    .toBuffer();
}

const asCoded = (colour: Rgb): readonly number[] => colour.map((value) => value / 255);

/** `png` with `chunks` behind its header. */
function withChunks(png: Buffer, ...chunks: readonly Buffer[]): Buffer {
  const [header = Buffer.alloc(0), ...rest] = pngChunksOf(png).filter(
    (chunk) => chunk.toString('latin1', 4, 8) !== 'pHYs',
  );
  return Buffer.concat([png.subarray(0, 8), header, ...chunks, ...rest]);
}

function numbers(type: string, ...values: readonly number[]): Buffer {
  const data = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) data.writeUInt32BE(value, index * 4);
  return pngChunk(type, data);
}

const gama = (value: number): Buffer => numbers('gAMA', value);
const P3_CHRM = numbers('cHRM', 31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000);
const SRGB_CHRM = numbers('cHRM', 31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000);
const SWAPPED_CHRM = numbers('cHRM', 31_270, 32_900, 30_000, 60_000, 64_000, 33_000, 15_000, 6_000);
const cicp = (primaries: number, transfer: number, full = 1): Buffer =>
  pngChunk('cICP', Buffer.from([primaries, transfer, 0, full]));
const SRGB = pngChunk('sRGB', Buffer.from([0]));
const linearProfile = (): Buffer =>
  pngChunk('iCCP', Buffer.concat([Buffer.from('x\0\0', 'latin1'), deflateSync(rgbProfile(gammaCurve(1)))]));

const toLight = (value: number): number => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const lightOf = (colour: Rgb): Rgb => colour.map((value) => toLight(value / 255)) as unknown as Rgb;

async function expectBars(source: Buffer, expected: readonly (readonly number[])[], within: number): Promise<void> {
  for (const format of ['png:-1x-1', 'png:48x48']) {
    const shown = await barColours(await converting.preview(source, format), expected.length);
    for (const [bar, colour] of shown.entries()) {
      for (const [channel, value] of (expected[bar] ?? []).entries()) {
        const far = Math.abs((colour[channel] ?? Number.NaN) - value);
        expect(far, `${format}: bar ${bar} is ${colour}, not ${expected[bar]}`).toBeLessThanOrEqual(within);
      }
    }
  }
}

for (const bits of [8, 16] as const) {
  // Coded in few bits, dark light falls between two codes.
  const near = bits === 8 ? 6 : 1;

  describe(`PNG of ${bits} bits`, () => {
    test('linear by gAMA', async () => {
      await expectBars(withChunks(await bars(bits, lightOf), gama(100_000)), BARS, near);
    });

    test('of another power by gAMA', async () => {
      const coded = (colour: Rgb): readonly number[] => lightOf(colour).map((light) => light ** (1 / 1.8));
      await expectBars(withChunks(await bars(bits, coded), gama(55_556)), BARS, 2);
    });

    test('grey and linear by gAMA', async () => {
      const greys: readonly Rgb[] = [
        [64, 64, 64],
        [128, 128, 128],
        [192, 192, 192],
      ];
      const coded = (colour: Rgb): readonly number[] => lightOf(colour).slice(0, 1);
      await expectBars(withChunks(await bars(bits, coded, greys), gama(100_000)), greys, near);
    });

    test('linear by gAMA, with alpha', async () => {
      const source = withChunks(await bars(bits, (colour) => [...lightOf(colour), 0.4]), gama(100_000));
      await expectBars(
        source,
        BARS.map((bar) => [...bar, 102]),
        near,
      );
    });

    test('of swapped primaries by cHRM', async () => {
      const swapped = BARS.map(([r, g, b]): Rgb => [g, r, b]);
      const coded = (colour: Rgb): readonly number[] => lightOf(colour).map((light) => light ** (1 / 2.2));
      await expectBars(withChunks(await bars(bits, coded), gama(45_455), SWAPPED_CHRM), swapped, 2);
    });

    test.each([
      ['code points', [cicp(12, 13)]],
      ['code points, though a profile says otherwise', [cicp(12, 13), linearProfile()]],
      ['code points, though sRGB is said too', [cicp(12, 13), SRGB]],
    ])('of Display P3 by %s', async (_name, chunks) => {
      await expectBars(withChunks(await bars(bits, asCoded), ...chunks), P3_SHOWN, 2);
    });

    test.each([
      ['nothing', []],
      ['sRGB before gAMA', [SRGB, gama(100_000)]],
      ['the gamma of sRGB', [gama(45_455)]],
      ['the gamma of sRGB, rounded', [gama(45_000), SRGB_CHRM]],
      ['a gamma of zero', [gama(0)]],
      ['primaries that cannot be', [numbers('cHRM', 0, 0, 0, 0, 0, 0, 0, 0)]],
      ['primaries without white', [numbers('cHRM', 1, 1)]],
      ['code points of sRGB', [cicp(1, 13)]],
      ['primaries alone', [P3_CHRM]],
      ['code points that say nothing', [cicp(2, 2)]],
    ])('by %s is sRGB', async (_name, chunks) => {
      await expectBars(withChunks(await bars(bits, asCoded), ...chunks), BARS, 1);
    });

    test('of Display P3 by gAMA and cHRM', async () => {
      const coded = (colour: Rgb): readonly number[] => lightOf(colour).map((light) => light ** (1 / 2.2));
      await expectBars(withChunks(await bars(bits, coded), gama(45_455), P3_CHRM), P3_SHOWN, 3);
    });

    test.each([1, 6, 14, 15])('of a camera (%i) is shown as a television shows it', async (transfer) => {
      const coded = (colour: Rgb): readonly number[] => lightOf(colour).map((light) => light ** (1 / 2.4));
      await expectBars(withChunks(await bars(bits, coded), cicp(1, transfer)), BARS, 2);
    });

    test('of narrow range by code points', async () => {
      const coded = (colour: Rgb): readonly number[] => colour.map((value) => (16 + (value / 255) * 219) / 255);
      await expectBars(withChunks(await bars(bits, coded), cicp(1, 13, 0)), BARS, 2);
    });
  });
}

/** sRGB's primaries in those of BT.2020 (ITU-R BT.2087). */
const TO_2020 = [
  [0.6274, 0.3293, 0.0433],
  [0.0691, 0.9195, 0.0114],
  [0.0164, 0.088, 0.8956],
] as const;
const turnedBy = (matrix: readonly Rgb[], light: Rgb): Rgb =>
  matrix.map(([a, b, c]) => a * light[0] + b * light[1] + c * light[2]) as unknown as Rgb;
const in2020 = (light: Rgb): Rgb => turnedBy(TO_2020, light);
/** And in those of Display P3. */
const TO_P3 = [
  [0.8225, 0.1774, 0],
  [0.0332, 0.9669, 0],
  [0.0171, 0.0724, 0.9108],
] as const;
const inP3 = (light: Rgb): Rgb => turnedBy(TO_P3, light);

/** SMPTE ST 2084, with diffuse white at 203 cd/m2. */
function pq(light: number): number {
  const y = ((light * 203) / 10_000) ** (2610 / 16_384);
  return ((3424 / 4096 + (2413 / 128) * y) / (1 + (2392 / 128) * y)) ** (2523 / 32);
}

/** BT.2100 HLG of light on a display of 1000 cd/m2, by the inverse of its system gamma of 1.2. */
function hlg(display: Rgb, luminance: Rgb = [0.2627, 0.678, 0.0593]): readonly number[] {
  const relative = display.map((light) => (light * 203) / 1000) as unknown as Rgb;
  const y = luminance[0] * relative[0] + luminance[1] * relative[1] + luminance[2] * relative[2];
  return relative.map((light) => {
    const scene = y > 0 ? light * y ** (1 / 1.2 - 1) : 0;
    return scene <= 1 / 12 ? Math.sqrt(3 * scene) : 0.17883277 * Math.log(12 * scene - 0.28466892) + 0.55991073;
  });
}

describe('high dynamic range', () => {
  test.each([
    ['PQ of BT.2020', 9, 16, (colour: Rgb) => in2020(lightOf(colour)).map(pq)],
    ['HLG of BT.2020', 9, 18, (colour: Rgb) => hlg(in2020(lightOf(colour)))],
    // The middle row of the matrix from Display P3 to XYZ (SMPTE EG 432-1), and of that of sRGB.
    ['HLG of P3', 12, 18, (colour: Rgb) => hlg(inP3(lightOf(colour)), [0.229, 0.6917, 0.0793])],
    ['HLG of BT.709', 1, 18, (colour: Rgb) => hlg(lightOf(colour), [0.2126, 0.7152, 0.0722])],
    ['PQ of BT.709', 1, 16, (colour: Rgb) => lightOf(colour).map(pq)],
  ] as const)('%s: what is no brighter than white is what it is', async (_name, primaries, transfer, coded) => {
    await expectBars(withChunks(await bars(16, coded), cicp(primaries, transfer)), BARS, 2);
    await expectBars(withChunks(await bars(8, coded), cicp(primaries, transfer)), BARS, 8);
  });

  test('highlights stay apart, below white, in their hue, and shades below the knee are what they are', async () => {
    const nits = [20, 50, 100, 203, 400, 1000, 4000];
    const greys = nits.map((value): Rgb => [value / 203, value / 203, value / 203]);
    const source = withChunks(await bars(16, (light) => light.map(pq), greys), cicp(9, 16));
    const shown = (await barColours(await converting.preview(source, 'png:-1x-1'), nits.length)).map(([r = 0]) => r);
    const srgb = (light: number): number => (1.055 * light ** (1 / 2.4) - 0.055) * 255;
    for (const [index, value] of [20, 50, 100].entries()) {
      expect(Math.abs((shown[index] ?? 0) - srgb(value / 203))).toBeLessThanOrEqual(1);
    }
    expect(shown).toEqual(shown.toSorted((a, b) => a - b));
    expect(new Set(shown).size).toBe(nits.length);
    expect(shown.at(-1)).toBe(255);

    const red = withChunks(await bars(16, (light) => light.map(pq), [[10, 0.1, 0.1]]), cicp(1, 16));
    const [[r = 0, g = 0, b = 0] = []] = await barColours(await converting.preview(red, 'png:-1x-1'), 1);
    expect([r, g - b]).toEqual([255, 0]);
    expect(g).toBeLessThan(60);
  });
});

describe('AVIF', () => {
  /** Code points in place of the profile in its colour box; what is left of the box is not looked at. */
  function withCodePoints(avif: Buffer, primaries: number, transfer: number): Buffer {
    const changed = Buffer.from(avif);
    const at = changed.indexOf('colrrICC');
    if (at < 0) throw new Error('expected a colour box with a profile');
    changed.write('nclx', at + 4, 'latin1');
    const SAME_MATRIX = 6;
    for (const [index, value] of [primaries, transfer, SAME_MATRIX].entries())
      changed.writeUInt16BE(value, at + 8 + index * 2);
    changed[at + 14] = 0x80;
    return changed;
  }

  async function avifOf(coded: (colour: Rgb) => readonly number[], bitdepth: 8 | 10 | 12): Promise<Buffer> {
    // Of 8 bits, since the encoder's library would change deeper ones by the profile.
    return sharp(await bars(8, coded))
      .withIccProfile('srgb')
      .avif({ bitdepth, quality: 98, effort: 2, chromaSubsampling: '4:4:4' })
      .toBuffer();
  }

  test.each([8, 10, 12] as const)('of %i bits', async (bitdepth) => {
    const plain = await avifOf(asCoded, bitdepth);
    await expectBars(withCodePoints(plain, 12, 13), P3_SHOWN, 8);
    for (const [primaries, transfer] of [
      [1, 13],
      [1, 1],
      [2, 2],
    ] as const) {
      await expectBars(withCodePoints(plain, primaries, transfer), BARS, 5);
    }
  });

  test('grey of a narrow range is spread, colours of one are by the decoder', async () => {
    const steps = Buffer.from(
      Array.from({ length: 96 * 64 }, (_, at) => [16, 126, 235][Math.floor((at % 96) / 32)] ?? 0),
    );
    const png = await sharp(steps, { raw: { width: 96, height: 64, channels: 1 } })
      .png()
      .toBuffer();
    const grey = await heicOf(png, '-A');
    const at = grey.indexOf('nclx');
    const narrow = Buffer.from(grey);
    narrow[at + 10] = 0;
    await expectBars(
      grey,
      [16, 126, 235].map((value) => [value]),
      3,
    );
    await expectBars(
      narrow,
      [0, 128, 255].map((value) => [value]),
      3,
    );
  });

  test.each([10, 12] as const)('of %i bits and high dynamic range', async (bitdepth) => {
    const asPq = await avifOf((colour) => in2020(lightOf(colour)).map(pq), bitdepth);
    await expectBars(withCodePoints(asPq, 9, 16), BARS, 12);
    const asHlg = await avifOf((colour) => hlg(in2020(lightOf(colour))), bitdepth);
    await expectBars(withCodePoints(asHlg, 9, 18), BARS, 12);
  });
});

describe('JPEG XL of high dynamic range', () => {
  const asPq = (colour: Rgb): readonly number[] => in2020(lightOf(colour)).map(pq);
  const asHlg = (colour: Rgb): readonly number[] => hlg(in2020(lightOf(colour)));

  // Its decoder gives 8 bits: of all that PQ codes white is the 39th step, of what is looked at the 90th. Of the blue of a yellow
  // nothing is left.
  const COLOURS = BARS.filter(([, , blue]) => blue > 50);

  test.each([
    ['PQ without loss', asPq, 'PeQ', ['-d', '0'], 12],
    ['PQ', asPq, 'PeQ', ['-d', '0.1'], 8],
    ['PQ up to 1000 cd/m2', asPq, 'PeQ', ['-d', '0.1', '--intensity_target=1000'], 8],
    ['HLG without loss', asHlg, 'HLG', ['-d', '0'], 6],
    ['HLG', asHlg, 'HLG', ['-d', '0.1'], 8],
  ] as const)('%s', async (_name, coded, curve, args, within) => {
    const png = await bars(16, coded, COLOURS);
    const source = await jxlOf(png, ...args, '-x', `color_space=RGB_D65_202_Rel_${curve}`);
    await expectBars(source, COLOURS, within);
    const { metadata } = await converting.convert(source, ['jpg:8x8']);
    expect(metadata.Source).toMatchObject({ dynamicRange: curve === 'HLG' ? 'HLG' : 'PQ' });
  });
});
