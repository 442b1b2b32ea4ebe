// The port of the delivery log: what was said to receivers of webhooks and what they answered, and how those stand that fail.
import type { Context } from '../image-key.js';
import type { ReceiverState } from '../library/delivery.js';
import type { DeliveryAttempt } from './webhook-sender.js';

/** `delivered`; `again`: it failed and is tried again; `dead`: it failed for the last time. */
export type DeliveryEnd = 'delivered' | 'again' | 'dead';

export interface LoggedDelivery {
  /** `webhook-id`. */
  readonly id: string;
  readonly context: Context;
  /** As `receiverOf` writes it: no query. */
  readonly receiver: string;
  /** Unix ms when the attempt ended. */
  readonly at: number;
  /** 1 for the first. */
  readonly attempt: number;
  readonly end: DeliveryEnd;
  /** Absent where nothing was sent, because the receiver is disabled. */
  readonly said?: DeliveryAttempt;
}

export interface FailingReceiver {
  readonly context: Context;
  readonly receiver: string;
  readonly state: ReceiverState;
}

/** How many attempts are kept of each receiver. */
export const LOGGED_PER_RECEIVER = 100;

export interface Deliveries {
  stateOf(context: Context, receiver: string): Promise<ReceiverState | undefined>;
  /** Adds to the log, of which the latest are kept, and remembers the state; `undefined` forgets it. */
  note(delivery: LoggedDelivery, state: ReceiverState | undefined): Promise<void>;
  /** The latest first. */
  log(context: Context, receiver: string): Promise<readonly LoggedDelivery[]>;
  /** Those that failed last, the disabled ones too. */
  failing(): Promise<readonly FailingReceiver[]>;
  /** Lets a receiver be called again. `false` when nothing was held against it. */
  enable(context: Context, receiver: string): Promise<boolean>;
}
