// GIF files block by block (GIF89a specification): screens of any size, frames by the thousand in a few bytes each.

export interface GifOptions {
  /** Logical screen; default 8x8. */
  readonly screen?: readonly [widthPx: number, heightPx: number];
  /** Each frame is 8x8 of one colour; default 1 frame. */
  readonly frames?: number;
  /** Hundredths of a second; default 10. */
  readonly delay?: number;
  /** Netscape loop count; default none. */
  readonly loop?: number;
  /** Where each frame lies and how large it says it is; default 0, 0, 8, 8. */
  readonly frame?: readonly [left: number, top: number, widthPx: number, heightPx: number];
  /** Where each frame lies, where they differ; all are 8x8. */
  readonly at?: readonly (readonly [left: number, top: number])[];
  /** What happens to each frame before the next: 0 or 1 it stays, 2 it is cleared, 3 what was before comes back. */
  readonly disposal?: number;
  /** The index of the transparent colour; default none. */
  readonly transparent?: number;
}

/** The LZW data of 64 equal pixels: clear, then runs 0, 00, 000, ... (codes of 3 bits growing as the table does), end. */
function equalPixels(count: number): Buffer {
  const codes: [code: number, bits: number][] = [[4, 3]];
  let left = count;
  let next = 6;
  let bits = 3;
  for (let run = 1; left > 0; run++) {
    const length = Math.min(run, left);
    // A run of one is the colour itself; longer ones are the entries that the decoder has just made.
    codes.push([length === 1 ? 0 : 4 + length, bits]);
    left -= length;
    if (codes.length > 2) next++;
    if (next === 2 ** bits && bits < 12) bits++;
  }
  codes.push([5, bits]);
  const bytes: number[] = [];
  let buffer = 0;
  let held = 0;
  for (const [code, width] of codes) {
    buffer |= code << held;
    held += width;
    for (; held >= 8; held -= 8, buffer >>>= 8) bytes.push(buffer & 0xff);
  }
  if (held > 0) bytes.push(buffer & 0xff);
  return Buffer.from([2, bytes.length, ...bytes, 0]);
}

/** A GIF as told; 23 bytes a frame or so. */
export function gifOf(options: GifOptions = {}): Buffer {
  const { screen = [8, 8], frames = 1, delay = 10, loop, frame = [0, 0, 8, 8], disposal = 0, transparent } = options;
  const head = Buffer.alloc(13 + 12);
  head.write('GIF89a', 'latin1');
  head.writeUInt16LE(screen[0], 6);
  head.writeUInt16LE(screen[1], 8);
  head.set([0x81, 0, 0, 10, 20, 30, 200, 100, 50, 0, 0, 0, 255, 255, 255], 10);
  const flags = (disposal << 2) | (transparent === undefined ? 0 : 1);
  const control = Buffer.from([0x21, 0xf9, 4, flags, delay & 0xff, delay >> 8, transparent ?? 0, 0]);
  const descriptor = Buffer.alloc(10);
  descriptor[0] = 0x2c;
  for (const [index, value] of frame.entries()) descriptor.writeUInt16LE(value, 1 + index * 2);
  const one = Buffer.concat([control, descriptor, equalPixels(64)]);
  const placed = options.at?.map(([left, top]) => {
    const moved = Buffer.from(one);
    moved.writeUInt16LE(left, control.length + 1);
    moved.writeUInt16LE(top, control.length + 3);
    return moved;
  });
  const netscape =
    loop === undefined
      ? Buffer.alloc(0)
      : Buffer.concat([
          Buffer.from('\x21\xff\x0bNETSCAPE2.0\x03\x01', 'latin1'),
          Buffer.from([loop & 0xff, loop >> 8, 0]),
        ]);
  return Buffer.concat([head, netscape, ...(placed ?? Array.from({ length: frames }, () => one)), Buffer.from([0x3b])]);
}
