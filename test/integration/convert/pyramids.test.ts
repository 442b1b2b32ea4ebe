// Pyramids and regions by real converter children: every tile of every level is there, has its size and shows its part of the
// picture; what cannot be made fails by name and leaves no file.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WorkTally } from '../../../src/convert/convert-source.js';
import { ReadBuffer } from '../../../src/convert/read-buffer.js';
import { tellPages } from '../../../src/convert/zoom/tell-pages.js';
import { digestOf } from '../../../src/kernel/digest.js';
import { parseContext } from '../../../src/kernel/image-key.js';
import type { LaidTile, MadePreview, PyramidTask, RegionTask } from '../../../src/kernel/ports/converter.js';
import type { Size } from '../../../src/kernel/sizes.js';
import { maxLevelOf, TILE_SIDE_PX, type TileType, tileRect, tilesOf } from '../../../src/kernel/zoom/pyramid.js';
import { indexSliceOf, PyramidIndex } from '../../../src/kernel/zoom/pyramid-index.js';
import { Converting } from '../../support/converting.js';
import { type Directory, imageDirectory, tiffOf } from '../../support/hostile/tiff.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start({ streams: true });
});
afterAll(() => converting.close());

/** Colours that tell where they are: red grows to the right, green downwards. */
function gradient({ widthPx, heightPx }: Size, channels: 3 | 4 = 3): Buffer {
  const pixels = Buffer.alloc(widthPx * heightPx * channels, 255);
  for (let y = 0; y < heightPx; y++)
    for (let x = 0; x < widthPx; x++) {
      const at = (y * widthPx + x) * channels;
      pixels[at] = Math.floor((255 * x) / widthPx);
      pixels[at + 1] = Math.floor((255 * y) / heightPx);
      pixels[at + 2] = 128;
      if (channels === 4) pixels[at + 3] = x < widthPx / 2 ? 255 : 0;
    }
  return pixels;
}

const drawn = (size: Size, channels: 3 | 4 = 3) =>
  sharp(gradient(size, channels), { raw: { width: size.widthPx, height: size.heightPx, channels } });

async function tilesMade(made: MadePreview, size: Size) {
  const blob = await readFile(made.path);
  expect([blob.length, digestOf(blob)]).toEqual([made.bytes, made.digest]);
  const type = made.type === 'png' ? 'png' : 'jpg';
  const pyramid = {
    digest: made.digest,
    bytes: made.bytes,
    type,
    indexDigest: made.indexDigest ?? made.digest,
  } as const;
  const { start, bytes } = indexSliceOf(size, pyramid);
  const text = blob.subarray(start, start + bytes);
  expect(digestOf(text)).toBe(made.indexDigest);
  const index = PyramidIndex.parse(size, pyramid, text);
  if (index === undefined) throw new Error('expected an index');
  return [...tilesOf(size)].map((place) => {
    const slice = index.sliceOf(place);
    if (slice === undefined) throw new Error('expected a slice');
    const tile = blob.subarray(slice.start, slice.start + slice.bytes);
    expect(digestOf(tile)).toBe(slice.digest);
    return { place, tile };
  });
}

/** Every tile has its size, and in its middle the colour of its place. */
async function expectTiles(made: MadePreview, size: Size): Promise<void> {
  for (const { place, tile } of await tilesMade(made, size)) {
    const rect = tileRect(size, place);
    const { data, info } = await sharp(tile).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([rect?.widthPx, rect?.heightPx]);
    if (rect === undefined || Math.min(rect.widthPx, rect.heightPx) < 8) continue;
    // A pixel of a level is the mean of those it stands for, so that its colour is that of its middle.
    const factor = 2 ** (maxLevelOf(size) - place.level);
    const [x, y] = [rect.widthPx >> 1, rect.heightPx >> 1];
    const at = (y * info.width + x) * info.channels;
    expect(Math.abs((data[at] ?? 0) - (255 * (rect.leftPx + x + 0.5) * factor) / size.widthPx)).toBeLessThan(4);
    expect(Math.abs((data[at + 1] ?? 0) - (255 * (rect.topPx + y + 0.5) * factor) / size.heightPx)).toBeLessThan(4);
  }
}

/** Of the first page of what has a size of its own. */
function pyramidOf(type: TileType): PyramidTask {
  return { kind: 'pyramid', type, page: 1, size: { widthPx: 1, heightPx: 1 } };
}

