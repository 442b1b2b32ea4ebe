// A source inside the child: its bytes, what they are, and its header. Nothing is decoded here.
import sharp, { type Metadata as DecoderMetadata, type SharpOptions } from 'sharp';
import { ProofsheetError } from '../kernel/errors.js';
import type { Size } from '../kernel/sizes.js';
import { type Orientation, type SourceInfo, type SourceType, storedSize } from '../kernel/source.js';
import { type ByteSource, lookingAt } from './byte-source.js';
import { possibleProfile, withPossibleProfile } from './colour/possible-profile.js';
import type { Reading } from './colour/reading.js';
import { readingOfDeep } from './colour/sixteen-bit.js';
import { asConversionError, rootCause, sawNoType } from './decoder-errors.js';
import { STREAMED } from './loaders.js';
import type { PixelSource } from './opened-source.js';
import type { ChildSettings } from './protocol.js';
import type { ReadBuffer } from './read-buffer.js';
import { SNIFF_BYTES, sniff } from './sniff.js';
import { asOrientation } from './source-facts.js';
import { SOURCE_HANDLING } from './sources/registry.js';
import { tiffOfPixels } from './stand-in.js';

/** Decoders hold some dozen rows at a time, however few there are: a row of 100 million pixels takes gigabytes. */
const MAX_SIDE_PX = 1_000_000;
/** What encoders take. */
const MAX_LOOP = 65_535;

export interface SourceFile {
  /** The file without what is dangerous to read and of no use: decoders get bytes, never a path. */
  readonly bytes: Buffer;
  /** The whole file, for what is told of it. */
  readonly file: Buffer;
  readonly info: SourceInfo;
  /** What `bytes` are: the source's own type, or that of the picture found inside it. */
  readonly codedAs: SourceType;
  readonly header: Pick<DecoderMetadata, 'icc' | 'exif' | 'xmp' | 'iptc' | 'compression'>;
  /** The pixels are another decoder's, and still to be had. */
  readonly pixels?: PixelSource;
  /** How its samples are read, where the decoder's own way to sRGB would be wrong. */
  readonly reading?: Reading | undefined;
  /** All that a strict decoder says of it is known, and harms nothing. */
  readonly isHarmless?: boolean;
  /** It holds more pages or frames than are taken: the first alone is at hand. */
  readonly onlyFirst?: boolean;
}

/** Reads the file, or takes its bytes, and its header; throws `source-type-refused`, `source-limits-exceeded` or `source-undecodable`. */
export async function openSource(
  source: string | Buffer,
  settings: ChildSettings,
  buffer: ReadBuffer,
): Promise<SourceFile> {
  const file = typeof source === 'string' ? buffer.read(source) : source;
  const type = enabledType(file, settings.sourceTypes);
  const opened = await SOURCE_HANDLING[type].open?.(file, settings, 1);
  if (opened === undefined) return openAs(type, file, settings);
  if (opened.kind === 'pixels') return sourceOfPixels(type, file, opened, settings);
  const inside = await openAs(opened.type, opened.bytes, settings);
  const orientation = opened.orientation ?? inside.info.orientation;
  const { widthPx, heightPx } = storedSize(inside.info);
  const info = { ...inside.info, type, orientation, ...turnedSize(widthPx, heightPx, orientation) };
  const exif = opened.exif ?? inside.header.exif;
  return { ...inside, file, info, header: exif ? { ...inside.header, exif } : inside.header };
}

/** A source that stays in its file: its header alone was read. */
export type StreamedSource = Pick<SourceFile, 'info' | 'header'> & { readonly path: string };

/**
 * The same of a file that is read by its path, row by row; `undefined` of one that has to be in memory: of another type, with samples
 * that we read ourselves, or with more pages than are taken.
 */
export async function openStreamed(
  path: string,
  settings: ChildSettings,
  page = 1,
): Promise<StreamedSource | undefined> {
  // What a TIFF is its directories tell, which may lie anywhere.
  const type = lookingAt(path, (bytes) => enabledType(bytes, settings.sourceTypes));
  if (!(type in STREAMED)) return undefined;
  const header = await readHeader(path, type, page);
  if (readingOfDeep(header) !== undefined || header.isProgressive) return undefined;
  if (lookingAt(path, (bytes) => SOURCE_HANDLING[type].isReadWhole?.(bytes, header, page))) return undefined;
  const info = infoOf(type, header, undefined);
  // Of one with more pages than are taken the first is cut out.
  if (info.pages > settings.maxPages) return undefined;
  checkLimits(info, settings);
  return { path, info, header };
}

/** Another page of what `openSource` has opened; the metadata are those of the whole. */
export async function sourcePage(source: SourceFile, page: number, settings: ChildSettings): Promise<SourceFile> {
  if (page === 1) return source;
  const { type } = source.info;
  const opened = await SOURCE_HANDLING[type].open?.(source.file, settings, page);
  if (opened?.kind === 'pixels') return sourceOfPixels(type, source.file, opened, settings);
  const bytes = SOURCE_HANDLING[type].pageAt?.(source.file, page);
  if (bytes === undefined) throw new ProofsheetError('source-undecodable', `expected a page ${page} that can be read`);
  return openAs(type, bytes, settings);
}

