// The same files as Chromium and ImageMagick draw them, pixel by pixel: those that Debian's packages ship, and such as are made here.
// What is known to differ is said beside its tolerance.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SOURCE_TYPES } from '../../../src/kernel/source.js';
import { Converting } from '../../support/converting.js';
import { COLOURED, cutOut, ENCODED, image, photo } from '../../support/images.js';
import { psnrDb } from '../../support/pixels.js';
import { run } from '../../support/processes.js';
import { bmpOf } from '../../support/sources/bitmaps.js';
import { psdOf } from '../../support/sources/psds.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { tiffPicture } from '../../support/tiff-picture.js';
import { type Program, requireTool } from '../../support/tools.js';

const QUIET = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];

let converting: Converting;
let browser: Browser;
let page: Page;
let convert: Program;
let dir: TempDir;
beforeAll(async () => {
  convert = await requireTool('convert');
  const executablePath = await requireTool('chromium');
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', ...QUIET] });
  page = await browser.newPage();
  dir = await tempDir();
  converting = await Converting.start({ sourceTypes: [...SOURCE_TYPES], recycleAfterJobs: 100_000 });
}, 300_000);
afterAll(async () => {
  await converting?.close();
  await browser?.close();
  await dir?.remove();
});

/** RGB over white, row by row. */
interface Shown {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly pixels: Buffer;
}

async function ours(source: Buffer): Promise<Shown> {
  const { data, info } = await sharp(await converting.preview(source, 'png:-1x-1'))
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { widthPx: info.width, heightPx: info.height, pixels: data };
}

async function byChromium(source: Buffer, mediaType: string): Promise<Shown> {
  const { width, height, base64 } = await page.evaluate(
    async ([data, type]) => {
      const picture = new Image();
      picture.src = `data:${type};base64,${data}`;
      await picture.decode();
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
      const context = canvas.getContext('2d');
      if (context === null) throw new Error('expected a canvas');
      context.fillStyle = '#ffffff';
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(picture, 0, 0);
      const { data: rgba } = context.getImageData(0, 0, canvas.width, canvas.height);
      let binary = '';
      for (let at = 0; at < rgba.length; at += 4)
        binary += String.fromCharCode(rgba[at] ?? 0, rgba[at + 1] ?? 0, rgba[at + 2] ?? 0);
      return { width: canvas.width, height: canvas.height, base64: btoa(binary) };
    },
    [source.toString('base64'), mediaType] as const,
  );
  return { widthPx: width, heightPx: height, pixels: Buffer.from(base64, 'base64') };
}

async function byImageMagick(source: Buffer, name: string): Promise<Shown> {
  const [from, to] = [join(dir.path, name), join(dir.path, `${name}.png`)];
  await writeFile(from, source);
  const flat = ['-auto-orient', '-background', 'white', '-alpha', 'remove', '-colorspace', 'sRGB', '-depth', '8'];
  await run(convert, [`${from}[0]`, ...flat, `png24:${to}`]);
  const { data, info } = await sharp(await readFile(to))
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { widthPx: info.width, heightPx: info.height, pixels: data };
}

function expectAlike(a: Shown, b: Shown, leastDb: number, name: string): void {
  expect([a.widthPx, a.heightPx], name).toEqual([b.widthPx, b.heightPx]);
  expect(psnrDb(a.pixels, b.pixels), name).toBeGreaterThanOrEqual(leastDb);
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.gif': 'image/gif',
  '.svg': 'image/svg+xml',
  '.webp': 'image/webp',
};
const mediaTypeOf = (path: string): string | undefined => MEDIA_TYPES[path.slice(path.lastIndexOf('.')).toLowerCase()];

describe('files of Debian', () => {
  const [MOST_FILES, MOST_BYTES] = [30, 200_000];

  /** Some of those below the directories of icons and pictures, evenly. */
  async function shipped(ending: '.svg' | 'other'): Promise<string[]> {
    const found: string[] = [];
    for (const root of ['/usr/share/icons', '/usr/share/pixmaps'])
      for (const path of await readdir(root, { recursive: true }).catch(() => []))
        if (mediaTypeOf(path) !== undefined && path.endsWith('.svg') === (ending === '.svg'))
          found.push(join(root, path));
    const step = Math.max(1, Math.ceil(found.length / MOST_FILES));
    return found.sort().filter((_, index) => index % step === 0);
  }

  test.each([
    // Colours are as exact as decoders are.
    ['other', 45],
    // Edges are drawn by another renderer; icons are little else.
    ['.svg', 22],
  ] as const)('%s, as Chromium draws them', { timeout: 240_000 }, async (ending, leastDb) => {
    const files = await shipped(ending);
    // Chromium and ImageMagick themselves bring icons.
    expect(files.length).toBeGreaterThan(0);
    for (const path of files) {
      const source = await readFile(path);
      if (source.length > MOST_BYTES || source.length === 0) continue;
      expectAlike(await ours(source), await byChromium(source, mediaTypeOf(path) ?? ''), leastDb, path);
    }
  });
});

