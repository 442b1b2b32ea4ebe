// Memory is granted in order, never beyond the budget, and comes back exactly once.
import { expect, test } from 'vitest';
import { type Grant, MemoryBudget } from '../../../src/convert/memory-budget.js';
import type { Priority } from '../../../src/kernel/ports/converter.js';

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

test('four that are more urgent overtake an upload, not a fifth; what nobody waits for is overtaken by all', () => {
  for (const [priority, order] of [
    ['medium', ['1', '2', '3', '4', 'large', '5']],
    ['background', ['1', '2', '3', '4', '5', 'large']],
  ] as const) {
    const asking = new Asking(new MemoryBudget(100));
    asking.ask('holder', 60);
    asking.ask('large', 90, priority);
    for (const name of ['1', '2', '3', '4', '5']) {
      asking.ask(name, 40, 'instant');
      asking.giveBack(name);
    }
    asking.giveBack('holder');
    asking.giveBack('large');
    expect(asking.granted).toEqual(['holder', ...order]);
  }
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

test('what is kept counts though nobody asked for it, beside what conversions have', () => {
  const budget = new MemoryBudget(100);
  const kept = budget.keep(70);
  expect(budget.inFlightBytes).toBe(0);
  const granted: Grant[] = [];
  budget.request(40, 'medium', (grant) => granted.push(grant));
  expect(granted).toEqual([]);
  kept.release();
  kept.release();
  expect(granted.map(({ bytes }) => bytes)).toEqual([40]);
  expect(budget.inFlightBytes).toBe(40);
});

test('who keeps something is told when somebody waits for it, and only then', () => {
  const told: string[] = [];
  const budget: MemoryBudget = new MemoryBudget(100, () => {
    told.push('short');
    kept?.release();
  });
  let kept: Grant | undefined = budget.keep(70);
  budget.request(30, 'medium', () => told.push('small'));
  expect(told).toEqual(['small']);
  budget.request(50, 'medium', () => told.push('large'));
  expect(told).toEqual(['small', 'short', 'large']);
  kept = undefined;
  budget.request(50, 'medium', () => told.push('too large'));
  expect(told).toEqual(['small', 'short', 'large']);
});
