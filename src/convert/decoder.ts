// Decodes one source, as often as its previews need: strictly, and again where all that a strict decoder found is harmless.
import sharp, { type Sharp } from 'sharp';
import type { Region, Size } from '../kernel/sizes.js';
import type { Encoded } from './encoded.js';
import { ownPicture } from './own-picture.js';
import type { ChildSettings } from './protocol.js';
import { type Raster, rasterOf } from './raster.js';
import { decoderOptions, mendedSource, type SourceFile, withPixels } from './source-file.js';

/** A file may need to be put right in several places, each of which is found by decoding up to it. */
const MAX_MENDINGS = 8;

export class Decoder {
  private mended = false;

  constructor(
    private source: SourceFile,
    private readonly settings: ChildSettings,
    /** The largest picture that is needed: what is drawn at any size is drawn at this one. */
    private readonly largest: Size,
  ) {}

  /** Every pixel of so many frames. */
  full(frames: number): Promise<Raster> {
    return this.decode((source) => {
      const options = decoderOptions(this.settings, source);
      return rasterOf(sharp(source.bytes, frames > 1 ? { ...options, pages: -1 } : options), frames, source.reading);
    });
  }

  /** The first frame, scaled to exactly `size` while it is decoded. */
  scaled(
    { widthPx, heightPx }: Size,
    { fast, kernel }: { readonly fast: boolean; readonly kernel: 'cubic' | 'lanczos3' },
  ): Promise<Raster> {
    return this.decode((source) => {
      const image = sharp(source.bytes, decoderOptions(this.settings, source));
      const resized = image.resize(widthPx, heightPx, { fit: 'fill', kernel, fastShrinkOnLoad: fast });
      return rasterOf(resized, 1, source.reading);
    });
  }

  /** Whatever `once` makes of the picture as it is stored, every pixel at hand in the order of its rows. */
  stored<T>(once: (image: Sharp) => Promise<T>): Promise<T> {
    return this.decode((source) => once(sharp(source.bytes, decoderOptions(this.settings, source))));
  }

  /** A region of the first frame as it is stored, at its own size or scaled down to `size`. */
  region({ leftPx, topPx, widthPx, heightPx }: Region, size: Size): Promise<Raster> {
    return this.decode((source) => {
      const cut = sharp(source.bytes, decoderOptions(this.settings, source)).extract({
        left: leftPx,
        top: topPx,
        width: widthPx,
        height: heightPx,
      });
      const isScaled = size.widthPx !== widthPx || size.heightPx !== heightPx;
      const options = { fit: 'fill', kernel: 'lanczos3' } as const;
      return rasterOf(isScaled ? cut.resize(size.widthPx, size.heightPx, options) : cut, 1, source.reading);
    });
  }

  /** The source's own coded picture alone, once it was decoded without having to be put right. */
  ownPicture(): Encoded | undefined {
    return this.mended ? undefined : ownPicture(this.source);
  }

  private async decode<T>(once: (source: SourceFile) => Promise<T>): Promise<T> {
    this.source = await withPixels(this.source, this.largest);
    for (let mendings = 0; ; mendings++) {
      try {
        return await once(this.source);
      } catch (error) {
        const mended = mendings < MAX_MENDINGS ? mendedSource(this.source, error) : undefined;
        if (mended === undefined) throw error;
        // What is decoded next from this source needs no mending.
        this.source = mended;
        this.mended = true;
      }
    }
  }
}
