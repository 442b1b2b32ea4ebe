// Windows icons and cursors: the largest picture in them, a PNG or a bitmap with a mask.
import type { OpenedSource, Pixels } from '../opened-source.js';
import { DamagedSource, expectBytes } from '../refused-kind.js';
import { type Dib, dibPixels, readDib, rowBytesOf } from './dib.js';

const HEADER_BYTES = 6;
const ENTRY_BYTES = 16;
/** More are not looked at. */
const MAX_ENTRIES = 256;
const PNG_SIGNATURE = '\x89PNG\r\n\x1a\n';

interface Entry {
  readonly at: number;
  readonly end: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly bits: number;
}

/** The entry with the most pixels; of those the one with the most colours. */
export function openIco(file: Buffer): OpenedSource {
  const best = entriesOf(file).sort((a, b) => areaOf(b) - areaOf(a) || b.bits - a.bits)[0];
  if (best === undefined) throw new DamagedSource('expected at least one picture in the icon, got none');
  const bytes = file.subarray(best.at, best.end);
  if (isPng(bytes)) return { kind: 'embedded', type: 'png', bytes };
  const dib = readDib(bytes, 0, true);
  return {
    kind: 'pixels',
    size: dib,
    orientation: 1,
    hasAlpha: true,
    channels: 4,
    bits: 8,
    colorSpace: 'srgb',
    pages: 1,
    decoderBytes: ({ widthPx, heightPx }) => widthPx * heightPx * 8,
    decode: async () => iconPixels(bytes, dib),
  };
}

function areaOf({ widthPx, heightPx }: Entry): number {
  return widthPx * heightPx;
}

function isPng(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, 8) === PNG_SIGNATURE;
}

function entriesOf(file: Buffer): Entry[] {
  expectBytes(file, 0, HEADER_BYTES);
  const count = Math.min(MAX_ENTRIES, file.readUInt16LE(4));
  const entries: Entry[] = [];
  for (let index = 0; index < count; index++) {
    const from = HEADER_BYTES + index * ENTRY_BYTES;
    expectBytes(file, from, ENTRY_BYTES);
    const [length, at] = [file.readUInt32LE(from + 8), file.readUInt32LE(from + 12)];
    expectBytes(file, at, Math.max(24, length));
    const bytes = file.subarray(at, at + length);
    // What the directory says of the size is a byte, and often wrong.
    const [widthPx, heightPx] = isPng(bytes)
      ? [bytes.readUInt32BE(16), bytes.readUInt32BE(20)]
      : [readDib(bytes, 0, true).widthPx, readDib(bytes, 0, true).heightPx];
    entries.push({ at, end: at + length, widthPx, heightPx, bits: file.readUInt16LE(from + 6) });
  }
  return entries;
}

/** With the mask as alpha, unless the pixels have some of their own. */
function iconPixels(bytes: Buffer, dib: Dib): Pixels {
  const colours = dibPixels(bytes, dib, dib.end);
  const { widthPx, heightPx } = dib;
  const maskAt = dib.end + rowBytesOf(dib) * heightPx;
  const maskRow = rowBytesOf({ widthPx, bits: 1 });
  const hasMask = maskAt + maskRow * heightPx <= bytes.length;
  if (!hasMask && !dib.hasAlpha) throw new DamagedSource('expected a mask behind the pixels of the icon, got its end');
  if (dib.hasAlpha && (!hasMask || usesAlpha(colours))) return colours;
  const samples = Buffer.allocUnsafe(widthPx * heightPx * 4);
  for (let y = 0, pixel = 0; y < heightPx; y++) {
    const row = maskAt + (dib.topDown ? y : heightPx - 1 - y) * maskRow;
    for (let x = 0; x < widthPx; x++, pixel++) {
      const isClear = ((bytes[row + (x >> 3)] as number) >> (7 - (x & 7))) & 1;
      for (let channel = 0; channel < 3; channel++) {
        samples[pixel * 4 + channel] = colours.samples[pixel * colours.channels + channel] as number;
      }
      samples[pixel * 4 + 3] = isClear ? 0 : 255;
    }
  }
  return { samples, widthPx, heightPx, channels: 4 };
}

function usesAlpha({ samples, channels }: Pixels): boolean {
  for (let at = 3; at < samples.length; at += channels) if (samples[at] !== 0) return true;
  return false;
}
