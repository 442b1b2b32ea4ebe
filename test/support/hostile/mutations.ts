// How the fuzzer changes files: blindly, by bits and ranges, and knowing their structure, by chunks, segments and boxes
// whose lengths and checksums are put right again, so that the damage gets past the first check.
import { jpegPartsOf } from './jpeg.js';
import { PNG_SIGNATURE, pngChunk, pngChunksOf } from './png.js';
import { webpChunksOf, webpOf } from './riff-and-boxes.js';
import type { Seed } from './seeds.js';

/** Numbers in [0, 1). */
export type Random = () => number;

const upTo = (random: Random, limit: number): number => Math.floor(random() * limit);
export const pick = <T>(random: Random, from: readonly T[]): T => {
  const one = from[upTo(random, from.length)];
  if (one === undefined) throw new RangeError('expected something to pick from, got nothing');
  return one;
};

/** Values at which decoders' sums overflow or their loops end. */
const EDGES = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
];

type Mutation = (bytes: Buffer, random: Random, others: readonly Seed[]) => Buffer;

function flipBits(bytes: Buffer, random: Random): Buffer {
  const out = Buffer.from(bytes);
  for (let left = 1 + upTo(random, 16); left > 0; left--) {
    const at = upTo(random, out.length);
    out[at] = (out[at] ?? 0) ^ (1 << upTo(random, 8));
  }
  return out;
}

function setNumber(bytes: Buffer, random: Random): Buffer {
  const out = Buffer.from(bytes);
  const width = pick(random, [1, 2, 4]);
  if (out.length < width) return out;
  // Headers are at the front, and there numbers mean most.
  const at = Math.min(upTo(random, random() < 0.6 ? 200 : out.length), out.length - width);
  const value = pick(random, EDGES) % 2 ** (8 * width);
  if (random() < 0.5) out.writeUIntLE(value, at, width);
  else out.writeUIntBE(value, at, width);
  return out;
}

function truncate(bytes: Buffer, random: Random): Buffer {
  return bytes.subarray(0, upTo(random, bytes.length));
}

function moveRange(bytes: Buffer, random: Random): Buffer {
  const from = upTo(random, bytes.length);
  const range = bytes.subarray(from, from + 1 + upTo(random, 64));
  const at = upTo(random, bytes.length);
  const kept = pick(random, [bytes, Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + range.length)])]);
  return random() < 0.3 ? kept : Buffer.concat([kept.subarray(0, at), range, kept.subarray(at)]);
}

function splice(bytes: Buffer, random: Random, others: readonly Seed[]): Buffer {
  const other = pick(random, others).bytes;
  return Buffer.concat([bytes.subarray(0, upTo(random, bytes.length)), other.subarray(upTo(random, other.length))]);
}

const BLIND: readonly Mutation[] = [flipBits, flipBits, setNumber, setNumber, setNumber, truncate, moveRange, splice];

/** Drops, repeats, swaps or damages one of the parts. */
function shuffleParts(parts: readonly Buffer[], random: Random, damage: (part: Buffer) => Buffer): Buffer[] {
  const out = [...parts];
  const at = upTo(random, out.length);
  const part = out[at] ?? Buffer.alloc(0);
  switch (upTo(random, 5)) {
    case 0:
      out.splice(at, 1);
      break;
    case 1:
      out.splice(upTo(random, out.length), 0, ...Array.from({ length: 1 + upTo(random, 3) }, () => part));
      break;
    case 2:
      out.splice(at, 1);
      out.splice(upTo(random, out.length + 1), 0, part);
      break;
    default:
      out[at] = damage(part);
  }
  return out;
}

function blindly(bytes: Buffer, random: Random): Buffer {
  return bytes.length === 0 ? bytes : pick(random, [flipBits, setNumber, moveRange, truncate])(bytes, random);
}

function structured(seed: Seed, random: Random): Buffer {
  const { bytes, type } = seed;
  if (type === 'png') {
    const damaged = (chunk: Buffer) => pngChunk(chunk.toString('latin1', 4, 8), blindly(chunk.subarray(8, -4), random));
    return Buffer.concat([PNG_SIGNATURE, ...shuffleParts(pngChunksOf(bytes), random, damaged)]);
  }
  if (type === 'jpeg') {
    const damaged = (segment: Buffer) => {
      const data = blindly(segment.subarray(4), random);
      const head = Buffer.from(segment.subarray(0, 4));
      // The scan is the rest of the file: its length is that of its header.
      if (segment[1] !== 0xda) head.writeUInt16BE((data.length + 2) % 65_536, 2);
      return Buffer.concat([head, data]);
    };
    return Buffer.concat([bytes.subarray(0, 2), ...shuffleParts(jpegPartsOf(bytes), random, damaged)]);
  }
  if (type === 'webp') {
    const damaged = (chunk: Buffer) => {
      const out = Buffer.concat([chunk.subarray(0, 8), blindly(chunk.subarray(8), random)]);
      out.writeUInt32LE(out.length - 8, 4);
      return out;
    };
    return webpOf(...shuffleParts(webpChunksOf(bytes), random, damaged));
  }
  if (type === 'svg') return shuffledText(bytes, random);
  return ['avif', 'heic', 'jxl', 'jp2'].includes(type)
    ? withinBoxes(bytes, random)
    : setNumber(setNumber(bytes, random), random);
}

const SVG_PIECES = [
  '1e9',
  '-1',
  '0',
  'NaN',
  '<g>',
  '</g>',
  '<use href="#a"/>',
  'url(#a)',
  '&amp;',
  '%',
  '"',
  '<![CDATA[',
  '<!--',
  'width="99999"',
];

function shuffledText(bytes: Buffer, random: Random): Buffer {
  const tokens = bytes.toString('latin1').split(/(?=[<" ])/);
  const out = shuffleParts(
    tokens.map((token) => Buffer.from(token, 'latin1')),
    random,
    () => Buffer.from(pick(random, SVG_PIECES)),
  );
  return Buffer.concat(out);
}

/** A number inside a box that is found by its name. */
function withinBoxes(bytes: Buffer, random: Random): Buffer {
  const out = Buffer.from(bytes);
  const at = out.indexOf(
    pick(random, [
      'ispe',
      'iloc',
      'ipma',
      'pixi',
      'av1C',
      'iinf',
      'hdlr',
      'meta',
      'mdat',
      'colr',
      'iref',
      'hvcC',
      'irot',
      'jxlc',
      'jp2h',
      'ihdr',
      'jp2c',
    ]),
  );
  if (at < 0) return flipBits(out, random);
  const to = Math.min(at - 4 + upTo(random, 24), out.length - 4);
  out.writeUInt32BE(pick(random, EDGES), Math.max(0, to));
  return out;
}

/** One seed, changed one to three times. */
export function mutated(seeds: readonly Seed[], random: Random): { readonly seed: Seed; readonly bytes: Buffer } {
  const seed = pick(random, seeds);
  let bytes = random() < 0.5 ? structured(seed, random) : seed.bytes;
  for (let left = 1 + upTo(random, 3); left > 0; left--) {
    if (bytes.length > 0 && (bytes === seed.bytes || random() < 0.4)) bytes = pick(random, BLIND)(bytes, random, seeds);
  }
  return { seed, bytes };
}
