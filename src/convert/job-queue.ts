// Conversions that wait for a free converter: by priority, but that what is instant for one context leaves every fifth start to uploads of
// others; contexts of one priority in turn, each with as many turns in a row as its weight. Bounded, and a full queue is shared between
// contexts. A job stands in the row of everybody who waits for it, and is served when the first of these places has its turn.
import type { Context } from '../kernel/image-key.js';
import { type Place, PRIORITIES, type Priority } from '../kernel/ports/converter.js';
import { RecentPeak } from './recent-peak.js';

/** The place of who brought the job; others may join. */
export type Queued = Place;

/** One turn for everybody. */
const EQUAL = (): number => 1;

/** Instant starts in a row while another context waits for an upload; then that has its turn. */
const MOST_OVERTAKINGS = 4;

/** First by priority; within one, the contexts take turns; within a context, first in first out. */
export class JobQueue<J extends Queued> {
  // A Map keeps the order of insertion: the context that was served goes to the end.
  private readonly waiting: Readonly<Record<Priority, Map<Context, J[]>>> = {
    instant: new Map(),
    medium: new Map(),
    background: new Map(),
  };
  /** Every job that waits, with its places: one a context. */
  private readonly places = new Map<J, Map<Context, Priority>>();
  private readonly peaks: Record<Priority, number> = { instant: 0, medium: 0, background: 0 };
  private readonly recentPeaks: Readonly<Record<Priority, RecentPeak>>;

  /** Turns that the context in front has left, by priority; none begun yet: `undefined`. */
  private readonly turnsLeft: Partial<Record<Priority, number>> = {};
  /** Instant starts since the latest that was none, while another context waited for an upload. */
  private overtakings = 0;
  /** Jobs by their best place, in the order in which they came to it: for depth, and the age of the oldest. */
  private readonly arrivals: Readonly<Record<Priority, Set<J>>> = {
    instant: new Set(),
    medium: new Set(),
    background: new Set(),
  };
  /** Places by context over all priorities. */
  private readonly counts = new Map<Context, number>();

  /**
   * `maxLength`: jobs that may wait in all priorities together. `weightOf`: turns in a row, 1 or more. `now`: ms that never go
   * back.
   */
  constructor(
    private readonly maxLength: number,
    private readonly weightOf: (context: Context) => number = EQUAL,
    now: () => number = () => 0,
  ) {
    this.recentPeaks = { instant: new RecentPeak(now), medium: new RecentPeak(now), background: new RecentPeak(now) };
  }

  get length(): number {
    return this.places.size;
  }

  depth(priority: Priority): number {
    return this.arrivals[priority].size;
  }

  /** The most that ever waited at once. */
  peak(priority: Priority): number {
    return this.peaks[priority];
  }

  /** The most that waited at once in the last five minutes. */
  recentPeak(priority: Priority): number {
    return this.recentPeaks[priority].value(this.depth(priority));
  }

  /** `false` when the queue is full: the job was not taken. */
  push(job: J): boolean {
    if (this.length >= this.maxLength) return false;
    this.places.set(job, new Map());
    this.arrive(job, job.priority);
    this.enter(job, job);
    return true;
  }

  /** The one that has waited longest in this priority. */
  oldest(priority: Priority): J | undefined {
    const [oldest] = this.arrivals[priority];
    return oldest;
  }

  /**
   * Gives a job that waits one more place; at most one a context, the better of two. `true` when its best priority is a better one
   * now, in which it counts as having arrived this moment.
   */
  join(job: J, place: Place): boolean {
    const places = this.places.get(job);
    if (places === undefined) return false;
    const before = places.get(place.context);
    if (before !== undefined && !isBetter(place.priority, before)) return false;
    if (before !== undefined) this.leave(job, { context: place.context, priority: before });
    const best = bestOf(places);
    this.enter(job, place);
    if (!isBetter(place.priority, best)) return false;
    for (const jobs of Object.values(this.arrivals)) jobs.delete(job);
    this.arrive(job, place.priority);
    return true;
  }

  /** Whether `job` would be taken, by a free place or by one that its context may claim. */
  hasRoomFor(job: Queued): boolean {
    return this.length < this.maxLength || this.displaceable(job) !== undefined;
  }

