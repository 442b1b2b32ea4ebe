// Device-independent bitmaps, as BMP files and icons hold them: the header of every version, and the pixels ("Bitmap Storage",
// Microsoft; "OS/2 Presentation Manager", IBM).
import type { Pixels } from '../opened-source.js';
import { DamagedSource, expectBytes, refusedKind } from '../refused-kind.js';
import { rleIndices } from './dib-rle.js';

export interface Dib {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly topDown: boolean;
  readonly bits: 1 | 2 | 4 | 8 | 16 | 24 | 32;
  /** How samples lie in a pixel; `embedded` is a whole JPEG or PNG. */
  readonly coding: 'palette' | 'rle4' | 'rle8' | 'masks' | 'jpeg' | 'png';
  /** RGB of up to 256 entries. */
  readonly palette: Uint8Array;
  /** Red, green, blue, alpha; 0 where there is none. */
  readonly masks: readonly [number, number, number, number];
  readonly hasAlpha: boolean;
  /** Behind header, masks and palette. */
  readonly end: number;
  /** Of the data, where the header tells it. */
  readonly dataBytes: number;
  readonly icc: Buffer | undefined;
}

const [RGB, RLE8, RLE4, BITFIELDS, JPEG, PNG, ALPHA_BITFIELDS] = [0, 1, 2, 3, 4, 5, 6];
const OS2_HEADERS: readonly number[] = [16, 64];
const HEADERS: readonly number[] = [12, ...OS2_HEADERS, 40, 52, 56, 108, 124];
const BITS: readonly number[] = [1, 2, 4, 8, 16, 24, 32];
/** "MBED", a profile inside the file. */
const EMBEDDED_PROFILE = 0x4d424544;

/** The header at `at`. In an icon it counts the rows of the mask too, and 32 bits have alpha. Throws for damage and foreign kinds. */
export function readDib(file: Buffer, at: number, inIcon: boolean): Dib {
  expectBytes(file, at, 16);
  const headerBytes = file.readUInt32LE(at);
  if (!HEADERS.includes(headerBytes))
    throw new DamagedSource(`expected a bitmap header, got one of ${headerBytes} bytes`);
  expectBytes(file, at, headerBytes);
  const core = headerBytes === 12;
  const width = core ? file.readUInt16LE(at + 4) : file.readInt32LE(at + 4);
  const rows = core ? file.readUInt16LE(at + 6) : file.readInt32LE(at + 8);
  const bits = file.readUInt16LE(at + (core ? 10 : 14));
  const has = (offset: number): boolean => headerBytes >= offset + 4;
  const compression = has(16) ? file.readUInt32LE(at + 16) : RGB;
  const heightPx = Math.floor(Math.abs(rows) / (inIcon ? 2 : 1));
  if (width < 1 || heightPx < 1) throw new DamagedSource(`expected a bitmap of at least 1x1, got ${width}x${rows}`);
  const isOs2 = OS2_HEADERS.includes(headerBytes);
  const coding = codingOf(compression, bits, isOs2);
  if (coding !== 'jpeg' && coding !== 'png' && !BITS.includes(bits)) throw refusedKind(`a BMP of ${bits} bits a pixel`);

  const bitfields = !isOs2 && (compression === BITFIELDS || compression === ALPHA_BITFIELDS);
  const inHeader = headerBytes >= 52;
  // The masks of the oldest header stand behind it.
  const behind = bitfields && headerBytes === 40 ? (compression === ALPHA_BITFIELDS ? 16 : 12) : 0;
  if (behind > 0) expectBytes(file, at + 40, behind);
  const mask = (index: number): number =>
    (inHeader ? headerBytes >= 44 + index * 4 : index * 4 < behind) ? file.readUInt32LE(at + 40 + index * 4) : 0;
  const given = [mask(0), mask(1), mask(2), mask(3)] as const;
  const masks = bitfields ? given : defaultMasks(bits, inIcon);
  const used = has(32) && !core ? file.readUInt32LE(at + 32) : 0;
  const most = bits <= 8 ? 1 << bits : 0;
  const colours = core ? most : used > 0 ? Math.min(used, 256) : most;
  const entryBytes = core ? 3 : 4;
  const paletteAt = at + headerBytes + behind;
  const held = bits <= 8 ? Math.min(colours, Math.floor(Math.max(0, file.length - paletteAt) / entryBytes)) : 0;
  const palette = new Uint8Array(256 * 3);
  for (let index = 0; index < held; index++) {
    const from = paletteAt + index * entryBytes;
    for (let channel = 0; channel < 3; channel++) palette[index * 3 + channel] = file[from + 2 - channel] ?? 0;
  }
  return {
    widthPx: width,
    heightPx,
    topDown: rows < 0,
    bits: bits as Dib['bits'],
    coding,
    palette,
    masks,
    hasAlpha: masks[3] !== 0,
    end: paletteAt + (bits <= 8 ? colours * entryBytes : 0),
    dataBytes: has(20) ? file.readUInt32LE(at + 20) : 0,
    icc: headerBytes === 124 ? profileOf(file, at) : undefined,
  };
}

