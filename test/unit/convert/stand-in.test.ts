// Pixels of decoders as a file: rows that are filled up, and samples that are not what the size says.
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { tiffOfPixels } from '../../../src/convert/stand-in.js';

const [WIDTH, HEIGHT, CHANNELS, STRIDE] = [5, 4, 3, 19] as const;
const size = { widthPx: WIDTH, heightPx: HEIGHT, channels: CHANNELS };
const filled = (of: Uint8Array | Uint16Array) =>
  of.map((_, at) => (at % STRIDE < WIDTH * CHANNELS ? (at * 7) % 251 : 255));
const without = (of: Uint8Array | Uint16Array) => of.filter((_, at) => at % STRIDE < WIDTH * CHANNELS);

test.each([
  ['8 bits', filled(new Uint8Array(STRIDE * HEIGHT))],
  ['16 bits', filled(new Uint16Array(STRIDE * HEIGHT))],
  ['8 bits, whose last row is not filled up', filled(new Uint8Array(STRIDE * HEIGHT - 4))],
])('rows that are filled up are stored without that: %s', async (_what, samples) => {
  const file = tiffOfPixels({ ...size, samples, stride: STRIDE });
  expect(file.equals(tiffOfPixels({ ...size, samples: without(samples) }))).toBe(true);
  const { data } = await sharp(file).raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  if (samples instanceof Uint8Array) expect([...data]).toEqual([...without(samples)]);
});

test.each([
  ['fewer samples', new Uint8Array(WIDTH * HEIGHT * CHANNELS - 1), undefined],
  ['more samples', new Uint8Array(WIDTH * HEIGHT * CHANNELS + 1), undefined],
  ['fewer in rows that are filled up', new Uint8Array(STRIDE * HEIGHT - 5), STRIDE],
  ['more in rows that are filled up', new Uint8Array(STRIDE * HEIGHT + 1), STRIDE],
  ['rows that are shorter than the picture', new Uint8Array(STRIDE * HEIGHT), WIDTH * CHANNELS - 1],
])('a decoder that hands over what the size does not say has failed: %s', (_what, samples, stride) => {
  expect(() => tiffOfPixels({ ...size, samples, ...(stride && { stride }) })).toThrow(RangeError);
});
