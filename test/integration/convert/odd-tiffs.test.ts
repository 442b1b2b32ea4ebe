// TIFF files whose directories are not by the letter, of samples that are rare, and of kinds that are refused by name.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { Converting } from '../../support/converting.js';
import { gammaCurve, greyProfile, rgbProfile, SRGB_CURVE } from '../../support/icc.js';
import { barColours } from '../../support/pixels.js';
import {
  ASCII,
  BYTE,
  LONG,
  RATIONAL,
  SHORT,
  type Tag,
  type TiffPicture,
  tiffPicture,
  UNDEFINED,
} from '../../support/tiff-picture.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start();
});
afterAll(() => converting.close());

const [WIDTH, HEIGHT] = [48, 16];
const RGB_BARS = [
  [200, 60, 60],
  [60, 200, 60],
  [60, 60, 200],
] as const;
const GREY_BARS = [[95], [147], [77]] as const;

/** Bars of these values of 0 to 255, made samples by `coded`. */
function sampleOf(
  bars: readonly (readonly number[])[],
  coded: (value: number, band: number) => number = (value) => value,
) {
  return (x: number, _y: number, band: number): number =>
    coded(bars[Math.floor((x * bars.length) / WIDTH)]?.[band] ?? 0, band);
}

const rgb = {
  widthPx: WIDTH,
  heightPx: HEIGHT,
  bits: 8,
  bands: 3,
  photometric: 2,
  sample: sampleOf(RGB_BARS),
} as const;
const grey = { ...rgb, bands: 1, photometric: 1, sample: sampleOf(GREY_BARS) } as const;
const ORDERS = [
  { bigEndian: false, bigTiff: false },
  { bigEndian: true, bigTiff: false },
  { bigEndian: false, bigTiff: true },
  { bigEndian: true, bigTiff: true },
] as const;

async function expectBars(source: Buffer, expected: readonly (readonly number[])[], within = 1): Promise<void> {
  for (const format of ['png:-1x-1', 'png:24x24']) {
    const bars = await barColours(await converting.preview(source, format), expected.length);
    for (const [index, colour] of bars.entries()) {
      const want = expected[index] ?? [];
      const wanted = want.length === 1 ? [want[0], want[0], want[0]] : want;
      expect(colour, `${format}: bar ${index}`).toHaveLength(wanted.length);
      for (const [channel, value] of wanted.entries()) {
        expect(
          Math.abs((colour[channel] ?? Number.NaN) - (value ?? 0)),
          `${format}: bar ${index} is ${colour}, not ${wanted}`,
        ).toBeLessThanOrEqual(within);
      }
    }
  }
}

async function refusal(source: Buffer): Promise<readonly [code: string, message: string]> {
  const error: unknown = await converting.convert(source, ['png:20x20']).catch((reason: unknown) => reason);
  if (error instanceof ProofsheetError) return [error.code, error.message];
  throw new Error('expected a refusal');
}

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('odd directories', () => {
  const cases: readonly (readonly [string, Partial<TiffPicture>])[] = [
    ['tags out of order', { unsorted: true }],
    ['a text without its end', { tags: [[305, ASCII, ascii('scanner')]] }],
    ['a text with a zero inside', { tags: [[270, ASCII, ascii('one\0two\0')]] }],
    ['a profile without bytes', { tags: [[34_675, UNDEFINED, []]] }],
    ['IPTC without bytes', { tags: [[33_723, UNDEFINED, []]] }],
    ['one page number', { tags: [[297, SHORT, [0]]] }],
    ['no lengths of strips', { tags: [[279, undefined]] }],
    ['lengths of strips of zero', { tags: [[279, LONG, [0]]] }],
    ['lengths of strips beyond the file', { tags: [[279, LONG, [35_711_440]]] }],
    ['one depth for three samples', { tags: [[258, SHORT, [8]]] }],
    [
      'a resolution of another type',
      {
        tags: [
          [282, SHORT, [72]],
          [283, ASCII, ascii('72\0')],
        ],
      },
    ],
    ['a resolution of 0 by 0', { tags: [[282, RATIONAL, Buffer.alloc(8)]] }],
    ['a date that is none', { tags: [[306, ASCII, ascii('yesterday')]] }],
    [
      'private tags',
      {
        tags: [
          [50_000, BYTE, [1, 2, 3]],
          [65_000, SHORT, [9]],
        ],
      },
    ],
    [
      'lengths of strips missing, compressed',
      { deflate: true, rowsPerStrip: 5, tags: [[279, undefined]], unsorted: true },
    ],
  ];
  for (const order of ORDERS) {
    const name = `${order.bigEndian ? 'big' : 'little'}-endian ${order.bigTiff ? 'BigTIFF' : 'TIFF'}`;
    test.each(cases)(`%s, ${name}`, async (_name, odd) => {
      await expectBars(tiffPicture({ ...rgb, ...order, ...odd }), RGB_BARS);
    });
  }

  test('a picture cut short is damaged, whatever its directory is like', async () => {
    // Strips stand before the directory: one that lies behind the end is what a cut leaves.
    const lost: Tag = [273, LONG, [1_000_000]];
    for (const odd of [{}, { unsorted: true }]) {
      expect((await refusal(tiffPicture({ ...rgb, ...odd, tags: [lost] })))[0]).toBe('source-undecodable');
    }
    const deflated = tiffPicture({ ...rgb, deflate: true, unsorted: true });
    deflated.fill(0x5a, 20, 40);
    expect((await refusal(deflated))[0]).toBe('source-undecodable');
  });
});

