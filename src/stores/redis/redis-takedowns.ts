// The Takedowns port on Redis: hashes of sealed JSON in one slot, without a time to live. Whoever can write to the server can put
// anything there, so what has no seal of ours, or is none of ours by its fields, is passed over.
import type { Digest } from '../../kernel/digest.js';
import { ProofsheetError } from '../../kernel/errors.js';
import { MAX_ORDERS, type NumberedOrder, type Takedowns } from '../../kernel/ports/takedowns.js';
import { type BegunPurge, MAX_BEGUN, type PurgeStep } from '../../kernel/takedown/begun-purge.js';
import {
  type Acknowledgement,
  type CopyHolder,
  type HookState,
  mayHold,
  type TakedownOrder,
} from '../../kernel/takedown/order.js';
import { isInForce, MAX_TOMBSTONES, stricter, type Tombstone } from '../../kernel/takedown/tombstone.js';
import { script } from './link.js';
import { readIn } from './record-fields.js';
import { SEAL_CHARACTERS } from './seals.js';
import { healingTypes, runMany, type Session } from './session.js';
import { acknowledgementIn, begunIn, holderIn, hookIn, orderIn, stepIn, tombstoneIn } from './takedown-records.js';

/**
 * One step, so that nobody sees a number whose order is still to come. KEYS numbers, orders, hooks, begun, steps of the id, open hooks.
 * ARGV id, order behind its id and a space, hook or '', how many are kept. Returns the order's number.
 */
const APPEND = script(`
local id, order, hook, kept = unpack(ARGV)
redis.call('HDEL', KEYS[4], id)
redis.call('DEL', KEYS[5])
local known = redis.call('HGET', KEYS[1], id)
if known then return tonumber(known) end
local number = redis.call('HINCRBY', KEYS[1], '', 1)
redis.call('HSET', KEYS[2], number, order)
redis.call('HSET', KEYS[1], id, number)
if hook ~= '' then
  redis.call('HSET', KEYS[3], id, hook)
  redis.call('HSET', KEYS[6], id, '')
end
local old = redis.call('HGET', KEYS[2], number - kept)
if old then
  local old_id = string.match(old, '^(%S+) ') or ''
  redis.call('HDEL', KEYS[2], number - kept)
  if old_id ~= '' then
    redis.call('HDEL', KEYS[1], old_id)
    redis.call('HDEL', KEYS[3], old_id)
    redis.call('HDEL', KEYS[6], old_id)
  end
end
return number`);

/** Acknowledgements are asked for while somebody may still follow. */
const ACKS_KEPT_MS = 400 * 86_400_000;
/** Fields asked for at once. */
const PAGE = 500;

export class RedisTakedowns implements Takedowns {
  constructor(private readonly session: Session) {}

  async findTombstone(content: Digest): Promise<Tombstone | undefined> {
    const [text] = await this.fields('tombstones', [content]);
    return this.opened(`tombstone\0${content}`, text, tombstoneIn);
  }

  async block(tombstones: readonly Tombstone[], now: number): Promise<void> {
    for (const next of tombstones) {
      const before = await this.findTombstone(next.content);
      if (before === undefined) await this.makeRoom(now);
      const text = this.sealed(`tombstone\0${next.content}`, stricter(before, next));
      await this.send('tombstones', ['HSET', next.content, text]);
    }
  }

  async unblock(content: Digest): Promise<boolean> {
    return Number(await this.send('tombstones', ['HDEL', content])) > 0;
  }

  async tombstones(limit: number): Promise<readonly Tombstone[]> {
    const found: Tombstone[] = [];
    let cursor = '0';
    do {
      const reply = (await this.send('tombstones', ['HSCAN', cursor, 'COUNT', String(PAGE)])) as [string, string[]];
      const [next, pairs] = reply;
      for (let at = 0; at + 1 < pairs.length; at += 2) {
        const stone = this.opened(`tombstone\0${pairs[at]}`, pairs[at + 1], tombstoneIn);
        if (stone) found.push(stone);
      }
      cursor = String(next);
    } while (cursor !== '0' && found.length < limit);
    return found.slice(0, limit);
  }