describe('a pyramid', () => {
  it.each([
    { widthPx: 1300, heightPx: 700 },
    { widthPx: 512, heightPx: 513 },
    { widthPx: 1, heightPx: 1 },
    { widthPx: 3000, heightPx: 2 },
  ])('of %o has every tile of every level, in one file', async (size) => {
    const made = await converting.zoomed(await drawn(size).jpeg({ quality: 95 }).toBuffer(), pyramidOf('jpg'));
    expect(made).toMatchObject({ type: 'jpg', ...size });
    await expectTiles(made, size);
  });

  it('keeps what is seen through in PNG, and lays it on white in JPEG', async () => {
    const size = { widthPx: 700, heightPx: 300 };
    const source = await drawn(size, 4).png().toBuffer();
    for (const [type, last] of [
      ['png', [0, 4]],
      ['jpg', [255, 3]],
    ] as const) {
      const made = await converting.zoomed(source, pyramidOf(type));
      const tiles = await tilesMade(made, size);
      const { data, info } = await sharp(tiles.at(-1)?.tile).raw().toBuffer({ resolveWithObject: true });
      expect([data.at(-1), info.channels]).toEqual(last);
    }
  });

  it.each([2, 3, 4, 5, 6, 7, 8])('of a picture in orientation %i is upright', async (orientation) => {
    const size = { widthPx: 900, heightPx: 600 };
    // What is stored is turned back so that the tag makes it upright again.
    const stored = await drawn(size).png().toBuffer();
    const back: Record<number, (image: Sharp) => Sharp> = {
      2: (image) => image.flop(),
      3: (image) => image.rotate(180),
      4: (image) => image.flip(),
      5: (image) => image.flip().rotate(90),
      6: (image) => image.rotate(270),
      7: (image) => image.flip().rotate(270),
      8: (image) => image.rotate(90),
    };
    const turned = await (back[orientation]?.(sharp(stored)) ?? sharp(stored)).png().toBuffer();
    const source = await sharp(turned).withMetadata({ orientation }).jpeg({ quality: 95 }).toBuffer();
    const made = await converting.zoomed(source, pyramidOf('jpg'));
    expect(made).toMatchObject(size);
    await expectTiles(made, size);
  });

  it.each([
    ['CMYK', (image: Sharp) => image.toColourspace('cmyk').jpeg({ quality: 95 })],
    ['16 bits', (image: Sharp) => image.toColourspace('rgb16').png()],
    ['WebP', (image: Sharp) => image.webp({ quality: 95 })],
    ['tiled TIFF', (image: Sharp) => image.tiff({ tile: true, compression: 'lzw' })],
    ['progressive', (image: Sharp) => image.jpeg({ quality: 95, progressive: true })],
  ])('is made of %s too', async (_name, encode) => {
    const size = { widthPx: 1100, heightPx: 600 };
    const made = await converting.zoomed(await encode(drawn(size)).toBuffer(), pyramidOf('jpg'));
    const tiles = await tilesMade(made, size);
    expect(tiles.length).toBe([...tilesOf(size)].length);
  });

  it('of a large file is read by its path, and is the same', async () => {
    const size = { widthPx: 4200, heightPx: 3000 };
    const source = await drawn(size).tiff({ compression: 'none', tile: true }).toBuffer();
    expect(source.length).toBeGreaterThan(32 * 1024 * 1024);
    await expectTiles(await converting.zoomed(source, pyramidOf('jpg')), size);
  });

  it('of a file with more pages than are taken is that of its first, however large it is', async () => {
    const few = await Converting.start({ streams: true, maxPages: 1 });
    const page = { widthPx: 6000, heightPx: 6000 };
    const directory = imageDirectory({ ...page, pixels: Buffer.alloc(6000 * 6000, 90) });
    try {
      const made = await few.zoomed(tiffOf([directory, imageDirectory({ widthPx: 9, heightPx: 9 })]), pyramidOf('jpg'));
      expect(made).toMatchObject(page);
    } finally {
      await few.close();
    }
  });

  it('of a file that is cut off fails as damaged, and leaves nothing', async () => {
    const before = await readdir(converting.outputDir);
    const source = await drawn({ widthPx: 1300, heightPx: 700 }).jpeg({ quality: 95 }).toBuffer();
    const cut = source.subarray(0, source.length >> 1);
    await expect(converting.zoomed(cut, pyramidOf('jpg'))).rejects.toMatchObject({
      code: 'source-undecodable',
    });
    expect(await readdir(converting.outputDir)).toEqual(before);
  });

  it('that is no picture, or has more pixels than are taken, is refused', async () => {
    await expect(converting.zoomed(Buffer.from('no picture'), pyramidOf('jpg'))).rejects.toMatchObject({
      code: 'source-type-refused',
    });
    const large = await sharp({ create: { width: 20_000, height: 6_000, channels: 3, background: '#333' } })
      .png()
      .toBuffer();
    await expect(converting.zoomed(large, pyramidOf('jpg'))).rejects.toMatchObject({
      code: 'source-limits-exceeded',
    });
  });

  it('that needs more memory than there is, is refused before a pixel is decoded', async () => {
    const small = await Converting.start({ memoryBudgetBytes: 64 * 1024 * 1024 });
    try {
      const turned = await drawn({ widthPx: 4000, heightPx: 3000 }).withMetadata({ orientation: 6 }).jpeg().toBuffer();
      await expect(small.zoomed(turned, pyramidOf('jpg'))).rejects.toMatchObject({
        code: 'source-limits-exceeded',
      });
      expect(small.metrics.total('decodes_total')).toBe(0);
    } finally {
      await small.close();
    }
  });
});

