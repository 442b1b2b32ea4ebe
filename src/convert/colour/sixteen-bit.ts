// 16-bit pictures with a colour profile: the decoder's library turns RGB into Display P3 and leaves grey as it is coded.
import { greyColoursOf } from './icc.js';
import { DISPLAY_P3, toSrgbFrom } from './primaries.js';
import { type Reading, readingOf } from './reading.js';
import { srgbToLight } from './transfer.js';

/** How the samples of such a picture become sRGB; `undefined` for every other. */
export function readingOfDeep({
  space,
  icc,
}: {
  readonly space: string;
  readonly icc?: Buffer | undefined;
}): Reading | undefined {
  if (icc === undefined) return undefined;
  if (space === 'rgb16') {
    const matrix = toSrgbFrom(DISPLAY_P3);
    return readingOf('ushort', matrix ? { transfer: srgbToLight, matrix } : { transfer: srgbToLight }, false);
  }
  const colours = space === 'grey16' ? greyColoursOf(icc) : undefined;
  return colours && readingOf('ushort', colours, true);
}