  async begin(purge: BegunPurge): Promise<void> {
    if (Number(await this.send('begun', ['HLEN'])) >= MAX_BEGUN)
      throw new ProofsheetError('overloaded', `expected at most ${MAX_BEGUN} purges at a time`);
    await this.send('begun', ['HSET', purge.id, this.sealed('begun', purge)]);
  }

  async noteStep(id: string, index: number, step: PurgeStep): Promise<void> {
    await this.send(`steps:${id}`, ['HSET', String(index), this.sealed(`step\0${id}\0${index}`, step)]);
  }

  async stepOf(id: string, index: number): Promise<PurgeStep | undefined> {
    const [text] = await this.fields(`steps:${id}`, [String(index)]);
    return this.opened(`step\0${id}\0${index}`, text, stepIn);
  }

  async begun(): Promise<readonly BegunPurge[]> {
    const found = (await this.values('begun')).flatMap((text) => this.opened('begun', text, begunIn) ?? []);
    return found.sort((one, other) => one.at - other.at);
  }

  async append(order: TakedownOrder, hook?: HookState): Promise<number> {
    const { id } = order;
    const others = ['orders', 'hooks', 'begun', `steps:${id}`, 'open'].map((what) => this.key(what));
    const keys = [this.key('numbers'), ...others] as const;
    const sealed = `${id} ${this.sealed(`order\0${id}`, order)}`;
    const args = [id, sealed, hook === undefined ? '' : this.sealed(`hook\0${id}`, hook), MAX_ORDERS];
    const [number] = await runMany(this.session, APPEND, [{ keys, args }]);
    return Number(number);
  }

  async after(number: number, limit: number): Promise<readonly NumberedOrder[]> {
    const last = await this.last();
    // What is older than what is kept is not asked for one by one.
    const first = Math.max(number + 1, last - MAX_ORDERS + 1, 1);
    const found: NumberedOrder[] = [];
    for (let from = first; from <= last && found.length < limit; from += PAGE) {
      const asked = Array.from({ length: Math.min(PAGE, last - from + 1, limit) }, (_, at) => from + at);
      const texts = await this.fields('orders', asked.map(String));
      for (const [at, each] of asked.entries()) {
        const order = this.orderIn(texts[at]);
        if (order) found.push({ number: each, order });
      }
    }
    return found.slice(0, limit);
  }

  async last(): Promise<number> {
    const [text] = await this.fields('numbers', ['']);
    const last = Number(text ?? 0);
    return Number.isSafeInteger(last) && last > 0 ? last : 0;
  }

  async find(id: string): Promise<NumberedOrder | undefined> {
    const [text] = id === '' ? [] : await this.fields('numbers', [id]);
    const number = Number(text);
    if (text === undefined || !Number.isSafeInteger(number)) return undefined;
    const [orderText] = await this.fields('orders', [String(number)]);
    const order = this.orderIn(orderText);
    return order?.id === id ? { number, order } : undefined;
  }

  async acknowledge(id: string, acknowledgement: Acknowledgement): Promise<void> {
    const what = `acks:${id}`;
    await this.send(what, ['HSET', acknowledgement.holder, this.sealed(`ack\0${id}`, acknowledgement)]);
    await this.send(what, ['PEXPIRE', String(ACKS_KEPT_MS)]);
  }

  async acknowledged(id: string): Promise<readonly Acknowledgement[]> {
    return (await this.values(`acks:${id}`)).flatMap(
      (text) => this.opened(`ack\0${id}`, text, acknowledgementIn) ?? [],
    );
  }

  async present(holder: CopyHolder): Promise<void> {
    await this.send('holders', ['HSET', holder.id, this.sealed('holder', holder)]);
  }

  async leave(holder: string): Promise<void> {
    await this.send('holders', ['HDEL', holder]);
  }

