// Pages that formats ask for: each is a picture of its own, whatever its size, and the last answers for those that are not there.
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bestPreview } from '../../../src/kernel/best-match.js';
import { parseFormat } from '../../../src/kernel/format.js';
import { Converting } from '../../support/converting.js';
import { closeUnharmed } from '../../support/hostile/refusing.js';
import { imageDirectory, tiffOf } from '../../support/hostile/tiff.js';
import { animation } from '../../support/images.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start({ sourceTypes: ['tiff', 'gif'] });
});
afterAll(() => closeUnharmed(converting));

const grey = (widthPx: number, heightPx: number, value: number): ReturnType<typeof imageDirectory> =>
  imageDirectory({ widthPx, heightPx, pixels: Buffer.alloc(widthPx * heightPx, value) });

/** Three pages of other sizes and greys. */
const pages = (): Buffer => tiffOf([grey(80, 60, 10), grey(40, 90, 120), grey(20, 20, 240)]);

async function shown(format: string, source = pages()): Promise<readonly [number, number, number]> {
  const { data, info } = await sharp(await converting.preview(source, format))
    .greyscale()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return [info.width, info.height, data[0] ?? -1];
}

test.each([
  ['png:-1x-1', [80, 60, 10]],
  ['png:-1x-1~page=2', [40, 90, 120]],
  ['png:30x30~page=2', [13, 30, 120]],
  ['png:-1x-1~page=3', [20, 20, 240]],
  ['png:-1x-1~page=4', [20, 20, 240]],
  ['png:-1x-1~page=100000', [20, 20, 240]],
] as const)('%s', async (format, expected) => {
  expect(await shown(format)).toEqual(expected);
});

test('one conversion makes previews of several pages, one decode each, and each is found by its page', async () => {
  const decodes = () => converting.metrics.total('decodes_total');
  const before = decodes();
  const { info, previews } = await converting.convert(pages(), [
    'png:30x30',
    'png:30x30~page=2',
    'png:10x10~page=2',
    'png:30x30~page=3',
  ]);
  expect([info.pages, info.widthPx, previews.length]).toEqual([3, 80, 4]);
  expect(decodes() - before).toBe(3);
  const answer = (request: string) => bestPreview(info, previews, parseFormat(request))?.format.text;
  expect(answer('png:30x30~page=2')).toBe('png:30x30~page=2');
  expect(answer('png:12x12~page=2')).toBe('png:30x30~page=2');
  expect(answer('png:12x12~page=9')).toBe('png:30x30~page=3');
  expect(answer('png:12x12')).toBe('png:30x30');
});

test('who waits for a page gets it first', async () => {
  const told: (readonly string[])[] = [];
  await converting.convert(pages(), ['png:30x30', 'png:30x30~page=2'], {
    wanted: 'png:30x30~page=2',
    onWanted: ({ formats }) => told.push(formats),
  });
  expect(told).toEqual([['png:30x30~page=2']]);
});

test('a source of one page, and an animation, are the same whatever page is asked for', async () => {
  const one = await converting.convert(tiffOf([grey(8, 8, 1)]), ['png:4x4', 'png:4x4~page=7']);
  expect(one.previews.map(({ formats }) => formats)).toEqual([['png:4x4', 'png:4x4~page=7']]);
  const moving = await converting.convert(await animation('gif', { widthPx: 8, heightPx: 8 }), ['auto:4x4~page=2']);
  expect(moving.info.animated).toBe(true);
});

test('a page that cannot be read is damage', async () => {
  const source = pages();
  // The width of the second page.
  const second = tiffOf([grey(80, 60, 10)]).length;
  const cut = Buffer.concat([source.subarray(0, second), Buffer.alloc(40)]);
  await expect(converting.convert(cut, ['png:4x4~page=2'])).rejects.toMatchObject({
    code: expect.stringMatching(/^source-/),
  });
});