describe('integers', () => {
  for (const order of ORDERS) {
    const name = `${order.bigEndian ? 'big' : 'little'}-endian ${order.bigTiff ? 'BigTIFF' : 'TIFF'}`;
    test(`of 32 bits, ${name}`, async () => {
      const coded = (value: number): number => value * 16_843_009;
      await expectBars(tiffPicture({ ...rgb, ...order, bits: 32, sample: sampleOf(RGB_BARS, coded) }), RGB_BARS);
      await expectBars(tiffPicture({ ...grey, ...order, bits: 32, sample: sampleOf(GREY_BARS, coded) }), GREY_BARS);
    });
  }

  test('of 32 bits where white is zero', async () => {
    const coded = (value: number): number => (255 - value) * 16_843_009;
    const source = tiffPicture({ ...grey, bits: 32, photometric: 0, sample: sampleOf(GREY_BARS, coded) });
    await expectBars(source, GREY_BARS, 2);
  });

  test.each([8, 16, 32])('signed ones of %i bits are shown from the least to the greatest', async (bits) => {
    const sample = sampleOf([[-100], [0], [100]]);
    await expectBars(tiffPicture({ ...grey, bits, sampleFormat: 2, sample }), [[0], [128], [255]]);
  });
});

describe('floats', () => {
  for (const order of ORDERS) {
    const name = `${order.bigEndian ? 'big' : 'little'}-endian ${order.bigTiff ? 'BigTIFF' : 'TIFF'}`;
    test.each([16, 32])(`of %i bits, ${name}`, async (bits) => {
      const float = { ...order, bits, sampleFormat: 3 } as const;
      const coded = (value: number): number => value / 255;
      await expectBars(tiffPicture({ ...rgb, ...float, sample: sampleOf(RGB_BARS, coded) }), RGB_BARS);
      await expectBars(tiffPicture({ ...grey, ...float, sample: sampleOf(GREY_BARS, coded) }), GREY_BARS);
    });
  }

  const linear = (value: number): number => ((value / 255 + 0.055) / 1.055) ** 2.4;
  test('with a profile', async () => {
    const float = { bits: 32, sampleFormat: 3 } as const;
    const profiled = (curve: Buffer): Tag => [34_675, UNDEFINED, rgbProfile(curve)];
    const coded = sampleOf(RGB_BARS, (value) => value / 255);
    await expectBars(tiffPicture({ ...rgb, ...float, sample: coded, tags: [profiled(SRGB_CURVE)] }), RGB_BARS);
    const light = sampleOf(RGB_BARS, linear);
    await expectBars(tiffPicture({ ...rgb, ...float, sample: light, tags: [profiled(gammaCurve(1))] }), RGB_BARS, 2);
  });

  test('in grey with a profile', async () => {
    const tags: readonly Tag[] = [[34_675, UNDEFINED, greyProfile(gammaCurve(1))]];
    const source = tiffPicture({ ...grey, bits: 32, sampleFormat: 3, sample: sampleOf(GREY_BARS, linear), tags });
    await expectBars(source, GREY_BARS, 2);
  });

  test('compressed, in planes and with alpha', async () => {
    const float = { bits: 32, sampleFormat: 3 } as const;
    const coded = sampleOf(RGB_BARS, (value) => value / 255);
    await expectBars(
      tiffPicture({ ...rgb, ...float, sample: coded, deflate: true, planar: true, rowsPerStrip: 3 }),
      RGB_BARS,
    );
    const source = tiffPicture({
      ...rgb,
      ...float,
      bands: 4,
      extraSamples: [2],
      sample: (x, y, band) => (band === 3 ? 0.5 : coded(x, y, band)),
    });
    await expectBars(
      source,
      RGB_BARS.map((bar) => [...bar, 128]),
      2,
    );
  });

  test('of 0 to 255 are those of 8 bits', async () => {
    await expectBars(tiffPicture({ ...rgb, bits: 32, sampleFormat: 3 }), RGB_BARS);
  });

  test('over white are cut off, up to twice the light', async () => {
    const source = tiffPicture({ ...grey, bits: 32, sampleFormat: 3, sample: sampleOf([[0.5], [1], [1.5]]) });
    await expectBars(source, [[128], [255], [255]]);
  });

  test('of any other range are measurements: from the least to the greatest, and no data is black', async () => {
    const tags: readonly Tag[] = [[42_113, ASCII, ascii('-9999\0')]];
    const sample = sampleOf([[-9999], [100], [1100], [2100], [-3.4e38], [Number.NaN]]);
    await expectBars(
      tiffPicture({ ...grey, bits: 32, sampleFormat: 3, sample, tags }),
      [[0], [0], [128], [255], [0], [0]],
      3,
    );
  });
});

