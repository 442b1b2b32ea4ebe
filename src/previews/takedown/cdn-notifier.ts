// Tells a CDN what to purge: the surrogate keys of each takedown, as webhooks to one receiver, tried again over 28 hours. What is to be
// told stands in the log, so that a restart loses nothing; one process at a time tells it.
import { deliveryWaitMs } from '../../kernel/library/delivery.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Leases } from '../../kernel/ports/leases.js';
import type { Logger } from '../../kernel/ports/logger.js';
import type { Metrics } from '../../kernel/ports/metrics.js';
import type { Takedowns } from '../../kernel/ports/takedowns.js';
import type { WebhookSender } from '../../kernel/ports/webhook-sender.js';
import { type HookState, messagesOf, type TakedownOrder } from '../../kernel/takedown/order.js';
import { SoleRounds } from '../sole-rounds.js';

const INTERVAL_MS = 1_000;
const HOOKS_AT_A_TIME = 100;

export interface CdnNotifierDeps {
  readonly takedowns: Pick<Takedowns, 'openHooks' | 'hookOf' | 'noteHook' | 'find'>;
  readonly sender: WebhookSender;
  readonly url: string;
  readonly secrets: readonly string[];
  /** Absent where no other process shares the store. */
  readonly leases?: Leases;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'count'>;
  /** 0 to 1, by chance; for tests. */
  readonly share?: () => number;
}

export class CdnNotifier {
  private readonly rounds: SoleRounds;
  private isClosed = false;

  constructor(private readonly deps: CdnNotifierDeps) {
    const { leases, clock, logger } = deps;
    this.rounds = new SoleRounds({
      ...{ name: 'takedown-hook', intervalMs: INTERVAL_MS, leases, clock },
      isWanted: async () => (await this.deps.takedowns.openHooks(1)).length > 0,
      work: (_turn, signal) => this.tellAll(signal),
      onFailure: (error) => logger.warn({ error }, 'the CDN could not be told; it is tried again'),
    });
  }

  start(): void {
    this.rounds.start();
  }

  /** One round now, behind the one that is running, which may have looked already. Never rejects. */
  async round(): Promise<void> {
    for (let rounds = 0; rounds < 2 && !this.isClosed; rounds++) await this.rounds.round();
  }

  close(): Promise<void> {
    this.isClosed = true;
    return this.rounds.close();
  }

  /** Since the oldest takedown that the CDN is to be told of yet; 0 when there is none. */
  async waitSeconds(): Promise<number> {
    const { takedowns, clock } = this.deps;
    const open = await Promise.all((await takedowns.openHooks(HOOKS_AT_A_TIME)).map((id) => takedowns.find(id)));
    const times = open.flatMap((found) => found?.order.at ?? []);
    return times.length === 0 ? 0 : Math.max(0, clock.now() - Math.min(...times)) / 1_000;
  }

  private async tellAll(signal: AbortSignal): Promise<void> {
    const { takedowns, clock } = this.deps;
    for (const id of await takedowns.openHooks(HOOKS_AT_A_TIME)) {
      const hook = await takedowns.hookOf(id);
      const found = hook && (await takedowns.find(id));
      if (hook === undefined || found === undefined || hook.dueAt > clock.now()) continue;
      await this.tell(found.order, hook, signal);
    }
  }

  /** Every message that is left, until one is not taken. */
  private async tell(order: TakedownOrder, begun: HookState, signal: AbortSignal): Promise<void> {
    const { takedowns } = this.deps;
    const messages = messagesOf(order);
    let hook = begun;
    while (hook.end === undefined && !signal.aborted) {
      const message = messages[hook.sent];
      const next =
        message === undefined ? ({ ...hook, end: 'delivered' } as const) : await this.attempt(message, hook, signal);
      await takedowns.noteHook(order.id, next);
      const isBehind = next.sent === hook.sent;
      hook = next;
      if (isBehind) break;
    }
    if (hook.end !== undefined) this.deps.metrics.count('cdn_purges_total', { result: hook.end });
    if (hook.end === 'dead')
      this.deps.logger.error({ takedown: order.id }, 'the CDN was not told of a takedown, and it is given up');
  }

  private async attempt(
    message: { readonly id: string; readonly body: string },
    hook: HookState,
    signal: AbortSignal,
  ): Promise<HookState> {
    const { sender, url, secrets, clock, share = Math.random } = this.deps;
    const said = await sender.send({ ...message, url, secrets, signal });
    if (said.fault === undefined) {
      const sent = hook.sent + 1;
      return { ...hook, sent, attempts: 0, dueAt: clock.now(), ...(sent === hook.messages && { end: 'delivered' }) };
    }
    const attempts = hook.attempts + 1;
    // What policy forbids and what is gone for good stays so.
    const isFinal = said.fault === 'gone' || said.fault === 'address-forbidden';
    const waitMs = isFinal ? undefined : deliveryWaitMs(attempts, share(), said.retryAfterMs);
    if (waitMs === undefined) return { ...hook, attempts, end: 'dead' };
    return { ...hook, attempts, dueAt: clock.now() + waitMs };
  }
}
