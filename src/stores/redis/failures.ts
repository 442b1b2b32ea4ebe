// What an error of the Redis client means: the server is away, it is full, or it answered that the request was wrong.
import { ProofsheetError } from '../../kernel/errors.js';

/** Whole seconds: a killed server is usually back, or replaced, by then. */
const RETRY_AFTER_SECONDS = 5;

/** Answers of a server that is there but cannot serve now: a failure, never a miss. */
const CANNOT_SERVE =
  /^(?:LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|READONLY|TRYAGAIN|NOAUTH|WRONGPASS|NOPERM|NOREPLICAS|MISCONF|MOVED|ASK|UNBLOCKED)\b/;

export type Failure = 'away' | 'full' | 'wrong-type' | 'refused';

/** Sorts an error of the client. Everything that is not an answer of the server counts as `away`. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return 'away';
  const message = error.message;
  if (/^OOM\b/.test(message)) return 'full';
  if (/WRONGTYPE/.test(message)) return 'wrong-type';
  if (CANNOT_SERVE.test(message)) return 'away';
  // Replies of the server begin with a code in capitals; errors of the socket, the queue and the deadline do not.
  return /^(?:ERR|NOSCRIPT|NOPROTO|EXECABORT|CROSSSLOT)\b/.test(message) ? 'refused' : 'away';
}

/** The error that callers of the ports see. */
export function asPortError(error: unknown): ProofsheetError {
  if (error instanceof ProofsheetError) return error;
  switch (failureOf(error)) {
    case 'away':
      return unreachable(error);
    case 'full':
      return new ProofsheetError('storage-full', 'the shared tier has no space left', { cause: error });
    case 'wrong-type':
    case 'refused':
      return new ProofsheetError('internal', 'the shared tier refused a request of ours', { cause: error });
  }
}

/** The shared tier cannot be asked, for the reason in `cause`. */
export function unreachable(cause?: unknown): ProofsheetError {
  return new ProofsheetError('shared-tier-unreachable', 'the shared tier cannot be reached; please try again', {
    ...(cause !== undefined && { cause }),
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}
