// What the bytes of a source are called outside: media type and the extension of a file. A type that is forgotten does not compile.
import type { SourceType } from './source.js';

export interface SourceMedia {
  readonly mediaType: string;
  /** Without a dot. */
  readonly extension: string;
}

export const SOURCE_MEDIA = {
  jpeg: { mediaType: 'image/jpeg', extension: 'jpg' },
  png: { mediaType: 'image/png', extension: 'png' },
  gif: { mediaType: 'image/gif', extension: 'gif' },
  webp: { mediaType: 'image/webp', extension: 'webp' },
  tiff: { mediaType: 'image/tiff', extension: 'tiff' },
  avif: { mediaType: 'image/avif', extension: 'avif' },
  svg: { mediaType: 'image/svg+xml', extension: 'svg' },
  bmp: { mediaType: 'image/bmp', extension: 'bmp' },
  ico: { mediaType: 'image/vnd.microsoft.icon', extension: 'ico' },
  heic: { mediaType: 'image/heic', extension: 'heic' },
  pdf: { mediaType: 'application/pdf', extension: 'pdf' },
} as const satisfies Record<SourceType, SourceMedia>;