async function openAs(type: SourceType, file: Buffer, settings: ChildSettings): Promise<SourceFile> {
  const { check, checkSize, firstPage, hasMorePages, otherKind, stripped } = SOURCE_HANDLING[type];
  const other = otherKind?.(file);
  if (other !== undefined) throw refusedType(settings.sourceTypes, `${other}, of a kind that cannot be decoded here`);
  check?.(file);
  let shown = hasMorePages?.(file, settings.maxPages) ? firstPage?.(file) : file;
  if (shown === undefined) throw tooManyPages(settings, 'more');
  let read = await readMending(stripped?.(shown) ?? shown, type);
  // Of an animation with too many pixels the first frame is shown, as of one with too many frames.
  const alone = hasTooManyFrames(read.header, type, settings) ? firstPage?.(shown) : undefined;
  if (alone !== undefined) {
    shown = alone;
    read = await readMending(stripped?.(shown) ?? shown, type);
  }
  const { bytes, header } = read;
  checkSize?.(bytes, header);
  const reading = SOURCE_HANDLING[type].reading?.(shown, header) ?? readingOfDeep(header);
  const info = infoOf(type, header, reading);
  checkLimits(info, settings);
  const xmp = header.xmp ?? SOURCE_HANDLING[type].xmp?.(file);
  return {
    bytes,
    file,
    info,
    codedAs: type,
    header: xmp ? { ...header, xmp } : header,
    reading,
    onlyFirst: shown !== file,
  };
}

function sourceOfPixels(type: SourceType, file: Buffer, pixels: PixelSource, settings: ChildSettings): SourceFile {
  const { size, orientation, exif, xmp, iptc } = pixels;
  const icc = possibleProfile(pixels.icc, pixels.colorSpace);
  const info: SourceInfo = {
    type,
    ...turnedSize(size.widthPx, size.heightPx, orientation),
    orientation,
    pages: pixels.pages,
    animated: false,
    delaysMs: [],
    loop: 0,
    hasAlpha: pixels.hasAlpha,
    channels: pixels.channels,
    bitsPerSample: pixels.bits,
    colorSpace: pixels.reading?.colorSpace ?? pixels.colorSpace,
    progressive: false,
  };
  checkLimits({ ...info, pages: 1 }, settings);
  const header = { ...(icc && { icc }), ...(exif && { exif }), ...(xmp && { xmp }), ...(iptc && { iptc }) };
  const reading = pixels.reading ?? readingOfDeep({ ...header, space: info.colorSpace });
  return { bytes: file, file, info, codedAs: 'tiff', header, reading, pixels };
}

/** `source` with the pixels of its own decoder, of `size` where they are drawn, in a form that every decoder reads. */
export async function withPixels(source: SourceFile, size: Size): Promise<SourceFile> {
  const { pixels, ...rest } = source;
  if (pixels === undefined) return source;
  const bytes = tiffOfPixels(await pixels.decode(pixels.drawn ? size : pixels.size));
  const header = await readHeader(bytes, 'tiff');
  return { ...rest, bytes, reading: pixels.reading ?? readingOfDeep(header) };
}

/** How the decoders are told to read a source: strict, and never more than the pixel limit. */
export function decoderOptions(
  settings: ChildSettings,
  { header, reading, isHarmless = false }: Pick<SourceFile, 'header' | 'reading' | 'isHarmless'>,
): SharpOptions {
  return {
    failOn: isHarmless ? 'error' : 'warning',
    limitInputPixels: settings.maxSourcePixels,
    sequentialRead: true,
    ignoreIcc: header.icc === undefined || reading?.ignoreIcc === true,
  };
}

/** `source` with what `error` of a strict decoder tells of put right; `undefined` where that would be damage. */
export function mendedSource(source: SourceFile, error: unknown): SourceFile | undefined {
  const said = error instanceof Error ? error.message : String(error);
  const { mended, isHarmless } = SOURCE_HANDLING[source.codedAs];
  if (!source.isHarmless && isHarmless?.(said, source.bytes)) return { ...source, isHarmless: true };
  const bytes = mended?.(source.bytes, said);
  return bytes && { ...source, bytes };
}

function enabledType(bytes: ByteSource, enabled: readonly SourceType[]): SourceType {
  const seen = sniff(bytes.subarray(0, SNIFF_BYTES));
  const sniffed = (seen?.type && SOURCE_HANDLING[seen.type].rather?.(bytes)) ?? seen;
  if (sniffed?.type !== undefined && enabled.includes(sniffed.type)) return sniffed.type;
  const found = bytes.length === 0 ? 'an empty file' : (sniffed?.name ?? 'no known image type');
  const why = sniffed?.type === undefined ? '' : ' (not enabled on this server)';
  throw refusedType(enabled, `${found}${why}`);
}

function refusedType(enabled: readonly SourceType[], got: string): ProofsheetError {
  return new ProofsheetError('source-type-refused', `expected an image of type ${enabled.join(', ')}, got ${got}`);
}

