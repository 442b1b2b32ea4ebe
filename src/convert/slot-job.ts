// What a converter's place is given, and what it tells.
import { randomInt } from 'node:crypto';
import type { ConversionJob, Joined, Priority, WantedReady } from '../kernel/ports/converter.js';
import type { SourceType } from '../kernel/source.js';
import type { ChildOptions } from './converter-child.js';
import type { MemoryBudget } from './memory-budget.js';
import type { JobMessage, WorkCounts } from './protocol.js';

/** What randomInt gives at most. */
const MAX_ID = 2 ** 48 - 1;

export interface SlotOptions extends ChildOptions {
  /** For the work inside the child; waiting for memory does not count. */
  readonly timeoutMs: number;
  /** For waiting for memory. */
  readonly maxWaitMs: number;
  readonly recycleAfterJobs: number;
  /** A child with more resident memory after a job is replaced. */
  readonly recycleAboveBytes: number;
  readonly budget: MemoryBudget;
}

/** Why a child ended; a metric label. */
export type ExitReason =
  | 'crash'
  | 'timeout'
  | 'memory'
  | 'aborted'
  | 'nonsense'
  | 'recycled'
  | 'failed-start'
  | 'closed';

export interface SlotEvents {
  /** A child is warm and waits. */
  idle(): void;
  exited(reason: ExitReason): void;
  /** Of a child whose settings ask for it: whether text of drawings can be drawn here. */
  text(drawn: boolean): void;
}

export interface SlotJob {
  readonly message: JobMessage;
  readonly sourceBytes: number;
  /** The best of all who wait when the job begins. */
  readonly priority: Priority;
  /** Who comes meanwhile. */
  readonly joined?: Joined;
  readonly onWanted?: WantedReady;
  readonly onHeader: (sourceType: SourceType) => void;
  readonly onCounts: (counts: WorkCounts) => void;
  readonly signal?: AbortSignal;
}

export function messageOf(job: ConversionJob, outputDir: string, encodesAtOnce: number): JobMessage {
  const { sourcePath, content, formats, made, wanted, wantedOnly, drawing, zoom } = job;
  return {
    kind: 'job',
    // Not to be guessed by a child that is still talking about its job before.
    id: randomInt(MAX_ID),
    sourcePath,
    ...(content && { content }),
    formats,
    ...(made && { made }),
    ...(wanted && { wanted }),
    ...(wantedOnly && { wantedOnly }),
    ...(zoom && { zoom }),
    ...(drawing && { drawing }),
    encodesAtOnce,
    outputDir,
  };
}
