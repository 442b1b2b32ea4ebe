// When a webhook is tried again, and when its receiver is left alone: pure rules over what the last attempts said.
import { createHash } from 'node:crypto';
import type { DeliveryAttempt } from '../ports/webhook-sender.js';

/** Longest waits before the second to the eighth attempt, in ms: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h. */
const WAITS_MS = [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000];
/** Attempts of one delivery; after the last one it is dead. */
export const MAX_DELIVERY_ATTEMPTS = 1 + WAITS_MS.length;
/** Least part of a wait, so that those who failed together come back apart: 28 hours in all on average. */
const LEAST_SHARE = 0.8;

/** Failures in a row after which a receiver is tried once a minute at most, whatever is waiting for it. */
export const FAILURES_TO_REST = 10;
export const REST_MS = 60_000;
/** Failing for so long, and so often, it is not called any more until somebody says so. */
export const DISABLED_AFTER_MS = 3 * 86_400_000;
/**
 * Longer than any wait between the attempts of one delivery: nobody knows what the receiver did between failures that are further apart,
 * and who is called once a week is not to be switched off by one failure a week.
 */
export const IN_A_ROW_MS = 86_400_000;

/**
 * Ms until the next attempt after `attempts` (1 or more) have failed; `undefined` when there is none. `share`: 0 to 1, by chance.
 * What the receiver asked for is waited for at least.
 */
export function deliveryWaitMs(attempts: number, share: number, retryAfterMs = 0): number | undefined {
  const longest = WAITS_MS[attempts - 1];
  if (longest === undefined) return undefined;
  return Math.round(Math.max(retryAfterMs, longest * (LEAST_SHARE + (1 - LEAST_SHARE) * share)));
}

/** What is remembered of a receiver that has failed; one that takes what it is sent is not remembered. */
export interface ReceiverState {
  /** In a row: each within a day of the one before. */
  readonly failures: number;
  /** Unix ms of the first and the last of them. */
  readonly failingSince: number;
  readonly lastAttemptAt: number;
  /** `failing`: for three days, and ten times at least. */
  readonly disabled?: 'failing';
}

/**
 * The state after an attempt at `now` (Unix ms); `undefined`: nothing is to be remembered. What says 410 has answered, and of this
 * one delivery: the URL of a callback is made for it, and says nothing of the next.
 */
export function receiverAfter(
  before: ReceiverState | undefined,
  { fault }: Pick<DeliveryAttempt, 'fault'>,
  now: number,
): ReceiverState | undefined {
  if (fault === undefined || fault === 'gone') return undefined;
  const row = before && now - before.lastAttemptAt <= IN_A_ROW_MS ? before : undefined;
  const failures = (row?.failures ?? 0) + 1;
  const failingSince = row?.failingSince ?? now;
  const state = { failures, failingSince, lastAttemptAt: now };
  const isOff = failures >= FAILURES_TO_REST && now - failingSince >= DISABLED_AFTER_MS;
  return isOff ? { ...state, disabled: 'failing' } : state;
}

/** Unix ms at which the receiver may be called, `now` or later; `never` while it is disabled. */
export function callableAt(state: ReceiverState | undefined, now: number): number | 'never' {
  if (state?.disabled !== undefined) return 'never';
  if (state === undefined || state.failures < FAILURES_TO_REST) return now;
  // A clock that was set back makes nobody wait longer than the rest itself.
  return Math.max(now, Math.min(state.lastAttemptAt, now) + REST_MS);
}

/**
 * Whether the receiver may be called at `now`, and what is remembered of it then: of one that rests the attempt is taken by whoever
 * asks first once the rest is over, as if it had been made, so that nobody else makes one beside it.
 */
export function admitted(
  state: ReceiverState | undefined,
  now: number,
): { readonly at: number | 'never'; readonly state: ReceiverState | undefined } {
  const at = callableAt(state, now);
  const isProbe = at === now && state !== undefined && state.failures >= FAILURES_TO_REST;
  return { at, state: isProbe ? { ...state, lastAttemptAt: now } : state };
}

/**
 * A receiver as it is counted and shown: one that is told apart by its query is a receiver of its own, and its query, which may hold
 * secrets, is shown as a hash.
 */
export function receiverOf(url: string): string {
  const { origin, pathname, search } = new URL(url);
  if (search === '') return `${origin}${pathname}`;
  return `${origin}${pathname}?sha256=${createHash('sha256').update(search).digest('hex').slice(0, 16)}`;
}
