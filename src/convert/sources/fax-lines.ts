// Whether a fax of Group 3 (ITU-T T.4) in a TIFF has all of its lines. A line that was hurt on its way says nothing of the others: each
// begins behind a code for the end of a line, which no other codes make.
import { tiffDirectory, tiffNumber, tiffNumbers } from './tiff-directory.js';

const [HEIGHT, COMPRESSION, FILL_ORDER, STRIP_OFFSETS, ROWS_PER_STRIP, STRIP_BYTES] = [257, 259, 266, 273, 278, 279];
const GROUP_3 = 3;
const FROM_LOW_BITS = 2;
/** Before the 1 that ends a line; no codes of runs come to more than ten together. */
const ZEROS_OF_END = 11;

/** Every strip of the first directory is of Group 3 and has at least as many ends of lines as rows. */
export function hasAllFaxLines(bytes: Buffer): boolean {
  const directory = tiffDirectory(bytes);
  if (directory === undefined || tiffNumber(directory, COMPRESSION) !== GROUP_3) return false;
  const height = tiffNumber(directory, HEIGHT) ?? 0;
  const rows = Math.max(1, Math.min(height, tiffNumber(directory, ROWS_PER_STRIP) ?? height));
  const lengths = tiffNumbers(directory, STRIP_BYTES);
  const strips = tiffNumbers(directory, STRIP_OFFSETS).slice(0, Math.ceil(height / rows));
  const isLowFirst = tiffNumber(directory, FILL_ORDER) === FROM_LOW_BITS;
  const isWhole = (offset: number, index: number): boolean => {
    const strip = bytes.subarray(offset, offset + (lengths[index] ?? 0));
    return endsOfLines(strip, isLowFirst) >= Math.min(rows, height - index * rows);
  };
  return height > 0 && strips.length === Math.ceil(height / rows) && strips.every(isWhole);
}

function endsOfLines(strip: Buffer, isLowFirst: boolean): number {
  let ends = 0;
  let zeros = 0;
  for (const byte of strip) {
    if (byte === 0) {
      zeros += 8;
      continue;
    }
    const low = 31 - Math.clz32(byte & -byte);
    const high = Math.clz32(byte) - 24;
    if (zeros + (isLowFirst ? low : high) >= ZEROS_OF_END) ends++;
    zeros = isLowFirst ? high : low;
  }
  return ends;
}
