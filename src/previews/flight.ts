// One conversion under way, shared by everybody who needs the same source: resolves in two steps, when the first wanted
// preview is stored and when the sequence is complete. Knows who waits, so that the work takes the best of their places.
import type { ProofsheetError } from '../kernel/errors.js';
import type { Format } from '../kernel/format.js';
import type { Context } from '../kernel/image-key.js';
import { type Joined, type Place, PRIORITIES, type Priority } from '../kernel/ports/converter.js';
import type { Span } from '../kernel/ports/traces.js';
import { ownPreviews, type SourceRecord } from '../kernel/source.js';

/** What a flight has brought so far. */
export interface Made {
  readonly record: SourceRecord;
  /** Why the record could be made but not stored where it belongs (the shared tier is away): good for an answer, not for an acknowledgement. */
  readonly unstored?: ProofsheetError;
}

export class Flight {
  private readonly first = new Deferred<Made>();
  private readonly all = new Deferred<Made>();
  private readonly places = new Waiting();
  /** Where traced: what others wait for. */
  span: Span | undefined;

  /** `wanted`: what the flight makes first, if it was begun for one format. */
  constructor(private readonly wanted: Format | undefined) {}

  /** Who waits for a step of the work. */
  get waiting(): Joined {
    return this.places;
  }

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
  done(place: Place): Promise<Made> {
    this.places.add(place);
    return this.all.promise;
  }

  /** Enough to answer `wanted`: the preview that was made first for it, one made for just this format, or all. */
  async answering(wanted: Format, place: Place): Promise<Made> {
    this.places.add(place);
    const made = await this.first.promise;
    return wanted.text === this.wanted?.text || answers(made.record, wanted) ? made : this.done(place);
  }
}

/** Whether the record can answer `wanted` as well as the complete sequence would. */
export function answers(record: SourceRecord, wanted: Format): boolean {
  return record.complete || ownPreviews(record).some((preview) => preview.formats.includes(wanted.text));
}

/** The best place of each context that waits. */
class Waiting implements Joined {
  private readonly places = new Map<Context, Priority>();
  private readonly listeners = new Set<(place: Place) => void>();

  add(place: Place): void {
    const { context, priority } = place;
    const before = this.places.get(context);
    if (before !== undefined && PRIORITIES.indexOf(before) <= PRIORITIES.indexOf(priority)) return;
    this.places.set(context, priority);
    for (const tell of this.listeners) tell({ context, priority });
  }

  each(listener: (place: Place) => void): () => void {
    for (const [context, priority] of this.places) listener({ context, priority });
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
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
