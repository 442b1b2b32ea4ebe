// JPEG 2000 (ISO/IEC 15444-1), in boxes or as a code stream: the header is read here, the pixels come from a package.
import { createRequire } from 'node:module';
import { decoderPackage } from '../decoder-packages.js';
import type { OpenedSource, Pixels } from '../opened-source.js';
import { DamagedSource, expectBytes, refusedKind } from '../refused-kind.js';
import { compiledWasm, instanceOf } from '../wasm.js';
import { boxesOf } from './isobmff.js';

const require = createRequire(import.meta.url);
const PACKAGE = '@cornerstonejs/codec-openjpeg';
const BASE_BYTES = 60 * 1024 * 1024;
/** Whole numbers of 32 bits of each component, and the result: 5 to 6 were measured of photographs of 0.75 to 12 megapixels. */
const BYTES_PER_SAMPLE = 8;
/** Of the enumerated colour spaces (annex I.5.3.3). */
const [SRGB, GREY] = [16, 17];

interface Decoder {
  getEncodedBuffer(length: number): Uint8Array;
  decode(): void;
  getFrameInfo(): {
    readonly width: number;
    readonly height: number;
    readonly bitsPerSample: number;
    readonly componentCount: number;
    readonly isSigned: boolean;
  };
  getDecodedBuffer(): Uint8Array;
}

interface OpenJpeg {
  readonly J2KDecoder: new () => Decoder;
}

interface Header {
  readonly widthPx: number;
  readonly heightPx: number;
  /** The code stream, of which the header was read. */
  readonly stream: Buffer;
  /** Of the picture, where a palette has others than the code stream. */
  readonly channels: number;
  readonly palette: Palette | undefined;
  readonly bits: 8 | 16;
  readonly precision: number;
  readonly icc: Buffer | undefined;
}

/** Rows of `columns` bytes. */
interface Palette {
  readonly columns: number;
  readonly rows: Buffer;
}

export async function openJp2(file: Buffer): Promise<OpenedSource> {
  await loaded();
  const header = readHeader(file);
  const { widthPx, heightPx, channels, bits, icc } = header;
  const grey = channels < 3;
  return {
    kind: 'pixels',
    size: { widthPx, heightPx },
    orientation: 1,
    hasAlpha: false,
    channels,
    bits,
    colorSpace: bits === 16 ? (grey ? 'grey16' : 'rgb16') : grey ? 'b-w' : 'srgb',
    pages: 1,
    icc,
    decoderBytes: (size) => BASE_BYTES + file.length + size.widthPx * size.heightPx * channels * BYTES_PER_SAMPLE,
    decode: () => decodeJp2(header),
  };
}

function loaded() {
  return decoderPackage(PACKAGE, 'JPEG 2000', async () => {
    const create = require('@cornerstonejs/codec-openjpeg/decodewasmjs') as (options: object) => Promise<OpenJpeg>;
    return { create, module: await compiledWasm('@cornerstonejs/codec-openjpeg/decodewasm') };
  });
}

async function decodeJp2({
  stream,
  widthPx,
  heightPx,
  channels,
  palette,
  bits,
  precision,
  icc,
}: Header): Promise<Pixels> {
  const { create, module } = await loaded();
  const library = await create(instanceOf(module));
  const decoder = new library.J2KDecoder();
  // Without the boxes: what they tell of palettes is done here.
  decoder.getEncodedBuffer(stream.length).set(stream);
  decoder.decode();
  const info = decoder.getFrameInfo();
  const decoded = decoder.getDecodedBuffer();
  const coded = palette ? 1 : channels;
  // What it cannot decode gives a picture of nothing, and no error.
  const isWhole = info.width === widthPx && info.height === heightPx && info.componentCount === coded;
  if (!isWhole || decoded.length !== widthPx * heightPx * coded * (bits / 8)) {
    throw new DamagedSource(
      `expected ${widthPx}x${heightPx} of ${coded}, got ${info.width}x${info.height} of ${info.componentCount}`,
    );
  }
  const samples = palette ? painted(decoded, palette) : spread(decoded, bits, precision);
  return { samples, widthPx, heightPx, channels, icc };
}

/** Numbers past the palette stand for its last row (annex I.5.3.4). */
function painted(numbers: Uint8Array, { columns, rows }: Palette): Uint8Array {
  const samples = new Uint8Array(numbers.length * columns);
  const last = rows.length / columns - 1;
  for (let at = 0; at < numbers.length; at++) {
    const row = Math.min(last, numbers[at] as number) * columns;
    for (let column = 0; column < columns; column++) samples[at * columns + column] = rows[row + column] as number;
  }
  return samples;
}

