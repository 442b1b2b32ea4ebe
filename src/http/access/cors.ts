// Cross-origin reads, off unless origins are configured. Only pages of those origins may read answers; credentials are
// never allowed across origins, so the protected operations stay out of their reach.
import type { RequestHandler, Response } from 'express';

/** Answer headers that are ours and that a page may want to read. */
const EXPOSED =
  'ETag, Repr-Digest, X-Proofsheet-Match, X-Proofsheet-Placeholder, X-Proofsheet-Shown, X-Proofsheet-Format-Ignored, X-Request-Id, Retry-After, Accept-Ranges, Content-Range';
/** Seconds a browser may keep the answer to its preflight. */
const PREFLIGHT_MAX_AGE_SECONDS = 600;

/**
 * Middleware for these origins (`*` for any); answers preflights itself by passing on to OPTIONS. `withTokens`: pages may
 * send API tokens, which are theirs to send; credentials that a browser adds by itself stay out.
 */
export function createCors(origins: readonly string[], withTokens: () => boolean): RequestHandler {
  const allowed = new Set(origins);
  const headers = 'Content-Type, Content-Digest, Repr-Digest, Range, Accept, If-None-Match, If-Range';
  return (request, response, next) => {
    const { origin } = request.headers;
    // The answer differs by origin even when there is none: a shared cache has to know.
    response.vary('Origin');
    if (origin !== undefined && (allowed.has('*') || allowed.has(origin))) {
      response.setHeader('Access-Control-Allow-Origin', allowed.has('*') ? '*' : origin);
      response.setHeader('Access-Control-Expose-Headers', EXPOSED);
      if (request.method === 'OPTIONS') {
        response.setHeader('Access-Control-Allow-Methods', 'GET, HEAD, POST, PUT');
        response.setHeader('Access-Control-Allow-Headers', withTokens() ? `${headers}, Authorization` : headers);
        response.setHeader('Access-Control-Max-Age', String(PREFLIGHT_MAX_AGE_SECONDS));
      }
    }
    next();
  };
}

/** What pages of any origin may send where any may read: an `Accept` with a profile (IIIF), a part, what they have already, a token. */
const READING_HEADERS = 'Accept, Authorization, If-None-Match, If-Range, Range';

/** Completes the answer to a preflight where every origin may read; those of allowed origins have theirs already. */
export function allowReading(response: Response): void {
  if (response.getHeader('Access-Control-Allow-Origin') !== '*' || response.hasHeader('Access-Control-Allow-Headers'))
    return;
  response.setHeader('Access-Control-Allow-Methods', 'GET, HEAD');
  response.setHeader('Access-Control-Allow-Headers', READING_HEADERS);
  response.setHeader('Access-Control-Max-Age', String(PREFLIGHT_MAX_AGE_SECONDS));
}
