// Pictures of few colours as at most 256 of them. For previews of drawings and screenshots, which are counted in one pass: a
// quantizer for photographs (libimagequant, in the encoder's library) takes four times as long for them.
import { areaOf } from '../kernel/sizes.js';
import type { Raster } from './raster.js';

export interface Palette {
  /** Red, green, blue, alpha of each colour; those that are not opaque first. At most 256. */
  readonly colours: readonly (readonly [number, number, number, number])[];
  /** Number of its colour for every pixel, row by row. */
  readonly indices: Uint8Array;
}

const MAX_COLOURS = 256;
/** Of a picture with more this is not tried: a photograph has as many in its first rows, and choosing among them takes its time. */
const MAX_DISTINCT = 1024;
/** A power of two, at most a quarter full. */
const HASH_SLOTS = 4 * MAX_DISTINCT;
/** Knuth's multiplier, the golden ratio of 2^32. */
const HASH_FACTOR = 0x9e3779b1;
/** All bits of red, green, blue and alpha; and those that stay where there are too many colours to tell neighbours apart. */
const EXACT = 0xffffffff;
const COARSE = 0xfcfcfcfc;

/**
 * The palette of a still picture, without loss where it has no more than 256 colours; else the fewest that keep `leastDb`, PSNR over
 * white and over black. `undefined` when 256 do not.
 */
export function paletteOf(raster: Raster, leastDb: number): Palette | undefined {
  const counted = countColours(raster, EXACT, MAX_COLOURS) ?? countColours(raster, COARSE, MAX_DISTINCT);
  if (counted === undefined) return undefined;
  const boxes = split(counted.colours, (areaOf(raster) * 3 * 255 ** 2) / 10 ** (leastDb / 10));
  if (boxes === undefined) return undefined;
  boxes.sort((a, b) => Number(a.colour[3] === 255) - Number(b.colour[3] === 255));
  const numberOf = new Uint8Array(counted.colours.length);
  for (const [number, { members }] of boxes.entries()) for (const { slot } of members) numberOf[slot] = number;
  // Uint8Array.from would take ten times as long.
  const { slots } = counted;
  const indices = new Uint8Array(slots.length);
  for (let pixel = 0; pixel < slots.length; pixel++) indices[pixel] = numberOf[slots[pixel] ?? 0] ?? 0;
  return { colours: boxes.map(({ colour }) => colour), indices };
}

interface Counted {
  readonly slot: number;
  /** Red, green and blue as they are over black, and alpha. */
  readonly seen: readonly [number, number, number, number];
  readonly pixels: number;
}

/**
 * The colours in the order in which they are met, and which of them each pixel has. Those that differ in no bit of `mask` are one: that
 * of them which most pixels have, where more than half have it. `undefined` of more than `most`.
 */
function countColours({ pixels, widthPx, heightPx, channels }: Raster, mask: number, most: number) {
  const keys = new Uint32Array(HASH_SLOTS);
  const slotOf = new Int16Array(HASH_SLOTS).fill(-1);
  const counts = new Uint32Array(most);
  // The majority by one pass of votes (Boyer and Moore): right where there is one, and else some colour of these.
  const colours = new Uint32Array(most);
  const votes = new Int32Array(most);
  const slots = new Uint16Array(widthPx * heightPx);
  let found = 0;
  let [before, slot] = [-1, 0];
  for (let pixel = 0, at = 0; pixel < slots.length; pixel++, at += channels) {
    const alpha = channels === 4 ? (pixels[at + 3] ?? 0) : 255;
    const rgb = ((pixels[at] ?? 0) << 16) | ((pixels[at + 1] ?? 0) << 8) | (pixels[at + 2] ?? 0);
    // What nobody sees has no colour.
    const colour = alpha === 0 ? 0 : ((alpha << 24) | rgb) >>> 0;
    if (colour !== before) {
      const key = (colour & mask) >>> 0;
      let place = (Math.imul(key, HASH_FACTOR) >>> 16) & (HASH_SLOTS - 1);
      while (slotOf[place] !== -1 && keys[place] !== key) place = (place + 1) & (HASH_SLOTS - 1);
      if (slotOf[place] === -1) {
        if (found === most) return undefined;
        keys[place] = key;
        slotOf[place] = found++;
      }
      [before, slot] = [colour, slotOf[place] ?? 0];
    }
    slots[pixel] = slot;
    counts[slot] = (counts[slot] ?? 0) + 1;
    const vote = votes[slot] ?? 0;
    if (vote === 0) colours[slot] = colour;
    votes[slot] = vote + (vote === 0 || colours[slot] === colour ? 1 : -1);
  }
  const counted = Array.from({ length: found }, (_, slot): Counted => {
    const colour = colours[slot] ?? 0;
    const alpha = colour >>> 24;
    const over = (shift: number): number => (((colour >>> shift) & 255) * alpha) / 255;
    return { slot, seen: [over(16), over(8), over(0), alpha], pixels: counts[slot] ?? 0 };
  });
  return { colours: counted, slots };
}

