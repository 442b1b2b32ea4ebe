// The Converter port over a pool of child processes: who converts next, what is counted, what happens to the files.
import os from 'node:os';
import { compiledProgram } from '../kernel/compiled-program.js';
import { ProofsheetError } from '../kernel/errors.js';
import type { Conversion, ConversionJob, Converter, MadePreview, WantedReady } from '../kernel/ports/converter.js';
import { NO_TRACES, type Traces } from '../kernel/ports/traces.js';
import { SpoiltChild } from './child-failures.js';
import type { ConverterOptions } from './converter-options.js';
import { ConverterSlot } from './converter-slot.js';
import { directoryOf, directoryWithin, removeDirectory } from './job-directory.js';
import { JobQueue, type Queued } from './job-queue.js';
import { encodesAtOnce } from './lanes.js';
import { MemoryBudget } from './memory-budget.js';
import { bestPriority, ofClient, placesOf } from './places.js';
import { countWork, registerGauges } from './pool-gauges.js';
import type { DoneMessage } from './protocol.js';
import { messageOf, type SlotJob, type SlotOptions } from './slot-job.js';
import { warnsOfText } from './text-warning.js';

interface Task extends Queued {
  /** Monotonic ms; when it came to the best priority it has. */
  queuedAt: number;
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
  /** Ends the child that made a preview; for as long as somebody has the preview. */
  private readonly makers = new WeakMap<MadePreview, () => void>();
  private readonly awaitingReady: (() => void)[] = [];
  private readonly maxWaitMs: number;
  private readonly traces: Pick<Traces, 'within' | 'bind'>;
  private closed = false;
  /** What previews of sequences took of the processor since the start: of conversions that were done. */
  readonly measured = { cpuSeconds: 0, previews: 0 };
  /** Moving average of a conversion's time, for the advice when to try again. */
  private typicalMs = 500;

