// What a pool of converters is told when it is made: limits, sizes, and what it reports to.
import type { Context } from '../kernel/image-key.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Metrics } from '../kernel/ports/metrics.js';
import type { Traces } from '../kernel/ports/traces.js';
import type { AutoRule } from '../kernel/sequence.js';
import type { SourceType } from '../kernel/source.js';

export interface ConverterOptions {
  /** Child processes, at least 1; default: one per core. */
  readonly children?: number;
  readonly sourceTypes: readonly SourceType[];
  /** Width x height x frames. */
  readonly maxSourcePixels: number;
  /** Pages of a TIFF, frames of an animation. */
  readonly maxPages: number;
  /** Default: adaptive. */
  readonly auto?: AutoRule;
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
  /** Previews are on the disk when a conversion resolves, not only with the kernel; default false. */
  readonly flush?: boolean;
  /** Large files of the commonest types are read by their path, so that their bytes need not be in memory; default false. */
  readonly streams?: boolean;
  /** How much lower than the server's the children's scheduling priority is, 0 to 19; default 10. */
  readonly niceness?: number;
  /** A warning is logged when text of SVG sources cannot be drawn; default: nobody looks. */
  readonly tellsOfText?: boolean;
  /** The compiled program of a child; for tests of children that misbehave. */
  readonly childProgram?: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Absent where nobody traces. */
  readonly traces?: Pick<Traces, 'within' | 'bind'>;
}
