// BMP files: a bitmap behind a header of 14 bytes.
import type { OpenedSource } from '../opened-source.js';
import { expectBytes, refusedKind } from '../refused-kind.js';
import { dibPixels, readDib } from './dib.js';

const FILE_HEADER_BYTES = 14;

export function openBmp(file: Buffer): OpenedSource {
  expectBytes(file, 0, FILE_HEADER_BYTES + 12);
  const dib = readDib(file, FILE_HEADER_BYTES, false);
  const given = file.readUInt32LE(10);
  // Some writers leave it out.
  const at = given >= FILE_HEADER_BYTES ? given : dib.end;
  if (dib.coding === 'jpeg' || dib.coding === 'png') {
    if (dib.dataBytes === 0) throw refusedKind(`a BMP with an empty ${dib.coding.toUpperCase()} inside`);
    return { kind: 'embedded', type: dib.coding, bytes: file.subarray(at, at + dib.dataBytes) };
  }
  const channels = dib.hasAlpha ? 4 : 3;
  return {
    kind: 'pixels',
    size: dib,
    orientation: 1,
    hasAlpha: dib.hasAlpha,
    channels,
    bits: 8,
    colorSpace: 'srgb',
    pages: 1,
    icc: dib.icc,
    decoderBytes: ({ widthPx, heightPx }) => widthPx * heightPx * (channels + (dib.coding.startsWith('rle') ? 1 : 0)),
    decode: async () => dibPixels(file, dib, at),
  };
}
