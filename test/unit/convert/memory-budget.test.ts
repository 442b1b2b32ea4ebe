// Memory is granted in order, never beyond the budget, and comes back exactly once.
import { expect, test } from 'vitest';
import { type Grant, MemoryBudget } from '../../../src/convert/memory-budget.js';
import type { Priority } from '../../../src/kernel/ports.js';

class Asking {
  readonly granted: string[] = [];
  readonly grants = new Map<string, Grant>();

  constructor(readonly budget: MemoryBudget) {}

  ask(name: string, bytes: number, priority: Priority = 'medium'): () => void {
    return this.budget.request(bytes, priority, (grant) => {
      this.granted.push(name);
      this.grants.set(name, grant);
    });
  }

  giveBack(name: string): void {
    this.grants.get(name)?.release();
  }
}

test('what fits is granted at once; what does not fit waits for space', () => {
  const asking = new Asking(new MemoryBudget(100));
  asking.ask('a', 60);
  asking.ask('b', 50);
  expect(asking.granted).toEqual(['a']);
  expect(asking.budget.inFlightBytes).toBe(60);
  asking.giveBack('a');
  expect(asking.granted).toEqual(['a', 'b']);
  expect(asking.budget.inFlightBytes).toBe(50);
});

test('a higher priority is served first, but nothing overtakes its own kind', () => {
  const asking = new Asking(new MemoryBudget(100));
  asking.ask('holder', 100);
  asking.ask('large', 90, 'medium');
  asking.ask('small', 10, 'medium');
  asking.ask('urgent', 50, 'instant');
  asking.giveBack('holder');
  expect(asking.granted).toEqual(['holder', 'urgent']);
  asking.giveBack('urgent');
  expect(asking.granted).toEqual(['holder', 'urgent', 'large', 'small']);
});

test('a request that is taken back lets the next one pass', () => {
  const asking = new Asking(new MemoryBudget(100));
  asking.ask('holder', 60);
  const takeBack = asking.ask('large', 90);
  asking.ask('small', 40);
  expect(asking.granted).toEqual(['holder']);
  takeBack();
  expect(asking.granted).toEqual(['holder', 'small']);
});

test('a grant comes back once, however often it is released', () => {
  const asking = new Asking(new MemoryBudget(100));
  asking.ask('a', 60);
  asking.giveBack('a');
  asking.giveBack('a');
  expect(asking.budget.inFlightBytes).toBe(0);
});

test('more than the whole budget can never be granted', () => {
  const budget = new MemoryBudget(100);
  expect([budget.fits(100), budget.fits(101)]).toEqual([true, false]);
  expect(() => budget.request(101, 'instant', () => {})).toThrow(RangeError);
});
