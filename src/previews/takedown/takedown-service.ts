// The use cases of takedowns: purge, with a receipt; block and unblock contents; tell of both. Order matters: what is wanted is written
// down, then tombstone, then groups, then bytes, then the log that all processes follow, then the CDN.
import { type KeyObject, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Digest } from '../../kernel/digest.js';
import { ProofsheetError } from '../../kernel/errors.js';
import type { Leases } from '../../kernel/ports/leases.js';
import type { Logger } from '../../kernel/ports/logger.js';
import type { NumberedOrder, Takedowns } from '../../kernel/ports/takedowns.js';
import type { BegunPurge } from '../../kernel/takedown/begun-purge.js';
import { type PublicJwk, publicJwk, signedText } from '../../kernel/takedown/jws.js';
import {
  MAX_NAMED_ASSETS,
  messagesOf,
  NOTHING,
  type OriginalsOfContent,
  type TakedownOrder,
} from '../../kernel/takedown/order.js';
import { RECEIPT_TYPE, type Receipt, receiptOf } from '../../kernel/takedown/receipt.js';
import { isInForce, MAX_TOMBSTONES, type Tombstone } from '../../kernel/takedown/tombstone.js';
import { SoleTurn } from '../sole-turn.js';
import type { PurgeRequest, SignedReceipt, Takedown } from './answers.js';
import { type Purged, PurgeRun, type PurgeRunDeps } from './purge-run.js';

/**
 * A purge waits three seconds for those to follow who are there, and for the CDN; who is later is in the receipt when it is asked for
 * again.
 */
const LOOKS = 60;
const LOOK_MS = 50;
/** Who has said something so lately is there. */
const PRESENT_MS = 15_000;

/** Of an order that takes nothing away, or nothing yet. */
const NOTHING_GONE = {
  ...{ groups: 0, named: [], stillNamed: 0, derivatives: 0, blobs: [], blocked: [], surrogateKeys: [] },
} as const;

export interface TakedownServiceDeps extends PurgeRunDeps {
  readonly takedowns: Takedowns;
  /** Absent where no other process shares the store. */
  readonly leases?: Leases;
  readonly logger: Logger;
  /** This process's own following, now. */
  readonly follow: () => Promise<void>;
  /** What the last tier is called. */
  readonly lastTier: 'disk' | 'shared';
  /** Who takes down. */
  readonly by: string;
  /** A private key of Ed25519; receipts are not signed without one. */
  readonly key?: KeyObject;
  /** What the library keeps of these contents, and which assets have them; absent where there is none. */
  readonly originalsOf?: (contents: ReadonlySet<Digest>, limit: number) => Promise<OriginalsOfContent>;
  /** There is a CDN to be told. */
  readonly tellsCdn: boolean;
  /** Has it told now, where this process does that; another one looks every second. Absent: no purge waits for it. Never rejects. */
  readonly tellCdn?: () => Promise<void>;
}

export class TakedownService implements Takedown {
  /** Purges that this process is at. */
  private readonly underWay = new Set<string>();
  private isStopping = false;

  constructor(private readonly deps: TakedownServiceDeps) {}

  async purge(asked: PurgeRequest): Promise<SignedReceipt> {
    const { takedowns, clock, by } = this.deps;
    const begun: BegunPurge = { id: newId(), at: clock.now(), by, ...asked };
    const done = await this.carriedOn(begun, () => takedowns.begin(begun));
    if (done === undefined) throw new Error('expected a new purge to be nobody else’s');
    return this.told(done);
  }

  /** Purges under way stop soon, and are carried on by whoever is there next. */
  stop(): void {
    this.isStopping = true;
  }

  /** Ends the purges that a crash, or a store that did not answer, has interrupted. Never rejects for one of them. */
  async resume(): Promise<void> {
    const { takedowns, logger } = this.deps;
    for (const begun of await takedowns.begun()) {
      if (this.underWay.has(begun.id)) continue;
      try {
        const done = await this.carriedOn(begun, async () => undefined);
        if (done) logger.info({ takedown: begun.id }, 'a purge that was interrupted has been carried on to its end');
      } catch (error) {
        logger.warn(
          { error, takedown: begun.id },
          'a purge that was interrupted could not be carried on; it is tried again',
        );
      }
    }
  }

