// BMP files and icons of every kind, written from plain pixels: what the decoder has to give back.

/** Rows of RGB from the top. */
export interface Drawing {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly pixels: Buffer;
}

/** Four colours in quarters: red and green over blue and yellow; a mistake in order, direction or padding shows. */
export function quarters(widthPx: number, heightPx: number): Drawing {
  const pixels = Buffer.alloc(widthPx * heightPx * 3);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) pixels.set(colourOf(quarterAt(x, y, widthPx, heightPx)), (y * widthPx + x) * 3);
  }
  return { widthPx, heightPx, pixels };
}

const COLOURS = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 0],
] as const;

function colourOf(index: number): readonly number[] {
  return COLOURS[index] ?? [0, 0, 0];
}

function quarterAt(x: number, y: number, widthPx: number, heightPx: number): number {
  return (x * 2 >= widthPx ? 1 : 0) + (y * 2 >= heightPx ? 2 : 0);
}

export interface BmpOptions {
  /** Bytes of the information header; 12 is OS/2's. */
  readonly header?: 12 | 40 | 64 | 108 | 124;
  readonly bits?: 1 | 2 | 4 | 8 | 16 | 24 | 32;
  readonly topDown?: boolean;
  readonly rle?: boolean;
  readonly masks?: readonly [number, number, number, number];
  /** Claimed instead of what is there. */
  readonly claims?: { readonly widthPx: number; readonly heightPx: number };
  readonly icc?: Buffer;
}

/** A BMP of `quarters(widthPx, heightPx)`; of 1 bit only the upper two colours. */
export function bmpOf(widthPx: number, heightPx: number, options: BmpOptions = {}): Buffer {
  const dib = dibOf(widthPx, heightPx, options);
  const file = Buffer.alloc(14);
  file.write('BM', 'latin1');
  file.writeUInt32LE(14 + dib.bytes.length, 2);
  file.writeUInt32LE(14 + dib.pixelsAt, 10);
  return Buffer.concat([file, dib.bytes]);
}

function dibOf(widthPx: number, heightPx: number, options: BmpOptions, iconRows = 1) {
  const { header: headerBytes = 40, bits = 24, topDown = false, rle = false, masks, icc } = options;
  const header = Buffer.alloc(headerBytes);
  const width = options.claims?.widthPx ?? widthPx;
  const height = (options.claims?.heightPx ?? heightPx) * iconRows;
  header.writeUInt32LE(headerBytes, 0);
  if (headerBytes === 12) {
    header.writeUInt16LE(width, 4);
    header.writeUInt16LE(height, 6);
    header.writeUInt16LE(1, 8);
    header.writeUInt16LE(bits, 10);
  } else {
    header.writeInt32LE(width, 4);
    header.writeInt32LE(topDown ? -height : height, 8);
    header.writeUInt16LE(1, 12);
    header.writeUInt16LE(bits, 14);
    header.writeUInt32LE(rle ? (bits === 8 ? 1 : 2) : masks ? 3 : 0, 16);
  }
  const behind = masks && headerBytes === 40 ? Buffer.alloc(12) : Buffer.alloc(0);
  masks?.forEach((mask, index) => {
    if (headerBytes >= 108) header.writeUInt32LE(mask, 40 + index * 4);
    else if (index < 3) behind.writeUInt32LE(mask, index * 4);
  });
  const entryBytes = headerBytes === 12 ? 3 : 4;
  const palette = Buffer.alloc(bits <= 8 ? (1 << bits) * entryBytes : 0);
  for (let index = 0; index < palette.length / entryBytes; index++) {
    const [r = 0, g = 0, b = 0] = colourOf(index);
    palette.set([b, g, r], index * entryBytes);
  }
  const rows = Array.from({ length: heightPx }, (_, index) => {
    const y = topDown ? index : heightPx - 1 - index;
    const at = (x: number): number => quarterAt(x, bits === 1 ? 0 : y, widthPx, heightPx);
    return rle ? rleRow(widthPx, bits === 4 ? (x) => at(x) * 17 : at) : rowOf(widthPx, bits, at, masks);
  });
  const pixels = Buffer.concat([...rows, ...(rle ? [Buffer.from([0, 1])] : [])]);
  const pixelsAt = headerBytes + behind.length + palette.length;
  if (icc && headerBytes === 124) {
    header.write('DEBM', 56, 'latin1');
    header.writeUInt32LE(pixelsAt + pixels.length, 112);
    header.writeUInt32LE(icc.length, 116);
  }
  return { bytes: Buffer.concat([header, behind, palette, pixels, icc ?? Buffer.alloc(0)]), pixelsAt };
}

