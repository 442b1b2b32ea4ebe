// Pieces of work side by side: never more than allowed, begun in order, every failure told.
import os from 'node:os';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodesAtOnce, Lanes } from '../../../src/convert/lanes.js';

test('previews are encoded side by side on what no other conversion needs, and alone when nobody waits for them', () => {
  const most = Math.min(3, os.availableParallelism());
  expect(encodesAtOnce('medium', 8, 0)).toBe(most);
  expect(encodesAtOnce('instant', most + 2, 2)).toBe(most);
  expect(encodesAtOnce('medium', 1, 0)).toBe(1);
  expect(encodesAtOnce('medium', 2, 5)).toBe(1);
  expect(encodesAtOnce('background', 8, 0)).toBe(1);
});

describe('lanes', () => {
  test('run at most so many side by side, and as many as that where there are so many', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 12 }),
        async (atOnce, turns) => {
          const lanes = new Lanes(atOnce);
          const begun: number[] = [];
          let running = 0;
          let most = 0;
          for (const [index, count] of turns.entries()) {
            await lanes.begin(async () => {
              begun.push(index);
              most = Math.max(most, ++running);
              for (let turn = 0; turn <= count; turn++) await setImmediate();
              running--;
            });
            if (atOnce === 1) expect(running).toBe(0);
          }
          await lanes.ended();
          expect(running).toBe(0);
          expect(begun).toEqual(turns.map((_, index) => index));
          expect(most).toBe(Math.min(atOnce, turns.length));
        },
      ),
    );
  });

  test('tell a failure to whoever begins more, or waits for the end, once; and rest only when all has ended', async () => {
    const lanes = new Lanes(2);
    let slowEnded = false;
    await lanes.begin(async () => {
      await setImmediate();
      throw new Error('first');
    });
    const next = lanes.begin(async () => {
      for (let turn = 0; turn < 20; turn++) await setImmediate();
      slowEnded = true;
    });
    await expect(next).rejects.toThrow('first');
    await expect(lanes.ended()).rejects.toThrow('first');
    await lanes.quiet();
    expect(slowEnded).toBe(true);
  });

  test('wait in the end for what takes no lane, and tell of its failure', async () => {
    const lanes = new Lanes(1);
    let release = (_error: Error): void => undefined;
    const waiting = new Promise<void>((_, reject) => {
      release = reject;
    });
    await lanes.begin(async () => lanes.beside(waiting));
    await lanes.begin(async () => undefined);
    setTimeout(() => release(new Error('disk')), 5);
    await expect(lanes.ended()).rejects.toThrow('disk');
  });
});