function codingOf(compression: number, bits: number, isOs2: boolean): Dib['coding'] {
  if (compression === RGB) return bits <= 8 ? 'palette' : 'masks';
  if (compression === RLE8 && bits === 8) return 'rle8';
  if (compression === RLE4 && bits === 4) return 'rle4';
  if (!isOs2 && (compression === BITFIELDS || compression === ALPHA_BITFIELDS) && (bits === 16 || bits === 32))
    return 'masks';
  if (!isOs2 && compression === JPEG) return 'jpeg';
  if (!isOs2 && compression === PNG) return 'png';
  throw refusedKind(`a BMP compressed in a way (${compression}) that is not known of ${bits} bits a pixel`);
}

function defaultMasks(bits: number, inIcon: boolean): Dib['masks'] {
  if (bits === 16) return [0x7c00, 0x3e0, 0x1f, 0];
  return [0xff0000, 0xff00, 0xff, inIcon && bits === 32 ? 0xff000000 : 0];
}

function profileOf(file: Buffer, at: number): Buffer | undefined {
  if (file.readUInt32LE(at + 56) !== EMBEDDED_PROFILE) return undefined;
  const from = at + file.readUInt32LE(at + 112);
  const profile = file.subarray(from, from + file.readUInt32LE(at + 116));
  return profile.length > 128 ? profile : undefined;
}

/** Bytes of a row, filled up to four. */
export function rowBytesOf({ widthPx, bits }: Pick<Dib, 'widthPx' | 'bits'>): number {
  return Math.ceil((widthPx * bits) / 32) * 4;
}

/** The pixels, whose data begin at `at`, with 3 or 4 channels. Throws `DamagedSource` unless all of them are there. */
export function dibPixels(file: Buffer, dib: Dib, at: number): Pixels {
  const { widthPx, heightPx, topDown, hasAlpha } = dib;
  const channels = hasAlpha ? 4 : 3;
  const samples = Buffer.allocUnsafe(widthPx * heightPx * channels);
  const rowBytes = rowBytesOf(dib);
  const indices = dib.coding === 'rle4' || dib.coding === 'rle8' ? rleIndices(file, at, dib) : undefined;
  if (!indices) expectBytes(file, at, rowBytes * (heightPx - 1) + Math.ceil((widthPx * dib.bits) / 8));
  const reader = dib.coding === 'masks' ? maskReader(dib) : undefined;
  for (let row = 0; row < heightPx; row++) {
    const to = (topDown ? row : heightPx - 1 - row) * widthPx * channels;
    if (reader) reader(file, at + row * rowBytes, samples, to, widthPx);
    else if (indices) paint(dib, samples, to, (x) => indices[row * widthPx + x] as number);
    else paint(dib, samples, to, packedReader(file, at + row * rowBytes, dib.bits));
  }
  return { samples, widthPx, heightPx, channels, icc: dib.icc };
}

function packedReader(file: Buffer, at: number, bits: number): (x: number) => number {
  if (bits === 8) return (x) => file[at + x] as number;
  const perByte = 8 / bits;
  const most = (1 << bits) - 1;
  return (x) => ((file[at + Math.floor(x / perByte)] as number) >> (8 - bits - (x % perByte) * bits)) & most;
}

function paint({ widthPx, palette }: Dib, samples: Buffer, to: number, indexAt: (x: number) => number): void {
  for (let x = 0, out = to; x < widthPx; x++, out += 3) {
    const from = indexAt(x) * 3;
    samples[out] = palette[from] as number;
    samples[out + 1] = palette[from + 1] as number;
    samples[out + 2] = palette[from + 2] as number;
  }
}

type RowReader = (file: Buffer, at: number, samples: Buffer, to: number, width: number) => void;

function maskReader({ bits, masks, hasAlpha }: Dib): RowReader {
  const isPlain = masks[0] === 0xff0000 && masks[1] === 0xff00 && masks[2] === 0xff;
  if (bits !== 16 && isPlain && !hasAlpha) {
    const step = bits / 8;
    return (file, at, samples, to, width) => {
      for (let x = 0, from = at, out = to; x < width; x++, from += step, out += 3) {
        samples[out] = file[from + 2] as number;
        samples[out + 1] = file[from + 1] as number;
        samples[out + 2] = file[from] as number;
      }
    };
  }
  const channels = masks.slice(0, hasAlpha ? 4 : 3).map(channelOf);
  const step = bits / 8;
  return (file, at, samples, to, width) => {
    for (let x = 0, from = at, out = to; x < width; x++, from += step) {
      const value = bits === 16 ? file.readUInt16LE(from) : file.readUInt32LE(from);
      for (const { shift, most, mask } of channels) {
        samples[out++] = most === 0 ? 0 : Math.round((((value & mask) >>> shift) * 255) / most);
      }
    }
  };
}

function channelOf(mask: number): { readonly mask: number; readonly shift: number; readonly most: number } {
  const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
  return { mask, shift, most: mask >>> shift };
}