  constructor(private readonly options: ConverterOptions) {
    this.traces = options.traces ?? NO_TRACES;
    this.maxWaitMs = options.maxWaitMs ?? 10 * options.timeoutMs;
    this.queue = new JobQueue(options.maxQueue, options.weightOf, () => options.clock.monotonic());
    this.budget = new MemoryBudget(options.memoryBudgetBytes, () => {
      for (const slot of this.slots) slot.giveBack();
    });
    const slotOptions: SlotOptions = {
      program: options.childProgram ?? compiledProgram('child', import.meta.url),
      settings: {
        sourceTypes: options.sourceTypes,
        maxSourcePixels: options.maxSourcePixels,
        maxPages: options.maxPages,
        timeoutMs: options.timeoutMs,
        auto: options.auto ?? 'adaptive',
        flush: options.flush ?? false,
        ...(options.streams && { streams: true }),
      },
      niceness: options.niceness ?? 10,
      logger: options.logger,
      timeoutMs: options.timeoutMs,
      maxWaitMs: this.maxWaitMs,
      recycleAfterJobs: options.recycleAfterJobs ?? 500,
      recycleAboveBytes: options.recycleAboveBytes ?? 512 * 1024 * 1024,
      budget: this.budget,
    };
    const telling = { ...slotOptions.settings, tellsOfText: options.tellsOfText ?? false };
    const events = {
      idle: () => {
        for (const tell of this.awaitingReady.splice(0)) tell();
        this.dispatch();
      },
      exited: (reason: string) => options.metrics.count('converter_exits_total', { reason }),
      text: warnsOfText(options.logger),
    };
    this.slots = Array.from(
      { length: options.children ?? os.availableParallelism() },
      // One child tells for all.
      (_, index) => new ConverterSlot(index === 0 ? { ...slotOptions, settings: telling } : slotOptions, events),
    );
    registerGauges(options.metrics, this.queue, this.budget, this.slots);
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

  /** Whether conversions are made: a child is warm, or about to be where a healthy one was replaced to free its memory. */
  get isFit(): boolean {
    return this.slots.some((slot) => slot.isFit);
  }

  /** Children that are warm, busy or not. */
  get readyChildren(): number {
    return this.slots.filter((slot) => slot.state !== 'starting').length;
  }

  private get idleSlots(): number {
    return this.slots.filter(({ state }) => state === 'idle').length;
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
    if (!placesOf(job).some((place) => this.queue.hasRoomFor(place)))
      throw this.overloaded('too many conversions are waiting');
    const conversion = this.convertIn(job, onWanted, signal);
    const settled = conversion.then(
      () => {},
      () => {},
    );
    this.underWay.add(settled);
    void settled.then(() => this.underWay.delete(settled));
    return conversion;
  }

  distrust(preview: MadePreview): void {
    this.makers.get(preview)?.();
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
    const directory = await directoryOf(job);
    let result = 'ok';
    try {
      const { conversion, counts } = await this.untouched(job, directory, story, onWanted, signal);
      if (job.zoom === undefined && job.drawing === undefined && counts.cpuSeconds !== undefined) {
        this.measured.cpuSeconds += counts.cpuSeconds;
        this.measured.previews += conversion.previews.length;
      }
      return conversion;
    } catch (error) {
      result = error instanceof ProofsheetError ? error.code : signal?.aborted ? 'aborted' : 'internal';
      // A child that lied may still be writing there.
      await removeDirectory(directory);
      throw error;
    } finally {
      metrics.count('conversions_total', { source_type: story.sourceType, result });
      if (story.startedAt !== undefined) {
        const ms = clock.monotonic() - story.startedAt;
        this.typicalMs += (ms - this.typicalMs) / 8;
        metrics.observe('conversion_duration_seconds', ms / 1000, { source_type: story.sourceType });
      }
    }
  }

  /** Runs in a child; and once more in another when the first may have been spoilt by a source before this one. */
  private async untouched(
    job: ConversionJob,
    directory: string,
    story: Story,
    onWanted: WantedReady | undefined,
    signal: AbortSignal | undefined,
  ): Promise<DoneMessage> {
    let told = false;
    const tellOnce: WantedReady = (...wanted) => {
      if (!told) onWanted?.(...wanted);
      told = true;
    };
    try {
      return await this.queued(job, directory, story, tellOnce, signal);
    } catch (error) {
      if (!(error instanceof SpoiltChild)) throw error;
      const again = await directoryWithin(directory);
      return await this.queued(job, again, story, tellOnce, signal).catch((second: unknown) => {
        throw second instanceof SpoiltChild ? second.verdict : second;
      });
    }
  }

  /** Waits for a converter, bounded in number and time, and runs there. */
  private queued(
    job: ConversionJob,
    outputDir: string,
    story: Story,
    onWanted: WantedReady,
    signal: AbortSignal | undefined,
  ): Promise<DoneMessage> {
    const { metrics, clock } = this.options;
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(stopping());
      if (signal?.aborted) return reject(signal.reason);
      const settle = (): void => {
        clearTimeout(timer);
        stopJoining();
        signal?.removeEventListener('abort', onAbort);
      };
      let { priority } = job;
      // It begins when another conversion ends, and is this one's all the same.
      const below = this.traces.bind();
      const task: Task = {
        priority,
        context: ofClient(job).context,
        queuedAt: clock.monotonic(),
        begin: (slot) => {
          settle();
          story.startedAt = clock.monotonic();
          metrics.observe('queue_wait_seconds', (story.startedAt - task.queuedAt) / 1000, { priority });
          resolve(below(() => this.runIn(slot, job, outputDir, story, onWanted, signal)));
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
      const entitled = placesOf(job).find((place) => this.queue.hasRoomFor(place)) ?? task;
      this.queue
        .displaceForIfFull(entitled)
        ?.refuse(this.overloaded('too many conversions of this context are waiting, and others had none'));
      let stopJoining = (): void => undefined;
      if (!this.queue.push(task)) return task.refuse(this.overloaded('too many conversions are waiting'));
      const stop = job.joined?.each((place) => {
        if (!this.queue.join(task, ofClient(place))) return;
        task.queuedAt = clock.monotonic();
        priority = place.priority;
      });
      if (stop) stopJoining = stop;
      this.dispatch();
    });
  }

  /** Begins at once; remembers which child made what. */
  private async runIn(
    slot: ConverterSlot,
    job: ConversionJob,
    outputDir: string,
    story: Story,
    onWanted: WantedReady,
    signal: AbortSignal | undefined,
  ): Promise<DoneMessage> {
    const distrust = slot.distrust();
    const tell: WantedReady = (info, metadata, preview) => {
      this.makers.set(preview, distrust);
      onWanted(info, metadata, preview);
    };
    const execute = () => slot.execute(this.slotJob(job, outputDir, story, tell, signal));
    const facts = { 'process.pid': slot.pid };
    const done = await this.traces.within('convert in child process', execute, { facts });
    for (const preview of done.conversion.previews) this.makers.set(preview, distrust);
    return done;
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
    job: ConversionJob,
    outputDir: string,
    story: Story,
    onWanted: WantedReady,
    signal: AbortSignal | undefined,
  ): SlotJob {
    const { joined, sourceBytes } = job;
    const priority = bestPriority(job);
    return {
      sourceBytes,
      message: messageOf(job, outputDir, encodesAtOnce(priority, this.idleSlots, this.queue.length)),
      priority,
      ...(joined ? { joined } : {}),
      onHeader: (sourceType) => {
        story.sourceType = sourceType;
      },
      onCounts: (counts) => countWork(this.options.metrics, counts),
      onWanted,
      ...(signal ? { signal } : {}),
    };
  }

  private overloaded(why: string): ProofsheetError {
    const waitMs = ((this.queue.length + 1) * this.typicalMs) / this.slots.length;
    const retryAfterSeconds = Math.min(60, Math.max(1, Math.ceil(waitMs / 1000)));
    return new ProofsheetError('overloaded', `${why}; try again in ${retryAfterSeconds} s`, { retryAfterSeconds });
  }
}

function stopping(): ProofsheetError {
  return new ProofsheetError('overloaded', 'the server is stopping; try again shortly', { retryAfterSeconds: 1 });
}
