// What a failed request to an S3-compatible service means: away, full, absent, or refused. Knows no blobs.
import { ProofsheetError } from '../../kernel/errors.js';
import { type SharedFailure, sharedTierError } from '../backend-errors.js';

/** Codes that services use when nothing more fits in; they have no common one. */
const FULL = /^(?:QuotaExceeded|InsufficientStorage|InsufficientCapacity|XMinioStorageFull|EntityTooLarge)$/;
const THROTTLED =
  /^(?:SlowDown|ServiceUnavailable|RequestTimeout|RequestLimitExceeded|Throttling\w*|TooManyRequests\w*)$/;

/** Faults of a local file that is sent or written: the service is not to blame. */
const LOCAL = new Set([
  ...['ENOSPC', 'EDQUOT', 'EFBIG', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EACCES', 'EROFS', 'EISDIR', 'EIO'],
  ...['EMFILE', 'ENFILE'],
]);

export type S3Failure = SharedFailure | 'absent';

/** Sorts an error of the client; what is neither an answer of the service nor a fault of ours counts as `away`. */
export function failureOf(error: unknown): S3Failure {
  const { name, status } = answerOf(error);
  // Of ours: the service has answered, and would answer the next attempt alike.
  if (error instanceof ProofsheetError || error instanceof TypeError || error instanceof RangeError) return 'refused';
  if (error instanceof Error && 'code' in error && LOCAL.has(String(error.code))) return 'refused';
  if (FULL.test(name) || status === 507) return 'full';
  if (status === undefined || status === 429 || status >= 500 || THROTTLED.test(name)) return 'away';
  return status === 404 && name !== 'NoSuchBucket' ? 'absent' : 'refused';
}

/** The error that callers of the port see. */
export function asPortError(error: unknown): ProofsheetError {
  const failure = failureOf(error);
  return sharedTierError(failure === 'absent' ? 'refused' : failure, error);
}

/** Code and status of an answer; no status where there was none. */
export function answerOf(error: unknown): { readonly name: string; readonly status: number | undefined } {
  if (!(error instanceof Error)) return { name: '', status: undefined };
  const { $metadata } = error as { readonly $metadata?: { readonly httpStatusCode?: number } };
  return { name: error.name, status: $metadata?.httpStatusCode };
}
