// Runs the jobs of one kind: claims what is due as long as it has a hand free, keeps the leases, and ends each job as its handler
// says. Wakes at once for what this process made due, and asks every second for what others did.

import { shareOf } from '../kernel/fair-share.js';
import type { Context } from '../kernel/image-key.js';
import { type ItemStage, parseItemWorkId } from '../kernel/library/import-job.js';
import { faultWaitMs, MAX_PATIENCE_MS, type Reason } from '../kernel/library/reason.js';
import type { RetryReason } from '../kernel/library/retry-reasons.js';
import { parseSlotName } from '../kernel/library/upload.js';
import type { AgingClock } from '../kernel/ports/clock.js';
import type { Claim, ItemRetry, JobEffects, JobKind, Jobs } from '../kernel/ports/jobs.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Metrics } from '../kernel/ports/metrics.js';
import type { RetryTally } from './retry-tally.js';

/** Long enough for a pause of the event loop, short enough that nobody waits long for a machine that died. */
const LEASE_MS = 15_000;
const POLL_MS = 1_000;
/**
 * What fails for no reason that a handler knows is tried again until it is so old, in ms, and then ended. A callback's own schedule
 * lasts 32 hours, and a fault of ours after those of its receiver is not to end it.
 */
const patienceMs = (kind: JobKind): number =>
  kind === 'import-item' || kind === 'upload' ? MAX_PATIENCE_MS : 3 * 86_400_000;
const INTERNAL: Reason = { code: 'internal', message: 'its processing failed, by no fault of its own' };

/** How a job ends, or goes on. */
export type Ending =
  | { readonly kind: 'done'; readonly effects?: JobEffects }
  /** `at`: Unix ms. `reason`: how it is counted, where the item that is retried has none. */
  | { readonly kind: 'again'; readonly at: number; readonly retry?: ItemRetry; readonly reason?: RetryReason };

/** What a handler has in hand beside the claim. */
export interface Hold {
  /** Aborts when the lease is lost: whatever is done from then on is in vain. */
  readonly lost: AbortSignal;
  /** Aborts when the lease is lost or the server stops: for what may be given up and begun anew elsewhere. */
  readonly giveUp: AbortSignal;
  note(stage: ItemStage): Promise<void>;
}

export interface JobRunnerDeps {
  readonly jobs: Jobs;
  readonly kind: JobKind;
  /** Jobs in hand at once, 1 or more. */
  readonly concurrency: number;
  /** Contexts whose jobs this process does; absent: all. */
  readonly only?: (context: Context) => boolean;
  /** May throw: then the job is tried again, ever more rarely and not for ever, or given back when the server stops. */
  readonly handle: (claim: Claim, hold: Hold) => Promise<Ending>;
  readonly clock: AgingClock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Of all runners of this process. */
  readonly retries: RetryTally;
  /** Default 15 s. */
  readonly leaseMs?: number;
  /** 0 to 1, by chance; for tests. */
  readonly share?: () => number;
}

interface Running {
  readonly claim: Claim;
  readonly lost: AbortController;
}

export class JobRunner {
  private readonly running = new Set<Running>();
  private readonly tasks = new Set<Promise<void>>();
  private readonly stopping = new AbortController();
  private claiming: Promise<void> | undefined;
  private wanted = false;
  private readonly timers: NodeJS.Timeout[] = [];
  private stopListening: () => void = () => undefined;

  constructor(private readonly deps: JobRunnerDeps) {}

  get inHand(): number {
    return this.running.size;
  }

  start(): void {
    const { jobs, kind, leaseMs = LEASE_MS } = this.deps;
    this.stopListening = jobs.onDue((due) => {
      if (due === kind) this.wake();
    });
    this.timers.push(
      setInterval(() => this.wake(), POLL_MS),
      setInterval(() => void this.renewAll(), leaseMs / 3),
    );
    for (const timer of this.timers) timer.unref();
    this.wake();
  }

