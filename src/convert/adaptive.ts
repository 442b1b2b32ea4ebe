// What `auto` makes of a still picture: JPEG or PNG in whichever way is smaller at the same likeness. Trying costs processor
// time, so that what the pixels show to be hopeless is not tried.
import type { Sharp } from 'sharp';
import { areaOf, type Size } from '../kernel/sizes.js';
import { type Encoded, smaller, withoutDensity } from './encoded.js';
import { indexedPng } from './indexed-png.js';
import { isWithoutPalette, paletteOf } from './palette.js';
import { type Edges, pipelineFrom, type Raster, rasterOfSize, scaled as scaledRaster } from './raster.js';

/** A picture as the steps that lead to it, and as its pixels where these are there already. */
export interface Picture {
  readonly image: Sharp;
  readonly size: Size;
  /** What the base is scaled to before it is cut or padded. */
  readonly scaled: Size;
  readonly raster: Raster | undefined;
  /** What it is scaled from, of one channel where the picture is. */
  readonly base: Raster;
}

export interface Wish {
  /** What it is without trying: PNG where alpha is used. */
  readonly type: 'jpg' | 'png';
  readonly quality: number;
  readonly edges: Edges;
  /** The same picture as the source has it, where that can be sent and has fewer bytes than these. */
  readonly own: (mostBytes: number) => Encoded | undefined;
  /** The very pixels of a type that is chosen for drawings: where they have few colours, these are not yet blended by scaling. */
  readonly isDrawn: boolean;
}

/**
 * Where a JPEG is progressive: from this side on it is smaller, by 3 to 7 %; below, its further headers cost more than it saves. Not
 * for soft pictures, where it saves 0.4 % for a sixth more processor time of the whole sequence, nor for large ones.
 */
const PROGRESSIVE_FROM_PX = 800;
const PROGRESSIVE_UP_TO_PIXELS = 700_000;
/** What a JPEG that is not progressive has of one that is, at least: a source's own picture of fewer bytes is smaller than either. */
const MOST_OF_PROGRESSIVE = 0.9;
/** Up to this side colours at every pixel are worth their tenth of bytes where there is coloured text. */
const FULL_COLOUR_UP_TO_PX = 320;
/**
 * Bits that a palette PNG takes for each pixel that is like neither its left nor its upper neighbour: 7.5 to 11 on previews of
 * screenshots.
 */
const BITS_PER_CHANGE = 8.5;
/** Of the JPEG's bytes; a palette that is to save less is not worth its time, three times that of a JPEG. */
const WORTH_A_PALETTE = 0.65;
/**
 * Scaling down blends pixels and makes hardly any alike that were not: what is to have so few changes has had less than half of them
 * before, in 15 of 15 scaled pictures that a palette made smaller.
 */
const SHARP_SHARE = 0.46;
/** Strips that the share is told from before a large picture is scaled, and what it may be there of what it may be in all. */
const [STRIPS, STRIP_ROWS, MOST_IN_STRIPS] = [8, 32, 1.5] as const;
/** A palette has to be as near as this to the picture: JPEG itself is at 30 to 38 dB, truecolour PNG without loss. */
const LEAST_DB = { jpg: 40, png: 42 } as const;
/** From so many pixels on a picture has about as many colours as some rows of what it is scaled from. */
const LIKE_ITS_BASE_PIXELS = 200_000;
/** Pixels that are looked at to tell how many a palette would have to tell apart. */
const MOST_LOOKS = 100_000;

export async function adaptive(picture: Picture, wish: Wish): Promise<Encoded> {
  if (wish.type === 'jpg') return opaque(picture, wish);
  const made = await clear(picture);
  return smaller(made, wish.own(made.bytes.length));
}

async function rasterIn({ raster, image, size }: Picture): Promise<Raster> {
  return raster ?? rasterOfSize(image, size);
}

function isProgressive(size: Size, edges: Edges): boolean {
  const side = Math.max(size.widthPx, size.heightPx);
  return edges !== 'soft' && side >= PROGRESSIVE_FROM_PX && areaOf(size) <= PROGRESSIVE_UP_TO_PIXELS;
}

async function jpeg({ image, size }: Picture, { quality, edges, own }: Wish, isScaled: boolean): Promise<Encoded> {
  const side = Math.max(size.widthPx, size.heightPx);
  const chromaSubsampling = edges !== 'soft' && side <= FULL_COLOUR_UP_TO_PX ? '4:4:4' : '4:2:0';
  const coded = async (progressive: boolean): Promise<Encoded> => ({
    type: 'jpg',
    bytes: await image.jpeg({ quality, progressive, chromaSubsampling }).toBuffer(),
  });
  const first = await coded(isProgressive(size, edges));
  if (isScaled || !isProgressive(size, edges) || own(first.bytes.length * MOST_OF_PROGRESSIVE)) return first;
  // Of pixels that were not blended by scaling it may be larger: by 4 % of a chart.
  return smaller(first, await coded(false));
}

