// What of a request format was passed over, as a header of the answer: whoever wrote the format can see it, and nobody else
// has to. Pure.
import type { HeaderPairs } from '../../replies/headers.js';

/** The header's name; its value is a list of strings (RFC 9651). */
export const IGNORED_HEADER = 'X-Proofsheet-Format-Ignored';

const NOTHING: HeaderPairs = [];

/** No header when nothing was passed over. Whatever a header cannot hold is written as "?". */
export function ignoredHeaders(ignored: readonly string[]): HeaderPairs {
  if (ignored.length === 0) return NOTHING;
  return [[IGNORED_HEADER, ignored.map(quoted).join(', ')]];
}

function quoted(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
}