/** Samples of `precision` bits, so that the most is the most. */
function spread(decoded: Uint8Array, bits: 8 | 16, precision: number): Uint8Array | Uint16Array {
  const own = decoded.slice();
  const samples = bits === 16 ? new Uint16Array(own.buffer) : own;
  if (precision === bits) return samples;
  const [from, to] = [2 ** precision - 1, 2 ** bits - 1];
  for (let at = 0; at < samples.length; at++) samples[at] = Math.round(((samples[at] as number) * to) / from);
  return samples;
}

/** The colours of the boxes and the SIZ segment of the code stream (annexes I and A.5.1). */
function readHeader(file: Buffer): Header {
  const boxes = file.readUInt32BE(0) === 12 ? boxesOf(file) : [];
  const stream = boxes.length === 0 ? file : boxes.find(({ type }) => type === 'jp2c')?.body;
  if (stream === undefined) throw new DamagedSource('expected a code stream, got none');
  expectBytes(stream, 0, 45);
  if (stream.readUInt32BE(0) !== 0xff4fff51) throw new DamagedSource('expected a code stream to begin with its size');
  const [x, y, left, top] = [
    stream.readUInt32BE(8),
    stream.readUInt32BE(12),
    stream.readUInt32BE(16),
    stream.readUInt32BE(20),
  ];
  const channels = stream.readUInt16BE(40);
  // The package takes no others: those with alpha among them.
  if (channels !== 1 && channels !== 3) throw refusedKind(`JPEG 2000 of ${channels} components`);
  expectBytes(stream, 42, channels * 3);
  const parts = Array.from({ length: channels }, (_, index) => [...stream.subarray(42 + index * 3, 45 + index * 3)]);
  const [[depth = 7] = []] = parts;
  if (parts.some(([own]) => own !== depth)) throw refusedKind('JPEG 2000 whose components differ in depth');
  if (parts.some(([, across, down]) => across !== 1 || down !== 1))
    throw refusedKind('JPEG 2000 with fewer samples of some components');
  if (depth >= 16) throw refusedKind('JPEG 2000 of signed or more than 16-bit samples');
  const header = boxes.find(({ type }) => type === 'jp2h');
  const inside = header ? boxesOf(header.body) : [];
  const palette = paletteOf(inside);
  if (palette && (channels !== 1 || depth >= 8)) throw refusedKind('JPEG 2000 with a palette beside other samples');
  const colour = inside.find(({ type }) => type === 'colr')?.body;
  const space = colour && colour[0] === 1 && colour.length >= 7 ? colour.readUInt32BE(3) : undefined;
  if (space !== undefined && space !== SRGB && space !== GREY)
    throw refusedKind(`JPEG 2000 in colours (${space}) that are not read here`);
  const icc = colour && colour[0] === 2 && colour.length > 131 ? colour.subarray(3) : undefined;
  const size = { widthPx: x - left, heightPx: y - top };
  const samples = { channels: palette?.columns ?? channels, bits: depth >= 8 ? 16 : 8, precision: depth + 1 } as const;
  return { ...size, ...samples, stream, palette, icc };
}

/** Bits of a column, less one; the highest bit says that they are signed. */
const EIGHT_BITS = 7;
/** What a channel is: a column of the palette, by its number (annex I.5.3.5). */
const BY_PALETTE = 1;

/** Annexes I.5.3.4 and I.5.3.5: the columns in the order of the channels. */
function paletteOf(boxes: readonly { readonly type: string; readonly body: Buffer }[]): Palette | undefined {
  const body = boxes.find(({ type }) => type === 'pclr')?.body;
  if (body === undefined) return undefined;
  expectBytes(body, 0, 3);
  const [entries, columns] = [body.readUInt16BE(0), body.readUInt8(2)];
  const map = boxes.find(({ type }) => type === 'cmap')?.body ?? Buffer.alloc(0);
  if (columns !== 1 && columns !== 3) throw refusedKind(`JPEG 2000 with a palette of ${columns} columns`);
  expectBytes(map, 0, columns * 4);
  expectBytes(body, 3, columns + entries * columns);
  const order = Array.from({ length: columns }, (_, channel) => map.readUInt8(channel * 4 + 3));
  const isPlain = order.every(
    (column, channel) => column < columns && map.readUInt16BE(channel * 4) === 0 && map[channel * 4 + 2] === BY_PALETTE,
  );
  if (!isPlain || body.subarray(3, 3 + columns).some((bits) => bits !== EIGHT_BITS))
    throw refusedKind('JPEG 2000 with a palette that is not of bytes');
  if (entries === 0) throw new DamagedSource('expected a palette of some colours, got none');
  const told = body.subarray(3 + columns);
  return {
    columns,
    rows: Buffer.from(
      Array.from({ length: entries * columns }, (_, at) => {
        const channel = at % columns;
        return told[at - channel + (order[channel] ?? 0)] ?? 0;
      }),
    ),
  };
}
