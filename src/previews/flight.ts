// One conversion under way, shared by everybody who needs the same source: resolves in two steps, when the first wanted
// preview is stored and when the sequence is complete.
import type { ProofsheetError } from '../kernel/errors.js';
import type { Format } from '../kernel/format.js';
import type { SourceRecord } from '../kernel/source.js';

/** What a flight has brought so far. */
export interface Made {
  readonly record: SourceRecord;
  /** Why the record could be made but not stored where it belongs (the shared tier is away): good for an answer, not for an acknowledgement. */
  readonly unstored?: ProofsheetError;
}

export class Flight {
  private readonly first = new Deferred<Made>();
  private readonly all = new Deferred<Made>();

  /** `wanted`: what the flight makes first, if it was begun for one format. */
  constructor(private readonly wanted: Format | undefined) {}

  /** The first previews are stored; more will follow. */
  begun(made: Made): void {
    this.first.resolve(made);
  }

  finished(made: Made): void {
    this.first.resolve(made);
    this.all.resolve(made);
  }

  failed(error: unknown): void {
    this.first.reject(error);
    this.all.reject(error);
  }

  /** The whole sequence. */
  done(): Promise<Made> {
    return this.all.promise;
  }

  /** Enough to answer `wanted`: the preview that was made first for it, one made for just this format, or all. */
  async answering(wanted: Format): Promise<Made> {
    const made = await this.first.promise;
    return wanted.text === this.wanted?.text || answers(made.record, wanted) ? made : this.all.promise;
  }
}

/** Whether the record can answer `wanted` as well as the complete sequence would. */
export function answers(record: SourceRecord, wanted: Format): boolean {
  return record.complete || record.previews.some((preview) => preview.formats.includes(wanted.text));
}

class Deferred<T> {
  readonly promise: Promise<T>;
  resolve!: (value: T) => void;
  reject!: (error: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Not everybody waits for both steps; whoever does gets the rejection through its own await.
    this.promise.catch(() => undefined);
  }
}
