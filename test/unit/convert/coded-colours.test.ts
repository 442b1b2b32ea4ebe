// Code points in the headers of AV1 and HEVC themselves, bit by bit as the standards write them; and what is no header.
import { describe, expect, test } from 'vitest';
import { av1Colours } from '../../../src/convert/sources/av1-colours.js';
import { hevcColours } from '../../../src/convert/sources/hevc-colours.js';
import { randomNumbers } from '../../support/images.js';

/** Of words `value:bits`, `value` alone for one bit, and `eN` for N in Exp-Golomb; what is left of the last byte is zero. */
function bytesOf(words: string): Buffer {
  const text = words
    .trim()
    .split(/\s+/)
    .map((word) => {
      const [value = 0, bits = 1] = word.startsWith('e') ? golomb(Number(word.slice(1))) : word.split(':').map(Number);
      return value.toString(2).padStart(bits, '0');
    })
    .join('');
  return Buffer.from((text.match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2)));
}

function golomb(value: number): [number, number] {
  return [value + 1, 2 * Math.floor(Math.log2(value + 1)) + 1];
}

const P3 = { primaries: 12, transfer: 13, hasFullRange: true, isGrey: false };
const NOTHING = { primaries: 2, transfer: 2, hasFullRange: false, isGrey: false };

function noise(seed: number): Buffer[] {
  const next = randomNumbers(seed);
  return Array.from({ length: 500 }, () => Buffer.from(Array.from({ length: 90 }, () => Math.floor(next() * 256))));
}

describe('AV1', () => {
  const SIZE = '6:4 5:4 95:7 63:6';
  const STILL = `0:3 1 1 5:5 ${SIZE} 0:3 0:3`;
  const COLOURS = '1 12:8 13:8 1:8';
  function inBox(header: string, before = Buffer.alloc(0)): Buffer {
    const body = bytesOf(header);
    return Buffer.concat([Buffer.from([0x81, 0, 0, 0]), before, Buffer.from([0x0a, body.length]), body]);
  }

  test('of a still', () => {
    expect(av1Colours(inBox(`${STILL} 0 0 ${COLOURS} 1`))).toEqual(P3);
    expect(av1Colours(inBox(`${STILL} 0 0 ${COLOURS} 0`))).toEqual({ ...P3, hasFullRange: false });
    expect(av1Colours(inBox(`${STILL} 0 1 0 0`))).toEqual({ ...NOTHING, isGrey: true });
    // sRGB by a matrix that is none: there is no bit for a range.
    expect(av1Colours(inBox(`${STILL} 0 0 1 1:8 13:8 0:8`))).toEqual({ ...P3, primaries: 1 });
    // Behind a delimiter, which has nothing in it.
    expect(av1Colours(inBox(`${STILL} 0 0 ${COLOURS} 1`, Buffer.from([0x12, 0])))).toEqual(P3);
  });

  test('of 12 bits, and of a profile that has no grey', () => {
    expect(av1Colours(inBox(`${STILL.replace('0:3', '2:3')} 1 1 0 ${COLOURS} 1`))).toEqual(P3);
    expect(av1Colours(inBox(`${STILL.replace('0:3', '1:3')} 1 ${COLOURS} 1`))).toEqual(P3);
  });

  test('of a sequence with all that it may tell', () => {
    const timing = '1 1:32 25:32 1 e4 1 9:5 1:32 3:5 3:5';
    const points = '1 1:5 0:12 9:5 1 1 7:10 7:10 0 1 3:4 0:12 4:5 0 0';
    const tools = '1 2:4 1:3 0:3 0:4 1 3:2 0 1 0 1 6:3 7:3';
    expect(av1Colours(inBox(`0:3 0 0 ${timing} ${points} ${SIZE} ${tools} 1 0 ${COLOURS} 1`))).toEqual(P3);
  });

  test('what is cut or noise tells nothing', () => {
    const whole = inBox(`${STILL} 0 0 ${COLOURS} 1`);
    for (let length = 0; length < whole.length - 1; length++)
      expect(av1Colours(whole.subarray(0, length))).toBeUndefined();
    for (const bytes of noise(7)) av1Colours(bytes);
  });
});

describe('HEVC', () => {
  const LEVELS = '0:4 1:3 1 0:48 0:48 1 1 0:14 0:48 0:48';
  const SCALING = '0 e0 '.repeat(20);
  /** Sets of pictures: one by itself, one told from it. */
  const SETS = 'e2 e1 e1 e0 1 e0 1 1 0 e0 1 0 0 1';
  const upToUsability = (chroma: string): string =>
    `${LEVELS} e0 ${chroma} e96 e64 1 e0 e1 e0 e2 e2 e2 e4 1 e1 e0 e0 e1 e0 e0 e0 e1 e0 e2 e1 e1
     1 1 ${SCALING} 0:2 1 0:8 e0 e0 0 ${SETS} 1 e1 5:8 1 0:2`;
  const SIGNAL = '1 1 255:8 1:16 1:16 1 0 1 5:3 1 1 12:8 13:8 1:8';
  /** Bytes that would look like a start code are kept apart. */
  function inBox(sps: string): Buffer {
    const escaped: number[] = [];
    for (const byte of bytesOf(sps)) {
      if (byte <= 3 && escaped.length > 1 && escaped.slice(-2).every((before) => before === 0)) escaped.push(3);
      escaped.push(byte);
    }
    const unit = Buffer.from([0x42, 1, ...escaped]);
    const before = Buffer.from([0xa0, 0, 1, 0, 2, 0x40, 1]);
    return Buffer.concat([Buffer.alloc(22), Buffer.from([2]), before, Buffer.from([0xa1, 0, 1, 0, unit.length]), unit]);
  }

  test('behind all that may stand before', () => {
    expect(hevcColours(inBox(`${upToUsability('e3 0')} ${SIGNAL}`))).toEqual(P3);
    expect(hevcColours(inBox(`${upToUsability('e1')} ${SIGNAL}`))).toEqual(P3);
    expect(hevcColours(inBox(`${upToUsability('e1')} 0`))).toEqual(NOTHING);
    expect(hevcColours(inBox(`${upToUsability('e0')} 1 0 0 1 5:3 1 0`))).toEqual({
      ...NOTHING,
      hasFullRange: true,
      isGrey: true,
    });
  });

  test('what is cut or noise tells nothing', () => {
    const whole = inBox(`${upToUsability('e1')} ${SIGNAL}`);
    for (let length = 0; length < whole.length - 2; length++)
      expect(hevcColours(whole.subarray(0, length))).toBeUndefined();
    for (const bytes of noise(8)) hevcColours(Buffer.concat([whole.subarray(0, 32), bytes]));
  });
});
