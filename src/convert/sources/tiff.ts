// TIFF files whose directory is not by the letter: its tags are read leniently here, and written again as the decoder wants
// them, so that it can be strict with the pixels.
import { hasAllFaxLines } from './fax-lines.js';
import { tiffLoops, tiffPageOffset } from './page-count.js';
import {
  LONG,
  LONG8,
  SHORT,
  type TiffDirectory,
  tiffDirectory,
  tiffNumber,
  tiffNumbers,
  withTiffDirectory,
} from './tiff-directory.js';

/** By their names in TIFF 6.0 and its supplements. */
export const TAG = {
  newSubfileType: 254,
  width: 256,
  height: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  stripOffsets: 273,
  samplesPerPixel: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  planar: 284,
  tileWidth: 322,
  tileOffsets: 324,
  tileByteCounts: 325,
  subDirectories: 330,
  extraSamples: 338,
  sampleFormat: 339,
  icc: 34_675,
} as const;

/** Numbers that decoding needs, besides those with rules of their own: fill order, orientation, fax options, predictor, tiles, inks, YCbCr. */
const KEPT_NUMBERS: readonly number[] = [
  266, 274, 292, 293, 317, 322, 323, 332, 334, 512, 513, 514, 519, 520, 521, 530, 531,
];
/** The same of other types, as they are: colour map, JPEG tables, YCbCr coefficients, black and white. */
const KEPT_DATA: readonly number[] = [320, 347, 529, 532];

type Values = { readonly type: number; readonly values: readonly number[] | Buffer };

/** Samples that make a colour, by photometric interpretation. */
export const COLOUR_SAMPLES: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 3,
  3: 1,
  5: 4,
  6: 3,
  8: 3,
  9: 3,
  10: 3,
};

/** What is wrong with tags; what is wrong with pixels the decoder says in other words. */
const OF_DIRECTORY = /Warning treated as error|corrupt header|unsupported image format/i;
/** Written behind the pixels once: a second time would change nothing. */
const CLEAN = new WeakSet<Buffer>();

/**
 * `bytes` with only those tags of its first directory that decoding needs, in order, with the counts and types they should have;
 * `undefined` when that has been done, or directories lead in a circle. Damage of pixels remains for the decoder to find.
 */
export function mendedTiff(bytes: Buffer, said: string): Buffer | undefined {
  if (!OF_DIRECTORY.test(said) || CLEAN.has(bytes) || tiffLoops(bytes)) return undefined;
  return tiffFirstPage(bytes);
}

/** Codes in the order of the first TIFF libraries are read as well as those of today; in damaged ones errors are found, not warnings. */
const OLD_LZW = /Old-style LZW codes/;
const BESIDE_IT = /^(?:Warning treated as error due to failOn setting|error in (?:tile|strip) [\d x]+|)$/;

/** A line of a fax that does not come to its width; codes that are none are damage. */
const HURT_FAX_LINE = /^(?:Premature EOL|Line length mismatch) at line \d+/m;

/** Whether `said`, a strict decoder's words of `bytes`, tells of nothing but codes of old, or of lines of a fax that has all of them. */
export function isHarmlessTiff(said: string, bytes: Buffer): boolean {
  const isAll = (of: RegExp): boolean =>
    of.test(said) && said.split('\n').every((line) => of.test(line) || BESIDE_IT.test(line.trim()));
  return isAll(OLD_LZW) || (isAll(HURT_FAX_LINE) && hasAllFaxLines(bytes));
}

/** `bytes` with its first directory alone. */
export function tiffFirstPage(bytes: Buffer): Buffer | undefined {
  return onlyDirectory(bytes, undefined);
}

/** `bytes` with the directory of that page, from 2, alone. */
export function tiffPage(bytes: Buffer, page: number): Buffer | undefined {
  const offset = tiffPageOffset(bytes, page);
  return offset === undefined ? undefined : onlyDirectory(bytes, offset);
}

function onlyDirectory(bytes: Buffer, offset: number | undefined): Buffer | undefined {
  const directory = tiffDirectory(bytes, offset);
  const tags = directory && cleanTags(bytes, directory);
  if (directory === undefined || tags === undefined) return undefined;
  const first = withTiffDirectory(bytes, directory, tags);
  CLEAN.add(first);
  return first;
}