/**
 * Bytes that a JPEG takes at least for a pixel of one colour, and for one that is like neither neighbour: 0.0065 and 1.5 to 3 on pages,
 * 0.0040 and 0.86 to 2 on those that are grey.
 */
const LEAST_OF = { colours: [0.0064, 1.5], grey: [0.0039, 0.8] } as const;

function leastOfJpeg(size: Size, share: number, { channels }: Raster): number {
  const [ofPixel, ofChange] = LEAST_OF[channels === 1 ? 'grey' : 'colours'];
  return areaOf(size) * (ofPixel + share * ofChange);
}

/** The picture's pixels where it has so few changes that hardly any JPEG is as small: drawn, or a page that is grey. */
async function plainRaster(picture: Picture, wish: Wish): Promise<Raster | undefined> {
  const { raster, base, size } = picture;
  if (areaOf(size) < LIKE_ITS_BASE_PIXELS || (raster ? !wish.isDrawn : base.channels !== 1)) return undefined;
  const hasFew = (of: Raster): boolean =>
    (changes(of) * areaOf(size) * BITS_PER_CHANGE) / 8 <= leastOfJpeg(size, changes(of), base) / 2;
  if (!hasFew(base)) return undefined;
  const pixels = await rasterIn(picture);
  return hasFew(pixels) ? pixels : undefined;
}

/** What is small and may become a palette has its pixels first: so it is scaled once, for its JPEG and for what is counted. */
async function withPixelsAtHand(picture: Picture, { edges }: Wish): Promise<Picture> {
  if (picture.raster !== undefined || edges === 'soft' || areaOf(picture.size) > LIKE_ITS_BASE_PIXELS) return picture;
  const raster = await rasterIn(picture);
  return { ...picture, raster, image: pipelineFrom(raster) };
}

async function opaque(picture: Picture, wish: Wish): Promise<Encoded> {
  const isScaled = picture.raster === undefined;
  const plain = await plainRaster(picture, wish);
  if (plain === undefined) {
    const shown = await withPixelsAtHand(picture, wish);
    return jpegOrPalette(shown, wish, await jpeg(shown, wish, isScaled), isScaled);
  }
  const palette = await withPalette(plain, LEAST_DB.jpg);
  if (palette && palette.length <= leastOfJpeg(picture.size, changes(plain), plain))
    return wish.own(palette.length) ?? { type: 'png', bytes: palette };
  const lossy = await jpeg({ ...picture, image: pipelineFrom(plain) }, wish, isScaled);
  const made = ownOr(lossy, wish);
  return palette && mayReplace(made, lossy) ? smaller(made, { type: 'png', bytes: palette }) : made;
}

function ownOr(lossy: Encoded, wish: Wish): Encoded {
  return wish.own(lossy.bytes.length) ?? lossy;
}

/** A source's own picture stays of its type, even where a palette is smaller. */
function mayReplace(made: Encoded, lossy: Encoded): boolean {
  return made === lossy || made.type === 'png';
}

/** `lossy`, or what else is smaller: the source's own picture, or a palette. */
async function jpegOrPalette(picture: Picture, wish: Wish, lossy: Encoded, isScaled: boolean): Promise<Encoded> {
  const made = ownOr(lossy, wish);
  if (!mayReplace(made, lossy) || (wish.edges === 'soft' && !wish.isDrawn)) return made;
  const most = (made.bytes.length * WORTH_A_PALETTE * 8) / (areaOf(picture.size) * BITS_PER_CHANGE);
  if (isScaled && changes(picture.base) > most * SHARP_SHARE) return made;
  if (isWithout(picture, LEAST_DB.jpg)) return made;
  if (isScaled && (await changesInStrips(picture)) > most * MOST_IN_STRIPS) return made;
  const raster = await rasterIn(picture);
  if (changes(raster) > most) return made;
  const palette = await withPalette(raster, LEAST_DB.jpg);
  return palette && palette.length < made.bytes.length ? { type: 'png', bytes: palette } : made;
}

async function clear(picture: Picture): Promise<Encoded> {
  // In one go with what leads to the picture, where nothing else comes into question.
  const isHopeless = isWithout(picture, LEAST_DB.png);
  const raster = isHopeless ? picture.raster : await rasterIn(picture);
  const palette = isHopeless || raster === undefined ? undefined : await withPalette(raster, LEAST_DB.png);
  if (palette) return { type: 'png', bytes: palette };
  const image = raster ? pipelineFrom(raster) : picture.image;
  const bytes = await image.png({ compressionLevel: 7, palette: false }).toBuffer();
  return { type: 'png', bytes: withoutDensity(bytes) };
}

