// How Mediagraph tells a failure: `{error, message}`, and of a field that is wrong `errors` beside them. Statuses are those by which its
// clients decide whether to come again.
import { type ErrorName, ProofsheetError } from '../../../kernel/errors.js';
import { ERROR_CODES, type Failure, type RenderedFailure } from '../../replies/error-map.js';

/** What is wrong, as far as a status tells it. */
type Kind = 'malformed' | 'forbidden' | 'not-found' | 'conflict' | 'unprocessable';

/** A failure with a code of this dialect's own. */
export class MediagraphFailure extends ProofsheetError {
  constructor(
    readonly kind: Kind,
    /** Snake case. */
    readonly error: string,
    message: string,
    /** What stands in the body beside them. */
    readonly more: Readonly<Record<string, unknown>> = {},
  ) {
    super(CODES[kind], message);
  }
}

/** How each is counted. */
const CODES = {
  malformed: 'invalid-request-format',
  forbidden: 'protected-operation-disabled',
  'not-found': 'unknown-image-key',
  conflict: 'invalid-request-format',
  unprocessable: 'invalid-request-format',
} as const satisfies Record<Kind, ErrorName>;

/** Where that is not the one of what it is counted as. */
const STATUSES: Readonly<Partial<Record<Kind, number>>> = {
  conflict: 409,
  unprocessable: ERROR_CODES['source-undecodable'].status,
};

/** A body or a query with a field that is wrong. */
export function invalid(field: string, what: string): MediagraphFailure {
  return new MediagraphFailure('unprocessable', 'invalid', `${field} ${what}`, { errors: { [field]: [what] } });
}

/** What is not there, and what is another organisation's, look the same. */
export function notFound(what = 'asset'): MediagraphFailure {
  return new MediagraphFailure(
    'not-found',
    'not_found',
    `expected ${/^[aeiou]/.test(what) ? 'an' : 'a'} ${what} of this organization, got none`,
  );
}

export function failureBody({ error, status, headers }: Failure): RenderedFailure {
  const own = error instanceof MediagraphFailure ? error : undefined;
  const body = { error: own?.error ?? error.code.replaceAll('-', '_'), message: error.message, ...own?.more };
  return { status: (own && STATUSES[own.kind]) ?? status, headers, body: JSON.stringify(body) };
}
