// How a source is decoded follows from its header, and so does what it costs.

import { describe, expect, test } from 'vitest';
import { costOf, planDecode, smallestEnough } from '../../../src/convert/decode-plan.js';
import { planSequence, sequenceOf } from '../../../src/kernel/sequence.js';
import type { SourceInfo } from '../../../src/kernel/source.js';
import { DEFAULT_TARGET_FORMATS } from '../../support/default-formats.js';
import { sourceInfo } from '../../support/records.js';

const STILL: SourceInfo = sourceInfo({ widthPx: 6000, heightPx: 4000 });

function planFor(
  info: SourceInfo,
  formats: readonly string[] = DEFAULT_TARGET_FORMATS,
  bytes = 30_000_000,
  lossless = false,
) {
  const plan = planSequence(info, info.hasAlpha, sequenceOf(formats).formats);
  return { plan, decode: planDecode(info, bytes, lossless, plan) };
}

describe('how a source is decoded', () => {
  test('a large JPEG goes straight to the largest raster of the plan', () => {
    const { decode } = planFor(STILL);
    expect(decode).toMatchObject({ kind: 'scaled', fast: true, largest: { widthPx: 1920, heightPx: 1280 } });
  });

  test('a large JPEG whose sides do not divide keeps twice the pixels for scaling', () => {
    expect(planFor({ ...STILL, widthPx: 6001 }).decode).toMatchObject({ kind: 'scaled', fast: false });
  });

  test('the largest raster lies as the source is stored', () => {
    const { decode } = planFor({ ...STILL, widthPx: 4000, heightPx: 6000, orientation: 6 });
    // Upright 1920x2880 covers the 1920x1080 box.
    expect(decode.largest).toEqual({ widthPx: 2880, heightPx: 1920 });
  });

  test('a small source is decoded in full', () => {
    expect(planFor({ ...STILL, widthPx: 2000, heightPx: 1500 }).decode.kind).toBe('full');
  });

  test('a small JPEG of which only a quarter of the side is needed is shrunk on load', () => {
    expect(planFor({ ...STILL, widthPx: 2000, heightPx: 1500 }, ['auto:200x150']).decode).toMatchObject({
      kind: 'scaled',
      fast: false,
    });
  });

  test('alpha is judged on every pixel', () => {
    expect(planFor({ ...STILL, type: 'png', hasAlpha: true, channels: 4 }).decode.kind).toBe('full');
  });

  test('what compresses without loss below four bits a pixel is drawn, and decoded in full', () => {
    const png: SourceInfo = { ...STILL, type: 'png' };
    expect(planFor(png, undefined, 11_999_999, true).decode.kind).toBe('full');
    expect(planFor(png, undefined, 12_000_001, true).decode.kind).toBe('scaled');
  });

  test('all frames are decoded only when some preview is animated', () => {
    const gif: SourceInfo = {
      ...STILL,
      type: 'gif',
      widthPx: 100,
      heightPx: 80,
      pages: 5,
      animated: true,
      delaysMs: [1, 1, 1, 1, 1],
    };
    expect(planFor(gif).decode.frames).toBe(5);
    expect(planFor(gif, ['jpg:50x50']).decode.frames).toBe(1);
  });
});

describe('what a conversion costs', () => {
  test('a full decode holds width x height x channels x frames, the file, and every preview twice', () => {
    const info: SourceInfo = { ...STILL, type: 'png', widthPx: 1000, heightPx: 500 };
    const { plan, decode } = planFor(info, ['auto:100x50'], 7);
    const raster = 100 * 50 * 3;
    // Both rasters in one channel beside, where there is no colour in them.
    const grey = 1000 * 500 + 100 * 50;
    expect(costOf(info, 7, decode, plan)).toBe(7 + 1000 * 500 * 3 + 3 * raster + grey);
  });

  test('an animation costs its frames', () => {
    const one: SourceInfo = { ...STILL, type: 'gif', widthPx: 100, heightPx: 80 };
    const ten: SourceInfo = { ...one, pages: 10, animated: true, delaysMs: new Array<number>(10).fill(50) };
    const cost = (info: SourceInfo): number => {
      const { plan, decode } = planFor(info, ['auto:100x80'], 0);
      return costOf(info, 0, decode, plan);
    };
    // A still may be held in one channel beside, as it is decoded and at its largest size.
    expect(cost(ten)).toBe(10 * (cost(one) - 2 * 100 * 80));
  });

  test('enlarging is paid for', () => {
    const info: SourceInfo = { ...STILL, type: 'png', widthPx: 10, heightPx: 10 };
    const { plan, decode } = planFor(info, ['auto:8000x8000~expand'], 100);
    expect(costOf(info, 100, decode, plan)).toBeGreaterThanOrEqual(8000 * 8000 * 3);
  });

  test('a progressive JPEG is held whole as coefficients of two bytes, however small its preview', () => {
    const { plan, decode } = planFor(STILL, ['auto:200x150'], 0);
    const baseline = costOf(STILL, 0, decode, plan);
    expect(costOf({ ...STILL, progressive: true }, 0, decode, plan) - baseline).toBe(6000 * 4000 * 3 * 2);
  });
});

describe('the raster that a preview is made from', () => {
  const rasters = [400, 1000, 2000].map((side) => ({ widthPx: side, heightPx: side }));
  const from = (side: number, hardEdged = false): number =>
    smallestEnough(rasters, { widthPx: side, heightPx: side }, hardEdged).widthPx;

  test('one of its own size', () => {
    expect([from(1000), from(1000, true)]).toEqual([1000, 1000]);
  });

  test('the smallest with a tenth to spare', () => {
    expect([from(363), from(364), from(909), from(910)]).toEqual([400, 1000, 1000, 2000]);
  });

  test('the largest when none is large enough', () => {
    expect([from(5000), from(5000, true)]).toEqual([2000, 2000]);
  });

  test('the largest for a picture full of hard edges, until a quarter of it is enough', () => {
    expect([from(900, true), from(501, true), from(500, true), from(201, true), from(200, true)]).toEqual([
      2000, 2000, 1000, 1000, 400,
    ]);
  });
});
