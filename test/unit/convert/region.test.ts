// A region of tiles of which some are seen through and some are not, whichever is decoded first.
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { WorkTally } from '../../../src/convert/convert-source.js';
import { DecodedTiles } from '../../../src/convert/zoom/decoded-tiles.js';
import { drawRegion } from '../../../src/convert/zoom/region.js';
import { digestOf } from '../../../src/kernel/digest.js';

const SIDE_PX = 16;
const tile = (background: { r: number; g: number; b: number; alpha?: number }) =>
  sharp({ create: { width: SIDE_PX, height: SIDE_PX, channels: background.alpha === undefined ? 3 : 4, background } })
    .png()
    .toBuffer();
const red = await tile({ r: 255, g: 0, b: 0 });
const glass = await tile({ r: 0, g: 0, b: 255, alpha: 0.5 });

it.each([
  { name: 'none', row: [red, red], alphas: [undefined, undefined] },
  { name: 'the first', row: [glass, red], alphas: [128, 255] },
  { name: 'the last', row: [red, glass], alphas: [255, 128] },
  // More than are decoded at once.
  { name: 'the last of many', row: [red, red, red, red, red, glass], alphas: [255, 255, 255, 255, 255, 128] },
])('is seen through where its tiles are: $name', async ({ row, alphas }) => {
  const content = Buffer.concat(row);
  const tiles = row.map(({ length }, index) => ({
    ...{ leftPx: index * SIDE_PX, topPx: 0, widthPx: SIDE_PX, heightPx: SIDE_PX, bytes: length },
    digest: digestOf(row[index] ?? Buffer.alloc(0)),
    start: row.slice(0, index).reduce((sum, before) => sum + before.length, 0),
  }));
  const size = { widthPx: row.length * SIDE_PX - 8, heightPx: 8 };
  const region = { leftPx: 4, topPx: 4, ...size };
  const drawn = { region, size, mirrored: false, rotation: 0, quality: 'default', format: 'png' } as const;
  const zoom = { kind: 'region', canvas: { widthPx: row.length * SIDE_PX, heightPx: SIDE_PX }, tiles, drawn } as const;
  const job = { sourcePath: '', outputDir: '', content, zoom };
  const drawnRegion = await drawRegion(job, { flush: false }, new WorkTally(), new DecodedTiles());
  const { data, info } = await sharp(drawnRegion?.previews[0]?.content).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([size.widthPx, size.heightPx]);
  for (const [index, bytes] of row.entries()) {
    const at = (4 * info.width + Math.max(0, index * SIDE_PX - 4) + 2) * info.channels;
    const colour = bytes === red ? [255, 0, 0] : [0, 0, 255];
    expect([...data.subarray(at, at + 3)]).toEqual(colour);
    expect(info.channels === 4 ? data[at + 3] : undefined).toBe(alphas[index]);
  }
});
