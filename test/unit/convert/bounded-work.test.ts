// Work that is ended after a time, and what is told of it.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { TookTooLong, withinTime } from '../../../src/convert/bounded-work.js';

test('work gives what it gives, and throws what it throws', () => {
  expect(withinTime(10_000, () => 7)).toBe(7);
  const thrown = new TypeError('its own');
  expect(() =>
    withinTime(10_000, () => {
      throw thrown;
    }),
  ).toThrow(thrown);
});

test('a loop without an end is ended, and the next work runs', () => {
  const endless = (): never => {
    for (;;) Math.random();
  };
  expect(() => withinTime(50, endless)).toThrow(TookTooLong);
  expect(withinTime(10_000, () => 'after')).toBe('after');
});

test('what had no processor is told from what took it, whatever other threads of the process do', async () => {
  const busy = Array.from({ length: 4 }, () => new Worker('for (;;);', { eval: true }));
  await Promise.all(busy.map((worker) => once(worker, 'online')));
  const asleep = (): unknown => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
  let told: unknown;
  try {
    withinTime(1000, asleep);
  } catch (error) {
    told = error;
  }
  await Promise.all(busy.map((worker) => worker.terminate()));
  expect(told).toMatchObject({ name: 'TookTooLong', wasWorking: false });
});
