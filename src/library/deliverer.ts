// One attempt of one delivery to a receiver, and what becomes of it: whether it may be called now, what is noted, when it is tried again.
// At least once, with the same id each time. Knows not what is said.
import { deliveryWaitMs, receiverOf } from '../kernel/library/delivery.js';
import type { Tenant } from '../kernel/library/tenant.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Deliveries, DeliveryEnd, ToldNotice } from '../kernel/ports/deliveries.js';
import type { Claim } from '../kernel/ports/jobs.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { DeliveryAttempt, WebhookSender } from '../kernel/ports/webhook-sender.js';
import type { Ending, Hold } from './job-runner.js';
import type { Letter } from './letter.js';

export interface DelivererDeps {
  readonly sender: WebhookSender;
  readonly deliveries: Deliveries;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 0 to 1, by chance; for tests. */
  readonly share?: () => number;
}

/** To whom, by whose rights, and what. */
export interface Delivery {
  /** `webhook-id`: no dot, so that what is signed can be read in one way only. */
  readonly id: string;
  readonly url: string;
  readonly tenant: Tenant;
  readonly letter: Letter;
  /** Kept in the log beside the attempt. */
  readonly told?: ToldNotice;
  /** The receiver said 410: it wants nothing that is meant for this URL any more. */
  readonly onGone?: () => Promise<void>;
}

export class Deliverer {
  constructor(private readonly deps: DelivererDeps) {}

  /** Calls the receiver, unless it rests. */
  async deliver(claim: Claim, delivery: Delivery, hold: Hold): Promise<Ending> {
    const { clock, deliveries, sender } = this.deps;
    const { id, url, tenant, letter } = delivery;
    const at = await deliveries.admit(claim.context, receiverOf(url), clock.now());
    if (at === 'never') return this.end(claim, delivery, 'dead', undefined);
    if (at > clock.now()) return { kind: 'again', at, retry: { free: true }, reason: 'receiver-rests' };
    const said = await sender.send({
      ...{ id, url, body: letter.body, headers: letter.headers, secrets: tenant.webhookSecrets },
      ...(tenant.allowedHosts && { allowedHosts: tenant.allowedHosts }),
      signal: hold.giveUp,
    });
    if (said.fault === undefined) return this.end(claim, delivery, 'delivered', said);
    // What policy forbids and what is gone for good stays so.
    if (said.fault === 'gone') await delivery.onGone?.();
    const isFinal = said.fault === 'gone' || said.fault === 'address-forbidden';
    const wait = isFinal ? undefined : deliveryWaitMs(claim.attempts + 1, this.share(), said.retryAfterMs);
    if (wait === undefined) return this.end(claim, delivery, 'dead', said);
    await this.note(claim, delivery, 'again', said);
    return { kind: 'again', at: clock.now() + wait, reason: `receiver-${said.fault}` };
  }

  private async end(
    claim: Claim,
    delivery: Delivery,
    end: DeliveryEnd,
    said: DeliveryAttempt | undefined,
  ): Promise<Ending> {
    await this.note(claim, delivery, end, said);
    if (end === 'dead') {
      const { host, pathname: path } = new URL(delivery.url);
      this.deps.logger.warn(
        { host, path, fault: said?.fault ?? 'disabled' },
        'a webhook is not delivered and given up',
      );
    }
    return { kind: 'done' };
  }

  private async note(
    { context, attempts }: Claim,
    { id, url, told }: Delivery,
    end: DeliveryEnd,
    said: DeliveryAttempt | undefined,
  ): Promise<void> {
    const { deliveries, clock } = this.deps;
    await deliveries.note({
      ...{ id, context, receiver: receiverOf(url), at: clock.now(), attempt: attempts + 1, end },
      ...(said !== undefined && { said }),
      ...(told && { told }),
    });
  }

  private share(): number {
    return this.deps.share?.() ?? Math.random();
  }
}
