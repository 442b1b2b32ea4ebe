// From a named failure to its HTTP answer: the only place with the statuses and numeric codes of failures. Knows no sockets.
// (That a server is not ready is no failure of a request: 503 of /readyz stands with the probes.)
import { STATUS_CODES } from 'node:http';
import { asProofsheetError, type ErrorName, type ProofsheetError } from '../../kernel/errors.js';
import type { HeaderPairs } from './headers.js';

/** HTTP status and numeric code of a failure; both are part of the contract and never change their meaning. */
export interface ErrorCode {
  readonly status: number;
  readonly code: number;
}

/** Every failure of the use cases and of the edge. */
export const ERROR_CODES = {
  'invalid-image-key': { status: 400, code: 4001 },
  'invalid-request-format': { status: 400, code: 4002 },
  'missing-source-image': { status: 400, code: 4003 },
  'broken-upload': { status: 400, code: 4004 },
  'digest-mismatch': { status: 400, code: 4005 },
  unauthorized: { status: 401, code: 4010 },
  'protected-operation-disabled': { status: 403, code: 4030 },
  'blocked-content': { status: 403, code: 4031 },
  'unknown-image-key': { status: 404, code: 4040 },
  'unknown-operation': { status: 404, code: 4041 },
  'verb-not-allowed': { status: 405, code: 4050 },
  'upload-too-slow': { status: 408, code: 4080 },
  'source-too-large': { status: 413, code: 4130 },
  'source-limits-exceeded': { status: 413, code: 4131 },
  'source-type-refused': { status: 415, code: 4150 },
  'source-undecodable': { status: 422, code: 4220 },
  'over-quota': { status: 429, code: 4290 },
  internal: { status: 500, code: 5000 },
  'unsupported-request': { status: 501, code: 5010 },
  overloaded: { status: 503, code: 5030 },
  'shared-tier-unreachable': { status: 503, code: 5031 },
  'conversion-timeout': { status: 504, code: 5040 },
  'storage-full': { status: 507, code: 5070 },
} as const satisfies Record<ErrorName, ErrorCode>;

/** Failures of HTTP itself, below any operation; their messages are constant. */
export const PROTOCOL_ERRORS = {
  'malformed-request': {
    status: 400,
    code: 4000,
    message: 'expected an HTTP/1.1 request, got something else',
  },
  'missing-host': {
    status: 400,
    code: 4000,
    message: 'expected one Host header, got none or several',
  },
  'request-too-slow': {
    status: 408,
    code: 4080,
    message: 'the request did not arrive in time',
  },
  'range-not-satisfiable': {
    status: 416,
    code: 4160,
    message: 'expected a range inside the preview; Content-Range tells its size',
  },
  'unknown-host': {
    status: 421,
    code: 4210,
    message: 'expected a Host that this server answers to, got another; PROOFSHEET_ALLOWED_HOSTS names them',
  },
  'unknown-expectation': {
    status: 417,
    code: 4170,
    message: 'expected 100-continue or no Expect header, got another expectation',
  },
  'header-too-large': {
    status: 431,
    code: 4310,
    message: 'expected request line and headers of less than 16 KiB, got more',
  },
  'too-many-headers': {
    status: 431,
    code: 4310,
    message: 'expected at most 200 header lines, got more',
  },
} as const satisfies Record<string, ErrorCode & { readonly message: string }>;

export type ProtocolErrorName = keyof typeof PROTOCOL_ERRORS;

/** Seconds a client is asked to wait when a retryable failure names none. */
const DEFAULT_RETRY_AFTER_SECONDS = 1;

const RETRYABLE: ReadonlySet<ErrorName> = new Set(['over-quota', 'overloaded', 'shared-tier-unreachable']);

/** A failure as it is counted and logged, and as every dialect answers it but for its body. */
export interface Failure extends ErrorCode {
  readonly error: ProofsheetError;
  readonly headers: HeaderPairs;
}

/** A failure as it is sent. */
export interface RenderedFailure {
  readonly status: number;
  /** They replace those of JSON where they have the same names. */
  readonly headers: HeaderPairs;
  readonly body: string;
}

/** How failures are told in the words of a dialect. */
export type RenderFailure = (failure: Failure) => RenderedFailure;

/** What any thrown value is as a failure. */
export function failureOf(thrown: unknown): Failure {
  const error = asProofsheetError(thrown);
  const { status, code } = ERROR_CODES[error.code];
  const seconds = error.retryAfterSeconds ?? (RETRYABLE.has(error.code) ? DEFAULT_RETRY_AFTER_SECONDS : undefined);
  const headers: HeaderPairs = seconds === undefined ? [] : [['Retry-After', String(Math.max(1, Math.ceil(seconds)))]];
  return { error, status, code, headers };
}

/** What HTTP calls a status, e.g. `Not Found`. */
export function statusName(status: number): string {
  return STATUS_CODES[status] ?? 'Error';
}

/** `{"code":n,"message":"..."}`: where no dialect has other words. */
export const plainFailure: RenderFailure = ({ error, status, code, headers }) => ({
  status,
  headers,
  body: errorBody(code, error.message),
});

/** The body of a failure that is told plainly. */
export function errorBody(code: number, message: string): string {
  return JSON.stringify({ code, message });
}
