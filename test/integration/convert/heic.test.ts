// HEIC: what phones write, in the colours it was taken in, and never more memory than was asked for.
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Converting } from '../../support/converting.js';
import { closeUnharmed } from '../../support/hostile/refusing.js';
import { cutOut, image, photo, quadrants } from '../../support/images.js';
import { colourDistance, meanColour, psnrDb, quarterColours } from '../../support/pixels.js';
import { coded, cropped, mirrored, turned } from '../../support/sources/heic-boxes.js';
import { heicOf } from '../../support/sources/tool-made.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start({ sourceTypes: ['heic'], recycleAfterJobs: 100_000 });
});
afterAll(() => closeUnharmed(converting));

const png = (widthPx: number, heightPx: number) => image(quadrants(widthPx, heightPx)).png().toBuffer();

async function expectQuarters(source: Buffer, original: Buffer, within: number): Promise<void> {
  const [got, wanted] = [
    await quarterColours(await converting.preview(source, 'png:-1x-1')),
    await quarterColours(original),
  ];
  for (const [index, colour] of got.entries()) {
    expect(colourDistance(colour, wanted[index] ?? [])).toBeLessThan(within);
  }
}

test('8 bits, odd sides', async () => {
  const original = await png(127, 91);
  const source = await heicOf(original);
  const { info } = await converting.convert(source, ['auto:50x50']);
  expect(info).toMatchObject({
    type: 'heic',
    widthPx: 127,
    heightPx: 91,
    orientation: 1,
    hasAlpha: false,
    bitsPerSample: 8,
  });
  await expectQuarters(source, original, 12);
});

test('of the second edition by its brand', async () => {
  const original = await png(96, 64);
  const source = await heicOf(original);
  source.write('mif2', 8, 'latin1');
  const { info } = await converting.convert(source, ['auto:50x50']);
  expect([info.type, info.widthPx, info.heightPx]).toEqual(['heic', 96, 64]);
  await expectQuarters(source, original, 12);
});

test.each([
  ['avc1', 'HEIF with H.264 inside'],
  ['unci', 'HEIF with uncompressed samples inside'],
])('a picture coded as %s is refused by name', async (coding, name) => {
  const source = await heicOf(await png(96, 64));
  source.write(coding, source.indexOf('hvc1', source.indexOf('infe')), 'latin1');
  await expect(converting.convert(source, ['auto:50x50'])).rejects.toMatchObject({
    code: 'source-type-refused',
    message: expect.stringContaining(name),
  });
});

test('turns and mirrors of the file are done once', async () => {
  const whole = await heicOf(await png(96, 64));
  const once = async (source: Buffer) => {
    const { info } = await converting.convert(source, ['auto:50x50']);
    const colours = await quarterColours(await converting.preview(source, 'png:-1x-1'));
    return { size: [info.widthPx, info.heightPx], colours, orientation: info.orientation };
  };
  const [plain, quarter, flopped] = [await once(whole), await once(turned(whole, 1)), await once(mirrored(whole, 1))];
  expect([quarter.size, quarter.orientation, flopped.size]).toEqual([[64, 96], 1, [96, 64]]);
  // Against the clock: what was on the right is at the top.
  for (const [got, was] of [
    [quarter.colours[0], plain.colours[1]],
    [quarter.colours[3], plain.colours[2]],
    [flopped.colours[0], plain.colours[1]],
  ]) {
    expect(colourDistance(got ?? [], was ?? [])).toBeLessThan(8);
  }
});

test('a crop of the file is done before it is turned and mirrored', async () => {
  const whole = await heicOf(await png(400, 320));
  const wanted = await quarterColours(await png(400, 320));
  // Much smaller than what is coded: the right lower quarter, then the left upper one, less sixteen pixels each.
  for (const [source, size, quarter] of [
    [cropped(whole, 168, 128, 100, 80), [168, 128], 3],
    [cropped(whole, 168, 128, -100, -80), [168, 128], 0],
    [turned(cropped(whole, 168, 128, 100, -80), 1), [128, 168], 1],
    [mirrored(turned(cropped(whole, 168, 128, -100, 80), 3), 0), [128, 168], 2],
  ] as const) {
    const { info } = await converting.convert(source, ['auto:50x50']);
    expect([info.widthPx, info.heightPx]).toEqual(size);
    const shown = await meanColour(await converting.preview(source, 'png:-1x-1'));
    expect(colourDistance(shown, wanted[quarter] ?? [])).toBeLessThan(8);
  }
});

