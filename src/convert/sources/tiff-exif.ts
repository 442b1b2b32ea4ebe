// The EXIF of a TIFF: its tags alone, as a small TIFF of their own, since the file's pixels stand among them.
import {
  LONG,
  LONG8,
  type TiffDirectory,
  tiffDirectory,
  tiffNumber,
  tiffNumbers,
  withTiffDirectory,
} from './tiff-directory.js';

const [EXIF, GPS] = [0x8769, 0x8825] as const;
/** Longer values are data, not text: pixels' places, profiles, previews. */
const MAX_VALUE_BYTES = 16 * 1024;
const MAX_TAGS = 500;

/** Tags of the first directory, and the EXIF and GPS directories that it leads to. */
export function exifOfTiff(bytes: Buffer): Buffer | undefined {
  const first = tiffDirectory(bytes);
  if (first === undefined) return undefined;
  const order = { bigEndian: first.bigEndian, bigTiff: false };
  const head = Buffer.alloc(8);
  head.write(first.bigEndian ? 'MM' : 'II', 'latin1');
  head[first.bigEndian ? 3 : 2] = 42;
  let block: Buffer = head;
  const placed = new Map<number, number>();
  for (const tag of [EXIF, GPS]) {
    const offset = tiffNumber(first, tag);
    const below = offset === undefined ? undefined : tiffDirectory(bytes, offset);
    if (below === undefined) continue;
    placed.set(tag, block.length);
    block = withTiffDirectory(block, order, shortTags(below));
  }
  const tags = shortTags(first);
  for (const [tag, offset] of placed) tags.set(tag, { type: LONG, values: [offset] });
  return withTiffDirectory(block, order, tags);
}

function shortTags(directory: TiffDirectory): Map<number, { type: number; values: readonly number[] | Buffer }> {
  const short = new Map<number, { type: number; values: readonly number[] | Buffer }>();
  for (const [number, { type, data }] of directory.tags) {
    if (data.length === 0 || data.length > MAX_VALUE_BYTES || number === EXIF || number === GPS) continue;
    if (short.size >= MAX_TAGS) break;
    // Those of BigTIFF are known to nobody who reads EXIF.
    if (type !== LONG8) short.set(number, { type, values: data });
    else
      short.set(number, {
        type: LONG,
        values: tiffNumbers(directory, number).map((value) => Math.min(value, 0xffff_ffff)),
      });
  }
  return short;
}
