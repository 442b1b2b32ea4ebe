// What AV1 tells of its colours itself (AV1 Bitstream Specification, 5.5): a file whose boxes say nothing may say it there.
import { type CodedColours, HeaderBits, NOT_TOLD } from './header-bits.js';

const SEQUENCE_HEADER = 1;
const PROFESSIONAL = 2;
/** Its own bytes, before the headers. */
const CONFIGURATION_BYTES = 4;

/** Code points, and a matrix, that mean RGB itself, which has no other range. */
const RGB = '1 13 0';

/** By the sequence header in `av1C`; `undefined` where that is not there. */
export function av1Colours(av1C: Buffer): CodedColours | undefined {
  const header = sequenceHeader(av1C.subarray(CONFIGURATION_BYTES));
  if (header === undefined) return undefined;
  const bits = new HeaderBits(header);
  const profile = bits.read(3);
  bits.skip(1);
  const isReduced = bits.flag();
  if (isReduced) bits.skip(5);
  else skipOperation(bits);
  const [widthBits, heightBits] = [bits.read(4) + 1, bits.read(4) + 1];
  bits.skip(widthBits + heightBits);
  if (!isReduced && bits.flag()) bits.skip(7);
  bits.skip(3);
  if (!isReduced) skipTools(bits);
  bits.skip(3);
  const isDeep = bits.flag();
  if (profile === PROFESSIONAL && isDeep) bits.skip(1);
  const isGrey = profile !== 1 && bits.flag();
  const [primaries, transfer, matrix] = bits.flag()
    ? ([bits.read(8), bits.read(8), bits.read(8)] as const)
    : ([NOT_TOLD, NOT_TOLD, NOT_TOLD] as const);
  const hasFullRange = `${primaries} ${transfer} ${matrix}` === RGB || bits.flag();
  return bits.isWhole() ? { primaries, transfer, hasFullRange, isGrey } : undefined;
}

/** The body of the first sequence header among units that tell their length. */
function sequenceHeader(units: Buffer): Buffer | undefined {
  for (let at = 0; at < units.length; ) {
    const head = units[at] ?? 0;
    at += head & 4 ? 2 : 1;
    let length = 0;
    if ((head & 2) === 0) length = units.length - at;
    else
      for (let shift = 0; shift < 28; shift += 7) {
        const byte = units[at++] ?? 0;
        length += (byte & 127) << shift;
        if (byte < 128) break;
      }
    if (((head >> 3) & 15) === SEQUENCE_HEADER) return units.subarray(at, at + length);
    at += length;
  }
  return undefined;
}

function skipOperation(bits: HeaderBits): void {
  let delayBits = 0;
  if (bits.flag()) {
    bits.skip(64);
    if (bits.flag()) bits.golomb();
    if (bits.flag()) {
      delayBits = bits.read(5) + 1;
      bits.skip(42);
    }
  }
  const hasDelay = bits.flag();
  const points = bits.read(5) + 1;
  for (let point = 0; point < points; point++) {
    bits.skip(12);
    const HIGHEST_WITHOUT_TIER = 7;
    if (bits.read(5) > HIGHEST_WITHOUT_TIER) bits.skip(1);
    if (delayBits > 0 && bits.flag()) bits.skip(2 * delayBits + 1);
    if (hasDelay && bits.flag()) bits.skip(4);
  }
}

/** Of sequences of pictures alone. */
function skipTools(bits: HeaderBits): void {
  bits.skip(4);
  const hasOrder = bits.flag();
  if (hasOrder) bits.skip(2);
  // Screen content, and vectors of whole pixels for it: 1 leaves it to each frame.
  const hasScreenContent = bits.flag() || bits.flag();
  if (hasScreenContent && !bits.flag()) bits.skip(1);
  if (hasOrder) bits.skip(3);
}
