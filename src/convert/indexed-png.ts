// A palette and its indices as a PNG (ISO/IEC 15948): the smallest depth that holds the palette, no filter, nothing beside.
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import type { Size } from '../kernel/sizes.js';
import type { Palette } from './palette.js';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOUR_TYPE_INDEXED = 3;
const inBackground = promisify(deflate);

export async function indexedPng({ colours, indices }: Palette, { widthPx, heightPx }: Size): Promise<Buffer> {
  const bits = [1, 2, 4].find((depth) => colours.length <= 2 ** depth) ?? 8;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(widthPx, 0);
  header.writeUInt32BE(heightPx, 4);
  header.set([bits, COLOUR_TYPE_INDEXED, 0, 0, 0], 8);
  const clear = colours.filter(([, , , alpha]) => alpha !== 255);
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(colours.flatMap((colour) => colour.slice(0, 3)))),
    // One alpha for each of the first colours; the others are opaque.
    ...(clear.length > 0 ? [chunk('tRNS', Buffer.from(clear.map(([, , , alpha]) => alpha)))] : []),
    chunk('IDAT', await inBackground(rowsOf(indices, widthPx, heightPx, bits), { level: 6, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Each row behind a 0 for "no filter", packed from the high bits on. */
function rowsOf(indices: Uint8Array, widthPx: number, heightPx: number, bits: number): Buffer {
  const rowBytes = 1 + Math.ceil((widthPx * bits) / 8);
  const rows = Buffer.alloc(rowBytes * heightPx);
  if (bits === 8) {
    for (let y = 0; y < heightPx; y++) rows.set(indices.subarray(y * widthPx, (y + 1) * widthPx), y * rowBytes + 1);
    return rows;
  }
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const at = y * rowBytes + 1 + ((x * bits) >> 3);
      rows[at] = (rows[at] ?? 0) | ((indices[y * widthPx + x] ?? 0) << (8 - bits - ((x * bits) & 7)));
    }
  }
  return rows;
}

function chunk(name: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const framed = Buffer.alloc(8);
  framed.writeUInt32BE(data.length, 0);
  framed.writeUInt32BE(crc32(named), 4);
  return Buffer.concat([framed.subarray(0, 4), named, framed.subarray(4)]);
}

/** The reversed polynomial of ISO 3309, as PNG's annex D has it. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
