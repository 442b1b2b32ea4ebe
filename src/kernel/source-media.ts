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
  psd: { mediaType: 'image/vnd.adobe.photoshop', extension: 'psd' },
  jxl: { mediaType: 'image/jxl', extension: 'jxl' },
  jp2: { mediaType: 'image/jp2', extension: 'jp2' },
  // Each of these is many formats, of which the type tells none.
  raw: { mediaType: 'application/octet-stream', extension: 'raw' },
  office: { mediaType: 'application/octet-stream', extension: 'zip' },
  epub: { mediaType: 'application/epub+zip', extension: 'epub' },
  pdf: { mediaType: 'application/pdf', extension: 'pdf' },
} as const satisfies Record<SourceType, SourceMedia>;
