// A conversion's wait for memory: bounded in time, and as urgent as the most urgent of those who wait for the conversion.
import { type Joined, PRIORITIES, type Priority } from '../kernel/ports/converter.js';
import type { Grant, MemoryBudget } from './memory-budget.js';

export interface MemoryWish {
  readonly bytes: number;
  readonly priority: Priority;
  /** Who comes to wait for the conversion meanwhile. */
  readonly joined?: Joined;
  readonly maxWaitMs: number;
  readonly granted: (grant: Grant) => void;
  /** The wait took too long; it goes on until it is given up. */
  readonly overdue: () => void;
}

/** Calls `granted`, at once or later, unless the returned function gave the wish up before. */
export function waitForMemory(budget: MemoryBudget, wish: MemoryWish): () => void {
  let { priority } = wish;
  let isOver = false;
  let stopJoining: (() => void) | undefined;
  const end = (): void => {
    isOver = true;
    clearTimeout(timer);
    stopJoining?.();
  };
  const granted = (grant: Grant): void => {
    end();
    wish.granted(grant);
  };
  const timer = setTimeout(wish.overdue, wish.maxWaitMs);
  let cancel = budget.request(wish.bytes, priority, granted);
  if (isOver) return () => undefined;
  stopJoining = wish.joined?.each((place) => {
    if (isOver || PRIORITIES.indexOf(place.priority) >= PRIORITIES.indexOf(priority)) return;
    // Waits on with those that are as urgent.
    cancel();
    priority = place.priority;
    cancel = budget.request(wish.bytes, priority, granted);
  });
  if (isOver) stopJoining?.();
  return () => {
    end();
    cancel();
  };
}
