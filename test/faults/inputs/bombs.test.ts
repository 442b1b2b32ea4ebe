// Few bytes that claim, or unpack to, more than the limits: of every type, against the default limits.
import { gifOf } from '../../support/hostile/gif.js';
import { withClaimedSize } from '../../support/hostile/jpeg.js';
import { pngOf } from '../../support/hostile/png.js';
import {
  avifClaiming,
  vp8lClaiming,
  vp8x,
  webpAnimation,
  webpChunksOf,
  webpOf,
} from '../../support/hostile/riff-and-boxes.js';
import { CONVERTED, describeHostile, type HostileRow, TOO_LARGE, UNDECODABLE } from '../../support/hostile/rows.js';
import { imageDirectory, tiffOf } from '../../support/hostile/tiff.js';
import { ENCODED, flat, image, photo } from '../../support/images.js';

const jpeg = async () => ENCODED.jpeg(await photo(60, 40));
const avif = async () => ENCODED.avif(await photo(60, 40));
const stillFrame = async () =>
  webpChunksOf(
    await image(flat(1, 1, [1, 2, 3]))
      .webp({ lossless: true })
      .toBuffer(),
  )[0] ?? Buffer.alloc(0);
const page = (widthPx: number, heightPx: number) => imageDirectory({ widthPx, heightPx, pixels: Buffer.alloc(64) });
const PIXELS = 'at most 268435456 pixels, got';

/** A progressive JPEG whose last scan comes five hundred times. */
async function jpegOfManyScans(): Promise<Buffer> {
  const file = await image(await photo(1200, 900))
    .jpeg({ progressive: true })
    .toBuffer();
  const lastScan = file.subarray(file.lastIndexOf(Buffer.from('ffda', 'hex')), -2);
  return Buffer.concat([file.subarray(0, -2), ...Array.from({ length: 500 }, () => lastScan), file.subarray(-2)]);
}

/** Frames of 26 bytes without building a list of them. */
function gifOfFrames(count: number): Buffer {
  const one = gifOf({ frames: 1 });
  const frame = one.subarray(25, -1);
  return Buffer.concat([one.subarray(0, 25), Buffer.alloc(frame.length * count, frame), one.subarray(-1)]);
}

const PNGS: readonly HostileRow[] = [
  {
    what: 'PNG of 65535x65535 in its header',
    source: () => pngOf({ widthPx: 65_535, heightPx: 65_535, rows: 1 }),
    answer: TOO_LARGE,
    says: `${PIXELS} 4294836225 (65535x65535)`,
  },
  {
    what: 'PNG of 2147483647x2147483647',
    source: () => pngOf({ widthPx: 0x7fffffff, heightPx: 0x7fffffff, rows: 0 }),
    answer: UNDECODABLE,
  },
  { what: 'PNG of 0x0', source: () => pngOf({ widthPx: 0, heightPx: 0, rows: 1 }), answer: UNDECODABLE },
  {
    what: 'PNG with a negative side',
    source: () => pngOf({ widthPx: 0xffffffff, heightPx: 10, rows: 0 }),
    answer: UNDECODABLE,
  },
  {
    what: 'PNG of 16384x16384, exactly the limit, 40 kB',
    source: () => pngOf({ widthPx: 16_384, heightPx: 16_384 }),
    answer: CONVERTED,
    atMostMiB: 1500,
    atMostCpuMs: 30_000,
  },
  {
    what: 'PNG of one row more than the limit',
    source: () => pngOf({ widthPx: 16_384, heightPx: 16_385 }),
    answer: TOO_LARGE,
    says: PIXELS,
  },
  {
    what: 'PNG that claims 16000x16000 of 64 bits and holds ten rows',
    source: () => pngOf({ widthPx: 16_000, heightPx: 16_000, bits: 16, colourType: 6, rows: 10 }),
    answer: UNDECODABLE,
    atMostMiB: 1700,
  },
  {
    what: 'interlaced PNG of 6000x6000 with alpha',
    source: () => pngOf({ widthPx: 6000, heightPx: 6000, bits: 8, colourType: 6, interlaced: true }),
    answer: CONVERTED,
    atMostMiB: 1100,
    atMostCpuMs: 30_000,
  },
  {
    what: 'PNG of 100000000x1',
    source: () => pngOf({ widthPx: 1e8, heightPx: 1 }),
    answer: TOO_LARGE,
    says: 'at most 1000000 pixels on a side',
  },
];

