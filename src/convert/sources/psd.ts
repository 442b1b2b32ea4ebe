// Photoshop files by their composite, the picture of all layers that most of them hold ("Adobe Photoshop File Formats
// Specification"). Layers are not looked at.
import type { OpenedSource, Pixels } from '../opened-source.js';
import { DamagedSource, expectBytes, refusedKind } from '../refused-kind.js';

const [GREY, INDEXED, RGB, CMYK, DUOTONE] = [1, 2, 3, 4, 8];
const MODES: Readonly<Record<number, { readonly colours: number; readonly space: string }>> = {
  [GREY]: { colours: 1, space: 'b-w' },
  [INDEXED]: { colours: 1, space: 'srgb' },
  [RGB]: { colours: 3, space: 'srgb' },
  [CMYK]: { colours: 4, space: 'cmyk' },
  [DUOTONE]: { colours: 1, space: 'b-w' },
};
const OTHER_MODES: Readonly<Record<number, string>> = { 0: 'of one bit a pixel', 7: 'of several inks', 9: 'in Lab' };
/** Image resources. */
const [IPTC, ICC, EXIF, XMP, VERSION_INFO] = [1028, 1039, 1058, 1060, 1057];
const [RAW, RLE] = [0, 1];

interface Psd {
  readonly big: boolean;
  readonly channels: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly bits: 8 | 16;
  readonly mode: number;
  readonly palette: Buffer;
  /** Of the coded composite, behind its two bytes of compression. */
  readonly dataAt: number;
  readonly compression: number;
  readonly hasAlpha: boolean;
  readonly icc: Buffer | undefined;
  readonly exif: Buffer | undefined;
  readonly xmp: Buffer | undefined;
  readonly iptc: Buffer | undefined;
}

export function openPsd(file: Buffer): OpenedSource {
  const psd = readPsd(file);
  const { widthPx, heightPx, bits, hasAlpha, mode, icc, exif, xmp, iptc } = psd;
  const known = MODES[mode];
  if (known === undefined) throw refusedKind(`a PSD ${OTHER_MODES[mode] ?? `of an unknown mode (${mode})`}`);
  if (psd.compression !== RAW && psd.compression !== RLE) throw refusedKind('a PSD whose composite is zipped');
  const channels = (mode === INDEXED ? 3 : known.colours) + (hasAlpha ? 1 : 0);
  return {
    kind: 'pixels',
    size: { widthPx, heightPx },
    orientation: 1,
    hasAlpha,
    channels,
    bits,
    colorSpace:
      bits === 16 ? (known.space === 'b-w' ? 'grey16' : known.space === 'cmyk' ? 'cmyk' : 'rgb16') : known.space,
    pages: 1,
    icc,
    exif,
    xmp,
    iptc,
    decoderBytes: (size) => (size.widthPx * size.heightPx * (channels + 1) * bits) / 8,
    decode: async () => psdPixels(file, psd, known.colours),
  };
}

function readPsd(file: Buffer): Psd {
  expectBytes(file, 0, 26);
  const version = file.readUInt16BE(4);
  if (version !== 1 && version !== 2) throw new DamagedSource(`expected a PSD of version 1 or 2, got ${version}`);
  const big = version === 2;
  const [channels, heightPx, widthPx, bits, mode] = [
    file.readUInt16BE(12),
    file.readUInt32BE(14),
    file.readUInt32BE(18),
    file.readUInt16BE(22),
    file.readUInt16BE(24),
  ];
  if (!(channels >= 1 && widthPx >= 1 && heightPx >= 1))
    throw new DamagedSource('expected a picture, got one without pixels');
  if (bits !== 8 && bits !== 16) throw refusedKind(`a PSD of ${bits} bits a sample`);
  let at = 26;
  const section = (wide: boolean): Buffer => {
    expectBytes(file, at, wide ? 8 : 4);
    const length = wide ? Number(file.readBigUInt64BE(at)) : file.readUInt32BE(at);
    at += wide ? 8 : 4;
    expectBytes(file, at, length);
    at += length;
    return file.subarray(at - length, at);
  };
  const palette = section(false);
  const resources = resourcesOf(section(false));
  const layers = section(big);
  expectBytes(file, at, 2);
  const versionInfo = resources.get(VERSION_INFO);
  // Version, then whether the composite is one.
  if (versionInfo && versionInfo.length >= 5 && versionInfo[4] === 0) throw refusedKind('a PSD without a composite');
  const colours = MODES[mode]?.colours ?? channels;
  if (channels < colours) throw new DamagedSource(`expected ${colours} channels, got ${channels}`);
  return {
    big,
    channels,
    widthPx,
    heightPx,
    bits,
    mode,
    palette,
    dataAt: at + 2,
    compression: file.readUInt16BE(at),
    hasAlpha: mode !== INDEXED && channels > colours && firstExtraIsAlpha(layers, big),
    icc: resources.get(ICC),
    exif: resources.get(EXIF),
    xmp: resources.get(XMP),
    iptc: resources.get(IPTC),
  };
}

