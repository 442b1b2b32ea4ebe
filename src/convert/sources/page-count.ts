// How many pages or frames a file holds, by walking its structure and no further than asked: decoders build lists of all
// of them before they tell their number, which takes gigabytes or minutes for a file made of nothing else.
import type { ByteSource } from '../byte-source.js';

export interface GifStructure {
  /** There are more than `most` frames; the walk ended there. */
  readonly more: boolean;
  /** The file ends in the midst of a block. */
  readonly cut: boolean;
}

/** Told where each of them stands. */
export interface GifVisitor {
  readonly image?: (at: number) => void;
  /** A graphic control extension: of the image behind it. */
  readonly control?: (at: number) => void;
  /** An extension of an application, from its first byte to behind its last. */
  readonly application?: (from: number, to: number) => void;
  /** A zero where a block should begin. Decoders that are not strict pass it over. */
  readonly strayZero?: (at: number) => void;
}

/** The blocks of `bytes`, a GIF, up to `most` frames (GIF89a, grammar of appendix B). What is no block ends the walk. */
export function gifStructure(bytes: Buffer, most: number, visitor: GifVisitor = {}): GifStructure {
  const IMAGE = 0x2c;
  const EXTENSION = 0x21;
  const CONTROL = 0xf9;
  const APPLICATION = 0xff;
  let frames = 0;
  let at = 13 + colourTableBytes(bytes[10] ?? 0);
  while (at < bytes.length) {
    const from = at;
    const block = bytes[at];
    if (block === IMAGE) {
      if (++frames > most) return { more: true, cut: false };
      visitor.image?.(at);
      // The descriptor, its colour table and the code size stand before the data.
      at += 10 + colourTableBytes(bytes[at + 9] ?? 0) + 1;
    } else if (block === EXTENSION) {
      if (bytes[at + 1] === CONTROL && bytes[at + 2] === 4) visitor.control?.(at);
      at += 2;
    } else if (block === 0) {
      visitor.strayZero?.(at);
      at++;
      continue;
    } else {
      return { more: false, cut: false };
    }
    for (let length = bytes[at]; length !== undefined && length > 0; length = bytes[at]) at += 1 + length;
    at++;
    if (block === EXTENSION && bytes[from + 1] === APPLICATION) visitor.application?.(from, at);
  }
  return { more: false, cut: at > bytes.length };
}

/** Whether `bytes`, a GIF, holds more than `most` frames. */
export function gifHasMoreFrames(bytes: Buffer, most: number): boolean {
  return gifStructure(bytes, most).more;
}

/** `bytes`, a GIF, ended behind its first frame. */
export function gifFirstFrame(bytes: Buffer): Buffer | undefined {
  const starts: number[] = [];
  gifStructure(bytes, 2, { image: (at) => starts.push(at), control: (at) => starts.length === 1 && starts.push(at) });
  // The second frame begins with the extension that belongs to it, where it has one.
  const [, second] = starts;
  return second === undefined ? undefined : Buffer.concat([bytes.subarray(0, second), Buffer.from([0x3b])]);
}

/** `bytes`, a WebP, ended behind its first frame. */
export function webpFirstFrame(bytes: Buffer): Buffer | undefined {
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at + 4);
    const isFrame = bytes.toString('latin1', at, at + 4) === 'ANMF';
    at += 8 + length + (length % 2);
    if (!isFrame || at > bytes.length) continue;
    const first = Buffer.from(bytes.subarray(0, at));
    first.writeUInt32LE(at - 8, 4);
    return first;
  }
  return undefined;
}

function colourTableBytes(flags: number): number {
  return flags & 0x80 ? 3 << ((flags & 7) + 1) : 0;
}

/** Whether `bytes`, a WebP, holds more than `most` frames (RFC 9649, section 2.7.1.1). */
export function webpHasMoreFrames(bytes: Buffer, most: number): boolean {
  let frames = 0;
  for (let at = 12; at + 8 <= bytes.length; ) {
    if (bytes.toString('latin1', at, at + 4) === 'ANMF' && ++frames > most) return true;
    const length = bytes.readUInt32LE(at + 4);
    at += 8 + length + (length % 2);
  }
  return false;
}

/** Whether `bytes`, a TIFF or BigTIFF, has more than `most` directories. One that loops is left for the decoder to refuse. */
export function tiffHasMorePages(bytes: Buffer, most: number): boolean {
  return tiffChain(bytes, most).ends === 'more';
}

/** Whether a directory among the first hundred thousand leads back to one before it. */
export function tiffLoops(bytes: Buffer): boolean {
  return tiffChain(bytes, 100_000).ends === 'loops';
}

/** Where the directory of that page, from 1, stands. */
export function tiffPageOffset(bytes: ByteSource, page: number): number | undefined {
  return tiffChain(bytes, page).offsets[page - 1];
}

interface TiffChain {
  readonly offsets: readonly number[];
  readonly ends: 'more' | 'loops' | 'whole';
}

function tiffChain(bytes: ByteSource, most: number): TiffChain {
  const head = bytes.subarray(0, 4);
  const little = head[0] === 0x49;
  const big = (little ? head[2] : head[3]) === 0x2b;
  const number = (at: number, length: number): Buffer => {
    const found = bytes.subarray(at, at + length);
    return found.length === length ? found : Buffer.alloc(length);
  };
  const short = (at: number): number => (little ? number(at, 2).readUInt16LE() : number(at, 2).readUInt16BE());
  const long = (at: number): number => (little ? number(at, 4).readUInt32LE() : number(at, 4).readUInt32BE());
  const wide = (at: number): number =>
    Number(little ? number(at, 8).readBigUInt64LE() : number(at, 8).readBigUInt64BE());
  const [countBytes, entryBytes, offsetBytes] = big ? [8, 20, 8] : [2, 12, 4];
  const offsetAt = (at: number): number => (at + offsetBytes > bytes.length ? 0 : big ? wide(at) : long(at));
  const seen = new Set<number>();
  for (let at = offsetAt(big ? 8 : 4); at > 0 && at + countBytes <= bytes.length; ) {
    if (seen.has(at)) return { offsets: [...seen], ends: 'loops' };
    if (seen.size >= most) return { offsets: [...seen], ends: 'more' };
    seen.add(at);
    const entries = big ? wide(at) : short(at);
    at = offsetAt(at + countBytes + entries * entryBytes);
  }
  return { offsets: [...seen], ends: 'whole' };
}
