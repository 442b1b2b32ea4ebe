// The queue's bookkeeping inside one write transaction: every job stands in exactly one of due, delayed and claimed, a context
// has a turn exactly while something of it is due, and the counts agree. Everything that changes a job goes through here.
import type { Context } from '../../../kernel/image-key.js';
import { blameOf, type JobKind, type JobState, MAX_DELAY_MS, type NewJob } from '../../../kernel/ports/jobs.js';
import { keysFrom, readRow } from '../lmdb-environment.js';
import {
  type ContextKeys,
  contextAt,
  endOfPrefix,
  FIRST_KEY,
  hashOf,
  jobKey,
  joined,
  keyAfter,
  kindKey,
  numberAt,
  numberKey,
  textFrom,
} from './library-keys.js';
import { decodeJson, decodeNumber, encodeJson, encodeNumber, type JobRow, NOTHING } from './library-rows.js';
import type { LibraryTables } from './library-tables.js';

const NUMBER_BYTES = 8;
/** Contexts looked at in one step for one that may have its turn. */
const TURNS_AT_ONCE = 16;
/** Jobs that become due, or whose leases are taken back, in one transaction. */
const BATCH = 256;

const FENCE_KEY = Buffer.from('fence');
const TURN_KEY = Buffer.from('turn');

/** Lives as long as one transaction. */
export class JobLedger {
  /** Kinds of which a job became due. */
  readonly becameDue = new Set<JobKind>();

  constructor(
    private readonly tables: LibraryTables,
    private readonly contexts: ContextKeys,
    /** Unix ms. */
    private readonly now: number,
  ) {}

  row(kind: JobKind, id: string): JobRow | undefined {
    return readRow(this.tables.jobs, jobKey(kind, id), (bytes) => decodeJson<JobRow>(bytes));
  }

  /** Whether the key was used before; it is from now on. */
  usedBefore(kind: JobKind, key: string): boolean {
    const hashed = joined(kindKey(kind), hashOf(key));
    if (readRow(this.tables.jobKeys, hashed, decodeNumber) !== undefined) return true;
    this.tables.jobKeys.putSync(hashed, encodeNumber(this.now));
    this.tables.jobKeysByTime.putSync(joined(numberKey(this.now), hashed), NOTHING);
    return false;
  }

  /** Leaves one whose id is known as it is. */
  add({ kind, id, context, payload = null, dueAt = this.now }: NewJob): void {
    if (this.row(kind, id) !== undefined) return;
    const row: JobRow = {
      context,
      payload,
      enqueuedAt: this.now,
      dueAt,
      attempts: 0,
      lostLeases: 0,
      fence: 0,
      state: 'due',
    };
    this.place(kind, id, row);
  }

  /** Puts the job where its time says it stands: it must stand nowhere. */
  place(kind: JobKind, id: string, row: JobRow): void {
    const { leaseEndsAt: _, holder: __, beside: ___, ...rest } = row;
    const state = row.dueAt <= this.now ? 'due' : 'delayed';
    this.tables.jobs.putSync(jobKey(kind, id), encodeJson({ ...rest, state } satisfies JobRow));
    this.count(kind, state, 1);
    if (state === 'delayed') {
      this.tables.delayed.putSync(delayedKey(kind, row.dueAt, id), NOTHING);
      return;
    }
    const context = this.contexts.contextKey(row.context);
    this.tables.due.putSync(dueKey(kind, context, row.dueAt, id), NOTHING);
    this.giveTurn(kind, context);
    this.becameDue.add(kind);
  }

  /** Takes the job from where it stands; its row stays until it is placed again or dropped. */
  lift(kind: JobKind, id: string, row: JobRow): void {
    this.count(kind, row.state, -1);
    if (row.state === 'delayed') this.tables.delayed.removeSync(delayedKey(kind, row.dueAt, id));
    if (row.state === 'claimed') this.tables.claimed.removeSync(claimedKey(kind, row.leaseEndsAt ?? 0, id));
    if (row.state !== 'due') return;
    const context = this.contexts.contextKey(row.context);
    this.tables.due.removeSync(dueKey(kind, context, row.dueAt, id));
    const prefix = joined(kindKey(kind), context);
    if (keysFrom(this.tables.due, prefix, endOfPrefix(prefix), 1).length === 0) this.takeTurn(kind, context);
  }

  drop(kind: JobKind, id: string): void {
    this.tables.jobs.removeSync(jobKey(kind, id));
  }

