// What the Image API tells of a picture: info.json of both versions. Pure.
import type { Size } from '../../../kernel/sizes.js';
import {
  type ApiVersion,
  IMAGE_FORMATS,
  type ImageLimits,
  maxSizeOf,
  QUALITIES,
} from '../../../kernel/zoom/image-request.js';
import { levelSize, maxLevelOf, scaleFactorsOf, TILE_SIDE_PX, type TileType } from '../../../kernel/zoom/pyramid.js';

/** Largest picture of a region: 67 MiB of pixels, drawn of a canvas of at most four times that. */
export const IMAGE_LIMITS: ImageLimits = { maxSidePx: 4_096, maxAreaPx: 2 ** 24 };

export const CONTEXTS: Readonly<Record<ApiVersion, string>> = {
  2: 'http://iiif.io/api/image/2/context.json',
  3: 'http://iiif.io/api/image/3/context.json',
};
export const PROFILES: Readonly<Record<ApiVersion, string>> = {
  2: 'http://iiif.io/api/image/2/level2.json',
  3: 'http://iiif.io/api/image/3/level2.json',
};
const PROTOCOL = 'http://iiif.io/api/image';
/** The smallest picture that is worth naming: a thumbnail. */
const MIN_SIDE_PX = 64;

/** What both levels leave to the server, and this one has. */
const BEYOND_LEVEL_2 = ['canonicalLinkHeader', 'mirroring', 'profileLinkHeader'] as const;

/** `id`: the absolute URL of the picture, without a slash at the end. */
export function imageInfo(version: ApiVersion, id: string, size: Size, tileType: TileType): object {
  const { maxSidePx: maxWidth, maxAreaPx: maxArea } = IMAGE_LIMITS;
  const common = {
    protocol: PROTOCOL,
    width: size.widthPx,
    height: size.heightPx,
    sizes: sizesOf(size),
    tiles: [{ width: TILE_SIDE_PX, height: TILE_SIDE_PX, scaleFactors: scaleFactorsOf(size) }],
  };
  if (version === 3)
    return {
      '@context': CONTEXTS[3],
      id,
      type: 'ImageService3',
      profile: 'level2',
      ...common,
      maxWidth,
      maxArea,
      preferredFormats: [tileType],
      extraFormats: IMAGE_FORMATS.filter((format) => format !== 'jpg' && format !== 'png'),
      extraQualities: QUALITIES.filter((quality) => quality !== 'default'),
      extraFeatures: [...BEYOND_LEVEL_2, 'sizeUpscaling'],
    };
  return {
    '@context': CONTEXTS[2],
    '@id': id,
    profile: [
      PROFILES[2],
      {
        formats: IMAGE_FORMATS,
        qualities: QUALITIES,
        supports: [...BEYOND_LEVEL_2, 'regionSquare', 'sizeAboveFull'],
        maxWidth,
        maxArea,
      },
    ],
    ...common,
  };
}

/** The sizes of the levels that may be asked for whole, the smallest first; at least what `max` is. */
function sizesOf(size: Size): readonly { readonly width: number; readonly height: number }[] {
  const levels = Array.from({ length: maxLevelOf(size) + 1 }, (_, level) => levelSize(size, level));
  const largest = maxSizeOf(size, IMAGE_LIMITS);
  const named = levels.filter(
    ({ widthPx, heightPx }) =>
      Math.max(widthPx, heightPx) >= MIN_SIDE_PX && widthPx <= largest.widthPx && heightPx <= largest.heightPx,
  );
  return (named.length > 0 ? named : [largest]).map(({ widthPx: width, heightPx: height }) => ({ width, height }));
}
