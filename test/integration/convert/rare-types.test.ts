// PSD, JPEG XL and JPEG 2000: as other people's programs write them, compared with what went in; hostile ones are refused.
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Converting } from '../../support/converting.js';
import { closeUnharmed, expectCuts, refusalOf } from '../../support/hostile/refusing.js';
import { cutOut, image, photo, quadrants } from '../../support/images.js';
import { colourDistance, psnrDb, quarterColours } from '../../support/pixels.js';
import { withPalette } from '../../support/sources/jp2-boxes.js';
import { type PsdOptions, psdOf } from '../../support/sources/psds.js';
import { jp2Of, jxlOf } from '../../support/sources/tool-made.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start({
    sourceTypes: ['psd', 'jxl', 'jp2'],
    maxSourcePixels: 4_000_000,
    recycleAfterJobs: 100_000,
  });
});
afterAll(() => closeUnharmed(converting));

const refusal = (source: Buffer) => refusalOf(converting, source);

const raw = (bytes: Buffer) => sharp(bytes).removeAlpha().raw().toBuffer();

async function likeness(source: Buffer, original: Buffer): Promise<number> {
  return psnrDb(await raw(await converting.preview(source, 'png:-1x-1')), await raw(original));
}

describe('PSD', () => {
  test.each<[string, PsdOptions]>([
    ['RGB', {}],
    ['RGB in runs', { rle: true }],
    ['16 bits', { bits: 16 }],
    ['a large document', { big: true, rle: true }],
  ])('%s', async (_what, options) => {
    const picture = quadrants(37, 22);
    const original = await image(picture).png().toBuffer();
    expect(await likeness(psdOf(picture, options), original)).toBeGreaterThan(48);
  });

  test('grey', async () => {
    const { info, previews } = await converting.convert(psdOf(quadrants(16, 16), { mode: 'grey' }), ['auto:8x8']);
    expect([info.type, info.colorSpace, previews.length]).toEqual(['psd', 'b-w', 1]);
  });

  test('CMYK is no negative', async () => {
    const [colours, wanted] = [
      await quarterColours(await converting.preview(psdOf(quadrants(32, 32), { mode: 'cmyk' }), 'png:-1x-1')),
      await quarterColours(await image(quadrants(32, 32)).png().toBuffer()),
    ];
    // Inks are duller than screens; another colour is further away.
    for (const [index, colour] of colours.entries()) {
      const others = wanted.filter((_, other) => other !== index);
      const own = colourDistance(colour, wanted[index] ?? []);
      for (const other of others) expect(own).toBeLessThan(colourDistance(colour, other));
    }
  });

  test('transparency, where the file says that the extra channel is that', async () => {
    const cut = cutOut(await photo(40, 30));
    const shown = async (transparent: boolean) =>
      (await converting.convert(psdOf(cut, { transparent }), ['auto:20x20'])).info.hasAlpha;
    expect([await shown(true), await shown(false)]).toEqual([true, false]);
  });

  test.each<[string, PsdOptions]>([
    ['RGB', {}],
    ['RGB in runs of 16 bits', { bits: 16, rle: true }],
    ['grey', { mode: 'grey' }],
  ])(
    'what shows through is of its own colour, without the white that Photoshop blends it with: %s',
    async (_name, options) => {
      const widthPx = 64;
      // Clear, a quarter, three quarters and all of it.
      const alphas = [0, 64, 192, 255];
      const data = Buffer.from(
        Array.from({ length: widthPx * 8 }, (_, at) => [
          90,
          60,
          120,
          alphas[Math.floor((at % widthPx) / 16)] ?? 0,
        ]).flat(),
      );
      const source = psdOf({ data, widthPx, heightPx: 8, channels: 4 }, { ...options, transparent: true });
      const shown = await sharp(await converting.preview(source, 'png:-1x-1'))
        .toColourspace('srgb')
        .raw()
        .toBuffer();
      const pixel = (bar: number) => [...shown.subarray((bar * 16 + 8) * 4, (bar * 16 + 9) * 4)];
      expect(alphas.map((_, bar) => pixel(bar)[3])).toEqual(alphas);
      const wanted = options.mode === 'grey' ? [60, 60, 60] : [90, 60, 120];
      for (const [bar, within] of [
        [1, 4],
        [2, 2],
        [3, 1],
      ] as const)
        expect(colourDistance(pixel(bar).slice(0, 3), wanted)).toBeLessThanOrEqual(within);
    },
  );

  test.each<[string, PsdOptions, string]>([
    ['Lab', { modeNumber: 9 }, 'a PSD in Lab'],
    ['one without a composite', { noComposite: true }, 'without a composite'],
    ['32 bits', { claimedBits: 32 }, 'of 32 bits'],
  ])('%s is named', async (_what, options, says) => {
    expect(await refusal(psdOf(quadrants(8, 8), options))).toEqual({
      code: 'source-type-refused',
      message: expect.stringContaining(says),
    });
  });

  test.each([true, false])('cut at every 1/64 it is damaged; in runs: %s', async (rle) => {
    await expectCuts(converting, psdOf(await photo(40, 30), { rle }), ['source-undecodable', 'source-type-refused']);
  });

  test.each([
    ['as they are', ['--premultiply=0']],
    ['multiplied by it', ['--premultiply=1']],
    ['multiplied by it, in a container', ['--premultiply=1', '--container=1']],
  ])('colours beside alpha: %s', async (_how, args) => {
    const data = Buffer.from(
      Array.from({ length: 64 * 8 }, (_, at) => [
        200,
        60,
        90,
        [0, 64, 192, 255][Math.floor((at % 64) / 16)] ?? 0,
      ]).flat(),
    );
    const original = await image({ data, widthPx: 64, heightPx: 8, channels: 4 }).png().toBuffer();
    const shown = await sharp(await converting.preview(await jxlOf(original, '-d', '0', ...args), 'png:-1x-1'))
      .raw()
      .toBuffer();
    const pixel = (bar: number) => [...shown.subarray((bar * 16 + 8) * 4, (bar * 16 + 9) * 4)];
    expect([0, 1, 2, 3].map((bar) => pixel(bar)[3])).toEqual([0, 64, 192, 255]);
    for (const bar of [1, 2, 3]) expect(colourDistance(pixel(bar).slice(0, 3), [200, 60, 90])).toBeLessThan(8);
  });

  test('the black of CMYK, which the package leaves out, is refused by name', async () => {
    // Lowest bit first: 8 by 8 pixels; not all as usual, no extensions, 8 bits, one more channel, which is black.
    const bits = ['1', '00000', '100', '0', '0', '0', '00', '0', '10', '0', '01', '0100', '0', '00', '00', '00'].join(
      '',
    );
    const header = bits.padEnd(160, '0').match(/.{8}/g) ?? [];
    const bytes = header.map((byte) => Number.parseInt([...byte].reverse().join(''), 2));
    expect(await refusal(Buffer.from([0xff, 0x0a, ...bytes]))).toEqual({
      code: 'source-type-refused',
      message: expect.stringContaining('JPEG XL in CMYK'),
    });
  });

  test('one that claims 30000x30000', async () => {
    const source = psdOf(quadrants(8, 8));
    source.writeUInt32BE(30_000, 14);
    source.writeUInt32BE(30_000, 18);
    expect((await refusal(source)).code).toBe('source-limits-exceeded');
  });
});

