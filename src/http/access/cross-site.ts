// Whether a browser sends a request for a page of another origin. Such a page needs nobody's leave for a form or a plain fetch: what
// changes something has to ask. Free of Express.
import type { IncomingMessage } from 'node:http';

/**
 * True for a page of another origin, also of a sibling domain; false for our own pages, for what somebody typed, and for
 * clients that are no browsers, which send neither header (Fetch Metadata; Origin for browsers before it).
 */
export function isCrossSite({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const { origin } = headers;
  if (origin === undefined) return false;
  return URL.canParse(origin) ? new URL(origin).host !== headers.host : true;
}

/** The same, but for pages of `origins` (`*`: any), which are allowed to. */
export function isForbiddenSite(request: Pick<IncomingMessage, 'headers'>, origins: readonly string[]): boolean {
  if (!isCrossSite(request)) return false;
  const { origin } = request.headers;
  return !(origins.includes('*') || (origin !== undefined && origins.includes(origin)));
}
