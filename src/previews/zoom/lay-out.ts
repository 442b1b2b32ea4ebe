// Which tiles a region is drawn of, and where each lies: pure.
import type { Digest } from '../../kernel/digest.js';
import type { LaidTile, RegionTask } from '../../kernel/ports/converter.js';
import type { Size } from '../../kernel/sizes.js';
import type { ImageRequest } from '../../kernel/zoom/image-request.js';
import {
  levelFor,
  levelSize,
  maxLevelOf,
  type Rect,
  TILE_SIDE_PX,
  type TilePlace,
  tileRect,
} from '../../kernel/zoom/pyramid.js';

/** A tile as it was read. */
export interface TileBytes {
  readonly bytes: Buffer;
  readonly digest: Digest;
}

export interface LaidOut {
  readonly places: readonly TilePlace[];
  /** The task, given the bytes of these tiles in their order, and the one file that it reads them from. */
  with(tiles: readonly TileBytes[]): { readonly task: RegionTask; readonly bytes: Buffer };
}

/** Of the smallest level that has every pixel which is shown. The canvas is as large as the tiles that the region touches. */
export function layOut(picture: Size, request: ImageRequest): LaidOut {
  const level = levelFor(picture, request.region, request.size);
  const cut = cutAt(picture, level, request);
  const first = { column: tileOf(cut.leftPx), row: tileOf(cut.topPx) };
  const last = { column: tileOf(cut.leftPx + cut.widthPx - 1), row: tileOf(cut.topPx + cut.heightPx - 1) };
  const origin = { leftPx: first.column * TILE_SIDE_PX, topPx: first.row * TILE_SIDE_PX };
  const places: TilePlace[] = [];
  const rects: Rect[] = [];
  for (let row = first.row; row <= last.row; row++)
    for (let column = first.column; column <= last.column; column++) {
      const place = { level, column, row };
      const rect = tileRect(picture, place);
      if (rect === undefined) throw new RangeError('expected a region that lies in the picture');
      places.push(place);
      rects.push({ ...rect, leftPx: rect.leftPx - origin.leftPx, topPx: rect.topPx - origin.topPx });
    }
  const canvas = {
    widthPx: Math.max(...rects.map(({ leftPx, widthPx }) => leftPx + widthPx)),
    heightPx: Math.max(...rects.map(({ topPx, heightPx }) => topPx + heightPx)),
  };
  const { size, mirrored, rotation, quality, format } = request;
  const region = { ...cut, leftPx: cut.leftPx - origin.leftPx, topPx: cut.topPx - origin.topPx };
  return {
    places,
    with(tiles) {
      let start = 0;
      const laid = tiles.map(({ bytes, digest }, index): LaidTile => {
        const rect = rects[index];
        if (rect === undefined) throw new RangeError('expected as many tiles as there are places');
        start += bytes.length;
        return { ...rect, digest, start: start - bytes.length, bytes: bytes.length };
      });
      const drawn = { region, size, mirrored, rotation, quality, format };
      return {
        task: { kind: 'region', canvas, tiles: laid, drawn },
        bytes: Buffer.concat(tiles.map(({ bytes }) => bytes)),
      };
    },
  };
}

/**
 * The pixels of a level that show the region: as many as are asked for where it has so many, no more than half of one away, so that none has
 * to be scaled; else all that show any of it.
 */
function cutAt(picture: Size, level: number, { region, size }: ImageRequest): Rect {
  const factor = 2 ** (maxLevelOf(picture) - level);
  const { widthPx, heightPx } = levelSize(picture, level);
  if (region.widthPx === size.widthPx * factor && region.heightPx === size.heightPx * factor)
    return {
      leftPx: Math.min(Math.round(region.leftPx / factor), widthPx - size.widthPx),
      topPx: Math.min(Math.round(region.topPx / factor), heightPx - size.heightPx),
      widthPx: size.widthPx,
      heightPx: size.heightPx,
    };
  const leftPx = Math.floor(region.leftPx / factor);
  const topPx = Math.floor(region.topPx / factor);
  const rightPx = Math.min(widthPx, Math.ceil((region.leftPx + region.widthPx) / factor));
  const bottomPx = Math.min(heightPx, Math.ceil((region.topPx + region.heightPx) / factor));
  return { leftPx, topPx, widthPx: rightPx - leftPx, heightPx: bottomPx - topPx };
}

function tileOf(pixel: number): number {
  return Math.floor(pixel / TILE_SIDE_PX);
}
