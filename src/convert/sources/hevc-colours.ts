// What HEVC tells of its colours itself (ITU-T H.265, 7.3.2.2 and E.2.1): a file whose boxes say nothing may say it there.
import { type CodedColours, HeaderBits, NOT_TOLD } from './header-bits.js';

const SPS = 33;
/** Of profile, tier and flags, which stand before a level. */
const [PROFILE_BITS, LEVEL_BITS] = [88, 8] as const;
/** What a stream may have at most; more is no header. */
const [MOST_PICTURE_SETS, MOST_PICTURES, MOST_LONG_TERM] = [64, 16, 32] as const;
const OWN_ASPECT = 255;
/** Kinds of chroma. */
const [GREY, EVERY_PIXEL] = [0, 3] as const;

/** By the first parameter set in `hvcC` (ISO/IEC 14496-15, 8.3.3.1); `undefined` where there is none that can be read. */
export function hevcColours(hvcC: Buffer): CodedColours | undefined {
  const sps = parameterSet(hvcC);
  if (sps === undefined) return undefined;
  const bits = new HeaderBits(sps);
  const chroma = chromaBeforeUsability(bits);
  if (chroma === undefined) return undefined;
  const told = signalIn(bits);
  return bits.isWhole() ? { ...told, isGrey: chroma === GREY } : undefined;
}

/** From the usability information (E.2.1), where it is there. */
function signalIn(bits: HeaderBits): Omit<CodedColours, 'isGrey'> {
  const nothing = { primaries: NOT_TOLD, transfer: NOT_TOLD, hasFullRange: false };
  if (!bits.flag()) return nothing;
  if (bits.flag() && bits.read(8) === OWN_ASPECT) bits.skip(32);
  if (bits.flag()) bits.skip(1);
  if (!bits.flag()) return nothing;
  bits.skip(3);
  const hasFullRange = bits.flag();
  if (!bits.flag()) return { ...nothing, hasFullRange };
  return { primaries: bits.read(8), transfer: bits.read(8), hasFullRange };
}

/** Without its own header, and without the bytes that keep it from looking like a start code. */
function parameterSet(hvcC: Buffer): Uint8Array | undefined {
  const arrays = hvcC[22] ?? 0;
  for (let array = 0, at = 23; array < arrays && at + 3 <= hvcC.length; array++) {
    const type = (hvcC[at] ?? 0) & 0x3f;
    const units = hvcC.readUInt16BE(at + 1);
    at += 3;
    for (let unit = 0; unit < units && at + 2 <= hvcC.length; unit++) {
      const length = hvcC.readUInt16BE(at);
      if (type === SPS) return unescaped(hvcC.subarray(at + 4, at + 2 + length));
      at += 2 + length;
    }
  }
  return undefined;
}

function unescaped(bytes: Buffer): Uint8Array {
  return bytes.filter((byte, at) => byte !== 3 || at < 2 || bytes[at - 1] !== 0 || bytes[at - 2] !== 0);
}

/** Reads up to the flag that tells whether there is usability information; `undefined` where the header makes no sense. */
function chromaBeforeUsability(bits: HeaderBits): number | undefined {
  bits.skip(4);
  const subLayers = bits.read(3);
  bits.skip(1);
  skipLevels(bits, subLayers);
  bits.golomb();
  const chroma = bits.golomb();
  if (chroma === EVERY_PIXEL) bits.skip(1);
  skipNumbers(bits, 2);
  if (bits.flag()) skipNumbers(bits, 4);
  skipNumbers(bits, 2);
  const countBits = bits.golomb() + 4;
  skipNumbers(bits, 3 * (bits.flag() ? subLayers + 1 : 1));
  skipNumbers(bits, 6);
  if (bits.flag() && bits.flag()) skipScaling(bits);
  bits.skip(2);
  if (bits.flag()) {
    bits.skip(8);
    skipNumbers(bits, 2);
    bits.skip(1);
  }
  if (!skipPictureSets(bits)) return undefined;
  if (bits.flag()) {
    const pictures = bits.golomb();
    if (pictures > MOST_LONG_TERM) return undefined;
    bits.skip(pictures * (countBits + 1));
  }
  bits.skip(2);
  return bits.isWhole() ? chroma : undefined;
}

function skipNumbers(bits: HeaderBits, count: number): void {
  for (let index = 0; index < count; index++) bits.golomb();
}

function skipLevels(bits: HeaderBits, subLayers: number): void {
  bits.skip(PROFILE_BITS + LEVEL_BITS);
  if (subLayers === 0) return;
  const told = Array.from({ length: 8 }, () => [bits.flag(), bits.flag()] as const);
  for (const [hasProfile, hasLevel] of told.slice(0, subLayers))
    bits.skip((hasProfile ? PROFILE_BITS : 0) + (hasLevel ? LEVEL_BITS : 0));
}

function skipScaling(bits: HeaderBits): void {
  for (let size = 0; size < 4; size++)
    for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1)
      skipNumbers(bits, bits.flag() ? Math.min(64, 1 << (4 + size * 2)) + (size > 1 ? 1 : 0) : 1);
}

/** Sets of pictures that others are told from: a still has none, a still of a video may. */
function skipPictureSets(bits: HeaderBits): boolean {
  const sets = bits.golomb();
  if (sets > MOST_PICTURE_SETS) return false;
  let pictures = 0;
  for (let set = 0; set < sets; set++) {
    if (set > 0 && bits.flag()) {
      bits.skip(1);
      bits.golomb();
      const before = pictures;
      pictures = 0;
      for (let picture = 0; picture <= before; picture++) if (bits.flag() || bits.flag()) pictures++;
    } else {
      pictures = bits.golomb() + bits.golomb();
      if (pictures > MOST_PICTURES) return false;
      for (let picture = 0; picture < pictures; picture++) {
        bits.golomb();
        bits.skip(1);
      }
    }
  }
  return true;
}
