// When may a node answer from what it remembers? A small machine with four states, told of lost connections and of pings
// that were answered; it decides, and says when everything remembered is to be forgotten.
//
//   tracked   Every change is told to us: what is remembered is true.
//   doubtful  A connection was lost a moment ago: answers wait until it is clear whether the server is there.
//   partial   Some masters of a cluster are away: ask, and fall back on what was remembered only if nobody answers.
//   away      No server can be asked: what was remembered before is served; only who is cut off as well could have
//             changed it without our hearing of it.
//
//   tracked --lost--> doubtful --answered--> tracked (everything forgotten first)
//                     doubtful --time is up--> away | partial --answered--> tracked (everything forgotten first)
export type CoherenceState = 'tracked' | 'doubtful' | 'partial' | 'away';

export interface CoherenceOptions {
  /** How long answers wait for a lost connection to come back, in ms. */
  readonly doubtMs: number;
  /** Resolves once every master has answered on a connection whose changes are told to us. */
  readonly ping: () => Promise<void>;
  readonly readiness: () => 'all' | 'some' | 'none';
  /** Forget everything that is remembered. Called before the state becomes `tracked`. */
  readonly forgetAll: () => void;
  readonly onState?: (state: CoherenceState) => void;
}

const MIN_PROBE_MS = 10;
const MAX_PROBE_MS = 250;

export class Coherence {
  private current: CoherenceState = 'away';
  private losses = 0;
  private doubtTimer: NodeJS.Timeout | undefined;
  private probeTimer: NodeJS.Timeout | undefined;
  private probing = false;
  private closed = false;
  private waiting: (() => void)[] = [];

  constructor(private readonly options: CoherenceOptions) {}

  get state(): CoherenceState {
    return this.current;
  }

  /** How often a connection was lost so far. */
  get lostSoFar(): number {
    return this.losses;
  }

  /** Begins to ask for the server, which is taken as away until it answers. */
  start(): void {
    this.probeSoon(0);
  }

  /** A connection ended, or may have missed changes. */
  lost(): void {
    if (this.closed) return;
    this.losses++;
    if (this.current === 'tracked') {
      this.enter('doubtful');
      this.doubtTimer = setTimeout(() => this.giveUp(), this.options.doubtMs);
    }
    this.probeSoon(MIN_PROBE_MS);
  }

  /** Resolves when the state is not `doubtful`; bounded by `doubtMs`. */
  async settled(): Promise<void> {
    if (this.current === 'doubtful') await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.doubtTimer);
    clearTimeout(this.probeTimer);
    this.enter('away');
  }

  private giveUp(): void {
    this.enter(this.options.readiness() === 'none' ? 'away' : 'partial');
  }

  private probeSoon(delayMs: number): void {
    if (this.closed || this.probing) return;
    this.probing = true;
    this.probeTimer = setTimeout(() => void this.probe(delayMs), delayMs);
  }

  private async probe(delayMs: number): Promise<void> {
    const lossesBefore = this.losses;
    const answered = await this.options.ping().then(
      () => true,
      () => false,
    );
    this.probing = false;
    if (this.closed) return;
    // A loss during the ping may be one that the ping did not see.
    if (answered && this.losses === lossesBefore && this.options.readiness() === 'all') {
      clearTimeout(this.doubtTimer);
      this.options.forgetAll();
      this.enter('tracked');
      return;
    }
    if (this.current === 'away' || this.current === 'partial') this.giveUp();
    this.probeSoon(Math.min(Math.max(delayMs, MIN_PROBE_MS) * 2, MAX_PROBE_MS));
  }

  private enter(state: CoherenceState): void {
    if (state === this.current) return;
    this.current = state;
    if (state !== 'doubtful') for (const resolve of this.waiting.splice(0)) resolve();
    this.options.onState?.(state);
  }
}
