// Whether coded data are whole: a scan for each component with tables of its own, and restart intervals, block by block by hand.
import { describe, expect, test } from 'vitest';
import { mendedJpeg } from '../../../src/convert/sources/jpeg.js';
import { jpegSegment } from '../../support/hostile/jpeg.js';

const SAID = 'VipsJpeg: premature end of JPEG image';
const END = Buffer.from([0xff, 0xd9]);

/** DC and AC tables of one code each: "nothing", in `bits` zeros. */
function tables(bits: number): Buffer {
  const counts = Array.from({ length: 16 }, (_, index) => (index + 1 === bits ? 1 : 0));
  return jpegSegment(0xc4, Buffer.from([0x00, ...counts, 0, 0x10, ...counts, 0]));
}

function frame(widthPx: number, heightPx: number, components: number): Buffer {
  const each = Array.from({ length: components }, (_, index) => [index + 1, 0x11, 0]);
  return jpegSegment(
    0xc0,
    Buffer.from([8, heightPx >> 8, heightPx, widthPx >> 8, widthPx, components, ...each.flat()]),
  );
}

const scan = (component: number): Buffer => jpegSegment(0xda, Buffer.from([1, component, 0, 0, 63, 0]));
const jpeg = (...parts: readonly Buffer[]): Buffer => Buffer.concat([Buffer.from([0xff, 0xd8]), ...parts]);
const isWhole = (bytes: Buffer): boolean => mendedJpeg(bytes, SAID)?.equals(Buffer.concat([bytes, END])) ?? false;

describe('without an end marker', () => {
  // A block is one DC code and one AC code, and what is left of a byte is ones.
  const [SHORT_CODES, LONG_CODES] = [Buffer.from([0b0011_1111]), Buffer.from([0b0000_1111])];

  test('each scan is read by the tables that stood before it', () => {
    const first = [frame(8, 8, 2), tables(1), scan(1), SHORT_CODES];
    expect(isWhole(jpeg(...first, tables(2), scan(2), LONG_CODES))).toBe(true);
    expect(isWhole(jpeg(...first, tables(2), scan(2)))).toBe(false);
    expect(isWhole(jpeg(...first))).toBe(false);
    // Codes of eight zeros are not there.
    expect(isWhole(jpeg(...first, tables(8), scan(2), LONG_CODES))).toBe(false);
  });

  test('restart intervals are counted', () => {
    const restarting = jpegSegment(0xdd, Buffer.from([0, 1]));
    const head = [frame(24, 8, 1), tables(1), restarting, scan(1)];
    const restart = (number: number): Buffer => Buffer.from([0xff, 0xd0 + number]);
    const whole = [SHORT_CODES, restart(0), SHORT_CODES, restart(1), SHORT_CODES];
    expect(isWhole(jpeg(...head, ...whole))).toBe(true);
    expect(isWhole(jpeg(...head, ...whole.slice(0, -1)))).toBe(false);
    expect(isWhole(jpeg(...head, ...whole.slice(0, -2)))).toBe(false);
    expect(isWhole(jpeg(...head, SHORT_CODES, SHORT_CODES, SHORT_CODES))).toBe(false);
  });

  test('every block of every row is asked for', () => {
    const blocks = (count: number): Buffer => Buffer.alloc(count / 4);
    // 64x32 pixels are 32 blocks of two bits.
    expect(isWhole(jpeg(frame(64, 32, 1), tables(1), scan(1), blocks(32)))).toBe(true);
    expect(isWhole(jpeg(frame(64, 32, 1), tables(1), scan(1), blocks(28)))).toBe(false);
    expect(isWhole(jpeg(frame(64, 33, 1), tables(1), scan(1), blocks(32)))).toBe(false);
  });
});
