// The errors that callers of a shared backend see, whatever it is made of. What a backend's own errors mean, its folder says.
import { ProofsheetError } from '../kernel/errors.js';

/** Whole seconds: what was killed, restarts or throttles is usually back, or replaced, by then. */
const RETRY_AFTER_SECONDS = 5;

/** Why a request to a shared backend failed: it cannot serve now, has no space left, or answered that the request was wrong. */
export type SharedFailure = 'away' | 'full' | 'refused';

/** The port's error for `failure`, with the backend's own as its cause; one that is a port's error already stays as it is. */
export function sharedTierError(failure: SharedFailure, cause: unknown): ProofsheetError {
  if (cause instanceof ProofsheetError) return cause;
  switch (failure) {
    case 'away':
      return unreachable(cause);
    case 'full':
      return new ProofsheetError('storage-full', 'the shared tier has no space left', { cause, elsewhere: true });
    case 'refused':
      return new ProofsheetError('internal', 'the shared tier refused a request of ours', { cause });
  }
}

/** The shared tier cannot be asked, for the reason in `cause`. */
export function unreachable(cause?: unknown): ProofsheetError {
  return new ProofsheetError('shared-tier-unreachable', 'the shared tier cannot be reached; please try again', {
    ...(cause !== undefined && { cause }),
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}
