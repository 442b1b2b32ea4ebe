// TIFF pictures of any byte order, depth and kind of samples, tag by tag (TIFF 6.0, BigTIFF): what scanners, cameras and
// scientists write and the encoder of the tests does not.
import { deflateSync } from 'node:zlib';

export const [BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED] = [1, 2, 3, 4, 5, 7] as const;
const TYPE_BYTES: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 16: 8 };

export type Tag = readonly [tag: number, type: number, values: readonly number[] | Buffer];

export interface TiffPicture {
  readonly widthPx: number;
  readonly heightPx: number;
  /** Default little-endian. */
  readonly bigEndian?: boolean;
  readonly bigTiff?: boolean;
  /** Bits of each sample: 8, 16, 32 or 64. */
  readonly bits: number;
  /** 1 unsigned (default), 2 signed, 3 float. */
  readonly sampleFormat?: number;
  readonly bands: number;
  /** 0 white is zero, 1 black is zero, 2 RGB, 5 CMYK, 8 CIELab, 9 ICCLab. */
  readonly photometric: number;
  /** The value of each sample, as it is stored. */
  readonly sample: (x: number, y: number, band: number) => number;
  readonly extraSamples?: readonly number[];
  readonly deflate?: boolean;
  /** Planes one behind the other. */
  readonly planar?: boolean;
  readonly rowsPerStrip?: number;
  /** Added, or in place of those with the same tag; `undefined` takes one out. */
  readonly tags?: readonly (Tag | readonly [tag: number, undefined])[];
  /** Tags in this order in the file; default ascending. */
  readonly unsorted?: boolean;
}

/** The file. */
export function tiffPicture(picture: TiffPicture): Buffer {
  const { bigEndian = false, bigTiff = false, unsorted = false } = picture;
  const strips = stripsOf(picture);
  const head = bigTiff ? 16 : 8;
  const offsets: number[] = [];
  let at = head;
  for (const strip of strips) {
    offsets.push(at);
    at += strip.length + (strip.length % 2);
  }
  const tags = tagsOf(picture, offsets, strips);
  if (unsorted) tags.reverse();
  const order = new ByteOrder(bigEndian);
  const header = Buffer.from(bigEndian ? 'MM' : 'II', 'latin1');
  const start = bigTiff
    ? Buffer.concat([header, order.bytes(2, 43), order.bytes(2, 8), order.bytes(2, 0), order.bytes(8, at)])
    : Buffer.concat([header, order.bytes(2, 42), order.bytes(4, at)]);
  const body = strips.map((strip) => Buffer.concat([strip, Buffer.alloc(strip.length % 2)]));
  return Buffer.concat([start, ...body, directoryOf(tags, at, order, bigTiff)]);
}

class ByteOrder {
  constructor(private readonly bigEndian: boolean) {}

  bytes(length: number, value: number): Buffer {
    const out = Buffer.alloc(length);
    if (length === 8) this.bigEndian ? out.writeBigInt64BE(BigInt(value)) : out.writeBigInt64LE(BigInt(value));
    else if (value < 0) this.bigEndian ? out.writeIntBE(value, 0, length) : out.writeIntLE(value, 0, length);
    else this.bigEndian ? out.writeUIntBE(value, 0, length) : out.writeUIntLE(value, 0, length);
    return out;
  }

  float(bits: number, value: number): Buffer {
    const out = Buffer.alloc(bits / 8);
    if (bits === 16) return this.bytes(2, halfOf(value));
    if (bits === 32) this.bigEndian ? out.writeFloatBE(value) : out.writeFloatLE(value);
    else this.bigEndian ? out.writeDoubleBE(value) : out.writeDoubleLE(value);
    return out;
  }
}

/** IEEE 754 binary16 of a value of 0 or at least the smallest normal one. */
function halfOf(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const mantissa = Math.round((Math.abs(value) / 2 ** exponent - 1) * 1024);
  return (value < 0 ? 0x8000 : 0) | (((exponent + 15) << 10) + mantissa);
}

function stripsOf(picture: TiffPicture): Buffer[] {
  const { widthPx, heightPx, bands, planar = false, rowsPerStrip = heightPx, deflate = false } = picture;
  const order = new ByteOrder(picture.bigEndian ?? false);
  const encoded = (value: number): Buffer =>
    picture.sampleFormat === 3 ? order.float(picture.bits, value) : order.bytes(picture.bits / 8, value);
  const strips: Buffer[] = [];
  for (const plane of planar ? Array.from({ length: bands }, (_, band) => [band]) : [[...Array(bands).keys()]]) {
    for (let top = 0; top < heightPx; top += rowsPerStrip) {
      const samples: Buffer[] = [];
      for (let y = top; y < Math.min(heightPx, top + rowsPerStrip); y++) {
        for (let x = 0; x < widthPx; x++) for (const band of plane) samples.push(encoded(picture.sample(x, y, band)));
      }
      const strip = Buffer.concat(samples);
      strips.push(deflate ? deflateSync(strip) : strip);
    }
  }
  return strips;
}

function tagsOf(picture: TiffPicture, offsets: readonly number[], strips: readonly Buffer[]): Tag[] {
  const { widthPx, heightPx, bits, bands, photometric, sampleFormat = 1, extraSamples, planar = false } = picture;
  const all = new Map<number, Tag>();
  const base: readonly Tag[] = [
    [256, LONG, [widthPx]],
    [257, LONG, [heightPx]],
    [258, SHORT, Array<number>(bands).fill(bits)],
    [259, SHORT, [picture.deflate ? 8 : 1]],
    [262, SHORT, [photometric]],
    [273, LONG, offsets],
    [277, SHORT, [bands]],
    [278, LONG, [picture.rowsPerStrip ?? heightPx]],
    [279, LONG, strips.map((strip) => strip.length)],
    [284, SHORT, [planar ? 2 : 1]],
    ...(extraSamples ? [[338, SHORT, extraSamples] as const] : []),
    ...(sampleFormat === 1 ? [] : [[339, SHORT, Array<number>(bands).fill(sampleFormat)] as const]),
  ];
  for (const tag of base) all.set(tag[0], tag);
  for (const tag of picture.tags ?? []) {
    if (tag[1] === undefined) all.delete(tag[0]);
    else all.set(tag[0], tag);
  }
  return [...all.values()].sort(([a], [b]) => a - b);
}

function directoryOf(tags: readonly Tag[], at: number, order: ByteOrder, big: boolean): Buffer {
  const [countBytes, entryBytes, valueBytes] = big ? [8, 20, 8] : [2, 12, 4];
  let behind = at + countBytes + tags.length * entryBytes + valueBytes;
  const values: Buffer[] = [];
  const entries = tags.map(([tag, type, value]) => {
    const size = TYPE_BYTES[type] ?? 1;
    const data = Buffer.isBuffer(value) ? value : Buffer.concat(value.map((one) => order.bytes(size, one)));
    const count = data.length / size;
    const head = [order.bytes(2, tag), order.bytes(2, type), order.bytes(valueBytes, count)];
    if (data.length <= valueBytes) return Buffer.concat([...head, data, Buffer.alloc(valueBytes - data.length)]);
    const padded = Buffer.concat([data, Buffer.alloc(data.length % 2)]);
    values.push(padded);
    behind += padded.length;
    return Buffer.concat([...head, order.bytes(valueBytes, behind - padded.length)]);
  });
  return Buffer.concat([order.bytes(countBytes, tags.length), ...entries, Buffer.alloc(valueBytes), ...values]);
}
