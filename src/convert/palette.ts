// Pictures of few colours as at most 256 of them. For previews of drawings and screenshots, which are counted in one pass: a
// quantizer for photographs (libimagequant, in the encoder's library) takes four times as long for them.
import { areaOf } from '../kernel/sizes.js';
import type { Raster } from './raster.js';

export interface Palette {
  /** Red, green, blue, alpha of each colour; those that are not opaque first. At most 256. */
  readonly colours: readonly (readonly [number, number, number, number])[];
  /** Number of its colour for every pixel, row by row. In memory that the next palette is made in: to be used at once. */
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
const EXACT = -1;
const COARSE = 0xfcfcfcfc | 0;

/**
 * The palette of a still picture, without loss where it has no more than 256 colours; else the fewest that keep `leastDb`, PSNR over
 * white and over black. `undefined` when 256 do not.
 */
export function paletteOf(raster: Raster, leastDb: number): Palette | undefined {
  if (raster.channels === 1) return greysOf(raster);
  const pixels = areaOf(raster);
  const indices = indicesFor(pixels);
  const exact = countColours(raster, EXACT, MAX_COLOURS, indices);
  const slots = exact ? indices : slotsFor(pixels);
  const counted = exact ?? countColours(raster, COARSE, MAX_DISTINCT, slots);
  if (counted === undefined) return undefined;
  const chosen = split(counted, mostError(pixels, leastDb));
  if (chosen === undefined) return undefined;
  const boxes = chosen.boxes.toSorted((a, b) => Number(a.colour[3] === 255) - Number(b.colour[3] === 255));
  const numberOf = new Uint8Array(counted.length);
  for (const [number, { from, to }] of boxes.entries())
    for (let at = from; at < to; at++) numberOf[chosen.order[at] as number] = number;
  const isInPlace = slots === indices && numberOf.every((number, slot) => number === slot);
  // Uint8Array.from would take ten times as long.
  if (!isInPlace) for (let pixel = 0; pixel < pixels; pixel++) indices[pixel] = numberOf[slots[pixel] ?? 0] ?? 0;
  return { colours: boxes.map(({ colour }) => colour), indices };
}

/**
 * Of one channel: every grey that is met, without loss, in the order in which they are. So paper is mostly 0, as the byte is that begins a row
 * of a PNG, and runs on over many rows: with greys for numbers a page takes a sixth more.
 */
function greysOf(raster: Raster): Palette {
  const pixels = raster.pixels.subarray(0, areaOf(raster));
  const indices = indicesFor(pixels.length);
  const numberOf = new Int16Array(256).fill(-1);
  const greys: number[] = [];
  const numberAt = (at: number): void => {
    const grey = pixels[at] as number;
    if (numberOf[grey] === -1) numberOf[grey] = greys.push(grey) - 1;
    indices[at] = numberOf[grey] as number;
  };
  const [words, numbers] = [wordsOf(pixels), wordsOf(indices)];
  const whole = Math.min(words.length, numbers.length);
  for (let word = 0; word < whole; word++) {
    // Four pixels that are as the four before.
    if (word > 0 && words[word] === words[word - 1]) numbers[word] = numbers[word - 1] as number;
    else for (let at = word * 4; at < word * 4 + 4; at++) numberAt(at);
  }
  for (let at = whole * 4; at < pixels.length; at++) numberAt(at);
  return { colours: greys.map((grey) => [grey, grey, grey, 255] as const), indices };
}

/** Up to this, what pixels are counted in is kept for the next picture: to get as much anew costs as much as to count. */
const MOST_KEPT_PIXELS = 4_000_000;
let keptSlots = new Uint16Array(0);
let keptIndices = new Uint8Array(0);

function slotsFor(pixels: number): Uint16Array {
  if (pixels > MOST_KEPT_PIXELS) return new Uint16Array(pixels);
  if (keptSlots.length < pixels) keptSlots = new Uint16Array(pixels);
  return keptSlots.subarray(0, pixels);
}

function indicesFor(pixels: number): Uint8Array {
  if (pixels > MOST_KEPT_PIXELS) return new Uint8Array(pixels);
  if (keptIndices.length < pixels) keptIndices = new Uint8Array(pixels);
  return keptIndices.subarray(0, pixels);
}

/**
 * The colours in the order in which they are met, and in `slots` which of them each pixel has. Those that differ in no bit of `mask` are
 * one: that of them which most pixels have, where more than half have it. `undefined` of more than `most`.
 */
function countColours(
  raster: Raster,
  mask: number,
  most: number,
  slots: Uint8Array | Uint16Array,
): Counted | undefined {
  const tally = new ColourTally(mask, most);
  const { pixels, channels } = raster;
  const end = slots.length * channels;
  const words = wordsOf(pixels);
  for (let from = 0, first = 0; from < end; ) {
    // Pixels of one colour are mostly many.
    let to = from + channels;
    while (to < end && isEqual(pixels, to, from, channels)) {
      to += channels;
      if (to - from === SURELY_A_RUN * channels) to = Math.min(end, endOfRun(words, from, to, channels));
    }
    const count = (to - from) / channels;
    const slot = tally.add(colourAt(pixels, from, channels), count);
    if (slot < 0) return undefined;
    slots.fill(slot, first, first + count);
    [from, first] = [to, first + count];
  }
  return tally.colours();
}

/** Pixels of one colour behind which more of them are looked for word by word; four of three bytes are three words. */
const SURELY_A_RUN = 8;

/** Four bytes each; none where they do not lie as numbers have to. */
function wordsOf({ buffer, byteOffset, length }: Uint8Array): Uint32Array {
  return byteOffset % 4 === 0 ? new Uint32Array(buffer, byteOffset, length >> 2) : new Uint32Array(0);
}

/** Behind the last whole pixel that is sure to be of the run from `from` to `to`: what is equal a word of whole pixels before it is. */
function endOfRun(words: Uint32Array, from: number, to: number, channels: number): number {
  let word = to >> 2;
  while (word < words.length && words[word] === words[word - channels]) word++;
  return Math.max(to, from + Math.floor((word * 4 - from) / channels) * channels);
}

function isEqual(pixels: Buffer, a: number, b: number, channels: number): boolean {
  if (pixels[a] !== pixels[b] || pixels[a + 1] !== pixels[b + 1] || pixels[a + 2] !== pixels[b + 2]) return false;
  return channels === 3 || pixels[a + 3] === pixels[b + 3];
}

/** Alpha, red, green and blue in one number of 32 bits, with a sign: numbers of more get memory each. What nobody sees has no colour. */
function colourAt(pixels: Buffer, at: number, channels: number): number {
  if (channels === 1) return 0xff000000 | ((pixels[at] ?? 0) * 0x010101);
  const alpha = channels === 4 ? (pixels[at + 3] ?? 0) : 255;
  const rgb = ((pixels[at] ?? 0) << 16) | ((pixels[at + 1] ?? 0) << 8) | (pixels[at + 2] ?? 0);
  return alpha === 0 ? 0 : (alpha << 24) | rgb;
}

/** Colours and how many pixels have them, in a hash table. */
class ColourTally {
  private readonly keys = new Int32Array(HASH_SLOTS);
  private readonly slotOf = new Int16Array(HASH_SLOTS).fill(-1);
  private readonly counts: Uint32Array;
  /** The majority by one pass of votes (Boyer and Moore): right where there is one, and else some colour of these. */
  private readonly majority: Int32Array;
  private readonly votes: Uint32Array;
  private found = 0;