test('a crop that leads out of the picture is none', async () => {
  await expect(
    converting.convert(cropped(await heicOf(await png(96, 64)), 90, 60, 40, 0), ['auto:50x50']),
  ).rejects.toMatchObject({ code: expect.stringMatching(/^source-/) });
});

test('a photograph has 35 dB to itself', async () => {
  const picture = await photo(320, 240);
  const original = await image(picture).png().toBuffer();
  const preview = await converting.preview(await heicOf(original), 'png:-1x-1');
  const raw = (bytes: Buffer) => sharp(bytes).removeAlpha().raw().toBuffer();
  expect(psnrDb(await raw(preview), await raw(original))).toBeGreaterThan(35);
});

test('10 bits', async () => {
  const original = await image(quadrants(128, 96)).toColourspace('rgb16').png().toBuffer();
  const source = await heicOf(original, '-b', '10');
  const { info } = await converting.convert(source, ['auto:50x50']);
  expect([info.bitsPerSample, info.colorSpace]).toEqual([16, 'rgb16']);
  await expectQuarters(source, await png(128, 96), 12);
});

test('alpha', async () => {
  const original = await image(cutOut(await photo(96, 64)))
    .png()
    .toBuffer();
  const { info, previews } = await converting.convert(await heicOf(original), ['auto:48x48']);
  expect([info.hasAlpha, previews[0]?.type]).toEqual([true, 'png']);
});

test.each(['10', '12'])('alpha of %s bits', async (bits) => {
  // Clear on the left, half clear in the middle.
  const pixels = new Uint16Array(96 * 64 * 4);
  for (let at = 0; at < 96 * 64; at++)
    pixels.set([50_000, 15_000, 15_000, [0, 32_768, 65_535][Math.floor((at % 96) / 32)] as number], at * 4);
  const raw = { width: 96, height: 64, channels: 4 } as const;
  const source = await heicOf(await sharp(pixels, { raw }).toColourspace('rgb16').png().toBuffer(), '-b', bits);
  const { data } = await sharp(await converting.preview(source, 'png:-1x-1'))
    .raw()
    .toBuffer({ resolveWithObject: true });
  const pixel = (x: number) => [...data.subarray((32 * 96 + x) * 4, (32 * 96 + x) * 4 + 4)];
  expect([pixel(10)[3], (pixel(48)[3] ?? 0) >> 2, pixel(85)[3]]).toEqual([0, 32, 255]);
  expect(colourDistance(pixel(85).slice(0, 3), [195, 58, 58])).toBeLessThan(8);
});

test.each(['auto:64x64', 'png:-1x-1'])('a profile is applied: %s', async (format) => {
  const plain = await png(128, 96);
  const p3 = await sharp(plain).withIccProfile('p3').png().toBuffer();
  const preview = await converting.preview(await heicOf(p3), format);
  // The numbers of Display P3 mean other ones in sRGB; those of the picture are the same.
  expect(colourDistance(await meanColour(preview), await meanColour(plain))).toBeLessThan(6);
  expect((await sharp(preview).metadata()).icc).toBeUndefined();
});

test('code points are applied where there is no profile: red of BT.2020 in PQ is no sRGB red', async () => {
  const grey = await sharp({ create: { width: 64, height: 64, channels: 3, background: { r: 128, g: 128, b: 128 } } })
    .png()
    .toBuffer();
  const plain = await heicOf(grey);
  const pq = coded(plain, 9, 16);
  const [ours, other] = [
    await meanColour(await converting.preview(plain, 'png:8x8')),
    await meanColour(await converting.preview(pq, 'png:8x8')),
  ];
  expect(colourDistance(ours, [128, 128, 128])).toBeLessThan(4);
  // PQ's half is 92 cd/m2, which is 0.45 of white: 175 in sRGB.
  expect(colourDistance(other, [175, 175, 175])).toBeLessThan(8);
  expect((await converting.convert(pq, ['png:8x8'])).metadata.Source).toMatchObject({ dynamicRange: 'PQ' });
});

