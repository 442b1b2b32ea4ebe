// The port of the delivery log: what was said to receivers of webhooks and what they answered, and how those stand that fail. It
// survives restarts: a receiver that hangs is not tried anew by every process that begins.
import type { Context } from '../image-key.js';
import type { ReceiverState } from '../library/delivery.js';
import type { Notice } from '../library/endpoint.js';
import type { DeliveryAttempt } from './webhook-sender.js';

/** `delivered`; `again`: it failed and is tried again; `dead`: it failed for the last time. */
export type DeliveryEnd = 'delivered' | 'again' | 'dead';

export interface LoggedDelivery {
  /** `webhook-id`. */
  readonly id: string;
  readonly context: Context;
  /** As `receiverOf` writes it: of its query a hash alone. */
  readonly receiver: string;
  /** Unix ms when the attempt ended. */
  readonly at: number;
  /** 1 for the first. */
  readonly attempt: number;
  readonly end: DeliveryEnd;
  /** Absent where nothing was sent, because the receiver is disabled. */
  readonly said?: DeliveryAttempt;
  /** What an endpoint was told: of which change, and the JSON that was sent. */
  readonly told?: ToldNotice;
}

export interface ToldNotice {
  readonly notice: Notice;
  readonly body: string;
}

export interface FailingReceiver {
  readonly context: Context;
  readonly receiver: string;
  readonly state: ReceiverState;
}

/** How many attempts are kept of each receiver, the latest. */
export const LOGGED_PER_RECEIVER = 100;
/** How many receivers of a context are remembered: those that were noted last. */
export const RECEIVERS_PER_CONTEXT = 200;

export interface Deliveries {
  /**
   * Unix ms when the receiver may be called: `now`, or later where it rests, or `never` where it is disabled. Of one that has
   * failed too often whoever is told `now` has its one attempt of this minute (see `admitted`): all others wait.
   */
  admit(context: Context, receiver: string, now: number): Promise<number | 'never'>;
  /** Adds to the log, and counts what was said, if anything was, for or against the receiver (see `receiverAfter`). */
  note(delivery: LoggedDelivery): Promise<void>;
  /** The latest first, `LOGGED_PER_RECEIVER` at most. */
  log(context: Context, receiver: string): Promise<readonly LoggedDelivery[]>;
  /** Those that failed last, the disabled ones too; 1,000 at most. */
  failing(): Promise<readonly FailingReceiver[]>;
  /** Lets a receiver be called again. `false` when nothing was held against it. */
  enable(context: Context, receiver: string): Promise<boolean>;
  /** Forgets receivers, with their logs, of which nothing was noted since `before` (Unix ms); at most `limit`. Resolves with how many. */
  sweep(before: number, limit: number): Promise<number>;
}
