// What a converter's place knows of the one conversion that runs there.
import type { Deadline } from './deadline.js';
import type { Grant } from './memory-budget.js';
import type { MemoryWatch } from './memory-watch.js';
import type { DoneMessage } from './protocol.js';
import type { ExitReason, SlotJob } from './slot-job.js';

export interface Execution {
  readonly job: SlotJob;
  readonly resolve: (done: DoneMessage) => void;
  readonly reject: (error: unknown) => void;
  readonly onAbort: () => void;
  readonly watch: MemoryWatch | undefined;
  readonly deadline: Deadline;
  cancelRequest: (() => void) | undefined;
  grant: Grant | undefined;
  /** What the conversion was estimated to take, once it is admitted: beside what the child had kept, which the grant may cover too. */
  admittedBytes: number;
  /** The child has said something of this job. */
  heard: boolean;
  /** Why the child is being killed; told once it is gone. */
  killed: { readonly error: unknown; readonly reason: ExitReason } | undefined;
}

/** What becomes of a conversion when its memory is granted, or is more than there is. */
export interface Admission {
  proceed(): void;
  refuse(reason: string): void;
}