  /** As the only process that is at it: `undefined` while another one is. */
  private async carriedOn(begun: BegunPurge, first: () => Promise<void>): Promise<NumberedOrder | undefined> {
    const { leases, clock } = this.deps;
    const turn = new SoleTurn({ name: `takedown ${begun.id}`, leases, clock });
    let done: NumberedOrder | undefined;
    this.underWay.add(begun.id);
    try {
      await turn.run(async () => {
        await first();
        done = await this.carryOut(begun, async () => !this.isStopping && turn.isMine());
      });
    } finally {
      this.underWay.delete(begun.id);
    }
    return done;
  }

  private async carryOut(begun: BegunPurge, mayGoOn: () => Promise<boolean>): Promise<NumberedOrder> {
    const { takedowns, lastTier } = this.deps;
    const { isBlocked, ...rest } = begun;
    const { id, at, by, reason, selection, until } = rest;
    const blocked = new Set<Digest>();
    const before = async (contents: readonly Digest[]): Promise<void> => {
      const news = isBlocked ? contents.filter((content) => !blocked.has(content)) : [];
      if (news.length === 0) return;
      await takedowns.block(
        news.map((content) => stoneOf(content, reason, at, until)),
        at,
      );
      for (const content of news) blocked.add(content);
    };
    const run = new PurgeRun(this.deps, begun, { before, mayGoOn });
    const orderOf = ({ left, ...purged }: Purged): TakedownOrder => ({
      ...{ id, at, by, reason, selection, ...purged, lasting: { tier: lastTier, ...left } },
      blocked: [...blocked],
      ...(until !== undefined && blocked.size > 0 && { until }),
    });
    try {
      if (selection.by === 'content') await before([selection.content]);
      const purged = await run.run();
      const contents = selection.by === 'content' ? new Set([selection.content, ...blocked]) : blocked;
      const found = contents.size > 0 ? await this.deps.originalsOf?.(contents, MAX_NAMED_ASSETS) : undefined;
      const originals = found && { originals: found.assets, keptOriginals: found.kept };
      return await this.appended({ ...orderOf(purged), ...originals });
    } catch (error) {
      // No more tombstones: it can never be done as it was asked for. What has gone by now is in the log, and nothing else goes.
      if (error instanceof ProofsheetError && error.code === 'over-quota')
        await this.appended(orderOf(await run.end()));
      throw error;
    }
  }

  async receipt(id: string): Promise<SignedReceipt | undefined> {
    const { takedowns } = this.deps;
    const begun = (await takedowns.begun()).find((each) => each.id === id);
    const found = begun ? this.asOrder(begun) : await takedowns.find(id);
    return found && this.signed(await this.receiptNow(found));
  }

  async latest(limit: number): Promise<readonly Receipt[]> {
    const { takedowns } = this.deps;
    const begun = (await takedowns.begun()).toReversed().map((each) => this.asOrder(each));
    const last = await takedowns.last();
    const orders = await takedowns.after(Math.max(0, last - limit), limit);
    const ended = new Set(orders.map(({ order }) => order.id));
    // One that has ended since it was looked for among those under way is in the log by now.
    const underWay = begun.filter(({ order }) => !ended.has(order.id));
    return Promise.all([...underWay, ...orders.toReversed()].slice(0, limit).map((found) => this.receiptNow(found)));
  }

  /** Of a purge that is not in the log yet: nobody can have followed it. */
  private asOrder({ isBlocked: _, until: __, ...begun }: BegunPurge): NumberedOrder {
    const order = { ...begun, ...NOTHING_GONE, lasting: { tier: this.deps.lastTier, ...NOTHING } };
    return { number: Number.POSITIVE_INFINITY, order };
  }

