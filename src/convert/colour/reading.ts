// How decoded samples are read when the decoder's own way to sRGB would be wrong: as coded values, which are turned into
// sRGB here. Pixel by pixel in tables; 20 to 40 ns a pixel.
import { luminanceOf, type Matrix } from './primaries.js';
import { HLG_PEAK, HLG_SYSTEM_GAMMA, lightToSrgb, shoulder, srgbToLight, type Transfer } from './transfer.js';

export type Samples = Uint8Array | Uint16Array | Float32Array;

/** What a decoder is asked for, and how that becomes 8-bit sRGB. */
export interface Reading {
  /** The decoder's library leaves samples in this space alone. */
  readonly space: 'srgb' | 'rgb16' | 'scrgb' | 'b-w' | 'grey16';
  readonly depth: 'uchar' | 'ushort' | 'float';
  /** A profile in the file is not applied before. */
  readonly ignoreIcc: boolean;
  /** What the samples are, where the decoder was told otherwise. */
  readonly colorSpace?: string;
  /** Goes above white, and by which curve. */
  readonly dynamic?: 'pq' | 'hlg' | undefined;
  /** What the decoder takes for alpha is none. */
  readonly opaque?: boolean;
  /** Pixels get an alpha channel that the decoder does not know of. */
  readonly addsAlpha?: boolean;
  /** Done to each sample by the decoder's library, before it casts them. */
  readonly prepare?: { readonly times: number; readonly plus: number };
  /** All pixels are needed as they are stored: what lies between two samples is no colour. */
  readonly wholeOnly?: boolean;
  /** Interleaved samples of `channels` (1 or 3, and one more with alpha) as RGB or RGBA. */
  readonly toSrgb: (samples: Samples, channels: number) => { readonly pixels: Buffer; readonly channels: 3 | 4 };
}

/** The colours of coded values. */
export interface Colours {
  /** One for all channels, or one each; `undefined` for values that are those of sRGB already. */
  readonly transfer: Transfer | readonly [Transfer, Transfer, Transfer] | undefined;
  /** From the light of these primaries to that of sRGB. */
  readonly matrix?: Matrix;
  /** Goes above white: `hlg` is light of the scene still, `pq` of the display. */
  readonly dynamic?: 'pq' | 'hlg';
  /** Shares of the channels in luminance, which the system gamma of `hlg` goes by. */
  readonly luminance?: readonly [number, number, number];
  /** Coded values between which the light lies, of 0 to 1; default 0 and 1. */
  readonly range?: readonly [black: number, white: number];
}

/** Bytes that one sample takes. */
export const SAMPLE_BYTES = { uchar: 1, ushort: 2, float: 4 } as const satisfies Record<Reading['depth'], number>;

/** Samples of `depth` are read as `colours`. */
export function readingOf(depth: 'uchar' | 'ushort', colours: Colours, ignoreIcc: boolean): Reading {
  return {
    space: depth === 'uchar' ? 'srgb' : 'rgb16',
    depth,
    ignoreIcc,
    dynamic: colours.dynamic,
    toSrgb: (samples, channels) => converted(samples, channels, depth === 'uchar' ? 255 : 65_535, colours),
  };
}

/** Finer than 8 bits of sRGB at its steepest: 0.05 steps. */
const LIGHT_STEPS = 65_535;
const fromLight = new Uint8Array(LIGHT_STEPS + 1);

/** The table is made when the first picture needs it. */
function srgbOfLight(): Uint8Array {
  if (fromLight[LIGHT_STEPS] === 0) {
    for (let at = 0; at <= LIGHT_STEPS; at++) fromLight[at] = Math.round(lightToSrgb(at / LIGHT_STEPS) * 255);
  }
  return fromLight;
}

/** Integer samples of 0 to `most` as 8-bit sRGB; alpha is scaled alone. */
export function converted(
  samples: Samples,
  channels: number,
  most: number,
  colours: Colours,
): { readonly pixels: Buffer; readonly channels: 3 | 4 } {
  const grey = channels < 3;
  const alphaAt = channels === 2 || channels === 4 ? channels - 1 : -1;
  const out = alphaAt < 0 ? 3 : 4;
  const count = samples.length / channels;
  const pixels = Buffer.allocUnsafe(count * out);
  const [red, green, blue] = tablesOf(colours, most);
  const toSrgb = srgbOfLight();
  const [a, b, c, d, e, f, g, h, i] = (grey ? undefined : colours.matrix) ?? [1, 0, 0, 0, 1, 0, 0, 0, 1];
  const peak = colours.dynamic ? brightest(samples, channels, red, colours.dynamic) : 1;
  const mapped = colours.dynamic && dynamicOf(colours.dynamic, peak, colours.luminance ?? luminanceOf(undefined));
  const last = grey ? 0 : 1;
  for (let pixel = 0, from = 0, to = 0; pixel < count; pixel++, from += channels, to += out) {
    let r = red[samples[from] as number] as number;
    let x = green[samples[from + last] as number] as number;
    let z = blue[samples[from + last * 2] as number] as number;
    if (mapped) {
      const factor = mapped(r, x, z);
      r *= factor;
      x *= factor;
      z *= factor;
    }
    pixels[to] = toSrgb[clamped(a * r + b * x + c * z)] as number;
    pixels[to + 1] = toSrgb[clamped(d * r + e * x + f * z)] as number;
    pixels[to + 2] = toSrgb[clamped(g * r + h * x + i * z)] as number;
    if (alphaAt >= 0) pixels[to + 3] = Math.round(((samples[from + alphaAt] as number) * 255) / most);
  }
  return { pixels, channels: out };
}

function clamped(light: number): number {
  return light <= 0 ? 0 : light >= 1 ? LIGHT_STEPS : (light * LIGHT_STEPS + 0.5) | 0;
}

function tablesOf(
  { transfer = srgbToLight, range = [0, 1] }: Colours,
  most: number,
): readonly [Float64Array, Float64Array, Float64Array] {
  const [black, white] = range;
  const tableOf = (curve: Transfer): Float64Array =>
    Float64Array.from({ length: most + 1 }, (_, at) =>
      curve(Math.max(0, Math.min(1, (at / most - black) / (white - black)))),
    );
  if (typeof transfer !== 'function') return [tableOf(transfer[0]), tableOf(transfer[1]), tableOf(transfer[2])];
  const table = tableOf(transfer);
  return [table, table, table];
}

/** The factor by which the light of a pixel becomes that of a screen whose most is white. Hues are kept. */
function dynamicOf(
  dynamic: 'pq' | 'hlg',
  peak: number,
  [red, green, blue]: readonly [number, number, number],
): (r: number, g: number, b: number) => number {
  const compressed = shoulder(peak);
  return (r, g, b) => {
    const display = dynamic === 'pq' ? 1 : HLG_PEAK * (red * r + green * g + blue * b) ** (HLG_SYSTEM_GAMMA - 1);
    const light = Math.max(r, g, b) * display;
    return light > 0 ? (display * compressed(light)) / light : 0;
  };
}

/** The brightest channel of any pixel, as light on the display. */
function brightest(samples: Samples, channels: number, table: Float64Array, dynamic: 'pq' | 'hlg'): number {
  let most = 0;
  const colourChannels = channels < 3 ? 1 : 3;
  for (let from = 0; from < samples.length; from += channels) {
    for (let channel = 0; channel < colourChannels; channel++) {
      const sample = samples[from + channel] as number;
      if (sample > most) most = sample;
    }
  }
  const light = table[most] as number;
  return dynamic === 'pq' ? light : HLG_PEAK * light ** HLG_SYSTEM_GAMMA;
}
