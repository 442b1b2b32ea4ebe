// From a source's size and a format to exact pixel geometry: scale, then crop, then pad. Pure arithmetic.
import type { Format } from './format.js';

export interface Size {
  readonly widthPx: number;
  readonly heightPx: number;
}

/** A rectangle in the coordinates of the picture it is cut from. */
export interface Region extends Size {
  readonly leftPx: number;
  readonly topPx: number;
}

/**
 * How a source becomes a preview: scaled to `scaled`, of that `crop` is kept, and that is laid at `pad` on a canvas of
 * `size`. Without cropping `crop` is all of `scaled`; without padding `pad` is 0/0 and `crop` fills `size`.
 */
export interface Geometry {
  readonly scaled: Size;
  readonly crop: Region;
  readonly pad: { readonly leftPx: number; readonly topPx: number };
  readonly size: Size;
}

/**
 * The geometry of `format` on a source of size `source` (upright, or as stored when the format says `norotate`).
 * A scaled side is never under 1 px, and never over `maxSidePx`: a picture whose proportions would make a longer side
 * is scaled down as a whole until it fits.
 */
export function geometryOf(source: Size, format: Format, maxSidePx = Number.POSITIVE_INFINITY): Geometry {
  const box = {
    widthPx: Math.min(format.widthPx === -1 ? source.widthPx : format.widthPx, maxSidePx),
    heightPx: Math.min(format.heightPx === -1 ? source.heightPx : format.heightPx, maxSidePx),
  };
  const byWidth = box.widthPx / source.widthPx;
  const byHeight = box.heightPx / source.heightPx;
  const covers = format.scaleType === 'cover' || format.scaleType === 'coverandcrop';
  let scale = covers ? Math.max(byWidth, byHeight) : Math.min(byWidth, byHeight);
  if (!format.expand) scale = Math.min(scale, 1);
  scale = Math.min(scale, maxSidePx / source.widthPx, maxSidePx / source.heightPx);

  const scaled = {
    widthPx: scaledSide(source.widthPx, scale),
    heightPx: scaledSide(source.heightPx, scale),
  };
  switch (format.scaleType) {
    case 'contain':
    case 'cover':
      return whole(scaled);
    case 'coverandcrop':
    case 'containforcedimension':
      return onCanvas(scaled, box);
  }
}

function whole(scaled: Size): Geometry {
  return {
    scaled,
    crop: { leftPx: 0, topPx: 0, ...scaled },
    pad: { leftPx: 0, topPx: 0 },
    size: scaled,
  };
}

/** Centred on a canvas of exactly `box`: what stands over is cropped, what is missing is padded. */
function onCanvas(scaled: Size, box: Size): Geometry {
  const widthPx = Math.min(scaled.widthPx, box.widthPx);
  const heightPx = Math.min(scaled.heightPx, box.heightPx);
  return {
    scaled,
    crop: {
      leftPx: Math.floor((scaled.widthPx - widthPx) / 2),
      topPx: Math.floor((scaled.heightPx - heightPx) / 2),
      widthPx,
      heightPx,
    },
    pad: {
      leftPx: Math.floor((box.widthPx - widthPx) / 2),
      topPx: Math.floor((box.heightPx - heightPx) / 2),
    },
    size: box,
  };
}

function scaledSide(sidePx: number, scale: number): number {
  return Math.max(1, Math.round(sidePx * scale));
}

export function areaOf(size: Size): number {
  return size.widthPx * size.heightPx;
}

/** Whether `size` is at least as large as `other` on both sides. */
export function covers(size: Size, other: Size): boolean {
  return size.widthPx >= other.widthPx && size.heightPx >= other.heightPx;
}
