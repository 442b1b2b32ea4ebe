// The port of the negative cache: what could not be converted, and until when that is remembered.
import type { Digest } from '../digest.js';
import type { ErrorName } from '../errors.js';

/** A source that could not be converted, as it is remembered. */
export interface Refusal {
  /** The source's record digest. */
  readonly source: Digest;
  readonly code: ErrorName;
  /** The public message it was answered with. */
  readonly message: string;
  /** How often it failed while it was remembered; at least 1. */
  readonly strikes: number;
  /** It failed at least once in a way that was the source's own fault. */
  readonly certain: boolean;
  /** Unix ms until which it is remembered. */
  readonly until: number;
}

/** One failure to be noted. */
export type Failure = Pick<Refusal, 'code' | 'message' | 'certain'>;

/**
 * The negative cache: what failed, by source, for a bounded time and in a bounded number, shared by all processes that
 * share the backend. What is remembered is lost without harm. Each note starts the time anew.
 */
export interface Refusals {
  find(source: Digest): Promise<Refusal | undefined>;
  note(source: Digest, failure: Failure): Promise<void>;
  /** All that is remembered, in batches, those that are forgotten first standing first. */
  list(): AsyncIterable<readonly Refusal[]>;
  /** Forgets one source or all; resolves with how many. */
  forget(source?: Digest): Promise<number>;
}
