// What is known of an item that did not become an asset, and whether and when it is worth another attempt. Pure.
import type { ErrorName } from '../errors.js';
import type { ImportReason } from '../import-reasons.js';

/** Nothing of it is secret: it is told to the client as it is. */
export interface Reason {
  readonly code: ImportReason;
  /** The status that the origin answered with. */
  readonly status?: number;
  /** One sentence for people, without the URL, its query and any address. */
  readonly message?: string;
}

/** Longest waits before the second, third and fourth attempt, in ms. A feed's URLs often end within the hour, so no days. */
const RETRY_WAITS_MS = [10_000, 60_000, 600_000];
export const MAX_ATTEMPTS = 1 + RETRY_WAITS_MS.length;
/** An origin may ask for this much patience, in ms. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * Ms until the next attempt after `attempts` (1 or more) have failed; `undefined` when there is none. `share`: 0 to 1, by
 * chance, so that those who failed together do not come back together. `retryAfterMs`: what the origin asked for, which is
 * waited for in full, up to an hour.
 */
export function retryWaitMs(attempts: number, share: number, retryAfterMs?: number): number | undefined {
  const longest = RETRY_WAITS_MS[attempts - 1];
  if (longest === undefined) return undefined;
  const asked = Math.min(Math.max(retryAfterMs ?? 0, 0), MAX_RETRY_AFTER_MS);
  return Math.round(asked + share * longest);
}

/** What fails for a fault of the server's own is waited for so long after it was asked for, in ms. */
export const MAX_PATIENCE_MS = 6 * 3_600_000;
const LEAST_FAULT_WAIT_MS = 10_000;
const LONGEST_FAULT_WAIT_MS = 600_000;

/**
 * Ms until work that is `ageMs` old and failed for a fault of the server's own is tried again: about as long as it is old, so that
 * waits grow exponentially although nobody counts them, 5 s to 10 minutes. `share`: 0 to 1, by chance.
 */
export function faultWaitMs(ageMs: number, share: number): number {
  const longest = Math.min(LONGEST_FAULT_WAIT_MS, Math.max(LEAST_FAULT_WAIT_MS, ageMs));
  return Math.round((longest * (1 + share)) / 2);
}

/** What the making of previews says of a source, as a reason; `undefined`: it says something of this server instead. */
export function reasonOfError(code: ErrorName): ImportReason | undefined {
  return OF_ERRORS[code];
}

const OF_ERRORS: Partial<Record<ErrorName, ImportReason>> = {
  'source-type-refused': 'type-not-enabled',
  'source-undecodable': 'image-damaged',
  'source-limits-exceeded': 'image-limits',
  'source-too-large': 'source-too-large',
  'conversion-timeout': 'image-limits',
  'missing-source-image': 'not-an-image',
  'blocked-content': 'image-blocked',
};
