// One place for a converter child: keeps a warm child in it, runs one conversion at a time there, and sees to it that
// deadline, abort and crash cost that conversion alone. Knows no queue.
import { ProofsheetError } from '../kernel/errors.js';
import type { MadePreview } from '../kernel/ports/converter.js';
import type { SourceType } from '../kernel/source.js';
import { childEnded, isAsClaimed, isWhole, SpoiltChild } from './child-failures.js';
import { ConverterChild } from './converter-child.js';
import { Deadline } from './deadline.js';
import type { Admission, Execution } from './execution.js';
import { KeptMemory } from './kept-memory.js';
import { mebibytes } from './memory-budget.js';
import { waitForMemory } from './memory-wait.js';
import { MemoryWatch, mayTake } from './memory-watch.js';
import type { DoneMessage, FromChild, ReadyMessage, TextMessage } from './protocol.js';
import type { ExitReason, SlotEvents, SlotJob, SlotOptions } from './slot-job.js';
import { regionCostBytes } from './zoom/region-job.js';
import { TilesOfChild } from './zoom/tiles-of-child.js';

/** Pause before a child that ended before it was ready is started again: doubles with each failure in a row. */
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 5_000;
/** A child that keeps more than that is replaced once it has had nothing to do for so long. */
const REST_MS = 4_000;

export class ConverterSlot {
  private child: ConverterChild | undefined;
  private execution: Execution | undefined;
  private isReady = false;
  private isReplaced = false;
  private closed = false;
  private ending: ExitReason | undefined;
  private jobsDone = 0;
  private failedStarts = 0;
  private retry: NodeJS.Timeout | undefined;
  private readonly onceGone: (() => void)[] = [];
  private readonly kept: KeptMemory;
  private rest: NodeJS.Timeout | undefined;
  private readonly tiles = new TilesOfChild();

  constructor(
    private readonly options: SlotOptions,
    private readonly events: SlotEvents,
  ) {
    this.kept = new KeptMemory(options.budget);
    this.start();
  }

  get state(): 'starting' | 'idle' | 'busy' {
    if (this.execution) return 'busy';
    return this.isReady ? 'idle' : 'starting';
  }