  /** Claims nothing more, and resolves once what is in hand has ended or was given back, or after `limitMs`. */
  async close(limitMs: number): Promise<void> {
    this.stopListening();
    this.stopping.abort();
    const timer = this.timers.shift();
    if (timer) clearInterval(timer);
    await this.claiming;
    let over: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      over = setTimeout(resolve, limitMs);
    });
    await Promise.race([Promise.all(this.tasks), limit]);
    clearTimeout(over);
    for (const left of this.timers) clearInterval(left);
    // Who is still at it has no lease from now on: what it would commit is refused.
    for (const { lost } of this.running) lost.abort();
  }

  private wake(): void {
    this.wanted = true;
    if (this.claiming !== undefined || this.stopping.signal.aborted) return;
    this.claiming = this.claimWhatIsDue().finally(() => {
      this.claiming = undefined;
      // Something may have become due between the last look and here.
      if (this.wanted && this.running.size < this.deps.concurrency) this.wake();
    });
  }

  private async claimWhatIsDue(): Promise<void> {
    const { jobs, kind, concurrency, leaseMs = LEASE_MS, logger } = this.deps;
    while (this.wanted && !this.stopping.signal.aborted) {
      this.wanted = false;
      const limit = concurrency - this.running.size;
      if (limit <= 0) return;
      try {
        const claims = await jobs.claim({ kind, limit, leaseMs, admits: this.admits });
        for (const claim of claims) this.begin(claim);
      } catch (error) {
        logger.warn({ error, kind }, 'jobs could not be claimed; it is tried again');
        return;
      }
    }
  }

  private readonly admits = (context: Context, claimed: number): boolean => {
    if (this.deps.only?.(context) === false) return false;
    const held = [...this.running].filter((running) => running.claim.context === context).length;
    return held + claimed < shareOf(this.deps.concurrency, this.running.size - held);
  };

  private begin(claim: Claim): void {
    const running: Running = { claim, lost: new AbortController() };
    this.running.add(running);
    const task = this.run(running).finally(() => {
      this.running.delete(running);
      this.tasks.delete(task);
      this.wake();
    });
    this.tasks.add(task);
  }

  private async run({ claim, lost }: Running): Promise<void> {
    const { jobs, handle, logger, kind } = this.deps;
    const giveUp = AbortSignal.any([lost.signal, this.stopping.signal]);
    try {
      const note = async (stage: ItemStage): Promise<void> => {
        if (!(await jobs.note(claim, stage))) lost.abort();
      };
      if (giveUp.aborted) await jobs.release(claim);
      else await this.end(claim, await handle(claim, { lost: lost.signal, giveUp, note }));
    } catch (error) {
      if (lost.signal.aborted) return;
      if (!this.stopping.signal.aborted) logger.warn({ error, kind }, 'a job failed; it is tried again');
      await this.giveBack(claim).catch((cause: unknown) =>
        logger.warn({ error: cause, kind }, 'a job could not be given back; its lease ends by itself'),
      );
    }
  }

  private async end(claim: Claim, ending: Ending): Promise<void> {
    const { jobs, metrics, retries, kind } = this.deps;
    if (ending.kind === 'again') {
      retries.add(kind, ending.retry?.reason?.code ?? ending.reason);
      await jobs.retryAt(claim, ending.at, ending.retry);
      return;
    }
    const finish = await jobs.finish(claim, ending.effects);
    // Swept in the moment between being kept and being named.
    if (finish === 'original-missing') await this.giveBack(claim);
    metrics.count('jobs_total', { kind, result: finish });
  }

  private async giveBack(claim: Claim): Promise<void> {
    const { jobs, clock, metrics, retries, kind, logger, share = Math.random } = this.deps;
    if (this.stopping.signal.aborted) {
      await jobs.release(claim);
      return;
    }
    // Since it first failed, and not since it was accepted: how long the queue was is no fault of its.
    const ageMs = claim.waitingSince === undefined ? 0 : Math.max(0, clock.agesCountFrom() - claim.waitingSince);
    const isLate = ageMs > patienceMs(kind);
    // Nothing ends by its first fault, however long the queue was before: one more attempt, which is counted.
    if (isLate && claim.attempts > 0) {
      logger.error({ kind, id: claim.id }, 'a job has failed too long and is given up');
      const finish = await jobs.finish(claim, failureOf(claim));
      metrics.count('jobs_total', { kind, result: finish });
      return;
    }
    retries.add(kind);
    await jobs.retryAt(claim, clock.now() + faultWaitMs(ageMs, share()), { reason: INTERNAL, free: !isLate });
  }

  private async renewAll(): Promise<void> {
    const { jobs, leaseMs = LEASE_MS, logger, kind } = this.deps;
    await Promise.all(
      [...this.running].map(async ({ claim, lost }) => {
        try {
          if (await jobs.renew(claim, leaseMs)) return;
          // It may have ended meanwhile, by its own hand.
          lost.abort();
        } catch (error) {
          logger.warn({ error, kind }, 'a lease could not be renewed; it is tried again');
        }
      }),
    );
  }
}

/** What the end of a job without success means for whoever asked for it. */
function failureOf({ kind, id }: Claim): JobEffects | undefined {
  const slot = kind === 'upload' ? parseSlotName(id) : undefined;
  if (slot) return { slot, outcome: { kind: 'failed', reason: INTERNAL } };
  const item = kind === 'import-item' ? parseItemWorkId(id) : undefined;
  return item && { ...item, outcome: { kind: 'failed', reason: INTERNAL } };
}
