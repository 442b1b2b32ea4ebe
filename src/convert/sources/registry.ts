// The source types: which decoders each needs, and what is checked before one is let near it. A new type is a line here.
import type { SourceType } from '../../kernel/source.js';
import { checkSvg } from './svg.js';

export interface SourceHandling {
  /** libvips loaders that are unblocked for this type; from buffers only. */
  readonly loaders: readonly string[];
  /** What the decoder calls the type: it has to agree with the first bytes. */
  readonly decoderFormats: readonly string[];
  /** The type can hold more than one page or frame. */
  readonly pages: boolean;
  /** Throws when the bytes alone show that decoding is not worth trying. */
  readonly check?: (bytes: Buffer) => void;
}

export const SOURCE_HANDLING: Readonly<Record<SourceType, SourceHandling>> = {
  jpeg: { loaders: ['VipsForeignLoadJpegBuffer'], decoderFormats: ['jpeg'], pages: false },
  png: { loaders: ['VipsForeignLoadPngBuffer'], decoderFormats: ['png'], pages: false },
  gif: { loaders: ['VipsForeignLoadNsgifBuffer'], decoderFormats: ['gif'], pages: true },
  webp: { loaders: ['VipsForeignLoadWebpBuffer'], decoderFormats: ['webp'], pages: true },
  tiff: { loaders: ['VipsForeignLoadTiffBuffer'], decoderFormats: ['tiff'], pages: true },
  avif: { loaders: ['VipsForeignLoadHeifBuffer'], decoderFormats: ['heif', 'avif'], pages: false },
  svg: { loaders: ['VipsForeignLoadSvgBuffer'], decoderFormats: ['svg'], pages: false, check: checkSvg },
} satisfies Record<SourceType, SourceHandling>;
