// The arithmetic of tile pyramids: levels, sizes and tiles as Deep Zoom numbers them, which IIIF's scale factors are another
// name for. Pure.
import type { Size } from '../sizes.js';

/**
 * Side of a tile in pixels, without overlap: IIIF, Micrio and Deep Zoom all take that, so one encode serves every face. Half of it
 * means four times the tiles, and a sixth more bytes.
 */
export const TILE_SIDE_PX = 512;

/** What a tile is encoded as: PNG where alpha is used. */
export const TILE_TYPES = ['jpg', 'png'] as const;
export type TileType = (typeof TILE_TYPES)[number];

/** A rectangle of whole pixels. */
export interface Rect extends Size {
  readonly leftPx: number;
  readonly topPx: number;
}

/** One tile of a picture; all counted from 0. */
export interface TilePlace {
  /** 0 is the picture as one pixel, `maxLevelOf` as it is. */
  readonly level: number;
  readonly column: number;
  readonly row: number;
}

/** The level of the full size: how often the longer side is halved, rounding up, until it is 1. */
export function maxLevelOf({ widthPx, heightPx }: Size): number {
  let level = 0;
  // No logarithm: that of a power of two may come out a hair above it.
  for (let side = Math.max(widthPx, heightPx); side > 1; side = Math.ceil(side / 2)) level++;
  return level;
}

/** The size of the whole picture at `level`, from 0 to `maxLevelOf`. */
export function levelSize(size: Size, level: number): Size {
  const factor = 2 ** (maxLevelOf(size) - level);
  return { widthPx: Math.ceil(size.widthPx / factor), heightPx: Math.ceil(size.heightPx / factor) };
}

/** Tiles of a picture of `size` side by side and below each other. */
export function gridOf({ widthPx, heightPx }: Size, sidePx = TILE_SIDE_PX) {
  return { columns: Math.ceil(widthPx / sidePx), rows: Math.ceil(heightPx / sidePx) };
}

/**
 * Where a tile lies in its level, with `overlapPx` on every side that has a neighbour, as Deep Zoom cuts it; `undefined` for one
 * that there is not.
 */
export function tileRect(size: Size, place: TilePlace, sidePx = TILE_SIDE_PX, overlapPx = 0): Rect | undefined {
  const { level, column, row } = place;
  if (![level, column, row].every((of) => Number.isSafeInteger(of) && of >= 0) || level > maxLevelOf(size))
    return undefined;
  const whole = levelSize(size, level);
  const { columns, rows } = gridOf(whole, sidePx);
  if (column >= columns || row >= rows) return undefined;
  const [leftPx, rightPx] = spanOf(column, columns, whole.widthPx, sidePx, overlapPx);
  const [topPx, bottomPx] = spanOf(row, rows, whole.heightPx, sidePx, overlapPx);
  return { leftPx, topPx, widthPx: rightPx - leftPx, heightPx: bottomPx - topPx };
}

function spanOf(index: number, count: number, extent: number, side: number, overlap: number): [number, number] {
  const from = index * side - (index > 0 ? overlap : 0);
  const to = Math.min(extent, (index + 1) * side + (index < count - 1 ? overlap : 0));
  return [from, to];
}

/** Tiles of all levels together. */
export function tileCountOf(size: Size): number {
  return firstTileOf(size, maxLevelOf(size) + 1);
}

/** Its number among all: level by level from the smallest, row by row. The tile has to exist. */
export function tileNumberOf(size: Size, { level, column, row }: TilePlace): number {
  return firstTileOf(size, level) + row * gridOf(levelSize(size, level)).columns + column;
}

/** All tiles in the order of their numbers. */
export function* tilesOf(size: Size): Generator<TilePlace> {
  for (let level = 0; level <= maxLevelOf(size); level++) {
    const { columns, rows } = gridOf(levelSize(size, level));
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) yield { level, column, row };
  }
}

function firstTileOf(size: Size, level: number): number {
  let tiles = 0;
  for (let below = 0; below < level; below++) {
    const { columns, rows } = gridOf(levelSize(size, below));
    tiles += columns * rows;
  }
  return tiles;
}

/** By how much the picture may be divided so that whole tiles come out: 1, 2, 4, to where one tile holds it all. */
export function scaleFactorsOf(size: Size): readonly number[] {
  const factors = [1];
  for (let factor = 1; Math.max(size.widthPx, size.heightPx) > TILE_SIDE_PX * factor; factor *= 2)
    factors.push(2 * factor);
  return factors;
}

/**
 * The tile that shows exactly `region` of the picture (its pixels at full size) at `shown`; `undefined` where none does.
 * `isLoose`: one side of `shown` was computed from the other, and may be a pixel off what halving makes of it.
 */
export function tileShowing(size: Size, region: Rect, shown: Size, isLoose = false): TilePlace | undefined {
  const max = maxLevelOf(size);
  for (let level = max; level >= 0; level--) {
    const factor = 2 ** (max - level);
    const span = TILE_SIDE_PX * factor;
    if (region.leftPx % span !== 0 || region.topPx % span !== 0) return undefined;
    const place = { level, column: region.leftPx / span, row: region.topPx / span };
    const covers =
      region.widthPx === Math.min(span, size.widthPx - region.leftPx) &&
      region.heightPx === Math.min(span, size.heightPx - region.topPx);
    const tile = covers ? tileRect(size, place) : undefined;
    if (tile === undefined) continue;
    const [wide, high] = [Math.abs(tile.widthPx - shown.widthPx), Math.abs(tile.heightPx - shown.heightPx)];
    if (wide === 0 && high === 0) return place;
    if (isLoose && wide + high === 1) return place;
  }
  return undefined;
}

/**
 * Most pixels of a level that a region is drawn of: four times those of the largest picture, since levels halve. Only a region that is
 * squeezed far more one way than the other would take more, and is enlarged a little the other way instead.
 */
export const MAX_CANVAS_PX = 2 ** 26;

/**
 * The smallest level from which `region` can be shown at `shown` without enlarging what it has; the largest where none will do, and a
 * smaller one where it would have more than `MAX_CANVAS_PX` there.
 */
export function levelFor(size: Size, region: Rect, shown: Size): number {
  const max = maxLevelOf(size);
  let level = max;
  for (let factor = 2; level > 0; factor *= 2, level--)
    if (region.widthPx / factor < shown.widthPx || region.heightPx / factor < shown.heightPx) break;
  while (level > 0 && (region.widthPx * region.heightPx) / 4 ** (max - level) > MAX_CANVAS_PX) level--;
  return level;
}
