// The Converter port over a pool of child processes: who converts next, what is counted, what happens to the files.
import { lstat, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { ProofsheetError } from '../kernel/errors.js';
import type { Context } from '../kernel/image-key.js';
import {
  type Clock,
  type Conversion,
  type ConversionJob,
  type Converter,
  type Logger,
  type Metrics,
  PRIORITIES,
  type WantedReady,
} from '../kernel/ports.js';
import type { SourceType } from '../kernel/source.js';
import { childProgram } from './converter-child.js';
import { ConverterSlot, type SlotJob } from './converter-slot.js';
import { JobQueue, type Queued } from './job-queue.js';
import { MemoryBudget } from './memory-budget.js';
import type { DoneMessage, WorkCounts } from './protocol.js';

export interface ConverterOptions {
  /** Child processes, at least 1; default: one per core. */
  readonly children?: number;
  readonly sourceTypes: readonly SourceType[];
  /** Width x height x frames. */
  readonly maxSourcePixels: number;
  /** Pages of a TIFF, frames of an animation. */
  readonly maxPages: number;
  /** For one conversion inside its child; then the child is killed. */
  readonly timeoutMs: number;
  /** What all conversions under way may take together, beside the bare processes. */
  readonly memoryBudgetBytes: number;
  /** Conversions that may wait; one more is refused. */
  readonly maxQueue: number;
  /** Turns in a row that a context has at the queue; default 1 for all. */
  readonly weightOf?: (context: Context) => number;
  /** For waiting in the queue, and again for memory; default: 10 times `timeoutMs`. */
  readonly maxWaitMs?: number;
  /** A child is replaced after so many jobs (default 500) ... */
  readonly recycleAfterJobs?: number;
  /** ... or when it keeps more memory than this after a job (default 512 MiB). */
  readonly recycleAboveBytes?: number;
  /** How much lower than the server's the children's scheduling priority is, 0 to 19; default 10. */
  readonly niceness?: number;
  /** The compiled program of a child; for tests of children that misbehave. */
  readonly childProgram?: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

interface Task extends Queued {
  /** Monotonic ms. */
  readonly queuedAt: number;
  /** Its turn has come: runs in the idle `slot`. */
  readonly begin: (slot: ConverterSlot) => void;
  /** Its wait ends without a converter. */
  readonly refuse: (error: unknown) => void;
}

/** What became known of a conversion while it ran; labels of its metrics. */
interface Story {
  sourceType: string;
  startedAt: number | undefined;
}

/**
 * Converters, started at once and kept warm. Each conversion gets a directory of its own inside the job's `outputDir`;
 * it is removed when the conversion fails. On success it and its files are the caller's: moving the files away leaves an
 * empty directory, so the caller removes `outputDir`, or `dirname(preview.path)`, when it is done with it.
 */
export function createConverter(options: ConverterOptions): ConverterPool {
  return new ConverterPool(options);
}

export class ConverterPool implements Converter {
  private readonly queue: JobQueue<Task>;
  private readonly budget: MemoryBudget;
  private readonly slots: ConverterSlot[];
  private readonly underWay = new Set<Promise<void>>();
  private readonly awaitingReady: (() => void)[] = [];
  private readonly maxWaitMs: number;
  private lastId = 0;
  private closed = false;
  /** Moving average of a conversion's time, for the advice when to try again. */
  private typicalMs = 500;

  constructor(private readonly options: ConverterOptions) {
    this.maxWaitMs = options.maxWaitMs ?? 10 * options.timeoutMs;
    this.queue = new JobQueue(options.maxQueue, options.weightOf);
    this.budget = new MemoryBudget(options.memoryBudgetBytes);
    const slotOptions = {
      program: options.childProgram ?? childProgram(),
      settings: {
        sourceTypes: options.sourceTypes,
        maxSourcePixels: options.maxSourcePixels,
        maxPages: options.maxPages,
      },
      niceness: options.niceness ?? 10,
      logger: options.logger,
      timeoutMs: options.timeoutMs,
      maxWaitMs: this.maxWaitMs,
      recycleAfterJobs: options.recycleAfterJobs ?? 500,
      recycleAboveBytes: options.recycleAboveBytes ?? 512 * 1024 * 1024,
      budget: this.budget,
    };
    const events = {
      idle: () => {
        for (const tell of this.awaitingReady.splice(0)) tell();
        this.dispatch();
      },
      exited: (reason: string) => options.metrics.count('converter_exits_total', { reason }),
    };
    this.slots = Array.from(
      { length: options.children ?? os.availableParallelism() },
      () => new ConverterSlot(slotOptions, events),
    );
    this.registerGauges(options.metrics);
  }

  /** Resolves once a child is warm, or after `limitMs`. */
  async whenReady(limitMs: number): Promise<void> {
    if (this.readyChildren > 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.awaitingReady.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Children that are warm, busy or not; for readiness. */
  get readyChildren(): number {
    return this.slots.filter((slot) => slot.state !== 'starting').length;
  }

  /** Conversions that wait for a converter. */
  get waiting(): number {
    return this.queue.length;
  }

  /** Ms that the oldest conversion has waited which somebody waits for; 0 when none does. */
  get oldestWaitMs(): number {
    const now = this.options.clock.monotonic();
    return Math.max(0, ...(['instant', 'medium'] as const).map((of) => now - (this.queue.oldest(of)?.queuedAt ?? now)));
  }

  /** Process ids of the children that run now. */
  get pids(): readonly number[] {
    return this.slots.flatMap((slot) => slot.pid ?? []);
  }

  /** An aborted conversion rejects with the signal's reason. */
  async convert(job: ConversionJob, onWanted?: WantedReady, signal?: AbortSignal): Promise<Conversion> {
    signal?.throwIfAborted();
    if (this.closed) throw stopping();
    if (!this.queue.hasRoomFor(job)) throw this.overloaded('too many conversions are waiting');
    const conversion = this.convertIn(job, onWanted, signal);
    const settled = conversion.then(
      () => {},
      () => {},
    );
    this.underWay.add(settled);
    void settled.then(() => this.underWay.delete(settled));
    return conversion;
  }

  /** Refuses what waits and ends what runs, both with `overloaded`; resolves when all children are gone and files removed. */
  async close(): Promise<void> {
    this.closed = true;
    for (let task = this.queue.shift(); task !== undefined; task = this.queue.shift()) task.refuse(stopping());
    await Promise.all(this.slots.map((slot) => slot.close()));
    await Promise.all(this.underWay);
  }

  private async convertIn(job: ConversionJob, onWanted?: WantedReady, signal?: AbortSignal): Promise<Conversion> {
    const { metrics, clock } = this.options;
    const story: Story = { sourceType: 'unknown', startedAt: undefined };
    const directory = await mkdtemp(join(job.outputDir, 'conversion-'));
    let result: string | undefined = 'ok';
    try {
      const { conversion } = await this.queued(job, directory, story, onWanted, signal);
      await checkFiles(conversion);
      // A wanted preview made ahead is the beginning of a conversion; the job that makes the rest counts for both.
      if (!conversion.complete) result = undefined;
      return conversion;
    } catch (error) {
      result = error instanceof ProofsheetError ? error.code : signal?.aborted ? 'aborted' : 'internal';
      // A child that lied may still be writing there.
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
      throw error;
    } finally {
      if (result !== undefined) metrics.count('conversions_total', { source_type: story.sourceType, result });
      if (story.startedAt !== undefined) {
        const ms = clock.monotonic() - story.startedAt;
        this.typicalMs += (ms - this.typicalMs) / 8;
        metrics.observe('conversion_duration_seconds', ms / 1000, { source_type: story.sourceType });
      }
    }
  }

  /** Waits for a converter, bounded in number and time, and runs there. */
  private queued(
    job: ConversionJob,
    outputDir: string,
    story: Story,
    onWanted: WantedReady | undefined,
    signal: AbortSignal | undefined,
  ): Promise<DoneMessage> {
    const { metrics, clock } = this.options;
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(stopping());
      if (signal?.aborted) return reject(signal.reason);
      const queuedAt = clock.monotonic();
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const task: Task = {
        priority: job.priority,
        context: job.context,
        queuedAt,
        begin: (slot) => {
          settle();
          story.startedAt = clock.monotonic();
          metrics.observe('queue_wait_seconds', (story.startedAt - queuedAt) / 1000, { priority: job.priority });
          resolve(slot.execute(this.slotJob(job, outputDir, story, onWanted, signal)));
        },
        refuse: (error) => {
          settle();
          reject(error);
        },
      };
      const leave = (error: unknown): void => {
        if (this.queue.remove(task)) task.refuse(error);
      };
      const onAbort = (): void => leave(signal?.reason);
      const timer = setTimeout(() => leave(this.overloaded('no converter became free in time')), this.maxWaitMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.queue
        .displaceForIfFull(task)
        ?.refuse(this.overloaded('too many conversions of this context are waiting, and others had none'));
      if (this.queue.push(task)) this.dispatch();
      else task.refuse(this.overloaded('too many conversions are waiting'));
    });
  }

  private dispatch(): void {
    if (this.closed) return;
    for (const slot of this.slots) {
      if (slot.state !== 'idle') continue;
      const task = this.queue.shift();
      if (task === undefined) return;
      task.begin(slot);
    }
  }

  private slotJob(
    { sourcePath, formats, wanted, priority }: ConversionJob,
    outputDir: string,
    story: Story,
    onWanted: WantedReady | undefined,
    signal: AbortSignal | undefined,
  ): SlotJob {
    return {
      message: { kind: 'job', id: ++this.lastId, sourcePath, formats, ...(wanted ? { wanted } : {}), outputDir },
      priority,
      onHeader: (sourceType) => {
        story.sourceType = sourceType;
      },
      onCounts: (counts) => this.count(counts),
      ...(onWanted ? { onWanted } : {}),
      ...(signal ? { signal } : {}),
    };
  }

  private count({ decodes, encodes }: WorkCounts): void {
    const { metrics } = this.options;
    for (const [purpose, times] of Object.entries(decodes))
      if (times > 0) metrics.count('decodes_total', { purpose }, times);
    for (const [type, times] of Object.entries(encodes)) metrics.count('encodes_total', { type }, times);
  }

  private overloaded(why: string): ProofsheetError {
    const waitMs = ((this.queue.length + 1) * this.typicalMs) / this.slots.length;
    const retryAfterSeconds = Math.min(60, Math.max(1, Math.ceil(waitMs / 1000)));
    return new ProofsheetError('overloaded', `${why}; try again in ${retryAfterSeconds} s`, { retryAfterSeconds });
  }

  private registerGauges(metrics: Metrics): void {
    metrics.gauge('queue_depth', () =>
      PRIORITIES.map((priority) => ({ labels: { priority }, value: this.queue.depth(priority) })),
    );
    metrics.gauge('queue_peak', () =>
      PRIORITIES.map((priority) => ({ labels: { priority }, value: this.queue.peak(priority) })),
    );
    metrics.gauge('in_flight_bytes', () => this.budget.inFlightBytes);
    metrics.gauge('in_flight_budget_bytes', () => this.budget.totalBytes);
    metrics.gauge('converters', () =>
      (['starting', 'idle', 'busy'] as const).map((state) => ({
        labels: { state },
        value: this.slots.filter((slot) => slot.state === state).length,
      })),
    );
  }
}

/** The files are what the child said, or it is not to be believed at all. */
async function checkFiles({ previews }: Conversion): Promise<void> {
  for (const { path, bytes } of previews) {
    const stat = await lstat(path).catch(() => undefined);
    if (stat?.isFile() !== true || stat.size !== bytes)
      throw new ProofsheetError('source-undecodable', 'the image cannot be decoded: its previews were not written');
  }
}

function stopping(): ProofsheetError {
  return new ProofsheetError('overloaded', 'the server is stopping; try again shortly', { retryAfterSeconds: 1 });
}
