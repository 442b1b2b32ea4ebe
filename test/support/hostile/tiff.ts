// TIFF and EXIF structures entry by entry (TIFF 6.0; BigTIFF): directories that loop, that are thousands, that lie.

export type Entry = readonly [tag: number, type: number, count: number, value: number | Buffer];

export interface Directory {
  readonly entries: readonly Entry[];
  /** Where the next directory is: an offset in the file, `next` (behind this one, default for all but the last) or 0. */
  readonly next?: number | 'next';
}

const SHORT = 3;
const LONG = 4;

/** A little-endian TIFF of directories one behind the other from offset 8. Values longer than 4 bytes stand behind each directory. */
export function tiffOf(directories: readonly Directory[]): Buffer {
  const parts: Buffer[] = [Buffer.from('49492a0008000000', 'hex')];
  let at = 8;
  for (const [index, { entries, next = index + 1 < directories.length ? 'next' : 0 }] of directories.entries()) {
    const table = Buffer.alloc(2 + entries.length * 12 + 4);
    const values: Buffer[] = [];
    let behind = at + table.length;
    table.writeUInt16LE(entries.length, 0);
    for (const [row, [tag, type, count, value]] of entries.entries()) {
      const to = 2 + row * 12;
      table.writeUInt16LE(tag, to);
      table.writeUInt16LE(type, to + 2);
      table.writeUInt32LE(count, to + 4);
      if (typeof value === 'number') {
        if (type === SHORT) table.writeUInt16LE(value, to + 8);
        else table.writeUInt32LE(value, to + 8);
      } else if (value.length <= 4) {
        value.copy(table, to + 8);
      } else {
        table.writeUInt32LE(behind, to + 8);
        values.push(value);
        behind += value.length;
      }
    }
    table.writeUInt32LE(next === 'next' ? behind : next, table.length - 4);
    parts.push(table, ...values);
    at = behind;
  }
  return Buffer.concat(parts);
}

export interface TiffImage {
  readonly widthPx: number;
  readonly heightPx: number;
  /** Samples per pixel; default 1. */
  readonly bands?: number;
  readonly bits?: number;
  /** 1 unsigned (default), 2 signed, 3 float. */
  readonly sampleFormat?: number;
  /** Bytes of the one strip; default: the right number of zeros. */
  readonly pixels?: Buffer;
  readonly compression?: number;
}

/** The directory of an uncompressed picture whose strip is a value of the directory. */
export function imageDirectory(image: TiffImage, next?: number | 'next'): Directory {
  const { widthPx, heightPx, bands = 1, bits = 8, sampleFormat = 1, compression = 1 } = image;
  const pixels = image.pixels ?? Buffer.alloc(Math.max(5, (widthPx * heightPx * bands * bits) / 8));
  const perBand = (value: number): number | Buffer => {
    if (bands === 1) return value;
    const values = Buffer.alloc(bands * 2);
    for (let band = 0; band < bands; band++) values.writeUInt16LE(value, band * 2);
    return values;
  };
  const entries: Entry[] = [
    [256, LONG, 1, widthPx],
    [257, LONG, 1, heightPx],
    [258, SHORT, bands, perBand(bits)],
    [259, SHORT, 1, compression],
    [262, SHORT, 1, bands >= 3 ? 2 : 1],
    // One value of type LONG that is longer than 4 bytes stands behind the directory: its offset is the strip's.
    [273, LONG, 1, pixels],
    [277, SHORT, 1, bands],
    [278, LONG, 1, heightPx],
    [279, LONG, 1, pixels.length],
    ...(bands > 3 ? [[338, SHORT, bands - 3, Buffer.alloc((bands - 3) * 2)] as const] : []),
    [339, SHORT, bands, perBand(sampleFormat)],
  ];
  return { entries, ...(next === undefined ? {} : { next }) };
}

/** A BigTIFF of one grey picture: offsets of 8 bytes. `stored`: bytes of it that stand in the file. */
export function bigTiffOf(widthPx: number, heightPx: number, stored = widthPx * heightPx): Buffer {
  const rows: readonly (readonly [tag: number, type: number, value: number])[] = [
    [256, LONG, widthPx],
    [257, LONG, heightPx],
    [258, SHORT, 8],
    [259, SHORT, 1],
    [262, SHORT, 1],
    [273, LONG, 16 + 8 + 9 * 20 + 8],
    [277, SHORT, 1],
    [278, LONG, heightPx],
    [279, LONG, widthPx * heightPx],
  ];
  const file = Buffer.alloc(16 + 8 + rows.length * 20 + 8 + stored);
  file.set(Buffer.from('49492b0008000000', 'hex'));
  file.writeBigUInt64LE(16n, 8);
  file.writeBigUInt64LE(BigInt(rows.length), 16);
  for (const [row, [tag, type, value]] of rows.entries()) {
    const at = 24 + row * 20;
    file.writeUInt16LE(tag, at);
    file.writeUInt16LE(type, at + 2);
    file.writeBigUInt64LE(1n, at + 4);
    file.writeUInt32LE(value, at + 12);
  }
  return file;
}
