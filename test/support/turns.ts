// Gives every step of several actors its turn, one at a time, in an order that a seed decides. Mostly whoever has the highest
// priority goes first, and loses it at a few random moments: most faults need one actor to stand still while others do all
// they want, which a fair choice at every step hardly ever gives (Burckhardt et al., "A Randomized Scheduler with
// Probabilistic Guarantees of Finding Bugs", ASPLOS 2010).
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { randomNumbers } from './images.js';

interface Waiting {
  readonly actor: number;
  readonly step: () => Promise<void>;
}

/** Moments at which the actor whose turn it is falls behind all others, among the first steps. */
const CHANGES = 4;
const FIRST_STEPS = 60;
/** This share of schedules chooses fairly at every step. */
const FAIR_SHARE = 0.25;
/** Turns of the event loop after a step, for what it leads to. */
const SETTLING_TURNS = 3;

export class Turns {
  private readonly actors = new AsyncLocalStorage<number>();
  private waiting: Waiting[] = [];
  private isOn = false;

  /** Does `step` when it is the caller's turn. */
  take<T>(step: () => Promise<T>): Promise<T> {
    if (!this.isOn) return step();
    const actor = this.actors.getStore() ?? -1;
    return new Promise<T>((resolve, reject) => {
      this.waiting.push({ actor, step: () => step().then(resolve, reject) });
    });
  }

  /** Has all actors act, taking turns; resolves with their outcomes. */
  async run<T>(seed: number, actors: readonly (() => Promise<T>)[]): Promise<T[]> {
    const random = randomNumbers(seed);
    const isFair = random() < FAIR_SHARE;
    const priorities = new Map(actors.map((_, actor) => [actor, random()]));
    const changes = new Set(Array.from({ length: CHANGES }, () => Math.floor(random() * FIRST_STEPS)));
    const priorityOf = ({ actor }: Waiting) => (isFair ? random() : (priorities.get(actor) ?? 0.5));
    this.isOn = true;
    let isOver = false;
    const acting = Promise.all(
      actors.map((act, actor) => this.actors.run(actor, () => this.take(() => Promise.resolve()).then(act))),
    ).finally(() => {
      isOver = true;
    });
    // Told to whoever waits for it below.
    acting.catch(() => undefined);
    for (let steps = 0; !isOver; steps++) {
      const next = this.waiting.map((one) => [priorityOf(one), one] as const).toSorted(([a], [b]) => b - a)[0]?.[1];
      if (next) {
        this.waiting.splice(this.waiting.indexOf(next), 1);
        if (changes.has(steps)) priorities.set(next.actor, -steps);
        await next.step();
      }
      await this.settle();
    }
    this.isOn = false;
    for (const { step } of this.waiting.splice(0)) void step();
    return acting;
  }

  private async settle(): Promise<void> {
    for (let turn = 0; turn < SETTLING_TURNS; turn++) await nextTurn();
  }
}
