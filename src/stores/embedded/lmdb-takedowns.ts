// The Takedowns port on LMDB, in an environment of its own, `takedowns` in the data directory: it outlives a catalog that is set aside,
// and what was acknowledged survives a power cut, whatever the settings say of the rest.
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
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
import { digestKey, endOfPrefix, keyAfter } from './catalog-keys.js';
import { LastSeen } from './last-seen.js';
import { keysFrom, LmdbEnvironment, lastKey, readRow, type Table } from './lmdb-environment.js';
import { LmdbWorkNotes } from './lmdb-work-notes.js';
import { makeDirs } from './make-dirs.js';

const FIRST_KEY = Buffer.of(0);
/** Tombstones looked at in one step, where those that are over make room. */
const LOOKED_AT = 1_000;
/** Of one purge: steps of 16 groups at least, of a billion of them. */
const MAX_STEPS = 100_000_000;
/** Of one order, and holders at all: far more than there are processes. */
const MAX_HOLDERS = 10_000;

export class LmdbTakedowns implements Takedowns {
  /** digest -> Tombstone. */
  private readonly stones: Table;
  /** `tombstones` -> how many. */
  private readonly facts: Table;
  /** number -> TakedownOrder. */
  private readonly orders: Table;
  /** id -> number. */
  private readonly numbers: Table;
  /** id + 0 + holder -> Acknowledgement. */
  private readonly acks: Table;
  /** holder -> CopyHolder. */
  private readonly presence: Table;
  /** id -> HookState. */
  private readonly hooks: Table;
  /** id -> nothing: hooks that have not ended. */
  private readonly openOnes: Table;
  /** id -> BegunPurge. */
  private readonly begunOnes: Table;
  /** id + 0 + index -> PurgeStep. */
  private readonly steps: Table;

  /** In the same environment. */
  readonly notes: LmdbWorkNotes;

  private constructor(
    private readonly environment: LmdbEnvironment,
    private readonly seen: LastSeen,
  ) {
    this.notes = new LmdbWorkNotes(environment);
    this.stones = environment.table('tombstones');
    this.facts = environment.table('facts');
    this.orders = environment.table('orders');
    this.numbers = environment.table('numbers');
    this.acks = environment.table('acknowledgements');
    this.presence = environment.table('holders');
    this.hooks = environment.table('hooks');
    this.openOnes = environment.table('open-hooks');
    this.begunOnes = environment.table('begun');
    this.steps = environment.table('steps');
  }

  static open(dataDir: string): LmdbTakedowns {
    const path = join(dataDir, 'takedowns');
    makeDirs(path);
    const environment = LmdbEnvironment.open(path, 'full');
    return environment.atOnce(() => new LmdbTakedowns(environment, new LastSeen(join(path, 'seen'))));
  }

  async findTombstone(content: Digest): Promise<Tombstone | undefined> {
    this.environment.refresh();
    return readRow(this.stones, digestKey(content), parsed<Tombstone>);
  }

  async block(tombstones: readonly Tombstone[], now: number): Promise<void> {
    await this.environment.write(() => {
      for (const next of tombstones) {
        const key = digestKey(next.content);
        const before = readRow(this.stones, key, parsed<Tombstone>);
        if (before === undefined && this.count() >= MAX_TOMBSTONES) this.removeOver(now);
        if (before === undefined && this.count() >= MAX_TOMBSTONES)
          throw new ProofsheetError('over-quota', `expected at most ${MAX_TOMBSTONES} tombstones`);
        if (before === undefined) this.countBy(1);
        this.stones.putSync(key, row(stricter(before, next)));
      }
    });
  }

  async unblock(content: Digest): Promise<boolean> {
    return this.environment.write(() => this.removeStone(digestKey(content)));
  }

  async tombstones(limit: number): Promise<readonly Tombstone[]> {
    this.environment.refresh();
    return keysFrom(this.stones, FIRST_KEY, undefined, limit).flatMap(
      (key) => readRow(this.stones, key, parsed<Tombstone>) ?? [],
    );
  }

