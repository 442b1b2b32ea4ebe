// Requests with manners: every one ends in time, few are tried again, and a service that does not answer is spared. Knows
// no blobs.
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../kernel/ports/clock.js';
import { unreachable } from '../backend-errors.js';
import { Breaker } from '../breaker.js';
import { asPortError, failureOf } from './s3-failures.js';

/** Until an answer begins. Object stores take some 10 ms, their slowest answers a second. */
const ANSWER_MS = 3_000;
/** On top of it for each body: what the slowest network we mean needs, 5 MB/s. */
const BYTES_PER_MS = 5_000;

const MAX_ATTEMPTS = 3;
const FIRST_PAUSE_MS = 50;
/** Failures in a row after which nothing is asked for a while. */
const BREAKER = { failures: 5, openMs: 2_000 };

/** Retries in stock; a success brings back a tenth, so that an outage is not answered with three times the requests. */
const RETRIES = 20;
const RETRIES_PER_SUCCESS = 0.1;

/** One attempt: aborts in time. */
export type Work<T> = (signal: AbortSignal) => Promise<T>;

export class S3Requests {
  private readonly breaker: Breaker;
  private retries = RETRIES;
  private readonly closing = new AbortController();

  constructor(clock: Clock) {
    this.breaker = new Breaker(clock, BREAKER);
  }

  get isUp(): boolean {
    return this.breaker.state !== 'open';
  }

  /**
   * The outcome of `work`, tried up to three times if it fails at once; each attempt has 3 s and a ms for every 5 kB of `bytes`. Throws
   * `shared-tier-unreachable`, `storage-full` or `internal`, but `undefined` for what is absent.
   */
  async run<T>(bytes: number, work: Work<T>): Promise<T | undefined> {
    for (let attempt = 1; ; attempt++) {
      if (!this.breaker.enter()) throw unreachable();
      const deadline = AbortSignal.timeout(Math.ceil(ANSWER_MS + bytes / BYTES_PER_MS));
      try {
        const outcome = await work(AbortSignal.any([deadline, this.closing.signal]));
        this.succeeded();
        return outcome;
      } catch (error) {
        const failure = failureOf(error);
        if (failure === 'away') this.breaker.failed();
        else this.succeeded();
        if (failure === 'absent') return undefined;
        // Who did not answer in time has had the time of the request.
        const isLast = attempt === MAX_ATTEMPTS || deadline.aborted || this.closing.signal.aborted;
        if (failure !== 'away' || isLast || this.retries < 1) throw asPortError(error);
        this.retries--;
        // Full jitter: nodes that failed together do not come back together.
        await delay(Math.random() * FIRST_PAUSE_MS * 4 ** (attempt - 1));
      }
    }
  }

  /** What is under way ends at once. */
  close(): void {
    this.closing.abort(new Error('the store is closing'));
  }

  private succeeded(): void {
    this.breaker.succeeded();
    this.retries = Math.min(RETRIES, this.retries + RETRIES_PER_SUCCESS);
  }
}
