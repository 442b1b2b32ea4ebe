// Progress of a long command: a bar on a terminal, nothing elsewhere, no colour where none is wanted.
import { expect, test } from 'vitest';
import { Progress } from '../../src/cli/progress.js';

function drawn(
  isTTY: boolean,
  noColor: boolean,
  updates: readonly (readonly [atMs: number, done: number])[],
): string[] {
  const texts: string[] = [];
  let now = 0;
  const screen = { isTTY, columns: 100, write: (text: string) => texts.push(text) };
  const progress = new Progress(screen, 200, () => now, noColor);
  for (const [atMs, done] of updates) {
    now = atMs;
    progress.update(done, '1.0 MB');
  }
  progress.end();
  return texts;
}

test('a terminal sees one line that is drawn anew at most every 100 ms, with the time that is left, and then none', () => {
  const texts = drawn(true, true, [
    [1_000, 50],
    [1_050, 60],
    [2_000, 100],
  ]);
  expect(texts).toEqual([
    `\r\x1b[2K[${'#'.repeat(6)}${'-'.repeat(18)}] 25 % (50 of 200), 1.0 MB, 0:03 left`,
    `\r\x1b[2K[${'#'.repeat(12)}${'-'.repeat(12)}] 50 % (100 of 200), 1.0 MB, 0:02 left`,
    '\r\x1b[2K',
  ]);
  expect(drawn(true, false, [[1_000, 50]])[0]).toContain('\x1b[32m######');
});

test('elsewhere nothing is written', () => {
  const texts = drawn(false, false, [
    [0, 10],
    [4_999, 20],
    [5_000, 250],
  ]);
  expect(texts).toEqual([]);
});
