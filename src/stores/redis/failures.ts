// What an error of the Redis client means: the server is away, it is full, or it answered that the request was wrong.
import type { ProofsheetError } from '../../kernel/errors.js';
import { type SharedFailure, sharedTierError } from '../backend-errors.js';
import { withoutArguments } from './troubles.js';

/** Answers of a server that is there but cannot serve now: a failure, never a miss. */
const CANNOT_SERVE =
  /^(?:LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|READONLY|TRYAGAIN|NOAUTH|WRONGPASS|NOPERM|NOREPLICAS|MISCONF|MOVED|ASK|UNBLOCKED)\b/;

export type Failure = SharedFailure | 'wrong-type';

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
  const failure = failureOf(error);
  return sharedTierError(failure === 'wrong-type' ? 'refused' : failure, withoutArguments(error));
}
