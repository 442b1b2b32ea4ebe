// JPEG XL (ISO/IEC 18181): the size is read from the code stream here, the pixels come from a package, in sRGB.
import { decoderPackage } from '../decoder-packages.js';
import type { OpenedSource, Pixels } from '../opened-source.js';
import { DamagedSource, expectBytes } from '../refused-kind.js';
import { compiledWasm, instanceOf } from '../wasm.js';
import { boxesOf } from './isobmff.js';

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
  const { isDeep, ...size } = headerOf(codeStreamOf(file));
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
    decoderBytes: ({ widthPx, heightPx }) => BASE_BYTES + file.length + widthPx * heightPx * bytesEach,
    decode: () => decodeJxl(file, size),
  };
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

function exifOf(file: Buffer): Buffer | undefined {
  if (file.readUInt16BE(0) === 0xff0a) return undefined;
  const body = boxesOf(file).find(({ type }) => type === 'Exif')?.body;
  return body && body.length > 12 ? body.subarray(4 + body.readUInt32BE(0)) : undefined;
}

/** Width to height, where the width is not told (part 1, section D.1.2). */
const RATIOS: readonly (readonly [number, number])[] = [
  [1, 1],
  [12, 10],
  [4, 3],
  [3, 2],
  [16, 9],
  [5, 4],
  [2, 1],
];
const SIDE_BITS = [9, 13, 18, 30] as const;

interface JxlHeader extends Pick<Pixels, 'widthPx' | 'heightPx'> {
  /** More than 8 bits a sample, or so much that it is not told in the first fields. */
  readonly isDeep: boolean;
}

/** SizeHeader behind the signature, and the orientation and depth that may follow it (sections D.1.2, D.2 and D.3.2). */
function headerOf(stream: Buffer): JxlHeader {
  expectBytes(stream, 0, 2);
  let bit = 16;
  const read = (count: number): number => {
    let value = 0;
    for (let index = 0; index < count; index++, bit++) {
      value += (((stream[bit >> 3] ?? 0) >> (bit & 7)) & 1) * 2 ** index;
    }
    if (bit > stream.length * 8) throw new DamagedSource('expected a size, got the end of the file');
    return value;
  };
  const small = read(1) === 1;
  const side = (): number => (small ? (read(5) + 1) * 8 : read(SIDE_BITS[read(2)] ?? 9) + 1);
  const heightPx = side();
  const ratio = RATIOS[read(3) - 1];
  const widthPx = ratio ? Math.floor((heightPx * ratio[0]) / ratio[1]) : side();
  // ImageMetadata: all default, or with extra fields, of which the first is the orientation; then the depth.
  if (read(1) === 1) return { widthPx, heightPx, isDeep: false };
  const extra = read(1) === 1;
  const swapped = extra && read(3) + 1 >= 5;
  // Another size, a preview or an animation, which say more before the depth comes.
  const isLonger = extra && read(3) !== 0;
  // No floats, and the first choice of a depth: 8 bits.
  const isDeep = isLonger || read(3) !== 0;
  return swapped ? { widthPx: heightPx, heightPx: widthPx, isDeep } : { widthPx, heightPx, isDeep };
}
