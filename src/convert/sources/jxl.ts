// JPEG XL (ISO/IEC 18181): the size is read from the code stream here, the pixels come from a package, in sRGB.
import { brotliDecompressSync } from 'node:zlib';
import { BT709, luminanceOf } from '../colour/primaries.js';
import { type Reading, readingOf } from '../colour/reading.js';
import { REFERENCE_WHITE, srgbToLight } from '../colour/transfer.js';
import { decoderPackage } from '../decoder-packages.js';
import type { OpenedSource, Pixels } from '../opened-source.js';
import { DamagedSource, refusedKind } from '../refused-kind.js';
import { MAX_EXIF_BYTES, MAX_PACKET_BYTES } from '../source-facts.js';
import { compiledWasm, instanceOf } from '../wasm.js';
import { boxesOf } from './isobmff.js';
import { type JxlDynamic, jxlHeader, withBits } from './jxl-header.js';

const PACKAGE = '@jsquash/jxl';
const BASE_BYTES = 48 * 1024 * 1024;
/** Floats of all channels, several times. 27 to 41 were measured of 8 bits, of photographs of 0.75 to 12 megapixels; 63 of 16. */
const BYTES_PER_PIXEL = { usual: 48, deep: 75 } as const;

interface Decoded {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

interface JxlModule {
  decode(bytes: Uint8Array): Decoded | null;
}

export async function openJxl(file: Buffer): Promise<OpenedSource> {
  await loaded();
  const stream = codeStreamOf(file);
  const { isDeep, dynamic, multipliedAtBit, hasBlack, ...size } = jxlHeader(stream);
  // The package leaves the black out.
  if (hasBlack) throw refusedKind('JPEG XL in CMYK');
  const bytesEach = BYTES_PER_PIXEL[isDeep ? 'deep' : 'usual'];
  return {
    kind: 'pixels',
    size,
    orientation: 1,
    hasAlpha: true,
    channels: 4,
    bits: 8,
    colorSpace: 'srgb',
    pages: 1,
    exif: exifOf(file),
    xmp: packedBox(file, 'xml ', MAX_PACKET_BYTES),
    reading: dynamic && readingOfDynamic(dynamic),
    decoderBytes: ({ widthPx, heightPx }) => BASE_BYTES + file.length + widthPx * heightPx * bytesEach,
    decode: async () => {
      const told = dynamic ? withFinerLight(file, stream, dynamic) : file;
      if (multipliedAtBit === undefined) return decodeJxl(told, size);
      // The package divides by the alpha what its library has divided already: told that nothing was multiplied, neither does.
      return divided(await decodeJxl(withBits(told, firstBitOf(stream, file) + multipliedAtBit, 1, 0), size));
    },
  };
}

/** The most that PQ codes, and the most that is looked at where the file tells that in a way that can be changed; cd/m2. */
const [MOST_OF_PQ, MOST_SHOWN] = [10_000, 2000] as const;
/** The latter as a float of 16 bits. */
const MOST_SHOWN_BITS = 0x67d0;
/** Of the curve of sRGB, as the number of PQ is written. */
const SRGB_CURVE = 13 - 2;

/**
 * The package gives light of the display (PQ) or of the scene (HLG), 1 for the most that is coded, by the curve of sRGB in 8 bits: of PQ
 * white is the 39th step.
 */
function readingOfDynamic({ curve, lightAtBit }: JxlDynamic): Reading {
  if (curve === 'hlg')
    return readingOf('uchar', { transfer: srgbToLight, dynamic: 'hlg', luminance: luminanceOf(BT709) }, true);
  const scale = (lightAtBit === undefined ? MOST_OF_PQ : MOST_SHOWN) / REFERENCE_WHITE;
  return readingOf('uchar', { transfer: (coded) => srgbToLight(coded) * scale, dynamic: 'pq' }, true);
}

/** Lossy colours of PQ are light, relative to a most that the file tells: told as less, by the curve of sRGB, white is the 90th step. */
function withFinerLight(file: Buffer, stream: Buffer, { curve, curveAtBit, lightAtBit }: JxlDynamic): Buffer {
  if (curve !== 'pq' || lightAtBit === undefined) return file;
  const first = firstBitOf(stream, file);
  return withBits(withBits(file, first + curveAtBit, 4, SRGB_CURVE), first + lightAtBit, 16, MOST_SHOWN_BITS);
}

function firstBitOf(stream: Buffer, file: Buffer): number {
  return (stream.byteOffset - file.byteOffset) * 8;
}

/** Colours that were multiplied by their alpha as they are without. */
function divided(pixels: Pixels): Pixels {
  const samples = new Uint8ClampedArray(pixels.samples);
  for (let at = 0; at < samples.length; at += 4) {
    const alpha = samples[at + 3] as number;
    if (alpha === 0 || alpha === 255) continue;
    for (let colour = at; colour < at + 3; colour++) samples[colour] = ((samples[colour] as number) * 255) / alpha;
  }
  return { ...pixels, samples: new Uint8Array(samples.buffer) };
}

function loaded() {
  return decoderPackage(PACKAGE, 'JPEG XL', async () => {
    const [{ default: create }, module] = await Promise.all([
      import('@jsquash/jxl/codec/dec/jxl_dec.js'),
      compiledWasm('@jsquash/jxl/codec/dec/jxl_dec.wasm'),
    ]);
    return { create: create as unknown as (options: object) => Promise<JxlModule>, module };
  });
}

async function decodeJxl(file: Buffer, expected: Pick<Pixels, 'widthPx' | 'heightPx'>): Promise<Pixels> {
  const { create, module } = await loaded();
  // The package was made for browsers, and makes one of these of its result.
  const scope = globalThis as { ImageData?: unknown };
  scope.ImageData ??= class {
    constructor(
      readonly data: Uint8ClampedArray,
      readonly width: number,
      readonly height: number,
    ) {}
  };
  const decoded = (await create(instanceOf(module))).decode(file);
  if (!decoded) throw new DamagedSource('the decoder gave no picture');
  const { data, width, height } = decoded;
  // A picture that is stored turned comes upright.
  const isSame = width * height === expected.widthPx * expected.heightPx;
  if (!isSame || (width !== expected.widthPx && width !== expected.heightPx)) {
    throw new DamagedSource(`expected ${expected.widthPx}x${expected.heightPx}, got ${width}x${height}`);
  }
  return {
    samples: new Uint8Array(data.buffer, data.byteOffset, data.length),
    widthPx: width,
    heightPx: height,
    channels: 4,
  };
}

/** The code stream, or the beginning of it, without its container (part 2). */
function codeStreamOf(file: Buffer): Buffer {
  if (file.readUInt16BE(0) === 0xff0a) return file;
  for (const { type, body } of boxesOf(file)) {
    if (type === 'jxlc') return body;
    // Parts have a number before them.
    if (type === 'jxlp') return body.subarray(4);
  }
  throw new DamagedSource('expected a code stream, got none');
}

/** The body of that box, which may be packed; `undefined` where there is none, or one of more than `mostBytes`. */
function packedBox(file: Buffer, wanted: string, mostBytes: number): Buffer | undefined {
  if (file.readUInt16BE(0) === 0xff0a) return undefined;
  for (const { type, body } of boxesOf(file)) {
    if (type === wanted) return body.length > mostBytes ? undefined : body;
    if (type !== 'brob' || body.toString('latin1', 0, 4) !== wanted) continue;
    try {
      return brotliDecompressSync(body.subarray(4), { maxOutputLength: mostBytes });
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** Behind the offset of its beginning. */
function exifOf(file: Buffer): Buffer | undefined {
  const body = packedBox(file, 'Exif', MAX_EXIF_BYTES);
  return body && body.length > 12 ? body.subarray(4 + body.readUInt32BE(0)) : undefined;
}
