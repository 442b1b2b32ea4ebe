// The Jobs port on LMDB: in the environment of the library's records, so that work ends and shows its effects in one commit.
import type { Context } from '../../../kernel/image-key.js';
import type { ItemStage } from '../../../kernel/library/import-job.js';
import { parseItemWorkId } from '../../../kernel/library/import-job.js';
import { parseSlotName } from '../../../kernel/library/upload.js';
import {
  type Claim,
  type ClaimRequest,
  type Finish,
  type ItemRetry,
  JOB_KINDS,
  JOB_STATES,
  type Job,
  type JobCounts,
  type JobEffects,
  type JobKind,
  type Jobs,
  type NewJob,
} from '../../../kernel/ports/jobs.js';
import { readRow } from '../lmdb-environment.js';
import { isGone, ownHolder } from './holder.js';
import {
  countKey,
  firstDelayedTime,
  firstDueTimes,
  firstLeaseEnd,
  type JobLedger,
  ROW_STATE_OF,
  tooFarAhead,
} from './job-ledger.js';
import type { LibraryChanges } from './library-changes.js';
import { jobKey } from './library-keys.js';
import { decodeJson, decodeNumber, type JobRow } from './library-rows.js';

/** Contexts looked at for the job that waits longest: more have something due only where there are more tenants than this. */
const MAX_CONTEXTS = 10_000;
const ID = /^(?![0-9]+$)[A-Za-z0-9._-]{1,128}$/;

export class LmdbJobs implements Jobs {
  private readonly holder = ownHolder();

  constructor(
    private readonly changes: LibraryChanges,
    /** Ms on a clock that all processes of the machine share and nobody can set. */
    private readonly machineNow: () => number,
  ) {}

  /** What processes had in hand that are gone is given to others at once; to be called where a process starts. */
  async takeBackFromTheDead(): Promise<number> {
    let lost = 0;
    for (;;) {
      const batch = await this.changes.write(({ jobs }) => jobs.takeBack(this.machineNow(), isGone));
      lost += batch;
      if (batch === 0) return lost;
    }
  }

  async enqueue(added: readonly NewJob[], key?: string): Promise<void> {
    for (const { id } of added) if (!ID.test(id)) throw new Error('expected a job id of 1 to 128 of A-Z a-z 0-9 . - _');
    const [first] = added;
    if (first === undefined) return;
    await this.changes.write(({ jobs }) => {
      if (key !== undefined && jobs.usedBefore(first.kind, key)) return;
      for (const job of added) jobs.add(job);
    });
  }

  async claim({ kind, limit, leaseMs, admits = () => true }: ClaimRequest): Promise<readonly Claim[]> {
    if (!this.mayClaim(kind)) return [];
    return this.changes.write(({ jobs }) => {
      const machineNow = this.machineNow();
      jobs.takeBack(machineNow, () => false);
      jobs.promoteDelayed(kind);
      const claims: Claim[] = [];
      const claimed = new Map<Context, number>();
      const isAdmitted = (context: Context): boolean => admits(context, claimed.get(context) ?? 0);
      while (claims.length < limit) {
        const next = jobs.claim(kind, machineNow + leaseMs, this.holder, isAdmitted);
        if (next === undefined) break;
        const { context, fence } = next.row;
        claimed.set(context, (claimed.get(context) ?? 0) + 1);
        claims.push({ ...jobOf(kind, next.id, next.row), fence });
      }
      jobs.becameDue.clear();
      return claims;
    });
  }

  /** Whether a transaction is worth its while: nothing is written while there is nothing to do. */
  private mayClaim(kind: JobKind): boolean {
    this.changes.refresh();
    const { tables } = this.changes;
    if (this.counted(kind, 'due') > 0 || firstLeaseEnd(tables) <= this.machineNow()) return true;
    const now = this.changes.now();
    const first = firstDelayedTime(tables, kind);
    return first !== undefined && (first <= now || tooFarAhead(tables, kind, now, 1).length > 0);
  }

  renew(claim: Claim, leaseMs: number): Promise<boolean> {
    return this.held(claim, (jobs, { beside: _, ...row }) => {
      jobs.lift(claim.kind, claim.id, row);
      jobs.hold(claim.kind, claim.id, { ...row, leaseEndsAt: this.machineNow() + leaseMs });
    });
  }

  note(claim: Claim, stage: ItemStage): Promise<boolean> {
    return this.changes.write(({ jobs, imports, uploads }) => {
      if (heldRow(jobs, claim) === undefined) return false;
      const item = parseItemWorkId(claim.id);
      if (claim.kind === 'import-item' && item) imports.noteStage(item.importId, item.index, stage);
      const slot = claim.kind === 'upload' ? parseSlotName(claim.id) : undefined;
      if (slot) uploads.noteProcessing(slot);
      return true;
    });
  }

