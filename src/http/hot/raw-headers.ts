// What a prepared answer needs of a request's headers, straight from `rawHeaders`. Must not touch `headers`: Node builds that
// object when it is first asked for, which costs as much as the rest of a hit.
import type { IncomingMessage } from 'node:http';
import type { Conditions } from '../replies/conditional.js';
import { UNCONDITIONAL } from '../replies/image-response.js';

/** The one `Authorization` header; `undefined` for none and for several. */
export function authorizationOf({ rawHeaders }: IncomingMessage): string | undefined {
  let found: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() !== 'authorization') continue;
    if (found !== undefined) return undefined;
    found = rawHeaders[index + 1];
  }
  return found;
}

/** The `Accept` of the request, several as one list (RFC 9110, section 5.3). */
export function acceptOf({ rawHeaders }: IncomingMessage): string | undefined {
  let found: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length !== 6 || name.toLowerCase() !== 'accept') continue;
    found = found === undefined ? rawHeaders[index + 1] : `${found}, ${rawHeaders[index + 1]}`;
  }
  return found;
}

/**
 * Conditions of the request, `undefined` when it has none, or `not-for-us` when it is unusual in another way. Reads
 * `rawHeaders`, because building `headers` costs as much as the rest of a hit.
 */
export function rawConditionsOf(request: IncomingMessage): Conditions | undefined | 'not-for-us' {
  const { rawHeaders } = request;
  let conditions: { -readonly [name in keyof Conditions]: Conditions[name] } | undefined;
  let hasHost = false;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const field = FIELDS_BY_LENGTH[rawHeaders[index]?.length ?? 0];
    if (field === undefined) continue;
    const name = rawHeaders[index]?.toLowerCase();
    if (name === 'host') {
      // Two are refused, with an answer that says why.
      if (hasHost) return 'not-for-us';
      hasHost = true;
    }
    // A GET with a body, or one that waits for 100 Continue, is for the slow way to sort out. Java's client says of every GET
    // that it has none.
    else if (name === 'content-length') {
      if (rawHeaders[index + 1] !== '0') return 'not-for-us';
    } else if (name === 'transfer-encoding' || name === 'expect') return 'not-for-us';
    else if (field !== 'other' && name === FIELD_NAMES[field]) {
      conditions ??= { ...UNCONDITIONAL };
      // The same condition twice: the slow way knows how the two are joined.
      if (conditions[field] !== undefined) return 'not-for-us';
      conditions[field] = rawHeaders[index + 1];
    }
  }
  return hasHost ? conditions : 'not-for-us';
}

const FIELD_NAMES = {
  ifNoneMatch: 'if-none-match',
  ifModifiedSince: 'if-modified-since',
  ifRange: 'if-range',
  range: 'range',
} as const satisfies Record<keyof Conditions, string>;

/** Which field a header of this length may be; all others are passed over by their length alone. */
const FIELDS_BY_LENGTH: readonly (keyof Conditions | 'other' | undefined)[] = fieldsByLength();

function fieldsByLength(): (keyof Conditions | 'other' | undefined)[] {
  const table: (keyof Conditions | 'other' | undefined)[] = [];
  for (const name of ['host', 'expect', 'content-length', 'transfer-encoding']) table[name.length] = 'other';
  for (const field of Object.keys(FIELD_NAMES) as (keyof Conditions)[]) table[FIELD_NAMES[field].length] = field;
  return table;
}
