// Conversions that wait for a free converter: three priorities in strict order, contexts of one priority in turn. Bounded.
import type { Context } from '../kernel/image-key.js';
import { PRIORITIES, type Priority } from '../kernel/ports.js';

export interface Queued {
  readonly priority: Priority;
  readonly context: Context;
}

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

  /** `maxLength`: jobs that may wait in all priorities together. */
  constructor(private readonly maxLength: number) {}

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
    this.depths[job.priority]++;
    this.peaks[job.priority] = Math.max(this.peaks[job.priority], this.depths[job.priority]);
    return true;
  }

  /** Takes the job whose turn it is. */
  shift(): J | undefined {
    for (const priority of PRIORITIES) {
      const contexts = this.waiting[priority];
      const [next] = contexts;
      if (next === undefined) continue;
      const [context, jobs] = next;
      const job = jobs.shift();
      contexts.delete(context);
      if (jobs.length > 0) contexts.set(context, jobs);
      if (job !== undefined) this.depths[priority]--;
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
    if (jobs.length === 0) contexts.delete(job.context);
    this.depths[job.priority]--;
    return true;
  }
}