  async begin(purge: BegunPurge): Promise<void> {
    await this.environment.write(() => {
      if (keysFrom(this.begunOnes, FIRST_KEY, undefined, MAX_BEGUN).length >= MAX_BEGUN)
        throw new ProofsheetError('overloaded', `expected at most ${MAX_BEGUN} purges at a time`);
      this.begunOnes.putSync(Buffer.from(purge.id), row(purge));
    });
  }

  async noteStep(id: string, index: number, step: PurgeStep): Promise<void> {
    await this.environment.write(() => this.steps.putSync(stepKey(id, index), row(step)));
  }

  async stepOf(id: string, index: number): Promise<PurgeStep | undefined> {
    this.environment.refresh();
    return readRow(this.steps, stepKey(id, index), parsed<PurgeStep>);
  }

  async begun(): Promise<readonly BegunPurge[]> {
    this.environment.refresh();
    const keys = keysFrom(this.begunOnes, FIRST_KEY, undefined, MAX_BEGUN);
    const found = keys.flatMap((key) => readRow(this.begunOnes, key, parsed<BegunPurge>) ?? []);
    return found.sort((one, other) => one.at - other.at);
  }

  async append(order: TakedownOrder, hook?: HookState): Promise<number> {
    return this.environment.write(() => {
      const known = readRow(this.numbers, Buffer.from(order.id), numberOf);
      if (known !== undefined) return known;
      this.forgetBegun(order.id);
      const number = this.lastNumber() + 1;
      this.orders.putSync(numberKey(number), row(order));
      this.numbers.putSync(Buffer.from(order.id), numberKey(number));
      if (hook !== undefined) this.putHook(order.id, hook);
      if (number > MAX_ORDERS) this.forget(number - MAX_ORDERS);
      return number;
    });
  }

  async after(number: number, limit: number): Promise<readonly NumberedOrder[]> {
    this.environment.refresh();
    return keysFrom(this.orders, keyAfter(numberKey(number)), undefined, limit).flatMap((key) => {
      const order = readRow(this.orders, key, parsed<TakedownOrder>);
      return order === undefined ? [] : [{ number: numberOf(key), order }];
    });
  }

  async last(): Promise<number> {
    this.environment.refresh();
    return this.lastNumber();
  }

  async find(id: string): Promise<NumberedOrder | undefined> {
    this.environment.refresh();
    // LMDB has no empty keys.
    const number = id === '' ? undefined : readRow(this.numbers, Buffer.from(id), numberOf);
    const order = number === undefined ? undefined : readRow(this.orders, numberKey(number), parsed<TakedownOrder>);
    return number === undefined || order === undefined ? undefined : { number, order };
  }

  async acknowledge(id: string, acknowledgement: Acknowledgement): Promise<void> {
    await this.environment.write(() => {
      // Of an order that was forgotten nobody asks any more.
      if (!this.numbers.doesExist(Buffer.from(id))) return;
      this.acks.putSync(Buffer.from(`${id}\0${acknowledgement.holder}`), row(acknowledgement));
    });
  }

  async acknowledged(id: string): Promise<readonly Acknowledgement[]> {
    this.environment.refresh();
    return this.acksOf(id).flatMap((key) => readRow(this.acks, key, parsed<Acknowledgement>) ?? []);
  }

  async present(holder: CopyHolder): Promise<void> {
    const key = Buffer.from(holder.id);
    this.environment.refresh();
    const before = readRow(this.presence, key, parsed<CopyHolder>);
    const isKnown = before !== undefined && isDeepStrictEqual({ ...before, seenAt: 0 }, { ...holder, seenAt: 0 });
    // A commit waits for the disk, and every process would make one every few seconds, for ever.
    if (isKnown) await this.seen.note(holder.id, holder.seenAt);
    else await this.environment.write(() => this.presence.putSync(key, row(holder)));
  }

  leave(holder: string): Promise<void> {
    return this.forgetHolders([holder]);
  }

