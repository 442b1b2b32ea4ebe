// Run-length coded bitmaps (BI_RLE8, BI_RLE4): palette indices, row by row in the order they are stored.
import { DamagedSource } from '../refused-kind.js';

/** What the code leaves out has index 0. Throws `DamagedSource` when the data end before the picture does. */
export function rleIndices(
  file: Buffer,
  from: number,
  { widthPx, heightPx, coding }: { readonly widthPx: number; readonly heightPx: number; readonly coding: string },
): Uint8Array {
  const indices = new Uint8Array(widthPx * heightPx);
  const nibbles = coding === 'rle4';
  let [x, y] = [0, 0];
  const put = (index: number): void => {
    if (x < widthPx && y < heightPx) indices[y * widthPx + x] = index;
    x++;
  };
  for (let at = from; y < heightPx; ) {
    const [count, value] = [file[at], file[at + 1]];
    if (count === undefined || value === undefined) {
      // Some writers leave out the last end of the line and of the picture.
      if (y === heightPx - 1 && x >= widthPx) break;
      throw new DamagedSource(`expected ${heightPx} rows, got a file that ends in row ${y}`);
    }
    at += 2;
    if (count > 0) {
      for (let left = 0; left < count; left++) put(nibbles ? (left % 2 === 0 ? value >> 4 : value & 15) : value);
    } else if (value === 0) {
      x = 0;
      y++;
    } else if (value === 1) {
      break;
    } else if (value === 2) {
      x += file[at] ?? 0;
      y += file[at + 1] ?? 0;
      at += 2;
    } else {
      const bytes = nibbles ? Math.ceil(value / 2) : value;
      if (at + bytes > file.length) throw new DamagedSource('expected pixels, got the end of the file');
      for (let left = 0; left < value; left++) {
        const byte = file[nibbles ? at + (left >> 1) : at + left] as number;
        put(nibbles ? (left % 2 === 0 ? byte >> 4 : byte & 15) : byte);
      }
      at += bytes + (bytes % 2);
    }
  }
  return indices;
}
