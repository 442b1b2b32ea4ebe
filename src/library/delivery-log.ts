// The delivery log of one process, in memory: lost with it, like what it holds against a receiver, which then is tried anew. What has
// to be delivered is no part of it: that is a job, and durable.
import type { Context } from '../kernel/image-key.js';
import type { ReceiverState } from '../kernel/library/delivery.js';
import {
  type Deliveries,
  type FailingReceiver,
  LOGGED_PER_RECEIVER,
  type LoggedDelivery,
} from '../kernel/ports/deliveries.js';

/** Receivers that nothing was sent to for longest are forgotten. */
const MAX_RECEIVERS = 1_000;

interface Receiver {
  readonly context: Context;
  readonly receiver: string;
  state: ReceiverState | undefined;
  /** The latest last. */
  readonly log: LoggedDelivery[];
}

export class DeliveryLog implements Deliveries {
  /** The one that was used last stands last. */
  private readonly receivers = new Map<string, Receiver>();

  async stateOf(context: Context, receiver: string): Promise<ReceiverState | undefined> {
    return this.receivers.get(keyOf(context, receiver))?.state;
  }

  async note(delivery: LoggedDelivery, state: ReceiverState | undefined): Promise<void> {
    const { context, receiver } = delivery;
    const key = keyOf(context, receiver);
    const known = this.receivers.get(key) ?? { context, receiver, state, log: [] };
    known.state = state;
    known.log.push(delivery);
    if (known.log.length > LOGGED_PER_RECEIVER) known.log.shift();
    this.receivers.delete(key);
    this.receivers.set(key, known);
    const [oldest] = this.receivers.keys();
    if (this.receivers.size > MAX_RECEIVERS && oldest !== undefined) this.receivers.delete(oldest);
  }

  async log(context: Context, receiver: string): Promise<readonly LoggedDelivery[]> {
    return this.receivers.get(keyOf(context, receiver))?.log.toReversed() ?? [];
  }

  async failing(): Promise<readonly FailingReceiver[]> {
    return [...this.receivers.values()].flatMap(({ context, receiver, state }) =>
      state === undefined ? [] : [{ context, receiver, state }],
    );
  }

  async enable(context: Context, receiver: string): Promise<boolean> {
    const known = this.receivers.get(keyOf(context, receiver));
    if (known?.state === undefined) return false;
    known.state = undefined;
    return true;
  }
}

function keyOf(context: Context, receiver: string): string {
  return JSON.stringify([context, receiver]);
}
