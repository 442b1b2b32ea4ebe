// IIIF image requests, Image API 2.1 and 3.0: what `{region}/{size}/{rotation}/{quality}.{format}` asks of a picture whose size is
// known. Pure. A text that is no request is `invalid-request-format` (400); one that is, and is not implemented, `unsupported-request`
// (501). https://iiif.io/api/image/3.0/ and /2.1/, section 4 of both.
import { ProofsheetError } from '../errors.js';
import type { Size } from '../sizes.js';
import type { Rect } from './pyramid.js';

export const API_VERSIONS = [2, 3] as const;
export type ApiVersion = (typeof API_VERSIONS)[number];

export const IMAGE_FORMATS = ['jpg', 'png', 'webp', 'gif', 'avif'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];
/** Of the specification, and not made here. */
const OTHER_FORMATS: readonly string[] = ['tif', 'jp2', 'pdf'];

export const QUALITIES = ['default', 'color', 'gray', 'bitonal'] as const;
export type Quality = (typeof QUALITIES)[number];

export type QuarterTurn = 0 | 90 | 180 | 270;

/** Largest picture that is made of a region: on a side, and of all pixels. */
export interface ImageLimits {
  readonly maxSidePx: number;
  readonly maxAreaPx: number;
}

/** The five parts of a request as they are sent, decoded; `size` without those that follow it. */
export interface ImageRequestText {
  readonly region: string;
  readonly size: string;
  readonly rotation: string;
  readonly quality: string;
  readonly format: string;
}

/** What is asked for, resolved against the picture. */
export interface ImageRequest {
  /** Within the picture, at full size. */
  readonly region: Rect;
  /** What the region is scaled to, before it is turned. */
  readonly size: Size;
  /** One side of `size` was computed from the other. */
  readonly isLoose: boolean;
  readonly mirrored: boolean;
  readonly rotation: QuarterTurn;
  /** `color` is `default`. */
  readonly quality: Exclude<Quality, 'color'>;
  readonly format: ImageFormat;
  /** The one text that stands for all texts of this request, as the version writes it. */
  readonly canonical: string;
}

/** Throws `invalid-request-format` and `unsupported-request`. */
export function resolveImageRequest(
  version: ApiVersion,
  picture: Size,
  text: ImageRequestText,
  limits: ImageLimits,
): ImageRequest {
  const { rotation, mirrored } = rotationOf(text.rotation);
  const quality = qualityOf(text.quality);
  const format = formatOf(text.format);
  const region = regionOf(picture, text.region);
  const asked = sizeOf(version, region, text.size, limits);
  const canonical = [
    region.widthPx === picture.widthPx && region.heightPx === picture.heightPx ? 'full' : rectText(region),
    canonicalSize(version, region, asked, limits),
    `${mirrored ? '!' : ''}${rotation}`,
    `${quality}.${format}`,
  ].join('/');
  return { region, size: asked.size, isLoose: asked.isLoose, mirrored, rotation, quality, format, canonical };
}

/** The size that `max` means of a region. */
export function maxSizeOf(region: Size, limits: ImageLimits): Size {
  return fitsIn(region, limits) ? plain(region) : largestOf(region, limits);
}

