// What an AVIF says of its colours in code points (ISO/IEC 23008-12, colr box): the decoder's library drops them.
import type { Metadata } from 'sharp';
import { cicpColours } from '../colour/cicp.js';
import { type Reading, readingOf } from '../colour/reading.js';
import { heifItems, undecodedHeif } from './heif-items.js';

const BRAND_AT = 8;

/** A sequence of pictures as the still that stands beside it, its first or its cover: the library knows no sequences. */
export function avifStill(bytes: Buffer): Buffer {
  if (bytes.toString('latin1', BRAND_AT, BRAND_AT + 4) !== 'avis') return bytes;
  const still = Buffer.from(bytes);
  still.write('avif', BRAND_AT, 'latin1');
  giveAlphaToPrimary(still);
  return still;
}

/**
 * Says in place that the alpha of the picture belongs to it, where the file says that of an item that is not there: encoders of sequences
 * wrote the number of another file's picture.
 */
function giveAlphaToPrimary(file: Buffer): void {
  const items = heifItems(file);
  if (items?.primary === undefined) return;
  for (const { type, ofItems } of items.references()) {
    const [of, ...others] = ofItems;
    if (type === 'auxl' && of && others.length === 0 && !items.has(of.item))
      file.writeUIntBE(items.primary, of.at, of.bytes);
  }
}

/** The colours that the primary picture's code points tell; `undefined` with a profile, which the decoder applies, or without. */
export function avifReading(bytes: Buffer, header: Metadata): Reading | undefined {
  if (header.icc) return undefined;
  const nclx = heifItems(bytes)
    ?.properties('colr')
    .find((box) => box.toString('latin1', 0, 4) === 'nclx' && box.length >= 10);
  if (nclx === undefined) return undefined;
  const colours = cicpColours({ primaries: nclx.readUInt16BE(4), transfer: nclx.readUInt16BE(6) });
  return colours && readingOf(header.depth === 'ushort' ? 'ushort' : 'uchar', colours, true);
}

/** What an AVIF is that has no picture for the decoder. */
export function avifKind(bytes: Buffer): string | undefined {
  return undecodedHeif(bytes, 'AVIF');
}
