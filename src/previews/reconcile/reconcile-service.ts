// The use cases of bringing stored records to the sequence of today: what that would make and drop, and the work itself, begun, paused,
// gone on with and ended by whichever process is asked; one of them does it (reconcile-worker.ts).
import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { ProofsheetError } from '../../kernel/errors.js';
import type { Catalog } from '../../kernel/ports/catalog.js';
import type { CatalogWalk } from '../../kernel/ports/catalog-walk.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { WorkNotes } from '../../kernel/ports/work-notes.js';
import {
  begunProgress,
  changeOf,
  EMPTY_PLAN,
  madeBytesOf,
  parseControl,
  parseProgress,
  type ReconcileControl,
  type ReconcilePlan,
  type ReconcileProgress,
  withRecord,
} from '../../kernel/reconcile.js';
import type { Sequence } from '../../kernel/sequence.js';
import type { CpuRates } from './cpu-rates.js';

/** Names of notes. */
export const CONTROL = 'reconcile-control';
export const PROGRESS = 'reconcile-progress';

/** Plans under way in a process: each reads all records. */
const MAX_PLANS = 2;

export interface PlanTold extends ReconcilePlan {
  readonly sequence: string;
  readonly formats: readonly string[];
  /** Of what is made, about. */
  readonly makesBytes: number;
  /** Processor time of converters, by what a preview took on average so far; absent before any was made. */
  readonly cpuSeconds?: number;
}

export interface ReconcileStanding {
  readonly control: ReconcileControl;
  readonly progress: ReconcileProgress;
}

/** All throw `ProofsheetError`s. */
export interface Reconcile {
  plan(): Promise<PlanTold>;
  /** Begins a run, or goes on with the one that is paused; at another pace where `perMinute` says so. */
  start(perMinute: number | undefined): Promise<ReconcileStanding>;
  /** `undefined` where there was never a run. */
  pause(): Promise<ReconcileStanding | undefined>;
  stop(): Promise<ReconcileStanding | undefined>;
  standing(): Promise<ReconcileStanding | undefined>;
}

export interface ReconcileServiceDeps {
  readonly catalog: Pick<Catalog, 'findSource'>;
  readonly walk: Pick<CatalogWalk, 'sources'>;
  readonly notes: WorkNotes;
  readonly sequence: Sequence;
  /** Of an upload the whole sequence is made. */
  readonly preConvert: boolean;
  /** What a preview takes of the processor, as it was measured. */
  readonly rates: Pick<CpuRates, 'secondsPerPreview'>;
  readonly clock: Clock;
}

export class ReconcileService implements Reconcile {
  private plans = 0;

  constructor(private readonly deps: ReconcileServiceDeps) {}

  async plan(): Promise<PlanTold> {
    if (this.plans >= MAX_PLANS)
      throw new ProofsheetError('overloaded', 'expected one plan at a time; please try again', {
        retryAfterSeconds: 5,
      });
    this.plans++;
    try {
      const plan = await this.walked();
      const { sequence, rates } = this.deps;
      const each = await rates.secondsPerPreview();
      return {
        ...plan,
        ...{ sequence: sequence.id, formats: sequence.formats.map(({ text }) => text), makesBytes: madeBytesOf(plan) },
        ...(each !== undefined && { cpuSeconds: Math.round(10 * each * plan.makes) / 10 }),
      };
    } finally {
      this.plans--;
    }
  }

  private async walked(): Promise<ReconcilePlan> {
    const { catalog, walk, sequence, preConvert } = this.deps;
    let plan = EMPTY_PLAN;
    for await (const digests of walk.sources()) {
      for (const digest of digests) {
        const record = await catalog.findSource(digest);
        if (record) plan = withRecord(plan, record, changeOf(record, sequence, preConvert));
      }
      await setImmediate();
    }
    return plan;
  }

  async start(perMinute: number | undefined): Promise<ReconcileStanding> {
    const { notes, clock } = this.deps;
    const before = await this.standing();
    if (before && !before.progress.isOver && before.control.wanted !== 'stopped') {
      const control = { ...before.control, wanted: 'running' as const, ...(perMinute !== undefined && { perMinute }) };
      await notes.write(CONTROL, control);
      return { ...before, control };
    }
    const control: ReconcileControl = {
      ...{ run: randomBytes(8).toString('hex'), wanted: 'running', perMinute: perMinute ?? 0, startedAt: clock.now() },
    };
    const progress = begunProgress(control.run, clock.now());
    // What is asked for last: whoever sees it finds where to begin.
    await notes.write(PROGRESS, progress);
    await notes.write(CONTROL, control);
    return { control, progress };
  }

  pause(): Promise<ReconcileStanding | undefined> {
    return this.want('paused');
  }

  stop(): Promise<ReconcileStanding | undefined> {
    return this.want('stopped');
  }

  async standing(): Promise<ReconcileStanding | undefined> {
    const { notes } = this.deps;
    const control = parseControl(await notes.read(CONTROL));
    if (control === undefined) return undefined;
    const progress = parseProgress(await notes.read(PROGRESS));
    return {
      control,
      progress: progress?.run === control.run ? progress : begunProgress(control.run, control.startedAt),
    };
  }

  private async want(wanted: ReconcileControl['wanted']): Promise<ReconcileStanding | undefined> {
    const before = await this.standing();
    if (before === undefined) return undefined;
    const control = { ...before.control, wanted };
    await this.deps.notes.write(CONTROL, control);
    return { ...before, control };
  }
}