function regionOf(picture: Size, text: string): Rect {
  if (text === 'full') return { leftPx: 0, topPx: 0, ...plain(picture) };
  if (text === 'square') {
    const side = Math.min(picture.widthPx, picture.heightPx);
    return {
      leftPx: Math.floor((picture.widthPx - side) / 2),
      topPx: Math.floor((picture.heightPx - side) / 2),
      widthPx: side,
      heightPx: side,
    };
  }
  const isPercent = text.startsWith('pct:');
  const given = (isPercent ? text.slice(4) : text).split(',');
  const [x, y, w, h] = given.map((part) => (isPercent ? decimalOf(part) : integerOf(part)));
  if (given.length !== 4 || x === undefined || y === undefined || w === undefined || h === undefined)
    throw invalid('a region full, square, x,y,w,h or pct:x,y,w,h');
  if (w === 0 || h === 0) throw invalid('a region with a width and a height');
  const [wide, high] = isPercent ? [picture.widthPx / 100, picture.heightPx / 100] : [1, 1];
  const [leftPx, topPx] = [Math.round(x * wide), Math.round(y * high)];
  // What is asked for in parts of the picture is not nothing because a pixel is more than that.
  const [widthPx, heightPx] = [Math.max(1, Math.round(w * wide)), Math.max(1, Math.round(h * high))];
  if (leftPx >= picture.widthPx || topPx >= picture.heightPx) throw invalid('a region that lies in the picture');
  return {
    leftPx,
    topPx,
    widthPx: Math.min(widthPx, picture.widthPx - leftPx),
    heightPx: Math.min(heightPx, picture.heightPx - topPx),
  };
}

interface AskedSize {
  readonly size: Size;
  readonly isLoose: boolean;
  /** Width and height were both named, and need not be those of the region's proportions. */
  readonly isFree: boolean;
  /** It is what `max` means. */
  readonly isMax: boolean;
}

function sizeOf(version: ApiVersion, region: Size, text: string, limits: ImageLimits): AskedSize {
  const mayEnlarge = version === 2 || text.startsWith('^');
  const asked = version === 3 && text.startsWith('^') ? text.slice(1) : text;
  const found = namedSize(version, region, asked, mayEnlarge, limits);
  const { widthPx, heightPx } = found.size;
  if (widthPx < 1 || heightPx < 1) throw invalid('a size of at least one pixel');
  if (!fitsIn(found.size, limits))
    throw invalid(`a size of at most ${limits.maxSidePx} pixels on a side and ${limits.maxAreaPx} in all`);
  if (!mayEnlarge && (widthPx > region.widthPx || heightPx > region.heightPx))
    throw invalid('a size that is not larger than the region, or one with ^ before it');
  const max = maxSizeOf(region, limits);
  return { ...found, isMax: max.widthPx === widthPx && max.heightPx === heightPx };
}

function namedSize(
  version: ApiVersion,
  region: Size,
  text: string,
  mayEnlarge: boolean,
  limits: ImageLimits,
): Omit<AskedSize, 'isMax'> {
  const kept = { isLoose: false, isFree: false };
  if (text === 'max')
    return {
      ...kept,
      size: version === 3 && mayEnlarge ? largestOf(region, limits) : maxSizeOf(region, limits),
    };
  if (text === 'full' && version === 2) return { ...kept, size: plain(region) };
  if (text.startsWith('pct:')) {
    const percent = decimalOf(text.slice(4));
    if (percent === undefined) throw invalidSize(version);
    return { ...kept, size: scaledBy(region, percent / 100) };
  }
  const isConfined = text.startsWith('!');
  const parts = (isConfined ? text.slice(1) : text).split(',');
  const [wideText = '', highText = ''] = parts;
  const [w, h] = [integerOf(wideText), integerOf(highText)];
  const isText =
    parts.length === 2 && [wideText, highText].every((part) => part === '' || integerOf(part) !== undefined);
  if (!isText || (w === undefined && h === undefined)) throw invalidSize(version);
  if (isConfined) {
    if (w === undefined || h === undefined) throw invalidSize(version);
    const within = Math.min(w / region.widthPx, h / region.heightPx);
    const size = scaledBy(region, mayEnlarge ? within : Math.min(1, within));
    return { ...kept, size: fitsIn(size, limits) ? size : largestOf(region, limits) };
  }
  if (w !== undefined && h !== undefined) return { isLoose: false, isFree: true, size: { widthPx: w, heightPx: h } };
  const size =
    w !== undefined
      ? { widthPx: w, heightPx: heightFor(region, w) }
      : { widthPx: Math.round((region.widthPx * (h ?? 0)) / region.heightPx), heightPx: h ?? 0 };
  return { isLoose: true, isFree: false, size };
}

