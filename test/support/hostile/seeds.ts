// What the fuzzer starts from: tiny files of every source type, in the variants that take different ways through decoders.
import type { SourceType } from '../../../src/kernel/source.js';
import { animation, COLOURED, cutOut, ENCODED, flat, image, photo } from '../images.js';
import { bmpOf, icoOf } from '../sources/bitmaps.js';
import { pdfOf, quartersPage, wordPage } from '../sources/pdfs.js';
import { psdOf } from '../sources/psds.js';
import { rawOf } from '../sources/raws.js';
import { heicOf, jp2Of, jxlOf } from '../sources/tool-made.js';
import { epubOf, ooxml, openDocument } from '../sources/zips.js';
import { gpsExif, makerNoteExif, orientationExif } from './exif.js';
import { gifOf } from './gif.js';
import { withExif } from './jpeg.js';
import { bigTiffOf, imageDirectory, tiffOf } from './tiff.js';

export interface Seed {
  readonly name: string;
  /** How its structure is cut up. */
  readonly type: SourceType;
  readonly bytes: Buffer;
}

/** About fifty files of 50 bytes to 5 kB. */
export async function fuzzSeeds(): Promise<readonly Seed[]> {
  const pixels = await photo(24, 18);
  const cut = cutOut(pixels);
  const one = flat(1, 1, [1, 2, 3]);
  const timing = { widthPx: 12, heightPx: 9, delaysMs: [50, 20, 70] };
  const jpeg = await ENCODED.jpeg(pixels);
  const [png, cutPng] = await Promise.all([ENCODED.png(pixels), ENCODED.png(cut)]);
  const svg = `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 18" width="24" height="18"><defs><linearGradient id="a"><stop offset="0" stop-color="red"/><stop offset="1"/></linearGradient></defs><rect width="20" height="9" fill="url(#a)"/><path d="M1 1L9 9Z" stroke="blue"/></svg>`;
  const made: [Seed['type'], string, Buffer | Promise<Buffer>][] = [
    ['jpeg', 'baseline', jpeg],
    ['jpeg', 'progressive', image(pixels).jpeg({ progressive: true }).toBuffer()],
    ['jpeg', 'cmyk', COLOURED.cmykJpeg(pixels)],
    ['jpeg', 'grey', COLOURED.greyJpeg(pixels)],
    ['jpeg', 'turned', withExif(jpeg, orientationExif(6))],
    ['jpeg', 'place', withExif(jpeg, gpsExif(48, 1))],
    ['jpeg', 'maker note', withExif(jpeg, makerNoteExif(200))],
    ['jpeg', 'profile', COLOURED.displayP3Jpeg(pixels)],
    ['png', 'rgb', ENCODED.png(pixels)],
    ['png', 'rgba', ENCODED.png(cut)],
    ['png', 'palette', COLOURED.palettePng(pixels)],
    ['png', '16 bit', COLOURED.sixteenBitPng(pixels)],
    ['png', 'interlaced', image(cut).png({ progressive: true }).toBuffer()],
    ['png', 'grey', COLOURED.greyPng(pixels)],
    ['gif', 'still', ENCODED.gif(pixels)],
    ['gif', 'animated', animation('gif', timing)],
    ['gif', 'hand-made', gifOf({ frames: 3, loop: 2 })],
    ['webp', 'lossy', ENCODED.webp(pixels)],
    ['webp', 'lossless', image(pixels).webp({ lossless: true }).toBuffer()],
    ['webp', 'alpha', ENCODED.webp(cut)],
    ['webp', 'animated', animation('webp', timing)],
    ['tiff', 'lzw', ENCODED.tiff(pixels)],
    ['tiff', 'jpeg', image(pixels).tiff({ compression: 'jpeg' }).toBuffer()],
    [
      'tiff',
      'deflate, tiled',
      image(pixels).tiff({ compression: 'deflate', tile: true, tileWidth: 16, tileHeight: 16 }).toBuffer(),
    ],
    ['tiff', 'packbits', image(pixels).tiff({ compression: 'packbits' }).toBuffer()],
    ['tiff', '16 bit', COLOURED.sixteenBitTiff(pixels)],
    [
      'tiff',
      'pages',
      tiffOf([imageDirectory({ widthPx: 8, heightPx: 8 }), imageDirectory({ widthPx: 4, heightPx: 4 })]),
    ],
    ['tiff', 'float', tiffOf([imageDirectory({ widthPx: 4, heightPx: 4, bits: 32, sampleFormat: 3 })])],
    ['tiff', 'big', bigTiffOf(8, 8)],
    ['avif', 'opaque', ENCODED.avif(pixels)],
    ['avif', 'alpha', ENCODED.avif(cut)],
    ['avif', 'one pixel', ENCODED.avif(one)],
    ['svg', 'gradient', Buffer.from(svg)],
    ['bmp', '24 bits', bmpOf(24, 18)],
    ['bmp', 'runs of 8 bits', bmpOf(24, 18, { bits: 8, rle: true })],
    ['bmp', 'runs of 4 bits', bmpOf(24, 18, { bits: 4, rle: true })],
    ['bmp', 'masks', bmpOf(24, 18, { bits: 32, header: 108, masks: [0xff0000, 0xff00, 0xff, 0xff000000] })],
    ['ico', 'bitmaps and a PNG', icoOf([{ side: 16, bits: 8 }, { side: 24, bits: 32 }, { png }])],
    ['ico', 'cursor', icoOf([{ side: 16, bits: 4 }], true)],
    ['heic', 'opaque', heicOf(png)],
    ['heic', 'alpha', heicOf(cutPng)],
    ['pdf', 'two pages', pdfOf([quartersPage(60, 80), wordPage('fuzz')])],
    ['raw', 'DNG', rawOf('dng', [jpeg], 6)],
    ['raw', 'CR3', rawOf('cr3', [jpeg], 3)],
    ['raw', 'ORF', rawOf('orf', [jpeg])],
    ['office', 'OOXML', ooxml({ name: 'docProps/thumbnail.jpeg', bytes: jpeg })],
    ['office', 'OpenDocument', openDocument(png)],
    ['epub', 'cover', epubOf(jpeg)],
    ['psd', 'runs', psdOf(pixels, { rle: true })],
    ['psd', 'CMYK', psdOf(pixels, { mode: 'cmyk' })],
    ['psd', 'large, 16 bits', psdOf(pixels, { big: true, bits: 16 })],
    ['jxl', 'lossless', jxlOf(png, '-d', '0')],
    ['jxl', 'container', jxlOf(png, '--container=1')],
    ['jp2', 'boxes', jp2Of(png, 'jp2', '-n', '2')],
    ['jp2', 'code stream', jp2Of(png, 'j2k', '-n', '2')],
  ];
  return Promise.all(made.map(async ([type, name, bytes]) => ({ type, name, bytes: await bytes })));
}