describe('files made here', () => {
  const turned = { IFD0: { Orientation: '6' } };
  test.each<[string, string, number, (pixels: Awaited<ReturnType<typeof photo>>) => Promise<Buffer>]>([
    ['a JPEG', 'image/jpeg', 40, ENCODED.jpeg],
    ['a progressive JPEG', 'image/jpeg', 40, (pixels) => image(pixels).jpeg({ progressive: true }).toBuffer()],
    ['a grey JPEG', 'image/jpeg', 40, COLOURED.greyJpeg],
    ['a turned JPEG', 'image/jpeg', 40, (pixels) => image(pixels).jpeg().withExif(turned).toBuffer()],
    [
      'a JPEG of Display P3',
      'image/jpeg',
      35,
      (pixels) => image(pixels).jpeg({ quality: 95 }).withIccProfile('p3').toBuffer(),
    ],
    ['a PNG', 'image/png', 99, ENCODED.png],
    ['a PNG with alpha', 'image/png', 45, (pixels) => ENCODED.png(cutOut(pixels))],
    ['a PNG of 16 bits', 'image/png', 45, COLOURED.sixteenBitPng],
    ['a PNG with a palette', 'image/png', 99, (pixels) => image(pixels).png({ palette: true, colours: 32 }).toBuffer()],
    ['a GIF', 'image/gif', 99, ENCODED.gif],
    ['a WebP', 'image/webp', 40, ENCODED.webp],
    ['a WebP with alpha', 'image/webp', 38, (pixels) => ENCODED.webp(cutOut(pixels))],
    ['an AVIF', 'image/avif', 38, ENCODED.avif],
    ['a BMP', 'image/bmp', 99, async () => bmpOf(96, 64)],
    ['a BMP of 16 bits from the top', 'image/bmp', 40, async () => bmpOf(96, 64, { bits: 16, topDown: true })],
    ['a BMP of 8 bits, packed', 'image/bmp', 99, async () => bmpOf(96, 64, { bits: 8, rle: true })],
  ])('%s, as Chromium draws it', async (name, mediaType, leastDb, make) => {
    const source = await make(await photo(160, 120, 3));
    expectAlike(await ours(source), await byChromium(source, mediaType), leastDb, name);
  });

  const bars = (x: number, y: number, band: number): number => (x * 5 + y * (band + 1)) % 256;
  const tiff = { widthPx: 48, heightPx: 32, bits: 8, bands: 3, photometric: 2, sample: bars } as const;
  test.each<[string, string, number, () => Buffer | Promise<Buffer>]>([
    ['a TIFF', 'tif', 60, () => tiffPicture(tiff)],
    [
      'a TIFF in planes, packed, big-endian',
      'tif',
      60,
      () => tiffPicture({ ...tiff, planar: true, deflate: true, bigEndian: true }),
    ],
    [
      'a BigTIFF of 16 bits',
      'tif',
      45,
      () => tiffPicture({ ...tiff, bits: 16, bigTiff: true, sample: (...at) => bars(...at) * 257 }),
    ],
    ['a TIFF where white is zero', 'tif', 60, () => tiffPicture({ ...tiff, bands: 1, photometric: 0 })],
    ['a TIFF with alpha', 'tif', 40, () => tiffPicture({ ...tiff, bands: 4, extraSamples: [2] })],
    [
      'a TIFF of floats',
      'tif',
      40,
      () =>
        tiffPicture({
          ...tiff,
          bits: 32,
          sampleFormat: 3,
          bands: 1,
          photometric: 1,
          sample: (...at) => bars(...at) / 255,
        }),
    ],
    ['a PSD', 'psd', 60, async () => psdOf(await photo(96, 64, 2))],
    ['a packed PSD of 16 bits', 'psd', 45, async () => psdOf(await photo(96, 64, 2), { bits: 16, rle: true })],
    ['a PSD in grey', 'psd', 45, async () => psdOf(await photo(96, 64, 2), { mode: 'grey' })],
    ['an OS/2 bitmap', 'bmp', 99, () => bmpOf(96, 64, { header: 12 })],
  ])('%s, as ImageMagick draws it', async (name, ending, leastDb, make) => {
    const source = await make();
    expectAlike(await ours(source), await byImageMagick(source, `source.${ending}`), leastDb, name);
  });
});