describe('a large file whose directory lies at its end', () => {
  /** The bytes of `behind` stand before the directory, which is small enough to have no values elsewhere. */
  const tiffAround = (behind: Buffer, entries: Directory['entries']): Buffer => {
    const whole = Buffer.concat([Buffer.from('49492a0000000000', 'hex'), behind]);
    whole.writeUInt32LE(whole.length, 4);
    return Buffer.concat([whole, tiffOf([{ entries }]).subarray(8)]);
  };
  const size = { widthPx: 1200, heightPx: 800 };

  it('is taken for the camera raw that it is', async () => {
    const jpeg = await drawn(size).jpeg({ quality: 90 }).toBuffer();
    const dng: Directory['entries'] = [
      [256, 4, 1, 160],
      [257, 4, 1, 120],
      [274, 3, 1, 1],
      [50_706, 1, 4, 0x401],
    ];
    const raw = tiffAround(Buffer.concat([jpeg, Buffer.alloc(33 * 1024 * 1024)]), dng);
    const only = await Converting.start({ streams: true, sourceTypes: ['tiff', 'raw'] });
    try {
      const made = await only.zoomed(raw, { kind: 'pyramid', type: 'jpg', page: 1, size });
      expect(made).toMatchObject(size);
    } finally {
      await only.close();
    }
    // Where camera raw is not taken, neither is this.
    await expect(converting.zoomed(raw, { kind: 'pyramid', type: 'jpg', page: 1, size })).rejects.toMatchObject({
      code: 'source-type-refused',
    });
  });

  it('has the colours that its samples are read for, as its previews have', async () => {
    const [widthPx, heightPx] = [3_000, 3_000];
    const pixels = new Float32Array(widthPx * heightPx);
    for (let at = 0; at < pixels.length; at++) pixels[at] = (at % widthPx) / widthPx;
    const floats = imageDirectory({ widthPx, heightPx, bits: 32, sampleFormat: 3, pixels: Buffer.from(pixels.buffer) });
    const source = tiffOf([floats]);
    expect(source.length).toBeGreaterThan(32 * 1024 * 1024);
    const many = await Converting.start({ streams: true, memoryBudgetBytes: 2 * 1024 ** 3 });
    try {
      const made = await many.zoomed(source, { kind: 'pyramid', type: 'jpg', page: 1, size: { widthPx, heightPx } });
      const [small] = (await tilesMade(made, { widthPx, heightPx })).filter(({ place }) => place.level === 8);
      const shown = (await sharp(small?.tile).stats()).channels[0];
      const preview = (await sharp(await many.preview(source, 'jpg:188x188')).stats()).channels[0];
      expect(shown?.mean).toBeGreaterThan(60);
      expect(Math.abs((shown?.mean ?? 0) - (preview?.mean ?? 0))).toBeLessThan(4);
    } finally {
      await many.close();
    }
  });
});

