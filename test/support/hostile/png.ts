// PNG files chunk by chunk (W3C PNG, section 5): what no encoder would write, in a few bytes.
import { crc32, deflateSync } from 'node:zlib';

export const PNG_SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

/** One chunk with its right checksum, unless another is given. */
export function pngChunk(type: string, data: Buffer, checksum?: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(checksum ?? crc32(body));
  return Buffer.concat([length, body, crc]);
}

export interface PngOptions {
  readonly widthPx: number;
  readonly heightPx: number;
  /** Bits per sample; default 1. */
  readonly bits?: number;
  /** 0 grey (default), 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA. */
  readonly colourType?: number;
  readonly interlaced?: boolean;
  /** Between header and pixels. */
  readonly chunks?: readonly Buffer[];
  /** Rows of zeros that stand in the file; default: all. */
  readonly rows?: number;
  readonly headerChecksum?: number;
}

const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** A black picture whose pixels are deflated zeros: a megapixel of one bit takes about 140 bytes. */
export function pngOf(options: PngOptions): Buffer {
  const { widthPx, heightPx, bits = 1, colourType = 0, interlaced = false, chunks = [], rows = heightPx } = options;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(widthPx, 0);
  header.writeUInt32BE(heightPx, 4);
  header.set([bits, colourType, 0, 0, interlaced ? 1 : 0], 8);
  const rowBytes = Math.ceil((widthPx * bits * (SAMPLES[colourType] ?? 1)) / 8) + 1;
  // Interlaced pictures have a little more: seven passes, each with a filter byte a row.
  const bytes = interlaced ? (rowBytes + 8) * rows * 2 : rowBytes * rows;
  return Buffer.concat([
    PNG_SIGNATURE,
    pngChunk('IHDR', header, options.headerChecksum),
    ...(colourType === 3 ? [pngChunk('PLTE', Buffer.from([0, 0, 0, 255, 255, 255]))] : []),
    ...chunks,
    pngChunk('IDAT', deflateSync(Buffer.alloc(bytes), { level: 9 })),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A compressed text of `bytes` letters: a thousandth of that in the file. */
export function zTxtBomb(bytes: number): Buffer {
  return pngChunk(
    'zTXt',
    Buffer.concat([Buffer.from('Comment\0\0', 'latin1'), deflateSync(Buffer.alloc(bytes, 0x41), { level: 9 })]),
  );
}

/** A colour profile that inflates to `bytes` letters. */
export function iccpBomb(bytes: number): Buffer {
  return pngChunk(
    'iCCP',
    Buffer.concat([Buffer.from('Profile\0\0', 'latin1'), deflateSync(Buffer.alloc(bytes, 0x41), { level: 9 })]),
  );
}

/** The chunks of a well-formed PNG as their bytes, without the signature. */
export function pngChunksOf(png: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 8; at + 12 <= png.length; ) {
    const end = at + 12 + png.readUInt32BE(at);
    chunks.push(png.subarray(at, Math.min(end, png.length)));
    at = end;
  }
  return chunks;
}