describe('JPEG XL', () => {
  test.each([
    ['lossless', ['-d', '0']],
    ['lossy', ['-d', '0.5']],
    ['in a container', ['-d', '0', '--container=1']],
  ])('%s', async (_what, args) => {
    const original = await image(await photo(120, 90))
      .png()
      .toBuffer();
    const source = await jxlOf(original, ...args);
    const { info } = await converting.convert(source, ['auto:64x64']);
    expect(info).toMatchObject({ type: 'jxl', widthPx: 120, heightPx: 90 });
    expect(await likeness(source, original)).toBeGreaterThan(args[1] === '0' ? 48 : 30);
  });

  test.each([
    [200, 200],
    [400, 300],
    [37, 500],
    [1000, 8],
    [640, 360],
  ])('the size is read from the header: %ix%i', async (widthPx, heightPx) => {
    const original = await image(quadrants(widthPx, heightPx)).png().toBuffer();
    const { info } = await converting.convert(await jxlOf(original, '-d', '0'), ['auto:64x64']);
    expect([info.widthPx, info.heightPx]).toEqual([widthPx, heightPx]);
  });

  test('cut at every 1/64 it is damaged', { timeout: 120_000 }, async () => {
    await expectCuts(
      converting,
      await jxlOf(
        await image(await photo(60, 40))
          .png()
          .toBuffer(),
        '-d',
        '0',
      ),
      ['source-undecodable', 'source-type-refused'],
    );
  });

  test('one that claims more pixels than the limit', async () => {
    // Not small, a height of 30 bits, the width the same: 2^30 on a side.
    expect((await refusal(Buffer.from(`ff0a${'fe'.repeat(4)}7f00000000`, 'hex'))).code).toMatch(/^source-/);
  });
});

