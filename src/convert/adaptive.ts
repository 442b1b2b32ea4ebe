// What `auto` makes of a still picture: JPEG or PNG in whichever way is smaller at the same likeness. Trying costs processor
// time, so that what the pixels show to be hopeless is not tried.
import type { Sharp } from 'sharp';
import { areaOf, type Size } from '../kernel/sizes.js';
import { type Encoded, smaller, withoutDensity } from './encoded.js';
import { indexedPng } from './indexed-png.js';
import { paletteOf } from './palette.js';
import { type Edges, pipelineFrom, type Raster } from './raster.js';

/** A picture as pixels, or as steps that lead to them where nothing but a JPEG comes into question. */
export type Picture = { readonly raster: Raster } | { readonly image: Sharp; readonly size: Size };

export interface Wish {
  /** What it is without trying: PNG where alpha is used. */
  readonly type: 'jpg' | 'png';
  readonly quality: number;
  readonly edges: Edges;
  /** The same picture as the source has it, where that can be sent. */
  readonly own: Encoded | undefined;
  /** The very pixels of a type that is chosen for drawings: where they have few colours, these are not yet blended by scaling. */
  readonly isDrawn: boolean;
}

/**
 * Where a progressive JPEG is tried: from this side on it is mostly smaller, by up to 6 %; below, its further headers cost more than it
 * saves. Not for soft pictures, where it saves 0.4 % for a sixth more processor time of the whole sequence, nor for large ones.
 */
const PROGRESSIVE_FROM_PX = 800;
const PROGRESSIVE_UP_TO_PIXELS = 700_000;
/** Up to this side colours at every pixel are worth their tenth of bytes where there is coloured text. */
const FULL_COLOUR_UP_TO_PX = 320;
/**
 * Bits that a palette PNG takes for each pixel that is like neither its left nor its upper neighbour: 7.5 to 11 on previews of
 * screenshots.
 */
const BITS_PER_CHANGE = 8.5;
/** Of the JPEG's bytes; a palette that is to save less is not worth its time, three times that of a JPEG. */
const WORTH_A_PALETTE = 0.65;
/** A palette has to be as near as this to the picture: JPEG itself is at 30 to 38 dB, truecolour PNG without loss. */
const LEAST_DB = { jpg: 40, png: 42 } as const;
export async function adaptive(picture: Picture, wish: Wish): Promise<Encoded> {
  if (!('raster' in picture)) return jpeg(picture.image, picture.size, wish);
  return wish.type === 'png' ? smaller(await clear(picture.raster), wish.own) : opaque(picture.raster, wish);
}

function isProgressiveTried(size: Size, edges: Edges): boolean {
  const side = Math.max(size.widthPx, size.heightPx);
  return edges !== 'soft' && side >= PROGRESSIVE_FROM_PX && areaOf(size) <= PROGRESSIVE_UP_TO_PIXELS;
}

async function jpeg(image: Sharp, { widthPx, heightPx }: Size, { quality, edges }: Wish): Promise<Encoded> {
  const side = Math.max(widthPx, heightPx);
  const chromaSubsampling = edges !== 'soft' && side <= FULL_COLOUR_UP_TO_PX ? '4:4:4' : '4:2:0';
  const coded = async (progressive: boolean): Promise<Encoded> => ({
    type: 'jpg',
    bytes: await image.clone().jpeg({ quality, progressive, chromaSubsampling }).toBuffer(),
  });
  return smaller(await coded(false), isProgressiveTried({ widthPx, heightPx }, edges) ? await coded(true) : undefined);
}

async function opaque(raster: Raster, wish: Wish): Promise<Encoded> {
  const lossy = await jpeg(pipelineFrom(raster), raster, wish);
  if (wish.own && wish.own.bytes.length < lossy.bytes.length) return wish.own;
  if (wish.edges === 'soft' && !wish.isDrawn) return lossy;
  const expectedBytes = (changes(raster) * areaOf(raster) * BITS_PER_CHANGE) / 8;
  if (expectedBytes > lossy.bytes.length * WORTH_A_PALETTE) return lossy;
  const palette = await withPalette(raster, LEAST_DB.jpg);
  return palette && palette.length < lossy.bytes.length ? { type: 'png', bytes: palette } : lossy;
}

async function clear(raster: Raster): Promise<Encoded> {
  const palette = await withPalette(raster, LEAST_DB.png);
  if (palette) return { type: 'png', bytes: palette };
  const bytes = await pipelineFrom(raster).png({ compressionLevel: 7, palette: false }).toBuffer();
  return { type: 'png', bytes: withoutDensity(bytes) };
}

/** As PNG of at most 256 colours; `undefined` when that is too far from the picture. */
async function withPalette(raster: Raster, leastDb: number): Promise<Buffer | undefined> {
  const palette = paletteOf(raster, leastDb);
  return palette && indexedPng(palette, raster);
}

/** Of 0 to 1: pixels unlike both their left and their upper neighbour, in every fourth row. */
export function changes({ pixels, widthPx, heightPx, channels }: Raster): number {
  const rowBytes = widthPx * channels;
  let changed = 0;
  let seen = 0;
  for (let y = Math.min(1, heightPx - 1); y < heightPx; y += 4) {
    for (let at = y * rowBytes + channels; at < (y + 1) * rowBytes; at += channels) {
      seen++;
      if (!isEqual(pixels, at, at - channels, channels) && !isEqual(pixels, at, at - rowBytes, channels)) changed++;
    }
  }
  return seen === 0 ? 1 : changed / seen;
}

function isEqual(pixels: Buffer, a: number, b: number, channels: number): boolean {
  for (let channel = 0; channel < channels; channel++) if (pixels[a + channel] !== pixels[b + channel]) return false;
  return true;
}
