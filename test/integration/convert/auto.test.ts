// What `auto` makes of a still picture by each of its two rules, on pictures of all kinds: `classic` byte for byte what one encoder at
// constant settings makes of the same pixels; `adaptive` never more bytes than that but for sharper small text.
import { readFile } from 'node:fs/promises';
import { deflateSync, inflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Converting } from '../../support/converting.js';
import { DEFAULT_TARGET_FORMATS } from '../../support/default-formats.js';
import { pngChunk } from '../../support/hostile/png.js';
import { cutOut, ENCODED, flat, image, opaqueAlpha, type Pixels, photo, screenshot } from '../../support/images.js';
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

const SOURCES: readonly (readonly [name: string, make: () => Promise<Buffer>])[] = [
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
      if (isOwnSize && name !== 'a GIF') expect(bytes.length).toBeLessThanOrEqual(source.length);
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
      // Of a GIF nothing is sent as it is, and it has few colours.
      const source = pixels.channels === 3 ? await ENCODED.gif(pixels) : await ENCODED.tiff(pixels);
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
