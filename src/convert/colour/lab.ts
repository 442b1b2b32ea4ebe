// CIELab as sRGB. The white of the file is taken for that of the screen, as the decoder's library does with 16-bit Lab.
import { BT709, toXyzOf } from './primaries.js';
import type { Samples } from './reading.js';
import { lightToSrgb } from './transfer.js';

type Lab = readonly [lightness: number, a: number, b: number];

/** CIE 15: below this a cube root would be too steep. */
const STEEP = 6 / 29;

/** Samples of 3 or 4 `channels` of 0 to `most`, `decoded` to Lab, as RGB or RGBA. */
export function labToSrgb(
  samples: Samples,
  channels: number,
  most: number,
  decoded: (l: number, a: number, b: number) => Lab,
): { readonly pixels: Buffer; readonly channels: 3 | 4 } {
  const out = channels === 4 ? 4 : 3;
  const count = samples.length / channels;
  const pixels = Buffer.allocUnsafe(count * out);
  const { white, fromXyz: toSrgb } = toXyzOf(BT709);
  const light = (t: number): number => (t > STEEP ? t ** 3 : 3 * STEEP ** 2 * (t - 4 / 29));
  const level = (value: number): number => Math.round(lightToSrgb(Math.max(0, Math.min(1, value))) * 255);
  for (let pixel = 0, from = 0, to = 0; pixel < count; pixel++, from += channels, to += out) {
    const [l, a, b] = decoded(samples[from] as number, samples[from + 1] as number, samples[from + 2] as number);
    const fy = (l + 16) / 116;
    const x = light(fy + a / 500) * white[0];
    const y = light(fy);
    const z = light(fy - b / 200) * white[2];
    pixels[to] = level(toSrgb[0] * x + toSrgb[1] * y + toSrgb[2] * z);
    pixels[to + 1] = level(toSrgb[3] * x + toSrgb[4] * y + toSrgb[5] * z);
    pixels[to + 2] = level(toSrgb[6] * x + toSrgb[7] * y + toSrgb[8] * z);
    if (out === 4) pixels[to + 3] = Math.round(((samples[from + 3] as number) * 255) / most);
  }
  return { pixels, channels: out };
}
