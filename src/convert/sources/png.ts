// What is taken out of a PNG before it is decoded: texts. Nothing of them gets into a preview, and each may inflate to a
// thousand times its length. And what its chunks say of its colours, which the decoder does not read.
import { inflateSync } from 'node:zlib';
import type { Metadata } from 'sharp';
import { cicpColours } from '../colour/cicp.js';
import { isIdentity, type Primaries, toSrgbFrom } from '../colour/primaries.js';
import { type Colours, type Reading, readingOf } from '../colour/reading.js';
import { gammaToLight } from '../colour/transfer.js';
import { MAX_PACKET_BYTES } from '../source-facts.js';

const SIGNATURE_BYTES = 8;
/** Length, type and checksum around a chunk's data. */
const CHUNK_FRAME_BYTES = 12;
const TEXTS: readonly string[] = ['tEXt', 'zTXt', 'iTXt'];

/** `bytes` without its text chunks; `bytes` itself when it has none. Damage is left for the decoder to find. */
export function withoutTexts(bytes: Buffer): Buffer {
  const kept: Buffer[] = [];
  let from = 0;
  let at = SIGNATURE_BYTES;
  while (at + CHUNK_FRAME_BYTES <= bytes.length) {
    const end = at + CHUNK_FRAME_BYTES + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    if (TEXTS.includes(bytes.toString('latin1', at + 4, at + 8))) {
      if (at > from) kept.push(bytes.subarray(from, at));
      from = end;
    }
    at = end;
  }
  return from === 0 ? bytes : Buffer.concat([...kept, bytes.subarray(from)]);
}

const XMP_KEYWORD = 'XML:com.adobe.xmp\0';

/** The XMP of a text chunk (XMP specification, part 3, 1.1.5; some programs compress it): texts are taken out before decoding. */
export function xmpOfPng(bytes: Buffer): Buffer | undefined {
  for (let at = SIGNATURE_BYTES; at + CHUNK_FRAME_BYTES <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const body = bytes.subarray(at + 8, at + 8 + length);
    const name = bytes.toString('latin1', at + 4, at + 8);
    if (TEXTS.includes(name) && body.toString('latin1', 0, XMP_KEYWORD.length) === XMP_KEYWORD)
      return textOf(name, body.subarray(XMP_KEYWORD.length));
    at += CHUNK_FRAME_BYTES + length;
  }
  return undefined;
}

/** What stands behind the keyword: in an iTXt whether it is compressed and how, a language, and the keyword in that. */
function textOf(name: string, body: Buffer): Buffer | undefined {
  if (name === 'tEXt') return body;
  const language = name === 'iTXt' ? body.indexOf(0, 2) : 0;
  const from = name === 'iTXt' ? body.indexOf(0, language + 1) + 1 : 1;
  if (language < 0 || from < 1) return undefined;
  if (name === 'iTXt' && body[0] === 0) return body.subarray(from);
  try {
    return inflateSync(body.subarray(from), { maxOutputLength: MAX_PACKET_BYTES });
  } catch {
    return undefined;
  }
}

/** What is no PNG by the standard though it says so; `undefined` for all others. */
export function pngKind(bytes: Buffer): string | undefined {
  const first = bytes.toString('latin1', SIGNATURE_BYTES + 4, SIGNATURE_BYTES + 8);
  return first === 'CgBI' ? 'PNG for iOS (CgBI)' : undefined;
}

/**
 * The colours that chunks of `bytes` tell (W3C PNG, third edition, section 13.13): code points before a profile, that before sRGB,
 * and that before gamma and primaries. `undefined` where the decoder is right.
 */
export function pngReading(bytes: Buffer, header: Metadata): Reading | undefined {
  const chunks = colourChunks(bytes);
  const cicp = chunks.get('cICP');
  const colours =
    cicp && cicp.length >= 4
      ? cicpColours({
          primaries: cicp[0] ?? 2,
          transfer: cicp[1] ?? 2,
          narrowRange: cicp[3] === 0,
          asTelevision: true, // As browsers do with PNG.
        })
      : undefined;
  const depth = header.depth === 'ushort' ? 'ushort' : 'uchar';
  if (colours) return readingOf(depth, colours, true);
  if (header.icc || chunks.has('sRGB')) return undefined;
  const stated = statedColours(chunks);
  return stated && readingOf(depth, stated, true);
}

/** Gammas within a hundredth of the one that stands for sRGB, in 100,000ths. */
const SRGB_GAMMA = 45_455;
const NEAR_GAMMA = 500;

/** Primaries say nothing without a gamma, as browsers have it; the gamma of sRGB stands for its curve unless they are others. */
function statedColours(chunks: ReadonlyMap<string, Buffer>): Colours | undefined {
  const [gama, chrm] = [chunks.get('gAMA'), chunks.get('cHRM')];
  const gamma = gama && gama.length >= 4 ? gama.readUInt32BE(0) : 0;
  if (gamma < 1000 || gamma > 1_000_000) return undefined;
  const primaries = chrm && chrm.length >= 32 ? primariesOf(chrm) : undefined;
  const matrix = primaries && toSrgbFrom(primaries);
  if (matrix && !isIdentity(matrix)) return { transfer: gammaToLight(100_000 / gamma), matrix };
  return Math.abs(gamma - SRGB_GAMMA) <= NEAR_GAMMA ? undefined : { transfer: gammaToLight(100_000 / gamma) };
}

/** White, red, green and blue; `undefined` for such as no device can have. */
function primariesOf(chrm: Buffer): Primaries | undefined {
  const at = (index: number): readonly [number, number] => [
    chrm.readUInt32BE(index * 8) / 100_000,
    chrm.readUInt32BE(index * 8 + 4) / 100_000,
  ];
  const primaries = { white: at(0), red: at(1), green: at(2), blue: at(3) };
  const isPossible = Object.values(primaries).every(([x, y]) => x >= 0 && y > 0 && x + y <= 1.001);
  return isPossible ? primaries : undefined;
}

const COLOUR_CHUNKS: readonly string[] = ['cICP', 'sRGB', 'gAMA', 'cHRM'];

/** Data of the chunks about colour, all of which stand before the pixels; of equal ones the first. */
function colourChunks(bytes: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  let at = SIGNATURE_BYTES;
  while (at + CHUNK_FRAME_BYTES <= bytes.length) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (type === 'IDAT' || at + CHUNK_FRAME_BYTES + length > bytes.length) break;
    if (COLOUR_CHUNKS.includes(type) && !found.has(type)) found.set(type, bytes.subarray(at + 8, at + 8 + length));
    at += CHUNK_FRAME_BYTES + length;
  }
  return found;
}
