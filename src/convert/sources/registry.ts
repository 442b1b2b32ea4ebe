// The source types: which decoders each needs, and what is checked before one is let near it. A new type is a line here.
import type { Metadata as DecoderMetadata } from 'sharp';
import type { SourceType } from '../../kernel/source.js';
import type { ByteSource } from '../byte-source.js';
import type { Reading } from '../colour/reading.js';
import type { OpenedSource } from '../opened-source.js';
import type { ChildSettings } from '../protocol.js';
import type { Sniffed } from '../sniff.js';
import { avifKind, avifReading, avifStill } from './avif.js';
import { openBmp } from './bmp.js';
import { openEpub } from './epub.js';
import { checkGif, gifReading, mendedGif, xmpOfGif } from './gif.js';
import { openHeic } from './heic.js';
import { openIco } from './ico.js';
import { openJp2 } from './jp2.js';
import { jpegKind, mendedJpeg } from './jpeg.js';
import { openJxl } from './jxl.js';
import { openOffice } from './office.js';
import { gifFirstFrame, gifHasMoreFrames, tiffHasMorePages, webpFirstFrame, webpHasMoreFrames } from './page-count.js';
import { openPdf } from './pdf.js';
import { pngKind, pngReading, withoutTexts, xmpOfPng } from './png.js';
import { openPsd } from './psd.js';
import { openRaw } from './raw.js';
import { checkRenderedSvg, checkSvg, svgForDecoder, svgPictureBytes } from './svg.js';
import { isHarmlessTiff, mendedTiff, tiffFirstPage, tiffPage } from './tiff.js';
import { rawTiff, tiffKind } from './tiff-kind.js';
import { tiffForDecoder, tiffReading } from './tiff-reading.js';

/** What opening a source needs to know. */
export type OpenLimits = Pick<ChildSettings, 'maxSourcePixels' | 'maxPages' | 'timeoutMs'>;

export interface SourceHandling {
  /**
   * Of a type that the decoder's library does not read: what its header says, and how its picture is had. Nothing large is done
   * or allocated yet. `page`, from 1, is one that the source has. Throws `source-type-refused` for a package that is missing,
   * and for what is intact but has no picture; what else it throws is damage.
   */
  readonly open?: (file: Buffer, limits: OpenLimits, page: number) => OpenedSource | Promise<OpenedSource>;
  /** The file with that page, from 2, alone; `undefined` where it cannot be had. */
  readonly pageAt?: (file: Buffer, page: number) => Buffer | undefined;
  /** libvips loaders that are unblocked for this type; from buffers only. */
  readonly loaders: readonly string[];
  /** What the decoder calls the type: it has to agree with the first bytes. */
  readonly decoderFormats: readonly string[];
  /** Another type that begins with the same bytes and is told from this one by what follows; `undefined` for this one. */
  readonly rather?: (bytes: ByteSource) => Sniffed | undefined;
  /** What the file is instead of a picture that can be decoded, in a few words; `undefined` when it may be one. */
  readonly otherKind?: (bytes: Buffer) => string | undefined;
  /** The type can hold more than one page or frame; tells cheaply whether there are more than `most`. */
  readonly hasMorePages?: (bytes: Buffer, most: number) => boolean;
  /** The file with its first page or frame alone, of one with more than are taken; `undefined` where it cannot be had. */
  readonly firstPage?: (bytes: Buffer) => Buffer | undefined;
  /** Throws when the bytes alone show that decoding is not worth trying. */
  readonly check?: (bytes: Buffer) => void;
  /** The same of the size that the decoder tells, in pixels. */
  readonly checkSize?: (bytes: Buffer, size: { readonly width: number; readonly height: number }) => void;
  /** The file as the decoder gets it: without what is dangerous to read and of no use. */
  readonly stripped?: (bytes: Buffer) => Buffer;
  /** What the decoder takes beside the pixels of the size it tells, of the file as it gets it: bytes at most. */
  readonly decoderBytes?: (stripped: Buffer) => number;
  /** The XMP of the whole file, where the decoder does not tell it. */
  readonly xmp?: (file: Buffer) => Buffer | undefined;
  /**
   * The file with what a strict decoder found in it (`said`, its words) put right, where that harms no pixel; `undefined` where
   * it is damage, or cannot be told from it.
   */
  readonly mended?: (bytes: Buffer, said: string) => Buffer | undefined;
  /** All that a strict decoder said of the file harms no pixel, and cannot be put right: it is decoded less strictly. */
  readonly isHarmless?: (said: string, bytes: Buffer) => boolean;
  /** How samples are read whose colours the decoder does not know; `undefined` where it does. `file` is the whole file. */
  readonly reading?: (file: Buffer, header: DecoderMetadata) => Reading | undefined;
  /** Whether a page, from 1, cannot be decoded of a file that stays on the disk: it has samples that `reading` is for. */
  readonly isReadWhole?: (file: ByteSource, header: DecoderMetadata, page: number) => boolean;
}

