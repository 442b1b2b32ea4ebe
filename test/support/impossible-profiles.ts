// Colour profiles that no picture can have, in every way that readers could take for one; and odd ones that are right.
import {
  type Colourant,
  gammaCurve,
  greyProfile,
  greyTable,
  parametricCurve,
  profileOf,
  rgbProfile,
  SRGB_COLOURANTS,
  SRGB_CURVE,
  tableCurve,
} from './icc.js';

const [RED, GREEN, BLUE] = SRGB_COLOURANTS;
const NONE: Colourant = [0, 0, 0];
const THIRD: Colourant = [0.3214, 0.3333, 0.275];
/** 0 to 1, as noise. */
const NOISE = Array.from({ length: 64 }, (_, at) => ((at * 7919) % 64) / 63);

function changed(profile: Buffer, change: (copy: Buffer) => unknown): Buffer {
  const copy = Buffer.from(profile);
  change(copy);
  return copy;
}

/** `profile` with its tag of that name called otherwise. */
function withoutTag(profile: Buffer, name: string): Buffer {
  return changed(profile, (copy) => copy.write('none', copy.indexOf(name, 132, 'latin1'), 'latin1'));
}

const LINEAR = rgbProfile(gammaCurve(1));

/** Of RGB. Each would change colours if it were applied, as `LINEAR` does that most are made of. */
export const IMPOSSIBLE_RGB: readonly (readonly [what: string, profile: Buffer])[] = [
  ['red and blue of no light', rgbProfile(SRGB_CURVE, [NONE, GREEN, NONE])],
  ['no light at all', rgbProfile(SRGB_CURVE, [NONE, NONE, NONE])],
  ['green of no light', rgbProfile(SRGB_CURVE, [RED, NONE, BLUE])],
  ['three times the same primary', rgbProfile(gammaCurve(1), [THIRD, THIRD, THIRD])],
  ['two equal primaries', rgbProfile(gammaCurve(1), [RED, RED, BLUE])],
  [
    'primaries of ten times the light',
    rgbProfile(SRGB_CURVE, SRGB_COLOURANTS.map((c) => c.map((v) => v * 10)) as never),
  ],
  [
    'primaries of a tenth of the light',
    rgbProfile(SRGB_CURVE, SRGB_COLOURANTS.map((c) => c.map((v) => v / 10)) as never),
  ],
  ['primaries below nothing', rgbProfile(SRGB_CURVE, SRGB_COLOURANTS.map((c) => c.map((v) => -v)) as never)],
  [
    'a white of opposites',
    rgbProfile(gammaCurve(1), [
      [5, 0.2, 0],
      [-4.5, 0.7, 0.1],
      [0.4642, 0.1, 0.7249],
    ]),
  ],
  ['the most that a number can be', rgbProfile(SRGB_CURVE, [[32_768, 32_768, 32_768], GREEN, BLUE])],
  ['the least that a number can be', rgbProfile(SRGB_CURVE, [RED, [-32_768, -32_768, -32_768], BLUE])],
  ['a white point of nothing', rgbProfile(gammaCurve(1), SRGB_COLOURANTS, NONE)],
  ['a white point below nothing', rgbProfile(gammaCurve(1), SRGB_COLOURANTS, [-32_768, 1, 0.8])],
  ['a power of nothing', rgbProfile(gammaCurve(0))],
  ['a power below nothing', rgbProfile(parametricCurve(0, -2.2))],
  ['a power of thousands', rgbProfile(parametricCurve(0, 32_767))],
  ['a curve of zeros', rgbProfile(tableCurve([0, 0, 0, 0]))],
  ['a curve of ones', rgbProfile(tableCurve([1, 1, 1, 1]))],
  ['a curve of noise', rgbProfile(tableCurve(NOISE))],
  ['a curve of an unknown kind', rgbProfile(parametricCurve(9, 1))],
  [
    'a curve cut short',
    changed(rgbProfile(tableCurve([0, 0.2, 1])), (p) => p.writeUInt32BE(0x7fffffff, p.indexOf('curv') + 8)),
  ],
  ['no curve of red', withoutTag(LINEAR, 'rTRC')],
  ['no primary of blue', withoutTag(LINEAR, 'bXYZ')],
  ['a table of tags cut short', LINEAR.subarray(0, 150)],
  ['more tags than there are', changed(LINEAR, (p) => p.writeUInt32BE(0xffffffff, 128))],
  ['tags twice', changed(LINEAR, (p) => p.write('rXYZ', p.indexOf('wtpt'), 'latin1'))],
  ['a header alone', LINEAR.subarray(0, 128)],
  ['no signature', changed(LINEAR, (p) => p.write('none', 36, 'latin1'))],
  ['a version to come', changed(LINEAR, (p) => p.writeUInt32BE(0x7f000000, 8))],
  ['a link of devices', changed(LINEAR, (p) => p.write('link', 12, 'latin1'))],
  ['a connection by ink', changed(LINEAR, (p) => p.write('CMYK', 20, 'latin1'))],
  ['grey', greyProfile(gammaCurve(1))],
  ['CMYK', profileOf('CMYK', [['A2B0', greyTable(4)]])],
  ['a table of other channels', profileOf('RGB ', [['A2B0', greyTable(4)]])],
  ['a table cut short', profileOf('RGB ', [['A2B0', greyTable(3).subarray(0, 60)]])],
];

