// Tiles as pixels, for regions: whoever pans asks for the next region of nearly the same tiles, so those of the last ones stay for a while.
// Found by the digests of their bytes, so what is given is what decoding them would give.
import sharp from 'sharp';
import type { Digest } from '../../kernel/digest.js';
import type { Size } from '../../kernel/sizes.js';
import { MAX_TOLD_TILES } from '../protocol.js';
import { KEPT_PIXEL_BYTES, KEPT_PIXELS_MS } from './region-job.js';

/** Tiles that are decoded side by side: as many as a child has threads. */
const AT_ONCE = 4;

/** Eight bits a channel: three, or four where some pixels are seen through. */
export interface TilePixels extends Size {
  readonly data: Buffer;
  readonly channels: 3 | 4;
}

export interface NamedTile {
  readonly digest: Digest;
}

export class DecodedTiles {
  /** Those used longest ago first. */
  private readonly kept = new Map<Digest, TilePixels>();
  private keptBytes = 0;
  private timer: NodeJS.Timeout | undefined;

  /** Of what is here now. */
  get digests(): readonly Digest[] {
    return [...this.kept.keys()];
  }

  has({ digest }: NamedTile): boolean {
    return this.kept.has(digest);
  }

  /**
   * Every tile once, in no order, a few at a time: `bytesOf` gives one that is not here, `each` is told of its pixels and keeps none of them.
   * They stay then, as many as there is room for. Throws what decoding throws.
   */
  async each<T extends NamedTile>(
    tiles: readonly T[],
    bytesOf: (tile: T) => Buffer,
    each: (of: TilePixels, tile: T) => void,
  ): Promise<void> {
    clearTimeout(this.timer);
    const missing: T[] = [];
    // What is here first: tiles that come may push it out.
    for (const tile of tiles) {
      const pixels = this.kept.get(tile.digest);
      if (pixels === undefined) missing.push(tile);
      else this.use(tile.digest, pixels, each, tile);
    }
    const decode = async (tile: T): Promise<void> => this.use(tile.digest, await decoded(bytesOf(tile)), each, tile);
    try {
      for (let from = 0; from < missing.length; from += AT_ONCE)
        await Promise.all(missing.slice(from, from + AT_ONCE).map(decode));
    } finally {
      this.timer = setTimeout(() => this.forget(), KEPT_PIXELS_MS).unref();
    }
  }

  /** Before the next job that is of something else: its source, which may be anybody's, shall find none. */
  forget(): void {
    clearTimeout(this.timer);
    this.kept.clear();
    this.keptBytes = 0;
  }

  private use<T>(digest: Digest, pixels: TilePixels, each: (of: TilePixels, tile: T) => void, tile: T): void {
    each(pixels, tile);
    this.keptBytes += pixels.data.length - (this.kept.get(digest)?.data.length ?? 0);
    this.kept.delete(digest);
    this.kept.set(digest, pixels);
    for (const [first, { data }] of this.kept) {
      if (this.keptBytes <= KEPT_PIXEL_BYTES && this.kept.size <= MAX_TOLD_TILES) return;
      this.kept.delete(first);
      this.keptBytes -= data.length;
    }
  }
}

/** All of it: cutting a part out of it while it is decoded takes longer than what is left out. */
async function decoded(bytes: Buffer): Promise<TilePixels> {
  const image = sharp(bytes, { failOn: 'warning', sequentialRead: true }).toColourspace('srgb');
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  const { width: widthPx, height: heightPx, channels } = info;
  if (channels !== 3 && channels !== 4) throw new Error('expected tiles of three or four channels');
  return { data, widthPx, heightPx, channels };
}
