// The header of a JPEG XL code stream (ISO/IEC 18181-1, annexes A, D and L): size, depth and colours, as far as they are told before the
// first frame.
import type { Size } from '../../kernel/sizes.js';
import { DamagedSource, expectBytes } from '../refused-kind.js';

export interface JxlHeader extends Size {
  /** More than 8 bits a sample. */
  readonly isDeep: boolean;
  readonly dynamic: JxlDynamic | undefined;
  /** The bit that says of colours that they were multiplied by the alpha beside them; `undefined` where they were not. */
  readonly multipliedAtBit: number | undefined;
  /** With the black of CMYK beside three colours. */
  readonly hasBlack: boolean;
}

/** Of high dynamic range, and where that is written. */
export interface JxlDynamic {
  readonly curve: 'pq' | 'hlg';
  /** The first bit of the number that names the curve PQ, of four bits that count from 2. */
  readonly curveAtBit: number;
  /** Of the float of 16 bits that tells the light of the most that is coded, where lossy colours are relative to it. */
  readonly lightAtBit: number | undefined;
}

/** Width to height, where the width is not told. */
const RATIOS: readonly (readonly [number, number])[] = [
  [1, 1],
  [12, 10],
  [4, 3],
  [3, 2],
  [16, 9],
  [5, 4],
  [2, 1],
];
const SIGNATURE_BITS = 16;
/** Numbers of enumerations: of transfer functions, colour spaces and what stands for numbers of its own. */
const [PQ, HLG, GREY, XYB, CUSTOM] = [16, 18, 1, 2, 2] as const;
/** Kinds of channels beside the colours, which tell more of themselves. */
const [ALPHA, SPOT_COLOUR, BLACK, COLOUR_FILTER] = [0, 2, 4, 5] as const;

/** One of four ways to write a number: as it is, or by so many bits that count from there. */
type Way = number | readonly [bits: number, from: number];

/** Reads from the lowest bit of each byte on; throws at the end of the stream. */
class Bits {
  at = SIGNATURE_BITS;
  constructor(private readonly stream: Buffer) {}

  read(count: number): number {
    let value = 0;
    for (let index = 0; index < count; index++, this.at++)
      value += (((this.stream[this.at >> 3] ?? 0) >> (this.at & 7)) & 1) * 2 ** index;
    if (this.at > this.stream.length * 8) throw new DamagedSource('expected a header, got the end of the file');
    return value;
  }

  flag(): boolean {
    return this.read(1) === 1;
  }

  number(...ways: readonly [Way, Way, Way, Way]): number {
    const way = ways[this.read(2)] ?? 0;
    return typeof way === 'number' ? way : way[1] + this.read(way[0]);
  }

  choice(): number {
    return this.number(0, 1, [4, 2], [6, 18]);
  }
}

/** `stream`: the code stream or the beginning of it. Throws `DamagedSource` for one that ends before its colours are told. */
export function jxlHeader(stream: Buffer): JxlHeader {
  expectBytes(stream, 0, 2);
  const bits = new Bits(stream);
  const size = sizeOf(bits);
  if (bits.flag()) return { ...size, isDeep: false, dynamic: undefined, multipliedAtBit: undefined, hasBlack: false };
  const isExtended = bits.flag();
  const isSwapped = isExtended && bits.read(3) + 1 >= 5;
  if (isExtended) passExtensions(bits);
  const isDeep = depthOf(bits) > 8;
  bits.flag();
  const count = bits.number(0, 1, [4, 2], [12, 1]);
  const channels = Array.from({ length: count }, () => channelIn(bits));
  const multipliedAtBit = channels.find(({ kind }) => kind === ALPHA)?.multipliedAtBit;
  const hasBlack = channels.some(({ kind }) => kind === BLACK);
  const isRelative = bits.flag();
  const dynamic = dynamicOf(bits, isExtended && isRelative);
  const shown = isSwapped ? { widthPx: size.heightPx, heightPx: size.widthPx } : size;
  return { ...shown, isDeep, dynamic, multipliedAtBit, hasBlack };
}

