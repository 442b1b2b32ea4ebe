// What `auto` makes of a still picture by each of its two rules, on pictures of all kinds: `classic` byte for byte what one encoder at
// constant settings makes of the same pixels; `adaptive` never more bytes than that but for sharper small text.
import { readFile } from 'node:fs/promises';
import { deflateSync, inflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Converting } from '../../support/converting.js';
import { DEFAULT_TARGET_FORMATS } from '../../support/default-formats.js';
import { pngChunk } from '../../support/hostile/png.js';
import {
  animation,
  cutOut,
  ENCODED,
  flat,
  image,
  opaqueAlpha,
  type Pixels,
  photo,
  randomNumbers,
  screenshot,
} from '../../support/images.js';
import { psnrDb } from '../../support/pixels.js';

let classic: Converting;
let adaptive: Converting;
beforeAll(async () => {
  classic = await Converting.start({ auto: 'classic' });
  adaptive = await Converting.start({ auto: 'adaptive' });
});
afterAll(async () => {
  await classic.close();
  await adaptive.close();
});

/** A chart: few colours, lines and bars. */
function chart(widthPx: number, heightPx: number): Pixels {
  const pixels = flat(widthPx, heightPx, [255, 255, 255]);
  for (let bar = 0; bar < 12; bar++) {
    const [left, height] = [20 + (bar * (widthPx - 40)) / 12, ((bar * 7) % 11) * 0.08 * heightPx + 10];
    for (let y = heightPx - 10 - Math.floor(height); y < heightPx - 10; y++)
      for (let x = Math.floor(left); x < left + widthPx / 18; x++)
        pixels.data.set([40 + bar * 15, 90, 200 - bar * 10], (y * widthPx + x) * 3);
  }
  for (let y = 0; y < heightPx; y += Math.ceil(heightPx / 10))
    for (let x = 0; x < widthPx; x++) pixels.data.set([60, 60, 60], (y * widthPx + x) * 3);
  return pixels;
}

