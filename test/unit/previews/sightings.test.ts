// What a process has met: bounded, each picture once, and the most asked for found although not every use is looked at.
import { expect, it } from 'vitest';
import { SightingBook } from '../../../src/previews/sightings.js';
import { groupRef } from '../../support/records.js';

it('keeps the newest and the largest, each group once', () => {
  let now = 0;
  const book = new SightingBook(() => now);
  for (let index = 0; index < 100; index++) {
    now = index;
    book.stored(groupRef(`key-${index}`), 1_000 - index);
  }
  now = 1_000;
  book.stored(groupRef('key-0'), 5);
  const { newest, largest } = book.list();
  expect(newest).toHaveLength(24);
  expect(newest.slice(0, 2).map(({ imageKey }) => imageKey)).toEqual(['key-0', 'key-99']);
  expect(largest).toHaveLength(24);
  expect(largest[0]).toMatchObject({ imageKey: 'key-0', figure: 1_000 });
});

it('finds the most asked for of many, also once it looks at some uses alone', () => {
  // The Lehmer generator of Park and Miller, so that a run is like any other.
  let state = 42;
  const random = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  const book = new SightingBook(() => 0, random);
  for (let round = 0; round < 5; round++) {
    for (let index = 0; index < 20_000; index++) {
      book.used(groupRef(`rare-${index}`) as never);
      if (index % 4 === 0) book.used(groupRef('often') as never);
      if (index % 20 === 0) book.used(groupRef('sometimes') as never);
    }
    book.round();
  }
  const { asked } = book.list();
  expect(asked).toHaveLength(24);
  expect(asked.slice(0, 2).map(({ imageKey }) => imageKey)).toEqual(['often', 'sometimes']);
  // 25,000 uses, by samples of a thousand a round.
  expect(asked[0]?.figure).toBeGreaterThan(15_000);
  expect(asked[0]?.figure).toBeLessThan(35_000);
});

it('lets what was asked for long ago fade', () => {
  const book = new SightingBook(() => 0);
  for (let times = 0; times < 8; times++) book.used(groupRef('once') as never);
  for (let rounds = 0; rounds < 60; rounds++) book.round();
  expect(book.list().asked[0]?.figure).toBe(4);
  for (let rounds = 0; rounds < 240; rounds++) book.round();
  expect(book.list().asked).toEqual([]);
});
