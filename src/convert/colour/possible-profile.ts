// Whether a colour profile (ICC.1:2022) can be one of a picture at all. The decoder's library applies whatever it can parse: primaries of no
// light, curves that lead nowhere. What is impossible is passed over, as if the picture had none.
import { curveOf, HEADER_BYTES, MAX_TAGS, tagOf, textAt, xyzOf } from './icc.js';
import type { Transfer } from './transfer.js';

/** What the decoder calls the samples of which pictures a profile of this colour space is for; others are not judged by it. */
const SPACES: Readonly<Record<string, string>> = {
  srgb: 'RGB ',
  rgb16: 'RGB ',
  scrgb: 'RGB ',
  'b-w': 'GRAY',
  grey16: 'GRAY',
  cmyk: 'CMYK',
};
const CHANNELS: Readonly<Record<string, number>> = { 'RGB ': 3, GRAY: 1, CMYK: 4, 'Lab ': 3 };
/** Of devices and colour spaces (section 7.2.5): what links two, or names colours, tells nothing of samples. */
const CLASSES: readonly string[] = ['scnr', 'mntr', 'prtr', 'spac'];
const CONNECTIONS: readonly string[] = ['XYZ ', 'Lab '];
const MAX_VERSION = 0x05000000;

/** A header of samples that the decoder calls `space`, without a profile that cannot be theirs. */
export function withPossibleProfile<T extends { readonly icc?: Buffer | undefined; readonly space: string }>(
  header: T,
): T {
  if (header.icc === undefined || possibleProfile(header.icc, header.space)) return header;
  const { icc: _impossible, ...others } = header;
  return others as T;
}

/** `profile` where it can be one of samples that the decoder calls `space`. */
export function possibleProfile(profile: Buffer | undefined, space: string): Buffer | undefined {
  return profile && isPossible(profile, SPACES[space]) ? profile : undefined;
}

function isPossible(profile: Buffer, expected: string | undefined): boolean {
  const space = textAt(profile, 16);
  if (expected !== undefined && space !== expected) return false;
  if (!hasSoundHeader(profile) || !hasSoundTable(profile)) return false;
  const white = tagOf(profile, 'wtpt');
  if (white !== undefined && !isLight(xyzOf(white))) return false;
  // A table, where there is one, comes before curves and primaries.
  const table = tagOf(profile, 'A2B0');
  if (table !== undefined) return isSoundTable(table, CHANNELS[space]);
  if (space === 'GRAY') return isUsable(curveOf(tagOf(profile, 'kTRC')));
  const curves = ['rTRC', 'gTRC', 'bTRC'].every((name) => isUsable(curveOf(tagOf(profile, name))));
  return space === 'RGB ' && curves && spanColours(['rXYZ', 'gXYZ', 'bXYZ'].map((name) => xyzOf(tagOf(profile, name))));
}

function hasSoundHeader(profile: Buffer): boolean {
  return (
    profile.length >= HEADER_BYTES + 4 &&
    textAt(profile, 36) === 'acsp' &&
    profile.readUInt32BE(8) <= MAX_VERSION &&
    CLASSES.includes(textAt(profile, 12)) &&
    CONNECTIONS.includes(textAt(profile, 20))
  );
}

/** As many tags as are told, each once. */
function hasSoundTable(profile: Buffer): boolean {
  const count = profile.readUInt32BE(HEADER_BYTES);
  if (count > MAX_TAGS || HEADER_BYTES + 4 + count * 12 > profile.length) return false;
  const names = Array.from({ length: count }, (_, index) => textAt(profile, HEADER_BYTES + 4 + index * 12));
  return new Set(names).size === count;
}

type Xyz = readonly [x: number, y: number, z: number];

/** More than any white has, relative to the one that profiles connect by. */
const MOST_LIGHT = 10;

function isLight(xyz: Xyz | undefined): boolean {
  return xyz !== undefined && xyz[1] > 0 && xyz.every((value) => value >= 0 && value <= MOST_LIGHT);
}

/** What profiles connect by (section 7.2.16), which the three primaries together are: of some, unadapted, D65. */
const D50: Xyz = [0.9642, 1, 0.8249];
const NEAR_WHITE = 0.3;
/** Imaginary primaries, as of ACES, are a little below nothing. */
const [LEAST_PRIMARY, MOST_PRIMARY] = [-0.5, 1.5] as const;
/** Of the primaries of sRGB it is 0.2. */
const LEAST_VOLUME = 0.001;

function spanColours(primaries: readonly (Xyz | undefined)[]): boolean {
  const [r, g, b] = primaries;
  if (!r || !g || !b) return false;
  const isWhite = D50.every(
    (white, at) => Math.abs(([r, g, b] as const).reduce((sum, own) => sum + (own[at] ?? 0), 0) - white) <= NEAR_WHITE,
  );
  const inBounds = [...r, ...g, ...b].every((value) => value >= LEAST_PRIMARY && value <= MOST_PRIMARY);
  const volume =
    r[0] * (g[1] * b[2] - g[2] * b[1]) - g[0] * (r[1] * b[2] - r[2] * b[1]) + b[0] * (r[1] * g[2] - r[2] * g[1]);
  return isWhite && inBounds && Math.abs(volume) >= LEAST_VOLUME;
}

const STEPS = 256;
/** Between the tenth and the ninth tenth of what is coded: a power of 40 has 0.015 there. */
const LEAST_CONTRAST = 0.01;
/** Measured curves tremble; those that go to and fro are none. */
const MOST_DETOUR = 1.5;

/** Leads from dark to light, or back, all the way. */
function isUsable(curve: Transfer | undefined): boolean {
  if (curve === undefined) return false;
  const values = Array.from({ length: STEPS + 1 }, (_, step) => curve(step / STEPS));
  if (!values.every(Number.isFinite)) return false;
  const [first = 0, last = 0] = [values[0], values[STEPS]];
  const way = values.reduce((sum, value, at) => sum + Math.abs(value - (values[at - 1] ?? first)), 0);
  return Math.abs(curve(0.9) - curve(0.1)) >= LEAST_CONTRAST && way <= MOST_DETOUR * Math.abs(last - first);
}

/** Sections 10.10 to 10.12: as many channels as the colour space has to the three that profiles connect by, and all of it. */
function isSoundTable(tag: Buffer, channels: number | undefined): boolean {
  if (channels === undefined || tag[8] !== channels || tag[9] !== 3) return false;
  const kind = textAt(tag, 0);
  if (kind === 'mAB ') return tag.length >= 32;
  const wide = kind === 'mft2';
  if ((!wide && kind !== 'mft1') || tag.length < 52) return false;
  const [inputs, outputs] = wide ? [tag.readUInt16BE(48), tag.readUInt16BE(50)] : [256, 256];
  const entries = inputs * channels + (tag[10] ?? 0) ** channels * 3 + outputs * 3;
  return tag.length >= (wide ? 52 + entries * 2 : 48 + entries);
}
