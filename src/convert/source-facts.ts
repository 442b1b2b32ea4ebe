// Small facts of sources that several readers of headers need.
import type { Orientation } from '../kernel/source.js';

/** What a tag says, which may be anything; `undefined` for no tag. */
export function asOrientation(value: number | undefined): Orientation {
  // Anything but 1 to 8 (a damaged tag) is read as upright; the range is checked, so the cast holds.
  return value !== undefined && Number.isInteger(value) && value >= 1 && value <= 8 ? (value as Orientation) : 1;
}

/** A larger packet of XMP or IPTC is not looked at: a JPEG holds no more in a segment, and programs write 2 to 20 kB. */
export const MAX_PACKET_BYTES = 64_000;

/** A larger EXIF block than this is not looked at; real ones have 64 kB at most. */
export const MAX_EXIF_BYTES = 1024 * 1024;