describe('Lab', () => {
  // By CIE 15 with the white of sRGB: what 16-bit Lab is taken for too.
  const LAB = [
    [50, 0, 0],
    [53.24, 80.09, 67.2],
    [87.73, -86.18, 83.18],
    [32.3, 79.19, -107.86],
  ] as const;
  const SHOWN = [
    [119, 119, 119],
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
  ] as const;
  const cielab8 = (value: number, band: number): number =>
    band === 0 ? Math.round(value * 2.55) : Math.round(value) & 255;
  const cielab16 = (value: number, band: number): number =>
    band === 0 ? Math.round(value * 655.35) : Math.round(value * 256) & 65_535;
  const icclab8 = (value: number, band: number): number => Math.round(band === 0 ? value * 2.55 : value + 128);
  const icclab16 = (value: number, band: number): number =>
    Math.round(band === 0 ? value * 652.8 : (value + 128) * 256);

  test.each([
    ['CIELab of 8 bits', 8, 8, cielab8, 8],
    ['CIELab of 16 bits', 8, 16, cielab16, 3],
    ['ICCLab of 8 bits', 9, 8, icclab8, 8],
    ['ICCLab of 16 bits', 9, 16, icclab16, 3],
  ] as const)('%s', async (_name, photometric, bits, coded, within) => {
    for (const order of ORDERS) {
      const lab = { ...rgb, ...order, photometric, bits } as const;
      await expectBars(tiffPicture({ ...lab, sample: sampleOf(LAB, coded) }), SHOWN, within);
      await expectBars(
        tiffPicture({ ...lab, deflate: true, planar: true, sample: sampleOf(LAB, coded) }),
        SHOWN,
        within,
      );
      const alpha = (level: number) => (x: number, y: number, band: number) =>
        band === 3 ? Math.round(level * (2 ** bits - 1)) : sampleOf(LAB, coded)(x, y, band);
      const withAlpha = { ...lab, bands: 4, extraSamples: [2] } as const;
      await expectBars(tiffPicture({ ...withAlpha, sample: alpha(1) }), SHOWN, within);
      await expectBars(
        tiffPicture({ ...withAlpha, sample: alpha(0.6) }),
        SHOWN.map((bar) => [...bar, 153]),
        within + 2,
      );
    }
  });
});