describe('the pages of a large file', () => {
  const pages = [
    { widthPx: 7000, heightPx: 5000 },
    { widthPx: 300, heightPx: 200 },
  ];
  const source = () =>
    tiffOf(pages.map((page) => imageDirectory({ ...page, pixels: Buffer.alloc(page.widthPx * page.heightPx, 90) })));

  it('are told without reading it whole', async () => {
    const path = join(converting.dir.path, 'pages.tif');
    await writeFile(path, source());
    const reader = new ReadBuffer();
    const read = vi.spyOn(reader, 'read');
    const settings = {
      sourceTypes: ['tiff'],
      maxSourcePixels: 1e9,
      maxPages: 100,
      timeoutMs: 20_000,
      flush: false,
      streams: true,
    } as const;
    const costs: number[] = [];
    const admit = async (_type: string, bytes: number) => void costs.push(bytes);
    const told = await tellPages(
      { sourcePath: path },
      { ...settings, auto: 'adaptive' },
      { admit },
      new WorkTally(),
      reader,
    );
    expect(told.pages).toEqual(pages.map((page) => ({ ...page, hasAlpha: false })));
    expect(read).not.toHaveBeenCalled();
    expect(Math.max(...costs)).toBeLessThan(source().length);
  });

  it('are told so by a converter of previews too, which reads nothing else by its path', async () => {
    const path = join(converting.dir.path, 'told.tif');
    await writeFile(path, source());
    const few = await Converting.start({ memoryBudgetBytes: 40 * 1024 * 1024 });
    const tell = () =>
      few.pool.convert({
        ...{ sourcePath: path, sourceBytes: source().length, formats: [], zoom: { kind: 'pages' } },
        ...{ priority: 'medium', context: parseContext(undefined), outputDir: few.outputDir },
      });
    try {
      expect((await tell()).pages).toEqual(pages.map((page) => ({ ...page, hasAlpha: false })));
      const small = await drawn({ widthPx: 300, heightPx: 200 }).jpeg().toBuffer();
      expect((await few.convert(small, ['jpg:30x20'])).previews).toHaveLength(1);
      expect((await tell()).pages).toHaveLength(pages.length);
    } finally {
      await few.close();
    }
  });
});

describe('a region', () => {
  const size = { widthPx: 1300, heightPx: 700 };
  const WHOLE = {
    region: { leftPx: 0, topPx: 0, ...size },
    size,
    mirrored: false,
    rotation: 0,
    quality: 'default',
    format: 'png',
  } as const;
  let bundle: Buffer;
  let tiles: LaidTile[];

  beforeAll(async () => {
    const made = await converting.zoomed(await drawn(size).png().toBuffer(), pyramidOf('png'));
    const full = (await tilesMade(made, size)).filter(({ place }) => place.level === maxLevelOf(size));
    bundle = Buffer.concat(full.map(({ tile }) => tile));
    let start = 0;
    tiles = full.map(({ place, tile }) => {
      const rect = tileRect(size, place);
      if (rect === undefined) throw new Error('expected a tile');
      start += tile.length;
      return { ...rect, digest: digestOf(tile), start: start - tile.length, bytes: tile.length };
    });
    expect(tiles.length).toBe(Math.ceil(size.widthPx / TILE_SIDE_PX) * Math.ceil(size.heightPx / TILE_SIDE_PX));
  });

  const draw = async (asked: Partial<RegionTask['drawn']>) => {
    const made = await converting.zoomed(bundle, {
      kind: 'region',
      canvas: size,
      tiles,
      drawn: { ...WHOLE, ...asked },
    });
    return readFile(made.path);
  };

  it('of everything is the picture, to the last pixel', async () => {
    const raw = await sharp(await draw({}))
      .removeAlpha()
      .raw()
      .toBuffer();
    expect(raw.equals(gradient(size))).toBe(true);
  });

  it('is cut where it is asked for, mirrored and then turned', async () => {
    const region = { leftPx: 500, topPx: 400, widthPx: 100, heightPx: 60 };
    const png = await draw({ region, size: { widthPx: 100, heightPx: 60 }, mirrored: true, rotation: 90 });
    const want = await drawn(size).extract({ left: 500, top: 400, width: 100, height: 60 }).png().toBuffer();
    const flopped = await sharp(want).flop().png().toBuffer();
    const expected = await sharp(flopped).rotate(90).raw().toBuffer();
    expect((await sharp(png).removeAlpha().raw().toBuffer()).equals(expected)).toBe(true);
  });

  it('is grey, or black and white, where that is asked for', async () => {
    const gray = await sharp(await draw({ quality: 'gray' })).stats();
    expect(gray.channels.length).toBe(1);
    const { data } = await sharp(await draw({ quality: 'bitonal' }))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(new Set(data)).toEqual(new Set([0, 255]));
  });

  it.each([
    ['jpg', 'jpeg'],
    ['webp', 'webp'],
    ['gif', 'gif'],
    ['avif', 'heif'],
  ] as const)('comes as %s', async (format, decoded) => {
    const {
      format: got,
      width,
      height,
    } = await sharp(await draw({ format, size: { widthPx: 130, heightPx: 70 } })).metadata();
    expect([got, width, height]).toEqual([decoded, 130, 70]);
  });

  it('of tiles that are none fails, and the next one does not', async () => {
    const [whole, right] = [bundle, tiles];
    bundle = Buffer.alloc(whole.length);
    // Those of the right ones may be known.
    tiles = right.map((tile) => ({ ...tile, digest: digestOf(Buffer.alloc(tile.bytes)) }));
    await expect(draw({})).rejects.toThrow();
    [bundle, tiles] = [whole, right];
    expect((await draw({})).length).toBeGreaterThan(0);
  });
});
