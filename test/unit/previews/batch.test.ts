// Batches over use cases whose pace the test sets: what is stored comes first, and patience has an end.
import { expect, it } from 'vitest';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { parseFormat } from '../../../src/kernel/format.js';
import type { PreviewBytes, PreviewChoice } from '../../../src/previews/answers.js';
import { type Fulfilled, fulfilled, type Wish } from '../../../src/previews/batch.js';
import { Gate } from '../../support/gate.js';
import { groupRef } from '../../support/records.js';

const FORMAT = parseFormat('auto:200x150');
const wish = (key: string): Wish => ({ ref: groupRef(key), format: FORMAT });
const named = (name: string) => ({ relation: name }) as unknown as PreviewChoice;

/** `stored` at once, `smaller` has another preview meanwhile, `made` and `smaller` are made once `making` is open, `none` is no key. */
function previewsOf(making: Gate) {
  let atOnce = 0;
  let most = 0;
  const counted = async <T>(work: () => Promise<T>): Promise<T> => {
    most = Math.max(most, ++atOnce);
    await Promise.resolve();
    return work().finally(() => atOnce--);
  };
  return {
    most: () => most,
    previews: {
      async availableNow({ imageKey }: { readonly imageKey: string }) {
        return counted(async () => {
          if (imageKey === 'none') throw new ProofsheetError('unknown-image-key', 'no such key');
          if (imageKey === 'stored') return { choice: named('stored'), isFinal: true };
          return { choice: imageKey === 'smaller' ? named('provisional') : undefined, isFinal: false };
        });
      },
      async choose({ imageKey }: { readonly imageKey: string }) {
        await making.pass();
        return named(imageKey);
      },
      read: async (choice: PreviewChoice): Promise<PreviewBytes> => ({ bytes: Buffer.of(1), from: 'memory', choice }),
    },
  };
}

const told = (item: Fulfilled) =>
  'failed' in item
    ? `${item.index} ${(item.failed as ProofsheetError).code}`
    : `${item.index} ${item.read.choice.relation}${item.isFinal ? '' : '?'}`;

async function all(items: AsyncIterable<Fulfilled>): Promise<string[]> {
  const found: string[] = [];
  for await (const item of items) found.push(told(item));
  return found;
}

it('answers each once, what is stored first, and what is wrong with one for itself', async () => {
  const making = new Gate();
  const { previews } = previewsOf(making);
  making.shut();
  const failed = new ProofsheetError('invalid-image-key', 'too long');
  const items = fulfilled(previews, [wish('made'), wish('stored'), wish('none'), { failed }, wish('stored')]);
  const first: string[] = [];
  for (let n = 0; n < 4; n++) {
    const { value } = await items.next();
    if (value) first.push(told(value));
  }
  expect(first.toSorted()).toEqual(['1 stored', '2 unknown-image-key', '3 invalid-image-key', '4 stored']);
  making.open();
  expect(await all(items)).toEqual(['0 made']);
});

it('with patience shows the best that is there, and then the right one', async () => {
  const making = new Gate();
  const { previews } = previewsOf(making);
  making.shut();
  const items = fulfilled(previews, [wish('smaller'), wish('stored'), wish('made')], 60_000);
  const first = [await items.next(), await items.next()].map(({ value }) => value && told(value));
  expect(first.toSorted()).toEqual(['0 provisional?', '1 stored']);
  making.open();
  expect((await all(items)).toSorted()).toEqual(['0 smaller', '2 made']);
});

it('does not wait longer than it has patience: what had nothing to show is told so', async () => {
  const making = new Gate();
  making.shut();
  const { previews } = previewsOf(making);
  const found = await all(fulfilled(previews, [wish('made'), wish('smaller'), wish('stored')], 0));
  expect(found.toSorted()).toEqual(['0 overloaded', '1 provisional?', '2 stored']);
  making.open();
});

it('looks at eight at once and no more, and goes on only as they are taken', async () => {
  const { previews, most } = previewsOf(new Gate());
  const wishes = Array.from({ length: 100 }, () => wish('stored'));
  expect(await all(fulfilled(previews, wishes))).toHaveLength(100);
  expect(most()).toBe(8);
});
