// When may a node answer from what it remembers? A small machine with four states, told of lost connections and of pings
// that were answered; it decides, and says when everything remembered is to be forgotten.
//
//   tracked   Every change is told to us: what is remembered is true, as far as we have heard lately (see hearing.ts).
//   doubtful  A connection was lost a moment ago: answers wait until it is clear whether the server is there.
//   partial   Some masters of a cluster are away: ask, and fall back on what was remembered only if nobody answers.
//   away      No server can be asked: what was remembered before is served; only who is cut off as well could have
//             changed it without our hearing of it.
//
//   tracked --lost--> doubtful --answered--> tracked (everything forgotten first)
//                     doubtful --time is up--> away | partial --answered--> tracked (everything forgotten first)
import type { Clock } from '../../kernel/ports/clock.js';
import { HEARD_WITHIN_MS, Hearing } from './hearing.js';

export type CoherenceState = 'tracked' | 'doubtful' | 'partial' | 'away';

export interface CoherenceOptions {
  /** How long answers wait for a lost connection to come back, in ms. */
  readonly doubtMs: number;
  readonly clock: Clock;
  /** Resolves once every master has answered on a connection whose changes are told to us, and its data is ours to use. */
  readonly ping: () => Promise<void>;
  /** The same, and no more than that. */
  readonly hear: () => Promise<void>;
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
  /** When the probe that waits for its time is to be sent, in ms of the monotonic clock. */
  private probeDueMs: number | undefined;
  private readonly hearing: Hearing;
  private closed = false;
  private waiting: (() => void)[] = [];

  constructor(private readonly options: CoherenceOptions) {
    this.hearing = new Hearing({ clock: options.clock, ping: options.hear });
  }

  get state(): CoherenceState {
    return this.current;
  }

  /** Whether everything that is remembered is true now, but for what was changed within `HEARD_WITHIN_MS`. */
  get knows(): boolean {
    return this.current === 'tracked' && this.hearing.isFresh;
  }

  /** Whether what is remembered may be answered without asking. */
  get mayAnswerAlone(): boolean {
    return this.knows || (this.current === 'away' && !this.isOverdue());
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
    if (this.current === 'tracked') this.doubt();
    this.probeSoon(MIN_PROBE_MS);
  }

  /** Resolves when the state is not `doubtful`, bounded by `doubtMs`, and after a try to hear of what is not known. */
  async settled(): Promise<void> {
    if (this.isOverdue()) this.doubtAnew();
    if (this.current === 'tracked' && !this.hearing.isFresh) await this.hearing.freshen();
    if (this.current === 'doubtful') await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.doubtTimer);
    clearTimeout(this.probeTimer);
    this.probeDueMs = undefined;
    this.enter('away');
  }

  private doubt(): void {
    this.enter('doubtful');
    this.doubtTimer = setTimeout(() => this.giveUp(), this.options.doubtMs);
  }

  /** We were stopped while no server could be asked: how that stands has to be found out again. */
  private doubtAnew(): void {
    if (!this.closed && (this.current === 'away' || this.current === 'partial')) this.doubt();
  }

  private isOverdue(): boolean {
    return this.probeDueMs !== undefined && this.options.clock.monotonic() > this.probeDueMs + HEARD_WITHIN_MS;
  }

  private giveUp(): void {
    this.enter(this.options.readiness() === 'none' ? 'away' : 'partial');
  }

  private probeSoon(delayMs: number): void {
    if (this.closed || this.probing) return;
    this.probing = true;
    this.probeDueMs = this.options.clock.monotonic() + delayMs;
    this.probeTimer = setTimeout(() => void this.probe(delayMs), delayMs);
  }

  private async probe(delayMs: number): Promise<void> {
    if (this.isOverdue()) this.doubtAnew();
    this.probeDueMs = undefined;
    const lossesBefore = this.losses;
    const sent = this.hearing.now();
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
      this.hearing.start(sent);
      this.enter('tracked');
      return;
    }
    if (this.current === 'away' || this.current === 'partial') this.giveUp();
    this.probeSoon(Math.min(Math.max(delayMs, MIN_PROBE_MS) * 2, MAX_PROBE_MS));
  }

  private enter(state: CoherenceState): void {
    if (state === this.current) return;
    this.current = state;
    if (state !== 'tracked') this.hearing.stop();
    if (state !== 'doubtful') for (const resolve of this.waiting.splice(0)) resolve();
    this.options.onState?.(state);
  }
}
