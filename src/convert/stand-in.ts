// Pixels as a file that the decoder's library reads: an uncompressed TIFF in memory. So a profile is applied, alpha and 16 bits are
// handled and large pictures are scaled in strips exactly as those of every other source.
import type { Pixels } from './opened-source.js';

const [SHORT, LONG, UNDEFINED] = [3, 4, 7];
/** Strips of about so many bytes, which the library reads one by one. */
const STRIP_BYTES = 256 * 1024;
const UNASSOCIATED_ALPHA = 2;

/** Throws `RangeError` when the samples are not as many as the size says: a decoder's fault. The only copy that is made of them. */
export function tiffOfPixels({ samples, stride, widthPx, heightPx, channels, space, icc }: Pixels): Buffer {
  const bytesEach = samples.BYTES_PER_ELEMENT;
  const rowBytes = widthPx * channels * bytesEach;
  const strideBytes = stride === undefined ? rowBytes : stride * bytesEach;
  // What the last row is filled up with may be missing.
  const [least, most] = [strideBytes * (heightPx - 1) + rowBytes, strideBytes * heightPx];
  const isWhole = samples.byteLength >= least && samples.byteLength <= most;
  if (widthPx < 1 || heightPx < 1 || strideBytes < rowBytes || !isWhole) {
    throw new RangeError(`expected ${least / bytesEach} samples of a decoder, got ${samples.length}`);
  }
  const colours = space === 'cmyk' ? 4 : channels < 3 ? 1 : 3;
  const rowsPerStrip = Math.max(1, Math.min(heightPx, Math.floor(STRIP_BYTES / rowBytes)));
  const strips = Math.ceil(heightPx / rowsPerStrip);
  const tags: [tag: number, type: number, values: readonly number[] | Uint8Array][] = [
    [256, LONG, [widthPx]],
    [257, LONG, [heightPx]],
    [258, SHORT, Array.from({ length: channels }, () => bytesEach * 8)],
    [259, SHORT, [1]],
    [262, SHORT, [space === 'cmyk' ? 5 : colours === 1 ? 1 : 2]],
    [273, LONG, new Array<number>(strips).fill(0)],
    [277, SHORT, [channels]],
    [278, LONG, [rowsPerStrip]],
    [279, LONG, []],
    [284, SHORT, [1]],
  ];
  if (channels > colours) tags.push([338, SHORT, [UNASSOCIATED_ALPHA]]);
  if (icc) tags.push([34_675, UNDEFINED, icc]);

  const lengthOf = (type: number, values: ArrayLike<number>): number =>
    values.length * (type === SHORT ? 2 : type === LONG ? 4 : 1);
  const even = (length: number): number => length + (length % 2);
  const directoryBytes = 2 + tags.length * 12 + 4;
  const outside = tags.map(([tag, type, values]) => (tag === 279 ? strips * 4 : lengthOf(type, values)));
  const pixelsAt = 8 + directoryBytes + outside.reduce((sum, bytes) => sum + (bytes > 4 ? even(bytes) : 0), 0);
  const stripBytes = (index: number): number => Math.min(rowsPerStrip, heightPx - index * rowsPerStrip) * rowBytes;
  const file = Buffer.allocUnsafe(pixelsAt + rowBytes * heightPx);
  file.fill(0, 0, pixelsAt);
  file.write('II*\0', 'latin1');
  file.writeUInt32LE(8, 4);
  file.writeUInt16LE(tags.length, 8);
  let behind = 8 + directoryBytes;
  for (const [index, [tag, type, given]] of tags.entries()) {
    const values =
      tag === 273
        ? Array.from({ length: strips }, (_, strip) => pixelsAt + strip * rowsPerStrip * rowBytes)
        : tag === 279
          ? Array.from({ length: strips }, (_, strip) => stripBytes(strip))
          : given;
    const entry = 10 + index * 12;
    const length = lengthOf(type, values);
    file.writeUInt16LE(tag, entry);
    file.writeUInt16LE(type, entry + 2);
    file.writeUInt32LE(values.length, entry + 4);
    const at = length > 4 ? behind : entry + 8;
    if (length > 4) {
      file.writeUInt32LE(behind, entry + 8);
      behind += even(length);
    }
    write(file, at, type, values);
  }
  const stored = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  if (strideBytes === rowBytes) file.set(stored, pixelsAt);
  else
    for (let row = 0; row < heightPx; row++) {
      const from = row * strideBytes;
      file.set(stored.subarray(from, from + rowBytes), pixelsAt + row * rowBytes);
    }
  return file;
}

function write(file: Buffer, at: number, type: number, values: ArrayLike<number>): void {
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (type === SHORT) file.writeUInt16LE(value, at + index * 2);
    else if (type === LONG) file.writeUInt32LE(value, at + index * 4);
    else file[at + index] = value;
  }
}
