// One write transaction of the library: the ledgers of its parts over the same tables at the same time, and who is told after it.
import type { Digest } from '../../../kernel/digest.js';
import type { Context } from '../../../kernel/image-key.js';
import type { Clock } from '../../../kernel/ports/clock.js';
import type { JobKind } from '../../../kernel/ports/jobs.js';
import { AssetLedger } from './asset-ledger.js';
import { ImportLedger } from './import-ledger.js';
import { JobLedger } from './job-ledger.js';
import { ContextKeys } from './library-keys.js';
import type { LibraryTables } from './library-tables.js';

/** What a transaction may change. */
export interface Ledgers {
  readonly jobs: JobLedger;
  readonly imports: ImportLedger;
  readonly assets: AssetLedger;
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
      const assets = new AssetLedger(this.tables, this.contexts, now, this.isKept);
      const imports = new ImportLedger(this.tables, this.contexts, now, jobs, assets);
      const outcome = work({ jobs, imports, assets, now });
      due = jobs.becameDue;
      return outcome;
    });
    for (const kind of due) for (const listener of this.listeners) listener(kind);
    return result;
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
