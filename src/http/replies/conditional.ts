// Conditional requests (RFC 9110, section 13) over header texts and validators. Pure and free of Express: whatever answers
// previews shares these rules.
import { parseHttpDate } from './http-date.js';

/** What a preview is compared by. */
export interface Validators {
  /** A strong entity tag with its quotes. */
  readonly etag: string;
  /** Unix time in ms; compared in whole seconds, as HTTP dates are. */
  readonly lastModifiedMs: number;
  /** Other bytes have another date. */
  readonly isDateStrong: boolean;
}

/** The header texts that conditions and ranges are read from; all optional. */
export interface Conditions {
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSince: string | undefined;
  readonly ifRange: string | undefined;
  readonly range: string | undefined;
}

/**
 * Whether the client's copy is current, so that 304 answers it. `If-None-Match` decides alone when it is there;
 * `If-Modified-Since` is ignored when it is no date or lies in the future of `nowMs` (a client's clock that is wrong).
 */
export function isNotModified(
  conditions: Pick<Conditions, 'ifNoneMatch' | 'ifModifiedSince'>,
  validators: Pick<Validators, 'etag' | 'lastModifiedMs'>,
  nowMs: number,
): boolean {
  if (conditions.ifNoneMatch !== undefined) return listsTag(conditions.ifNoneMatch, validators.etag);
  if (conditions.ifModifiedSince === undefined) return false;
  const since = parseHttpDate(conditions.ifModifiedSince);
  return since !== undefined && since <= nowMs && seconds(validators.lastModifiedMs) <= seconds(since);
}

/** Whether an `If-None-Match` text lists `etag` by weak comparison, or is `*`. A malformed list matches up to its fault. */
export function listsTag(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true;
  // One sticky expression walks the list, because a tag may hold commas: [W/]"characters without quote or control".
  const member = /[\t ,]*(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")[\t ]*(?=,|$)/y;
  for (let found = member.exec(ifNoneMatch); found !== null; found = member.exec(ifNoneMatch)) {
    if (found[1] === etag) return true;
  }
  return false;
}

/**
 * Whether a `Range` may be answered in part: without `If-Range` always; with a tag only by strong comparison; with a date
 * only where it is a strong validator (RFC 9110, section 8.8.2.2), for exactly our `Last-Modified`, and only when that is over a
 * second old (else two versions could share it).
 */
export function allowsRange(ifRange: string | undefined, validators: Validators, nowMs: number): boolean {
  if (ifRange === undefined) return true;
  const text = ifRange.trim();
  if (text.startsWith('"') || text.startsWith('W/')) return text === validators.etag;
  const date = validators.isDateStrong ? parseHttpDate(text) : undefined;
  return (
    date !== undefined &&
    seconds(date) === seconds(validators.lastModifiedMs) &&
    nowMs - validators.lastModifiedMs > 1_000
  );
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}
