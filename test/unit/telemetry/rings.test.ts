// What a process keeps of its last hour and day: what came in each slot, gaps where nobody looked, and never more than the slots.
import { expect, it } from 'vitest';
import { type Figures, LEVELS, SUMS } from '../../../src/kernel/process-report.js';
import { RecentFailures } from '../../../src/telemetry/recent-failures.js';
import { HOUR_STEP_MS, Rings } from '../../../src/telemetry/rings.js';

const START = 1_800_000_000_000;

function figures(requests: number, queueAgeMs = 0): Figures {
  const sums = Object.fromEntries(SUMS.map((name) => [name, 0])) as Figures['sums'];
  const levels = Object.fromEntries(LEVELS.map((name) => [name, 0])) as Figures['levels'];
  return { sums: { ...sums, requests }, levels: { ...levels, queueAgeMs } };
}

it('tells what came in each slot, and the greatest level of it', () => {
  const rings = new Rings();
  rings.note(figures(5, 10), START);
  rings.note(figures(7, 900), START + HOUR_STEP_MS);
  rings.note(figures(8, 20), START + HOUR_STEP_MS + 4_000);
  const { values, lastSlot } = rings.hour(START + HOUR_STEP_MS + 4_000);
  expect(lastSlot).toBe((START + HOUR_STEP_MS) / HOUR_STEP_MS);
  expect(values.requests).toHaveLength(360);
  expect(values.requests.slice(-3)).toEqual([null, 5, 3]);
  expect(values.queueAgeMs.slice(-3)).toEqual([null, 10, 900]);
  expect(rings.day(START + HOUR_STEP_MS).values.requests.at(-1)).toBe(8);
});

it('has gaps where nobody looked, and forgets what is older than an hour or a day', () => {
  const rings = new Rings();
  rings.note(figures(1), START);
  rings.note(figures(4), START + 3 * HOUR_STEP_MS);
  expect(rings.hour(START + 3 * HOUR_STEP_MS).values.requests.slice(-4)).toEqual([1, null, null, 3]);
  const later = START + 3_600_000;
  rings.note(figures(10), later);
  const { values } = rings.hour(later);
  expect(values.requests.filter((value) => value !== null)).toEqual([3, 6]);
  // The same place of the ring as an hour before.
  expect(values.requests.at(-1)).toBe(6);
  expect(rings.day(START + 86_400_000 * 2).values.requests.every((value) => value === null)).toBe(true);
});

it('counts nothing below zero, and keeps the slots where a clock is set back', () => {
  const rings = new Rings();
  rings.note(figures(10), START);
  rings.note(figures(4), START - 3 * HOUR_STEP_MS);
  rings.note(figures(6), START + HOUR_STEP_MS);
  expect(rings.hour(START + HOUR_STEP_MS).values.requests.slice(-5)).toEqual([0, null, null, 10, 2]);
});

it('keeps the latest fifty failures, and none that clients meet in passing', () => {
  const failures = new RecentFailures();
  const story = { at: 1, dialect: 'd', operation: 'o', message: 'm', path: `/${'x'.repeat(1_000)}` } as const;
  for (const error of ['unknown-image-key', 'missing-source-image', 'unauthorized'] as const)
    failures.note({ ...story, requestId: 'passing', error });
  expect(failures.list()).toEqual([]);
  for (let index = 0; index < 60; index++) failures.note({ ...story, requestId: String(index), error: 'internal' });
  expect(failures.list()).toHaveLength(50);
  expect(failures.list()[0]).toMatchObject({ requestId: '59' });
  expect(failures.list()[0]?.path).toHaveLength(300);
});
