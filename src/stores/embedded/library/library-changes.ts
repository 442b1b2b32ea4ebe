// One write transaction of the library: the ledgers of its parts over the same tables at the same time, and who is told after it.
import type { Digest } from '../../../kernel/digest.js';
import type { Context } from '../../../kernel/image-key.js';
import { type AssetChange, eventOf, noticesOf } from '../../../kernel/library/endpoint.js';
import type { Clock } from '../../../kernel/ports/clock.js';
import type { JobKind } from '../../../kernel/ports/jobs.js';
import { keysFrom, type Table } from '../lmdb-environment.js';
import { AssetLedger } from './asset-ledger.js';
import { endpointsOf } from './endpoint-rows.js';
import { ImportLedger } from './import-ledger.js';
import { JobLedger } from './job-ledger.js';
import { ContextKeys, FIRST_KEY, numberKey } from './library-keys.js';
import type { LibraryTables } from './library-tables.js';
import { UploadLedger } from './upload-ledger.js';

/** What a transaction may change. */
export interface Ledgers {
  readonly jobs: JobLedger;
  readonly imports: ImportLedger;
  readonly assets: AssetLedger;
  readonly uploads: UploadLedger;
  /** Unix ms, the same for all of the transaction. */
  readonly now: number;
}

export class LibraryChanges {
  readonly contexts = new ContextKeys();
  private readonly listeners = new Set<(kind: JobKind) => void>();

  constructor(
    readonly tables: LibraryTables,
    private readonly clock: Clock,
    /** Whether the original's file is there with exactly this many bytes; blocks for a system call. */
    readonly isKept: (digest: Digest, bytes: number) => boolean,
  ) {}

  /** Runs `work` as one transaction; then whoever waits for jobs is told. */
  async write<T>(work: (ledgers: Ledgers) => T): Promise<T> {
    let due: ReadonlySet<JobKind> = new Set();
    const result = await this.tables.environment.write(() => {
      const now = this.clock.now();
      const jobs = new JobLedger(this.tables, this.contexts, now);
      const changes: AssetChange[] = [];
      const noted = (change: AssetChange) => void changes.push(change);
      const assets = new AssetLedger(this.tables, this.contexts, now, this.isKept, noted);
      const imports = new ImportLedger(this.tables, this.contexts, now, jobs, assets);
      const uploads = new UploadLedger({ tables: this.tables, contexts: this.contexts, now, jobs, imports, assets });
      const outcome = work({ jobs, imports, assets, uploads, now });
      for (const change of changes) this.tell(change, jobs, now);
      due = jobs.becameDue;
      return outcome;
    });
    for (const kind of due) for (const listener of this.listeners) listener(kind);
    return result;
  }

  /** Leaves the work of telling the endpoints of the asset's context. */
  private tell(change: AssetChange, jobs: JobLedger, now: number): void {
    const context = (change.after ?? change.before)?.context;
    if (context === undefined || eventOf(change) === undefined) return;
    const { endpoints } = endpointsOf(this.tables, this.contextKey(context));
    for (const job of noticesOf(context, change, endpoints, now)) jobs.add(job);
  }

  /** Takes a step with each of the first keys of `table`, whose keys begin with a time, in a transaction of its own. How many there were. */
  async each(
    table: Table,
    before: number,
    limit: number,
    step: (ledgers: Ledgers, key: Buffer) => void,
  ): Promise<number> {
    this.refresh();
    const keys = keysFrom(table, FIRST_KEY, numberKey(before), limit);
    for (const key of keys)
      await this.write((ledgers) => {
        // Somebody else may have taken it since.
        if (table.getBinaryFast(key) !== undefined) step(ledgers, key);
      });
    return keys.length;
  }

  /** Makes the reads that follow, up to the next await, see what any process has committed. */
  refresh(): void {
    this.tables.environment.refresh();
  }

  contextKey(context: Context): Buffer {
    return this.contexts.contextKey(context);
  }

  now(): number {
    return this.clock.now();
  }

  onDue(listener: (kind: JobKind) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
