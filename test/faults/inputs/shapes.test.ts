// Rare structures and extreme shapes: what is an image in an odd way is converted, what is none is refused with its reason.
import { pngOf } from '../../support/hostile/png.js';
import { CONVERTED, describeHostile, REFUSED_TYPE, TOO_LARGE, UNDECODABLE } from '../../support/hostile/rows.js';
import { bigTiffOf, imageDirectory, tiffOf } from '../../support/hostile/tiff.js';
import { image, mirroredPhoto, photo } from '../../support/images.js';

const page = imageDirectory({ widthPx: 8, heightPx: 8 });
const pages = (count: number) => tiffOf(Array.from({ length: count }, () => page));
const bands = (count: number) => tiffOf([imageDirectory({ widthPx: 8, heightPx: 8, bands: count })]);

describeHostile('TIFF structures', [
  {
    what: 'TIFF whose directory is its own next',
    source: () => tiffOf([imageDirectory({ widthPx: 8, heightPx: 8 }, 8)]),
    answer: UNDECODABLE,
  },
  {
    what: 'TIFF whose tenth directory leads to its first',
    source: () => tiffOf([...Array.from({ length: 9 }, () => page), { ...page, next: 8 }]),
    answer: UNDECODABLE,
  },
  { what: 'TIFF of 100 pages', source: () => pages(100), answer: CONVERTED },
  { what: 'TIFF of 101 pages', source: () => pages(101), answer: CONVERTED },
  { what: 'TIFF of 10,000 pages', source: () => pages(10_000), answer: CONVERTED },
  {
    what: 'TIFF of 200,000 pages',
    source: () => pages(200_000),
    answer: CONVERTED,
  },
  {
    what: 'TIFF whose first directory lies behind the end',
    source: () => Buffer.from('49492a00ffffff7f0000000000000000', 'hex'),
    answer: UNDECODABLE,
  },
  {
    what: 'tiled TIFF',
    source: async () =>
      image(await photo(300, 200))
        .tiff({ tile: true, tileWidth: 64, tileHeight: 64 })
        .toBuffer(),
    answer: CONVERTED,
  },
  { what: 'BigTIFF', source: () => bigTiffOf(20, 10), answer: CONVERTED },
  {
    what: 'TIFF of 32-bit floats',
    source: () => tiffOf([imageDirectory({ widthPx: 8, heightPx: 8, bits: 32, sampleFormat: 3 })]),
    answer: CONVERTED,
  },
  // Two samples more than the colours: the picture is the colours'. With more it is intact, and no picture that anybody can show.
  { what: 'TIFF of 5 bands', source: () => bands(5), answer: CONVERTED },
  { what: 'TIFF of 6 bands', source: () => bands(6), answer: REFUSED_TYPE, says: 'samples' },
  { what: 'TIFF of 200 bands', source: () => bands(200), answer: REFUSED_TYPE, says: 'samples' },
  { what: 'TIFF of 65,000 bands', source: () => bands(65_000), answer: REFUSED_TYPE, says: 'samples' },
]);

describeHostile('extreme shapes', [
  { what: 'PNG of 1x65535', source: () => pngOf({ widthPx: 1, heightPx: 65_535 }), answer: CONVERTED },
  { what: 'PNG of 65535x1', source: () => pngOf({ widthPx: 65_535, heightPx: 1 }), answer: CONVERTED },
  { what: 'PNG of 1x1000000', source: () => pngOf({ widthPx: 1, heightPx: 1_000_000 }), answer: CONVERTED },
  { what: 'PNG of 1000000x1', source: () => pngOf({ widthPx: 1_000_000, heightPx: 1 }), answer: CONVERTED },
  {
    what: 'PNG of 1x1000001',
    source: () => pngOf({ widthPx: 1, heightPx: 1_000_001 }),
    answer: TOO_LARGE,
    says: 'at most 1000000 pixels on a side',
  },
  {
    what: 'JPEG of 65500x1',
    source: async () =>
      image(await photo(65_500, 1))
        .jpeg()
        .toBuffer(),
    answer: CONVERTED,
  },
  {
    what: 'progressive JPEG of 4000x3000',
    source: async () =>
      image(await mirroredPhoto(4000, 3000))
        .jpeg({ progressive: true })
        .toBuffer(),
    answer: CONVERTED,
    atMostMiB: 400,
    atMostCpuMs: 30_000,
  },
  { what: 'PNG of one pixel', source: () => pngOf({ widthPx: 1, heightPx: 1 }), answer: CONVERTED },
]);

// 2^31 pixels, of which the files have none or a row: what their headers say decides, or what it would take.
const HUGE: readonly (readonly [what: string, source: () => Buffer | Promise<Buffer>])[] = [
  ['PNG', () => pngOf({ widthPx: 65_536, heightPx: 32_768, rows: 1 })],
  ['TIFF', () => tiffOf([imageDirectory({ widthPx: 65_536, heightPx: 32_768, pixels: Buffer.alloc(65_536) })])],
  ['BigTIFF', () => bigTiffOf(65_536, 32_768, 65_536)],
  ['JPEG', () => hugeJpeg()],
];
/** Of 65500x32800, in the place of the header of a small one. */
async function hugeJpeg(): Promise<Buffer> {
  const jpeg = await image(await photo(64, 64))
    .jpeg()
    .toBuffer();
  const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
  jpeg.writeUInt16BE(32_800, frame + 5);
  jpeg.writeUInt16BE(65_500, frame + 7);
  return jpeg;
}
describeHostile(
  'pictures of 2^31 pixels',
  HUGE.map(([type, source]) => ({ what: `${type} of 2^31 pixels`, source, answer: TOO_LARGE, says: 'pixels' })),
);
describeHostile(
  'pictures of 2^31 pixels, where so many are allowed',
  HUGE.map(([type, source]) => ({
    what: `${type} of 2^31 pixels that may be`,
    source,
    // Rows of a JPEG are few at a time: it is begun, and ends.
    ...(type === 'JPEG' ? { answer: UNDECODABLE } : { answer: TOO_LARGE, says: 'MiB of memory' }),
  })),
  { PROOFSHEET_MAX_SOURCE_PIXELS: '4294967295', PROOFSHEET_CONVERSION_MEMORY_BYTES: '2GiB' },
);

// Larger than a type can be (WebP 16383, AVIF 16384, JPEG 65500 pixels on a side) no preview of that type becomes.
describeHostile(
  'sources larger than a preview type can be',
  [
    {
      what: 'PNG of 70000x10 in all types at its own size',
      source: () => pngOf({ widthPx: 70_000, heightPx: 10 }),
      answer: CONVERTED,
      atMostMiB: 400,
    },
  ],
  { PROOFSHEET_TARGET_FORMATS: 'jpg:-1x-1,png:-1x-1,webp:-1x-1,avif:-1x-1,gif:-1x-1' },
);

describeHostile('damage inside', [
  {
    what: 'PNG with a wrong checksum of its header',
    source: () => pngOf({ widthPx: 8, heightPx: 8, headerChecksum: 1 }),
    answer: UNDECODABLE,
  },
  { what: 'PNG with a row missing', source: () => pngOf({ widthPx: 80, heightPx: 80, rows: 79 }), answer: UNDECODABLE },
  { what: 'PNG without its end', source: () => pngOf({ widthPx: 8, heightPx: 8 }).subarray(0, -12), answer: CONVERTED },
]);