/** Reads the pixels of other decoders: see stand-in.ts. */
const STAND_IN: readonly string[] = ['VipsForeignLoadTiffBuffer'];

/** Reads the pictures that documents hold. */
const EMBEDDED: readonly string[] = [
  'VipsForeignLoadJpegBuffer',
  'VipsForeignLoadPngBuffer',
  'VipsForeignLoadNsgifBuffer',
  'VipsForeignLoadWebpBuffer',
];

export const SOURCE_HANDLING: Readonly<Record<SourceType, SourceHandling>> = {
  jpeg: { loaders: ['VipsForeignLoadJpegBuffer'], decoderFormats: ['jpeg'], otherKind: jpegKind, mended: mendedJpeg },
  png: {
    loaders: ['VipsForeignLoadPngBuffer'],
    decoderFormats: ['png'],
    otherKind: pngKind,
    stripped: withoutTexts,
    xmp: xmpOfPng,
    reading: pngReading,
  },
  gif: {
    loaders: ['VipsForeignLoadNsgifBuffer'],
    decoderFormats: ['gif'],
    hasMorePages: gifHasMoreFrames,
    firstPage: gifFirstFrame,
    check: checkGif,
    mended: mendedGif,
    xmp: xmpOfGif,
    reading: gifReading,
  },
  webp: {
    loaders: ['VipsForeignLoadWebpBuffer'],
    decoderFormats: ['webp'],
    hasMorePages: webpHasMoreFrames,
    firstPage: webpFirstFrame,
  },
  tiff: {
    loaders: ['VipsForeignLoadTiffBuffer'],
    decoderFormats: ['tiff'],
    hasMorePages: tiffHasMorePages,
    firstPage: tiffFirstPage,
    pageAt: tiffPage,
    rather: rawTiff,
    otherKind: tiffKind,
    stripped: tiffForDecoder,
    mended: mendedTiff,
    isHarmless: isHarmlessTiff,
    reading: tiffReading,
    isReadWhole: (file, header, page) => tiffReading(file, header, page) !== undefined,
  },
  avif: {
    loaders: ['VipsForeignLoadHeifBuffer'],
    decoderFormats: ['heif', 'avif'],
    otherKind: avifKind,
    stripped: avifStill,
    reading: avifReading,
  },
  svg: {
    loaders: ['VipsForeignLoadSvgBuffer'],
    decoderFormats: ['svg'],
    check: checkSvg,
    checkSize: checkRenderedSvg,
    stripped: svgForDecoder,
    decoderBytes: svgPictureBytes,
  },
  bmp: { loaders: STAND_IN, decoderFormats: [], open: openBmp },
  heic: { loaders: [...STAND_IN, 'VipsForeignLoadHeifBuffer'], decoderFormats: [], open: openHeic },
  psd: { loaders: STAND_IN, decoderFormats: [], open: openPsd },
  jxl: { loaders: STAND_IN, decoderFormats: [], open: openJxl },
  jp2: { loaders: STAND_IN, decoderFormats: [], open: openJp2 },
  raw: { loaders: ['VipsForeignLoadJpegBuffer'], decoderFormats: [], open: openRaw },
  office: { loaders: EMBEDDED, decoderFormats: [], open: openOffice },
  epub: { loaders: EMBEDDED, decoderFormats: [], open: openEpub },
  pdf: { loaders: STAND_IN, decoderFormats: [], open: openPdf },
  ico: { loaders: [...STAND_IN, 'VipsForeignLoadPngBuffer'], decoderFormats: [], open: openIco },
} satisfies Record<SourceType, SourceHandling>;
