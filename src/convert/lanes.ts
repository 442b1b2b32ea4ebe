// Work side by side, a few pieces at a time, in the order in which it is begun.

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
