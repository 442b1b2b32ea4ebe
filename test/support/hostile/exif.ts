// EXIF blocks (CIPA DC-008): what cameras write, and what only somebody with a hex editor does.
import { type Entry, tiffOf } from './tiff.js';

const ASCII = 2;
const SHORT = 3;
const LONG = 4;
const RATIONAL = 5;
const UNDEFINED = 7;

const text = (tag: number, value: string): Entry => {
  const bytes = Buffer.from(`${value}\0`, 'latin1');
  return [tag, ASCII, bytes.length, bytes];
};

/** 0x0112; only 1 to 8 are defined. */
export function orientationExif(value: number): Buffer {
  return tiffOf([{ entries: [[0x0112, SHORT, 1, value]] }]);
}

/** A place whose degrees are `numerator / denominator`, three times; 0 / 0 is not a number. */
export function gpsExif(numerator: number, denominator: number): Buffer {
  const degrees = Buffer.alloc(24);
  for (let at = 0; at < 24; at += 8) {
    degrees.writeUInt32LE(numerator, at);
    degrees.writeUInt32LE(denominator, at + 4);
  }
  // One entry in the first directory; the GPS directory follows at 8 + 2 + 12 + 4.
  return tiffOf([
    { entries: [[0x8825, LONG, 1, 26]], next: 0 },
    {
      entries: [
        [1, ASCII, 2, Buffer.from('N\0', 'latin1')],
        [2, RATIONAL, 3, degrees],
        [3, ASCII, 2, Buffer.from('E\0', 'latin1')],
        [4, RATIONAL, 3, degrees],
      ],
    },
  ]);
}

/** A directory that is its own EXIF, GPS and next directory. */
export function selfReferringExif(): Buffer {
  return tiffOf([
    {
      entries: [
        [0x8769, LONG, 1, 8],
        [0x8825, LONG, 1, 8],
        [0xa005, LONG, 1, 8],
      ],
      next: 8,
    },
  ]);
}

/** A maker's note of `bytes` beside a name; a segment holds at most 65533. */
export function makerNoteExif(bytes: number): Buffer {
  return tiffOf([
    { entries: [text(0x010f, 'Maker'), [0x8769, LONG, 1, 8 + 2 + 24 + 4 + 6]], next: 0 },
    { entries: [[0x927c, UNDEFINED, bytes, Buffer.alloc(bytes, 0x5a)]] },
  ]);
}

/** Entries whose counts and offsets point far behind the end. */
export function lyingExif(): Buffer {
  const exif = tiffOf([{ entries: [text(0x010f, 'A maker of many words'), text(0x0110, 'A model of many words')] }]);
  exif.writeUInt32LE(0xffffffff, 14);
  exif.writeUInt32LE(0xfffffff0, 30);
  return exif;
}

/** As many text tags as a directory may have (65535 at most). */
export function manyTagsExif(count: number): Buffer {
  return tiffOf([
    {
      entries: Array.from(
        { length: count },
        (_, index): Entry => [0x9000 + (index % 0x1000), ASCII, 4, Buffer.from('abc\0')],
      ),
    },
  ]);
}
