// Tombstones: contents that are not to come back, by the SHA-256 of a source's bytes, with a reason and, where there is one, an end.
import type { Digest } from '../digest.js';
import { ProofsheetError } from '../errors.js';

/** As many at once. */
export const MAX_TOMBSTONES = 100_000;
/** Characters of a reason. */
export const MAX_REASON = 500;

export interface Tombstone {
  readonly content: Digest;
  /** For operators: clients are not told. */
  readonly reason: string;
  /** Unix ms. */
  readonly since: number;
  /** Unix ms from which the content may come back; absent: never. */
  readonly until?: number;
}

export function isInForce({ until }: Pick<Tombstone, 'until'>, now: number): boolean {
  return until === undefined || until > now;
}

/** Of two for one content the one that lasts longer stays; of two that last as long, the later. */
export function stricter(before: Tombstone | undefined, next: Tombstone): Tombstone {
  if (before === undefined || !isInForce(before, next.since)) return next;
  const lasts = ({ until }: Tombstone): number => until ?? Number.POSITIVE_INFINITY;
  return lasts(before) > lasts(next) ? before : next;
}

/** What whoever brings a blocked content is told. */
export function blockedContent(): ProofsheetError {
  return new ProofsheetError('blocked-content', 'this image was taken down, and is not to be stored again');
}

/** Trimmed, 1 to `MAX_REASON` characters. Throws `invalid-request-format`. */
export function parseReason(value: unknown): string {
  const reason = typeof value === 'string' ? value.trim() : '';
  if (reason.length >= 1 && reason.length <= MAX_REASON) return reason;
  throw new ProofsheetError('invalid-request-format', `expected a reason of 1 to ${MAX_REASON} characters`);
}

/** A time in the future as ISO 8601 in Unix ms; `undefined` for none. Throws `invalid-request-format`. */
export function parseUntil(value: unknown, now: number): number | undefined {
  if (value === undefined || value === null) return undefined;
  const at = typeof value === 'string' && /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isFinite(at) && at > now) return at;
  throw new ProofsheetError(
    'invalid-request-format',
    'expected until as a time in the future, such as 2031-05-01T00:00:00Z',
  );
}
