// What is seen of a file's structure before a decoder sees it: how many pages it has, which chunks a decoder need not get,
// what an SVG says of its size.
import { describe, expect, test } from 'vitest';
import { checkGif } from '../../../src/convert/sources/gif.js';
import { gifHasMoreFrames, tiffHasMorePages, webpHasMoreFrames } from '../../../src/convert/sources/page-count.js';
import { withoutTexts } from '../../../src/convert/sources/png.js';
import { checkSvg } from '../../../src/convert/sources/svg.js';
import { gifOf } from '../../support/hostile/gif.js';
import { pngChunk, pngChunksOf, pngOf, zTxtBomb } from '../../support/hostile/png.js';
import { riffChunk, webpAnimation } from '../../support/hostile/riff-and-boxes.js';
import { svg } from '../../support/hostile/svg.js';
import { bigTiffOf, imageDirectory, tiffOf } from '../../support/hostile/tiff.js';
import { animation, ENCODED, flat } from '../../support/images.js';

const page = imageDirectory({ widthPx: 4, heightPx: 4 });
const pages = (count: number): Buffer => tiffOf(Array.from({ length: count }, () => page));
const frames = (count: number): Buffer => webpAnimation(4, 4, count, riffChunk('VP8L', Buffer.alloc(7)));

describe.each([
  ['GIF', gifHasMoreFrames, (count: number) => gifOf({ frames: count, loop: 3 })],
  ['WebP', webpHasMoreFrames, frames],
  ['TIFF', tiffHasMorePages, pages],
] as const)('%s', (_type, hasMore, made) => {
  test('7 are more than 6 and not more than 7', () => {
    expect([hasMore(made(7), 6), hasMore(made(7), 7)]).toEqual([true, false]);
  });

  test('a file cut anywhere has no more than it had', () => {
    const whole = made(7);
    for (let length = 0; length <= whole.length; length++) expect(hasMore(whole.subarray(0, length), 7)).toBe(false);
  });
});

test('what encoders write is counted as they meant it', async () => {
  const options = { widthPx: 16, heightPx: 12, delaysMs: [50, 50, 50, 50, 50] };
  const gif = await animation('gif', options);
  const webp = await animation('webp', options);
  expect([gifHasMoreFrames(gif, 4), gifHasMoreFrames(gif, 5)]).toEqual([true, false]);
  expect([webpHasMoreFrames(webp, 4), webpHasMoreFrames(webp, 5)]).toEqual([true, false]);
  const tiff = await ENCODED.tiff(flat(8, 8, [1, 2, 3]));
  expect([tiffHasMorePages(tiff, 0), tiffHasMorePages(tiff, 1)]).toEqual([true, false]);
  expect([tiffHasMorePages(bigTiffOf(4, 4), 0), tiffHasMorePages(bigTiffOf(4, 4), 1)]).toEqual([true, false]);
});

test('a directory that is its own next ends the walk', () => {
  expect(tiffHasMorePages(tiffOf([imageDirectory({ widthPx: 4, heightPx: 4 }, 8)]), 100)).toBe(false);
});

test('a GIF that ends within a block is cut; one that only lacks its end marker is not', () => {
  const whole = gifOf({ frames: 3, loop: 1 });
  expect(() => checkGif(whole)).not.toThrow();
  expect(() => checkGif(whole.subarray(0, -1))).not.toThrow();
  for (const lost of [2, 3, 10, 20]) {
    expect(() => checkGif(whole.subarray(0, -lost))).toThrow(expect.objectContaining({ code: 'source-undecodable' }));
  }
});

describe('texts of a PNG', () => {
  const text = pngChunk('tEXt', Buffer.from('Comment\0x'));

  test('are taken out, and everything else stays', () => {
    const pixels = { widthPx: 4, heightPx: 4 };
    const gamma = pngChunk('gAMA', Buffer.from([0, 0, 177, 143]));
    expect(withoutTexts(pngOf({ ...pixels, chunks: [text, gamma, zTxtBomb(1000), text] }))).toEqual(
      pngOf({ ...pixels, chunks: [gamma] }),
    );
    const plain = pngOf(pixels);
    expect(withoutTexts(plain)).toBe(plain);
  });

  test('behind damage are left alone', () => {
    const whole = pngOf({ widthPx: 4, heightPx: 4, chunks: [text, text] });
    const [header = Buffer.alloc(0)] = pngChunksOf(whole);
    const cut = whole.subarray(0, 8 + header.length + text.length + 10);
    expect(withoutTexts(cut)).toEqual(Buffer.concat([whole.subarray(0, 8 + header.length), text.subarray(0, 10)]));
  });
});

describe('the size of an SVG', () => {
  test.each([
    ['width="32767" height="1"'],
    ['width="100%" height="1.5e2"'],
    ['viewBox="0 0 100 50"'],
    ['width="10cm" height="4in" data-width="99999"'],
    [`title="a > b" width='10' height='10'`],
    [''],
  ])('%s is rendered', (attributes) => {
    expect(() => checkSvg(svg('', attributes))).not.toThrow();
  });

  test.each([
    ['width="32768" height="1"', 'source-limits-exceeded'],
    ['viewBox="0 0 1e9 5"', 'source-limits-exceeded'],
    ['title="a > b" width="1e9"', 'source-limits-exceeded'],
    ['height="0"', 'source-undecodable'],
    ['width="-5"', 'source-undecodable'],
  ])('%s is refused: %s', (attributes, code) => {
    expect(() => checkSvg(svg('', attributes))).toThrow(expect.objectContaining({ code }));
  });

  test.each(['width="&big;"', 'width="wide"'])(
    '%s is no size, and counts as none, as browsers have it',
    (attributes) => {
      expect(() => checkSvg(svg('', attributes))).not.toThrow();
    },
  );

  test('is that of the root and not of what stands before it in a comment or inside it', () => {
    const before = Buffer.concat([
      Buffer.from('<?xml version="1.0"?><!-- <svg width="5"> -->\n'),
      svg('', 'width="1e9"'),
    ]);
    expect(() => checkSvg(before)).toThrow(expect.objectContaining({ code: 'source-limits-exceeded' }));
    expect(() => checkSvg(svg('<svg width="1e9"/>', 'width="5"'))).not.toThrow();
  });

  test('is looked for in no time, whatever the document', () => {
    const before = process.cpuUsage();
    for (const body of ['<svg "', '<!--', '<svg a="b" ', '<!DOCTYPE svg [ ]', ' ']) {
      checkSvg(Buffer.from(`<svg ${body.repeat(Math.floor(4_000_000 / body.length))}`));
    }
    // Processor time: other work on the machine says nothing about it.
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(5_000);
  });
});