  async holders(now: number): Promise<readonly CopyHolder[]> {
    const known = (await this.values('holders')).flatMap((text) => this.opened('holder', text, holderIn) ?? []);
    const gone = known.filter((holder) => !mayHold(holder, now)).map(({ id }) => id);
    if (gone.length > 0) await this.send('holders', ['HDEL', ...gone]);
    return known.filter((holder) => mayHold(holder, now));
  }

  async hookOf(id: string): Promise<HookState | undefined> {
    const [text] = await this.fields('hooks', [id]);
    return this.opened(`hook\0${id}`, text, hookIn);
  }

  async noteHook(id: string, hook: HookState): Promise<void> {
    if ((await this.find(id)) === undefined) return;
    await this.send('hooks', ['HSET', id, this.sealed(`hook\0${id}`, hook)]);
    await this.send('open', hook.end === undefined ? ['HSET', id, ''] : ['HDEL', id]);
  }

  /** Asked every second: by those alone that are open, however many there were. */
  async openHooks(limit: number): Promise<readonly string[]> {
    const ids = (await this.send('open', ['HKEYS'])) as string[];
    for (let from = 0; from < ids.length; from += limit) {
      const some = ids.slice(from, from + limit);
      const hooks = await this.fields('hooks', some);
      const [open, others] = [
        some.filter((_, at) => hooks[at] !== undefined),
        some.filter((_, at) => hooks[at] === undefined),
      ];
      // Named open and known to nobody: they would come before all others for ever.
      if (others.length > 0) await this.send('open', ['HDEL', ...others]);
      if (open.length > 0) return open;
    }
    return [];
  }

  /** The connection is closed by whoever opened it. */
  async close(): Promise<void> {}

  private async makeRoom(now: number): Promise<void> {
    if (Number(await this.send('tombstones', ['HLEN'])) < MAX_TOMBSTONES) return;
    const over = (await this.tombstones(MAX_TOMBSTONES)).filter((stone) => !isInForce(stone, now));
    if (over.length === 0) throw new ProofsheetError('over-quota', `expected at most ${MAX_TOMBSTONES} tombstones`);
    for (let from = 0; from < over.length; from += PAGE)
      await this.send('tombstones', ['HDEL', ...over.slice(from, from + PAGE).map(({ content }) => content)]);
  }

  private key(what: string): string {
    return this.session.keys.takedowns(what);
  }

  /** A command on one of the hashes: its name, then what stands behind the key. */
  private async send(what: string, [command = '', ...args]: readonly string[]): Promise<unknown> {
    const { link, deadlines } = this.session;
    const key = this.key(what);
    return healingTypes(this.session, [key], () => link.send(key, [command, key, ...args], deadlines.setMs));
  }

  private async fields(what: string, names: readonly string[]): Promise<(string | undefined)[]> {
    const reply = (await this.send(what, ['HMGET', ...names])) as (string | null)[];
    return reply.map((text) => text ?? undefined);
  }

  private async values(what: string): Promise<string[]> {
    return ((await this.send(what, ['HVALS'])) as unknown[]).map(String);
  }

  private sealed(name: string, value: unknown): string {
    const text = JSON.stringify(value);
    return this.session.seals.of('takedown', `${name}\0${text}`) + text;
  }

  private orderIn(text: string | undefined): TakedownOrder | undefined {
    const end = text?.indexOf(' ') ?? -1;
    return text === undefined ? undefined : this.opened(`order\0${text.slice(0, end)}`, text.slice(end + 1), orderIn);
  }

  private opened<T>(name: string, sealed: string | undefined, read: (value: unknown) => T): T | undefined {
    if (sealed === undefined) return undefined;
    const [seal, text] = [sealed.slice(0, SEAL_CHARACTERS), sealed.slice(SEAL_CHARACTERS)];
    // Under no key everybody could have made the seal.
    return this.session.seals.proves('takedown', `${name}\0${text}`, seal) ? readIn(text, read) : undefined;
  }
}
