// One piece of work for all who ask the same at the same time. It goes on while anybody waits, and is given up with the last.

export interface Flight<T> {
  readonly result: Promise<T>;
  /** Has to be called once by whoever joined, when it needs the result no longer. */
  leave(): void;
  /**
   * To be asked behind the result: true for who is the only one left of a flight that nobody can join any more. The result is its own
   * from then on, and there is nothing to leave.
   */
  takeOver(): boolean;
}

interface Flying<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  riders: number;
}

export class SharedFlights<T> {
  private readonly flying = new Map<string, Flying<T>>();

  /** `onLast`: called with the result once nobody needs it any more, if there is one; its failure is its own affair. */
  constructor(private readonly onLast: (result: T) => Promise<void>) {}

  /** How many different ones are under way. */
  get size(): number {
    return this.flying.size;
  }

  /** Joins the flight of that key, or begins it. */
  join(key: string, begin: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const flying = this.flying.get(key) ?? this.start(key, begin);
    flying.riders++;
    let isOver = false;
    return {
      result: flying.result,
      takeOver: () => {
        isOver ||= flying.riders === 1 && this.flying.get(key) !== flying;
        return isOver;
      },
      leave: () => {
        if (isOver || --flying.riders > 0) return;
        this.forget(key, flying);
        flying.controller.abort(new Error('nobody waits for it any more'));
        // Its failure was told to those who waited; what `onLast` fails with concerns nobody any more.
        void flying.result.then(this.onLast).catch(() => undefined);
      },
    };
  }

  private start(key: string, begin: (signal: AbortSignal) => Promise<T>): Flying<T> {
    const controller = new AbortController();
    const result = begin(controller.signal);
    const flying: Flying<T> = { result, controller, riders: 0 };
    this.flying.set(key, flying);
    // Who asks after it has landed asks anew.
    const landed = () => this.forget(key, flying);
    result.then(landed, landed);
    return flying;
  }

  private forget(key: string, flying: Flying<T>): void {
    if (this.flying.get(key) === flying) this.flying.delete(key);
  }
}