/** As PNG of at most 256 colours; `undefined` when that is too far from the picture. */
async function withPalette(raster: Raster, leastDb: number): Promise<Buffer | undefined> {
  const palette = paletteOf(raster, leastDb);
  return palette && indexedPng(palette, raster);
}

/** What is told of a raster once, for all previews that are made of it. */
const known = { changes: new WeakMap<Raster, number>(), withoutPalette: new WeakMap<Raster, boolean>() };

function once<T>(told: WeakMap<Raster, T>, raster: Raster, tell: (raster: Raster) => T): T {
  const before = told.get(raster);
  if (before !== undefined) return before;
  const now = tell(raster);
  told.set(raster, now);
  return now;
}

/** A raster is opaque or not: it is always asked for the same likeness. */
function isWithout({ size, base }: Picture, leastDb: number): boolean {
  if (areaOf(size) < LIKE_ITS_BASE_PIXELS) return false;
  return once(known.withoutPalette, base, (raster) => isWithoutPalette(raster, leastDb));
}

/**
 * About the changes that a large picture will have once it is scaled, by some strips of its base: to scale all of it only to count what is
 * too much takes a fifth of its whole sequence. 0 where that saves nothing.
 */
async function changesInStrips({ base, scaled, size, raster }: Picture): Promise<number> {
  const between = Math.floor(base.heightPx / STRIPS);
  if (raster !== undefined || areaOf(size) < LIKE_ITS_BASE_PIXELS || between < 4 * STRIP_ROWS) return 0;
  const stripBytes = STRIP_ROWS * base.widthPx * base.channels;
  const strips = Array.from({ length: STRIPS }, (_, strip) => {
    const from = strip * between * base.widthPx * base.channels;
    return base.pixels.subarray(from, from + stripBytes);
  });
  const { widthPx, channels, frames } = base;
  const stacked = { widthPx, heightPx: STRIPS * STRIP_ROWS, channels, frames, pixels: Buffer.concat(strips) };
  const heightPx = Math.max(1, Math.round((stacked.heightPx * scaled.heightPx) / base.heightPx));
  return shareOfChanges(await scaledRaster(stacked, { widthPx: scaled.widthPx, heightPx }, 'hard'));
}

/** Of 0 to 1: pixels unlike both their left and their upper neighbour, in every fourth row or as many as are looked at. */
export function changes(raster: Raster): number {
  return once(known.changes, raster, shareOfChanges);
}

function shareOfChanges({ pixels, widthPx, heightPx, channels }: Raster): number {
  const rowBytes = widthPx * channels;
  const step = Math.max(4, Math.ceil((widthPx * heightPx) / MOST_LOOKS));
  const changedIn = CHANGED_IN[channels];
  let changed = 0;
  let seen = 0;
  for (let y = Math.min(1, heightPx - 1); y < heightPx; y += step) {
    changed += changedIn(pixels, y * rowBytes + channels, (y + 1) * rowBytes, rowBytes);
    seen += widthPx - 1;
  }
  return seen === 0 ? 1 : changed / seen;
}

/** Pixels between two places of a row that are unlike both neighbours; one loop for each number of channels takes a fifth of the time. */
const CHANGED_IN = {
  1: (pixels: Buffer, from: number, to: number, rowBytes: number): number => {
    let changed = 0;
    for (let at = from; at < to; at++)
      if (pixels[at] !== pixels[at - 1] && pixels[at] !== pixels[at - rowBytes]) changed++;
    return changed;
  },
  3: (pixels: Buffer, from: number, to: number, rowBytes: number): number => {
    let changed = 0;
    for (let at = from; at < to; at += 3) {
      const [red, green, blue] = [pixels[at], pixels[at + 1], pixels[at + 2]];
      const left = at - 3;
      if (red === pixels[left] && green === pixels[left + 1] && blue === pixels[left + 2]) continue;
      const up = at - rowBytes;
      if (red !== pixels[up] || green !== pixels[up + 1] || blue !== pixels[up + 2]) changed++;
    }
    return changed;
  },
  4: (pixels: Buffer, from: number, to: number, rowBytes: number): number => {
    let changed = 0;
    for (let at = from; at < to; at += 4) {
      const [red, green, blue, alpha] = [pixels[at], pixels[at + 1], pixels[at + 2], pixels[at + 3]];
      const left = at - 4;
      if (red === pixels[left] && green === pixels[left + 1] && blue === pixels[left + 2] && alpha === pixels[left + 3])
        continue;
      const up = at - rowBytes;
      if (red !== pixels[up] || green !== pixels[up + 1] || blue !== pixels[up + 2] || alpha !== pixels[up + 3])
        changed++;
    }
    return changed;
  },
} as const;
