// What a region's job is on both sides of its message: the memory that it takes, and which of its tiles go to a child that has
// the pixels of some. Pure.
import type { Digest } from '../../kernel/digest.js';
import type { LaidTile, RegionTask } from '../../kernel/ports/converter.js';
import { areaOf } from '../../kernel/sizes.js';
import type { JobMessage } from '../protocol.js';

/** Red, green, blue and what is seen through. */
export const CHANNELS = 4;
/** Pixels of tiles that stay in a child: of 42 whole ones of three channels, which are 9 to 12 screens. */
export const KEPT_PIXEL_BYTES = 32 * 1024 * 1024;
/** For how long nothing is asked for until they go. */
export const KEPT_PIXELS_MS = 3_000;

/** Bytes of memory that drawing takes at most. Pixels that stay are counted as what the child keeps, whatever it is of. */
export function regionCostBytes({ canvas, drawn }: RegionTask): number {
  return CHANNELS * (2 * areaOf(canvas) + 2 * areaOf(drawn.size));
}

/** The message without the bytes of tiles that the child has; the message itself where there are none. */
export function withoutTilesOf(message: JobMessage, has: ReadonlySet<Digest>): JobMessage {
  const { zoom, content } = message;
  if (zoom?.kind !== 'region' || content === undefined || !zoom.tiles.some(({ digest }) => has.has(digest)))
    return message;
  const sent: Buffer[] = [];
  let start = 0;
  const tiles = zoom.tiles.map((tile): LaidTile => {
    if (has.has(tile.digest)) return { ...tile, start: 0, bytes: 0 };
    sent.push(content.subarray(tile.start, tile.start + tile.bytes));
    start += tile.bytes;
    return { ...tile, start: start - tile.bytes };
  });
  return { ...message, content: Buffer.concat(sent), zoom: { ...zoom, tiles } };
}