const JPEGS: readonly HostileRow[] = [
  {
    what: 'JPEG that claims 65500x65500',
    source: async () => withClaimedSize(await jpeg(), 65_500, 65_500),
    answer: TOO_LARGE,
    says: PIXELS,
  },
  {
    what: 'JPEG that claims 16000x16000',
    source: async () => withClaimedSize(await jpeg(), 16_000, 16_000),
    answer: UNDECODABLE,
  },
  { what: 'JPEG that claims 0x0', source: async () => withClaimedSize(await jpeg(), 0, 0), answer: UNDECODABLE },
  { what: 'progressive JPEG of 500 scans too many', source: jpegOfManyScans, answer: UNDECODABLE },
];

const GIFS: readonly HostileRow[] = [
  {
    what: 'GIF with a screen of 65535x65535 and a frame of 8x8',
    source: () => gifOf({ screen: [65_535, 65_535] }),
    answer: CONVERTED,
  },
  {
    what: 'GIF with a frame at 65000,65000 of 65535x65535',
    source: () => gifOf({ frame: [65_000, 65_000, 65_535, 65_535] }),
    answer: TOO_LARGE,
    says: PIXELS,
  },
  {
    what: 'GIF of 60 frames of 3000x3000',
    source: () => gifOf({ frame: [0, 0, 3000, 3000], screen: [3000, 3000], frames: 60 }),
    // By its first frame alone.
    answer: CONVERTED,
  },
  {
    what: 'GIF of 101 frames',
    source: () => gifOf({ frames: 101 }),
    answer: CONVERTED,
  },
  {
    what: 'GIF of 100,000 frames',
    source: () => gifOf({ frames: 100_000 }),
    answer: CONVERTED,
  },
  {
    what: 'GIF of a million frames',
    source: () => gifOfFrames(1_000_000),
    answer: CONVERTED,
  },
  {
    what: 'GIF of 100 frames without delay, looped 65535 times',
    source: () => gifOf({ frames: 100, delay: 0, loop: 65_535 }),
    answer: CONVERTED,
  },
];

const WEBPS: readonly HostileRow[] = [
  { what: 'lossless WebP that claims 16384x16384', source: () => vp8lClaiming(16_384, 16_384), answer: UNDECODABLE },
  {
    what: 'WebP with a canvas of 16777216x16777216',
    source: async () => webpOf(vp8x(1 << 24, 1 << 24), await stillFrame()),
    answer: UNDECODABLE,
  },
  {
    what: 'animated WebP of 99 frames on 4000x4000',
    source: async () => webpAnimation(4000, 4000, 99, await stillFrame()),
    answer: CONVERTED,
    // A frame of 16 megapixels and the canvas that it is put on.
    atMostMiB: 450,
  },
  {
    what: 'animated WebP of 100,000 frames',
    source: async () => webpAnimation(8, 8, 100_000, await stillFrame()),
    answer: CONVERTED,
  },
  {
    what: 'animated WebP of 10 frames on 2500x2500, under the limit',
    source: async () => webpAnimation(2500, 2500, 10, await stillFrame()),
    answer: CONVERTED,
    atMostMiB: 1100,
    atMostCpuMs: 30_000,
  },
];

const TIFFS_AND_AVIFS: readonly HostileRow[] = [
  {
    what: 'TIFF that claims 100000x100000',
    source: () => tiffOf([page(100_000, 100_000)]),
    answer: TOO_LARGE,
    says: PIXELS,
  },
  {
    what: 'TIFF that claims 16000x16000 and holds 64 bytes',
    source: () => tiffOf([page(16_000, 16_000)]),
    answer: UNDECODABLE,
  },
  {
    what: 'TIFF that claims 4294967295x4294967295',
    source: () => tiffOf([page(0xffffffff, 0xffffffff)]),
    answer: UNDECODABLE,
  },
  {
    what: 'deflated tiled TIFF of 12000x12000 in 30 kB',
    source: () =>
      image(flat(12_000, 12_000, [255, 0, 0]))
        .tiff({ compression: 'deflate', tile: true })
        .toBuffer(),
    answer: CONVERTED,
    atMostMiB: 900,
    atMostCpuMs: 30_000,
  },
  {
    what: 'AVIF that claims 65535x65535',
    source: async () => avifClaiming(await avif(), 65_535, 65_535),
    answer: TOO_LARGE,
    says: PIXELS,
  },
  {
    what: 'AVIF that claims 2147483647x2147483647',
    source: async () => avifClaiming(await avif(), 0x7fffffff, 0x7fffffff),
    answer: TOO_LARGE,
  },
  {
    what: 'AVIF that claims 16000x16000',
    source: async () => avifClaiming(await avif(), 16_000, 16_000),
    answer: UNDECODABLE,
    atMostMiB: 1700,
  },
  { what: 'AVIF that claims 0x0', source: async () => avifClaiming(await avif(), 0, 0), answer: UNDECODABLE },
];

describeHostile('decompression bombs', [...PNGS, ...JPEGS, ...GIFS, ...WEBPS, ...TIFFS_AND_AVIFS]);
