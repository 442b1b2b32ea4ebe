// Why an item of an import did not become an asset: a closed list, which dialects put into their own words.
import type { ErrorName } from '../errors.js';

export const REASON_CODES = [
  /** 404 or 410. */
  'source-not-found',
  /** 401, 403, and whatever else says no for good. */
  'source-refused',
  /** 5xx, 429, no address, no connection, TLS, a connection that broke. */
  'source-unavailable',
  'source-timeout',
  /** An address that is shut, or a host that is not the tenant's to ask; which one is never told. */
  'address-forbidden',
  'scheme-forbidden',
  'too-many-redirects',
  'source-too-large',
  'not-an-image',
  'type-not-enabled',
  'image-damaged',
  'image-limits',
  'over-quota',
  'duplicate-in-batch',
  'already-exists',
  'cancelled',
  'internal',
] as const;
export type ReasonCode = (typeof REASON_CODES)[number];

/** What a reason says beside its code; nothing of it is secret. */
export interface Reason {
  readonly code: ReasonCode;
  /** The status that the origin answered with. */
  readonly status?: number;
  /** What the origin called it, at most 100 characters, e.g. `text/html`. */
  readonly type?: string;
}

/** What may be otherwise at the next attempt; everything else is final. */
const PASSING: ReadonlySet<ReasonCode> = new Set(['source-unavailable', 'source-timeout', 'internal']);

export function mayPass({ code }: Reason): boolean {
  return PASSING.has(code);
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

/** What the making of previews says of a source, as a reason; `undefined`: it says something of this server instead. */
export function reasonOfError(code: ErrorName): ReasonCode | undefined {
  return OF_ERRORS[code];
}

const OF_ERRORS: Partial<Record<ErrorName, ReasonCode>> = {
  'source-type-refused': 'type-not-enabled',
  'source-undecodable': 'image-damaged',
  'source-limits-exceeded': 'image-limits',
  'source-too-large': 'source-too-large',
  'conversion-timeout': 'image-limits',
  'missing-source-image': 'not-an-image',
};