  async block(content: Digest, reason: string, until: number | undefined): Promise<Tombstone> {
    const { takedowns, clock } = this.deps;
    const at = clock.now();
    const stone = stoneOf(content, reason, at, until);
    await takedowns.block([stone], at);
    await this.noted({ reason, blocked: [content], ...(until !== undefined && { until }) });
    return (await takedowns.findTombstone(content)) ?? stone;
  }

  async unblock(content: Digest): Promise<boolean> {
    const wasBlocked = await this.deps.takedowns.unblock(content);
    if (wasBlocked) await this.noted({ reason: 'unblocked', blocked: [], unblocked: [content] });
    return wasBlocked;
  }

  /** In the log, so that every process hears of it, and that it is known who did it. */
  private async noted(change: Pick<TakedownOrder, 'reason' | 'blocked' | 'until' | 'unblocked'>): Promise<void> {
    const { takedowns, clock, by, lastTier } = this.deps;
    await takedowns.append({
      ...{ id: newId(), at: clock.now(), by, ...NOTHING_GONE, lasting: { tier: lastTier, ...NOTHING } },
      ...change,
    });
  }

  async tombstones(limit: number): Promise<readonly Tombstone[]> {
    const now = this.deps.clock.now();
    const stones = await this.deps.takedowns.tombstones(MAX_TOMBSTONES);
    return stones.filter((stone) => isInForce(stone, now)).slice(0, limit);
  }

  publicKeys(): readonly PublicJwk[] {
    return this.deps.key === undefined ? [] : [publicJwk(this.deps.key)];
  }

  private async appended(order: TakedownOrder): Promise<NumberedOrder> {
    const { takedowns, clock, tellsCdn } = this.deps;
    const messages = tellsCdn ? messagesOf(order).length : 0;
    const hook = { sent: 0, messages, attempts: 0, dueAt: clock.now() };
    return { number: await takedowns.append(order, messages > 0 ? hook : undefined), order };
  }

  private async told({ number, order }: NumberedOrder): Promise<SignedReceipt> {
    const { follow, tellCdn } = this.deps;
    // Not waited for here: a CDN may take its time, and what is seen of it below is enough.
    void tellCdn?.();
    await follow();
    const isSettled = async (): Promise<boolean> =>
      (await this.havePresentFollowed(order.id, number)) && !(tellCdn && (await this.isBeingTold(order.id)));
    for (let looks = 0; looks < LOOKS && !(await isSettled()); looks++) await delay(LOOK_MS);
    return this.signed(await this.receiptNow({ number, order }));
  }

  /** The CDN has messages to take, and has refused none: after that it is asked again seconds later at the soonest. */
  private async isBeingTold(id: string): Promise<boolean> {
    const hook = await this.deps.takedowns.hookOf(id);
    return hook !== undefined && hook.end === undefined && hook.attempts === 0;
  }

  private async havePresentFollowed(id: string, number: number): Promise<boolean> {
    const { takedowns, clock } = this.deps;
    const now = clock.now();
    const [holders, acknowledged] = await Promise.all([takedowns.holders(now), takedowns.acknowledged(id)]);
    const have = new Set(acknowledged.map(({ holder }) => holder));
    return holders.every((one) => now - one.seenAt > PRESENT_MS || one.followed >= number || have.has(one.id));
  }

  private async receiptNow({ number, order }: NumberedOrder): Promise<Receipt> {
    const { takedowns, clock } = this.deps;
    const now = clock.now();
    const [acknowledged, holders, hook] = await Promise.all([
      takedowns.acknowledged(order.id),
      takedowns.holders(now),
      takedowns.hookOf(order.id),
    ]);
    return receiptOf(order, number, acknowledged, holders, hook, now);
  }

  private signed(receipt: Receipt): SignedReceipt {
    const { key } = this.deps;
    return { receipt, ...(key && { jws: signedText(RECEIPT_TYPE, JSON.stringify(receipt), key) }) };
  }
}

function stoneOf(content: Digest, reason: string, since: number, until: number | undefined): Tombstone {
  return { content, reason, since, ...(until !== undefined && { until }) };
}

function newId(): string {
  return `tkd_${randomBytes(16).toString('hex')}`;
}
