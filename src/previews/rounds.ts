// Work that is done again and again in the background: at most one round at a time, whoever asks for it, and none after the end.

export interface RoundsOptions {
  readonly intervalMs: number;
  /** One round; begins no more work once the rounds are closed. */
  readonly work: () => Promise<void>;
  /** Told of a round that failed; the next one comes all the same. */
  readonly onFailure: (error: unknown) => void;
}

export class Rounds {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private closed = false;

  constructor(private readonly options: RoundsOptions) {}

  get isClosed(): boolean {
    return this.closed;
  }

  /** A round at once, and then every `intervalMs`. Keeps no process alive. */
  start(): void {
    this.timer = setInterval(() => void this.now(), this.options.intervalMs);
    this.timer.unref();
    void this.now();
  }

  /** One round now, or the one that is running. Never rejects. */
  now(): Promise<void> {
    this.running ??= this.options
      .work()
      .catch(this.options.onFailure)
      .finally(() => {
        this.running = undefined;
      });
    return this.running;
  }

  /** Begins no more rounds by itself; resolves once the one that is running has ended. */
  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.timer);
    await this.running;
  }
}