describe('YCbCr with chroma at every pixel', () => {
  /** Of BT.601 or BT.709, between these lightest and darkest codes. */
  function ycbcr([red, blue]: readonly [number, number], [black, white]: readonly [number, number]) {
    const coded = RGB_BARS.map(([r, g, b]) => {
      const y = red * r + (1 - red - blue) * g + blue * b;
      const chroma = (colour: number, weight: number): number =>
        128 + ((colour - y) / (2 * (1 - weight))) * (112 / 127);
      const full = (colour: number, weight: number): number => 128 + (colour - y) / (2 * (1 - weight));
      const by = black === 0 ? full : chroma;
      return [black + (y * (white - black)) / 255, by(b, blue), by(r, red)].map(Math.round);
    });
    return { ...rgb, photometric: 6, sample: sampleOf(coded) };
  }
  function rational(tag: number, values: readonly (readonly [number, number])[], bigEndian = false): Tag {
    const data = Buffer.alloc(values.length * 8);
    for (const [index, value] of values.flat().entries())
      bigEndian ? data.writeUInt32BE(value, index * 4) : data.writeUInt32LE(value, index * 4);
    return [tag, RATIONAL, data];
  }
  const tenthousandths = (values: readonly number[]) => values.map((value) => [value * 10_000, 10_000] as const);
  const whole: Tag = [530, SHORT, [1, 1]];
  const [BT601, BT709, FULL, NARROW] = [
    [0.299, 0.114],
    [0.2126, 0.0722],
    [0, 255],
    [16, 235],
  ] as const;

  test.each(ORDERS)('%o', async (order) => {
    const of709 = rational(529, tenthousandths([0.2126, 0.7152, 0.0722]), order.bigEndian);
    const narrow = rational(532, tenthousandths([16, 235, 128, 240, 128, 240]), order.bigEndian);
    await expectBars(tiffPicture({ ...ycbcr(BT601, FULL), ...order, tags: [whole] }), RGB_BARS, 3);
    await expectBars(
      tiffPicture({ ...ycbcr(BT709, FULL), ...order, deflate: true, tags: [whole, of709] }),
      RGB_BARS,
      3,
    );
    await expectBars(tiffPicture({ ...ycbcr(BT601, NARROW), ...order, tags: [whole, narrow] }), RGB_BARS, 3);
  });

  test('numbers that make no sense are passed over', async () => {
    const nonsense = [
      whole,
      rational(529, [
        [1, 0],
        [0, 0],
        [1, 1],
      ]),
      rational(532, Array(6).fill([1, 1])),
    ];
    await expectBars(tiffPicture({ ...ycbcr(BT601, FULL), tags: nonsense }), RGB_BARS, 3);
  });

  test('a profile is applied', async () => {
    const tags = [whole, [34_675, UNDEFINED, rgbProfile(SRGB_CURVE)]] as const;
    await expectBars(tiffPicture({ ...ycbcr(BT601, FULL), tags }), RGB_BARS, 4);
  });
});

describe('a sample more than the colours', () => {
  const extra = (value: number) => (x: number, y: number, band: number) =>
    band === 3 ? value : sampleOf(RGB_BARS)(x, y, band);

  test.each([
    ['of which nothing is said', { extraSamples: [0] }],
    ['that is not mentioned', {}],
  ])('%s is no alpha', async (_name, said) => {
    for (const value of [0, 128, 255]) {
      await expectBars(tiffPicture({ ...rgb, ...said, bands: 4, sample: extra(value) }), RGB_BARS);
      const deep = {
        ...rgb,
        ...said,
        bands: 4,
        bits: 16,
        sample: (x: number, y: number, band: number) => extra(value)(x, y, band) * 257,
      };
      await expectBars(tiffPicture(deep), RGB_BARS);
      await expectBars(tiffPicture({ ...deep, tags: [[34_675, UNDEFINED, rgbProfile(SRGB_CURVE)]] }), RGB_BARS, 2);
    }
  });

  test('that is said to be alpha is alpha', async () => {
    await expectBars(
      tiffPicture({ ...rgb, bands: 4, extraSamples: [2], sample: extra(128) }),
      RGB_BARS.map((bar) => [...bar, 128]),
    );
  });

  test('beside CMYK', async () => {
    const ink = sampleOf([
      [0, 0, 0, 0],
      [0, 0, 0, 255],
    ]);
    const cmyk = { ...rgb, photometric: 5, bands: 4, sample: ink } as const;
    const plain = await converting.preview(tiffPicture(cmyk), 'png:-1x-1');
    const masked = tiffPicture({
      ...cmyk,
      bands: 5,
      extraSamples: [0],
      sample: (x, y, band) => (band === 4 ? 0 : ink(x, y, band)),
    });
    expect((await converting.preview(masked, 'png:-1x-1')).equals(plain)).toBe(true);
  });

  test('beside grey', async () => {
    const sample = (x: number, y: number, band: number): number => (band === 1 ? 0 : sampleOf(GREY_BARS)(x, y, band));
    await expectBars(tiffPicture({ ...grey, bands: 2, extraSamples: [0], sample }), GREY_BARS);
  });
});