/** The tags that decoding needs; `undefined` where one that cannot be guessed is missing. */
export function cleanTags(bytes: Buffer, directory: TiffDirectory): Map<number, Values> | undefined {
  const one = (number: number): number | undefined => tiffNumber(directory, number);
  const [width, height] = [one(TAG.width), one(TAG.height)];
  if (!width || !height) return undefined;
  const photometric = one(TAG.photometric) ?? 1;
  const bits = tiffNumbers(directory, TAG.bitsPerSample);
  const samples = one(TAG.samplesPerPixel) ?? Math.max(1, bits.length);
  const perSample = (values: readonly number[], otherwise: number): number[] =>
    Array.from({ length: samples }, (_, index) => values[index] ?? values[0] ?? otherwise);
  if (samples > 64) return undefined;

  const clean = new Map<number, Values>();
  const put = (number: number, type: number, values: readonly number[] | Buffer): unknown =>
    clean.set(number, { type, values });
  put(TAG.width, LONG, [width]);
  put(TAG.height, LONG, [height]);
  put(TAG.bitsPerSample, SHORT, perSample(bits, 1));
  put(TAG.compression, SHORT, [one(TAG.compression) ?? 1]);
  put(TAG.photometric, SHORT, [photometric]);
  put(TAG.samplesPerPixel, SHORT, [samples]);
  put(TAG.planar, SHORT, [one(TAG.planar) === 2 ? 2 : 1]);
  const formats = tiffNumbers(directory, TAG.sampleFormat);
  if (formats.length > 0) put(TAG.sampleFormat, SHORT, perSample(formats, 1));
  const extra = samples - (COLOUR_SAMPLES[photometric] ?? samples);
  const known = tiffNumbers(directory, TAG.extraSamples);
  if (extra > 0)
    put(
      TAG.extraSamples,
      SHORT,
      Array.from({ length: extra }, (_, index) => known[index] ?? 0),
    );
  for (const number of KEPT_NUMBERS) {
    const values = tiffNumbers(directory, number);
    if (values.length > 0) put(number, values.some((value) => value > 65_535) ? LONG : SHORT, values);
  }
  for (const number of KEPT_DATA) {
    const tag = directory.tags.get(number);
    if (tag && tag.data.length > 0) put(number, tag.type, tag.data);
  }
  const icc = directory.tags.get(TAG.icc)?.data;
  if (icc && icc.length > 128) put(TAG.icc, 7, icc);
  const placed = putParts(bytes, directory, samples, put);
  return placed ? clean : undefined;
}

/** Where strips or tiles lie and how long they are: as long as they can be where the file does not say. */
function putParts(
  bytes: Buffer,
  directory: TiffDirectory,
  samples: number,
  put: (number: number, type: number, values: readonly number[]) => unknown,
): boolean {
  const isTiled = directory.tags.has(TAG.tileOffsets) || directory.tags.has(TAG.tileWidth);
  const [offsetsTag, countsTag] = isTiled
    ? [TAG.tileOffsets, TAG.tileByteCounts]
    : [TAG.stripOffsets, TAG.stripByteCounts];
  const offsets = tiffNumbers(directory, offsetsTag);
  // Some writers take the tags of strips for tiles.
  const counts = tiffNumbers(directory, countsTag);
  if (offsets.length === 0) return false;
  const height = tiffNumber(directory, TAG.height) ?? 0;
  const rows = Math.max(1, Math.min(height, tiffNumber(directory, TAG.rowsPerStrip) ?? height));
  const planes = tiffNumber(directory, TAG.planar) === 2 ? samples : 1;
  const parts = isTiled ? offsets.length : Math.min(offsets.length, Math.ceil(height / rows) * planes);
  const wide = directory.bigTiff ? LONG8 : LONG;
  const used = offsets.slice(0, parts);
  const ends = [...used, bytes.length].sort((a, b) => a - b);
  const lengthOf = (offset: number, index: number): number => {
    const count = counts[index] ?? 0;
    const isInside = count > 0 && offset + count <= bytes.length;
    return isInside ? count : Math.max(0, (ends.find((end) => end > offset) ?? offset) - offset);
  };
  put(offsetsTag, wide, used);
  put(countsTag, wide, used.map(lengthOf));
  if (!isTiled) put(TAG.rowsPerStrip, LONG, [rows]);
  return true;
}
