// Pixels of tiles stay from one region to the next, as many as there is room for, and no longer than is said.
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DecodedTiles, type TilePixels } from '../../../src/convert/zoom/decoded-tiles.js';
import { KEPT_PIXEL_BYTES } from '../../../src/convert/zoom/region-job.js';
import { type Digest, digestOf } from '../../../src/kernel/digest.js';

const colours = ['#100', '#200', '#300', '#400', '#500', '#600', '#700', '#800', '#900', '#a00'];
const encoded = (background: string, width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background } })
    .png()
    .toBuffer();

interface Tile {
  readonly digest: Digest;
  readonly bytes: Buffer;
}
const tileOf = (bytes: Buffer): Tile => ({ bytes, digest: digestOf(bytes) });
const tiles = await Promise.all(colours.map(async (colour) => tileOf(await encoded(colour, 8, 4))));

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
async function given(asked: readonly Tile[]): Promise<readonly (TilePixels | undefined)[]> {
  const found = new Map<Tile, TilePixels>();
  await decoded.each(
    asked,
    ({ bytes }) => bytes,
    (pixels, tile) => found.set(tile, pixels),
  );
  return asked.map((tile) => found.get(tile));
}

const some = (...numbers: readonly number[]): readonly Tile[] => numbers.flatMap((number) => tiles[number] ?? []);

it('every tile is given with its own pixels, also where they are more than are decoded at once', async () => {
  const all = await given(tiles);
  expect(all.map((pixels) => pixels?.data[0])).toEqual(
    colours.map((colour) => Number.parseInt(`${colour[1]}${colour[1]}`, 16)),
  );
  expect(all[0]).toMatchObject({ widthPx: 8, heightPx: 4, channels: 3 });
});

it('a tile of any region before is not decoded again, and its bytes are not asked for', async () => {
  const first = await given(some(0, 1));
  await given(some(1, 2));
  const bytesOf = vi.fn(({ bytes }: Tile) => bytes);
  const third: TilePixels[] = [];
  await decoded.each(some(0, 1, 3), bytesOf, (pixels) => third.push(pixels));
  expect(third.slice(0, 2)).toEqual(first);
  expect(third[0]).toBe(first[0]);
  expect(bytesOf.mock.calls).toEqual(some(3).map((tile) => [tile]));
});

it('none stays when it is told to forget, or after a while in which nothing is asked for', async () => {
  const first = await given(some(0));
  vi.advanceTimersByTime(2_999);
  expect((await given(some(0)))[0]).toBe(first[0]);
  vi.advanceTimersByTime(3_000);
  expect(decoded.digests).toEqual([]);
  const again = await given(some(0));
  expect(again[0]).not.toBe(first[0]);
  decoded.forget();
  expect(decoded.digests).toEqual([]);
  expect((await given(some(0)))[0]).not.toBe(again[0]);
});

describe('where there are more than there is room for', () => {
  /** Three of which there is room for two. */
  const width = 2_048;
  const height = Math.floor(KEPT_PIXEL_BYTES / 2.5 / 3 / width);

  it('those used longest ago go first', async () => {
    const [a, b, c] = await Promise.all(
      ['#100', '#020', '#003'].map(async (of) => tileOf(await encoded(of, width, height))),
    );
    if (!a || !b || !c) throw new Error('expected three tiles');
    await given([a, b]);
    await given([a]);
    await given([c]);
    expect(decoded.digests).toEqual([a.digest, c.digest]);
  });

  it('a region of more than that is drawn', async () => {
    const many = await Promise.all(
      ['#100', '#020', '#003'].map(async (of) => tileOf(await encoded(of, width, height))),
    );
    expect((await given(many)).map((pixels) => pixels?.heightPx)).toEqual([height, height, height]);
    expect(decoded.digests).toHaveLength(2);
  });

  it('no more stay than a child may tell of, however small they are', async () => {
    const [bytes] = some(0);
    if (!bytes) throw new Error('expected a tile');
    const named = Array.from({ length: 300 }, (_, index) => ({ ...bytes, digest: digestOf(Buffer.from(`${index}`)) }));
    await given(named);
    expect(decoded.digests).toHaveLength(256);
  });
});

it('what is no picture fails, and the next region is drawn', async () => {
  await expect(given([tileOf(Buffer.from('nothing'))])).rejects.toThrow();
  expect((await given(some(3)))[0]?.data[0]).toBe(0x44);
});
