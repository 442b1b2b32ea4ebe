// Which pictures were stored last, which have the largest sources, and which are asked for most: for whoever looks at this process. In
// memory and bounded; what is asked for is counted by samples once there is much of it, so that a hit costs an addition.
import type { GroupRef } from '../kernel/image-key.js';
import { MOST_SIGHTINGS, type Sighting, type Sightings } from '../kernel/process-report.js';

/** Groups whose uses are counted; beyond it those that were counted least make room, half of them at a time. */
const MOST_COUNTED = 1_000;
/** Uses counted between two rounds, above which fewer of them are looked at. */
const MOST_LOOKED_AT = 1_000;
/** Rounds after which what was counted weighs half. */
const HALF_LIFE_ROUNDS = 60;

interface Counted {
  readonly ref: GroupRef;
  uses: number;
  at: number;
}

export class SightingBook {
  private newest: Sighting[] = [];
  private largest: Sighting[] = [];
  private readonly counted = new Map<string, Counted>();
  /** Of so many uses one is looked at, by chance, lest it be always that of one picture of several that take turns; it stands for all of them. */
  private stride = 1;
  private untilNext = 1;
  private uses = 0;
  private rounds = 0;

  constructor(
    private readonly now: () => number,
    /** From 0 (included) to 1. */
    private readonly random: () => number = Math.random,
  ) {}

  /** A group was stored, of a source of so many bytes. */
  stored({ context, imageKey }: GroupRef, sourceBytes: number, at = this.now()): void {
    const sighting: Sighting = { context, imageKey, at, figure: sourceBytes };
    this.newest = kept(this.newest, sighting, (a, b) => b.at - a.at);
    this.found({ context, imageKey }, sourceBytes, at);
  }

  /** A group is there, whenever it was stored. */
  found({ context, imageKey }: GroupRef, sourceBytes: number, at: number): void {
    const sighting: Sighting = { context, imageKey, at, figure: sourceBytes };
    const least = this.largest[MOST_SIGHTINGS - 1]?.figure ?? -1;
    if (sourceBytes > least) this.largest = kept(this.largest, sighting, (a, b) => b.figure - a.figure);
  }

  /** A group was asked for, and answered. */
  used(group: GroupRef): void {
    this.uses++;
    if (--this.untilNext > 0) return;
    // A flood that begins is not looked at in full until the round is over.
    if (this.uses >= MOST_LOOKED_AT * this.stride) this.stride *= 2;
    this.untilNext = 1 + Math.floor(this.random() * (2 * this.stride - 1));
    const name = `${group.context}\0${group.imageKey}`;
    const known = this.counted.get(name);
    if (known) {
      known.uses += this.stride;
      known.at = this.now();
      return;
    }
    if (this.counted.size >= MOST_COUNTED) this.forgetHalf();
    const ref = { context: group.context, imageKey: group.imageKey };
    this.counted.set(name, { ref, uses: this.stride, at: this.now() });
  }

  /** To be called every ten seconds: how much is looked at follows how much there is, and what was long ago weighs less. */
  round(): void {
    this.stride = Math.max(1, Math.ceil(this.uses / MOST_LOOKED_AT));
    this.uses = 0;
    if (++this.rounds % HALF_LIFE_ROUNDS !== 0) return;
    for (const [name, counted] of this.counted) {
      counted.uses /= 2;
      if (counted.uses < 1) this.counted.delete(name);
    }
  }

  list(): Sightings {
    const asked = [...this.counted.values()]
      .toSorted((a, b) => b.uses - a.uses)
      .slice(0, MOST_SIGHTINGS)
      .map(({ ref, uses, at }): Sighting => ({ ...ref, at, figure: Math.round(uses) }));
    return { newest: [...this.newest], largest: [...this.largest], asked };
  }

  private forgetHalf(): void {
    const least = [...this.counted].toSorted(([, a], [, b]) => a.uses - b.uses).slice(0, MOST_COUNTED / 2);
    for (const [name] of least) this.counted.delete(name);
  }
}

/** `sightings` with `one`, in order, each group once, and not more than are told. */
function kept(sightings: readonly Sighting[], one: Sighting, order: (a: Sighting, b: Sighting) => number): Sighting[] {
  const others = sightings.filter(({ context, imageKey }) => context !== one.context || imageKey !== one.imageKey);
  return [one, ...others].toSorted(order).slice(0, MOST_SIGHTINGS);
}
