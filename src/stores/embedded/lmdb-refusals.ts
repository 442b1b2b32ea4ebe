// The Refusals port on LMDB: failed sources remembered by all processes of the machine, until it restarts at the latest.
import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../../kernel/digest.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Failure, Refusal, Refusals } from '../../kernel/ports/refusals.js';
import { digestKey, digestOfKey, keyAfter } from './catalog-keys.js';
import { keysFrom, type LmdbEnvironment, readRow, type Table } from './lmdb-environment.js';
import { machineTimeMs } from './lmdb-leases.js';

export interface RefusalsOptions {
  /** How long a failure is remembered after its last time. */
  readonly ttlMs: number;
  /** More push out those that are forgotten soonest. */
  readonly maxEntries: number;
  /** Names what decides whether a source fails (limits, enabled types, version): failures under other rules mean nothing. */
  readonly rules: string;
  readonly clock: Clock;
  /** Ms on a clock that nobody can set; default the machine's. */
  readonly nowMs?: () => number;
}

interface Row extends Pick<Refusal, 'code' | 'message' | 'strikes' | 'certain'> {
  /** By the machine's clock. */
  readonly endsAt: number;
  readonly rules: string;
}

const FIRST_KEY = Buffer.of(0);
const COUNT_KEY = Buffer.from('count');
const TIME_BYTES = 8;
const LIST_BATCH = 500;
/** Steps of one transaction; a note makes one entry, so removing a few per note keeps up with any flood. */
const MAX_REMOVED = 64;

export class LmdbRefusals implements Refusals {
  /** digest -> Row as JSON. */
  private readonly rows: Table;
  /** end + digest -> nothing: those that are forgotten first stand first. */
  private readonly ends: Table;
  /** `count` -> number of rows. */
  private readonly facts: Table;
  private readonly nowMs: () => number;

  /** `environment`: one that is forgotten when the machine restarts; it belongs to the caller. */
  constructor(
    private readonly environment: LmdbEnvironment,
    private readonly options: RefusalsOptions,
  ) {
    this.rows = environment.table('refusals');
    this.ends = environment.table('refusals-by-end');
    this.facts = environment.table('refusal-facts');
    this.nowMs = options.nowMs ?? machineTimeMs;
  }

  async find(source: Digest): Promise<Refusal | undefined> {
    this.environment.refresh();
    const row = this.valid(digestKey(source));
    return row && this.refusal(source, row);
  }

  async note(source: Digest, failure: Failure): Promise<void> {
    const key = digestKey(source);
    await this.environment.write(() => {
      const before = this.valid(key);
      this.remove(key);
      const { code, message } = failure;
      this.put(key, {
        code,
        message,
        strikes: (before?.strikes ?? 0) + 1,
        certain: failure.certain || (before?.certain ?? false),
        endsAt: this.nowMs() + this.options.ttlMs,
        rules: this.options.rules,
      });
      this.makeRoom();
    });
  }

  async *list(): AsyncGenerator<readonly Refusal[]> {
    for (let start: Buffer = FIRST_KEY; ; ) {
      this.environment.refresh();
      const keys = keysFrom(this.ends, start, undefined, LIST_BATCH);
      const refusals = keys.flatMap((key) => {
        const digest = key.subarray(TIME_BYTES);
        const row = this.valid(digest);
        return row ? [this.refusal(digestOfKey(digest), row)] : [];
      });
      if (refusals.length > 0) yield refusals;
      const last = keys.at(-1);
      if (last === undefined || keys.length < LIST_BATCH) return;
      start = keyAfter(last);
      await setImmediate();
    }
  }

  async forget(source?: Digest): Promise<number> {
    if (source !== undefined) return this.environment.write(() => (this.remove(digestKey(source)) ? 1 : 0));
    let forgotten = 0;
    for (;;) {
      const removed = await this.environment.write(() => {
        const keys = keysFrom(this.ends, FIRST_KEY, undefined, MAX_REMOVED);
        for (const key of keys) this.remove(key.subarray(TIME_BYTES));
        return keys.length;
      });
      forgotten += removed;
      if (removed < MAX_REMOVED) return forgotten;
      await setImmediate();
    }
  }

  /** The row, unless it is over or of other rules. */
  private valid(key: Buffer): Row | undefined {
    const row = readRow(this.rows, key, decodeRow);
    return row !== undefined && row.rules === this.options.rules && row.endsAt > this.nowMs() ? row : undefined;
  }

  private refusal(source: Digest, { code, message, strikes, certain, endsAt }: Row): Refusal {
    const until = Math.round(this.options.clock.now() + endsAt - this.nowMs());
    return { source, code, message, strikes, certain, until };
  }

  private put(key: Buffer, row: Row): void {
    this.rows.putSync(key, Buffer.from(JSON.stringify(row)));
    this.ends.putSync(endKey(row.endsAt, key), Buffer.of(0));
    this.countBy(1);
  }

  private remove(key: Buffer): boolean {
    const row = readRow(this.rows, key, decodeRow);
    if (row === undefined) return false;
    this.rows.removeSync(key);
    this.ends.removeSync(endKey(row.endsAt, key));
    this.countBy(-1);
    return true;
  }

  /** Takes away what is over, and what is too much. */
  private makeRoom(): void {
    let over = this.count() - this.options.maxEntries;
    const now = this.nowMs();
    for (const key of keysFrom(this.ends, FIRST_KEY, undefined, MAX_REMOVED)) {
      if (over <= 0 && key.readDoubleBE(0) > now) return;
      this.remove(Buffer.from(key.subarray(TIME_BYTES)));
      over--;
    }
  }

  private count(): number {
    return readRow(this.facts, COUNT_KEY, (bytes) => bytes.readDoubleBE(0)) ?? 0;
  }

  private countBy(change: number): void {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeDoubleBE(this.count() + change, 0);
    this.facts.putSync(COUNT_KEY, bytes);
  }
}

/** Doubles above 0 sort by their big-endian bytes. */
function endKey(endsAt: number, digest: Buffer): Buffer {
  const key = Buffer.allocUnsafe(TIME_BYTES + digest.length);
  key.writeDoubleBE(endsAt, 0);
  digest.copy(key, TIME_BYTES);
  return key;
}

function decodeRow(bytes: Buffer): Row {
  // Written by `put` alone, in an environment that does not outlive the machine's start.
  return JSON.parse(bytes.toString('utf8', 0, bytes.length)) as Row;
}
