// Work side by side, a few pieces at a time, in the order in which it is begun; and how many pieces of a conversion.
import os from 'node:os';
import type { Priority } from '../kernel/ports/converter.js';

/** A child has four threads for this and for its files; and more than there are cores would be in each other's way. */
const MAX_ENCODES_AT_ONCE = Math.min(3, os.availableParallelism());

/**
 * Previews that the next conversion may encode side by side. One after the other costs the least in sum; but cores whose
 * converters are idle would have nothing to do while somebody waits. `idle` counts the converter that is about to begin;
 * conversions that are `waiting` take theirs.
 */
export function encodesAtOnce(priority: Priority, idle: number, waiting: number): number {
  if (priority === 'background') return 1;
  return Math.min(MAX_ENCODES_AT_ONCE, Math.max(1, idle - waiting));
}

export class Lanes {
  private readonly busy = new Set<Promise<void>>();
  private readonly begun: Promise<void>[] = [];

  /** `atOnce`: 1 or more; with 1 everything is done one after the other. */
  constructor(private readonly atOnce: number) {}

  /** Begins `work`; resolves once there is room for more. Throws what any work has thrown so far. */
  async begin(work: () => Promise<void>): Promise<void> {
    const running = work().finally(() => this.busy.delete(running));
    running.catch(() => undefined); // Told to whoever waits.
    this.busy.add(running);
    this.begun.push(running);
    while (this.busy.size >= this.atOnce) await Promise.race(this.busy);
  }

  /** Has `ended` wait for something that takes no lane. */
  beside(waiting: Promise<void>): void {
    waiting.catch(() => undefined); // Told to whoever waits.
    this.begun.push(waiting);
  }

  /** Resolves when everything that was begun has ended; throws what any of it has thrown. */
  async ended(): Promise<void> {
    for (let seen = 0; seen < this.begun.length; seen++) await this.begun[seen];
  }

  /** Resolves when nothing runs any more, however it ended. */
  async quiet(): Promise<void> {
    for (let seen = 0; seen < this.begun.length; seen++) await this.begun[seen]?.catch(() => undefined);
  }
}
