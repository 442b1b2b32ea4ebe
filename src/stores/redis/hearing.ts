// How lately is it certain that everything was heard which the servers had to tell? News comes on the connections that are
// pinged here: once a ping is answered, all that was acknowledged before it was sent has been read.
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../kernel/ports/clock.js';

/**
 * A node whose last answered ping was sent longer ago than this, in ms, asks before it answers: it may have been stopped
 * (SIGSTOP, a collection of garbage, a frozen machine), and the news may lie unread beside the request that it reads first.
 */
export const HEARD_WITHIN_MS = 250;
/** Ms from the answer to one ping until the next is sent. A ping each time costs a server a few µs. */
export const PING_EVERY_MS = 100;
/** How long a question waits for a ping before it is asked on its own: one server of a cluster may be frozen. */
export const WAIT_MS = 50;

export interface HearingOptions {
  readonly clock: Clock;
  /** Resolves once every master has answered on the connection that its news comes on. */
  readonly ping: () => Promise<void>;
}

interface Moment {
  readonly monotonicMs: number;
  /** A machine that sleeps may stop its monotonic clock. */
  readonly wallMs: number;
}

export class Hearing {
  private heard: Moment | undefined;
  private timer: NodeJS.Timeout | undefined;
  private pinging: Promise<void> | undefined;
  /** Of `start` and `stop`: an answer from before says nothing. */
  private period = 0;
  private deaf = false;

  constructor(private readonly options: HearingOptions) {}

  now(): Moment {
    return { monotonicMs: this.options.clock.monotonic(), wallMs: this.options.clock.now() };
  }

  /** From now on pings are sent; everything up to `heard` has been heard. */
  start(heard: Moment): void {
    this.stop();
    this.heard = heard;
    this.deaf = false;
    this.pingLater();
  }

  stop(): void {
    this.period++;
    this.heard = undefined;
    this.pinging = undefined;
    clearTimeout(this.timer);
  }

  /** Whether everything was heard that was acknowledged more than `HEARD_WITHIN_MS` ago. */
  get isFresh(): boolean {
    if (this.heard === undefined) return false;
    const { clock } = this.options;
    return (
      clock.monotonic() - this.heard.monotonicMs <= HEARD_WITHIN_MS &&
      Math.abs(clock.now() - this.heard.wallMs) <= HEARD_WITHIN_MS
    );
  }

  /** Waits until it is fresh, for a moment at most; all who wait share one ping. */
  async freshen(): Promise<void> {
    const until = new AbortController();
    const over = this.deaf ? nextTurn() : delay(WAIT_MS, undefined, { signal: until.signal }).catch(() => undefined);
    let waiting = true;
    void over.then(() => {
      waiting = false;
    });
    // A ping that was sent before a stall is answered after it, and tells of the time before.
    while (waiting && !this.isFresh && this.heard !== undefined) await Promise.race([over, this.pingNow()]);
    if (!waiting && !this.isFresh) this.deaf = true;
    until.abort();
  }

  /**
   * Has no deadline and is not repeated before it ended: whoever goes on writing to a dead connection keeps it, and its
   * own timeouts end it otherwise.
   */
  private pingNow(): Promise<void> {
    if (this.pinging) return this.pinging;
    clearTimeout(this.timer);
    const { period } = this;
    const sent = this.now();
    const pinging = this.options.ping().then(
      () => this.answered(period, sent),
      // The connection is lost, which is told elsewhere; a cluster may have a master the less.
      () => delay(PING_EVERY_MS, undefined, { ref: false }),
    );
    this.pinging = pinging.then(() => {
      if (period !== this.period) return;
      this.pinging = undefined;
      this.pingLater();
    });
    return this.pinging;
  }

  private answered(period: number, sent: Moment): void {
    if (period !== this.period) return;
    this.heard = sent;
    this.deaf = false;
  }

  private pingLater(): void {
    this.timer = setTimeout(() => void this.pingNow(), PING_EVERY_MS);
    this.timer.unref();
  }
}
