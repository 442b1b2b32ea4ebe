// Coding-independent code points (ITU-T H.273) as colours: what PNG and AVIF say of theirs beside, or instead of, a profile.
import { BT709, isIdentity, luminanceOf, type Primaries, toSrgbFrom } from './primaries.js';
import type { Colours } from './reading.js';
import { gammaToLight, hlgToScene, pqToLight, srgbToLight, type Transfer } from './transfer.js';

const D65 = [0.3127, 0.329] as const;
const C = [0.31, 0.316] as const;

/** Table 2. */
const PRIMARIES: Readonly<Record<number, Primaries>> = {
  1: BT709,
  4: { red: [0.67, 0.33], green: [0.21, 0.71], blue: [0.14, 0.08], white: C },
  5: { red: [0.64, 0.33], green: [0.29, 0.6], blue: [0.15, 0.06], white: D65 },
  6: { red: [0.63, 0.34], green: [0.31, 0.595], blue: [0.155, 0.07], white: D65 },
  7: { red: [0.63, 0.34], green: [0.31, 0.595], blue: [0.155, 0.07], white: D65 },
  8: { red: [0.681, 0.319], green: [0.243, 0.692], blue: [0.145, 0.049], white: C },
  9: { red: [0.708, 0.292], green: [0.17, 0.797], blue: [0.131, 0.046], white: D65 },
  10: { red: [1, 1e-9], green: [1e-9, 1], blue: [1e-9, 1e-9], white: [1 / 3, 1 / 3] },
  11: { red: [0.68, 0.32], green: [0.265, 0.69], blue: [0.15, 0.06], white: [0.314, 0.351] },
  12: { red: [0.68, 0.32], green: [0.265, 0.69], blue: [0.15, 0.06], white: D65 },
  22: { red: [0.63, 0.34], green: [0.295, 0.605], blue: [0.155, 0.077], white: D65 },
};

/** Table 3; what is not here is taken for sRGB. */
const TRANSFERS: Readonly<Record<number, Transfer>> = {
  4: gammaToLight(2.2),
  5: gammaToLight(2.8),
  8: (coded) => coded,
  9: (coded) => (coded > 0 ? 10 ** ((coded - 1) * 2) : 0),
  10: (coded) => (coded > 0 ? 10 ** ((coded - 1) * 2.5) : 0),
  16: pqToLight,
  17: (coded) => (coded ** 2.6 * 52.37) / 48,
  18: hlgToScene,
};
const [PQ, HLG] = [16, 18] as const;
/** BT.709 and its kin: curves of cameras, for which a display has one of its own. */
const CAMERAS: readonly number[] = [1, 6, 14, 15];

export interface CodePoints {
  readonly primaries: number;
  readonly transfer: number;
  /** The lowest and highest codes are no colours; of samples that are RGB. */
  readonly narrowRange?: boolean;
  /** How displays show what cameras code: by that of a television (BT.1886, a power of 2.4), otherwise by that of sRGB. */
  readonly asTelevision?: boolean;
}

/** The colours of these code points; `undefined` when they are those of sRGB, or say nothing. */
export function cicpColours({ primaries, transfer, narrowRange, asTelevision }: CodePoints): Colours | undefined {
  const own = PRIMARIES[primaries];
  const matrix = own && toSrgbFrom(own);
  const curve = asTelevision && CAMERAS.includes(transfer) ? gammaToLight(2.4) : TRANSFERS[transfer];
  const range = narrowRange ? ([16 / 255, 235 / 255] as const) : undefined;
  if ((matrix === undefined || isIdentity(matrix)) && curve === undefined && range === undefined) return undefined;
  return {
    transfer: curve ?? srgbToLight,
    ...(matrix && !isIdentity(matrix) ? { matrix } : {}),
    ...(range ? { range } : {}),
    ...(transfer === PQ
      ? { dynamic: 'pq' as const }
      : transfer === HLG
        ? { dynamic: 'hlg' as const, luminance: luminanceOf(own) }
        : {}),
  };
}
