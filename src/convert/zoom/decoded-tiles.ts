// Tiles as pixels, for regions: whoever pans asks for the next region of nearly the same tiles, so those of the last one stay for a moment.
// Found by their very bytes, so what is given is what decoding them would give.
import sharp from 'sharp';
import { type Digest, digestOf } from '../../kernel/digest.js';
import type { Size } from '../../kernel/sizes.js';

/** Tiles of the last region that stay: of one of 1024 pixels, along no tile. Of 512 pixels in four channels, 9 MiB. */
const MAX_KEPT = 9;
/** For how long nothing is asked for until they go: a viewer that moves asks many times a second. */
const KEPT_MS = 1_000;
/** Tiles that are decoded side by side: as many as a child has threads. */
const AT_ONCE = 4;

/** Eight bits a channel: three, or four where some pixels are seen through. */
export interface TilePixels extends Size {
  readonly data: Buffer;
  readonly channels: 3 | 4;
}

export class DecodedTiles {
  private kept: ReadonlyMap<Digest, TilePixels> = new Map();
  private timer: NodeJS.Timeout | undefined;

  /**
   * Every tile once, in no order, a few at a time: `bytesOf` gives it, `each` is told of its pixels and keeps none of them. These tiles stay
   * then, if they are few, and no others. Throws what decoding throws.
   */
  async each<T>(
    tiles: readonly T[],
    bytesOf: (tile: T) => Buffer,
    each: (of: TilePixels, tile: T) => void,
  ): Promise<void> {
    clearTimeout(this.timer);
    const stays = new Map<Digest, TilePixels>();
    const decode = async (tile: T): Promise<void> => {
      const bytes = bytesOf(tile);
      const digest = digestOf(bytes);
      const pixels = this.kept.get(digest) ?? (await decoded(bytes));
      if (tiles.length <= MAX_KEPT) stays.set(digest, pixels);
      each(pixels, tile);
    };
    try {
      for (let from = 0; from < tiles.length; from += AT_ONCE)
        await Promise.all(tiles.slice(from, from + AT_ONCE).map(decode));
    } finally {
      this.kept = stays;
      this.timer = setTimeout(() => this.forget(), KEPT_MS).unref();
    }
  }

  /** Before the next job that is of something else: its source, which may be anybody's, shall find none. */
  forget(): void {
    clearTimeout(this.timer);
    this.kept = new Map();
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