function canonicalSize(version: ApiVersion, region: Size, { size, isMax }: AskedSize, limits: ImageLimits): string {
  const { widthPx, heightPx } = size;
  if (version === 2) {
    if (widthPx === region.widthPx && heightPx === region.heightPx) return 'full';
    return heightFor(region, widthPx) === heightPx ? `${widthPx},` : `${widthPx},${heightPx}`;
  }
  if (isMax) return 'max';
  const enlarges = widthPx > region.widthPx || heightPx > region.heightPx;
  const largest = largestOf(region, limits);
  if (enlarges && widthPx === largest.widthPx && heightPx === largest.heightPx) return '^max';
  return `${enlarges ? '^' : ''}${widthPx},${heightPx}`;
}

function rotationOf(text: string): { readonly rotation: QuarterTurn; readonly mirrored: boolean } {
  const mirrored = text.startsWith('!');
  const degrees = decimalOf(mirrored ? text.slice(1) : text);
  if (degrees === undefined || degrees > 360) throw invalid('a rotation of 0 to 360, or ! before it');
  const turn = degrees % 360;
  if (turn === 0 || turn === 90 || turn === 180 || turn === 270) return { rotation: turn, mirrored };
  throw unsupported('a rotation by 0, 90, 180 or 270');
}

function qualityOf(text: string): ImageRequest['quality'] {
  const quality = QUALITIES.find((known) => known === text);
  if (quality === undefined) throw invalid(`a quality of ${QUALITIES.join(', ')}`);
  return quality === 'color' ? 'default' : quality;
}

function formatOf(text: string): ImageFormat {
  const format = IMAGE_FORMATS.find((known) => known === text);
  if (format !== undefined) return format;
  const made = `a format of ${IMAGE_FORMATS.join(', ')}`;
  throw OTHER_FORMATS.includes(text) ? unsupported(made) : invalid(made);
}

/** A region as large as it may become. */
function largestOf({ widthPx, heightPx }: Size, { maxSidePx, maxAreaPx }: ImageLimits): Size {
  const scale = Math.min(maxSidePx / Math.max(widthPx, heightPx), Math.sqrt(maxAreaPx / (widthPx * heightPx)));
  // Rounded up it could be too large; what is whole but for the last bit of the division is whole.
  const side = (of: number): number => Math.max(1, Math.floor(of * scale + 1e-9));
  return { widthPx: side(widthPx), heightPx: side(heightPx) };
}

/** The height of a region that becomes `widthPx` wide. */
function heightFor(region: Size, widthPx: number): number {
  return Math.round((region.heightPx * widthPx) / region.widthPx);
}

function scaledBy(region: Size, scale: number): Size {
  return { widthPx: Math.round(region.widthPx * scale), heightPx: Math.round(region.heightPx * scale) };
}

function fitsIn({ widthPx, heightPx }: Size, { maxSidePx, maxAreaPx }: ImageLimits): boolean {
  return Math.max(widthPx, heightPx) <= maxSidePx && widthPx * heightPx <= maxAreaPx;
}

function plain({ widthPx, heightPx }: Size): Size {
  return { widthPx, heightPx };
}

function rectText({ leftPx, topPx, widthPx, heightPx }: Rect): string {
  return `${leftPx},${topPx},${widthPx},${heightPx}`;
}

function integerOf(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function decimalOf(text: string): number | undefined {
  return /^(?:\d{1,10}(?:\.\d{1,15})?|\.\d{1,15})$/.test(text) ? Number(text) : undefined;
}

function invalidSize(version: ApiVersion): ProofsheetError {
  return invalid(
    version === 2
      ? 'a size full, max, w, ,h pct:n w,h or !w,h'
      : 'a size max, w, ,h pct:n w,h or !w,h, perhaps with ^ before it',
  );
}

function invalid(expected: string): ProofsheetError {
  return new ProofsheetError('invalid-request-format', `expected ${expected}, got something else`);
}

function unsupported(expected: string): ProofsheetError {
  return new ProofsheetError('unsupported-request', `expected ${expected}, got one that is not implemented`);
}
