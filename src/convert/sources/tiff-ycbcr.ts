// TIFF in YCbCr with chroma at every pixel and without JPEG: the decoder hands these samples over as if they were RGB, while it knows
// those with less chroma (TIFF 6.0, section 21).
import type { Metadata } from 'sharp';
import { rgbColoursOf } from '../colour/icc.js';
import { converted, type Reading, type Samples } from '../colour/reading.js';
import { TAG } from './tiff.js';
import { type TiffDirectory, tiffNumber, tiffNumbers } from './tiff-directory.js';

const [YCBCR, JPEG, IN_PLANES] = [6, 7, 2] as const;
const [COEFFICIENTS, SUBSAMPLING, BLACK_AND_WHITE] = [529, 530, 532] as const;
/** Of BT.601. */
const USUAL_COEFFICIENTS = [0.299, 0.587, 0.114] as const;
const FULL_RANGE = [0, 255, 128, 255, 128, 255] as const;

/** `undefined` for what is of another kind, or left to the decoder. */
export function ycbcrReading(directory: TiffDirectory, header: Metadata): Reading | undefined {
  const is = (tag: number, value: number): boolean => tiffNumber(directory, tag) === value;
  const isWhole = String(tiffNumbers(directory, SUBSAMPLING)) === '1,1';
  const isPlain = is(TAG.bitsPerSample, 8) && !is(TAG.compression, JPEG) && !is(TAG.planar, IN_PLANES);
  if (!is(TAG.photometric, YCBCR) || !isWhole || !isPlain) return undefined;
  const colours = (header.icc && rgbColoursOf(header.icc)) ?? { transfer: undefined };
  return {
    space: 'srgb',
    depth: 'uchar',
    ignoreIcc: true,
    wholeOnly: true,
    toSrgb: (samples, channels) => converted(rgbOf(samples, channels, directory), channels, 255, colours),
  };
}

function rgbOf(samples: Samples, channels: number, directory: TiffDirectory): Uint8Array {
  const [red, green, blue] = rationals(directory, COEFFICIENTS, USUAL_COEFFICIENTS);
  const [black, white, noBlue, mostBlue, noRed, mostRed] = rationals(directory, BLACK_AND_WHITE, FULL_RANGE);
  const light = 255 / (white - black);
  const [blueness, redness] = [(2 * (1 - blue) * 127) / (mostBlue - noBlue), (2 * (1 - red) * 127) / (mostRed - noRed)];
  // Rounds, and cuts off what lies outside.
  const rgb = new Uint8ClampedArray(samples);
  for (let at = 0; at < rgb.length; at += channels) {
    const y = ((samples[at] as number) - black) * light;
    const r = y + ((samples[at + 2] as number) - noRed) * redness;
    const b = y + ((samples[at + 1] as number) - noBlue) * blueness;
    rgb[at] = r;
    rgb[at + 1] = (y - red * r - blue * b) / green;
    rgb[at + 2] = b;
  }
  return new Uint8Array(rgb.buffer);
}

/** The numbers of a tag; the usual ones where it is not there, or makes no sense. */
function rationals<T extends readonly number[]>({ tags, bigEndian }: TiffDirectory, tag: number, usual: T): T {
  const data = tags.get(tag)?.data ?? Buffer.alloc(0);
  if (data.length < usual.length * 8) return usual;
  const read = (at: number): number => (bigEndian ? data.readUInt32BE(at) : data.readUInt32LE(at));
  const values = usual.map((_, index) => read(index * 8) / read(index * 8 + 4));
  const isSound = values.every(Number.isFinite) && new Set(values.slice(0, 2)).size === 2 && values[1] !== 0;
  return isSound ? (values as unknown as T) : usual;
}
