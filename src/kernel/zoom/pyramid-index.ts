// A pyramid's blob: its tiles one after the other, in the order of their numbers, then an index that tells of each its length and
// digest. The record of the source names the index's own digest, so that a slice of the blob is checked before it is believed.
import type { Digest } from '../digest.js';
import type { Size } from '../sizes.js';
import {
  TILE_SIDE_PX,
  TILE_TYPES,
  type TilePlace,
  type TileType,
  tileCountOf,
  tileNumberOf,
  tileRect,
} from './pyramid.js';

/** What a source's record keeps of its pyramid. */
export interface Pyramid {
  /** Names the blob. */
  readonly digest: Digest;
  /** Length of the blob: tiles and index. */
  readonly bytes: number;
  readonly indexDigest: Digest;
  readonly type: TileType;
}

/** The pyramid of one page of a source, from 1. */
export interface PagePyramid extends Pyramid {
  readonly page: number;
}

/** Bytes of a blob from `start`, as many as `bytes`, that have this digest themselves. */
export interface Slice {
  readonly of: Digest;
  readonly start: number;
  readonly bytes: number;
  readonly digest: Digest;
}

/** The first bytes of an index; the last of them is the layout's version. */
const MAGIC = 'PSPYRAM1';
/** Magic, width, height, tile side, type; big-endian words. */
const HEAD_BYTES = MAGIC.length + 4 * 4;
/** A length of four bytes, a SHA-256. */
const ENTRY_BYTES = 4 + 32;

/** What a tile is told by when an index is written. */
export interface MadeTile {
  readonly bytes: number;
  readonly digest: Digest;
}

/** Length of the index of a picture of `size`. */
export function indexBytesOf(size: Size): number {
  return HEAD_BYTES + ENTRY_BYTES * tileCountOf(size);
}

/** The index behind `tiles`, which are all of them in their order. Throws `RangeError` where there are more or fewer. */
export function encodeIndex(size: Size, type: TileType, tiles: readonly MadeTile[]): Buffer {
  const count = tileCountOf(size);
  if (tiles.length !== count) throw new RangeError(`expected ${count} tiles, got ${tiles.length}`);
  const index = Buffer.alloc(indexBytesOf(size));
  index.write(MAGIC, 'latin1');
  let at = MAGIC.length;
  for (const word of [size.widthPx, size.heightPx, TILE_SIDE_PX, TILE_TYPES.indexOf(type)])
    at = index.writeUInt32BE(word, at);
  for (const { bytes, digest } of tiles) {
    at = index.writeUInt32BE(bytes, at);
    at += index.write(digest, at, 'hex');
  }
  return index;
}

/** An index that was read: which bytes a tile is. Holds the text of the index and four bytes more for a tile. */
export class PyramidIndex {
  private constructor(
    private readonly size: Size,
    private readonly digest: Digest,
    private readonly index: Buffer,
    private readonly starts: Float64Array,
  ) {}

  /** `undefined` where `index` is not the one of this pyramid of a picture of `size`. */
  static parse(size: Size, pyramid: Pyramid, index: Buffer): PyramidIndex | undefined {
    if (index.length !== indexBytesOf(size) || index.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined;
    const words = [size.widthPx, size.heightPx, TILE_SIDE_PX, TILE_TYPES.indexOf(pyramid.type)];
    if (words.some((word, at) => index.readUInt32BE(MAGIC.length + 4 * at) !== word)) return undefined;
    const starts = new Float64Array(tileCountOf(size));
    let start = 0;
    for (let number = 0; number < starts.length; number++) {
      starts[number] = start;
      start += index.readUInt32BE(HEAD_BYTES + ENTRY_BYTES * number);
    }
    return start + index.length === pyramid.bytes ? new PyramidIndex(size, pyramid.digest, index, starts) : undefined;
  }

  /** Bytes of memory that it holds. */
  get heldBytes(): number {
    return this.index.length + this.starts.byteLength;
  }

  /** `undefined` for a tile that there is not. */
  sliceOf(place: TilePlace): Slice | undefined {
    if (tileRect(this.size, place) === undefined) return undefined;
    const number = tileNumberOf(this.size, place);
    const at = HEAD_BYTES + ENTRY_BYTES * number;
    return {
      of: this.digest,
      start: this.starts[number] ?? 0,
      bytes: this.index.readUInt32BE(at),
      // 32 bytes as lower-case hex are what a digest is.
      digest: this.index.toString('hex', at + 4, at + ENTRY_BYTES) as Digest,
    };
  }
}

/** Where a pyramid's index lies in its blob. */
export function indexSliceOf(size: Size, { digest, bytes, indexDigest }: Pyramid): Slice {
  const length = indexBytesOf(size);
  return { of: digest, start: bytes - length, bytes: length, digest: indexDigest };
}
