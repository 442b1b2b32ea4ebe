// How TIFF samples become colours where the decoder takes them for something else: integers of 32 bits, signed ones, floats,
// Lab in its several codings, and a fourth sample that is no alpha.
import type { Metadata } from 'sharp';
import type { ByteSource } from '../byte-source.js';
import { greyColoursOf, rgbColoursOf } from '../colour/icc.js';
import { labToSrgb } from '../colour/lab.js';
import { converted, type Reading, type Samples } from '../colour/reading.js';
import { readingOfDeep } from '../colour/sixteen-bit.js';
import { stretched } from '../colour/stretch.js';
import { tiffPageOffset } from './page-count.js';
import { COLOUR_SAMPLES, cleanTags, TAG } from './tiff.js';
import {
  SHORT,
  type TiffDirectory,
  tiffDirectory,
  tiffNumber,
  tiffNumbers,
  withTiffDirectory,
} from './tiff-directory.js';
import { ycbcrReading } from './tiff-ycbcr.js';

const [CIELAB, ICCLAB] = [8, 9] as const;
const [WHITE_IS_ZERO, RGB] = [0, 2] as const;
const [UNSIGNED, FLOAT] = [1, 3] as const;
/** GDAL's: the number that stands for no data, as text. */
const NO_DATA = 42_113;
const [ASSOCIATED, UNASSOCIATED] = [1, 2] as const;

/**
 * `bytes` as they are, or with Lab said to be RGB: the decoder knows Lab of 16 bits, pixel by pixel and
 * without alpha, alone, and leaves numbers that
 * it takes for RGB alone. `tiffReading` of the same bytes makes colours of them.
 */
export function tiffForDecoder(bytes: Buffer): Buffer {
  const directory = tiffDirectory(bytes);
  const coding = directory && labCoding(directory);
  const tags = coding && cleanTags(bytes, directory);
  if (!directory || !tags) return bytes;
  tags.set(TAG.photometric, { type: SHORT, values: [RGB] });
  tags.delete(TAG.icc);
  return withTiffDirectory(bytes, directory, tags);
}

/** How the samples of a page of `bytes`, a TIFF as it was uploaded, are read; `header` is what the decoder says of that page. */
export function tiffReading(bytes: ByteSource, header: Metadata, page = 1): Reading | undefined {
  const directory = page === 1 ? tiffDirectory(bytes) : tiffDirectory(bytes, tiffPageOffset(bytes, page) ?? 0);
  if (directory === undefined) return undefined;
  const several = severalExtras(directory, header);
  if (several) return several;
  const opaque = hasUnspecifiedExtra(directory) && header.hasAlpha;
  const coding = labCoding(directory);
  const reading = coding
    ? labReading(coding, directory)
    : (ycbcrReading(directory, header) ?? numbersReading(directory, header));
  return opaque ? withoutLast(reading ?? readingOfDeep(header)) : reading;
}

function bitsOf(directory: TiffDirectory): number {
  return tiffNumber(directory, TAG.bitsPerSample) ?? 1;
}

function formatOf(directory: TiffDirectory): number {
  return tiffNumber(directory, TAG.sampleFormat) ?? UNSIGNED;
}

function labCoding(directory: TiffDirectory): typeof CIELAB | typeof ICCLAB | undefined {
  const photometric = tiffNumber(directory, TAG.photometric);
  const bits = bitsOf(directory);
  const samples = tiffNumber(directory, TAG.samplesPerPixel) ?? 1;
  if (formatOf(directory) === FLOAT || (bits !== 8 && bits !== 16) || (samples !== 3 && samples !== 4))
    return undefined;
  if (photometric === ICCLAB) return ICCLAB;
  // The decoder mirrors 16-bit Lab in planes.
  const isKnown = bits === 16 && samples === 3 && tiffNumber(directory, TAG.planar) !== 2;
  return photometric === CIELAB && !isKnown ? CIELAB : undefined;
}

/** One sample beyond the colours of which the file says "unspecified", or nothing (TIFF 6.0, ExtraSamples): a mask, mostly. */
function hasUnspecifiedExtra(directory: TiffDirectory): boolean {
  const samples = tiffNumber(directory, TAG.samplesPerPixel) ?? 1;
  const colours = COLOUR_SAMPLES[tiffNumber(directory, TAG.photometric) ?? 1];
  if (colours === undefined || samples !== colours + 1) return false;
  const extra = tiffNumbers(directory, TAG.extraSamples);
  return extra.every((kind) => kind === 0);
}

/**
 * Grey or RGB with two or more samples beyond the colours, of which the first may be alpha and all others are masks: read whole, and
 * the others passed over. `undefined` for all else.
 */
