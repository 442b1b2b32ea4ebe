// Transactions of the library with the books of its parts over the same records, and who is told after it that work is due.
import type { Context } from '../../../kernel/image-key.js';
import { type AssetChange, eventOf, noticesOf } from '../../../kernel/library/endpoint.js';
import type { Reserved } from '../../../kernel/library/quota.js';
import type { JobKind, NewJob } from '../../../kernel/ports/jobs.js';
import { AssetBook } from './asset-book.js';
import type { Held } from './commit-script.js';
import { endpointBookIn } from './endpoint-records.js';
import { ImportBook } from './import-book.js';
import { packItems } from './item-records.js';
import { hashOf } from './library-keys.js';
import { erasedOf, pairsOf } from './library-reads.js';
import { encodeRecord, type LibrarySession } from './library-session.js';
import { type Transaction, Transactions } from './transaction.js';
import { UploadBook } from './upload-book.js';

/** What a transaction may change. */
export interface Books {
  readonly transaction: Transaction;
  readonly assets: AssetBook;
  readonly imports: ImportBook;
  readonly uploads: UploadBook;
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
    const [number, serial, session] = [this.taken('asset'), this.taken('import'), this.taken('session')];
    const outcome = await this.transactions.run(async (transaction) => {
      added = [];
      if (held) transaction.hold(held);
      const addJob = (job: NewJob): void => {
        added.push(job);
        this.add(transaction, job);
      };
      const changes: AssetChange[] = [];
      const assets = new AssetBook(transaction, keys, number(), (change) => void changes.push(change));
      const parts = { transaction, keys, assets, addJob, nextSerial: serial() };
      const imports = new ImportBook({
        ...parts,
        reservedOf: (context) => this.reservedOf(context),
        erasedOf: (context) => erasedOf(this.session, context),
        packItems: (last, items) => packItems(this.session, transaction, last, items),
      });
      const uploads = new UploadBook({ transaction, keys, assets, imports, addJob, nextSession: session() });
      const result = await work({ transaction, assets, imports, uploads, addJob });
      for (const change of changes) for (const job of await this.noticesOf(transaction, change)) addJob(job);
      return result;
    });
    if (outcome === 'lost') return outcome;
    const retried = held && retriedAt !== undefined ? [{ kind: held[0] as JobKind, dueAt: retriedAt }] : [];
    this.tell([...added, ...retried], clock.now());
    return outcome;
  }

  /** The work of telling the endpoints of the asset's context. */
  private async noticesOf(transaction: Transaction, change: AssetChange): Promise<readonly NewJob[]> {
    const context = (change.after ?? change.before)?.context;
    if (context === undefined || eventOf(change) === undefined) return [];
    const book = await transaction.record({ key: this.session.keys.endpoints(context) }, endpointBookIn);
    return noticesOf(context, change, book?.endpoints ?? [], transaction.now);
  }

  /** The same of what stands on no lease, and so can lose none. */
  async commit<T>(work: (books: Books) => Promise<T>): Promise<T> {
    const outcome = await this.write(work);
    if (outcome === 'lost') throw new Error('expected a commit without a lease to be kept, got one that was lost');
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

  /** What gives the next of a number, for each time that the transaction is done: the same ones in the same order. */
  private taken(what: 'asset' | 'import' | 'session'): () => () => Promise<number> {
    const { link, keys, deadlines } = this.session;
    const taken: Promise<number>[] = [];
    const next = () => link.send(keys.numbers, ['HINCRBY', keys.numbers, what, '1'], deadlines.setMs).then(Number);
    return () => {
      let at = 0;
      return () => (taken[at++] ??= next());
    };
  }

  private async reservedOf(context: Context): Promise<readonly Reserved[]> {
    const { link, keys, deadlines } = this.session;
    const key = keys.reserved(context);
    const fields = pairsOf(await link.send(key, ['HGETALL', key], deadlines.scriptMs));
    const window = fields.map(([at, images]) => ({ at: Number(at), images: Number(images) }));
    return window.toSorted((a, b) => a.at - b.at);
  }
}
