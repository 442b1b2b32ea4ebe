// Which colour profiles are passed over, and for which samples.
import { describe, expect, test } from 'vitest';
import { possibleProfile } from '../../../src/convert/colour/possible-profile.js';
import { gammaCurve, greyProfile, greyTable, profileOf, rgbProfile, SRGB_CURVE } from '../../support/icc.js';
import { IMPOSSIBLE_GREY, IMPOSSIBLE_RGB, ODD_RGB } from '../../support/impossible-profiles.js';

describe('of RGB', () => {
  test.each(IMPOSSIBLE_RGB)('impossible: %s', (_what, profile) => {
    expect(possibleProfile(profile, 'srgb')).toBeUndefined();
    expect(possibleProfile(profile, 'rgb16')).toBeUndefined();
  });

  test.each(ODD_RGB)('possible: %s', (_what, profile) => {
    expect(possibleProfile(profile, 'srgb')).toBe(profile);
  });
});

describe('of grey', () => {
  test.each(IMPOSSIBLE_GREY)('impossible: %s', (_what, profile) => {
    expect(possibleProfile(profile, 'b-w')).toBeUndefined();
    expect(possibleProfile(profile, 'grey16')).toBeUndefined();
  });

  test.each([1, 1.8, 2.2, 2.4])('possible: a power of %d', (exponent) => {
    const profile = greyProfile(gammaCurve(exponent));
    expect(possibleProfile(profile, 'b-w')).toBe(profile);
  });
});

test('a profile is of one colour space', () => {
  const profiles = {
    srgb: rgbProfile(SRGB_CURVE),
    'b-w': greyProfile(gammaCurve(1)),
    cmyk: profileOf('CMYK', [['A2B0', greyTable(4)]]),
  };
  for (const [own, profile] of Object.entries(profiles))
    for (const space of Object.keys(profiles)) expect(possibleProfile(profile, space) === profile).toBe(space === own);
});

test('a profile cut anywhere is none, or tells the same primaries and curves', () => {
  const whole = rgbProfile(gammaCurve(1));
  for (let length = 0; length < whole.length; length++) {
    // Behind the last curve stand two bytes that fill it up.
    expect([length, possibleProfile(whole.subarray(0, length), 'srgb') !== undefined]).toEqual([
      length,
      length >= whole.length - 2,
    ]);
  }
});