  finish(claim: Claim, effects?: JobEffects): Promise<Finish> {
    return this.changes.write(({ jobs, imports, uploads }) => {
      const row = heldRow(jobs, claim);
      if (row === undefined) return 'lost';
      if (effects && 'slot' in effects) uploads.settle(effects);
      else if (effects && imports.settleItem(effects) === 'original-missing') return 'original-missing';
      jobs.lift(claim.kind, claim.id, row);
      jobs.drop(claim.kind, claim.id);
      return 'finished';
    });
  }

  retryAt(claim: Claim, at: number, { reason, free = false }: ItemRetry = {}): Promise<boolean> {
    return this.changes.write(({ jobs, imports, now }) => {
      const row = heldRow(jobs, claim);
      if (row === undefined) return false;
      jobs.lift(claim.kind, claim.id, row);
      const attempts = row.attempts + (free ? 0 : 1);
      const waitingSince = row.waitingSince ?? (free ? now : undefined);
      jobs.place(claim.kind, claim.id, {
        ...row,
        attempts,
        dueAt: at,
        ...(waitingSince !== undefined && { waitingSince }),
      });
      const item = parseItemWorkId(claim.id);
      if (claim.kind === 'import-item' && item) imports.noteRetry(item.importId, item.index, { attempts, at, reason });
      return true;
    });
  }

  release(claim: Claim): Promise<boolean> {
    return this.held(claim, (jobs, row) => {
      jobs.lift(claim.kind, claim.id, row);
      jobs.place(claim.kind, claim.id, row);
    });
  }

  hasten(kind: JobKind, id: string): Promise<boolean> {
    return this.changes.write(({ jobs, now }) => {
      const row = jobs.row(kind, id);
      if (row?.state !== 'delayed') return false;
      jobs.lift(kind, id, row);
      jobs.place(kind, id, { ...row, dueAt: Math.min(row.dueAt, now) });
      return true;
    });
  }

  async find(kind: JobKind, id: string): Promise<Job | undefined> {
    this.changes.refresh();
    const row = readRow(this.changes.tables.jobs, jobKey(kind, id), (bytes) => decodeJson<JobRow>(bytes));
    return row && jobOf(kind, id, row);
  }

  async counts(): Promise<readonly JobCounts[]> {
    this.changes.refresh();
    return JOB_KINDS.flatMap((kind) =>
      JOB_STATES.map((state) => ({ kind, state, jobs: this.counted(kind, ROW_STATE_OF[state]) })),
    );
  }

  async oldestDue(kind: JobKind): Promise<number | undefined> {
    this.changes.refresh();
    const delayed = firstDelayedTime(this.changes.tables, kind);
    const times = [...firstDueTimes(this.changes.tables, kind, MAX_CONTEXTS)];
    if (delayed !== undefined && delayed <= this.changes.now()) times.push(delayed);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  sweep(before: number, limit: number): Promise<number> {
    return this.changes.write(({ jobs }) => {
      jobs.takeBack(this.machineNow(), () => false);
      return jobs.forgetKeys(before, limit);
    });
  }

  onDue(listener: (kind: JobKind) => void): () => void {
    return this.changes.onDue(listener);
  }

  async close(): Promise<void> {}

  private counted(kind: JobKind, state: JobRow['state']): number {
    return readRow(this.changes.tables.facts, countKey(kind, state), decodeNumber) ?? 0;
  }

  /** Runs `work` on the row, unless the lease was lost. */
  private held(claim: Claim, work: (jobs: JobLedger, row: JobRow) => void): Promise<boolean> {
    return this.changes.write(({ jobs }) => {
      const row = heldRow(jobs, claim);
      if (row !== undefined) work(jobs, row);
      return row !== undefined;
    });
  }
}

/** The row as its holder has it; `undefined` when it was taken back, claimed by somebody else, or finished. */
function heldRow(jobs: JobLedger, { kind, id, fence }: Claim): JobRow | undefined {
  const row = jobs.row(kind, id);
  return row?.state === 'claimed' && row.fence === fence ? row : undefined;
}

function jobOf(kind: JobKind, id: string, row: JobRow): Job {
  const { context, payload, enqueuedAt, dueAt, attempts, lostLeases, waitingSince } = row;
  const job = { kind, id, context, payload, enqueuedAt, dueAt, attempts, lostLeases };
  return waitingSince === undefined ? job : { ...job, waitingSince };
}