  async holders(now: number): Promise<readonly CopyHolder[]> {
    this.environment.refresh();
    const keys = keysFrom(this.presence, FIRST_KEY, undefined, MAX_HOLDERS);
    const known = keys
      .flatMap((key) => readRow(this.presence, key, parsed<CopyHolder>) ?? [])
      .map((holder) => ({ ...holder, seenAt: Math.max(holder.seenAt, this.seen.of(holder.id) ?? 0) }));
    await this.forgetHolders(known.filter((holder) => !mayHold(holder, now)).map(({ id }) => id));
    return known.filter((holder) => mayHold(holder, now));
  }

  async hookOf(id: string): Promise<HookState | undefined> {
    this.environment.refresh();
    return readRow(this.hooks, Buffer.from(id), parsed<HookState>);
  }

  async noteHook(id: string, hook: HookState): Promise<void> {
    await this.environment.write(() => {
      if (this.numbers.doesExist(Buffer.from(id))) this.putHook(id, hook);
    });
  }

  async openHooks(limit: number): Promise<readonly string[]> {
    this.environment.refresh();
    return keysFrom(this.openOnes, FIRST_KEY, undefined, limit).map(String);
  }

  close(): Promise<void> {
    return this.environment.close();
  }

  private async forgetHolders(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.environment.write(() => {
      for (const id of ids) this.presence.removeSync(Buffer.from(id));
    });
    for (const id of ids) await this.seen.forget(id);
  }

  private putHook(id: string, hook: HookState): void {
    const key = Buffer.from(id);
    this.hooks.putSync(key, row(hook));
    if (hook.end === undefined) this.openOnes.putSync(key, Buffer.of(0));
    else this.openOnes.removeSync(key);
  }

  /** An order with all that was said of it. */
  private forget(number: number): void {
    const order = readRow(this.orders, numberKey(number), parsed<TakedownOrder>);
    this.orders.removeSync(numberKey(number));
    if (order === undefined) return;
    for (const key of this.acksOf(order.id)) this.acks.removeSync(key);
    for (const table of [this.numbers, this.hooks, this.openOnes]) table.removeSync(Buffer.from(order.id));
  }

  private forgetBegun(id: string): void {
    this.begunOnes.removeSync(Buffer.from(id));
    const prefix = Buffer.from(`${id}\0`);
    for (const key of keysFrom(this.steps, prefix, endOfPrefix(prefix), MAX_STEPS)) this.steps.removeSync(key);
  }

  private acksOf(id: string): Buffer[] {
    const prefix = Buffer.from(`${id}\0`);
    return keysFrom(this.acks, prefix, endOfPrefix(prefix), MAX_HOLDERS);
  }

  private lastNumber(): number {
    const key = lastKey(this.orders, FIRST_KEY, undefined);
    return key === undefined ? 0 : numberOf(key);
  }

  private removeOver(now: number): void {
    for (const key of keysFrom(this.stones, FIRST_KEY, undefined, MAX_TOMBSTONES)) {
      const stone = readRow(this.stones, key, parsed<Tombstone>);
      if (stone !== undefined && !isInForce(stone, now)) this.removeStone(Buffer.from(key));
      if (this.count() < MAX_TOMBSTONES - LOOKED_AT) return;
    }
  }

  private removeStone(key: Buffer): boolean {
    if (!this.stones.doesExist(key)) return false;
    this.stones.removeSync(key);
    this.countBy(-1);
    return true;
  }

  private count(): number {
    return readRow(this.facts, Buffer.from('tombstones'), numberOf) ?? 0;
  }

  private countBy(change: number): void {
    this.facts.putSync(Buffer.from('tombstones'), numberKey(this.count() + change));
  }
}

function stepKey(id: string, index: number): Buffer {
  return Buffer.concat([Buffer.from(`${id}\0`), numberKey(index)]);
}

/** Numbers of 0 or more sort by their big-endian bytes. */
function numberKey(number: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  key.writeDoubleBE(number, 0);
  return key;
}

function numberOf(bytes: Buffer): number {
  return bytes.readDoubleBE(0);
}

function row(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function parsed<T>(bytes: Buffer): T {
  // Written by this file alone.
  return JSON.parse(bytes.toString('utf8', 0, bytes.length)) as T;
}