  /**
   * Takes a job out of the queue, if that is full, so that `job` finds a place: the newest of the context that has most waiting, if that
   * has at least two more than the context of `job`. So a flood of one context cannot shut out the others. What another context waits
   * for too is not taken.
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
      const [context] = this.waiting[priority].keys();
      if (context === undefined) continue;
      const overtaken = priority === 'instant' ? this.othersUpload(context) : undefined;
      if (overtaken !== undefined && this.overtakings >= MOST_OVERTAKINGS) {
        this.overtakings = 0;
        return this.take('medium', overtaken);
      }
      this.overtakings = overtaken === undefined ? 0 : this.overtakings + 1;
      return this.take(priority, context);
    }
    return undefined;
  }

  /** The first of the contexts other than this one that wait for an upload. Nobody waits for what is in the background. */
  private othersUpload(than: Context): Context | undefined {
    for (const context of this.waiting.medium.keys()) if (context !== than) return context;
    return undefined;
  }

  /** The first job of a context; the turn is over when the context has had as many as its weight, or was not in front. */
  private take(priority: Priority, context: Context): J | undefined {
    const contexts = this.waiting[priority];
    const jobs = contexts.get(context) ?? [];
    const [job] = jobs;
    if (job === undefined) return undefined;
    const [inFront] = contexts.keys();
    const left = (inFront === context ? (this.turnsLeft[priority] ?? this.weightOf(context)) : 1) - 1;
    const isOver = left <= 0 || jobs.length === 1;
    this.remove(job);
    if (!isOver) this.turnsLeft[priority] = left;
    else {
      if (inFront === context) delete this.turnsLeft[priority];
      contexts.delete(context);
      if (jobs.length > 0) contexts.set(context, jobs);
    }
    return job;
  }

  /** Takes a job out of turn; `false` when it does not wait here. */
  remove(job: J): boolean {
    const places = this.places.get(job);
    if (places === undefined) return false;
    for (const [context, priority] of places) this.leave(job, { context, priority });
    for (const jobs of Object.values(this.arrivals)) jobs.delete(job);
    this.places.delete(job);
    return true;
  }

  private arrive(job: J, priority: Priority): void {
    const jobs = this.arrivals[priority];
    jobs.add(job);
    this.peaks[priority] = Math.max(this.peaks[priority], jobs.size);
    this.recentPeaks[priority].note(jobs.size);
  }

  private enter(job: J, { context, priority }: Place): void {
    this.places.get(job)?.set(context, priority);
    const contexts = this.waiting[priority];
    const jobs = contexts.get(context);
    if (jobs) jobs.push(job);
    else contexts.set(context, [job]);
    this.counts.set(context, (this.counts.get(context) ?? 0) + 1);
  }

  private leave(job: J, { context, priority }: Place): void {
    this.places.get(job)?.delete(context);
    const contexts = this.waiting[priority];
    const jobs = contexts.get(context) ?? [];
    jobs.splice(jobs.indexOf(job), 1);
    if (jobs.length === 0) {
      // Whose turn it was has none left to take.
      if ([...contexts.keys()][0] === context) delete this.turnsLeft[priority];
      contexts.delete(context);
    }
    const count = (this.counts.get(context) ?? 1) - 1;
    if (count > 0) this.counts.set(context, count);
    else this.counts.delete(context);
  }

  /** The job that `job` may take the place of: never one that is waited for, where nobody waits for `job`. */
  private displaceable(job: Queued): J | undefined {
    let [fullest, most] = [job.context, (this.counts.get(job.context) ?? 0) + 1];
    for (const [context, count] of this.counts) if (count > most) [fullest, most] = [context, count];
    if (fullest === job.context) return undefined;
    for (const priority of PRIORITIES.toReversed()) {
      const newest = this.waiting[priority].get(fullest)?.findLast((each) => this.places.get(each)?.size === 1);
      if (newest !== undefined) return newest;
      if (job.priority === 'background') break;
    }
    return undefined;
  }
}

function isBetter(priority: Priority, than: Priority): boolean {
  return PRIORITIES.indexOf(priority) < PRIORITIES.indexOf(than);
}

function bestOf(places: ReadonlyMap<Context, Priority>): Priority {
  let best: Priority = 'background';
  for (const priority of places.values()) if (isBetter(priority, best)) best = priority;
  return best;
}