function rowOf(widthPx: number, bits: number, at: (x: number) => number, masks: BmpOptions['masks']): Buffer {
  const row = Buffer.alloc(Math.ceil((widthPx * bits) / 32) * 4);
  for (let x = 0; x < widthPx; x++) {
    const index = at(x);
    if (bits <= 8) {
      const bit = x * bits;
      row[bit >> 3] = (row[bit >> 3] ?? 0) | (index << (8 - bits - (bit & 7)));
      continue;
    }
    const [r = 0, g = 0, b = 0] = colourOf(index);
    if (bits === 24) row.set([b, g, r], x * 3);
    else {
      const value = packed(
        [r, g, b, index === 3 ? 0 : 255],
        masks ?? (bits === 16 ? [0x7c00, 0x3e0, 0x1f, 0] : [0xff0000, 0xff00, 0xff, 0]),
      );
      if (bits === 16) row.writeUInt16LE(value, x * 2);
      else row.writeUInt32LE(value, x * 4);
    }
  }
  return row;
}

function packed(samples: readonly number[], masks: readonly number[]): number {
  return masks.reduce((value, mask, index) => {
    if (mask === 0) return value;
    const shift = 31 - Math.clz32(mask & -mask);
    return (value | (Math.round(((samples[index] ?? 0) * (mask >>> shift)) / 255) << shift)) >>> 0;
  }, 0);
}

/** One row in runs, the end of the row behind it. */
function rleRow(widthPx: number, at: (x: number) => number): Buffer {
  const out: number[] = [];
  for (let x = 0; x < widthPx; ) {
    let run = 1;
    while (x + run < widthPx && at(x + run) === at(x) && run < 255) run++;
    out.push(run, at(x));
    x += run;
  }
  return Buffer.from([...out, 0, 0]);
}

/** An icon of bitmaps with a mask that leaves out the lower right quarter, and of PNGs as they are. */
export function icoOf(
  pictures: readonly ({ readonly side: number; readonly bits: BmpOptions['bits'] } | { readonly png: Buffer })[],
  cursor = false,
): Buffer {
  const bodies = pictures.map((picture) => ('png' in picture ? picture.png : iconDib(picture.side, picture.bits)));
  const head = Buffer.alloc(6 + 16 * pictures.length);
  head.writeUInt16LE(cursor ? 2 : 1, 2);
  head.writeUInt16LE(pictures.length, 4);
  let at = head.length;
  for (const [index, body] of bodies.entries()) {
    head.writeUInt32LE(body.length, 6 + index * 16 + 8);
    head.writeUInt32LE(at, 6 + index * 16 + 12);
    at += body.length;
  }
  return Buffer.concat([head, ...bodies]);
}

function iconDib(side: number, bits: BmpOptions['bits']): Buffer {
  const { bytes } = dibOf(side, side, { ...(bits && { bits }) }, 2);
  const maskRow = Math.ceil(side / 32) * 4;
  const mask = Buffer.alloc(maskRow * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (quarterAt(x, side - 1 - y, side, side) === 3)
        mask[y * maskRow + (x >> 3)] = (mask[y * maskRow + (x >> 3)] ?? 0) | (128 >> (x & 7));
    }
  }
  return Buffer.concat([bytes, mask]);
}
