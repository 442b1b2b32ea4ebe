// What an AVIF or HEIF says of its colours in code points (ISO/IEC 23008-12, colr box): the decoder's library drops them. Where no box
// says it, the coded picture's own header does (ISO/IEC 23000-22, 7.3.6.4).
import type { Metadata } from 'sharp';
import { type CodePoints, cicpColours } from '../colour/cicp.js';
import { type Reading, readingOf } from '../colour/reading.js';
import { av1Colours } from './av1-colours.js';
import { NOT_TOLD } from './header-bits.js';
import { type HeifItems, heifItems, undecodedHeif } from './heif-items.js';
import { hevcColours } from './hevc-colours.js';

const BRAND_AT = 8;
const [AV1C_FLAGS_AT, AV1C_IS_GREY, NCLX_IS_FULL] = [2, 0x10, 0x80] as const;

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

/** The colours that the primary picture's code points tell; `undefined` with a profile, which the decoder applies, or where they change nothing. */
export function avifReading(bytes: Buffer, header: Metadata): Reading | undefined {
  if (header.icc) return undefined;
  const items = heifItems(bytes);
  const colours = items && cicpColours(codePointsOf(items));
  return colours && readingOf(header.depth === 'ushort' ? 'ushort' : 'uchar', colours, true);
}

function codePointsOf(items: HeifItems): CodePoints {
  const nclx = items.properties('colr').find((box) => box.toString('latin1', 0, 4) === 'nclx' && box.length >= 11);
  const [hvcC, av1C] = [items.configuration('hvcC'), items.configuration('av1C')];
  const coded = (hvcC && hevcColours(hvcC)) ?? (av1C && av1Colours(av1C));
  const isGrey = coded?.isGrey ?? ((av1C?.[AV1C_FLAGS_AT] ?? 0) & AV1C_IS_GREY) !== 0;
  const [primaries, transfer, hasFullRange] = nclx
    ? [nclx.readUInt16BE(4), nclx.readUInt16BE(6), ((nclx[10] ?? 0) & NCLX_IS_FULL) !== 0]
    : [coded?.primaries ?? NOT_TOLD, coded?.transfer ?? NOT_TOLD, coded?.hasFullRange ?? true];
  // The library spreads a narrow range of colours, but not of grey alone.
  return { primaries, transfer, narrowRange: isGrey && !hasFullRange };
}

/** What an AVIF is that has no picture for the decoder. */
export function avifKind(bytes: Buffer): string | undefined {
  return undecodedHeif(bytes, 'AVIF');
}
