// Figures of several processes as one: sums are added up, slots stand at the same times, and what is told twice counts once.
import { describe, expect, it } from 'vitest';
import type { Context, ImageKey } from '../../../src/kernel/image-key.js';
import {
  type FailureStory,
  type Figures,
  LEVELS,
  mergeFailures,
  mergeLevels,
  mergeSightings,
  mergeTracks,
  type ProcessReport,
  ratesOf,
  type Sighting,
  SUMS,
  type Track,
} from '../../../src/kernel/process-report.js';

const NONE = {
  sums: Object.fromEntries(SUMS.map((name) => [name, 0])),
  levels: Object.fromEntries(LEVELS.map((name) => [name, 0])),
} as unknown as Figures;

function report(change: Partial<ProcessReport>): ProcessReport {
  const place = { node: 'n', host: 'h', worker: 0, version: '1', startedAt: 0, at: 10_000 };
  return { ...place, draining: false, figures: NONE, ...change };
}

const figures = (sums: Partial<Figures['sums']>, levels: Partial<Figures['levels']> = {}): Figures => ({
  sums: { ...NONE.sums, ...sums },
  levels: { ...NONE.levels, ...levels },
});

function track(lastSlot: number, values: readonly (number | null)[]): Track {
  return {
    stepMs: 10_000,
    lastSlot,
    values: Object.fromEntries([...SUMS, ...LEVELS].map((name) => [name, values])) as unknown as Track['values'],
  };
}

describe('tracks', () => {
  it('are laid over each other by their slots: sums and memory are added, the rest is the greatest', () => {
    const merged = mergeTracks([track(10, [1, null, 3]), track(11, [10, 20, 30])]);
    expect(merged?.lastSlot).toBe(11);
    // Slots 9, 10 and 11: the first track has told of 8 to 10.
    expect(merged?.values.requests).toEqual([10, 23, 30]);
    expect(merged?.values.memoryBytes).toEqual([10, 23, 30]);
    expect(merged?.values.queueAgeMs).toEqual([10, 20, 30]);
    expect(mergeTracks([track(10, [1, null, 3])])?.values.requests).toEqual([1, null, 3]);
    expect(mergeTracks([])).toBeUndefined();
  });
});

describe('rates', () => {
  it('are of the time between two reports of one process', () => {
    const before = report({ figures: figures({ requests: 100 }) });
    const after = report({ at: 12_000, figures: figures({ requests: 150 }) });
    expect(ratesOf(before, after).requests).toBe(25);
  });
  it('are none without a report before, at the same time, and where the process has started anew', () => {
    const after = report({ at: 12_000, figures: figures({ requests: 150 }) });
    expect(ratesOf(undefined, after).requests).toBe(0);
    expect(ratesOf(after, after).requests).toBe(0);
    expect(ratesOf(report({ startedAt: 5 }), after).requests).toBe(0);
  });
});

it('levels: memory is added up, what waits longest and what is stored are the greatest', () => {
  const levels = { queueAgeMs: 5, memoryBytes: 100, storedBytes: 7 };
  const merged = mergeLevels([
    report({ figures: figures({}, levels) }),
    report({ figures: figures({}, { queueAgeMs: 9, memoryBytes: 50, storedBytes: 7 }) }),
  ]);
  expect(merged).toEqual({ queueAgeMs: 9, memoryBytes: 150, storedBytes: 7 });
  expect(mergeLevels([])).toEqual({ queueAgeMs: 0, memoryBytes: 0, storedBytes: 0 });
});

describe('what was met', () => {
  const sighting = (key: string, at: number, figure: number): Sighting => ({
    ...{ context: '' as Context, imageKey: key as ImageKey, at, figure },
  });
  const past = (change: Partial<NonNullable<ProcessReport['past']>>): NonNullable<ProcessReport['past']> => ({
    ...{ hour: track(1, []), day: track(1, []), failures: [] },
    sightings: { newest: [], largest: [], asked: [] },
    ...change,
  });

  it('is told once a picture: the newest by time, the largest by bytes, uses added up', () => {
    const one = [sighting('a', 1, 10), sighting('b', 2, 30)];
    const other = [sighting('a', 5, 10), sighting('c', 3, 25)];
    const merged = mergeSightings([
      report({ past: past({ sightings: { newest: one, largest: one, asked: one } }) }),
      report({ past: past({ sightings: { newest: other, largest: other, asked: other } }) }),
    ]);
    expect(merged.newest.map(({ imageKey, at }) => [imageKey, at])).toEqual([['a', 5], ['c', 3], ['b', 2]]); // biome-ignore format: one row
    expect(merged.largest.map(({ imageKey }) => imageKey)).toEqual(['b', 'c', 'a']);
    expect(merged.asked.map(({ imageKey, figure }) => [imageKey, figure])).toEqual([['b', 30], ['c', 25], ['a', 20]]); // biome-ignore format: one row
  });

  it('failures: the latest fifty of all', () => {
    const story = (at: number): FailureStory => ({
      ...{ at, requestId: String(at), dialect: 'd', operation: 'o', error: 'internal', message: 'm', path: '/' },
    });
    const told = (from: number) => Array.from({ length: 40 }, (_, index) => story(from + index));
    const merged = mergeFailures([
      report({ past: past({ failures: told(0) }) }),
      report({ past: past({ failures: told(100) }) }),
    ]);
    expect(merged).toHaveLength(50);
    expect(merged[0]?.at).toBe(139);
    expect(merged.at(-1)?.at).toBe(30);
  });
});
