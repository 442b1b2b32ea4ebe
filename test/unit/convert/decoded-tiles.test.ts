// Pixels of tiles stay from one region to the next, and no longer.
import sharp from 'sharp';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DecodedTiles, type TilePixels } from '../../../src/convert/zoom/decoded-tiles.js';

const colours = ['#100', '#200', '#300', '#400', '#500', '#600', '#700', '#800', '#900', '#a00'];
const tiles = await Promise.all(
  colours.map((background) =>
    sharp({ create: { width: 8, height: 4, channels: 3, background } })
      .png()
      .toBuffer(),
  ),
);

let decoded: DecodedTiles;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  decoded = new DecodedTiles();
});
afterEach(() => {
  decoded.forget();
  vi.useRealTimers();
});

/** What was given of these tiles, in their order. */
async function given(numbers: readonly number[]): Promise<readonly (TilePixels | undefined)[]> {
  const found = new Map<number, TilePixels>();
  const bytesOf = (number: number): Buffer => Buffer.from(tiles[number] ?? '');
  await decoded.each(numbers, bytesOf, (pixels, number) => found.set(number, pixels));
  return numbers.map((number) => found.get(number));
}

it('every tile is given with its own pixels, also where they are more than are decoded at once', async () => {
  const all = await given([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(all.map((pixels) => pixels?.data[0])).toEqual(
    colours.map((colour) => Number.parseInt(`${colour[1]}${colour[1]}`, 16)),
  );
  expect(all[0]).toMatchObject({ widthPx: 8, heightPx: 4, channels: 3 });
});

it('a tile of the region before is not decoded again; one of the region before that is', async () => {
  const first = await given([0, 1]);
  const second = await given([1, 2]);
  expect(second[0]).toBe(first[1]);
  const third = await given([0, 1]);
  expect(third[0]).not.toBe(first[0]);
  expect(third[1]).toBe(first[1]);
});

it('none stays of a region of many tiles, when it is told to forget, or after a while', async () => {
  const many = await given([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const after = await given([0]);
  expect(after[0]).not.toBe(many[0]);
  decoded.forget();
  const forgotten = await given([0]);
  expect(forgotten[0]).not.toBe(after[0]);
  vi.advanceTimersByTime(1_000);
  expect((await given([0]))[0]).not.toBe(forgotten[0]);
});

it('what is no picture fails, and the next region is drawn', async () => {
  const bytesOf = (text: string): Buffer => Buffer.from(text);
  await expect(decoded.each(['nothing'], bytesOf, () => undefined)).rejects.toThrow();
  expect((await given([3]))[0]?.data[0]).toBe(0x44);
});
