// Follows the log of takedowns: every process that keeps copies drops those of each order, and says so. One that was away reads what it
// has missed before anything else, and drops all copies where it was away for longer than the log reaches.
import type { Digest } from '../../kernel/digest.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Logger } from '../../kernel/ports/logger.js';
import { MAX_ORDERS, type Takedowns } from '../../kernel/ports/takedowns.js';
import type { CopyHolder } from '../../kernel/takedown/order.js';
import { isInForce, MAX_TOMBSTONES, type Tombstone } from '../../kernel/takedown/tombstone.js';
import type { BlobTiers } from '../blob-tiers.js';
import { Rounds } from '../rounds.js';

const INTERVAL_MS = 1_000;
const ORDERS_AT_A_TIME = 20;
/** How often a holder says that it is there. */
const PRESENT_MS = 10_000;

export interface TakedownFollowerDeps {
  readonly takedowns: Takedowns;
  readonly blobs: Pick<BlobTiers, 'drop'>;
  readonly holder: Omit<CopyHolder, 'followed' | 'seenAt'>;
  /** Where the number of the last order is kept that was followed, beside copies that outlive the process. */
  readonly memory?: { read(): number | undefined; write(followed: number): Promise<void> };
  /** What is blocked has changed: what was prepared before may not be answered any more. */
  readonly onBlocked?: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class TakedownFollower {
  private readonly rounds: Rounds;
  private followed: number | undefined;
  private presentAt = Number.NEGATIVE_INFINITY;
  private hasLeft = false;
  /** What is blocked as this process last heard: at most `MAX_TOMBSTONES`. */
  private blocked: ReadonlyMap<Digest, Pick<Tombstone, 'since' | 'until'>> = new Map();
  private blockedOf = -1;

  constructor(private readonly deps: TakedownFollowerDeps) {
    this.rounds = new Rounds({
      intervalMs: INTERVAL_MS,
      work: () => this.follow(),
      onFailure: (error) => deps.logger.debug({ error }, 'takedowns could not be followed; it is tried again'),
    });
  }

  start(): void {
    this.rounds.start();
  }

  /** One round now, behind the one that is running. Never rejects. */
  async round(): Promise<void> {
    await this.rounds.now();
    await this.rounds.now();
  }

  /** Since when (Unix ms) the content is blocked; `undefined` when it is not. */
  blockedSince(content: Digest): number | undefined {
    const stone = this.blocked.get(content);
    return stone !== undefined && isInForce(stone, this.deps.clock.now()) ? stone.since : undefined;
  }

  /**
   * A holder that has copies in memory alone leaves: it serves none any more, and no receipt is to wait for it.
   * `leaves`: unless the store may have failed. Never rejects.
   */
  async close(leaves = true): Promise<void> {
    await this.rounds.close();
    const { holder, takedowns, logger } = this.deps;
    if (!leaves || holder.keepsDisk || !Number.isFinite(this.presentAt)) return;
    this.hasLeft = true;
    try {
      await takedowns.leave(holder.id);
    } catch (error) {
      logger.debug(
        { error },
        'it could not be said that this process has no copies any more; it counts as away for a minute',
      );
    }
  }

  private async follow(): Promise<void> {
    const { takedowns } = this.deps;
    const last = await takedowns.last();
    const from = this.followed ?? (await this.begin(last));
    // The log was lost and begun anew.
    this.followed = last < from ? 0 : from;
    if (last - this.followed > MAX_ORDERS) await this.dropEverything(last);
    await this.present(false);
    if (this.blockedOf < 0) await this.learnBlocked(last);
    for (;;) {
      const orders = await takedowns.after(this.followed, ORDERS_AT_A_TIME);
      for (const { number, order } of orders) {
        // Known here before it is said that the order was followed.
        const isNews = order.blocked.length > 0 || order.unblocked !== undefined;
        if (isNews && this.blockedOf < number) await this.learnBlocked(number);
        const dropped = await this.deps.blobs.drop(order.blobs, order.hasTiles);
        const { id: holder, host, worker } = this.deps.holder;
        await takedowns.acknowledge(order.id, { holder, host, worker, at: this.deps.clock.now(), ...dropped });
        await this.note(number);
      }
      if (orders.length < ORDERS_AT_A_TIME) break;
    }
  }

  /** The number from which this holder goes on: copies in memory are newer than every order so far. */
  private async begin(last: number): Promise<number> {
    const { memory } = this.deps;
    if (memory === undefined) return last;
    const known = memory.read();
    if (known !== undefined) return known;
    // Copies of which nobody knows how old they are.
    if (last > 0) await this.deps.blobs.drop('all');
    await memory.write(last);
    return last;
  }

  private async dropEverything(last: number): Promise<void> {
    await this.deps.blobs.drop('all');
    await this.note(last);
  }

  private async note(followed: number): Promise<void> {
    await this.deps.memory?.write(followed);
    this.followed = followed;
    await this.present(true);
  }

  private async present(isNews: boolean): Promise<void> {
    const { holder, takedowns, clock } = this.deps;
    const now = clock.monotonic();
    if (this.hasLeft) return;
    if (!isNews && now < this.presentAt + PRESENT_MS) return;
    await takedowns.present({ ...holder, followed: this.followed ?? 0, seenAt: clock.now() });
    this.presentAt = now;
  }

  private async learnBlocked(last: number): Promise<void> {
    const stones = await this.deps.takedowns.tombstones(MAX_TOMBSTONES);
    this.blocked = new Map(
      stones.map(({ content, since, until }) => [content, { since, ...(until !== undefined && { until }) }]),
    );
    this.blockedOf = last;
    this.deps.onBlocked?.();
  }
}
