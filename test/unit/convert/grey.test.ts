// Which pictures have no colours, told from every one of their pixels.
import { describe, expect, test } from 'vitest';
import { greyPixels } from '../../../src/convert/grey.js';
import { randomNumbers } from '../../support/images.js';

/** Runs of one grey and single ones, `offset` bytes into their memory. */
function greys(count: number, offset: number): { readonly grey: Buffer; readonly rgb: Buffer } {
  const random = randomNumbers(count * 8 + offset);
  const grey = Buffer.alloc(count);
  for (let pixel = 0; pixel < count; pixel++)
    grey[pixel] = pixel > 0 && random() < 0.8 ? (grey[pixel - 1] ?? 0) : Math.floor(random() * 256);
  const rgb = Buffer.alloc(offset + count * 3).subarray(offset);
  for (let pixel = 0; pixel < count; pixel++) rgb.fill(grey[pixel] ?? 0, pixel * 3, pixel * 3 + 3);
  return { grey, rgb };
}

describe.each([0, 1, 2, 3])('%i bytes into their memory', (offset) => {
  test.each([0, 1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 1000])('%i grey pixels are that grey', (count) => {
    const { grey, rgb } = greys(count, offset);
    expect(greyPixels(rgb, count)).toEqual(grey);
  });

  test('one sample that differs by one, wherever it is, is a colour', () => {
    for (let at = 0; at < 21 * 3; at++) {
      const { rgb } = greys(21, offset);
      rgb[at] = (rgb[at] ?? 0) ^ 1;
      expect(greyPixels(rgb, 21), `sample ${at}`).toBeUndefined();
    }
  });
});