/** The header, of the file put right where it cannot be read as it is. */
async function readMending(
  bytes: Buffer,
  type: SourceType,
): Promise<{ readonly bytes: Buffer; readonly header: DecoderMetadata }> {
  try {
    return { bytes, header: await readHeader(bytes, type) };
  } catch (error) {
    const cause = error instanceof ProofsheetError ? rootCause(error) : undefined;
    const mended = cause && SOURCE_HANDLING[type].mended?.(bytes, cause.message);
    if (mended === undefined) throw error;
    return { bytes: mended, header: await readHeader(mended, type) };
  }
}

async function readHeader(bytes: Buffer | string, type: SourceType, page = 1): Promise<DecoderMetadata> {
  let header: DecoderMetadata;
  try {
    // The pixel limit is checked below, with a message that names the size.
    const options = { failOn: 'warning', limitInputPixels: false, ...(page > 1 && { page: page - 1 }) } as const;
    header = await sharp(bytes, options).metadata();
  } catch (error) {
    const known = asConversionError(error);
    // The first bytes are of an enabled type: what the decoder does not recognise behind them is damage.
    throw sawNoType(known) && type !== 'avif'
      ? asConversionError(new Error('damaged header', { cause: error }))
      : known;
  }
  if (!SOURCE_HANDLING[type].decoderFormats.includes(header.format)) {
    throw new ProofsheetError(
      'source-type-refused',
      `expected an image of type ${type} after its first bytes, got ${header.format}`,
    );
  }
  return withPossibleProfile(header);
}

function infoOf(type: SourceType, header: DecoderMetadata, reading: Reading | undefined): SourceInfo {
  const pages = SOURCE_HANDLING[type].hasMorePages ? Math.max(1, header.pages ?? 1) : 1;
  const animated = pages > 1 && (type === 'gif' || type === 'webp');
  // Frames cannot be turned by the decoder's library; an orientation tag on an animation is not met in practice.
  const orientation = animated ? 1 : asOrientation(header.orientation);
  return {
    type,
    ...turnedSize(header.width, header.height, orientation),
    orientation,
    pages,
    animated,
    delaysMs: animated ? Array.from({ length: pages }, (_, page) => header.delay?.[page] ?? 100) : [],
    // A GIF that says 65535 is played once more than that, which no file can say.
    loop: Math.min(MAX_LOOP, header.loop ?? 0),
    hasAlpha: (header.hasAlpha && !reading?.opaque) || reading?.addsAlpha === true,
    channels: header.channels,
    bitsPerSample: header.bitsPerSample ?? bitsOf(header.depth),
    colorSpace: reading?.colorSpace ?? header.space,
    progressive: header.isProgressive,
  };
}

function turnedSize(storedWidthPx: number, storedHeightPx: number, orientation: Orientation): Size {
  return orientation >= 5
    ? { widthPx: storedHeightPx, heightPx: storedWidthPx }
    : { widthPx: storedWidthPx, heightPx: storedHeightPx };
}

function bitsOf(depth: string): number {
  const bits: Readonly<Record<string, number>> = {
    uchar: 8,
    char: 8,
    ushort: 16,
    short: 16,
    uint: 32,
    int: 32,
    float: 32,
    double: 64,
  };
  return bits[depth] ?? 8;
}

function hasTooManyFrames(header: DecoderMetadata, type: SourceType, { maxSourcePixels }: ChildSettings): boolean {
  const { animated, pages, widthPx, heightPx } = infoOf(type, header, undefined);
  return animated && widthPx * heightPx * pages > maxSourcePixels;
}

function checkLimits(info: SourceInfo, settings: ChildSettings): void {
  const { widthPx, heightPx, pages } = info;
  if (!(widthPx >= 1 && heightPx >= 1)) {
    throw new ProofsheetError(
      'source-undecodable',
      `expected an image of at least 1x1 pixels, got ${widthPx}x${heightPx}`,
    );
  }
  if (pages > settings.maxPages) {
    throw tooManyPages(settings, String(pages));
  }
  if (Math.max(widthPx, heightPx) > MAX_SIDE_PX) {
    throw new ProofsheetError(
      'source-limits-exceeded',
      `expected an image of at most ${MAX_SIDE_PX} pixels on a side, got ${widthPx}x${heightPx}`,
    );
  }
  const frames = info.animated ? pages : 1;
  const pixels = widthPx * heightPx * frames;
  if (pixels > settings.maxSourcePixels) {
    const size = `${widthPx}x${heightPx}${frames > 1 ? ` in ${frames} frames` : ''}`;
    throw new ProofsheetError(
      'source-limits-exceeded',
      `expected an image of at most ${settings.maxSourcePixels} pixels, got ${pixels} (${size})`,
    );
  }
}

function tooManyPages({ maxPages }: ChildSettings, got: string): ProofsheetError {
  return new ProofsheetError(
    'source-limits-exceeded',
    `expected an image of at most ${maxPages} pages or frames, got ${got}`,
  );
}
