// HEIC and HEIF: the decoder's library reads the header, as of AVIF, but has no decoder of HEVC; that one comes in a package.
import { createRequire } from 'node:module';
import sharp from 'sharp';
import { areaOf, type Size } from '../../kernel/sizes.js';
import { withPossibleProfile } from '../colour/possible-profile.js';
import { decoderPackage } from '../decoder-packages.js';
import type { OpenedSource, Pixels } from '../opened-source.js';
import { DamagedSource, refusedKind } from '../refused-kind.js';
import { compiledWasm, instanceOf } from '../wasm.js';
import { avifReading } from './avif.js';
import { type Crop, croppedHeif } from './heif-crop.js';
import { type HeifItems, heifItems, undecodedHeif } from './heif-items.js';

const require = createRequire(import.meta.url);
const PACKAGE = 'libheif-js';
/** Of the decoder at rest. */
const BASE_BYTES = 40 * 1024 * 1024;
/** The frame as it is coded, tiles beside it, the frame as RGB, and the copy that is handed out; 12 megapixels were seen to take 461 MiB in all. */
const BYTES_PER_PIXEL = { 8: 18, 16: 30 } as const;

/** What is used of the package's interface. */
interface LibHeif {
  heif_context_alloc(): unknown;
  heif_context_free(context: unknown): void;
  heif_context_read_from_memory(
    context: unknown,
    bytes: Uint8Array,
  ): { readonly code: unknown; readonly message: string };
  heif_js_context_get_primary_image_handle(context: unknown): unknown;
  heif_js_decode_image2(handle: unknown, colorspace: unknown, chroma: unknown): DecodedImage | Promise<DecodedImage>;
  heif_image_handle_release(handle: unknown): void;
  heif_image_release(image: unknown): void;
  readonly heif_error_code: { readonly heif_error_Ok: unknown };
  readonly heif_colorspace: { readonly heif_colorspace_RGB: unknown };
  readonly heif_chroma: Readonly<Record<string, unknown>>;
  readonly heif_channel: { readonly heif_channel_interleaved: unknown };
}

interface DecodedImage {
  readonly code?: unknown;
  readonly message?: string;
  readonly image?: unknown;
  readonly channels?: readonly {
    readonly id: unknown;
    readonly width: number;
    readonly height: number;
    readonly stride: number;
    readonly bits_per_pixel: number;
    readonly data: Uint8Array;
  }[];
}

export async function openHeic(file: Buffer): Promise<OpenedSource> {
  // Known to be missing before anything is paid.
  await loaded();
  const other = undecodedHeif(file, 'HEIF');
  if (other !== undefined) throw refusedKind(other);
  const told = await sharp(withKnownBrand(file), { failOn: 'warning', limitInputPixels: false }).metadata();
  // Code points stand in for a profile that is passed over.
  const header = withPossibleProfile(told);
  const { width, height, hasAlpha, icc, exif, xmp, space } = header;
  const bits = header.depth === 'ushort' ? 16 : 8;
  const items = heifItems(file);
  const cropped = items && croppedHeif(file, items);
  const size = cropped?.crop ?? (items && primarySize(items)) ?? { widthPx: width, heightPx: height };
  const channels = hasAlpha ? 4 : 3;
  return {
    kind: 'pixels',
    // Turns and mirrors that the file tells are done by the decoder.
    size,
    orientation: 1,
    hasAlpha,
    channels,
    bits,
    colorSpace: space,
    pages: 1,
    icc,
    exif,
    xmp,
    reading: avifReading(file, header),
    decoderBytes: (size) => BASE_BYTES + file.length + areaOf(cropped?.whole ?? size) * BYTES_PER_PIXEL[bits],
    decode: async () => {
      const whole = cropped?.whole ?? size;
      const decoded = await decodeHeic(cropped?.file ?? file, { hasAlpha, bits, icc, ...whole });
      return cropped ? cutOut(decoded, cropped.crop) : decoded;
    },
  };
}

/** The picture that is meant to be shown; the library takes the first one, which another may be a thumbnail of. */
function primarySize(items: HeifItems): Size | undefined {
  const own = items.associated();
  const ispe = own.find(({ type }) => type === 'ispe')?.body;
  // Of what is cropped in another way the library knows.
  if (ispe === undefined || ispe.length < 12 || own.some(({ type }) => type === 'clap')) return undefined;
  const [widthPx, heightPx] = [ispe.readUInt32BE(4), ispe.readUInt32BE(8)];
  const quarters = own.filter(({ type }) => type === 'irot').reduce((sum, { body }) => sum + ((body[0] ?? 0) & 3), 0);
  return quarters % 2 === 0 ? { widthPx, heightPx } : { widthPx: heightPx, heightPx: widthPx };
}

