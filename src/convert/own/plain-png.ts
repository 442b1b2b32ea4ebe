// A PNG with its pixels, palette and transparency alone.
import { inflateSync } from 'node:zlib';

const PNG_SIGNATURE_BYTES = 8;
const KEPT_CHUNKS: readonly string[] = ['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'];
/** Samples of a pixel by colour type (PNG 11.2.1). */
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** `undefined` where more is packed with the pixels than the header says, and where that takes `mostBytes` or more. */
export function plainPng(bytes: Buffer, mostBytes: number): Buffer | undefined {
  const kept = [bytes.subarray(0, PNG_SIGNATURE_BYTES)];
  const coded: Buffer[] = [];
  let at = PNG_SIGNATURE_BYTES;
  for (;;) {
    if (at + 12 > bytes.length) return undefined;
    const end = at + 12 + bytes.readUInt32BE(at);
    const name = bytes.toString('latin1', at + 4, at + 8);
    if (end > bytes.length) return undefined;
    if (KEPT_CHUNKS.includes(name)) kept.push(bytes.subarray(at, end));
    if (name === 'IDAT') coded.push(bytes.subarray(at + 8, end - 4));
    if (name === 'IEND') break;
    at = end;
  }
  // To look into it costs as much as to decode it.
  if (kept.reduce((sum, { length }) => sum + length, 0) >= mostBytes) return undefined;
  return holdsPixelsAlone(bytes, Buffer.concat(coded)) ? Buffer.concat(kept) : undefined;
}

/** The seven passes of an interlaced picture (PNG 8.2): where each begins, and how far its pixels are apart. */
const PASSES: readonly (readonly [x: number, y: number, stepX: number, stepY: number])[] = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];
const WHOLE = [[0, 0, 1, 1]] as const;

/** Whether what is coded is as long as the header says, to the last byte. */
function holdsPixelsAlone(png: Buffer, coded: Buffer): boolean {
  const [widthPx, heightPx] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const [bits = 0, colour = 0, , , interlaced] = png.subarray(24, 29);
  let expected = 0;
  for (const [x, y, stepX, stepY] of interlaced === 1 ? PASSES : WHOLE) {
    const [columns, rows] = [Math.ceil((widthPx - x) / stepX), Math.ceil((heightPx - y) / stepY)];
    // A pass without pixels has no rows.
    if (columns > 0 && rows > 0) expected += (Math.ceil((columns * bits * (SAMPLES[colour] ?? 0)) / 8) + 1) * rows;
  }
  if ((interlaced !== 0 && interlaced !== 1) || expected <= 0) return false;
  try {
    const { buffer, engine } = inflated(coded, expected);
    return buffer.length === expected && engine.bytesWritten === coded.length;
  } catch {
    return false;
  }
}

/** Node types the answer of `info` as if it were not asked for. */
function inflated(coded: Buffer, maxOutputLength: number) {
  return inflateSync(coded, { info: true, maxOutputLength }) as unknown as {
    readonly buffer: Buffer;
    readonly engine: { readonly bytesWritten: number };
  };
}
