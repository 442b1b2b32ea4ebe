// A palette and its indices as a PNG (ISO/IEC 15948): the smallest depth that holds the palette, no filter, nothing beside.
import { promisify } from 'node:util';
import { crc32, deflate } from 'node:zlib';
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
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    ...paletteChunks(colours),
    chunk('IDAT', await inBackground(rowsOf(indices, widthPx, heightPx, bits), { level: 6, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function paletteChunks(colours: Palette['colours']): Buffer[] {
  const palette = chunk('PLTE', Buffer.from(colours.flatMap((colour) => colour.slice(0, 3))));
  const clear = colours.filter(([, , , alpha]) => alpha !== 255);
  // One alpha for each of the first colours; the others are opaque.
  return clear.length > 0 ? [palette, chunk('tRNS', Buffer.from(clear.map(([, , , alpha]) => alpha)))] : [palette];
}

/** Each row behind a 0 for "no filter", packed from the high bits on. */
function rowsOf(indices: Uint8Array, widthPx: number, heightPx: number, bits: number): Buffer {
  const rowBytes = 1 + Math.ceil((widthPx * bits) / 8);
  const rows = Buffer.allocUnsafe(rowBytes * heightPx);
  for (let y = 0; y < heightPx; y++) rows[y * rowBytes] = 0;
  if (bits === 8) {
    for (let y = 0; y < heightPx; y++) rows.set(indices.subarray(y * widthPx, (y + 1) * widthPx), y * rowBytes + 1);
    return rows;
  }
  const inByte = 8 / bits;
  for (let y = 0; y < heightPx; y++) {
    const end = (y + 1) * widthPx;
    for (let from = y * widthPx, at = y * rowBytes + 1; from < end; from += inByte, at++) {
      let packed = 0;
      for (let pixel = from; pixel < from + inByte; pixel++)
        packed = (packed << bits) | (pixel < end ? (indices[pixel] as number) : 0);
      rows[at] = packed;
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
