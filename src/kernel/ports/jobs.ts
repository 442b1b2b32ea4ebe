// The port of durable work: what only a client's wish tells, and no crash may forget. A job is claimed under a lease with a
// fencing number, and whoever lost it changes nothing any more. Contexts take turns, so that nobody starves behind a flood.
import type { Context } from '../image-key.js';
import type { Json } from '../library/asset.js';
import type { ItemStage } from '../library/import-job.js';
import type { Reason } from '../library/reason.js';
import type { ItemEffects } from './assets.js';
import type { SlotEffects } from './uploads.js';

/**
 * `import-item`: one picture of an import. `callback`: tell whoever asked that an import has ended. `upload`: the bytes of a slot are
 * to become a version. `webhook`: tell an endpoint what became of an asset.
 */
export const JOB_KINDS = ['import-item', 'callback', 'upload', 'webhook', 'pyramid'] as const;
export type JobKind = (typeof JOB_KINDS)[number];

/**
 * Nothing is put off by more than this, in ms (the longest is a delivery, by 14 hours): what is due later was put there by a clock that
 * was ahead, and is due at once when that has been put right.
 */
export const MAX_DELAY_MS = 2 * 86_400_000;

export const JOB_STATES = ['waiting', 'delayed', 'claimed'] as const;
/** `waiting`: due now. `delayed`: due later. What is finished is gone. */
export type JobState = (typeof JOB_STATES)[number];

export interface NewJob {
  readonly kind: JobKind;
  /** Unique within its kind, 1 to 128 of a-z, A-Z, 0-9, `.`, `-`, `_`, and not digits alone. */
  readonly id: string;
  readonly context: Context;
  /** At most 64 KiB as JSON; what names the work, not the work itself. */
  readonly payload?: Json;
  /** Unix ms; absent: now. */
  readonly dueAt?: number;
}

export interface Job {
  readonly kind: JobKind;
  readonly id: string;
  readonly context: Context;
  readonly payload: Json;
  /** Unix ms. */
  readonly enqueuedAt: number;
  readonly dueAt: number;
  /** Attempts that have ended by `retryAt`. */
  readonly attempts: number;
  /**
   * Claims whose lease ended unfinished, because their holder died or hung: each counts 1 where the job was all that its holder had in
   * hand, and may count less where it was one of many (see `blameOf`), since most of those are not what it died of.
   */
  readonly lostLeases: number;
  /** Unix ms of its first `free` retry, from when patience with what is not its fault counts; absent where there was none. */
  readonly waitingSince?: number;
}

/** A job in hand. */
export interface Claim extends Job {
  /** Rises with every claim of any job: a change by a lesser number than the job's latest is refused. */
  readonly fence: number;
}

export interface ClaimRequest {
  readonly kind: JobKind;
  /** Most to be claimed at once. */
  readonly limit: number;
  /** The lease ends by itself after so many ms. */
  readonly leaseMs: number;
  /**
   * Asked before each claim, with how many of the context this call has claimed: where it says no, the context is passed over and
   * keeps its turn. Absent: all contexts. Pure and quick.
   */
  readonly admits?: (context: Context, claimed: number) => boolean;
}

/**
 * `lost`: somebody else has the job by now, or had. `original-missing`: the arrived original is not there (any more), or what the item was
 * to be unchanged to was erased or is in the trash: its picture has to be brought again.
 */
export type Finish = 'finished' | 'lost' | 'original-missing';

export interface JobCounts {
  readonly kind: JobKind;
  readonly state: JobState;
  readonly jobs: number;
}

/**
 * What each of `inHand` jobs is to blame for the end of their holder: 1 of one, less the more there were, 0.25 of sixteen. They are
 * counted when the first of its leases ends, for those that end later too.
 */
export function blameOf(inHand: number): number {
  return 1 / Math.sqrt(Math.max(1, inHand));
}

/** What becomes visible in the commit that ends a piece of work. */
export type JobEffects = ItemEffects | SlotEffects;

export interface Jobs {
  /** All of them or none. One whose id is known is left as it is. With a `key` that was used for this kind before: nothing. */
  enqueue(jobs: readonly NewJob[], key?: string): Promise<void>;
  /**
   * Jobs that are due, each under a lease: contexts take turns, within one the one due longest comes first. Leases that ended
   * are taken back first.
   */
  claim(request: ClaimRequest): Promise<readonly Claim[]>;
  /** Extends the lease to `leaseMs` from now; `false` when it was lost. */
  renew(claim: Claim, leaseMs: number): Promise<boolean>;
  /** Notes where an item, or an asset, stands, for who asks; `false` when the lease was lost. */
  note(claim: Claim, stage: ItemStage): Promise<boolean>;
  /**
   * The work is done: the job goes, and `effects` become visible, with all that follows from them (the import's end, its
   * callback), in one commit. Otherwise nothing happened.
   */
  finish(claim: Claim, effects?: JobEffects): Promise<Finish>;
  /**
   * To be tried again at `at` (Unix ms). The reason stands at the item meanwhile.
   */
  retryAt(claim: Claim, at: number, retry?: ItemRetry): Promise<boolean>;
  /** Gives it back as it was, due as before, without counting an attempt: for a server that stops. */
  release(claim: Claim): Promise<boolean>;
  /** One that is `delayed` is due at once, as if its time had come; any other stays as it is, and it is `false`. */
  hasten(kind: JobKind, id: string): Promise<boolean>;
  find(kind: JobKind, id: string): Promise<Job | undefined>;
  /** By kind and state; never a scan of jobs. */
  counts(): Promise<readonly JobCounts[]>;
  /** Unix ms since when the longest waiting job of the kind is due; `undefined` when none is. */
  oldestDue(kind: JobKind): Promise<number | undefined>;
  /** Forgets keys of `enqueue` that were used before (Unix ms), and takes back leases that ended; at most `limit` of each. */
  sweep(before: number, limit: number): Promise<number>;
  /**
   * Calls `listener` when this process made a job due, at once, or may have; others are found by asking every now and then. Ends by
   * calling the function it returns.
   */
  onDue(listener: (kind: JobKind) => void): () => void;
  close(): Promise<void>;
}

/** Why an item waits. */
export interface ItemRetry {
  readonly reason?: Reason;
  /** No attempt is counted: it was not the work's fault. */
  readonly free?: boolean;
}
