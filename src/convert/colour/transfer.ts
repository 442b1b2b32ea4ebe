// Curves between coded values and light, all on 0 to 1, and the two of high dynamic range. Formulas from the standards named.

/** A coded value of 0 to 1 as light: 1 is white; those of high dynamic range go above. */
export type Transfer = (coded: number) => number;

/** IEC 61966-2-1. */
export const srgbToLight: Transfer = (coded) => (coded <= 0.04045 ? coded / 12.92 : ((coded + 0.055) / 1.055) ** 2.4);

/** Its inverse. */
export function lightToSrgb(light: number): number {
  return light <= 0.0031308 ? light * 12.92 : 1.055 * light ** (1 / 2.4) - 0.055;
}

export function gammaToLight(exponent: number): Transfer {
  return (coded) => Math.max(0, coded) ** exponent;
}

/** Light of diffuse white in a picture of high dynamic range, cd/m2 (ITU-R BT.2408): what white of sRGB shows. */
export const REFERENCE_WHITE = 203;

/** SMPTE ST 2084 (PQ), relative to the reference white. */
export const pqToLight: Transfer = (coded) => {
  const power = Math.max(0, coded) ** (32 / 2523);
  const light = (Math.max(0, power - 3424 / 4096) / (2413 / 128 - (2392 / 128) * power)) ** (16384 / 2610);
  return (light * 10_000) / REFERENCE_WHITE;
};

/** ITU-R BT.2100 HLG to light of the scene, where 1 is the most that is coded; `HLG_PEAK` and the system gamma follow. */
export const hlgToScene: Transfer = (coded) => {
  const [a, b, c] = [0.17883277, 0.28466892, 0.55991073];
  return coded <= 0.5 ? coded ** 2 / 3 : (Math.exp((coded - c) / a) + b) / 12;
};

/** The display that HLG is meant for (BT.2100): 1000 cd/m2 and its system gamma, relative to the reference white. */
export const HLG_PEAK = 1000 / REFERENCE_WHITE;
export const HLG_SYSTEM_GAMMA = 1.2;

/** The light at which highlights begin to be compressed; below it they are what they are. */
const KNEE = 0.75;

/**
 * What compresses light from 0 to `peak` into 0 to 1: straight up to `KNEE`, then the extended curve of Reinhard (2002), which
 * goes on with the same slope and reaches 1 at `peak`. The identity for a peak of 1 or less.
 */
export function shoulder(peak: number): (light: number) => number {
  if (peak <= 1) return (light) => light;
  const most = (peak - KNEE) / (1 - KNEE);
  return (light) => {
    if (light <= KNEE) return light;
    const above = (Math.min(light, peak) - KNEE) / (1 - KNEE);
    return KNEE + (1 - KNEE) * ((above * (1 + above / most ** 2)) / (1 + above));
  };
}
