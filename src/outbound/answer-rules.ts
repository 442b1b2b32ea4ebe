// What an origin's answer means for a fetch, by its status and headers alone. Pure.
import { parse as parseDisposition } from 'content-disposition';
import { safeFileName } from '../kernel/file-name.js';
import type { ImportReason } from '../kernel/import-reasons.js';
import type { SourceValidators } from '../kernel/ports/source-fetcher.js';
import { type Answer, headerOf } from './http-client.js';

export type Verdict =
  | { readonly kind: 'body' }
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'not-modified' }
  | { readonly kind: 'failed'; readonly reason: ImportReason; readonly message: string; readonly isTransient: boolean };

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const ABSENT = new Set([404, 410]);
/** Request timeout, too early, too many requests. */
const TRANSIENT = new Set([408, 425, 429]);
/** Longest `Retry-After` that is believed. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** `Date` takes all kinds of texts for dates, `-5` too. */
const HTTP_DATE = /^[A-Z][a-z]{2,8}, [\w -]{9,12} \d{2}:\d{2}:\d{2} GMT$/;

/** `wasConditional`: validators were sent, so that 304 answers what was asked. */
export function verdictOf(answer: Answer, maxBytes: number, wasConditional: boolean): Verdict {
  const { statusCode: status } = answer;
  const refused = (message: string): Verdict => ({
    kind: 'failed',
    reason: 'source-refused',
    message,
    isTransient: false,
  });
  if (status === 304 && wasConditional) return { kind: 'not-modified' };
  if (REDIRECTS.has(status)) {
    const location = headerOf(answer, 'location');
    return location === undefined ? refused('a redirect leads nowhere') : { kind: 'redirect', location };
  }
  if (ABSENT.has(status))
    return { kind: 'failed', reason: 'source-not-found', message: `HTTP ${status}`, isTransient: false };
  if (TRANSIENT.has(status) || status >= 500)
    return { kind: 'failed', reason: 'source-unavailable', message: `HTTP ${status}`, isTransient: true };
  if (status !== 200) return refused(`HTTP ${status}`);
  const encoding = headerOf(answer, 'content-encoding')?.trim().toLowerCase() ?? '';
  if (encoding !== '' && encoding !== 'identity') return refused('the answer is encoded, although none was asked for');
  if (Number(headerOf(answer, 'content-length') ?? 0) > maxBytes) return tooLarge(maxBytes);
  return { kind: 'body' };
}

export function tooLarge(maxBytes: number): Extract<Verdict, { kind: 'failed' }> {
  const message = `the file is larger than ${maxBytes} bytes`;
  return { kind: 'failed', reason: 'source-too-large', message, isTransient: false };
}

/** Ms until which a client is asked to wait, at most `maxMs`; `undefined` without or with a malformed `Retry-After`. */
export function retryAfterMs(answer: Answer, nowMs: number, maxMs = MAX_RETRY_AFTER_MS): number | undefined {
  const text = headerOf(answer, 'retry-after')?.trim() ?? '';
  const ms = /^\d{1,9}$/.test(text)
    ? Number(text) * 1_000
    : HTTP_DATE.test(text)
      ? Date.parse(text) - nowMs
      : Number.NaN;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), maxMs);
}

/** What a later fetch can ask with; `undefined` when the origin gave nothing for it. */
export function validatorsOf(answer: Answer, url: URL): SourceValidators | undefined {
  const etag = headerOf(answer, 'etag')?.trim();
  const isTag = etag !== undefined && /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]{0,1000}"$/.test(etag);
  const date = headerOf(answer, 'last-modified')?.trim();
  const isDate = date !== undefined && HTTP_DATE.test(date) && !Number.isNaN(Date.parse(date));
  if (!isTag && !isDate) return undefined;
  return { finalUrl: url.href, ...(isTag && { etag }), ...(isDate && { lastModified: date }) };
}

/** The headers that ask whether anything changed, of the one URL that they are of. */
export function conditionsOf(validators: SourceValidators | undefined, url: URL): Readonly<Record<string, string>> {
  if (validators?.finalUrl !== url.href) return {};
  const { etag, lastModified } = validators;
  return {
    ...(etag !== undefined && { 'if-none-match': etag }),
    ...(lastModified !== undefined && { 'if-modified-since': lastModified }),
  };
}

/** The media type without parameters, lower-case. */
export function mediaTypeOf(answer: Answer): string | undefined {
  const type = headerOf(answer, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  return type !== undefined && /^[a-z0-9!#$&^_.+-]{1,127}\/[a-z0-9!#$&^_.+-]{1,127}$/.test(type) ? type : undefined;
}

/** The file's name by Content-Disposition (RFC 6266), its last segment; `undefined` when there is none that can be used. */
export function fileNameOf(answer: Answer): string | undefined {
  const header = headerOf(answer, 'content-disposition');
  if (header === undefined) return undefined;
  let given: string | undefined;
  try {
    given = parseDisposition(header).parameters.filename;
  } catch (error) {
    // Malformed, as many are: then it is no hint.
    if (!(error instanceof TypeError)) throw error;
  }
  return safeFileName(given ?? '') || undefined;
}