function sizeOf(bits: Bits): Size {
  const isSmall = bits.flag();
  const side = (): number => (isSmall ? (bits.read(5) + 1) * 8 : bits.number([9, 1], [13, 1], [18, 1], [30, 1]));
  const heightPx = side();
  const ratio = RATIOS[bits.read(3) - 1];
  return { widthPx: ratio ? Math.floor((heightPx * ratio[0]) / ratio[1]) : side(), heightPx };
}

/** The size it is meant to be shown at, that of a preview inside, and what an animation says of its time. */
function passExtensions(bits: Bits): void {
  if (bits.flag()) sizeOf(bits);
  if (bits.flag()) {
    const isSmall = bits.flag();
    const passSide = (): number =>
      isSmall ? bits.number(16, 32, [5, 1], [9, 33]) : bits.number([6, 1], [8, 65], [10, 321], [12, 1345]);
    passSide();
    if (bits.read(3) === 0) passSide();
  }
  if (bits.flag()) {
    bits.number(100, 1000, [10, 1], [30, 1]);
    bits.number(1, 1001, [8, 1], [10, 1]);
    bits.number(0, [3, 0], [16, 0], [32, 0]);
    bits.flag();
  }
}

/** Bits of a sample. */
function depthOf(bits: Bits): number {
  if (!bits.flag()) return bits.number(8, 10, 12, [6, 1]);
  const depth = bits.number(32, 16, 24, [6, 1]);
  bits.read(4);
  return depth;
}

interface ExtraChannel {
  readonly kind: number;
  readonly multipliedAtBit: number | undefined;
}

function channelIn(bits: Bits): ExtraChannel {
  if (bits.flag()) return { kind: ALPHA, multipliedAtBit: undefined };
  const kind = bits.choice();
  depthOf(bits);
  bits.number(0, 3, 4, [3, 1]);
  const nameBytes = bits.number(0, [4, 0], [5, 16], [10, 48]);
  for (let byte = 0; byte < nameBytes; byte++) bits.read(8);
  const multipliedAtBit = kind === ALPHA && bits.flag() ? bits.at - 1 : undefined;
  if (kind === SPOT_COLOUR) for (let float = 0; float < 4; float++) bits.read(16);
  if (kind === COLOUR_FILTER) bits.number(1, [2, 0], [4, 3], [8, 19]);
  return { kind, multipliedAtBit };
}

/** `undefined` for colours that are no brighter than white, and for those of a profile. */
function dynamicOf(bits: Bits, mayTellLight: boolean): JxlDynamic | undefined {
  if (bits.flag()) return undefined;
  const hasProfile = bits.flag();
  const space = bits.choice();
  if (hasProfile || space === XYB) return undefined;
  if (bits.choice() === CUSTOM) passChromaticity(bits);
  if (space !== GREY && bits.choice() === CUSTOM) for (let colour = 0; colour < 3; colour++) passChromaticity(bits);
  // A power.
  if (bits.flag()) return undefined;
  const transfer = bits.choice();
  const curveAtBit = bits.at - 4;
  if (transfer !== PQ && transfer !== HLG) return undefined;
  bits.choice();
  const lightAtBit = mayTellLight && !bits.flag() ? bits.at : undefined;
  return { curve: transfer === PQ ? 'pq' : 'hlg', curveAtBit, lightAtBit };
}

function passChromaticity(bits: Bits): void {
  for (let axis = 0; axis < 2; axis++) bits.number([19, 0], [19, 0], [20, 0], [21, 0]);
}

/** `stream` with `value` in `count` bits from `at` on; the stream itself stays as it is. */
export function withBits(stream: Buffer, at: number, count: number, value: number): Buffer {
  const changed = Buffer.from(stream);
  for (let index = 0; index < count; index++) {
    const [byte, bit] = [(at + index) >> 3, (at + index) & 7];
    changed[byte] = ((changed[byte] ?? 0) & ~(1 << bit)) | (((value >> index) & 1) << bit);
  }
  return changed;
}
