// Fairness at the queue: weights, the age of what waits, and places in a full queue.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JobQueue, type Queued } from '../../../src/convert/job-queue.js';
import { parseContext } from '../../../src/kernel/image-key.js';
import type { Priority } from '../../../src/kernel/ports/converter.js';

interface Named extends Queued {
  readonly name: string;
}

const job = (name: string, context = 'a', priority: Priority = 'medium'): Named => ({
  name,
  priority,
  context: parseContext(context),
});

function drained(queue: JobQueue<Named>): string[] {
  const names: string[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) names.push(next.name);
  return names;
}

describe('weights', () => {
  test('a context of weight 3 has three turns in a row, the others one', () => {
    const queue = new JobQueue<Named>(20, (context) => (context === 'big' ? 3 : 1));
    for (let n = 1; n <= 5; n++) queue.push(job(`big${n}`, 'big'));
    for (let n = 1; n <= 3; n++) queue.push(job(`small${n}`, 'small'));
    expect(drained(queue)).toEqual(['big1', 'big2', 'big3', 'small1', 'big4', 'big5', 'small2', 'small3']);
  });

  test('turns that a context cannot use are not kept for later', () => {
    const queue = new JobQueue<Named>(20, () => 2);
    queue.push(job('a1', 'a'));
    queue.push(job('b1', 'b'));
    expect(queue.shift()?.name).toBe('a1');
    for (const name of ['a2', 'a3']) queue.push(job(name, 'a'));
    for (const name of ['b2', 'b3']) queue.push(job(name, 'b'));
    expect(drained(queue)).toEqual(['b1', 'b2', 'a2', 'a3', 'b3']);
  });

  test('a job taken out of turn leaves no turns behind', () => {
    const queue = new JobQueue<Named>(20, () => 2);
    const [first, second] = [job('a1', 'a'), job('a2', 'a')];
    queue.push(first);
    queue.push(second);
    for (const name of ['b1', 'b2', 'b3']) queue.push(job(name, 'b'));
    queue.shift();
    queue.remove(second);
    queue.push(job('a3', 'a'));
    expect(drained(queue)).toEqual(['b1', 'b2', 'a3', 'b3']);
  });
});

describe('what is instant for one context', () => {
  const names = (queue: JobQueue<Named>, starts: number): (string | undefined)[] =>
    Array.from({ length: starts }, () => queue.shift()?.name);

  test('comes first four times, then an upload of another context has its turn, and so on', () => {
    const queue = new JobQueue<Named>(50);
    for (let n = 1; n <= 20; n++) queue.push(job(`a${n}`, 'a', 'instant'));
    for (const name of ['b1', 'b2']) queue.push(job(name, 'b'));
    queue.push(job('c1', 'c'));
    expect(names(queue, 16)).toEqual(
      ['a1 a2 a3 a4 b1', 'a5 a6 a7 a8 c1', 'a9 a10 a11 a12 b2', 'a13'].flatMap((turns) => turns.split(' ')),
    );
  });

  test('leaves the turn to others only: its own uploads wait for as long as it asks for more', () => {
    const queue = new JobQueue<Named>(50);
    queue.push(job('own', 'a'));
    for (let n = 1; n <= 9; n++) queue.push(job(`a${n}`, 'a', 'instant'));
    expect(names(queue, 6)).toEqual(['a1', 'a2', 'a3', 'a4', 'a5', 'a6']);
    queue.push(job('b1', 'b'));
    expect(names(queue, 5)).toEqual(['a7', 'a8', 'a9', 'own', 'b1']);
  });

  test('is not put back for what nobody waits for', () => {
    const queue = new JobQueue<Named>(50);
    queue.push(job('b1', 'b', 'background'));
    for (let n = 1; n <= 9; n++) queue.push(job(`a${n}`, 'a', 'instant'));
    expect(names(queue, 10).at(-1)).toBe('b1');
  });

  test('keeps no upload of another context out of a full queue', () => {
    const queue = new JobQueue<Named>(3);
    for (let n = 1; n <= 3; n++) queue.push(job(`a${n}`, 'a', 'instant'));
    expect(queue.hasRoomFor(job('b1', 'b'))).toBe(true);
    expect(queue.displaceForIfFull(job('b1', 'b'))?.name).toBe('a3');
  });
});

