// A time limit for work that is sometimes waiting, which does not count.

export class Deadline {
  private timer: NodeJS.Timeout | undefined;
  private startedAt = 0;

  /** `over`: called once `remainingMs` of running have passed. Does not run yet. */
  constructor(
    private remainingMs: number,
    private readonly over: () => void,
  ) {}

  run(): void {
    this.startedAt = performance.now();
    this.timer = setTimeout(this.over, this.remainingMs);
  }

  pause(): void {
    this.end();
    this.remainingMs = Math.max(1, this.remainingMs - (performance.now() - this.startedAt));
  }

  end(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
