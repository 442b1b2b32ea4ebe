// What HTTP/1.1 forbids and Node lets through: looked for once, before any operation sees the request. Free of Express.
import type { IncomingMessage } from 'node:http';
import type { ProtocolErrorName } from '../replies/error-map.js';

/**
 * Most header lines of a request. Node counts their bytes without separators, so 16 KiB hold 16,384 of them, and it drops
 * those beyond its own limit without a word: whoever sits in front of us would have seen others than we do.
 */
export const MAX_HEADER_LINES = 200;

/** The scheme and authority of an absolute-form target (RFC 9112, section 3.2.2), without user information. */
const ABSOLUTE_FORM = /^https?:\/\/[^/?#\\@]+(?=[/?]|$)/i;

/** A path parameter, up to the next one or the end of the segment. */
const SESSION_ID = /;jsessionid=[^/;]*/gi;

/** Whether a request may be answered without a look at its other rules; costs next to nothing. */
export function isPlain({ httpVersionMajor, rawHeaders }: IncomingMessage): boolean {
  return httpVersionMajor === 1 && rawHeaders.length <= 2 * MAX_HEADER_LINES;
}

/** What is wrong with the request as HTTP/1.1, if anything. */
export function faultOf(request: IncomingMessage): ProtocolErrorName | undefined {
  if (request.rawHeaders.length > 2 * MAX_HEADER_LINES) return 'too-many-headers';
  if (request.httpVersionMajor !== 1) return 'malformed-request';
  const hosts = hostsOf(request);
  if (hosts > 1 || (hosts === 0 && request.httpVersionMinor >= 1)) return 'missing-host';
  return originForm(request.url ?? '') === undefined ? 'malformed-request' : undefined;
}

/**
 * A request target as path and query: the absolute form, which proxies use, loses its scheme and authority. `undefined` for
 * other schemes, user information, and a fragment: no client sends one, and it would hide a query from one of two readers.
 */
export function originForm(target: string): string | undefined {
  if (target.includes('#')) return undefined;
  if (target.startsWith('/') || target === '*') return target;
  const origin = ABSOLUTE_FORM.exec(target)?.[0];
  if (origin === undefined) return undefined;
  const rest = target.slice(origin.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/**
 * The target with its path as it is meant: without empty segments, which a base URL with a slash at its end makes, and
 * without the session ids that Java clients hang on (`;jsessionid=...`). What is percent-encoded belongs to a name and stays.
 */
export function foldedTarget(target: string): string {
  const queryAt = target.indexOf('?');
  const path = queryAt < 0 ? target : target.slice(0, queryAt);
  const isMeant = !path.includes('//') && !path.includes(';') && !(path.endsWith('/') && path !== '/');
  if (isMeant) return target;
  const folded = path
    .replace(SESSION_ID, '')
    .replace(/\/{2,}/g, '/')
    .replace(/(?<=.)\/$/, '');
  return queryAt < 0 ? folded : folded + target.slice(queryAt);
}

/** Of several it is up to chance which one counts: RFC 9112, section 3.2, wants them refused. */
function hostsOf({ rawHeaders }: IncomingMessage): number {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) if (rawHeaders[index]?.toLowerCase() === 'host') hosts++;
  return hosts;
}
