// Decodes one source, as often as its previews need: strictly, and again where all that a strict decoder found is harmless.
import sharp, { type Sharp } from 'sharp';
import { areaOf, type Region, type Size } from '../kernel/sizes.js';
import { profileName } from './colour/icc.js';
import type { Encoded } from './encoded.js';
import { ownPicture } from './own/own-picture.js';
import type { ChildSettings } from './protocol.js';
import { type Raster, rasterDecoded, withoutAlpha } from './raster.js';
import { decoderOptions, mendedSource, type SourceFile, withPixels } from './source-file.js';

/** A file may need to be put right in several places, each of which is found by decoding up to it. */
const MAX_MENDINGS = 8;

/** Both pictures are held at once. */
const MOST_COMPARED_PIXELS = 4_000_000;
/** Of 255: what rounding makes of colours on their way through a profile and back. */
const MOST_ROUNDING = 3;

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
      return rasterDecoded(
        sharp(source.bytes, frames > 1 ? { ...options, pages: -1 } : options),
        frames,
        source.reading,
      );
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
      return rasterDecoded(resized, 1, source.reading);
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
      return rasterDecoded(isScaled ? cut.resize(size.widthPx, size.heightPx, options) : cut, 1, source.reading);
    });
  }

  /** The source's own coded picture alone, once it was decoded without having to be put right. */
  ownPicture(mostBytes: number): Encoded | undefined {
    return this.mended ? undefined : ownPicture(this.source, mostBytes);
  }

  /**
   * The same of a picture with a profile of sRGB that changes nothing in `shown`, the picture as it is stored by its profile. Decodes
   * it once more: to be asked only where that may save bytes.
   */
  async unprofiledPicture(shown: Raster): Promise<Encoded | undefined> {
    const { header, reading, info } = this.source;
    if (header.icc === undefined || reading !== undefined || info.pages > 1 || this.mended) return undefined;
    if (!/sRGB/i.test(profileName(header.icc) ?? '') || areaOf(info) > MOST_COMPARED_PIXELS) return undefined;
    const { icc: _none, ...unprofiled } = header;
    const own = ownPicture({ ...this.source, header: unprofiled });
    if (own === undefined) return undefined;
    const plain = await this.decode((source) =>
      rasterDecoded(sharp(source.bytes, { ...decoderOptions(this.settings, source), ignoreIcc: true }), 1),
    );
    return looksAs(shown, shown.channels === 3 ? await withoutAlpha(plain) : plain) ? own : undefined;
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

function looksAs(a: Raster, b: Raster): boolean {
  if (a.pixels.length !== b.pixels.length) return false;
  for (let at = 0; at < a.pixels.length; at++)
    if (Math.abs((a.pixels[at] as number) - (b.pixels[at] as number)) > MOST_ROUNDING) return false;
  return true;
}
