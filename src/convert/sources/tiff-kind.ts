// Which TIFF files hold no picture that is decoded here, intact as they may be: camera raw, and kinds that the decoder lacks.
import type { ByteSource } from '../byte-source.js';
import type { Sniffed } from '../sniff.js';
import { TAG } from './tiff.js';
import { type TiffDirectory, tiffDirectory, tiffNumber, tiffNumbers } from './tiff-directory.js';

/** Directories that are looked at: the chain, and those that the first leads to. */
const MAX_DIRECTORIES = 20;
const DNG_VERSION = 50_706;
/** Photometric interpretations of sensors: a colour filter array, and linear raw. */
const SENSOR: readonly number[] = [32_803, 34_892];
/** Compressions that makers of cameras have for raw data: Sony, Samsung (two), Nikon, Kodak, Pentax. */
const RAW_COMPRESSIONS: readonly number[] = [32_767, 32_769, 32_770, 34_713, 65_000, 65_535];

/** Compressions that the decoder is built without or never had. */
const UNDECODED: Readonly<Record<number, string>> = {
  6: 'old-style JPEG',
  33003: 'JPEG 2000',
  33005: 'JPEG 2000',
  34661: 'JBIG',
  34712: 'JPEG 2000',
  34887: 'LERC',
  34925: 'LZMA',
  50000: 'ZSTD',
  50002: 'JPEG XL',
  52546: 'JPEG XL',
};
/** None, CCITT (three), LZW, JPEG, Deflate (two), PackBits, ThunderScan, NeXT, SGILog (two), PixarLog, CCITT RLE by words, WebP. */
const DECODED: readonly number[] = [
  1, 2, 3, 4, 5, 7, 8, 32_946, 32_773, 32_809, 32_766, 34_676, 34_677, 32_909, 32_771, 50_001,
];
const YCBCR = 6;
/** What the library takes. */
const MOST_SAMPLES = 5;
const DECODED_BITS: readonly number[] = [1, 2, 4, 8, 16, 32];

/** What `bytes`, a TIFF, holds instead of a picture that can be decoded, in a few words; `undefined` for all others. */
export function tiffKind(bytes: ByteSource): string | undefined {
  // CR2 and IIQ say so behind their header, where others have what they like.
  const head = bytes.subarray(0, 16).toString('latin1');
  if (head.slice(4, 12) === '\x10\0\0\0CR\x02\0') return 'camera raw (CR2)';
  if (/^(?:IIIITwaR|MMMMRawT)$/.test(head.slice(8))) return 'camera raw (IIQ)';
  const first = tiffDirectory(bytes);
  if (first === undefined) return undefined;
  if (first.tags.has(DNG_VERSION)) return 'camera raw (DNG)';
  if (isRaw(bytes, first)) return 'camera raw';
  return undecoded(first);
}

/** Camera raw in the shape of a TIFF. */
export function rawTiff(bytes: ByteSource): Sniffed | undefined {
  const kind = tiffKind(bytes);
  return kind?.startsWith('camera raw') ? { type: 'raw', name: kind } : undefined;
}

/** A sensor's data in any directory, or a thumbnail first and the pictures in directories below it. */
function isRaw(bytes: ByteSource, first: TiffDirectory): boolean {
  const below = tiffNumbers(first, TAG.subDirectories).slice(0, MAX_DIRECTORIES);
  const reduced = ((tiffNumber(first, TAG.newSubfileType) ?? 0) & 1) === 1;
  if (reduced && below.length > 0) return true;
  const others = below.map((offset) => tiffDirectory(bytes, offset));
  return [first, ...others].some(
    (directory) =>
      directory !== undefined &&
      (SENSOR.includes(tiffNumber(directory, TAG.photometric) ?? 0) ||
        RAW_COMPRESSIONS.includes(tiffNumber(directory, TAG.compression) ?? 0)),
  );
}

function undecoded(directory: TiffDirectory): string | undefined {
  const compression = tiffNumber(directory, TAG.compression) ?? 1;
  if (UNDECODED[compression] !== undefined) return `TIFF compressed with ${UNDECODED[compression]}`;
  if (!DECODED.includes(compression)) return `TIFF compressed in an unknown way (${compression})`;
  const [bits = 1] = tiffNumbers(directory, TAG.bitsPerSample);
  const samples = tiffNumber(directory, TAG.samplesPerPixel) ?? 1;
  const photometric = tiffNumber(directory, TAG.photometric) ?? 1;
  const [format] = tiffNumbers(directory, TAG.sampleFormat);
  if (!DECODED_BITS.includes(bits) || (bits < 8 && samples > 1)) return `TIFF of ${bits}-bit samples`;
  if (format === 5 || format === 6) return 'TIFF of complex numbers';
  const isPlanar = samples > 1 && tiffNumber(directory, TAG.planar) === 2;
  if (isPlanar && photometric === YCBCR && compression !== 7) return 'TIFF of YCbCr in planes';
  if (samples > MOST_SAMPLES) return `TIFF of ${samples} samples a pixel`;
  const isTiled = directory.tags.has(TAG.tileOffsets) || directory.tags.has(TAG.tileWidth);
  if (isTiled && isPlanar) return 'TIFF of planes in tiles';
  const isInteger = format === undefined || format === 1;
  if ((bits > 16 || !isInteger) && ![0, 1, 2].includes(photometric)) return 'TIFF of such samples in such colours';
  return undefined;
}
