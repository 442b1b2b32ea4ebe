// The checksum of the catalog's rows: every flipped bit is told, and long rows and short ones are summed alike.
import { expect, it } from 'vitest';
import { checkSeal, crc32, DamagedRow, SEAL_BYTES, sealed } from '../../../src/stores/embedded/row-seal.js';

const row = (length: number): Buffer => {
  const bytes = Buffer.alloc(length + SEAL_BYTES);
  for (let at = 0; at < length; at++) bytes[at] = (at * 37) & 0xff;
  return sealed(bytes);
};

it('is the CRC-32 that everybody has, over long rows too', () => {
  // The check value of ISO 3309.
  expect(crc32(Buffer.from('123456789'), 9)).toBe(0xcbf43926);
  const long = Buffer.from('123456789'.repeat(100));
  const byPieces = [...long].reduce((crc, byte) => {
    let next = crc ^ byte;
    for (let bit = 0; bit < 8; bit++) next = next & 1 ? (next >>> 1) ^ 0xedb88320 : next >>> 1;
    return next;
  }, 0xffffffff);
  expect(crc32(long, long.length)).toBe(~byPieces >>> 0);
});

it.each([0, 17, 53, 200])('tells every flipped bit of a row of %d bytes, in its checksum too', (length) => {
  const whole = row(length);
  expect(() => checkSeal(whole)).not.toThrow();
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const damaged = Buffer.from(whole);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(() => checkSeal(damaged)).toThrow(DamagedRow);
  }
});

it('tells a row that is cut', () => {
  for (const length of [0, 3, 20]) expect(() => checkSeal(row(53).subarray(0, length))).toThrow(DamagedRow);
});
