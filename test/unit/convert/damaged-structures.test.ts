// What reads structures of sources in our own code never throws and never runs away, whatever the bytes are: damage is for the
// decoder to find. Every cut of a file at 1/64 of its length, and five hundred mutations of it.
import { deflateSync } from 'node:zlib';
import type { Metadata } from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { greyColoursOf, profileName, rgbColoursOf } from '../../../src/convert/colour/icc.js';
import { sniff } from '../../../src/convert/sniff.js';
import { avifReading, avifStill } from '../../../src/convert/sources/avif.js';
import { gifReading, mendedGif } from '../../../src/convert/sources/gif.js';
import { jpegKind, mendedJpeg } from '../../../src/convert/sources/jpeg.js';
import { gifFirstFrame, tiffHasMorePages, tiffLoops, webpFirstFrame } from '../../../src/convert/sources/page-count.js';
import { pngKind, pngReading, withoutTexts } from '../../../src/convert/sources/png.js';
import { svgForDecoder } from '../../../src/convert/sources/svg.js';
import { mendedTiff, tiffFirstPage } from '../../../src/convert/sources/tiff.js';
import { exifOfTiff } from '../../../src/convert/sources/tiff-exif.js';
import { tiffKind } from '../../../src/convert/sources/tiff-kind.js';
import { tiffForDecoder, tiffReading } from '../../../src/convert/sources/tiff-reading.js';
import { gifOf } from '../../support/hostile/gif.js';
import { pngChunk, pngOf } from '../../support/hostile/png.js';
import { gammaCurve, greyProfile, parametricCurve, rgbProfile, SRGB_CURVE, tableCurve } from '../../support/icc.js';
import { animation, flat, image, photo, randomNumbers } from '../../support/images.js';
import { ASCII, LONG, tiffPicture, UNDEFINED } from '../../support/tiff-picture.js';

const MUTATIONS = 500;
/** Of processor time, for one reading of one mutation; microseconds are usual. */
const MOST_CPU_MS = 500;

function* damagedFrom(whole: Buffer): Generator<Buffer> {
  for (let part = 0; part < 64; part++) yield whole.subarray(0, Math.floor((whole.length * part) / 64));
  const random = randomNumbers(whole.length);
  const extremes = [0, 1, 0x7f, 0x80, 0xff];
  for (let index = 0; index < MUTATIONS; index++) {
    const mutant = Buffer.from(whole);
    for (let change = 0; change < 1 + (index % 4); change++) {
      const at = Math.floor(random() * Math.min(mutant.length, index % 2 === 0 ? 600 : mutant.length));
      mutant[at] =
        index % 3 === 0 ? Math.floor(random() * 256) : (extremes[Math.floor(random() * extremes.length)] ?? 0);
    }
    yield mutant;
  }
}

function expectUnharmed(whole: Buffer, ...reads: readonly ((bytes: Buffer) => unknown)[]): void {
  for (const damaged of damagedFrom(whole)) {
    for (const read of reads) {
      const start = process.cpuUsage();
      try {
        read(damaged);
      } catch (error) {
        throw new Error(
          `${String(error)} by ${read.toString().slice(0, 80)} of ${damaged.subarray(0, 2000).toString('hex')}`,
          {
            cause: error,
          },
        );
      }
      expect(process.cpuUsage(start).user / 1_000).toBeLessThan(MOST_CPU_MS);
    }
  }
}

// What a decoder would say of the file; these are all that the readings look at.
const header = (more: Partial<Metadata> = {}) =>
  ({ width: 8, height: 8, channels: 3, space: 'srgb', depth: 'uchar', hasAlpha: false, ...more }) as Metadata;

