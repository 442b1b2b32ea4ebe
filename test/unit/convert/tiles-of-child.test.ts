// Which tiles of a region are sent: those whose pixels the child is known to have are not.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JobMessage } from '../../../src/convert/protocol.js';
import { regionCostBytes } from '../../../src/convert/zoom/region-job.js';
import { TilesOfChild } from '../../../src/convert/zoom/tiles-of-child.js';
import { digestOf } from '../../../src/kernel/digest.js';
import type { RegionTask } from '../../../src/kernel/ports/converter.js';

const texts = ['one', 'second', 'the third'];
const content = Buffer.from(texts.join(''));
const digests = texts.map((text) => digestOf(Buffer.from(text)));
const SIDE = { widthPx: 8, heightPx: 8 };
const task: RegionTask = {
  kind: 'region',
  canvas: { widthPx: 24, heightPx: 8 },
  tiles: texts.map((text, index) => ({
    ...{ leftPx: 8 * index, topPx: 0, ...SIDE },
    digest: digestOf(Buffer.from(text)),
    start: texts.slice(0, index).join('').length,
    bytes: text.length,
  })),
  drawn: {
    region: { leftPx: 4, topPx: 0, ...SIDE },
    size: SIDE,
    mirrored: false,
    rotation: 0,
    quality: 'default',
    format: 'jpg',
  },
};
const message: JobMessage = {
  ...{ kind: 'job', id: 1, sourcePath: '', content, formats: [], zoom: task },
  ...{ encodesAtOnce: 1, outputDir: '/nowhere' },
};

/** The tiles' texts as a child reads them of a message; empty where they are not in it. */
function sentOf({ content: bytes = Buffer.alloc(0), zoom }: JobMessage): readonly string[] {
  if (zoom?.kind !== 'region') throw new Error('expected a region');
  return zoom.tiles.map((tile) => bytes.subarray(tile.start, tile.start + tile.bytes).toString());
}

let tiles: TilesOfChild;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  tiles = new TilesOfChild();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the message of a region', () => {
  it('is sent as it is to a child that has told nothing', () => {
    expect(tiles.without(message)).toBe(message);
    tiles.told(undefined);
    expect(tiles.without(message)).toBe(message);
  });

  it.each([
    { has: [1], sent: ['one', '', 'the third'] },
    { has: [0, 2], sent: ['', 'second', ''] },
    { has: [0, 1, 2], sent: ['', '', ''] },
  ])('lacks the bytes of tiles that the child told of: $has', ({ has, sent }) => {
    tiles.told(has.flatMap((index) => digests[index] ?? []));
    const trimmed = tiles.without(message);
    expect(sentOf(trimmed)).toEqual(sent);
    expect(trimmed.content?.length).toBe(sent.join('').length);
  });

  it('is whole again once the child may have forgotten, or was told to', () => {
    tiles.told(digests);
    vi.advanceTimersByTime(2_501);
    expect(tiles.without(message)).toBe(message);
    tiles.told(digests);
    expect([tiles.forget(), tiles.forget()]).toEqual([true, false]);
    expect(tiles.without(message)).toBe(message);
  });

  it('is whole again once the child was given something else', () => {
    tiles.told(digests);
    const { zoom: _none, ...other } = message;
    expect(tiles.without(other)).toBe(other);
    expect(tiles.without(message)).toBe(message);
  });

  it('is left alone where its tiles are in a file', () => {
    tiles.told(digests);
    const { content: _none, ...ofFile } = message;
    expect(tiles.without(ofFile)).toBe(ofFile);
  });
});

it('a region takes its canvas and its picture, twice in four channels', () => {
  expect(regionCostBytes(task)).toBe(4 * (2 * 24 * 8 + 2 * 8 * 8));
});
