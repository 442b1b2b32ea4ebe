// BMP files and icons of every kind: each gives the picture that was drawn, and what is cut, foreign or too large is refused.
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Converting } from '../../support/converting.js';
import { closeUnharmed } from '../../support/hostile/refusing.js';
import { COLOURED, ENCODED, flat, photo } from '../../support/images.js';
import { type BmpOptions, bmpOf, icoOf, quarters } from '../../support/sources/bitmaps.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start({
    sourceTypes: ['jpeg', 'png', 'bmp', 'ico'],
    maxSourcePixels: 4_000_000,
    recycleAfterJobs: 100_000,
  });
});
afterAll(() => closeUnharmed(converting));

async function rgba(
  source: Buffer,
): Promise<{ readonly pixels: Buffer; readonly width: number; readonly height: number }> {
  const preview = await converting.preview(source, 'png:-1x-1');
  const { data, info } = await sharp(preview).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  return { pixels: data, width: info.width, height: info.height };
}

async function drawn(widthPx: number, heightPx: number): Promise<Buffer> {
  const { pixels } = quarters(widthPx, heightPx);
  const raw = { width: widthPx, height: heightPx, channels: 3 } as const;
  return sharp(pixels, { raw }).ensureAlpha().raw().toBuffer();
}

const KINDS: readonly (readonly [string, BmpOptions])[] = [
  ['24 bits', {}],
  ['24 bits from the top', { topDown: true }],
  ['24 bits with the header of OS/2 1', { header: 12 }],
  ['24 bits with the header of OS/2 2', { header: 64 }],
  ['8 bits', { bits: 8 }],
  ['8 bits with the header of OS/2 1', { bits: 8, header: 12 }],
  ['4 bits', { bits: 4 }],
  ['2 bits', { bits: 2 }],
  ['8 bits in runs', { bits: 8, rle: true }],
  ['4 bits in runs', { bits: 4, rle: true }],
  ['16 bits', { bits: 16 }],
  ['16 bits of 5, 6 and 5', { bits: 16, masks: [0xf800, 0x7e0, 0x1f, 0] }],
  ['32 bits, the fourth byte is nothing', { bits: 32 }],
  ['32 bits in another order', { bits: 32, masks: [0xff, 0xff00, 0xff0000, 0] }],
  ['32 bits of 10 each', { bits: 32, masks: [0x3ff00000, 0xffc00, 0x3ff, 0] }],
  ['24 bits with the latest header', { header: 124 }],
];

describe('BMP', () => {
  test.each(KINDS)('%s', async (_kind, options) => {
    // An odd width: rows are filled up.
    const { pixels, width, height } = await rgba(bmpOf(37, 22, options));
    expect([width, height]).toEqual([37, 22]);
    expect(pixels.equals(await drawn(37, 22))).toBe(true);
  });

  test('1 bit', async () => {
    const { pixels } = await rgba(bmpOf(37, 2, { bits: 1 }));
    expect([...pixels.subarray(0, 4), ...pixels.subarray(36 * 4, 37 * 4)]).toEqual([255, 0, 0, 255, 0, 255, 0, 255]);
  });

  test('alpha counts where the header names it', async () => {
    const source = bmpOf(20, 20, { bits: 32, header: 108, masks: [0xff0000, 0xff00, 0xff, 0xff000000] });
    const { info } = await converting.convert(source, ['auto:10x10']);
    expect([info.type, info.hasAlpha, info.channels]).toEqual(['bmp', true, 4]);
    const { pixels } = await rgba(source);
    expect([pixels[3], pixels[(19 * 20 + 19) * 4 + 3]]).toEqual([255, 0]);
  });

  test('a profile inside is applied', async () => {
    const { icc } = await sharp(await COLOURED.displayP3Jpeg(await photo(8, 8))).metadata();
    const [plain, p3] = [
      await rgba(bmpOf(8, 8, { header: 124 })),
      await rgba(bmpOf(8, 8, { header: 124, ...(icc && { icc }) })),
    ];
    expect(plain.pixels.subarray(0, 3)).toEqual(Buffer.from([255, 0, 0]));
    // The green of Display P3 is outside sRGB: red and blue are cut off, and yellow loses its blue.
    expect(p3.pixels.equals(plain.pixels)).toBe(false);
  });

  test.each(KINDS)('%s, cut at every 1/64, is damaged', async (_kind, options) => {
    const whole = bmpOf(37, 22, options);
    for (let part = 1; part < 64; part++) {
      const cut = whole.subarray(0, Math.floor((whole.length * part) / 64));
      // Behind the last row of runs stands a mark alone.
      if (options.rle && cut.length >= whole.length - 4) continue;
      await expect(converting.convert(cut, ['auto:10x10'])).rejects.toMatchObject({
        code: expect.stringMatching(/^source-(?:undecodable|type-refused)$/),
      });
    }
  });

  test.each([
    [
      'more pixels than the limit',
      bmpOf(4, 4, { claims: { widthPx: 40_000, heightPx: 40_000 } }),
      'source-limits-exceeded',
    ],
    [
      'runs that claim more',
      bmpOf(4, 4, { bits: 8, rle: true, claims: { widthPx: 2_147_483_647, heightPx: 1 } }),
      'source-limits-exceeded',
    ],
    [
      'runs that fill a picture of the limit with nothing',
      bmpOf(4, 4, { bits: 8, rle: true, claims: { widthPx: 2000, heightPx: 2000 } }),
      undefined,
    ],
    ['no width', bmpOf(4, 4, { claims: { widthPx: 0, heightPx: 4 } }), 'source-undecodable'],
    ['a negative width', bmpOf(4, 4, { claims: { widthPx: -4, heightPx: 4 } }), 'source-undecodable'],
  ])('%s', async (_what, source, code) => {
    const asked = converting.convert(source, ['auto:10x10']);
    await (code === undefined ? asked : expect(asked).rejects.toMatchObject({ code }));
  });

  test('a compression of faxes is named', async () => {
    const source = bmpOf(8, 8, { header: 64, bits: 1 });
    source.writeUInt32LE(3, 14 + 16);
    await expect(converting.convert(source, ['auto:10x10'])).rejects.toMatchObject({
      code: 'source-type-refused',
      message: expect.stringContaining('BMP compressed in a way (3)'),
    });
  });
});