  /** The next job of the first context that is admitted, under a lease; `undefined` when nothing of such a one is due. */
  claim(
    kind: JobKind,
    leaseEndsAt: number,
    holder: string,
    isAdmitted: (context: Context) => boolean,
  ): { readonly id: string; readonly row: JobRow } | undefined {
    const prefix = kindKey(kind);
    for (let from = prefix; ; ) {
      const turns = keysFrom(this.tables.turns, from, endOfPrefix(prefix), TURNS_AT_ONCE);
      for (const turn of turns) {
        const found = this.firstOf(kind, contextAt(turn, prefix.length + NUMBER_BYTES));
        if (isAdmitted(found.row.context)) return this.claimed(kind, found, leaseEndsAt, holder);
      }
      const last = turns.at(-1);
      if (last === undefined || turns.length < TURNS_AT_ONCE) return undefined;
      from = keyAfter(last);
    }
  }

  /** The job of the context, which has a turn, that is due longest. */
  private firstOf(kind: JobKind, context: Buffer): { readonly id: string; readonly row: JobRow } {
    const ofContext = joined(kindKey(kind), context);
    const [first] = keysFrom(this.tables.due, ofContext, endOfPrefix(ofContext), 1);
    if (first === undefined) throw new Error('expected something due of a context that has a turn, got nothing');
    const id = textFrom(first, ofContext.length + NUMBER_BYTES);
    const row = this.row(kind, id);
    if (row === undefined) throw new Error('expected the row of a job that is due, got none');
    return { id, row };
  }

  private claimed(
    kind: JobKind,
    { id, row }: { readonly id: string; readonly row: JobRow },
    leaseEndsAt: number,
    holder: string,
  ): { readonly id: string; readonly row: JobRow } {
    const context = this.contexts.contextKey(row.context);
    this.lift(kind, id, row);
    // Behind all others, unless it has nothing more.
    if (this.turnOf(kind, context) !== undefined) {
      this.takeTurn(kind, context);
      this.giveTurn(kind, context);
    }
    const claimed: JobRow = { ...row, state: 'claimed', fence: this.next(FENCE_KEY), leaseEndsAt, holder };
    this.hold(kind, id, claimed);
    return { id, row: claimed };
  }

  /** Puts a claimed job under its lease: it must stand nowhere. */
  hold(kind: JobKind, id: string, row: JobRow): void {
    this.count(kind, 'claimed', 1);
    this.tables.jobs.putSync(jobKey(kind, id), encodeJson(row));
    this.tables.claimed.putSync(claimedKey(kind, row.leaseEndsAt ?? 0, id), NOTHING);
  }

  /** What is due by now, or later than anything can be, stands among the due; bounded. */
  promoteDelayed(kind: JobKind): void {
    const prefix = kindKey(kind);
    const ready = keysFrom(this.tables.delayed, prefix, joined(prefix, numberKey(this.now + 1)), BATCH);
    for (const key of [...ready, ...tooFarAhead(this.tables, kind, this.now, BATCH)]) {
      const id = textFrom(key, prefix.length + NUMBER_BYTES);
      const row = this.row(kind, id);
      if (row === undefined) continue;
      this.lift(kind, id, row);
      this.place(kind, id, { ...row, dueAt: Math.min(row.dueAt, this.now) });
    }
  }

  /**
   * Leases that ended by `machineNow`, or whose holder `isDead`, are lost: the job is due again, behind what is due already, so that
   * one that ends its holders does not come back first. What else its holder has in hand is told how many they were, since leases of
   * one that died end one after the other. Resolves with how many were lost; bounded.
   */
  takeBack(machineNow: number, isDead: (holder: string) => boolean): number {
    const held = this.claimedRows();
    const inHand = new Map<string, number>();
    for (const { holder } of held) inHand.set(holder, (inHand.get(holder) ?? 0) + 1);
    const lost = held.filter(({ ends, holder }) => ends <= machineNow || isDead(holder));
    const losers = new Set(lost.map(({ holder }) => holder));
    for (const { kind, id, row, holder } of held) {
      const beside = Math.max(row.beside ?? 0, inHand.get(holder) ?? 1);
      if (losers.has(holder) && beside !== row.beside)
        this.tables.jobs.putSync(jobKey(kind, id), encodeJson({ ...row, beside } satisfies JobRow));
    }
    for (const { kind, id, row, holder } of lost) {
      this.lift(kind, id, row);
      const beside = Math.max(row.beside ?? 0, inHand.get(holder) ?? 1);
      this.place(kind, id, { ...row, dueAt: this.now, lostLeases: row.lostLeases + blameOf(beside) });
    }
    return lost.length;
  }

