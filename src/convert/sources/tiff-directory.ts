// The first directory of a TIFF or BigTIFF, read and written (TIFF 6.0): bounded, and nothing here throws on damage.
import type { ByteSource } from '../byte-source.js';

export interface TiffTag {
  readonly type: number;
  readonly count: number;
  /** Its values as they lie in the file; fewer than the count says where the file ends. */
  readonly data: Buffer;
}

export interface TiffDirectory {
  readonly bigEndian: boolean;
  readonly bigTiff: boolean;
  /** By number; of equal ones the first. */
  readonly tags: ReadonlyMap<number, TiffTag>;
}

export const [SHORT, LONG, LONG8] = [3, 4, 16] as const;
const TYPE_BYTES: readonly number[] = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8];
const MAX_ENTRIES = 4096;

/** The directory at `offset`, the first by default; `undefined` where there is none. */
export function tiffDirectory(bytes: ByteSource, offset?: number): TiffDirectory | undefined {
  const file = new TiffBytes(bytes);
  const at = offset ?? file.firstDirectory;
  const [countBytes, entryBytes, valueBytes] = file.bigTiff ? [8, 20, 8] : [2, 12, 4];
  if (at < 8 || at + countBytes > bytes.length) return undefined;
  const entries = Math.min(MAX_ENTRIES, file.number(at, countBytes));
  const tags = new Map<number, TiffTag>();
  for (let index = 0; index < entries; index++) {
    const entry = at + countBytes + index * entryBytes;
    if (entry + entryBytes > bytes.length) break;
    const number = file.number(entry, 2);
    const type = file.number(entry + 2, 2);
    const count = file.number(entry + 4, valueBytes);
    const length = count * (TYPE_BYTES[type] ?? 0);
    const inPlace = entry + 4 + valueBytes;
    const from = length <= valueBytes ? inPlace : file.number(inPlace, valueBytes);
    if (!tags.has(number)) tags.set(number, { type, count, data: bytes.subarray(from, from + length) });
  }
  return { bigEndian: file.bigEndian, bigTiff: file.bigTiff, tags };
}

/** The whole numbers of a tag; empty where it is absent or of another type. */
export function tiffNumbers({ tags, bigEndian }: TiffDirectory, number: number): number[] {
  const tag = tags.get(number);
  const size = TYPE_BYTES[tag?.type ?? 0] ?? 0;
  if (tag === undefined || size === 0 || ![1, 3, 4, 6, 7, 8, 9, 13, 16].includes(tag.type)) return [];
  const values: number[] = [];
  for (let at = 0; at + size <= tag.data.length; at += size) values.push(numberAt(tag.data, at, size, bigEndian));
  return values;
}

/** One whole number. */
export function tiffNumber(directory: TiffDirectory, number: number): number | undefined {
  return tiffNumbers(directory, number)[0];
}

/** `bytes` with these tags as its only directory, written behind everything else. */
export function withTiffDirectory(
  bytes: Buffer,
  { bigEndian, bigTiff }: Pick<TiffDirectory, 'bigEndian' | 'bigTiff'>,
  tags: ReadonlyMap<number, { readonly type: number; readonly values: readonly number[] | Buffer }>,
): Buffer {
  const [countBytes, entryBytes, valueBytes] = bigTiff ? [8, 20, 8] : [2, 12, 4];
  const put = (length: number, value: number): Buffer => numberAs(length, value, bigEndian);
  const padding = Buffer.alloc(bytes.length % 2);
  const at = bytes.length + padding.length;
  let behind = at + countBytes + tags.size * entryBytes + valueBytes;
  const values: Buffer[] = [];
  const entries = [...tags]
    .sort(([a], [b]) => a - b)
    .map(([number, { type, values: value }]) => {
      const size = TYPE_BYTES[type] ?? 1;
      const data = Buffer.isBuffer(value) ? value : Buffer.concat(value.map((one) => put(size, one)));
      const head = [put(2, number), put(2, type), put(valueBytes, data.length / size)];
      if (data.length <= valueBytes) return Buffer.concat([...head, data, Buffer.alloc(valueBytes - data.length)]);
      const even = Buffer.concat([data, Buffer.alloc(data.length % 2)]);
      values.push(even);
      behind += even.length;
      return Buffer.concat([...head, put(valueBytes, behind - even.length)]);
    });
  const directory = [put(countBytes, tags.size), ...entries, Buffer.alloc(valueBytes), ...values];
  const whole = Buffer.concat([bytes, padding, ...directory]);
  put(valueBytes, at).copy(whole, bigTiff ? 8 : 4);
  return whole;
}

class TiffBytes {
  readonly bigEndian: boolean;
  readonly bigTiff: boolean;

  constructor(private readonly bytes: ByteSource) {
    const head = bytes.subarray(0, 4);
    this.bigEndian = head[0] === 0x4d;
    this.bigTiff = head[this.bigEndian ? 3 : 2] === 0x2b;
  }

  get firstDirectory(): number {
    if (this.bytes.length < 16) return 0;
    return this.bigTiff ? this.number(8, 8) : this.number(4, 4);
  }

  number(at: number, length: number): number {
    const bytes = at + length > this.bytes.length ? undefined : this.bytes.subarray(at, at + length);
    return bytes?.length === length ? numberAt(bytes, 0, length, this.bigEndian) : 0;
  }
}

function numberAt(bytes: Buffer, at: number, length: number, bigEndian: boolean): number {
  if (length === 8) return Number(bigEndian ? bytes.readBigUInt64BE(at) : bytes.readBigUInt64LE(at));
  return bigEndian ? bytes.readUIntBE(at, length) : bytes.readUIntLE(at, length);
}

function numberAs(length: number, value: number, bigEndian: boolean): Buffer {
  const out = Buffer.alloc(length);
  if (length === 8) bigEndian ? out.writeBigUInt64BE(BigInt(value)) : out.writeBigUInt64LE(BigInt(value));
  else bigEndian ? out.writeUIntBE(value, 0, length) : out.writeUIntLE(value, 0, length);
  return out;
}