/** Several tests ask for the same: made for the first of them. */
function once(make: () => Promise<Buffer>): () => Promise<Buffer> {
  let made: Promise<Buffer> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

const KINDS: readonly (readonly [name: string, make: () => Promise<Buffer>])[] = [
  ['a JPEG photo', async () => ENCODED.jpeg(await photo(2100, 1500, 1))],
  ['a PNG photo', async () => ENCODED.png(await photo(900, 700, 2))],
  ['a screenshot', () => ENCODED.png(screenshot(2200, 1400))],
  ['a chart', () => ENCODED.png(chart(1000, 700))],
  ['a chart as JPEG', () => ENCODED.jpeg(chart(1000, 700))],
  ['a photo with alpha', async () => ENCODED.png(cutOut(await photo(900, 700, 3)))],
  ['a drawing with alpha', () => ENCODED.png(cutOut(chart(900, 700)))],
  ['alpha that no pixel uses', () => ENCODED.png(opaqueAlpha(chart(600, 500)))],
  ['a GIF', () => ENCODED.gif(chart(700, 500))],
];
const SOURCES = KINDS.map(([name, make]) => [name, once(make)] as const);

/** By the first format of each preview: its type and bytes. */
async function made(converting: Converting, source: Buffer, formats: readonly string[]) {
  const { previews } = await converting.convert(source, formats);
  const read = previews.map(
    async ({ formats: [format = ''], type, path }) => [format, { type, bytes: await readFile(path) }] as const,
  );
  return new Map(await Promise.all(read));
}

describe('classic', () => {
  test.each(SOURCES)(
    '%s: PNG where alpha is used, else JPEG, as one encoder writes the pixels',
    async (_name, make) => {
      const source = await make();
      const lossless = await made(
        classic,
        source,
        DEFAULT_TARGET_FORMATS.map((format) => format.replace('auto:', 'png:')),
      );
      for (const [format, { type, bytes }] of await made(classic, source, DEFAULT_TARGET_FORMATS)) {
        const png = lossless.get(format.replace('auto:', 'png:'))?.bytes;
        const pixels = sharp(png);
        const isClear = (await pixels.metadata()).channels === 4;
        expect(type).toBe(isClear ? 'png' : 'jpg');
        const golden = isClear ? png : await pixels.jpeg({ quality: 75 }).toBuffer();
        expect(bytes.equals(golden ?? Buffer.alloc(0)), format).toBe(true);
      }
    },
  );
});

/** Full colour at small text, in exchange for the blur of its colours. */
const MOST_FOR_COLOUR = 1.3;

/** A typed page without colours, with the noise of a scanner or not; one dot of colour in its last corner or none. */
async function page(noise: number, dot: boolean): Promise<Buffer> {
  const { data, ...size } = screenshot(1200, 1700, 71);
  const random = randomNumbers(noise);
  for (let at = 0; at < data.length; at += 3)
    data.fill(Math.max(0, Math.min(255, Math.round((data[at] ?? 0) + (random() - 0.5) * noise))), at, at + 3);
  if (dot) data[data.length - 1] = (data[data.length - 1] ?? 0) ^ 64;
  return ENCODED.png({ ...size, data });
}

describe('what has no colours', () => {
  const channelsOf = async (bytes: Buffer): Promise<number> => (await sharp(bytes).metadata()).channels;

  test('is a JPEG of one channel, of fewer bytes and of the very pixels that it had in three', async () => {
    const source = await page(24, false);
    const before = await made(classic, source, ['auto:-1x-1', 'auto:800x800', 'auto:200x150']);
    for (const [format, { type, bytes }] of await made(adaptive, source, [...before.keys()])) {
      const three = before.get(format)?.bytes ?? Buffer.alloc(0);
      expect([type, await channelsOf(bytes), await channelsOf(three)]).toEqual(['jpg', 1, 3]);
      expect(bytes.length).toBeLessThan(three.length);
      const pixels = (of: Buffer): Promise<Buffer> => sharp(of).toColourspace('srgb').raw().toBuffer();
      if (format === 'auto:-1x-1') expect((await pixels(bytes)).equals(await pixels(three))).toBe(true);
      else expect(psnrDb(await pixels(bytes), await pixels(three))).toBeGreaterThan(40);
    }
  });

  test('but for one dot has three', async () => {
    const dotted = await made(adaptive, await page(24, true), ['auto:-1x-1', 'auto:800x800']);
    for (const { bytes } of dotted.values()) expect(await channelsOf(bytes)).toBe(3);
  });

  test('has three in types that are asked for by name, and its alpha where it is padded with nothing', async () => {
    const formats = ['auto:800x800', 'jpg:200x200', 'png:180x180', 'webp:200x150', 'png:300x300~containforcedimension'];
    const previews = await made(adaptive, await page(24, false), formats);
    const channels = formats.map(async (format) => channelsOf(previews.get(format)?.bytes ?? Buffer.alloc(0)));
    expect(await Promise.all(channels)).toEqual([1, 3, 3, 3, 4]);
    const padded = previews.get('png:300x300~containforcedimension')?.bytes;
    const [red, green, blue, alpha] = await sharp(padded)
      .extract({ left: 0, top: 0, width: 1, height: 1 })
      .raw()
      .toBuffer();
    expect([red, green, blue, alpha]).toEqual([0, 0, 0, 0]);
  });

  test('drawn with few greys is a PNG, the same in every pixel', async () => {
    const source = await page(0, false);
    const { type, bytes } = [...(await made(adaptive, source, ['auto:-1x-1'])).values()][0] ?? {
      type: '',
      bytes: source,
    };
    expect(type).toBe('png');
    const pixels = (of: Buffer): Promise<Buffer> => sharp(of).toColourspace('srgb').raw().toBuffer();
    expect((await pixels(bytes)).equals(await pixels(source))).toBe(true);
  });
});

describe('adaptive', () => {
  test.each(SOURCES)('%s: at most as many bytes, at least as near', async (name, make) => {
    const source = await make();
    const before = await made(classic, source, DEFAULT_TARGET_FORMATS);
    const { width = 0, height = 0 } = await sharp(source).metadata();
    for (const [format, { type, bytes }] of await made(adaptive, source, DEFAULT_TARGET_FORMATS)) {
      const then = before.get(format) ?? { type: '', bytes: Buffer.alloc(0) };
      const shown = await sharp(bytes).metadata();
      expect(shown.format).toBe(type === 'jpg' ? 'jpeg' : type);
      const most = type === 'jpg' && Math.max(shown.width, shown.height) <= 320 ? MOST_FOR_COLOUR : 1;
      expect(bytes.length, `${name} ${format}`).toBeLessThanOrEqual(then.bytes.length * most);
      const isOwnSize = shown.width === width && shown.height === height;
      if (isOwnSize) expect(bytes.length).toBeLessThanOrEqual(source.length);
      expect(bytes.includes('pHYs')).toBe(false);
    }
  });

  test('a chart becomes a PNG of few colours, a photo does not', async () => {
    const types = async (source: Buffer) =>
      [...(await made(adaptive, source, DEFAULT_TARGET_FORMATS)).values()].map(({ type }) => type);
    expect(await types(await ENCODED.png(chart(1000, 700)))).toContain('png');
    expect(new Set(await types(await ENCODED.png(await photo(900, 700, 2))))).toEqual(new Set(['jpg']));
  });

  test('what has a palette is as near to the pixels as is said: 40 dB, and 42 over white and over black', async () => {
    for (const [pixels, least] of [
      [chart(1000, 700), 40],
      [cutOut(chart(900, 700)), 42],
    ] as const) {
      // Of a TIFF nothing is sent as it is.
      const source = await ENCODED.tiff(pixels);
      const formats = ['auto:-1x-1', 'png:-1x-1'];
      const both = await made(adaptive, source, formats);
      const [auto, exact] = formats.map((format) => both.get(format)?.bytes ?? Buffer.alloc(0));
      if (auto === undefined || exact === undefined) throw new Error('expected two previews');
      expect((await sharp(auto).metadata()).isPalette).toBe(true);
      for (const background of ['#ffffff', '#000000']) {
        const over = (png: Buffer): Promise<Buffer> => sharp(png).flatten({ background }).raw().toBuffer();
        expect(psnrDb(await over(auto), await over(exact))).toBeGreaterThanOrEqual(least - 0.5);
      }
    }
  });

  test('a source of a type that no preview has becomes another, without loss where few colours allow that, though it may grow', async () => {
    const page = await image(screenshot(900, 1200)).greyscale().threshold(128).png().toBuffer();
    const fax = await sharp(page).toColourspace('b-w').tiff({ compression: 'ccittfax4', bitdepth: 1 }).toBuffer();
    const preview = await adaptive.preview(fax, 'auto:-1x-1');
    expect((await sharp(preview).metadata()).format).toBe('png');
    const [ours, theirs] = await Promise.all([preview, page].map((bytes) => sharp(bytes).greyscale().raw().toBuffer()));
    expect(ours?.equals(theirs ?? Buffer.alloc(0))).toBe(true);
    expect(preview.length).toBeLessThan(3 * fax.length);
  });

  test('a source at its own size is never sent larger than it is: its own picture, without what stands beside it', async () => {
    const weak = await image(await photo(700, 500, 4))
      .jpeg({ quality: 30 })
      .withExif({ IFD0: { Artist: 'somebody' } })
      .toBuffer();
    const packed = await image(chart(700, 500)).png({ palette: true, compressionLevel: 9, effort: 10 }).toBuffer();
    for (const source of [weak, packed]) {
      for (const format of ['auto:-1x-1', source === weak ? 'jpg:-1x-1' : 'png:-1x-1']) {
        const preview = await adaptive.preview(source, format);
        expect(preview.length).toBeLessThan(source.length);
        expect(preview.includes('somebody')).toBe(false);
        const [ours, theirs] = [await sharp(preview).raw().toBuffer(), await sharp(source).raw().toBuffer()];
        expect(ours.equals(theirs), format).toBe(true);
      }
    }
  });

  test.each([
    [700, 500],
    [5, 3],
    [1, 1],
    [3, 200],
  ])('an interlaced PNG of %ix%i is sent as it is coded where that is smallest', async (widthPx, heightPx) => {
    const options = { progressive: true, palette: true, colours: 16, compressionLevel: 9, effort: 10 };
    const picture = widthPx < 10 && heightPx < 10 ? flat(widthPx, heightPx, [9, 99, 199]) : chart(widthPx, heightPx);
    const source = await image(picture).png(options).toBuffer();
    expect((await sharp(source).metadata()).isProgressive).toBe(true);
    const preview = await adaptive.preview(source, 'png:-1x-1');
    expect(preview.length).toBeLessThanOrEqual(source.length);
    const [ours, theirs] = [await sharp(preview).raw().toBuffer(), await sharp(source).raw().toBuffer()];
    expect(ours.equals(theirs)).toBe(true);
    // Bytes that stand behind the pixels, packed with them, are not sent.
    const hidden = withHidden(source, Buffer.alloc(50_000, 'canary'));
    const again = await adaptive.preview(hidden, 'png:-1x-1');
    expect(again.length).toBeLessThan(hidden.length);
    expect(codedIn(again).includes('canary')).toBe(false);
  });

  const CANARY = 'canary';
  const exif = { IFD0: { Artist: CANARY } };
  const turned = { IFD0: { ...exif.IFD0, Orientation: '6' } };
  const weak = { quality: 30 };

  test.each<[string, (picture: Pixels) => Promise<Buffer>]>([
    ['a weak JPEG', (picture) => image(picture).jpeg(weak).withExif(exif).toBuffer()],
    ['a weak JPEG that is turned', (picture) => image(picture).jpeg(weak).withExif(turned).toBuffer()],
    ['a weak JPEG with the profile of sRGB', (picture) => image(picture).jpeg(weak).withIccProfile('srgb').toBuffer()],
    ['a weak JPEG with another profile', (picture) => image(picture).jpeg(weak).withIccProfile('p3').toBuffer()],
    ['a weak JPEG in grey', (picture) => image(picture).greyscale().jpeg(weak).toBuffer()],
    [
      'a packed PNG that is turned',
      (picture) => image(picture).png({ palette: true, effort: 10 }).withExif(turned).toBuffer(),
    ],
    [
      'a PNG with the profile of sRGB',
      (picture) => image(picture).png({ effort: 10 }).withIccProfile('srgb').toBuffer(),
    ],
    ['a PNG of 16 bits', (picture) => image(picture).toColourspace('rgb16').png().toBuffer()],
    ['a GIF', (picture) => image(picture).gif().toBuffer()],
    ['a GIF of few colours', (picture) => image(picture).gif({ colours: 8, dither: 0 }).toBuffer()],
    ['a weak WebP', (picture) => image(picture).webp(weak).withExif(exif).toBuffer()],
    ['a WebP without loss', (picture) => image(picture).webp({ lossless: true, effort: 6 }).withExif(exif).toBuffer()],
    ['a weak WebP that is turned', (picture) => image(picture).webp(weak).withExif(turned).toBuffer()],
    ['a weak WebP with another profile', (picture) => image(picture).webp(weak).withIccProfile('p3').toBuffer()],
    [
      'a weak AVIF',
      (picture) =>
        image(picture)
          .avif({ ...weak, effort: 0 })
          .withExif(exif)
          .toBuffer(),
    ],
  ])('%s is never larger at its own size, nor unlike', async (name, make) => {
    for (const picture of [await photo(500, 300, 6), chart(500, 300), cutOut(chart(300, 200))]) {
      const source = await make(picture);
      const { type, bytes } = (await made(adaptive, source, ['auto:-1x-1'])).get('auto:-1x-1') ?? {};
      if (bytes === undefined) throw new Error('expected a preview');
      expect(bytes.length, `${name}, ${picture.channels} channels`).toBeLessThanOrEqual(source.length);
      expect(bytes.includes(CANARY)).toBe(false);
      const exact = await adaptive.preview(source, 'png:-1x-1');
      const [shown, wanted] = [await sharp(bytes).metadata(), await sharp(exact).metadata()];
      expect([shown.width, shown.height, shown.icc]).toEqual([wanted.width, wanted.height, undefined]);
      const over = (file: Buffer): Promise<Buffer> =>
        sharp(file).flatten({ background: '#ffffff' }).toColourspace('srgb').raw().toBuffer();
      expect(psnrDb(await over(bytes), await over(exact)), `${name} as ${type}`).toBeGreaterThan(27);
    }
  });

  test.each(['gif', 'webp'] as const)(
    'an animated %s is sent as it moves, without what stands beside it',
    async (type) => {
      const moving = sharp(await animation(type, { delaysMs: [50, 120, 70], loop: 3 }), { animated: true });
      const source = await (type === 'gif'
        ? moving.gif({ effort: 10 })
        : moving.webp({ effort: 6 }).withExif(exif)
      ).toBuffer();
      const commented = type === 'gif' ? withComment(source, CANARY) : source;
      expect(commented.includes(CANARY)).toBe(true);
      const preview = await adaptive.preview(commented, 'auto:-1x-1');
      expect(preview.length).toBeLessThanOrEqual(commented.length);
      expect(preview.includes(CANARY)).toBe(false);
      const of = async (file: Buffer) => {
        const { pages, delay, loop } = await sharp(file, { animated: true }).metadata();
        return [pages, delay, loop];
      };
      expect(await of(preview)).toEqual([3, [50, 120, 70], 3]);
      const frames = (file: Buffer): Promise<Buffer> => sharp(file, { animated: true }).removeAlpha().raw().toBuffer();
      expect(psnrDb(await frames(preview), await frames(source))).toBeGreaterThan(40);
    },
  );

  test('a source that is packed loosely becomes a palette, not its own picture', async () => {
    // Grey, with so few changes that its own picture is smaller than a JPEG, and a palette smaller still.
    const pixels = chart(1400, 1000);
    for (let at = 0; at < pixels.data.length; at += 3) pixels.data.fill(pixels.data[at] ?? 0, at, at + 3);
    const loose = await image(pixels).png({ compressionLevel: 2, adaptiveFiltering: true }).toBuffer();
    const { type, bytes } = [...(await made(adaptive, loose, ['auto:-1x-1'])).values()][0] ?? {
      type: '',
      bytes: loose,
    };
    expect([type, bytes.length < loose.length * 0.8]).toEqual(['png', true]);
  });

  test('a GIF with something packed behind its pixels is not sent as it is', async () => {
    const plain = await image(chart(200, 100)).gif({ colours: 8, effort: 10, dither: 0 }).toBuffer();
    // One more block of pixels, before the block that ends them.
    const hidden = Buffer.from([CANARY.length, ...Buffer.from(CANARY)]);
    const source = Buffer.concat([plain.subarray(0, -2), hidden, plain.subarray(-2)]);
    expect((await adaptive.preview(source, 'auto:-1x-1')).includes(CANARY)).toBe(false);
  });

  test('classic, and a format that asks for another type, may be larger', async () => {
    const source = await image(await photo(500, 300, 6))
      .webp(weak)
      .toBuffer();
    expect((await classic.preview(source, 'auto:-1x-1')).length).toBeGreaterThan(source.length);
    expect((await adaptive.preview(source, 'jpg:-1x-1')).length).toBeGreaterThan(source.length);
    expect((await adaptive.preview(source, 'webp:-1x-1')).length).toBeLessThanOrEqual(source.length);
  });

  test.each([
    ['bytes behind the end', (png: Buffer) => Buffer.concat([png, Buffer.from('canary')])],
    ['a text', (png: Buffer) => withChunk(png, 'tEXt', Buffer.from('Comment\0canary'))],
  ])('%s of a PNG are not sent', async (_name, hide) => {
    const source = hide(await image(chart(300, 200)).png({ palette: true, compressionLevel: 9 }).toBuffer());
    expect((await adaptive.preview(source, 'auto:-1x-1')).includes('canary')).toBe(false);
  });

  test('WebP without loss where that is smaller', async () => {
    const drawn = await adaptive.preview(await ENCODED.png(chart(800, 600)), 'webp:-1x-1');
    expect(drawn.toString('latin1', 12, 16)).toBe('VP8L');
    const photographed = await adaptive.preview(await ENCODED.png(await photo(800, 600, 5)), 'webp:-1x-1');
    expect(photographed.toString('latin1', 12, 16)).toBe('VP8 ');
  });
});

/** Behind the screen and its colours. */
function withComment(gif: Buffer, text: string): Buffer {
  const flags = gif[10] ?? 0;
  const at = 13 + (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  const comment = Buffer.concat([Buffer.from([0x21, 0xfe, text.length]), Buffer.from(text), Buffer.from([0])]);
  return Buffer.concat([gif.subarray(0, at), comment, gif.subarray(at)]);
}

/** Behind the header; its checksum is no matter to readers that pass it over. */
function withChunk(png: Buffer, name: string, data: Buffer): Buffer {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(name, 4, 'latin1');
  data.copy(chunk, 8);
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]);
}

/** What the chunks of pixels hold, unpacked. */
function codedIn(png: Buffer): Buffer {
  const coded: Buffer[] = [];
  for (let at = 8; at + 12 <= png.length; at += 12 + png.readUInt32BE(at))
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
      coded.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  return inflateSync(Buffer.concat(coded));
}

/** The same picture, with `more` behind its last row. */
function withHidden(png: Buffer, more: Buffer): Buffer {
  const chunks: Buffer[] = [png.subarray(0, 8)];
  let done = false;
  for (let at = 8; at + 12 <= png.length; at += 12 + png.readUInt32BE(at)) {
    const name = png.toString('latin1', at + 4, at + 8);
    if (name !== 'IDAT') chunks.push(png.subarray(at, at + 12 + png.readUInt32BE(at)));
    else if (!done) chunks.push(pngChunk('IDAT', deflateSync(Buffer.concat([codedIn(png), more]), { level: 0 })));
    done ||= name === 'IDAT';
  }
  return Buffer.concat(chunks);
}