  /** Whether it takes jobs, or will as soon as the child that it was given instead of a healthy one has started. */
  get isFit(): boolean {
    return this.state !== 'starting' || this.isReplaced;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /**
   * Runs `job` in the idle child. Settles only when the child is done with it or gone: then it touches no file any more.
   * Rejects with `SpoiltChild` when the child failed in a way that another source may have left it in.
   */
  execute(job: SlotJob): Promise<DoneMessage> {
    if (this.state !== 'idle') throw new Error(`expected an idle converter, got one that is ${this.state}`);
    clearTimeout(this.rest);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.killFor('aborted', job.signal?.reason);
      this.execution = {
        job,
        resolve,
        reject,
        onAbort,
        watch: this.watchMemory(job.sourceBytes),
        deadline: new Deadline(this.options.timeoutMs, () => this.onTimeout()),
        cancelRequest: undefined,
        grant: undefined,
        admittedBytes: 0,
        heard: false,
        killed: undefined,
      };
      job.signal?.addEventListener('abort', onAbort, { once: true });
      this.execution.deadline.run();
      this.begin(this.execution);
      if (job.signal?.aborted) onAbort();
    });
  }

  /** What a region takes is known before the child has seen it: a message each way is all. */
  private begin(execution: Execution): void {
    const { message } = execution.job;
    const proceed = (): void => this.child?.send(this.tiles.without(message));
    if (message.zoom?.kind === 'region')
      this.admit(execution, 'jpeg', regionCostBytes(message.zoom), { proceed, refuse: (why) => this.refuse(why) });
    else proceed();
  }

  /** What the child has not been told of. */
  private refuse(reason: string): void {
    // The pool is about to hand out this place still.
    queueMicrotask(() => {
      const { execution } = this;
      if (execution === undefined || execution.killed) return;
      this.finish(execution);
      execution.reject(new ProofsheetError('source-limits-exceeded', reason));
      this.events.idle();
    });
  }

  /** Ends the child that is in this place now, if it still is when that is called: it said what is not true. */
  distrust(): () => void {
    const { child } = this;
    return () => {
      if (child !== undefined && this.child === child) this.onNonsense();
    };
  }

  /** Ends the child; a conversion in it fails with `overloaded`. Resolves when the process is gone. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.retry);
    clearTimeout(this.rest);
    if (this.child === undefined) return;
    const gone = new Promise<void>((resolve) => this.onceGone.push(resolve));
    this.ending ??= 'closed';
    this.killFor(
      'closed',
      new ProofsheetError('overloaded', 'the server is stopping; try again shortly', { retryAfterSeconds: 1 }),
    );
    this.child.kill();
    await gone;
  }

  /** Replaces a child that has nothing to do and keeps memory: somebody else needs it. */
  giveBack(): void {
    if (this.state !== 'idle' || this.kept.bytes === 0) return;
    this.replace();
  }

  private replace(): void {
    this.isReady = false;
    this.isReplaced = true;
    this.ending = 'recycled';
    this.child?.kill();
  }

  private start(): void {
    this.jobsDone = 0;
    this.ending = undefined;
    this.child = new ConverterChild(this.options, {
      message: (message) => this.onMessage(message),
      nonsense: () => this.onNonsense(),
      exit: (how, said) => this.onExit(how, said),
    });
  }

  private onMessage(message: FromChild): void {
    const execution = this.execution;
    if (message.kind === 'ready') {
      if (execution || this.isReady) this.onNonsense();
      else this.onReady();
    } else if (message.kind === 'text') {
      this.events.text(message.drawn);
    } else if (execution === undefined || message.id !== execution.job.message.id) {
      this.onNonsense();
    } else if (!execution.killed) {
      // What a child that is being killed still had to say is of no interest.
      this.onProgress(execution, message);
    }
  }

  private onReady(): void {
    this.isReady = true;
    this.isReplaced = false;
    this.failedStarts = 0;
    if (!this.closed) this.events.idle();
  }

  private onProgress(execution: Execution, message: Exclude<FromChild, ReadyMessage | TextMessage>): void {
    const { job } = execution;
    const claims = (preview: MadePreview): boolean => isAsClaimed(job.message.outputDir, preview);
    execution.heard = true;
    if (message.kind === 'header') {
      const { id } = message;
      this.admit(execution, message.sourceType, message.costBytes, {
        proceed: () => this.child?.send({ kind: 'proceed', id }),
        refuse: (reason) => this.child?.send({ kind: 'refuse', id, reason }),
      });
    } else if (message.kind === 'lacks') {
      if (this.tiles.forget()) this.child?.send(job.message);
      else this.onNonsense();
    } else if (message.kind === 'failed') {
      job.onCounts(message.counts);
      if (message.detail !== '') this.options.logger.debug({ detail: message.detail }, 'a decoder refused a source');
      const rssBytes = this.kept.count(this.pid);
      this.finish(execution);
      const { code, uncertain = false } = message;
      execution.reject(new ProofsheetError(code, message.message, { uncertain }));
      this.afterJob(rssBytes);
    } else if (message.kind === 'wanted') {
      if (claims(message.preview)) job.onWanted?.(message.info, message.metadata, message.preview);
      else this.onNonsense();
    } else if (isWhole(job, message) && message.conversion.previews.every(claims)) {
      job.onCounts(message.counts);
      const rssBytes = this.kept.count(this.pid);
      this.tiles.told(message.tiles);
      this.finish(execution);
      execution.resolve(message);
      this.afterJob(rssBytes);
    } else {
      this.onNonsense();
    }
  }

  /** It is known what the conversion asks for: that is waited for, off the deadline. */
  private admit(execution: Execution, sourceType: SourceType, costBytes: number, { proceed, refuse }: Admission): void {
    const { budget } = this.options;
    execution.job.onHeader(sourceType);
    if (!budget.fits(costBytes)) {
      const reason = `expected an image whose conversion takes at most ${mebibytes(budget.totalBytes)} MiB of memory, got one that takes ${mebibytes(costBytes)} MiB`;
      refuse(reason);
      return;
    }
    execution.deadline.pause();
    // The child works in what it has kept, as far as that goes.
    const bytes = Math.min(budget.totalBytes, Math.max(costBytes, this.kept.bytes));
    this.kept.release();
    const { priority, joined } = execution.job;
    const cancel = waitForMemory(budget, {
      bytes,
      priority,
      ...(joined && { joined }),
      maxWaitMs: this.options.maxWaitMs,
      granted: (grant) => {
        execution.cancelRequest = undefined;
        execution.grant = grant;
        execution.admittedBytes = costBytes;
        execution.deadline.run();
        proceed();
      },
      overdue: () =>
        this.killFor(
          'aborted',
          new ProofsheetError('overloaded', 'too many conversions wait for memory; try again shortly', {
            retryAfterSeconds: 5,
          }),
        ),
    });
    if (execution.grant === undefined) execution.cancelRequest = cancel;
  }

  private onTimeout(): void {
    const seconds = this.options.timeoutMs / 1000;
    this.killFor(
      'timeout',
      new ProofsheetError('conversion-timeout', `the conversion took longer than ${seconds} s and was ended`, {
        uncertain: true,
      }),
    );
  }

  private watchMemory(sourceBytes: number): MemoryWatch | undefined {
    const pid = this.child?.pid;
    if (pid === undefined) return undefined;
    const admitted = (): number => this.execution?.admittedBytes ?? 0;
    const most = (): number => mayTake(admitted(), sourceBytes);
    return new MemoryWatch(pid, most, (bytes) => {
      this.options.logger.warn({ pid, bytes, admitted: admitted() }, 'a converter child took too much memory');
      const reason = `expected an image whose conversion takes at most ${mebibytes(most())} MiB of memory, got one that takes more`;
      this.killFor('memory', new ProofsheetError('source-limits-exceeded', reason));
    });
  }

  private killFor(reason: ExitReason, error: unknown): void {
    if (this.execution === undefined || this.execution.killed) return;
    this.execution.killed = { error, reason };
    this.ending = reason;
    this.child?.kill();
  }

  private onNonsense(): void {
    this.options.logger.warn({ pid: this.pid }, 'a converter child answered nonsense and was ended');
    // Nobody can tell which of its sources made it say that.
    if (this.execution) this.killFor('nonsense', this.blame('the decoder was damaged by this image'));
    this.ending ??= 'nonsense';
    this.isReady = false;
    this.child?.kill();
  }

  /** The image of this job, or one that the same child had before. */
  private blame(why: string): Error {
    const verdict = childEnded(why);
    return this.jobsDone > 0 ? new SpoiltChild(verdict) : verdict;
  }

  private onExit(how: string, said: string): void {
    const { execution, isReady } = this;
    const reason = this.ending ?? (isReady ? 'crash' : 'failed-start');
    this.child = undefined;
    this.isReady = false;
    this.tiles.forget();
    clearTimeout(this.rest);
    this.kept.release();
    this.events.exited(reason);
    if (reason === 'crash') this.options.logger.warn({ how }, 'a converter child ended by itself');
    else if (reason === 'failed-start')
      this.options.logger.warn({ how, said }, 'a converter child could not start; it is tried again');
    if (execution) {
      this.finish(execution);
      const why = 'the decoder crashed on this image';
      const crashed = (): Error => (execution.heard ? childEnded(why) : this.blame(why));
      execution.reject(execution.killed ? execution.killed.error : crashed());
    }
    for (const gone of this.onceGone.splice(0)) gone();
    if (this.closed) return;
    if (reason !== 'failed-start') {
      this.start();
      return;
    }
    this.isReplaced = false;
    this.retry = setTimeout(() => this.start(), Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** this.failedStarts));
    this.failedStarts++;
  }

  private finish(execution: Execution): void {
    execution.deadline.end();
    execution.watch?.end();
    execution.cancelRequest?.();
    execution.grant?.release();
    execution.job.signal?.removeEventListener('abort', execution.onAbort);
    this.execution = undefined;
  }

  /** Memory fragments and libraries leak: a child does not live for ever. */
  private afterJob(rssBytes: number): void {
    this.jobsDone++;
    if (this.jobsDone >= this.options.recycleAfterJobs || rssBytes > this.options.recycleAboveBytes) {
      this.replace();
    } else if (!this.closed) {
      if (this.kept.bytes > 0) this.rest = setTimeout(() => this.giveBack(), REST_MS).unref();
      this.events.idle();
    }
  }
}
