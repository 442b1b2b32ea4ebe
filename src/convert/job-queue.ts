// Conversions that wait for a free converter: three priorities in strict order, contexts of one priority in turn, each with
// as many turns in a row as its weight. Bounded, and a full queue is shared between contexts.
import type { Context } from '../kernel/image-key.js';
import { PRIORITIES, type Priority } from '../kernel/ports.js';

export interface Queued {
  readonly priority: Priority;
  readonly context: Context;
}

/** One turn for everybody. */
const EQUAL = (): number => 1;

/** First by priority; within one, the contexts take turns; within a context, first in first out. */
export class JobQueue<J extends Queued> {
  // A Map keeps the order of insertion: the context that was served goes to the end.
  private readonly waiting: Readonly<Record<Priority, Map<Context, J[]>>> = {
    instant: new Map(),
    medium: new Map(),
    background: new Map(),
  };
  private readonly depths: Record<Priority, number> = { instant: 0, medium: 0, background: 0 };
  private readonly peaks: Record<Priority, number> = { instant: 0, medium: 0, background: 0 };

  /** Turns that the context in front has left, by priority; none begun yet: `undefined`. */
  private readonly turnsLeft: Partial<Record<Priority, number>> = {};
  /** In the order in which they came, for the age of the oldest. */
  private readonly arrivals: Readonly<Record<Priority, Set<J>>> = {
    instant: new Set(),
    medium: new Set(),
    background: new Set(),
  };
  /** Jobs by context over all priorities. */
  private readonly counts = new Map<Context, number>();

  /** `maxLength`: jobs that may wait in all priorities together. `weightOf`: turns in a row, 1 or more. */
  constructor(
    private readonly maxLength: number,
    private readonly weightOf: (context: Context) => number = EQUAL,
  ) {}

  get length(): number {
    return PRIORITIES.reduce((sum, priority) => sum + this.depths[priority], 0);
  }

  depth(priority: Priority): number {
    return this.depths[priority];
  }

  /** The most that ever waited at once. */
  peak(priority: Priority): number {
    return this.peaks[priority];
  }

  /** `false` when the queue is full: the job was not taken. */
  push(job: J): boolean {
    if (this.length >= this.maxLength) return false;
    const contexts = this.waiting[job.priority];
    const jobs = contexts.get(job.context);
    if (jobs) jobs.push(job);
    else contexts.set(job.context, [job]);
    this.count(job, 1);
    this.peaks[job.priority] = Math.max(this.peaks[job.priority], this.depths[job.priority]);
    return true;
  }

  /** The one that has waited longest in this priority. */
  oldest(priority: Priority): J | undefined {
    const [oldest] = this.arrivals[priority];
    return oldest;
  }

  /** Whether `job` would be taken, by a free place or by one that its context may claim. */
  hasRoomFor(job: Queued): boolean {
    return this.length < this.maxLength || this.displaceable(job) !== undefined;
  }

  /**
   * Takes a job out of the queue, if that is full, so that `job` finds a place: the newest of the context that has most waiting, if that
   * has at least two more than the context of `job`. So a flood of one context cannot shut out the others.
   */
  displaceForIfFull(job: Queued): J | undefined {
    if (this.length < this.maxLength) return undefined;
    const displaced = this.displaceable(job);
    if (displaced !== undefined) this.remove(displaced);
    return displaced;
  }

  /** Takes the job whose turn it is. */
  shift(): J | undefined {
    for (const priority of PRIORITIES) {
      const contexts = this.waiting[priority];
      const [next] = contexts;
      if (next === undefined) continue;
      const [context, jobs] = next;
      const job = jobs.shift();
      const left = (this.turnsLeft[priority] ?? this.weightOf(context)) - 1;
      if (left > 0 && jobs.length > 0) {
        this.turnsLeft[priority] = left;
      } else {
        delete this.turnsLeft[priority];
        contexts.delete(context);
        if (jobs.length > 0) contexts.set(context, jobs);
      }
      if (job !== undefined) this.count(job, -1);
      return job;
    }
    return undefined;
  }

  /** Takes a job out of turn; `false` when it does not wait here. */
  remove(job: J): boolean {
    const contexts = this.waiting[job.priority];
    const jobs = contexts.get(job.context);
    const at = jobs?.indexOf(job) ?? -1;
    if (jobs === undefined || at < 0) return false;
    jobs.splice(at, 1);
    if (jobs.length === 0) {
      // Whose turn it was has none left to take.
      if ([...contexts.keys()][0] === job.context) delete this.turnsLeft[job.priority];
      contexts.delete(job.context);
    }
    this.count(job, -1);
    return true;
  }

  private count(job: J, by: 1 | -1): void {
    this.depths[job.priority] += by;
    const count = (this.counts.get(job.context) ?? 0) + by;
    if (count > 0) this.counts.set(job.context, count);
    else this.counts.delete(job.context);
    if (by > 0) this.arrivals[job.priority].add(job);
    else this.arrivals[job.priority].delete(job);
  }

  /** The job that `job` may take the place of; never one that is more urgent. */
  private displaceable(job: Queued): J | undefined {
    let [fullest, most] = [job.context, (this.counts.get(job.context) ?? 0) + 1];
    for (const [context, count] of this.counts) if (count > most) [fullest, most] = [context, count];
    if (fullest === job.context) return undefined;
    for (const priority of PRIORITIES.toReversed()) {
      const newest = this.waiting[priority].get(fullest)?.at(-1);
      if (newest !== undefined) return newest;
      if (priority === job.priority) break;
    }
    return undefined;
  }
}
