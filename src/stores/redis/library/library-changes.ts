// Transactions of the library with the books of its parts over the same records, and who is told after it that work is due.
import type { Context } from '../../../kernel/image-key.js';
import type { Reserved } from '../../../kernel/library/quota.js';
import type { JobKind, NewJob } from '../../../kernel/ports/jobs.js';
import { AssetBook } from './asset-book.js';
import type { Held } from './commit-script.js';
import { ImportBook } from './import-book.js';
import { hashOf } from './library-keys.js';
import { encodeRecord, type LibrarySession } from './library-session.js';
import { type Transaction, Transactions } from './transaction.js';

/** What a transaction may change. */
export interface Books {
  readonly transaction: Transaction;
  readonly assets: AssetBook;
  readonly imports: ImportBook;
  readonly addJob: (job: NewJob) => void;
}

/** Jobs that a commit made due, or due later: how many at which time (Unix ms). */
export interface Due {
  readonly kind: JobKind;
  readonly at: number;
  readonly jobs: number;
}

/** What is told of due jobs; `now`: Unix ms. */
export type OnDue = (due: readonly Due[], now: number) => void;

export class LibraryChanges {
  private readonly transactions: Transactions;

  constructor(
    readonly session: LibrarySession,
    private readonly onDue: OnDue,
  ) {
    this.transactions = new Transactions(session);
  }

  /** Runs `work` as one transaction, which may be done more than once; then whoever waits for jobs is told. */
  async write<T>(work: (books: Books) => Promise<T>, held?: Held, retriedAt?: number): Promise<T | 'lost'> {
    const { keys, clock } = this.session;
    let added: NewJob[] = [];
    const number = this.once('asset');
    const serial = this.once('import');
    const outcome = await this.transactions.run(async (transaction) => {
      added = [];
      if (held) transaction.hold(held);
      const addJob = (job: NewJob): void => {
        added.push(job);
        this.add(transaction, job);
      };
      const assets = new AssetBook(transaction, keys, number);
      const parts = { transaction, keys, assets, addJob, nextSerial: serial };
      const imports = new ImportBook({ ...parts, reservedOf: (context) => this.reservedOf(context) });
      return work({ transaction, assets, imports, addJob });
    });
    if (outcome === 'lost') return outcome;
    const retried = held && retriedAt !== undefined ? [{ kind: held[0] as JobKind, dueAt: retriedAt }] : [];
    this.tell([...added, ...retried], clock.now());
    return outcome;
  }

  /** Tells of jobs that are due at once, without a transaction of their own. */
  dueAgain(kind: JobKind, jobs: number): void {
    const now = this.session.clock.now();
    this.onDue([{ kind, at: now, jobs }], now);
  }

  private tell(jobs: readonly Pick<NewJob, 'kind' | 'dueAt'>[], now: number): void {
    const counted = new Map<string, { kind: JobKind; at: number; jobs: number }>();
    for (const { kind, dueAt = now } of jobs) {
      const at = Math.max(now, dueAt);
      const due = counted.get(`${kind} ${at}`) ?? { kind, at, jobs: 0 };
      due.jobs++;
      counted.set(`${kind} ${at}`, due);
    }
    if (counted.size > 0) this.onDue([...counted.values()], now);
  }

  private add(transaction: Transaction, { kind, id, context, payload = null, dueAt }: NewJob): void {
    const { keys } = this.session;
    const { now } = transaction;
    const place = { key: keys.job(kind, id), field: 'record' };
    const record = encodeRecord(this.session, place, { context, payload, enqueuedAt: now });
    // The same for all jobs of a context: who claims by contexts has to know which is meant.
    transaction.setText({ key: keys.contexts, field: hashOf(context) }, context);
    transaction.change(['add', kind, id, hashOf(context), record, String(dueAt ?? now)]);
  }

  /** The next of a number, taken once however often the transaction is done. */
  private once(what: 'asset' | 'import'): () => Promise<number> {
    const { link, keys, deadlines } = this.session;
    let taken: Promise<number> | undefined;
    return () => {
      taken ??= link.send(keys.numbers, ['HINCRBY', keys.numbers, what, '1'], deadlines.setMs).then(Number);
      return taken;
    };
  }

  private async reservedOf(context: Context): Promise<readonly Reserved[]> {
    const { link, keys, deadlines } = this.session;
    const key = keys.reserved(context);
    const fields = fieldsOf(await link.send(key, ['HGETALL', key], deadlines.scriptMs));
    const window = fields.map(([at, images]) => ({ at: Number(at), images: Number(images) }));
    return window.toSorted((a, b) => a.at - b.at);
  }
}

/** The fields of a hash as the client gives them: by protocol a map, an object, or a flat list. */
export function fieldsOf(reply: unknown): readonly (readonly [field: string, value: string])[] {
  if (reply instanceof Map) return [...reply].map(([field, value]) => [String(field), String(value)]);
  if (Array.isArray(reply))
    return Array.from({ length: reply.length / 2 }, (_, at) => [String(reply[2 * at]), String(reply[2 * at + 1])]);
  return Object.entries((reply ?? {}) as Record<string, unknown>).map(([field, value]) => [field, String(value)]);
}
