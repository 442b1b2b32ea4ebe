// The use cases of takedowns: purge, with a receipt; block and unblock contents; tell of both. Order matters: tombstone, then groups,
// then bytes, then the log that all processes follow, then the CDN.
import { type KeyObject, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Digest } from '../../kernel/digest.js';
import type { NumberedOrder, Takedowns } from '../../kernel/ports/takedowns.js';
import { type PublicJwk, publicJwk, signedText } from '../../kernel/takedown/jws.js';
import { messagesOf, NOTHING, type TakedownOrder } from '../../kernel/takedown/order.js';
import { RECEIPT_TYPE, type Receipt, receiptOf } from '../../kernel/takedown/receipt.js';
import { isInForce, MAX_TOMBSTONES, type Tombstone } from '../../kernel/takedown/tombstone.js';
import type { PurgeRequest, SignedReceipt, Takedown } from './answers.js';
import { PurgeRun, type PurgeRunDeps } from './purge-run.js';

/** A purge waits three seconds for those to follow who are there; who is later is in the receipt when it is asked for again. */
const LOOKS = 60;
const LOOK_MS = 50;
/** Who has said something so lately is there. */
const PRESENT_MS = 15_000;

export interface TakedownServiceDeps extends PurgeRunDeps {
  readonly takedowns: Takedowns;
  /** This process's own following, now. */
  readonly follow: () => Promise<void>;
  /** What the last tier is called. */
  readonly lastTier: 'disk' | 'shared';
  /** Who takes down. */
  readonly by: string;
  /** A private key of Ed25519; receipts are not signed without one. */
  readonly key?: KeyObject;
  /** There is a CDN to be told. */
  readonly tellsCdn: boolean;
}

export class TakedownService implements Takedown {
  constructor(private readonly deps: TakedownServiceDeps) {}

  async purge({ selection, reason, isBlocked, until }: PurgeRequest): Promise<SignedReceipt> {
    const { takedowns, clock, by, lastTier } = this.deps;
    const at = clock.now();
    const blocked = new Set<Digest>();
    const block = async (contents: readonly Digest[]): Promise<void> => {
      const news = isBlocked ? contents.filter((content) => !blocked.has(content)) : [];
      if (news.length === 0) return;
      await takedowns.block(
        news.map((content) => stoneOf(content, reason, at, until)),
        at,
      );
      for (const content of news) blocked.add(content);
    };
    if (selection.by === 'content') await block([selection.content]);
    const { left, ...purged } = await new PurgeRun(this.deps, selection, block).run();
    const order: TakedownOrder = {
      ...{ id: newId(), at, by, reason, selection, ...purged, lasting: { tier: lastTier, ...left } },
      blocked: [...blocked],
      ...(until !== undefined && blocked.size > 0 && { until }),
    };
    return this.told(order);
  }

  async receipt(id: string): Promise<SignedReceipt | undefined> {
    const found = await this.deps.takedowns.find(id);
    return found && this.signed(await this.receiptNow(found));
  }

  async latest(limit: number): Promise<readonly Receipt[]> {
    const { takedowns } = this.deps;
    const last = await takedowns.last();
    const orders = await takedowns.after(Math.max(0, last - limit), limit);
    return Promise.all(orders.toReversed().map((found) => this.receiptNow(found)));
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
      ...{ id: newId(), at: clock.now(), by, groups: 0, named: [], stillNamed: 0, derivatives: 0, blobs: [] },
      ...{ lasting: { tier: lastTier, ...NOTHING }, surrogateKeys: [], ...change },
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

  private async told(order: TakedownOrder): Promise<SignedReceipt> {
    const { takedowns, clock, follow, tellsCdn } = this.deps;
    const messages = tellsCdn ? messagesOf(order).length : 0;
    const hook = { sent: 0, messages, attempts: 0, dueAt: clock.now() };
    const number = await takedowns.append(order, messages > 0 ? hook : undefined);
    await follow();
    for (let looks = 0; looks < LOOKS && !(await this.havePresentFollowed(order.id, number)); looks++)
      await delay(LOOK_MS);
    return this.signed(await this.receiptNow({ number, order }));
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
