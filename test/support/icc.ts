// Colour profiles (ICC.1) of the simplest kinds, made tag by tag: one curve for grey, three curves and a matrix for RGB.

/** XYZ of a colourant under D50. */
export type Colourant = readonly [x: number, y: number, z: number];

/** The colourants of sRGB, as its published profile has them. */
export const SRGB_COLOURANTS: readonly [Colourant, Colourant, Colourant] = [
  [0.43607, 0.22249, 0.01392],
  [0.38515, 0.71687, 0.09708],
  [0.14307, 0.06061, 0.7141],
];

/** `curv` with one entry: a power. */
export function gammaCurve(exponent: number): Buffer {
  const tag = Buffer.alloc(14);
  tag.write('curv', 'latin1');
  tag.writeUInt32BE(1, 8);
  tag.writeUInt16BE(Math.round(exponent * 256), 12);
  return tag;
}

/** `curv` with a table. */
export function tableCurve(values: readonly number[]): Buffer {
  const tag = Buffer.alloc(12 + values.length * 2);
  tag.write('curv', 'latin1');
  tag.writeUInt32BE(values.length, 8);
  for (const [index, value] of values.entries()) tag.writeUInt16BE(Math.round(value * 65_535), 12 + index * 2);
  return tag;
}

/** `para` of a function type with its parameters. */
export function parametricCurve(type: number, ...parameters: readonly number[]): Buffer {
  const tag = Buffer.alloc(12 + parameters.length * 4);
  tag.write('para', 'latin1');
  tag.writeUInt16BE(type, 8);
  for (const [index, value] of parameters.entries()) tag.writeInt32BE(Math.round(value * 65_536), 12 + index * 4);
  return tag;
}

/** sRGB's own curve as a parametric one. */
export const SRGB_CURVE = parametricCurve(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045);

/** What profiles connect by. */
const D50: Colourant = [0.9642, 1, 0.8249];

export function greyProfile(curve: Buffer, white = D50): Buffer {
  return profileOf('GRAY', [
    ['wtpt', xyz(white)],
    ['kTRC', curve],
  ]);
}

export function rgbProfile(curve: Buffer, [red, green, blue] = SRGB_COLOURANTS, white = D50): Buffer {
  return profileOf('RGB ', [
    ['wtpt', xyz(white)],
    ['rXYZ', xyz(red)],
    ['gXYZ', xyz(green)],
    ['bXYZ', xyz(blue)],
    ['rTRC', curve],
    ['gTRC', curve],
    ['bTRC', curve],
  ]);
}

/** A table (`mft2`) that gives every colour of `inputs` channels the same XYZ, of half the light that it can tell. */
export function greyTable(inputs: number): Buffer {
  const tag = Buffer.alloc(52 + 2 * (2 * inputs + 3 * 2 ** inputs + 2 * 3));
  tag.write('mft2', 'latin1');
  tag.set([inputs, 3, 2], 8);
  for (const diagonal of [12, 28, 44]) tag.writeInt32BE(65_536, diagonal);
  tag.writeUInt16BE(2, 48);
  tag.writeUInt16BE(2, 50);
  for (let input = 0; input < inputs; input++) tag.writeUInt16BE(0xffff, 54 + input * 4);
  for (let at = 52 + inputs * 4; at < tag.length - 12; at += 2) tag.writeUInt16BE(0x4000, at);
  for (let output = 0; output < 3; output++) tag.writeUInt16BE(0xffff, tag.length - 10 + output * 4);
  return tag;
}

/** Numbers are cut off at the least and the most that a tag can tell: 32768 to either side. */
function xyz(values: Colourant): Buffer {
  const tag = Buffer.alloc(20);
  tag.write('XYZ ', 'latin1');
  for (const [index, value] of values.entries()) {
    const fixed = Math.round(value * 65_536);
    tag.writeInt32BE(Math.max(-0x80000000, Math.min(0x7fffffff, fixed)), 8 + index * 4);
  }
  return tag;
}

/** Of that colour space, with `desc`, `cprt` and these tags. */
export function profileOf(space: string, tags: readonly (readonly [name: string, data: Buffer])[]): Buffer {
  const text: readonly (readonly [string, Buffer])[] = [
    ['desc', Buffer.concat([Buffer.from('desc\0\0\0\0\0\0\0\x05test\0', 'latin1'), Buffer.alloc(78)])],
    ['cprt', Buffer.from('text\0\0\0\0none\0', 'latin1')],
  ];
  const all = [...text, ...tags];
  const head = Buffer.alloc(128 + 4 + all.length * 12);
  head.writeUInt32BE(0x02400000, 8);
  head.write(`mntr${space}XYZ `, 12, 'latin1');
  head.write('acsp', 36, 'latin1');
  for (const [index, value] of [0.9642, 1, 0.8249].entries())
    head.writeInt32BE(Math.round(value * 65_536), 68 + index * 4);
  head.writeUInt32BE(all.length, 128);
  const parts: Buffer[] = [head];
  let at = head.length;
  for (const [index, [name, data]] of all.entries()) {
    head.write(name, 132 + index * 12, 'latin1');
    head.writeUInt32BE(at, 136 + index * 12);
    head.writeUInt32BE(data.length, 140 + index * 12);
    const padded = Buffer.concat([data, Buffer.alloc(-data.length & 3)]);
    parts.push(padded);
    at += padded.length;
  }
  head.writeUInt32BE(at, 0);
  return Buffer.concat(parts);
}
