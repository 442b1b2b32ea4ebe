// The Deliveries port on Redis: what a receiver answered to one node, all of them know. Bounded by receiver and by context, so that no
// dead receiver makes it grow.
import type { Context } from '../../../kernel/image-key.js';
import { admitted, type ReceiverState, receiverAfter } from '../../../kernel/library/delivery.js';
import { noticeIn } from '../../../kernel/library/endpoint.js';
import {
  type Deliveries,
  type FailingReceiver,
  LOGGED_PER_RECEIVER,
  type LoggedDelivery,
  RECEIVERS_PER_CONTEXT,
  type ToldNotice,
} from '../../../kernel/ports/deliveries.js';
import { DELIVERY_FAULTS, type DeliveryAttempt } from '../../../kernel/ports/webhook-sender.js';
import type { Argument } from '../connection.js';
import { type Fields, fieldsOf, oneOf, optionalIn, textIn, wholeIn, wrong } from '../record-fields.js';
import type { LibraryChanges } from './library-changes.js';
import { receiverName } from './library-keys.js';
import { contextIn, objectIn } from './library-records.js';
import { decodeRecord, encodeRecord } from './library-session.js';
import type { Transaction } from './transaction.js';
import { timeIn } from './upload-records.js';

interface ReceiverRow {
  readonly context: Context;
  readonly receiver: string;
  /** Unix ms when an attempt was noted last. */
  readonly at: number;
  readonly state?: ReceiverState;
}

const DELIVERY_ENDS = ['delivered', 'again', 'dead'] as const;
const MAX_FAILING = 1_000;

export class RedisDeliveries implements Deliveries {
  constructor(private readonly changes: LibraryChanges) {}

  async admit(context: Context, receiver: string, now: number): Promise<number | 'never'> {
    const name = receiverName(context, receiver);
    return this.write(async (transaction) => {
      const row = await this.row(transaction, name);
      const { at, state } = admitted(row?.state, now);
      if (row !== undefined && state !== row.state) this.put(transaction, name, withState(row, state));
      return at;
    });
  }

  async note(delivery: LoggedDelivery): Promise<void> {
    const { session } = this.changes;
    const { keys } = session;
    const { context, receiver, at, said } = delivery;
    const name = receiverName(context, receiver);
    const log = keys.deliveries(name);
    await this.write(async (transaction) => {
      const before = await this.row(transaction, name);
      transaction.call('LPUSH', log, encodeRecord(session, { key: log }, delivery));
      transaction.call('LTRIM', log, '0', String(LOGGED_PER_RECEIVER - 1));
      const state = said === undefined ? before?.state : receiverAfter(before?.state, said, at);
      // What was not sent says nothing of the receiver, and keeps nobody who is not called any more from being forgotten.
      const notedAt = said === undefined && before ? before.at : at;
      this.put(transaction, name, withState({ context, receiver, at: notedAt }, state));
      for (const set of [keys.receiversOf(context), keys.receivers])
        transaction.call('ZADD', set, String(notedAt), name);
      if (before === undefined) await this.forgetTheOldest(transaction, context);
    });
  }

  async log(context: Context, receiver: string): Promise<readonly LoggedDelivery[]> {
    const { session } = this.changes;
    const key = session.keys.deliveries(receiverName(context, receiver));
    const entries = (await this.send(['LRANGE', key, '0', '-1'])) as string[];
    return entries.map((text) => decodeRecord(session, { key }, text, deliveryIn));
  }

  async failing(): Promise<readonly FailingReceiver[]> {
    const { session } = this.changes;
    const names = (await this.send(['ZREVRANGE', session.keys.failing, '0', String(MAX_FAILING - 1)])) as string[];
    const places = names.map((name) => ({ key: session.keys.receiver(name) }));
    const commands = places.map(({ key }) => ({ key, args: ['GET', key] }));
    const texts = await session.link.sendAll(commands, session.deadlines.scriptMs);
    return texts.flatMap((text, at) => {
      const place = places[at];
      if (typeof text !== 'string' || place === undefined) return [];
      const { context, receiver, state } = decodeRecord(session, place, text, receiverIn);
      return state ? [{ context, receiver, state }] : [];
    });
  }

  enable(context: Context, receiver: string): Promise<boolean> {
    const name = receiverName(context, receiver);
    return this.write(async (transaction) => {
      const row = await this.row(transaction, name);
      if (row?.state === undefined) return false;
      this.put(transaction, name, withState(row, undefined));
      return true;
    });
  }

