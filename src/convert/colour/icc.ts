// Colour profiles (ICC.1:2022) of the two simple kinds, read: one curve for grey, three curves and a matrix for RGB. The
// decoder's library applies profiles itself, but not to 16-bit grey and not to floats.
import { D50_TO_SRGB, times } from './primaries.js';
import type { Colours } from './reading.js';
import { srgbToLight, type Transfer } from './transfer.js';

export const HEADER_BYTES = 128;
/** More the decoder's library does not take. */
export const MAX_TAGS = 100;

/** The colours that `profile` gives coded values of grey; `undefined` for damaged profiles and those of other kinds. */
export function greyColoursOf(profile: Buffer): Colours | undefined {
  if (textAt(profile, 16) !== 'GRAY') return undefined;
  const curve = curveOf(tagOf(profile, 'kTRC'));
  if (curve === undefined) return undefined;
  // Of profiles that connect by Lab the curve tells lightness (section 8.3.4), not light.
  return { transfer: textAt(profile, 20) === 'Lab ' ? (coded) => lightOfLightness(curve(coded)) : curve };
}

/** The same of RGB with a matrix. */
export function rgbColoursOf(profile: Buffer): Colours | undefined {
  if (textAt(profile, 16) !== 'RGB ' || textAt(profile, 20) !== 'XYZ ') return undefined;
  const [red, green, blue] = ['rTRC', 'gTRC', 'bTRC'].map((name) => curveOf(tagOf(profile, name)));
  const [r, g, b] = ['rXYZ', 'gXYZ', 'bXYZ'].map((name) => xyzOf(tagOf(profile, name)));
  if (!red || !green || !blue || !r || !g || !b) return undefined;
  const toXyz = [r[0], g[0], b[0], r[1], g[1], b[1], r[2], g[2], b[2]] as const;
  return { transfer: [red, green, blue], matrix: times(D50_TO_SRGB, toXyz) };
}

/** What `profile` calls itself (sections 10.15 and, of version 2, 6.5.17). */
export function profileName(profile: Buffer): string | undefined {
  const tag = tagOf(profile, 'desc');
  if (tag === undefined) return undefined;
  if (textAt(tag, 0) === 'desc') return tag.toString('latin1', 12, 12 + tag.readUInt32BE(8)).replace(/\0[\s\S]*$/, '');
  if (textAt(tag, 0) !== 'mluc' || tag.length < 28) return undefined;
  const [length, from] = [tag.readUInt32BE(20), tag.readUInt32BE(24)];
  return new TextDecoder('utf-16be').decode(tag.subarray(from, from + length)).replace(/\0[\s\S]*$/, '');
}

export function tagOf(profile: Buffer, name: string): Buffer | undefined {
  if (profile.length < HEADER_BYTES + 4) return undefined;
  const count = Math.min(MAX_TAGS, profile.readUInt32BE(HEADER_BYTES));
  for (let index = 0; index < count; index++) {
    const at = HEADER_BYTES + 4 + index * 12;
    if (at + 12 > profile.length) return undefined;
    if (textAt(profile, at) !== name) continue;
    const from = profile.readUInt32BE(at + 4);
    const data = profile.subarray(from, from + profile.readUInt32BE(at + 8));
    return data.length >= 12 ? data : undefined;
  }
  return undefined;
}

export function xyzOf(tag: Buffer | undefined): readonly [number, number, number] | undefined {
  if (tag === undefined || textAt(tag, 0) !== 'XYZ ' || tag.length < 20) return undefined;
  return [fixedAt(tag, 8), fixedAt(tag, 12), fixedAt(tag, 16)];
}

/** Sections 10.6 (curv) and 10.18 (para). */
export function curveOf(tag: Buffer | undefined): Transfer | undefined {
  if (tag === undefined) return undefined;
  const kind = textAt(tag, 0);
  if (kind === 'curv') return sampledCurve(tag);
  return kind === 'para' ? parametricCurve(tag) : undefined;
}

function sampledCurve(tag: Buffer): Transfer | undefined {
  const count = tag.readUInt32BE(8);
  if (count === 0) return (coded) => coded;
  if (tag.length < 12 + count * 2) return undefined;
  if (count === 1) {
    const exponent = tag.readUInt16BE(12) / 256;
    return (coded) => coded ** exponent;
  }
  return (coded) => {
    const at = Math.max(0, Math.min(1, coded)) * (count - 1);
    const below = Math.min(count - 2, Math.floor(at));
    const [low, high] = [tag.readUInt16BE(12 + below * 2), tag.readUInt16BE(14 + below * 2)];
    return (low + (high - low) * (at - below)) / 65_535;
  };
}

/** How many parameters each function type has. */
const PARAMETERS = [1, 3, 4, 5, 7] as const;

function parametricCurve(tag: Buffer): Transfer | undefined {
  const type = tag.readUInt16BE(8);
  const count = PARAMETERS[type];
  if (count === undefined || tag.length < 12 + count * 4) return undefined;
  const [g = 1, a = 1, b = 0, c = 0, d = 0, e = 0, f = 0] = Array.from({ length: count }, (_, index) =>
    fixedAt(tag, 12 + index * 4),
  );
  const power = (coded: number): number => Math.max(0, a * coded + b) ** g;
  switch (type) {
    case 0:
      return (coded) => coded ** g;
    case 1:
      return (coded) => (coded >= -b / a ? power(coded) : 0);
    case 2:
      return (coded) => (coded >= -b / a ? power(coded) + c : c);
    case 3:
      return (coded) => (coded >= d ? power(coded) : c * coded);
    default:
      return (coded) => (coded >= d ? power(coded) + e : c * coded + f);
  }
}

function lightOfLightness(lightness: number): number {
  const l = lightness * 100;
  return l > 8 ? ((l + 16) / 116) ** 3 : l / 903.3;
}

function fixedAt(data: Buffer, at: number): number {
  return data.readInt32BE(at) / 65_536;
}

export function textAt(data: Buffer, at: number): string {
  return data.toString('latin1', at, at + 4);
}

/** Whether a curve is that of sRGB within half a step or so of 255. */
export function isSrgbCurve(curve: Transfer): boolean {
  return [0.1, 0.25, 0.5, 0.75, 0.9].every((coded) => Math.abs(curve(coded) - srgbToLight(coded)) < 0.004);
}