function cutOut({ samples, widthPx, channels, icc, stride = widthPx * channels }: Pixels, crop: Crop): Pixels {
  const cut = samples.slice(0, crop.widthPx * crop.heightPx * channels);
  for (let row = 0; row < crop.heightPx; row++) {
    const from = (crop.topPx + row) * stride + crop.leftPx * channels;
    cut.set(samples.subarray(from, from + crop.widthPx * channels), row * crop.widthPx * channels);
  }
  return { samples: cut, widthPx: crop.widthPx, heightPx: crop.heightPx, channels, icc };
}

const BRAND_AT = 8;

/** The second edition of the format has a brand that the library does not know. */
function withKnownBrand(file: Buffer): Buffer {
  if (file.toString('latin1', BRAND_AT, BRAND_AT + 4) !== 'mif2') return file;
  const known = Buffer.from(file);
  known.write('mif1', BRAND_AT, 'latin1');
  return known;
}

function loaded() {
  return decoderPackage(PACKAGE, 'HEIC', async () => {
    const create = require('libheif-js/libheif-wasm/libheif.js') as (options: object) => LibHeif;
    return { create, module: await compiledWasm('libheif-js/libheif-wasm/libheif.wasm') };
  });
}

async function decodeHeic(file: Buffer, { hasAlpha, bits, icc, widthPx, heightPx }: Header): Promise<Pixels> {
  const { create, module } = await loaded();
  const library = create(instanceOf(module));
  const context = library.heif_context_alloc();
  const read = library.heif_context_read_from_memory(context, withKnownBrand(file));
  if (read.code !== library.heif_error_code.heif_error_Ok) throw new DamagedSource(read.message);
  const handle = library.heif_js_context_get_primary_image_handle(context);
  const layout = bits === 16 ? (hasAlpha ? 'RRGGBBAA_LE' : 'RRGGBB_LE') : hasAlpha ? 'RGBA' : 'RGB';
  const decoded = await library.heif_js_decode_image2(
    handle,
    library.heif_colorspace.heif_colorspace_RGB,
    library.heif_chroma[`heif_chroma_interleaved_${layout}`],
  );
  // Beside deep colours with alpha stands a plane of alpha that nothing is in.
  const plane = decoded.channels?.find(({ id }) => id === library.heif_channel.heif_channel_interleaved);
  if (decoded.code !== undefined || plane === undefined) throw new DamagedSource(decoded.message ?? 'no picture');
  if (plane.width !== widthPx || plane.height !== heightPx) {
    throw new DamagedSource(`expected ${widthPx}x${heightPx}, got ${plane.width}x${plane.height}`);
  }
  const channels = hasAlpha ? 4 : 3;
  const { stride } = plane;
  // Nothing is asked of the decoder any more: they stay where they are until they are stored.
  const samples = plane.data.subarray(0, stride * heightPx);
  if (bits === 8) return { samples, stride, widthPx, heightPx, channels, icc };
  const rows = packed(samples, stride, widthPx * channels * 2, heightPx);
  return { samples: widened(rows, plane.bits_per_pixel), widthPx, heightPx, channels, icc };
}

interface Header {
  readonly hasAlpha: boolean;
  readonly bits: 8 | 16;
  readonly icc: Buffer | undefined;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** Rows without what fills them up. */
function packed(data: Uint8Array, stride: number, rowBytes: number, rows: number): Uint8Array {
  const samples = new Uint8Array(rowBytes * rows);
  for (let row = 0; row < rows; row++) {
    samples.set(data.subarray(row * stride, row * stride + rowBytes), row * rowBytes);
  }
  return samples;
}

/** Numbers of 10 or 12 bits as those of 16, so that the most is the most. */
function widened(bytes: Uint8Array, bits: number): Uint16Array {
  const samples = new Uint16Array(bytes.buffer, 0, bytes.length / 2);
  const [left, right] = [16 - bits, 2 * bits - 16];
  for (let at = 0; at < samples.length; at++) {
    const value = samples[at] as number;
    samples[at] = (value << left) | (right >= 0 ? value >> right : 0);
  }
  return samples;
}