describe('icons', () => {
  test.each([1, 4, 8, 24, 32] as const)('the largest bitmap, of %i bits, with its mask', async (bits) => {
    const { pixels, width } = await rgba(
      icoOf([
        { side: 16, bits: 8 },
        { side: 33, bits },
        { side: 24, bits: 24 },
      ]),
    );
    expect(width).toBe(33);
    const at = (x: number, y: number) => [...pixels.subarray((y * 33 + x) * 4, (y * 33 + x) * 4 + 4)];
    expect([at(0, 0), at(32, 0)]).toEqual([
      [255, 0, 0, 255],
      [0, 255, 0, 255],
    ]);
    expect(at(32, 32)[3]).toBe(0);
  });

  test('a PNG inside, when it is the largest', async () => {
    const png = await ENCODED.png(flat(64, 64, [10, 200, 30]));
    const { pixels, width } = await rgba(icoOf([{ side: 32, bits: 32 }, { png }]));
    expect([width, [...pixels.subarray(0, 4)]]).toEqual([64, [10, 200, 30, 255]]);
  });

  test('a cursor', async () => {
    const { info } = await converting.convert(icoOf([{ side: 32, bits: 24 }], true), ['auto:16x16']);
    expect([info.type, info.widthPx]).toEqual(['ico', 32]);
  });

  test('cut at every 1/64 it is damaged', async () => {
    const whole = icoOf([
      { side: 16, bits: 24 },
      { side: 33, bits: 24 },
    ]);
    for (let part = 1; part < 64; part++) {
      const cut = whole.subarray(0, Math.floor((whole.length * part) / 64));
      await expect(converting.convert(cut, ['auto:10x10'])).rejects.toMatchObject({ code: 'source-undecodable' });
    }
  });

  test('a thousand entries that are one picture cost one', async () => {
    const one = icoOf([{ side: 64, bits: 32 }]);
    const many = Buffer.concat([
      Buffer.from([0, 0, 1, 0, 0xff, 0xff]),
      ...Array.from({ length: 65_535 }, () => {
        const entry = Buffer.from(one.subarray(6, 22));
        entry.writeUInt32LE(6 + 16 * 65_535, 12);
        return entry;
      }),
      one.subarray(22),
    ]);
    const { previews } = await converting.convert(many, ['auto:10x10']);
    expect(previews).toHaveLength(1);
  });

  test('a PNG inside that claims more than the limit', async () => {
    const png = Buffer.from(await ENCODED.png(flat(8, 8, [1, 2, 3])));
    png.writeUInt32BE(60_000, 16);
    png.writeUInt32BE(60_000, 20);
    await expect(converting.convert(icoOf([{ png }]), ['auto:10x10'])).rejects.toMatchObject({
      code: expect.stringMatching(/^source-/),
    });
  });
});
