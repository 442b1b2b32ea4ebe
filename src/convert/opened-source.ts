// What a source type that the decoder's library cannot read hands over instead: an encoded picture that lies inside the file, or
// pixels that a decoder of its own will make. Types only; nothing is decoded to get one.
import type { Size } from '../kernel/sizes.js';
import type { Orientation, SourceType } from '../kernel/source.js';
import type { Reading } from './colour/reading.js';

export type OpenedSource = EmbeddedPicture | PixelSource;

/** A whole file of a type that the decoder's library reads, found inside another. */
export interface EmbeddedPicture {
  readonly kind: 'embedded';
  readonly type: SourceType;
  readonly bytes: Buffer;
  /** Of the outer file, where it has a say. */
  readonly orientation?: Orientation;
  /** The outer file's own EXIF: a TIFF structure. */
  readonly exif?: Buffer | undefined;
}

/** The facts of a header, and how the pixels are had. */
export interface PixelSource {
  readonly kind: 'pixels';
  /** As the pixels will come, before `orientation`. Of what is drawn at any size: the largest it is shown at. */
  readonly size: Size;
  readonly orientation: Orientation;
  readonly hasAlpha: boolean;
  /** Samples a pixel, alpha included, of `bits` each. */
  readonly channels: number;
  readonly bits: 8 | 16;
  /** As the decoder's library names it: srgb, b-w, cmyk, rgb16, grey16. */
  readonly colorSpace: string;
  /** Pages of a document; 1 for everything else. */
  readonly pages: number;
  readonly exif?: Buffer | undefined;
  /** The packet alone. */
  readonly xmp?: Buffer | undefined;
  /** Its datasets. */
  readonly iptc?: Buffer | undefined;
  readonly icc?: Buffer | undefined;
  /** How the samples are read whose colours no profile tells. */
  readonly reading?: Reading | undefined;
  /** The pixels can be had at any size up to `size`, and are best at the very one that is needed. */
  readonly drawn?: boolean;
  /** How large another page is, from 2, as `size` tells it of this one; absent where all pages are opened to tell. */
  pageSize?(page: number): Size;
  /** What the decoder takes at most for a picture of `size`, beside the pixels that it hands over: bytes. */
  decoderBytes(size: Size): number;
  /** The pixels of exactly `size`, which is that of the header but for what is `drawn`. Called once. */
  decode(size: Size): Promise<Pixels>;
}

/** Rows of interleaved samples from the top; of 16 bits in the order of the machine. */
export interface Pixels extends Size {
  readonly samples: Uint8Array | Uint16Array;
  /** Samples from one row to the next, where decoders fill rows up; default: those of a row. */
  readonly stride?: number;
  /** 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha or CMYK, 5 CMYK and alpha. */
  readonly channels: number;
  /** Default RGB or grey. CMYK is 0 for no ink. */
  readonly space?: 'cmyk';
  /** A colour profile of these samples. */
  readonly icc?: Buffer | undefined;
}