  constructor(
    private readonly mask: number,
    private readonly most: number,
  ) {
    [this.counts, this.majority, this.votes] = [new Uint32Array(most), new Int32Array(most), new Uint32Array(most)];
  }

  /** The number of `colour`, which `pixels` more have; -1 for one too many. */
  add(colour: number, pixels: number): number {
    const key = colour & this.mask;
    let place = (Math.imul(key, HASH_FACTOR) >>> 16) & (HASH_SLOTS - 1);
    while (this.slotOf[place] !== -1 && this.keys[place] !== key) place = (place + 1) & (HASH_SLOTS - 1);
    if (this.slotOf[place] === -1) {
      if (this.found === this.most) return -1;
      this.keys[place] = key;
      this.slotOf[place] = this.found++;
    }
    const slot = this.slotOf[place] ?? 0;
    this.counts[slot] = (this.counts[slot] ?? 0) + pixels;
    const votes = this.votes[slot] ?? 0;
    const isFor = votes === 0 || this.majority[slot] === colour;
    if (votes === 0 || (!isFor && pixels > votes)) this.majority[slot] = colour;
    this.votes[slot] = isFor ? votes + pixels : Math.abs(votes - pixels);
    return slot;
  }

  colours(): Counted {
    const seen = new Float64Array(4 * this.found);
    for (let slot = 0; slot < this.found; slot++) {
      const colour = this.majority[slot] ?? 0;
      const alpha = colour >>> 24;
      seen[slot * 4] = (((colour >>> 16) & 255) * alpha) / 255;
      seen[slot * 4 + 1] = (((colour >>> 8) & 255) * alpha) / 255;
      seen[slot * 4 + 2] = ((colour & 255) * alpha) / 255;
      seen[slot * 4 + 3] = alpha;
    }
    return { length: this.found, seen, pixels: this.counts };
  }
}

/** Colours that were counted, by the number of their slot. Flat, since to choose among them reads each of them some twenty times. */
interface Counted {
  readonly length: number;
  /** Four each: red, green and blue as they are over black, and alpha. */
  readonly seen: Float64Array;
  readonly pixels: Uint32Array;
}

interface Box {
  /** Where the numbers of its colours stand in the order of all. */
  readonly from: number;
  readonly to: number;
  /** As it is stored. */
  readonly colour: readonly [number, number, number, number];
  readonly mean: Float64Array;
  /** Squared differences of the pixels to the stored colour, by what is seen over black and over white. */
  readonly overBlack: number;
  readonly overWhite: number;
}

/** `order` has the numbers of the colours, those of a box beside each other. */
interface Boxes {
  readonly boxes: readonly Box[];
  readonly order: Uint16Array;
}

/** Rows between two that are looked at to tell whether there may be a palette, and pixels at most. */
const [ROWS_APART, MOST_LOOKS] = [16, 100_000] as const;

/**
 * Whether some rows alone show that there is no palette for it; so there is none for any picture of as many pixels that is scaled from
 * this one, nearly always.
 */
export function isWithoutPalette(raster: Raster, leastDb: number): boolean {
  const { pixels, widthPx, channels } = raster;
  if (channels === 1) return false;
  const tally = new ColourTally(COARSE, MAX_DISTINCT);
  const step = Math.max(ROWS_APART, Math.ceil(areaOf(raster) / MOST_LOOKS)) * widthPx * channels;
  let seen = 0;
  for (let row = 0; row < areaOf(raster) * channels; row += step) {
    for (let at = row; at < row + widthPx * channels; at += channels)
      if (tally.add(colourAt(pixels, at, channels), 1) < 0) return true;
    seen += widthPx;
  }
  return split(tally.colours(), mostError(seen, leastDb)) === undefined;
}

/** Squared differences, in sum, of so many pixels of that PSNR. */
function mostError(pixels: number, db: number): number {
  return (pixels * 3 * 255 ** 2) / 10 ** (db / 10);
}

/** As few boxes as have less than `most` of squared differences in sum; `undefined` when 256 have more. */
function split(colours: Counted, most: number): Boxes | undefined {
  const order = Uint16Array.from({ length: colours.length }, (_, slot) => slot);
  // Without loss where that can be had.
  if (colours.length <= MAX_COLOURS)
    return { order, boxes: Array.from(order, (slot) => boxOf(colours, order, slot, slot + 1)) };
  const boxes = [boxOf(colours, order, 0, colours.length)];
  let [overBlack, overWhite] = [boxes[0]?.overBlack ?? 0, boxes[0]?.overWhite ?? 0];
  while (Math.max(overBlack, overWhite) > most) {
    if (boxes.length === MAX_COLOURS) return undefined;
    const worst = boxes.reduce((a, b) => (errorOf(b) > errorOf(a) ? b : a));
    if (worst.to - worst.from === 1) return undefined;
    const halves = halvesOf(colours, order, worst);
    boxes.splice(boxes.indexOf(worst), 1, ...halves);
    overBlack += halves.reduce((sum, box) => sum + box.overBlack, -worst.overBlack);
    overWhite += halves.reduce((sum, box) => sum + box.overWhite, -worst.overWhite);
  }
  return { boxes, order };
}

function errorOf({ from, to, overBlack, overWhite }: Box): number {
  return to - from === 1 ? -1 : Math.max(overBlack, overWhite);
}

/** Along the channel with most variance, at its mean. */
function halvesOf(colours: Counted, order: Uint16Array, { from, to, mean }: Box): Box[] {
  const { seen, pixels } = colours;
  let [channel, most] = [0, -1];
  for (let each = 0; each < 4; each++) {
    const middle = mean[each] as number;
    let variance = 0;
    for (let at = from; at < to; at++) {
      const slot = order[at] as number;
      variance += (pixels[slot] as number) * ((seen[slot * 4 + each] as number) - middle) ** 2;
    }
    if (variance > most) [channel, most] = [each, variance];
  }
  const middle = mean[channel] as number;
  const members = order.slice(from, to);
  let between = from;
  for (const slot of members) if ((seen[slot * 4 + channel] as number) < middle) order[between++] = slot;
  let at = between;
  for (const slot of members) if ((seen[slot * 4 + channel] as number) >= middle) order[at++] = slot;
  return [boxOf(colours, order, from, between), boxOf(colours, order, between, to)];
}

function boxOf({ seen, pixels }: Counted, order: Uint16Array, from: number, to: number): Box {
  const mean = new Float64Array(4);
  let sum = 0;
  for (let at = from; at < to; at++) {
    const slot = order[at] as number;
    const weight = pixels[slot] as number;
    sum += weight;
    for (let channel = 0; channel < 4; channel++)
      mean[channel] = (mean[channel] as number) + (seen[slot * 4 + channel] as number) * weight;
  }
  for (let channel = 0; channel < 4; channel++) mean[channel] = (mean[channel] as number) / sum;
  const colour = storedAs(mean);
  let [overBlack, overWhite] = [0, 0];
  for (let at = from; at < to; at++) {
    const slot = order[at] as number;
    const weight = pixels[slot] as number;
    const clear = (seen[slot * 4 + 3] as number) - colour[3];
    for (let channel = 0; channel < 3; channel++) {
      const dark = (seen[slot * 4 + channel] as number) - ((colour[channel] as number) * colour[3]) / 255;
      overBlack += weight * dark ** 2;
      overWhite += weight * (dark - clear) ** 2;
    }
  }
  return { from, to, colour, mean, overBlack, overWhite };
}

/** Red, green, blue and alpha of a mean over black. */
function storedAs(mean: Float64Array): Box['colour'] {
  const [red = 0, green = 0, blue = 0, opacity = 0] = mean;
  const alpha = Math.round(opacity);
  const stored = (overBlack: number): number =>
    alpha === 0 ? 0 : Math.min(255, Math.round((overBlack * 255) / opacity));
  return [stored(red), stored(green), stored(blue), alpha];
}
