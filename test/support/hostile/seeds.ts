// What the fuzzer starts from: tiny files of every source type, in the variants that take different ways through decoders.
import { animation, COLOURED, cutOut, ENCODED, flat, image, photo } from '../images.js';
import { gpsExif, makerNoteExif, orientationExif } from './exif.js';
import { gifOf } from './gif.js';
import { withExif } from './jpeg.js';
import { bigTiffOf, imageDirectory, tiffOf } from './tiff.js';

export interface Seed {
  readonly name: string;
  /** How its structure is cut up. */
  readonly type: 'jpeg' | 'png' | 'gif' | 'webp' | 'tiff' | 'avif' | 'svg';
  readonly bytes: Buffer;
}

/** About thirty files of 50 bytes to 5 kB. */
export async function fuzzSeeds(): Promise<readonly Seed[]> {
  const pixels = await photo(24, 18);
  const cut = cutOut(pixels);
  const one = flat(1, 1, [1, 2, 3]);
  const timing = { widthPx: 12, heightPx: 9, delaysMs: [50, 20, 70] };
  const jpeg = await ENCODED.jpeg(pixels);
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
  ];
  return Promise.all(made.map(async ([type, name, bytes]) => ({ type, name, bytes: await bytes })));
}