/** Of grey. */
export const IMPOSSIBLE_GREY: readonly (readonly [what: string, profile: Buffer])[] = [
  ['a power of nothing', greyProfile(gammaCurve(0))],
  ['a curve of zeros', greyProfile(tableCurve([0, 0]))],
  ['a curve of noise', greyProfile(tableCurve(NOISE))],
  ['no curve', withoutTag(greyProfile(gammaCurve(1)), 'kTRC')],
  ['a white point of nothing', greyProfile(gammaCurve(1), NONE)],
  ['RGB', LINEAR],
];

/** Of RGB, to be applied. */
export const ODD_RGB: readonly (readonly [what: string, profile: Buffer])[] = [
  ['linear light', LINEAR],
  ['primaries that changed places', rgbProfile(SRGB_CURVE, [GREEN, BLUE, RED])],
  [
    'primaries that no screen has (ProPhoto)',
    rgbProfile(gammaCurve(1.8), [
      [0.7977, 0.288, 0],
      [0.1352, 0.7119, 0],
      [0.0313, 0.0001, 0.8249],
    ]),
  ],
  [
    'primaries that are no light (ACES)',
    rgbProfile(gammaCurve(1), [
      [0.99088, 0.36145, -0.00272],
      [0.01224, 0.72249, 0.00824],
      [-0.03892, -0.08394, 0.81937],
    ]),
  ],
  [
    'XYZ itself',
    rgbProfile(gammaCurve(1), [
      [0.9642, 0, 0],
      [0, 1, 0],
      [0, 0, 0.8249],
    ]),
  ],
  [
    'the white of D65, not adapted',
    rgbProfile(SRGB_CURVE, [
      [0.4124, 0.2126, 0.0193],
      [0.3576, 0.7152, 0.1192],
      [0.1805, 0.0722, 0.9505],
    ]),
  ],
  ['a white of paper', rgbProfile(gammaCurve(1), SRGB_COLOURANTS, [0.7, 0.72, 0.55])],
  ['a measured curve that trembles', rgbProfile(tableCurve([0, 0.1, 0.09, 0.3, 0.29, 0.6, 1]))],
  ['a curve from light to dark', rgbProfile(tableCurve([1, 0.4, 0]))],
  ['a curve with an end cut off', rgbProfile(tableCurve([0, 0, 0.2, 0.6, 0.8, 0.8]))],
  ['a table', profileOf('RGB ', [['A2B0', greyTable(3)]])],
];