describe('no damage makes it throw', () => {
  let jpeg: Buffer;
  let progressive: Buffer;
  let avif: Buffer;
  let webp: Buffer;
  beforeAll(async () => {
    const pixels = await photo(40, 30);
    jpeg = await image(pixels).jpeg().toBuffer();
    progressive = await image(pixels).jpeg({ progressive: true }).toBuffer();
    avif = await image(flat(16, 16, [9, 99, 200]))
      .withIccProfile('srgb')
      .avif()
      .toBuffer();
    avif.write('nclx', avif.indexOf('colrrICC') + 4, 'latin1');
    webp = await animation('webp', { widthPx: 8, heightPx: 8 });
  });

  test('JPEG', () => {
    const said = 'VipsJpeg: premature end of JPEG image, 3 extraneous bytes before marker 0xd9';
    for (const whole of [jpeg, progressive]) {
      expectUnharmed(
        whole,
        jpegKind,
        (bytes) => mendedJpeg(bytes, said),
        (bytes) => mendedJpeg(bytes, '99999999999 extraneous bytes before marker 0xda'),
      );
    }
  });

  test('PNG', () => {
    const chunks = [
      pngChunk('cHRM', Buffer.alloc(32, 7)),
      pngChunk('gAMA', Buffer.from([0, 1, 0x86, 0xa0])),
      pngChunk('cICP', Buffer.from([9, 16, 0, 1])),
      pngChunk('iCCP', Buffer.concat([Buffer.from('x\0\0', 'latin1'), deflateSync(rgbProfile(SRGB_CURVE))])),
    ];
    for (let count = 1; count <= chunks.length; count++) {
      const whole = pngOf({ widthPx: 8, heightPx: 8, bits: 8, chunks: chunks.slice(0, count) });
      expectUnharmed(whole, pngKind, withoutTexts, (bytes) => pngReading(bytes, header()));
    }
  });

  test.each([false, true])('TIFF, BigTIFF: %s', (bigTiff) => {
    const base = { widthPx: 8, heightPx: 8, sample: () => 7, bigTiff } as const;
    const text = Buffer.from('a text that stands elsewhere\0', 'latin1');
    const tags = [
      [270, ASCII, text],
      [0x8769, LONG, [8]],
      [0x8825, LONG, [40]],
      [330, LONG, [8]],
    ] as const;
    for (const whole of [
      tiffPicture({ ...base, bits: 8, bands: 3, photometric: 2, tags }),
      tiffPicture({ ...base, bits: 8, bands: 3, photometric: 8, tags, bigEndian: true }),
      tiffPicture({
        ...base,
        bits: 32,
        sampleFormat: 3,
        bands: 3,
        photometric: 2,
        tags: [[34_675, UNDEFINED, rgbProfile(gammaCurve(2))]],
      }),
      tiffPicture({ ...base, bits: 16, bands: 4, photometric: 2, rowsPerStrip: 3, deflate: true }),
    ]) {
      expectUnharmed(
        whole,
        tiffKind,
        exifOfTiff,
        tiffForDecoder,
        tiffFirstPage,
        tiffLoops,
        (bytes) => tiffHasMorePages(bytes, 100),
        (bytes) => tiffReading(bytes, header({ hasAlpha: true })),
        (bytes) => mendedTiff(bytes, 'Warning treated as error'),
      );
    }
  });

  test('GIF, WebP, AVIF and SVG', () => {
    const gif = gifOf({
      screen: [24, 24],
      at: [
        [0, 0],
        [8, 8],
      ],
      disposal: 2,
    });
    expectUnharmed(gif, mendedGif, gifFirstFrame, (bytes) => gifReading(bytes, header())?.toSrgb(Buffer.alloc(192), 3));
    expectUnharmed(webp, webpFirstFrame);
    expectUnharmed(avif, avifStill, (bytes) => avifReading(bytes, header()));
    const svg =
      '<?xml version="1.0" encoding="latin1"?><!DOCTYPE svg [<!ENTITY w "9">]><!-- c --><n:svg width="&w;" height="2rem"/>';
    expectUnharmed(Buffer.from(svg), svgForDecoder, sniff);
    expectUnharmed(Buffer.from(`\ufeff${svg}`, 'utf16le'), svgForDecoder, sniff);
  });

  test('colour profiles', () => {
    const shown = (read: typeof greyColoursOf) => (profile: Buffer) => {
      const { transfer } = read(profile) ?? {};
      for (const curve of [transfer].flat()) for (const coded of [0, 0.5, 1]) curve?.(coded);
    };
    for (const curve of [gammaCurve(2.2), tableCurve([0, 0.3, 1]), parametricCurve(4, 2.4, 1, 0, 0.1, 0.04, 0, 0)]) {
      expectUnharmed(greyProfile(curve), shown(greyColoursOf));
      expectUnharmed(rgbProfile(curve), shown(rgbColoursOf), profileName);
    }
  });

  test('long runs of what begins a prolog are passed in time', () => {
    for (const run of ['<?', '<!--', '<!DOCTYPE svg "', ' ', '<!ENTITY a "', '<!DOCTYPE svg [']) {
      expectUnharmed(Buffer.from(`<?xml version="1.0"?>${run.repeat(65_536 / run.length)}`).subarray(0, 65_536), sniff);
    }
  });
});
