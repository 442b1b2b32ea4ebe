// The port of what takedowns leave behind: tombstones, and the log of orders that every process which shares the store follows.
// It survives restarts and power cuts.
import type { Digest } from '../digest.js';
import type { BegunPurge, PurgeStep } from '../takedown/begun-purge.js';
import type { Acknowledgement, CopyHolder, HookState, TakedownOrder } from '../takedown/order.js';
import type { Tombstone } from '../takedown/tombstone.js';

/** Orders that are kept, the latest; whoever was away for more drops all copies. */
export const MAX_ORDERS = 2_000;

export interface NumberedOrder {
  /** From 1, rising by 1. */
  readonly number: number;
  readonly order: TakedownOrder;
}

export interface Takedowns {
  /** Whether it is still in force is the caller's to say. */
  findTombstone(content: Digest): Promise<Tombstone | undefined>;
  /** The stricter of two for one content stays. Takes away those that are over; throws `over-quota` beyond `MAX_TOMBSTONES`. */
  block(tombstones: readonly Tombstone[], now: number): Promise<void>;
  /** `false` where there was none. */
  unblock(content: Digest): Promise<boolean>;
  /** At most `limit`, in no order. */
  tombstones(limit: number): Promise<readonly Tombstone[]>;
  /** Written before anything goes. Throws `overloaded` beyond `MAX_BEGUN`. */
  begin(purge: BegunPurge): Promise<void>;
  /** What it is about to take away, the steps counted from 0. */
  noteStep(id: string, index: number, step: PurgeStep): Promise<void>;
  stepOf(id: string, index: number): Promise<PurgeStep | undefined>;
  /** Those of which the order is not in the log yet, the oldest first. */
  begun(): Promise<readonly BegunPurge[]>;
  /**
   * Adds an order to the log, and with it how the CDN is to be told; the oldest goes where there are too many, and with it what was
   * begun by its id. One that is in the log already is left as it is. Resolves with its number.
   */
  append(order: TakedownOrder, hook?: HookState): Promise<number>;
  /** At most `limit` orders behind that number, the first standing first. */
  after(number: number, limit: number): Promise<readonly NumberedOrder[]>;
  /** Of the last order; 0 without any. */
  last(): Promise<number>;
  find(id: string): Promise<NumberedOrder | undefined>;
  acknowledge(id: string, acknowledgement: Acknowledgement): Promise<void>;
  acknowledged(id: string): Promise<readonly Acknowledgement[]>;
  /** Says that a holder is there, and which order it has followed. */
  present(holder: CopyHolder): Promise<void>;
  /** Forgets a holder that has no copies any more. */
  leave(holder: string): Promise<void>;
  /** Those who may hold copies; others are forgotten. */
  holders(now: number): Promise<readonly CopyHolder[]>;
  hookOf(id: string): Promise<HookState | undefined>;
  /** Does nothing for an order that is gone. */
  noteHook(id: string, hook: HookState): Promise<void>;
  /** Orders of which the CDN has not been told yet, at most `limit`. */
  openHooks(limit: number): Promise<readonly string[]>;
  close(): Promise<void>;
}