test.each([
  ['8 bits', []],
  ['10 bits', ['-b', '10']],
  ['every pixel in its colour', ['-p', 'chroma=444']],
  ['lists of scaling', ['-p', 'x265:scaling-list=default']],
  ['an aspect and a crop', ['-p', 'x265:sar=2', '-p', 'x265:overscan=show']],
  ['tools of videos', ['-p', 'x265:temporal-layers=2', '-p', 'x265:ref=4']],
] as const)('without a word in its boxes the coded picture tells its colours: %s', async (_name, args) => {
  const red = await sharp({ create: { width: 64, height: 64, channels: 3, background: { r: 200, g: 60, b: 60 } } })
    .toColourspace(_name === '10 bits' ? 'rgb16' : 'srgb')
    .png()
    .toBuffer();
  const told = (primaries: string, transfer: string) =>
    heicOf(red, ...args, '-p', `x265:colorprim=${primaries}`, '-p', `x265:transfer=${transfer}`);
  const p3 = await told('smpte432', 'iec61966-2-1');
  expect(p3.includes('colr')).toBe(false);
  const shown = async (source: Buffer) => meanColour(await converting.preview(source, 'png:8x8'));
  expect(colourDistance(await shown(p3), [217, 42, 52])).toBeLessThan(8);
  expect(colourDistance(await shown(await told('bt709', 'bt709')), [200, 60, 60])).toBeLessThan(8);
  expect(colourDistance(await shown(coded(p3, 1, 13)), [200, 60, 60])).toBeLessThan(8);
  const pq = await told('bt2020', 'smpte2084');
  expect((await converting.convert(pq, ['png:8x8'])).metadata.Source).toMatchObject({ dynamicRange: 'PQ' });
});

test.each(['8', '10'])('grey of a narrow range is spread: %s bits', async (bits) => {
  const steps = Buffer.from(
    Array.from({ length: 96 * 64 }, (_, at) => [16, 126, 235][Math.floor((at % 96) / 32)] ?? 0),
  );
  const grey = await sharp(steps, { raw: { width: 96, height: 64, channels: 1 } })
    .toColourspace(bits === '8' ? 'b-w' : 'grey16')
    .png()
    .toBuffer();
  const shown = async (range: string) => {
    const source = await heicOf(grey, '-b', bits, '-p', `x265:range=${range}`);
    const { data, info } = await sharp(await converting.preview(source, 'png:-1x-1'))
      .raw()
      .toBuffer({ resolveWithObject: true });
    return [16, 48, 80].map((x) => data[(32 * 96 + x) * info.channels] ?? Number.NaN);
  };
  expect(colourDistance(await shown('full'), [16, 126, 235])).toBeLessThan(4);
  expect(colourDistance(await shown('limited'), [0, 128, 255])).toBeLessThan(4);
});

test('cut at every 1/64 it is damaged', { timeout: 120_000 }, async () => {
  const whole = await heicOf(await png(64, 48));
  for (let part = 1; part < 64; part++) {
    const cut = whole.subarray(0, Math.floor((whole.length * part) / 64));
    await expect(converting.convert(cut, ['auto:10x10'])).rejects.toMatchObject({
      code: expect.stringMatching(/^source-(?:undecodable|type-refused)$/),
    });
  }
});

test('one that claims 200 megapixels is refused by its estimate, before anything is decoded', async () => {
  const source = Buffer.from(await heicOf(await png(64, 48)));
  for (let at = source.indexOf('ispe'); at >= 0; at = source.indexOf('ispe', at + 4)) {
    source.writeUInt32BE(16_320, at + 8);
    source.writeUInt32BE(12_240, at + 12);
  }
  const small = await Converting.start({ sourceTypes: ['heic'], maxSourcePixels: 268_435_456 });
  await expect(small.convert(source, ['auto:10x10'])).rejects.toMatchObject({
    code: 'source-limits-exceeded',
    message: expect.stringContaining('MiB of memory'),
  });
  expect(small.metrics.total('decodes_total')).toBe(0);
  await small.close();
});
