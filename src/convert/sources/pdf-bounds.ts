// What one page of a PDF may take to be read and drawn. A few hundred bytes can ask for more than anybody can draw: forms that draw
// forms are unfolded while the page is read; patterns, meshes and pictures can be laid over each other without end.
import { ProofsheetError } from '../../kernel/errors.js';
import { TookTooLong, withinTime } from '../bounded-work.js';
import type { HeapBound } from '../wasm.js';

const MIB = 1024 * 1024;
/** Of what a page draws, as it is held once it is read: some 200 bytes an object, 5 KB a form. 600,000 paths were seen to take 150 MiB. */
const MOST_OBJECT_BYTES = 160 * MIB;
/** The decoder at rest. */
const REST_BYTES = 32 * MIB;
/** The share of a conversion's deadline that a page may take; the rest is for its previews. */
const SHARE_OF_DEADLINE = 2 / 3;

export class PdfBounds {
  readonly heap: HeapBound;
  private readonly mostMs: number;
  private leftMs: number;
  private isGranted = false;

  /** `timeoutMs`: the deadline of the conversion. */
  constructor(fileBytes: number, timeoutMs: number) {
    this.heap = { mostBytes: REST_BYTES + fileBytes + MOST_OBJECT_BYTES, isPassed: false };
    this.mostMs = SHARE_OF_DEADLINE * timeoutMs;
    this.leftMs = this.mostMs;
  }

  /** `bytes` for drawing were granted; they come on top of `heldBytes`, which are there already. */
  grant(heldBytes: number, bytes: number): void {
    this.isGranted = true;
    this.heap.mostBytes = heldBytes + bytes;
  }

  /** What `work` gives. Throws `source-limits-exceeded` where it takes more memory or time than a page may. */
  run<T>(work: () => T): T {
    const begunMs = performance.now();
    try {
      const result = withinTime(this.leftMs, work);
      // It may have gone on without what it did not get.
      if (!this.heap.isPassed) return result;
    } catch (error) {
      if (error instanceof TookTooLong) throw this.tooSlow(error);
      if (!this.heap.isPassed) throw error;
    } finally {
      this.leftMs -= performance.now() - begunMs;
    }
    throw this.tooLarge();
  }

  private tooSlow(cause: TookTooLong): ProofsheetError {
    const most = `${Number((this.mostMs / 1000).toFixed(1))} s`;
    const options = { cause, uncertain: true };
    return cause.wasWorking
      ? new ProofsheetError(
          'source-limits-exceeded',
          `expected a page that can be drawn in ${most}, got one that takes longer`,
          options,
        )
      : new ProofsheetError('conversion-timeout', `the page took longer than ${most} and was ended`, options);
  }

  private tooLarge(): ProofsheetError {
    const what = this.isGranted
      ? 'a page that is drawn in the memory that its pictures and its size tell of'
      : `a page of which all that it draws, forms inside forms counted each time, takes at most ${MOST_OBJECT_BYTES / MIB} MiB of memory`;
    return new ProofsheetError('source-limits-exceeded', `expected ${what}, got one that takes more`);
  }
}
