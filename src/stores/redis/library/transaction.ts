// Transactions of the library: what `work` reads is remembered, what it changes is collected, and one script commits all of it if nothing
// that was read has changed since; else it is done anew. Within a process one comes after the other, so that only other nodes interfere.
import { setTimeout as delay } from 'node:timers/promises';
import { unreachable } from '../../backend-errors.js';
import type { Argument } from '../connection.js';
import { type Change, type Check, COMMIT, type Held } from './commit-script.js';
import { decodeRecord, encodeRecord, type LibrarySession, type Place, tokenOf } from './library-session.js';

/** Somebody commits whenever somebody else has to begin anew, so this many times means that something is wrong. */
const MAX_ATTEMPTS = 200;
const MAX_PAUSE_MS = 20;
/** On top of a script's deadline for every change: what a busy server takes for one. */
const CHANGE_MS = 0.2;

interface Row {
  readonly place: Place;
  /** As it was read; `undefined`: nobody has looked. */
  before: string | null | undefined;
  after: string | null | undefined;
}

export class Transaction {
  private readonly rows = new Map<string, Row>();
  private readonly sums = new Map<string, Place & { change: number }>();
  private readonly changes: Change[] = [];
  private held: Held | undefined;

  constructor(
    private readonly session: LibrarySession,
    /** Unix ms, the same for all of it. */
    readonly now: number,
  ) {}

  /** The text at `place` as it is behind what this transaction has changed. */
  async text(place: Place): Promise<string | undefined> {
    const row = this.row(place);
    if (row.after !== undefined) return row.after ?? undefined;
    if (row.before === undefined) row.before = await this.read(place);
    return row.before ?? undefined;
  }

  async record<T>(place: Place, parse: (value: unknown) => T): Promise<T | undefined> {
    const text = await this.text(place);
    return text === undefined ? undefined : decodeRecord(this.session, place, text, parse);
  }

  setText(place: Place, text: string): void {
    this.row(place).after = text;
  }

  set(place: Place, value: unknown): void {
    this.setText(place, encodeRecord(this.session, place, value));
  }

  remove(place: Place): void {
    this.row(place).after = null;
  }

  /** A command that needs no look at what is there. */
  call(...args: readonly string[]): void {
    this.changes.push(['call', ...args]);
  }

  /** Adds to a number of a hash, which others may change at the same time. */
  add(key: string, field: string, change: number): void {
    const name = nameOf({ key, field });
    const sum = this.sums.get(name) ?? { key, field, change: 0 };
    sum.change += change;
    this.sums.set(name, sum);
  }

  /** How much this transaction has added so far. */
  added(key: string, field: string): number {
    return this.sums.get(nameOf({ key, field }))?.change ?? 0;
  }

  change(change: Change): void {
    this.changes.push(change);
  }

  /** The commit is refused where the lease was lost. */
  hold(held: Held): void {
    this.held = held;
  }

  async commit(): Promise<'ok' | 'changed' | 'lost'> {
    const checks: Check[] = [];
    const changes: Change[] = [...this.changes];
    for (const { place, before, after } of this.rows.values()) {
      const { key, field } = place;
      if (before !== undefined)
        // Texts that are no records are ids and numbers, of which as much is compared.
        checks.push([key, field ?? null, before === null ? null : tokenOf(before)]);
      if (after === undefined) continue;
      if (field === undefined) changes.push(after === null ? ['call', 'DEL', key] : ['call', 'SET', key, after]);
      else changes.push(after === null ? ['call', 'HDEL', key, field] : ['call', 'HSET', key, field, after]);
    }
    for (const { key, field, change } of this.sums.values())
      if (field !== undefined && change !== 0) changes.push(['call', 'HINCRBY', key, field, String(change)]);
    if (changes.length === 0 && this.held === undefined) return 'ok';
    const { link, keys, deadlines } = this.session;
    const args = [JSON.stringify([checks, this.held ?? null, changes]), this.now];
    const deadlineMs = deadlines.scriptMs + changes.length * CHANGE_MS;
    const outcome = String(await link.run(COMMIT, { keys: [keys.base], args }, deadlineMs));
    return outcome === 'ok' || outcome === 'lost' ? outcome : 'changed';
  }

  private async read({ key, field }: Place): Promise<string | null> {
    const args: Argument[] = field === undefined ? ['GET', key] : ['HGET', key, field];
    const reply = await this.session.link.send(key, args, this.session.deadlines.getMs);
    return reply === null || reply === undefined ? null : String(reply);
  }

  private row(place: Place): Row {
    const name = nameOf(place);
    const row = this.rows.get(name) ?? { place, before: undefined, after: undefined };
    this.rows.set(name, row);
    return row;
  }
}

export class Transactions {
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly session: LibrarySession) {}

  /** Commits what `work` does, which may run more than once; `lost` when it stands on a lease that was lost. */
  run<T>(work: (transaction: Transaction) => Promise<T>): Promise<T | 'lost'> {
    const outcome = this.last.then(() => this.attempt(work));
    this.last = outcome.catch(() => undefined);
    return outcome;
  }

  private async attempt<T>(work: (transaction: Transaction) => Promise<T>): Promise<T | 'lost'> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const transaction = new Transaction(this.session, this.session.clock.now());
      const result = await work(transaction);
      const outcome = await transaction.commit();
      if (outcome === 'ok') return result;
      if (outcome === 'lost') return 'lost';
      await delay(Math.random() * Math.min(MAX_PAUSE_MS, attempt));
    }
    throw unreachable(new Error(`a commit of the library met another ${MAX_ATTEMPTS} times`));
  }
}

function nameOf({ key, field }: Place): string {
  return field === undefined ? key : `${key}\0${field}`;
}