describe('JPEG 2000', () => {
  test.each([
    ['jp2', 3],
    ['j2k', 3],
    ['jp2', 1],
  ] as const)('%s of %i components', async (type, components) => {
    const picture = image(await photo(120, 90));
    const original = await (components === 1 ? picture.greyscale().toColourspace('b-w') : picture).png().toBuffer();
    const source = await jp2Of(original, type);
    const { info } = await converting.convert(source, ['auto:64x64']);
    expect(info).toMatchObject({ type: 'jp2', widthPx: 120, heightPx: 90, channels: components });
    expect(await likeness(source, await sharp(original).toColourspace('srgb').png().toBuffer())).toBeGreaterThan(48);
  });

  test('16 bits', async () => {
    const original = await image(await photo(60, 40))
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    const source = await jp2Of(original, 'jp2');
    expect((await converting.convert(source, ['auto:64x64'])).info.bitsPerSample).toBe(16);
    expect(await likeness(source, await sharp(original).toColourspace('srgb').png().toBuffer())).toBeGreaterThan(45);
  });

  describe('with a palette', () => {
    const COLOURS = [
      [250, 10, 20],
      [30, 240, 10],
      [20, 10, 230],
      [240, 250, 30],
    ];
    /** A quarter each of the numbers 0 to 3. */
    async function numbers(last = 3): Promise<Buffer> {
      const raw = Buffer.from(
        Array.from({ length: 64 * 48 }, (_, at) => {
          const quarter = (at % 64 >= 32 ? 1 : 0) + (at >= 64 * 24 ? 2 : 0);
          return quarter === 3 ? last : quarter;
        }),
      );
      const png = sharp(raw, { raw: { width: 64, height: 48, channels: 1 } }).toColourspace('b-w');
      return jp2Of(await png.png().toBuffer(), 'jp2');
    }
    const shown = async (source: Buffer) => quarterColours(await converting.preview(source, 'png:-1x-1'));

    test('it is shown in the colours of the palette', async () => {
      const source = withPalette(await numbers(), COLOURS);
      expect(await shown(source)).toEqual(COLOURS);
      const { info } = await converting.convert(source, ['auto:16x16']);
      expect(info).toMatchObject({ channels: 3, bitsPerSample: 8, colorSpace: 'srgb' });
    });

    test('columns in another order', async () => {
      const columns = COLOURS.map(([r = 0, g = 0, b = 0]) => [b, r, g]);
      expect(await shown(withPalette(await numbers(), columns, { order: [1, 2, 0] }))).toEqual(COLOURS);
    });

    test('of grey', async () => {
      const greys = [[10], [90], [170], [250]];
      const plain = withPalette(await numbers(), greys);
      plain.writeUInt32BE(17, plain.indexOf('colr', 0, 'latin1') + 7);
      expect(await shown(plain)).toEqual(greys.map(([grey]) => [grey, grey, grey]));
    });

    test('a number past it stands for its last colour', async () => {
      expect(await shown(withPalette(await numbers(200), COLOURS))).toEqual(COLOURS);
    });

    test.each<[string, (jp2: Buffer) => Buffer, string]>([
      ['of two columns', (jp2) => withPalette(jp2, [[1, 2]]), 'a palette of 2 columns'],
      ['of more than bytes', (jp2) => withPalette(jp2, COLOURS, { bits: 16 }), 'not of bytes'],
      ['whose channels are no columns', (jp2) => withPalette(jp2, COLOURS, { order: [0, 1, 9] }), 'not of bytes'],
    ])('%s it is refused by name', async (_what, changed, says) => {
      expect(await refusal(changed(await numbers()))).toEqual({
        code: 'source-type-refused',
        message: expect.stringContaining(says),
      });
    });

    test('of fewer colours than it says, or of none, it is damaged', async () => {
      const short = withPalette(await numbers(), COLOURS);
      short.writeUInt16BE(60_000, short.indexOf('pclr', 0, 'latin1') + 4);
      expect((await refusal(short)).code).toBe('source-undecodable');
      const none = withPalette(await numbers(), COLOURS);
      none.writeUInt16BE(0, none.indexOf('pclr', 0, 'latin1') + 4);
      expect((await refusal(none)).code).toBe('source-undecodable');
    });
  });

  test('four components are refused by name: the decoder knows one and three', async () => {
    const cut = await image(cutOut(await photo(80, 60)))
      .png()
      .toBuffer();
    expect(await refusal(await jp2Of(cut, 'jp2'))).toEqual({
      code: 'source-type-refused',
      message: expect.stringContaining('JPEG 2000 of 4 components'),
    });
  });

  test('cut at every 1/64 it is damaged, and never a picture of nothing', { timeout: 120_000 }, async () => {
    const whole = await jp2Of(
      await image(await photo(60, 40))
        .png()
        .toBuffer(),
      'jp2',
    );
    await expectCuts(converting, whole, ['source-undecodable', 'source-type-refused', 'source-limits-exceeded']);
  });

  test('one that claims more pixels than the limit', async () => {
    const source = Buffer.from(
      await jp2Of(
        await image(await photo(60, 40))
          .png()
          .toBuffer(),
        'j2k',
      ),
    );
    source.writeUInt32BE(60_000, 8);
    source.writeUInt32BE(60_000, 12);
    expect((await refusal(source)).code).toBe('source-limits-exceeded');
  });
});
