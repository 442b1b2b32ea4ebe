// The largest of what was stored before the start are found, wherever they stand, at a bounded share of the time, and a stop ends the search.
import { expect, it } from 'vitest';
import type { Catalog } from '../../../src/kernel/ports/catalog.js';
import type { WalkedGroup } from '../../../src/kernel/ports/catalog-walk.js';
import { findLargest } from '../../../src/previews/largest-sources.js';
import { SightingBook } from '../../../src/previews/sightings.js';
import { groupRef } from '../../support/records.js';

const BATCH = 100;

/** A catalog of so many groups, each with as many bytes as its number; a batch takes 2 ms. */
function search(groups: number, stopping = new AbortController(), mostRest = Number.POSITIVE_INFINITY) {
  let now = 0;
  let rested = 0;
  const book = new SightingBook(() => 0);
  async function* walked(): AsyncGenerator<readonly WalkedGroup[]> {
    for (let from = 0; from < groups; from += BATCH)
      yield Array.from(
        { length: BATCH },
        (_, at) => ({ ref: groupRef(`${from + at}`), source: '' }) as unknown as WalkedGroup,
      );
  }
  const find = async (ref: { readonly imageKey: string }) => {
    now += 2 / BATCH;
    return { group: { ...ref, context: '', createdAt: 7 }, source: { bytes: Number(ref.imageKey) } };
  };
  const looked = findLargest({
    ...{ walk: { groups: walked }, catalog: { find } as unknown as Catalog, book, stopping: stopping.signal },
    now: () => now,
    pause: async (ms) => {
      rested += ms;
      if (rested > mostRest) stopping.abort();
    },
  });
  return looked.then((count) => ({ count, largest: book.list().largest, newest: book.list().newest, now, rested }));
}

it('all are looked at once, and the newest stay what they are', async () => {
  const { count, largest, newest, now, rested } = await search(10_000);
  expect([count, largest[0]?.imageKey, largest.at(-1)?.imageKey, newest]).toEqual([10_000, '9999', '9976', []]);
  expect(now / (now + rested)).toBeCloseTo(0.05);
});

it('not more than 200,000 are', async () => {
  expect((await search(201_000)).count).toBe(200_000);
});

it('none are any more once the server stops', async () => {
  const stopping = new AbortController();
  // A batch of 2 ms is followed by 38 ms of rest.
  expect((await search(10_000, stopping, 100)).count).toBe(3 * BATCH);
  expect((await search(1_000, stopping)).count).toBe(0);
});
