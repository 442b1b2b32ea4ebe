// Jobs that several wait for: served at the first turn of any of their places, counted once, taken away from nobody who has room.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JobQueue, type Queued } from '../../../src/convert/job-queue.js';
import { parseContext } from '../../../src/kernel/image-key.js';
import { type Place, PRIORITIES, type Priority } from '../../../src/kernel/ports/converter.js';

interface Named extends Queued {
  readonly name: string;
}

const place = (context: string, priority: Priority = 'medium'): Place => ({ priority, context: parseContext(context) });
const job = (name: string, context = 'a', priority: Priority = 'medium'): Named => ({
  name,
  ...place(context, priority),
});

function drained(queue: JobQueue<Named>): string[] {
  const names: string[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) names.push(next.name);
  return names;
}

function filled(jobs: readonly Named[], maxLength = 20): JobQueue<Named> {
  const queue = new JobQueue<Named>(maxLength);
  for (const each of jobs) queue.push(each);
  return queue;
}

describe('a job that somebody joins', () => {
  const shared = job('shared');
  const crowd = [1, 2, 3, 4].map((n) => job(`a${n}`));

  test('has its turn in the row of who joined, before the crowd it came with', () => {
    const queue = filled([...crowd, shared, job('b1', 'b')]);
    expect(queue.join(shared, place('c'))).toBe(false);
    expect(drained(queue)).toEqual(['a1', 'b1', 'shared', 'a2', 'a3', 'a4']);
  });

  test('keeps its own place too, whichever is the first', () => {
    const queue = filled([shared, job('b1', 'b'), job('b2', 'b')]);
    queue.join(shared, place('b'));
    expect(drained(queue)).toEqual(['shared', 'b1', 'b2']);
  });

  test('takes the better priority, and counts and ages in that one', () => {
    const behind = job('behind', 'a', 'background');
    const queue = filled([job('m1'), behind]);
    expect(queue.join(behind, place('a', 'instant'))).toBe(true);
    expect(PRIORITIES.map((priority) => queue.depth(priority))).toEqual([1, 1, 0]);
    expect(queue.oldest('instant')?.name).toBe('behind');
    expect(queue.join(behind, place('a', 'medium'))).toBe(false);
    expect(drained(queue)).toEqual(['behind', 'm1']);
  });

  test('that no longer waits, nobody joins', () => {
    const queue = filled([shared]);
    queue.shift();
    expect(queue.join(shared, place('b', 'instant'))).toBe(false);
    expect([queue.length, queue.depth('instant')]).toEqual([0, 0]);
  });

  test('is not displaced for its first context, when others wait for it too', () => {
    const queue = filled([...crowd, shared], 5);
    queue.join(shared, place('b'));
    expect(queue.displaceForIfFull(job('c1', 'c'))?.name).toBe('a4');
  });
});

test('whatever joins, leaves and is served: each job is served once, the counts fit, no row is left behind', () => {
  const places = fc.record({ priority: fc.constantFrom(...PRIORITIES), context: fc.constantFrom('a', 'b', 'c', 'd') });
  const steps = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('push' as const), at: places }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('join' as const), at: places, which: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('shift' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), which: fc.nat(20) }) },
  );
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 80 }), (script) => {
      const queue = new JobQueue<Named>(30, (context) => (context === 'b' ? 2 : 1));
      /** What waits, with its best priority. */
      const waiting = new Map<Named, number>();
      const gone = new Set<Named>();
      const leave = (each: Named | undefined): void => {
        if (each === undefined) return;
        expect(gone.has(each)).toBe(false);
        gone.add(each);
        waiting.delete(each);
      };
      let made = 0;
      /** Instant ones in a row. */
      let overtaken = 0;
      for (const step of script) {
        const [picked] = [...waiting.keys()].slice('which' in step ? step.which % Math.max(1, waiting.size) : 0);
        if (step.do === 'push') {
          const each = job(`${made++}`, step.at.context, step.at.priority);
          expect(queue.push(each)).toBe(true);
          waiting.set(each, PRIORITIES.indexOf(each.priority));
          if (waiting.size === 30) leave(queue.shift());
        } else if (step.do === 'join' && picked) {
          queue.join(picked, place(step.at.context, step.at.priority));
          waiting.set(picked, Math.min(waiting.get(picked) ?? 9, PRIORITIES.indexOf(step.at.priority)));
        } else if (step.do === 'shift') {
          const best = Math.min(...waiting.values());
          const next = queue.shift();
          const rank = next && waiting.get(next);
          // Nothing that is less urgent comes before what is more urgent, but for the upload whose turn it is after four.
          if (rank === undefined) expect(waiting.size).toBe(0);
          else if (rank !== best) expect([rank, best, overtaken >= 4]).toEqual([1, 0, true]);
          overtaken = rank === 0 ? overtaken + 1 : 0;
          leave(next);
        } else if (step.do === 'remove' && picked) {
          expect(queue.remove(picked)).toBe(true);
          leave(picked);
        }
        expect(queue.length).toBe(waiting.size);
        for (const [rank, priority] of PRIORITIES.entries())
          expect(queue.depth(priority)).toBe([...waiting.values()].filter((best) => best === rank).length);
      }
      expect(drained(queue)).toHaveLength(waiting.size);
    }),
  );
});