function severalExtras(directory: TiffDirectory, header: Metadata): Reading | undefined {
  const samples = tiffNumber(directory, TAG.samplesPerPixel) ?? 1;
  const photometric = tiffNumber(directory, TAG.photometric) ?? 1;
  const colours = photometric === RGB ? 3 : 1;
  const bits = bitsOf(directory);
  if (photometric > RGB || samples < colours + 2 || (bits !== 8 && bits !== 16) || formatOf(directory) !== UNSIGNED)
    return undefined;
  const [kind = 0] = tiffNumbers(directory, TAG.extraSamples);
  const kept = colours + (kind === ASSOCIATED || kind === UNASSOCIATED ? 1 : 0);
  const most = 2 ** bits - 1;
  const profile = header.icc && (colours === 3 ? rgbColoursOf(header.icc) : greyColoursOf(header.icc));
  return {
    space: bits === 8 ? 'srgb' : 'rgb16',
    depth: bits === 8 ? 'uchar' : 'ushort',
    ignoreIcc: true,
    wholeOnly: true,
    opaque: kept === colours,
    addsAlpha: kept > colours,
    toSrgb: (all, channels) => {
      // Grey comes as three colours where the decoder's library takes it for that.
      const places = colours === 3 ? [0, 1, 2, 3] : [0, channels > samples ? 3 : 1];
      const picked = pickedFrom(all, channels, places.slice(0, kept));
      return converted(picked, kept, most, profile ?? { transfer: undefined });
    },
  };
}

/** The samples of each pixel that stand at `places`. */
function pickedFrom(samples: Samples, channels: number, places: readonly number[]): Uint8Array | Uint16Array {
  const length = (samples.length / channels) * places.length;
  const picked = samples instanceof Uint16Array ? new Uint16Array(length) : new Uint8Array(length);
  for (let from = 0, to = 0; to < length; from += channels)
    for (const place of places) picked[to++] = samples[from + place] as number;
  return picked;
}

/** Between two numbers of Lab as they are coded lies no colour: they are read whole. */
function labReading(coding: typeof CIELAB | typeof ICCLAB, directory: TiffDirectory): Reading {
  const bits = bitsOf(directory);
  const most = 2 ** bits - 1;
  const steps = 2 ** (bits - 8);
  const signed = (sample: number): number => (sample > most >> 1 ? sample - most - 1 : sample) / steps;
  const lightness = coding === ICCLAB && bits === 16 ? 65_280 : most;
  const ab = coding === ICCLAB ? (sample: number): number => sample / steps - 128 : signed;
  return {
    space: bits === 8 ? 'srgb' : 'rgb16',
    depth: bits === 8 ? 'uchar' : 'ushort',
    colorSpace: 'lab',
    ignoreIcc: true,
    wholeOnly: true,
    toSrgb: (samples, channels) =>
      labToSrgb(samples, channels, most, (l, a, b) => [(l / lightness) * 100, ab(a), ab(b)]),
  };
}

function numbersReading(directory: TiffDirectory, header: Metadata): Reading | undefined {
  const [bits, format] = [bitsOf(directory), formatOf(directory)];
  if (bits < 32 && (format === UNSIGNED || format > FLOAT)) return undefined;
  // The library casts what it calls 16-bit grey to integers: such samples are spread over them before.
  const isGrey16 = header.space === 'grey16';
  const space = isGrey16 ? 'grey16' : (header.space as Reading['space']);
  const prepare = isGrey16 ? (format === FLOAT ? { times: 65_535, plus: 0 } : { times: 1, plus: 32_768 }) : undefined;
  const isGrey = header.channels < 3;
  const icc = format === FLOAT ? header.icc : undefined;
  const colours = icc && (isGrey ? greyColoursOf(icc) : rgbColoursOf(icc));
  const inverted = tiffNumber(directory, TAG.photometric) === WHITE_IS_ZERO && format !== UNSIGNED;
  const range =
    format === UNSIGNED || (isGrey16 && format === FLOAT)
      ? ([0, format === FLOAT ? 65_535 : 2 ** bits - 1] as const)
      : undefined;
  const noData = noDataOf(directory);
  return {
    space,
    depth: 'float',
    ignoreIcc: true,
    wholeOnly: true,
    ...(prepare ? { prepare } : {}),
    toSrgb: (samples, channels) => {
      const spread = stretched(samples, channels, { range, isFloat: format === FLOAT, inverted, noData });
      return converted(spread, channels, 65_535, colours ?? { transfer: undefined });
    },
  };
}

function noDataOf({ tags }: TiffDirectory): number | undefined {
  const text = tags.get(NO_DATA)?.data.toString('latin1').replace(/\0.*$/s, '').trim();
  return text ? Number(text) : undefined;
}

/** The same without the last sample of each pixel, which is read whole so that it weighs on no other. */
function withoutLast(reading: Reading | undefined): Reading {
  const base: Reading = reading ?? {
    space: 'srgb',
    depth: 'uchar',
    ignoreIcc: false,
    toSrgb: (samples) => ({ pixels: Buffer.from(samples.buffer, samples.byteOffset, samples.length), channels: 4 }),
  };
  return {
    ...base,
    wholeOnly: true,
    opaque: true,
    toSrgb: (samples: Samples, channels) => {
      const { pixels, channels: made } = base.toSrgb(samples, channels);
      if (made === 3) return { pixels, channels: 3 };
      const opaque = Buffer.allocUnsafe((pixels.length / 4) * 3);
      for (let from = 0, to = 0; from < pixels.length; from += 4, to += 3) {
        opaque[to] = pixels[from] as number;
        opaque[to + 1] = pixels[from + 1] as number;
        opaque[to + 2] = pixels[from + 2] as number;
      }
      return { pixels: opaque, channels: 3 };
    },
  };
}