  /** Those whose leases end first; bounded. */
  private claimedRows() {
    return keysFrom(this.tables.claimed, FIRST_KEY, undefined, BATCH).flatMap((key) => {
      const ends = numberAt(key, 0);
      const zero = key.indexOf(0, NUMBER_BYTES);
      const kind = key.toString('utf8', NUMBER_BYTES, zero) as JobKind;
      const id = textFrom(key, zero + 1);
      const row = this.row(kind, id);
      return row === undefined ? [] : [{ kind, id, row, ends, holder: row.holder ?? '' }];
    });
  }

  forgetKeys(before: number, limit: number): number {
    const keys = keysFrom(this.tables.jobKeysByTime, FIRST_KEY, numberKey(before), limit);
    for (const key of keys) {
      this.tables.jobKeysByTime.removeSync(key);
      this.tables.jobKeys.removeSync(Buffer.from(key.subarray(NUMBER_BYTES)));
    }
    return keys.length;
  }

  private turnOf(kind: JobKind, context: Buffer): number | undefined {
    return readRow(this.tables.turnOf, joined(kindKey(kind), context), decodeNumber);
  }

  private giveTurn(kind: JobKind, context: Buffer): void {
    if (this.turnOf(kind, context) !== undefined) return;
    const turn = this.next(TURN_KEY);
    this.tables.turnOf.putSync(joined(kindKey(kind), context), encodeNumber(turn));
    this.tables.turns.putSync(joined(kindKey(kind), numberKey(turn), context), NOTHING);
  }

  private takeTurn(kind: JobKind, context: Buffer): void {
    const turn = this.turnOf(kind, context);
    if (turn === undefined) return;
    this.tables.turnOf.removeSync(joined(kindKey(kind), context));
    this.tables.turns.removeSync(joined(kindKey(kind), numberKey(turn), context));
  }

  private next(counter: Buffer): number {
    const value = (readRow(this.tables.facts, counter, decodeNumber) ?? 0) + 1;
    this.tables.facts.putSync(counter, encodeNumber(value));
    return value;
  }

  private count(kind: JobKind, state: JobRow['state'], change: number): void {
    const key = countKey(kind, state);
    const before = readRow(this.tables.facts, key, decodeNumber) ?? 0;
    this.tables.facts.putSync(key, encodeNumber(before + change));
  }
}

/** Where the number of jobs of a kind and state stands among the facts. */
export function countKey(kind: JobKind, state: JobRow['state']): Buffer {
  return joined('count', FIRST_KEY, kindKey(kind), state);
}

export const ROW_STATE_OF = { waiting: 'due', delayed: 'delayed', claimed: 'claimed' } as const satisfies Record<
  JobState,
  JobRow['state']
>;

/** Since when the first job of every context is due: as many as there are contexts with something due. */
export function firstDueTimes(tables: LibraryTables, kind: JobKind, most: number): readonly number[] {
  const prefix = kindKey(kind);
  return keysFrom(tables.turns, prefix, endOfPrefix(prefix), most).flatMap((turn) => {
    const ofContext = joined(prefix, contextAt(turn, prefix.length + NUMBER_BYTES));
    return keysFrom(tables.due, ofContext, endOfPrefix(ofContext), 1).map((key) => numberAt(key, ofContext.length));
  });
}

/** When the first delayed job of a kind is due. */
export function firstDelayedTime(tables: LibraryTables, kind: JobKind): number | undefined {
  const prefix = kindKey(kind);
  const [key] = keysFrom(tables.delayed, prefix, endOfPrefix(prefix), 1);
  return key && numberAt(key, prefix.length);
}

/** Keys of what is delayed beyond `MAX_DELAY_MS`. */
export function tooFarAhead(tables: LibraryTables, kind: JobKind, now: number, limit: number): readonly Buffer[] {
  const prefix = kindKey(kind);
  return keysFrom(tables.delayed, joined(prefix, numberKey(now + MAX_DELAY_MS + 1)), endOfPrefix(prefix), limit);
}

/** When the next lease of any kind ends, in machine time; never where there is none. */
export function firstLeaseEnd(tables: LibraryTables): number {
  const [key] = keysFrom(tables.claimed, FIRST_KEY, undefined, 1);
  return key ? numberAt(key, 0) : Number.POSITIVE_INFINITY;
}

function dueKey(kind: JobKind, context: Buffer, dueAt: number, id: string): Buffer {
  return joined(kindKey(kind), context, numberKey(dueAt), id);
}

function delayedKey(kind: JobKind, dueAt: number, id: string): Buffer {
  return joined(kindKey(kind), numberKey(dueAt), id);
}

function claimedKey(kind: JobKind, leaseEndsAt: number, id: string): Buffer {
  return joined(numberKey(leaseEndsAt), kindKey(kind), id);
}
