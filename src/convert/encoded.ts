// The bytes of a picture in one of the preview types.
import type { PreviewType } from '../kernel/format.js';

export interface Encoded {
  readonly type: PreviewType;
  readonly bytes: Buffer;
}

/** The first, unless the other one is smaller. */
export function smaller(a: Encoded, b: Encoded | undefined): Encoded {
  return b !== undefined && b.bytes.length < a.bytes.length ? b : a;
}

const SIGNATURE_AND_HEADER_BYTES = 8 + 25;
const DENSITY_CHUNK_BYTES = 21;

/** Without the density of 25 pixels an inch that the encoder writes right behind the header: office programs believe it. */
export function withoutDensity(png: Buffer): Buffer {
  const at = SIGNATURE_AND_HEADER_BYTES;
  if (png.toString('latin1', at + 4, at + 8) !== 'pHYs') return png;
  return Buffer.concat([png.subarray(0, at), png.subarray(at + DENSITY_CHUNK_BYTES)]);
}