interface Box {
  readonly members: readonly Counted[];
  /** As it is stored. */
  readonly colour: readonly [number, number, number, number];
  readonly mean: readonly number[];
  /** Squared differences of the pixels to the stored colour, by what is seen over black and over white. */
  readonly overBlack: number;
  readonly overWhite: number;
}

/** As few boxes as have less than `most` of squared differences in sum; `undefined` when 256 have more. */
function split(colours: readonly Counted[], most: number): Box[] | undefined {
  // Without loss where that can be had.
  if (colours.length <= MAX_COLOURS) return colours.map((colour) => boxOf([colour]));
  const boxes = [boxOf(colours)];
  let [overBlack, overWhite] = [boxes[0]?.overBlack ?? 0, boxes[0]?.overWhite ?? 0];
  while (Math.max(overBlack, overWhite) > most) {
    if (boxes.length === MAX_COLOURS) return undefined;
    const worst = boxes.reduce((a, b) => (errorOf(b) > errorOf(a) ? b : a));
    if (worst.members.length === 1) return undefined;
    const halves = halvesOf(worst);
    boxes.splice(boxes.indexOf(worst), 1, ...halves);
    overBlack += halves.reduce((sum, box) => sum + box.overBlack, -worst.overBlack);
    overWhite += halves.reduce((sum, box) => sum + box.overWhite, -worst.overWhite);
  }
  return boxes;
}

function errorOf({ members, overBlack, overWhite }: Box): number {
  return members.length === 1 ? -1 : Math.max(overBlack, overWhite);
}

/** Along the channel with most variance, at its mean. */
function halvesOf({ members, mean }: Box): Box[] {
  const variances = [0, 1, 2, 3].map((channel) =>
    members.reduce((sum, { seen, pixels }) => sum + pixels * (at(seen, channel) - at(mean, channel)) ** 2, 0),
  );
  const channel = variances.indexOf(Math.max(...variances));
  const isLow = ({ seen }: Counted): boolean => at(seen, channel) < at(mean, channel);
  return [members.filter(isLow), members.filter((member) => !isLow(member))].map(boxOf);
}

function boxOf(members: readonly Counted[]): Box {
  const pixels = members.reduce((sum, member) => sum + member.pixels, 0);
  const mean = [0, 1, 2, 3].map(
    (channel) => members.reduce((sum, { seen, pixels: weight }) => sum + at(seen, channel) * weight, 0) / pixels,
  );
  const alpha = Math.round(at(mean, 3));
  const stored = (channel: number): number =>
    alpha === 0 ? 0 : Math.min(255, Math.round((at(mean, channel) * 255) / at(mean, 3)));
  const colour = [stored(0), stored(1), stored(2), alpha] as const;
  let [overBlack, overWhite] = [0, 0];
  for (const { seen, pixels: weight } of members) {
    for (let channel = 0; channel < 3; channel++) {
      const dark = at(seen, channel) - (at(colour, channel) * alpha) / 255;
      overBlack += weight * dark ** 2;
      overWhite += weight * (dark - (seen[3] - alpha)) ** 2;
    }
  }
  return { members, colour, mean, overBlack, overWhite };
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? 0;
}