describe('the oldest', () => {
  test('is the one that came first, whoever it belongs to and whatever was taken since', () => {
    const queue = new JobQueue<Named>(20);
    for (const [name, context] of [
      ['a1', 'a'],
      ['a2', 'a'],
      ['b1', 'b'],
    ] as const)
      queue.push(job(name, context));
    expect(queue.oldest('medium')?.name).toBe('a1');
    queue.shift();
    expect(queue.oldest('medium')?.name).toBe('a2');
    expect(queue.shift()?.name).toBe('b1');
    expect(queue.oldest('medium')?.name).toBe('a2');
    queue.shift();
    expect(queue.oldest('medium')).toBeUndefined();
    expect(queue.oldest('instant')).toBeUndefined();
  });
});

describe('a full queue', () => {
  const full = (...jobs: Named[]): JobQueue<Named> => {
    const queue = new JobQueue<Named>(jobs.length);
    for (const each of jobs) queue.push(each);
    return queue;
  };

  test('gives a context without jobs the place of the newest of the context with most', () => {
    const queue = full(job('a1'), job('a2'), job('b1', 'b'), job('a3'));
    expect(queue.hasRoomFor(job('c1', 'c'))).toBe(true);
    expect(queue.displaceForIfFull(job('c1', 'c'))?.name).toBe('a3');
    expect(queue.push(job('c1', 'c'))).toBe(true);
    expect(drained(queue)).toEqual(['a1', 'b1', 'c1', 'a2']);
  });

  test('takes nothing from a context that would then have less than the one that asks', () => {
    const queue = full(job('a1'), job('a2'), job('b1', 'b'));
    expect(queue.hasRoomFor(job('b2', 'b'))).toBe(false);
    expect(queue.displaceForIfFull(job('b2', 'b'))).toBeUndefined();
    expect(queue.hasRoomFor(job('a3'))).toBe(false);
  });

  test('gives no place of a job that is waited for to one that nobody waits for', () => {
    const queue = full(job('a1', 'a', 'instant'), job('a2', 'a', 'instant'), job('a3', 'a', 'medium'));
    expect(queue.displaceForIfFull(job('b', 'b', 'background'))).toBeUndefined();
    expect(queue.displaceForIfFull(job('b', 'b', 'instant'))?.name).toBe('a3');
  });

  test('one that is not full displaces nobody', () => {
    const queue = new JobQueue<Named>(3);
    for (const name of ['a1', 'a2']) queue.push(job(name));
    expect(queue.displaceForIfFull(job('b1', 'b'))).toBeUndefined();
  });
});

test('after any pushes every context that asked has its share: no two differ by more than it asked for less', () => {
  const names = fc.constantFrom('a', 'b', 'c', 'd');
  fc.assert(
    fc.property(fc.array(names, { maxLength: 200 }), fc.integer({ min: 4, max: 24 }), (contexts, maxLength) => {
      const queue = new JobQueue<Named>(maxLength);
      const asked = new Map<string, number>();
      for (const [index, context] of contexts.entries()) {
        asked.set(context, (asked.get(context) ?? 0) + 1);
        const next = job(String(index), context);
        queue.displaceForIfFull(next);
        queue.push(next);
        expect(queue.length).toBeLessThanOrEqual(maxLength);
      }
      const held = new Map<string, number>();
      for (let next = queue.shift(); next; next = queue.shift())
        held.set(next.context, (held.get(next.context) ?? 0) + 1);
      // Whoever asked for no more than an equal share, all four being there, got everything.
      for (const [context, count] of asked)
        if (count <= Math.floor(maxLength / 4)) expect(held.get(context)).toBe(count);
    }),
  );
});
