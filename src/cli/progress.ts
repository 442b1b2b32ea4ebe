// How far a long command is: a bar on a terminal, and nothing elsewhere, where what came of it is enough. Knows only numbers.
import { mayColour } from './output.js';

/** Where a bar is drawn, and how. */
export interface Screen {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

const BAR_WIDTH = 24;
const DRAW_EVERY_MS = 100;
const CLEAR_LINE = '\r\x1b[2K';

export class Progress {
  private drawnAt = Number.NEGATIVE_INFINITY;
  private readonly startedAt: number;
  private readonly isShown: boolean;
  private readonly colour: boolean;

  /** `total`: expected at the beginning; may be exceeded. `now`: ms that never go back. */
  constructor(
    private readonly screen: Screen,
    private readonly total: number,
    private readonly now: () => number = () => performance.now(),
    noColor = !mayColour(screen),
  ) {
    this.startedAt = now();
    this.isShown = screen.isTTY === true;
    this.colour = this.isShown && !noColor;
  }

  /** Tells that `done` of the total are done; `rest` says more about it. */
  update(done: number, rest: string): void {
    const now = this.now();
    if (!this.isShown || now - this.drawnAt < DRAW_EVERY_MS) return;
    this.drawnAt = now;
    this.screen.write(CLEAR_LINE + this.barLine(done, rest));
  }

  /** Takes the bar away: what follows is written where it stood. */
  end(): void {
    if (this.isShown) this.screen.write(CLEAR_LINE);
  }

  private barLine(done: number, rest: string): string {
    const filled = Math.round(BAR_WIDTH * this.share(done));
    const [full, empty] = ['#'.repeat(filled), '-'.repeat(BAR_WIDTH - filled)];
    const bar = this.colour ? `\x1b[32m${full}\x1b[2;39m${empty}\x1b[0m` : full + empty;
    const text = `${this.figures(done)}, ${rest}${this.left(done)}`;
    return `[${bar}] ${text.slice(0, Math.max(0, (this.screen.columns ?? 80) - BAR_WIDTH - 4))}`;
  }

  private figures(done: number): string {
    return `${Math.floor(100 * this.share(done))} % (${done} of ${Math.max(this.total, done)})`;
  }

  private share(done: number): number {
    return this.total <= done ? 1 : done / this.total;
  }

  private left(done: number): string {
    const seconds = Math.round(((this.now() - this.startedAt) * (this.total - done)) / Math.max(1, done) / 1_000);
    return done === 0 || seconds <= 0
      ? ''
      : `, ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} left`;
  }
}