describe('several samples more than the colours', () => {
  const withExtras = (colours: typeof rgb | typeof grey, extras: readonly number[], most: number) => ({
    bands: colours.bands + extras.length,
    sample: (x: number, y: number, band: number): number =>
      Math.round(
        ((band < colours.bands ? colours.sample(x, y, band) : (extras[band - colours.bands] ?? 0)) * most) / 255,
      ),
  });

  for (const order of ORDERS) {
    const name = `${order.bigEndian ? 'big' : 'little'}-endian ${order.bigTiff ? 'BigTIFF' : 'TIFF'}`;
    test.each([8, 16])(`of %i bits: the first may be alpha, the others are passed over, ${name}`, async (bits) => {
      const most = 2 ** bits - 1;
      for (const [colours, bars] of [
        [rgb, RGB_BARS],
        [grey, GREY_BARS],
      ] as const) {
        const picture = { ...colours, ...order, bits, ...withExtras(colours, [128, 7], most) };
        await expectBars(tiffPicture({ ...picture, extraSamples: [0, 0] }), bars);
        const clear = bars.map((bar) => (bar.length === 1 ? [bar[0], bar[0], bar[0], 128] : [...bar, 128]));
        await expectBars(tiffPicture({ ...picture, extraSamples: [2, 0] }), clear as number[][], 2);
      }
    });
  }

  test('in planes, where white is zero, and with alpha that the colours were multiplied by', async () => {
    const opaque = withExtras(rgb, [9, 7], 255);
    await expectBars(tiffPicture({ ...rgb, ...opaque, extraSamples: [0, 0], planar: true }), RGB_BARS);
    const inverted = { ...withExtras(grey, [9, 7], 255), photometric: 0 };
    const sample = (x: number, y: number, band: number): number => 255 - inverted.sample(x, y, band);
    await expectBars(tiffPicture({ ...grey, ...inverted, sample, extraSamples: [0, 0] }), GREY_BARS);
    const multiplied = withExtras({ ...rgb, sample: (...at) => rgb.sample(...at) / 2 }, [127.5, 7], 255);
    await expectBars(
      tiffPicture({ ...rgb, ...multiplied, extraSamples: [1, 0] }),
      RGB_BARS.map((bar) => [...bar, 128]),
      3,
    );
  });

  test('more than the library takes are refused by name', async () => {
    const source = tiffPicture({ ...rgb, ...withExtras(rgb, [1, 2, 3], 255), extraSamples: [0, 0, 0] });
    expect(await refusal(source)).toEqual([
      'source-type-refused',
      expect.stringContaining('TIFF of 6 samples a pixel'),
    ]);
  });
});

/** LZW as the first libraries wrote it: the lowest bit first, and a clear code before codes grow. */
function oldLzw(bytes: Buffer): Buffer {
  const [CLEAR, END, BITS, LITERALS] = [256, 257, 9, 200];
  const codes: number[] = [];
  for (const [index, byte] of bytes.entries()) {
    if (index % LITERALS === 0) codes.push(CLEAR);
    codes.push(byte);
  }
  codes.push(END);
  const packed = Buffer.alloc(Math.ceil((codes.length * BITS) / 8));
  for (const [index, code] of codes.entries())
    for (let bit = 0; bit < BITS; bit++) {
      const at = index * BITS + bit;
      packed[at >> 3] = (packed[at >> 3] ?? 0) | (((code >> bit) & 1) << (at & 7));
    }
  return packed;
}

describe('LZW of old', () => {
  const made = (change: (coded: Buffer) => Buffer): Buffer => {
    const coded = change(oldLzw(tiffPicture(rgb).subarray(8, 8 + WIDTH * HEIGHT * 3)));
    const behind = tiffPicture(rgb).length;
    const directory: Tag[] = [
      [259, SHORT, [5]],
      [273, LONG, [behind]],
      [279, LONG, [coded.length]],
    ];
    // The directory's length depends on the number of its tags alone.
    return Buffer.concat([tiffPicture({ ...rgb, tags: directory }), coded]);
  };

  test('is shown', () =>
    expectBars(
      made((coded) => coded),
      RGB_BARS,
    ));

  test('is refused when it is cut, or damaged', async () => {
    expect((await refusal(made((coded) => coded.subarray(0, coded.length >> 1))))[0]).toBe('source-undecodable');
    const codes = (coded: Buffer): Buffer =>
      Buffer.concat([coded.subarray(0, 200), Buffer.alloc(coded.length - 200, 0xff)]);
    expect((await refusal(made(codes)))[0]).toBe('source-undecodable');
  });
});