  async sweep(before: number, limit: number): Promise<number> {
    const { receivers } = this.changes.session.keys;
    const found = await this.send(['ZRANGEBYSCORE', receivers, '-inf', `(${before}`, 'LIMIT', '0', String(limit)]);
    let forgotten = 0;
    for (const name of found as string[]) {
      const isOld = await this.write(async (transaction) => {
        const row = await this.row(transaction, name);
        // Noted anew since.
        if (row !== undefined && row.at >= before) return false;
        this.forget(transaction, name);
        return true;
      });
      if (isOld) forgotten++;
    }
    return forgotten;
  }

  private async forgetTheOldest(transaction: Transaction, context: Context): Promise<void> {
    const set = this.changes.session.keys.receiversOf(context);
    const beyond = Number(await this.send(['ZCARD', set])) + 1 - RECEIVERS_PER_CONTEXT;
    if (beyond <= 0) return;
    for (const name of (await this.send(['ZRANGE', set, '0', String(beyond - 1)])) as string[])
      this.forget(transaction, name);
  }

  private forget(transaction: Transaction, name: string): void {
    const { keys } = this.changes.session;
    const ofContext = `${keys.receivers}:${name.slice(0, name.indexOf(':'))}`;
    transaction.remove({ key: keys.receiver(name) });
    transaction.call('DEL', keys.deliveries(name));
    for (const set of [ofContext, keys.receivers, keys.failing]) transaction.call('ZREM', set, name);
  }

  private row(transaction: Transaction, name: string): Promise<ReceiverRow | undefined> {
    return transaction.record({ key: this.changes.session.keys.receiver(name) }, receiverIn);
  }

  private put(transaction: Transaction, name: string, row: ReceiverRow): void {
    const { keys } = this.changes.session;
    transaction.set({ key: keys.receiver(name) }, row);
    if (row.state === undefined) transaction.call('ZREM', keys.failing, name);
    else transaction.call('ZADD', keys.failing, String(row.state.lastAttemptAt), name);
  }

  private write<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.changes.commit(({ transaction }) => work(transaction));
  }

  private send(args: Argument[]): Promise<unknown> {
    return this.changes.session.link.send(String(args[1]), args, this.changes.session.deadlines.scriptMs);
  }
}

function withState({ state: _, ...row }: ReceiverRow, state: ReceiverState | undefined): ReceiverRow {
  return { ...row, ...(state !== undefined && { state }) };
}

function receiverIn(value: unknown): ReceiverRow {
  const given = fieldsOf(value);
  return {
    context: contextIn(given.context),
    receiver: textIn(given.receiver),
    at: timeIn(given.at),
    ...optionalIn(given, 'state', (state) => stateIn(fieldsOf(state))),
  };
}

function stateIn(given: Fields): ReceiverState {
  return {
    failures: wholeIn(given.failures, 1),
    failingSince: timeIn(given.failingSince),
    lastAttemptAt: timeIn(given.lastAttemptAt),
    ...optionalIn(given, 'disabled', (disabled) => oneOf(['failing'] as const, disabled)),
  };
}

function deliveryIn(value: unknown): LoggedDelivery {
  const given = fieldsOf(value);
  return {
    id: textIn(given.id),
    context: contextIn(given.context),
    receiver: textIn(given.receiver),
    at: timeIn(given.at),
    attempt: wholeIn(given.attempt, 1),
    end: oneOf(DELIVERY_ENDS, given.end),
    ...optionalIn(given, 'said', attemptIn),
    ...optionalIn(given, 'told', toldIn),
  };
}

function toldIn(value: unknown): ToldNotice {
  const given = fieldsOf(value);
  // What it is made of is looked at by its own parser, which the queue uses too.
  return { notice: noticeIn(objectIn(given.notice)) ?? wrong(), body: textIn(given.body) };
}

function attemptIn(value: unknown): DeliveryAttempt {
  const given = fieldsOf(value);
  return {
    fault: given.fault === undefined ? undefined : oneOf(DELIVERY_FAULTS, given.fault),
    ...optionalIn(given, 'status', (status) => wholeIn(status, 100)),
    ...optionalIn(given, 'answer', textIn),
    durationMs: timeIn(given.durationMs),
    ...optionalIn(given, 'retryAfterMs', timeIn),
  };
}
