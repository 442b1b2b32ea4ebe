// What an AVIF says of its colours in code points (ISO/IEC 23008-12, colr box): the decoder's library drops them.
import type { Metadata } from 'sharp';
import { cicpColours } from '../colour/cicp.js';
import { type Reading, readingOf } from '../colour/reading.js';
import { type Box, boxesOf } from './isobmff.js';

const BRAND_AT = 8;

/** A sequence of pictures as the still that stands beside it, its first or its cover: the library knows no sequences. */
export function avifStill(bytes: Buffer): Buffer {
  if (bytes.toString('latin1', BRAND_AT, BRAND_AT + 4) !== 'avis') return bytes;
  const still = Buffer.from(bytes);
  still.write('avif', BRAND_AT, 'latin1');
  return still;
}

/** The colours that the primary picture's code points tell; `undefined` with a profile, which the decoder applies, or without. */
export function avifReading(bytes: Buffer, header: Metadata): Reading | undefined {
  if (header.icc) return undefined;
  const nclx = colourBoxes(bytes).find((box) => box.toString('latin1', 0, 4) === 'nclx' && box.length >= 10);
  if (nclx === undefined) return undefined;
  const colours = cicpColours({ primaries: nclx.readUInt16BE(4), transfer: nclx.readUInt16BE(6) });
  return colours && readingOf(header.depth === 'ushort' ? 'ushort' : 'uchar', colours, true);
}

/** The bodies of the `colr` boxes of the primary picture; of all pictures where the file does not tell whose they are. */
function colourBoxes(bytes: Buffer): Buffer[] {
  const meta = boxesOf(bytes).find(({ type }) => type === 'meta');
  if (meta === undefined) return [];
  // Behind version and flags.
  const boxes = boxesOf(meta.body.subarray(4));
  const inside = (name: string): Buffer | undefined => boxes.find(({ type }) => type === name)?.body;
  const properties = boxesOf(inside('iprp') ?? Buffer.alloc(0));
  const container = boxesOf(properties.find(({ type }) => type === 'ipco')?.body ?? Buffer.alloc(0));
  const primary = primaryItem(inside('pitm'));
  const own = primary === undefined ? undefined : propertiesOf(properties, primary);
  return container
    .filter(({ type }, index) => type === 'colr' && (own === undefined || own.includes(index + 1)))
    .map(({ body }) => body);
}

function primaryItem(pitm: Buffer | undefined): number | undefined {
  if (pitm === undefined || pitm.length < 6) return undefined;
  if (pitm[0] === 0) return pitm.readUInt16BE(4);
  return pitm.length >= 8 ? pitm.readUInt32BE(4) : undefined;
}

/** Indices, from 1, of the properties that `ipma` boxes give to `item`; `undefined` when none names it. */
function propertiesOf(properties: readonly Box[], item: number): number[] | undefined {
  for (const { type, body } of properties) {
    if (type !== 'ipma' || body.length < 8) continue;
    const idBytes = (body[0] ?? 0) < 1 ? 2 : 4;
    const indexBytes = (body[3] ?? 0) & 1 ? 2 : 1;
    let at = 8;
    for (let entry = 0; entry < body.readUInt32BE(4) && at + idBytes < body.length; entry++) {
      const id = body.readUIntBE(at, idBytes);
      const count = body[at + idBytes] ?? 0;
      at += idBytes + 1;
      const end = Math.min(body.length, at + count * indexBytes);
      if (id === item) {
        const mask = indexBytes === 2 ? 0x7fff : 0x7f;
        const indices: number[] = [];
        for (; at + indexBytes <= end; at += indexBytes) indices.push(body.readUIntBE(at, indexBytes) & mask);
        return indices;
      }
      at = end;
    }
  }
  return undefined;
}