describe('refused by name, intact as they are', () => {
  test.each<[string, string, Partial<TiffPicture>]>([
    ['12 bits', 'TIFF of 12-bit samples', { tags: [[258, SHORT, [12, 12, 12]]] }],
    ['24 bits', 'TIFF of 24-bit samples', { tags: [[258, SHORT, [24, 24, 24]]] }],
    ['64 bits', 'TIFF of 64-bit samples', { bits: 64 }],
    ['doubles', 'TIFF of 64-bit samples', { bits: 64, sampleFormat: 3 }],
    ['old-style JPEG', 'TIFF compressed with old-style JPEG', { tags: [[259, SHORT, [6]]] }],
    ['YCbCr in planes', 'TIFF of YCbCr in planes', { photometric: 6, planar: true }],
    ['LZMA', 'TIFF compressed with LZMA', { tags: [[259, SHORT, [34_925]]] }],
    ['Zstandard', 'TIFF compressed with ZSTD', { tags: [[259, SHORT, [50_000]]] }],
    ['LERC', 'TIFF compressed with LERC', { tags: [[259, SHORT, [34_887]]] }],
    ['JPEG 2000', 'TIFF compressed with JPEG 2000', { tags: [[259, SHORT, [33_005]]] }],
    ['a compression nobody knows', 'TIFF compressed in an unknown way (12345)', { tags: [[259, SHORT, [12_345]]] }],
    [
      'planes in tiles',
      'TIFF of planes in tiles',
      {
        planar: true,
        tags: [
          [322, SHORT, [16]],
          [323, SHORT, [16]],
          [324, LONG, [8, 8, 8]],
          [325, LONG, [256, 256, 256]],
        ],
      },
    ],
    ['DNG', 'camera raw (DNG)', { tags: [[50_706, BYTE, [1, 4, 0, 0]]] }],
    [
      'a thumbnail before raw data',
      'camera raw',
      {
        tags: [
          [254, LONG, [1]],
          [330, LONG, [8]],
        ],
      },
    ],
    ['a colour filter array', 'camera raw', { photometric: 32_803 }],
    ["a maker's compression", 'camera raw', { tags: [[259, SHORT, [34_713]]] }],
  ])('%s', async (_name, kind, odd) => {
    for (const order of ORDERS) {
      const [code, message] = await refusal(tiffPicture({ ...rgb, ...order, ...odd }));
      expect([code, message]).toEqual([
        'source-type-refused',
        expect.stringContaining(
          `got ${kind}${kind.startsWith('camera raw') ? ' (not enabled on this server)' : ', of a kind that'}`,
        ),
      ]);
    }
  });

  test.each<[string, string]>([
    ['camera raw (CR2)', '49492a001000000043520200'],
    ['camera raw (IIQ)', '49492a00080000004949494954776152'],
    ['camera raw (ORF)', '4949524f08000000'],
    ['camera raw (RW2)', '4949550018000000'],
  ])('%s', async (kind, head) => {
    const [code, message] = await refusal(Buffer.concat([Buffer.from(head, 'hex'), Buffer.alloc(200)]));
    expect([code, message]).toEqual(['source-type-refused', expect.stringContaining(`got ${kind}`)]);
  });

  test('RAF and CR3', async () => {
    expect((await refusal(Buffer.concat([ascii('FUJIFILMCCD-RAW 0201'), Buffer.alloc(99)])))[1]).toContain(
      'camera raw (RAF)',
    );
    expect(
      (await refusal(Buffer.concat([ascii('\0\0\0\x18ftypcrx \0\0\0\x01crx isom'), Buffer.alloc(99)])))[1],
    ).toContain('camera raw (CR3)');
  });

  test.each([0x43, 0x49, 0x4d, 0x52])('pixels that are all of the letter %i are none of them', async (value) => {
    await expectBars(tiffPicture({ ...grey, sample: () => value }), [[value]]);
  });

  test('a pyramid whose smaller pictures lie below the first directory is none of them', async () => {
    const plain = tiffPicture(rgb);
    await expectBars(tiffPicture({ ...rgb, tags: [[330, LONG, [plain.length]]] }), RGB_BARS);
  });
});
