// A source's own coded picture without anything beside it: what a preview at the source's own size is when no re-encoding is
// smaller. Every byte of it is accounted for: tables, coded pixels, and nothing behind them.
import { inflateSync } from 'node:zlib';
import type { Encoded } from './encoded.js';
import type { SourceFile } from './source-file.js';

/**
 * `undefined` where the bytes alone would not look as the preview does (a profile, another orientation, more than 8 bits), or where
 * they cannot be told apart from what else the file holds. To be asked after the file has been decoded strictly.
 */
export function ownPicture({ info, codedAs, header, reading, pixels, bytes }: SourceFile): Encoded | undefined {
  const isPlain = reading === undefined && pixels === undefined && header.icc === undefined && info.orientation === 1;
  if (!isPlain || info.type !== codedAs || info.bitsPerSample > 8) return undefined;
  if (info.colorSpace !== 'srgb' && info.colorSpace !== 'b-w') return undefined;
  const own = info.type === 'jpeg' ? plainJpeg(bytes) : info.type === 'png' ? plainPng(bytes) : undefined;
  return own && { type: info.type === 'jpeg' ? 'jpg' : 'png', bytes: own };
}

/** What is kept of an Adobe segment: its length, name, version, flags and the transform. */
const ADOBE_BYTES = 14;

/** Markers of ITU-T T.81, table B.1: of baseline, extended and progressive pictures. */
const KEPT_SEGMENTS: readonly number[] = [0xc0, 0xc1, 0xc2, 0xc4, 0xdb, 0xdd];
const [SCAN, END, ADOBE] = [0xda, 0xd9, 0xee];

function plainJpeg(bytes: Buffer): Buffer | undefined {
  const kept = [bytes.subarray(0, 2)];
  let at = 2;
  for (;;) {
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff || marker === undefined) return undefined;
    if (marker === END) return Buffer.concat([...kept, bytes.subarray(at, at + 2)]);
    if (at + 4 > bytes.length) return undefined;
    const end = at + 2 + bytes.readUInt16BE(at + 2);
    if (KEPT_SEGMENTS.includes(marker) || marker === SCAN) kept.push(bytes.subarray(at, end));
    else if (marker === ADOBE && bytes.toString('latin1', at + 4, at + 9) === 'Adobe')
      kept.push(Buffer.from([0xff, ADOBE, 0, ADOBE_BYTES]), bytes.subarray(at + 4, at + 2 + ADOBE_BYTES));
    // Other frames (arithmetic, lossless), and markers that stand alone, are met in nothing that browsers show.
    else if (marker < 0xe0 || (marker > 0xef && marker !== 0xfe)) return undefined;
    at = end;
    if (marker !== SCAN) continue;
    const next = endOfScan(bytes, at);
    kept.push(bytes.subarray(at, next));
    at = next;
  }
}

/** Where the next marker stands that is neither a restart nor a stuffed byte. */
function endOfScan(bytes: Buffer, from: number): number {
  let at = bytes.indexOf(0xff, from);
  while (at >= 0 && (bytes[at + 1] === 0 || ((bytes[at + 1] ?? 0) & 0xf8) === 0xd0)) at = bytes.indexOf(0xff, at + 2);
  return at < 0 ? bytes.length : at;
}

const PNG_SIGNATURE_BYTES = 8;
const KEPT_CHUNKS: readonly string[] = ['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'];
/** Samples of a pixel by colour type (PNG 11.2.1). */
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

function plainPng(bytes: Buffer): Buffer | undefined {
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
