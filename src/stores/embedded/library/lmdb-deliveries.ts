// The Deliveries port on LMDB: the log of each receiver as a ring of rows, and what is held against it beside it. Bounded by receiver
// and by context, so that no dead receiver makes it grow.
import type { Context } from '../../../kernel/image-key.js';
import { admitted, type ReceiverState, receiverAfter } from '../../../kernel/library/delivery.js';
import {
  type Deliveries,
  type FailingReceiver,
  LOGGED_PER_RECEIVER,
  type LoggedDelivery,
  RECEIVERS_PER_CONTEXT,
} from '../../../kernel/ports/deliveries.js';
import { keysFrom, readRow } from '../lmdb-environment.js';
import type { LibraryChanges } from './library-changes.js';
import { endOfPrefix, FIRST_KEY, hashOf, joined, keyAfter, numberAt, numberKey } from './library-keys.js';
import { decodeJson, encodeJson, NOTHING } from './library-rows.js';
import type { LibraryTables } from './library-tables.js';

interface ReceiverRow {
  readonly context: Context;
  readonly receiver: string;
  /** Unix ms when an attempt was noted last. */
  readonly at: number;
  /** Its rows in `deliveries`: from the first (included) to the next (excluded). */
  readonly first: number;
  readonly next: number;
  readonly state?: ReceiverState;
}

const CONTEXT_BYTES = 16;
const TIME_BYTES = 8;
const MAX_FAILING = 1_000;
/** Keys looked at in one step of a sweep. */
const SWEPT_KEYS = 1_000;

export class LmdbDeliveries implements Deliveries {
  constructor(private readonly changes: LibraryChanges) {}

  async admit(context: Context, receiver: string, now: number): Promise<number | 'never'> {
    const key = this.keyOf(context, receiver);
    const known = this.read(key);
    // The usual case, in which nothing is taken.
    if (known?.state === undefined) return now;
    return this.changes.write(() => {
      const row = this.row(key);
      const { at, state } = admitted(row?.state, now);
      if (row !== undefined && state !== row.state) this.put(key, withState(row, state));
      return at;
    });
  }

  note(delivery: LoggedDelivery): Promise<void> {
    const { context, receiver, at, said } = delivery;
    const key = this.keyOf(context, receiver);
    return this.changes.write(() => {
      const before = this.row(key);
      if (before) this.tables.receiversOf.removeSync(this.timeKey(before));
      const { first, next, state } = before ?? { first: 0, next: 0, state: undefined };
      this.tables.deliveries.putSync(joined(key, numberKey(next)), encodeJson(delivery));
      const isFull = next + 1 - first > LOGGED_PER_RECEIVER;
      if (isFull) this.tables.deliveries.removeSync(joined(key, numberKey(first)));
      // What was not sent says nothing of the receiver, and keeps nobody who is not called any more from being forgotten.
      const notedAt = said === undefined && before ? before.at : at;
      const row: ReceiverRow = { context, receiver, at: notedAt, first: isFull ? first + 1 : first, next: next + 1 };
      this.put(key, withState(row, said === undefined ? state : receiverAfter(state, said, at)));
      this.tables.receiversOf.putSync(this.timeKey(row), NOTHING);
      if (before === undefined) this.forgetTheOldest(context);
    });
  }

  async log(context: Context, receiver: string): Promise<readonly LoggedDelivery[]> {
    const key = this.keyOf(context, receiver);
    this.changes.refresh();
    const end = endOfPrefix(key);
    const rows = [...this.tables.deliveries.getRange({ start: key, ...(end && { end }), limit: LOGGED_PER_RECEIVER })];
    return rows.map(({ value }) => decodeJson<LoggedDelivery>(value)).toReversed();
  }

  async failing(): Promise<readonly FailingReceiver[]> {
    this.changes.refresh();
    return keysFrom(this.tables.failing, FIRST_KEY, undefined, MAX_FAILING).flatMap((key) => {
      const row = this.row(key);
      return row?.state ? [{ context: row.context, receiver: row.receiver, state: row.state }] : [];
    });
  }

  enable(context: Context, receiver: string): Promise<boolean> {
    const key = this.keyOf(context, receiver);
    return this.changes.write(() => {
      const row = this.row(key);
      if (row?.state === undefined) return false;
      this.put(key, withState(row, undefined));
      return true;
    });
  }

  async sweep(before: number, limit: number): Promise<number> {
    let forgotten = 0;
    let from: Buffer | undefined = FIRST_KEY;
    while (from !== undefined && forgotten < limit) {
      this.changes.refresh();
      const keys = keysFrom(this.tables.receiversOf, from, undefined, SWEPT_KEYS);
      const old = keys.filter((key) => numberAt(key, CONTEXT_BYTES) < before).slice(0, limit - forgotten);
      await this.changes.write(() => {
        for (const key of old) this.forget(key);
      });
      forgotten += old.length;
      const last = keys.at(-1);
      from = keys.length === SWEPT_KEYS && last ? keyAfter(last) : undefined;
    }
    return forgotten;
  }

  private get tables(): LibraryTables {
    return this.changes.tables;
  }

  private keyOf(context: Context, receiver: string): Buffer {
    return joined(this.changes.contextKey(context), hashOf(receiver));
  }

  /** Where a receiver stands among those of its context. */
  private timeKey({ context, receiver, at }: ReceiverRow): Buffer {
    return joined(this.changes.contextKey(context), numberKey(at), hashOf(receiver));
  }

  private read(key: Buffer): ReceiverRow | undefined {
    this.changes.refresh();
    return this.row(key);
  }

  private row(key: Buffer): ReceiverRow | undefined {
    return readRow(this.tables.receivers, key, (bytes) => decodeJson<ReceiverRow>(bytes));
  }

  private put(key: Buffer, row: ReceiverRow): void {
    this.tables.receivers.putSync(key, encodeJson(row));
    if (row.state === undefined) this.tables.failing.removeSync(key);
    else this.tables.failing.putSync(key, NOTHING);
  }

  private forgetTheOldest(context: Context): void {
    const prefix = this.changes.contextKey(context);
    const keys = keysFrom(this.tables.receiversOf, prefix, endOfPrefix(prefix), RECEIVERS_PER_CONTEXT + 1);
    for (const key of keys.slice(0, Math.max(0, keys.length - RECEIVERS_PER_CONTEXT))) this.forget(key);
  }

  /** Of a key of `receiversOf`; one that somebody else has forgotten or noted anew since is left alone. */
  private forget(timeKey: Buffer): void {
    if (this.tables.receiversOf.getBinaryFast(timeKey) === undefined) return;
    this.tables.receiversOf.removeSync(timeKey);
    const key = joined(timeKey.subarray(0, CONTEXT_BYTES), timeKey.subarray(CONTEXT_BYTES + TIME_BYTES));
    for (const row of keysFrom(this.tables.deliveries, key, endOfPrefix(key), LOGGED_PER_RECEIVER))
      this.tables.deliveries.removeSync(row);
    this.tables.receivers.removeSync(key);
    this.tables.failing.removeSync(key);
  }
}

function withState({ state: _, ...row }: ReceiverRow, state: ReceiverState | undefined): ReceiverRow {
  return { ...row, ...(state !== undefined && { state }) };
}
