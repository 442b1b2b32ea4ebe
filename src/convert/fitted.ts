// A preview at the source's own size that came out larger than the source: told in fewer bytes. The source is no better than that
// itself, as a weak JPEG is that has to be turned.
import type { Sharp } from 'sharp';
import { type Encoded, smaller, withoutDensity } from './encoded.js';

/**
 * Qualities, and what share of the bytes of the usual one they take at most, as measured on photographs and drawings. Tried from the
 * first on that is expected to fit; below the last one a preview stays larger than its source.
 */
const QUALITIES: readonly (readonly [quality: number, share: number])[] = [
  [75, 1],
  [65, 0.83],
  [55, 0.72],
  [45, 0.63],
  [35, 0.53],
  [25, 0.42],
  [15, 0.3],
];

export interface Fit {
  readonly mostBytes: number;
  /** The source's type, where the picture may be of another type than it is, and that one is the stronger. */
  readonly strongType: 'webp' | 'avif' | undefined;
  /** The picture's type may become another that browsers show. */
  readonly anyType: boolean;
  /** The source's own picture, by its costly way. */
  readonly own: () => Promise<Encoded | undefined>;
}

/** The first way to `image` that fits, or the smallest of all. */
export async function fitted(
  made: Encoded,
  image: Sharp,
  { mostBytes, strongType, anyType, own }: Fit,
): Promise<Encoded> {
  let smallest = smaller(made, await own());
  const ways =
    made.type === 'png' && !strongType
      ? waysOfPng(anyType)
      : waysOf(strongType ?? made.type, strongType ? 1 : mostBytes / smallest.bytes.length);
  for (const once of ways) {
    if (smallest.bytes.length <= mostBytes) break;
    smallest = smaller(smallest, await once(image.clone()));
  }
  return smallest;
}

type Way = (image: Sharp) => Promise<Encoded>;

function waysOfPng(anyType: boolean): readonly Way[] {
  const packed: Way = async (image) => {
    const bytes = await image.png({ compressionLevel: 9, adaptiveFiltering: true, palette: false }).toBuffer();
    return { type: 'png', bytes: withoutDensity(bytes) };
  };
  const webp: Way = async (image) => ({
    type: 'webp',
    bytes: await image.webp({ lossless: true, effort: 4 }).toBuffer(),
  });
  return anyType ? [packed, webp] : [packed];
}

/** `share`: of the bytes of the usual quality that are wanted. */
function waysOf(type: Encoded['type'], share: number): readonly Way[] {
  if (type === 'gif') return [];
  const last = QUALITIES.length - 1;
  return QUALITIES.filter(([, expected], index) => expected <= share || index === last).map(([quality]): Way => {
    return async (image) => ({ type, bytes: await weaker(image, type, quality).toBuffer() });
  });
}

function weaker(image: Sharp, type: Encoded['type'], quality: number): Sharp {
  if (type === 'jpg') return image.jpeg({ quality, progressive: true });
  return type === 'webp' ? image.webp({ quality, effort: 2 }) : image.avif({ quality, effort: 1 });
}
