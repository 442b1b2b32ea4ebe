// Who is converted next: strict priorities, contexts in turn, a bound.
import { describe, expect, test } from 'vitest';
import { JobQueue, type Queued } from '../../../src/convert/job-queue.js';
import { parseContext } from '../../../src/kernel/image-key.js';
import type { Priority } from '../../../src/kernel/ports/converter.js';

interface Named extends Queued {
  readonly name: string;
}

function job(name: string, priority: Priority = 'medium', context = ''): Named {
  return { name, priority, context: parseContext(context) };
}

function drained(queue: JobQueue<Named>): string[] {
  const names: string[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) names.push(next.name);
  return names;
}

describe('the order of jobs', () => {
  test('instant before medium before background, however they came', () => {
    const queue = new JobQueue<Named>(10);
    queue.push(job('b', 'background'));
    queue.push(job('m'));
    queue.push(job('i', 'instant'));
    expect(drained(queue)).toEqual(['i', 'm', 'b']);
  });

  test('first come, first served within a context', () => {
    const queue = new JobQueue<Named>(10);
    for (const name of ['1', '2', '3']) queue.push(job(name));
    expect(drained(queue)).toEqual(['1', '2', '3']);
  });

  test('a context with many jobs waits for its turn behind one with few', () => {
    const queue = new JobQueue<Named>(10);
    for (const name of ['a1', 'a2', 'a3']) queue.push(job(name, 'medium', 'a'));
    queue.push(job('b1', 'medium', 'b'));
    queue.push(job('c1', 'medium', 'c'));
    expect(drained(queue)).toEqual(['a1', 'b1', 'c1', 'a2', 'a3']);
  });
});

describe('the bound', () => {
  test('a full queue takes nothing, one place later it does', () => {
    const queue = new JobQueue<Named>(2);
    expect([queue.push(job('1')), queue.push(job('2', 'instant')), queue.push(job('3'))]).toEqual([true, true, false]);
    queue.shift();
    expect(queue.push(job('3'))).toBe(true);
    expect(queue.length).toBe(2);
  });

  test('depth counts what waits, peak the most that ever did', () => {
    const queue = new JobQueue<Named>(10);
    queue.push(job('1'));
    queue.push(job('2'));
    queue.shift();
    expect([queue.depth('medium'), queue.peak('medium'), queue.peak('instant')]).toEqual([1, 2, 0]);
  });
});

test('a job that leaves is not served and not counted, and leaves only once', () => {
  const queue = new JobQueue<Named>(10);
  const leaving = job('1');
  queue.push(leaving);
  queue.push(job('2'));
  expect([queue.remove(leaving), queue.remove(leaving)]).toEqual([true, false]);
  expect(queue.length).toBe(1);
  expect(drained(queue)).toEqual(['2']);
});