/** The number of layers is negative where the first extra channel is what shows through. */
function firstExtraIsAlpha(layers: Buffer, big: boolean): boolean {
  const at = big ? 8 : 4;
  return layers.length >= at + 2 && layers.readInt16BE(at) < 0;
}

function resourcesOf(section: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 12 <= section.length; ) {
    const id = section.readUInt16BE(at + 4);
    // A name of one length byte, filled up to an even number.
    const name = (section[at + 6] as number) + 1;
    const lengthAt = at + 6 + name + (name % 2);
    if (lengthAt + 4 > section.length) break;
    const length = section.readUInt32BE(lengthAt);
    const body = section.subarray(lengthAt + 4, lengthAt + 4 + length);
    if (!found.has(id) && body.length > 0) found.set(id, body);
    at = lengthAt + 4 + length + (length % 2);
  }
  return found;
}

function psdPixels(file: Buffer, psd: Psd, colours: number): Pixels {
  const { widthPx, heightPx, bits, hasAlpha, mode, icc } = psd;
  const used = colours + (hasAlpha ? 1 : 0);
  const planes = planesOf(file, psd, used);
  const pixels = widthPx * heightPx;
  if (mode === INDEXED) return { samples: painted(planes, psd), widthPx, heightPx, channels: 3, icc };
  const samples = bits === 16 ? new Uint16Array(pixels * used) : new Uint8Array(pixels * used);
  const most = bits === 16 ? 65_535 : 255;
  const sampleAt = (at: number): number => (bits === 16 ? planes.readUInt16BE(at * 2) : (planes[at] as number));
  for (let channel = 0; channel < used; channel++) {
    const isColour = channel < colours;
    // Ink is stored as what is left of the paper.
    const inverted = mode === CMYK && isColour;
    const from = channel * pixels;
    for (let pixel = 0, to = channel; pixel < pixels; pixel++, to += used) {
      const stored = sampleAt(from + pixel);
      const value = hasAlpha && isColour ? withoutWhite(stored, sampleAt(colours * pixels + pixel), most) : stored;
      samples[to] = inverted ? most - value : value;
    }
  }
  return { samples, widthPx, heightPx, channels: used, icc, ...(mode === CMYK && { space: 'cmyk' as const }) };
}

/** The colour itself: what is seen through has been blended with white before it was stored. */
function withoutWhite(stored: number, alpha: number, most: number): number {
  if (alpha === 0 || alpha === most) return stored;
  return Math.max(0, Math.round(most - ((most - stored) * most) / alpha));
}

function painted(planes: Buffer, { palette }: Psd): Buffer {
  const samples = Buffer.alloc(planes.length * 3);
  for (let pixel = 0; pixel < planes.length; pixel++) {
    const index = planes[pixel] as number;
    for (let channel = 0; channel < 3; channel++) samples[pixel * 3 + channel] = palette[channel * 256 + index] ?? 0;
  }
  return samples;
}

/** The first `used` channels, one behind the other, as they are stored. */
function planesOf(file: Buffer, psd: Psd, used: number): Buffer {
  const { widthPx, heightPx, bits, channels, compression, dataAt, big } = psd;
  const rowBytes = (widthPx * bits) / 8;
  if (compression === RAW) {
    expectBytes(file, dataAt, rowBytes * heightPx * used);
    return file.subarray(dataAt, dataAt + rowBytes * heightPx * used);
  }
  const countBytes = big ? 4 : 2;
  expectBytes(file, dataAt, channels * heightPx * countBytes);
  const planes = Buffer.alloc(rowBytes * heightPx * used);
  let at = dataAt + channels * heightPx * countBytes;
  for (let row = 0; row < heightPx * used; row++) {
    const length = file.readUIntBE(dataAt + row * countBytes, countBytes);
    expectBytes(file, at, length);
    unpack(file.subarray(at, at + length), planes.subarray(row * rowBytes, (row + 1) * rowBytes));
    at += length;
  }
  return planes;
}

/** PackBits. Throws `DamagedSource` unless the row is filled. */
function unpack(packed: Buffer, row: Buffer): void {
  let to = 0;
  for (let at = 0; at < packed.length && to < row.length; ) {
    const count = packed.readInt8(at++);
    if (count === -128) continue;
    if (count < 0) {
      row.fill(packed[at++] ?? 0, to, to + 1 - count);
      to += 1 - count;
    } else {
      to += packed.copy(row, to, at, at + count + 1);
      at += count + 1;
    }
  }
  if (to < row.length) throw new DamagedSource(`expected a row of ${row.length} bytes, got ${to}`);
}
