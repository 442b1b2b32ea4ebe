// When the server is so far behind that new conversions are better sent away before they are received. Pure.
import { ProofsheetError } from '../../kernel/errors.js';

/** 0 sets no limit. */
export interface StrainLimits {
  readonly shedQueueAgeMs: number;
  readonly shedEventLoopLagMs: number;
}

export interface Strain {
  /** How long the oldest conversion has waited. */
  readonly queueAgeMs: number;
  readonly eventLoopLagMs: number;
}

/** An event loop that was held up is usually free again after this. */
const LAG_RETRY_SECONDS = 1;
/** Beyond it the advice is a guess, and clients should look at another server. */
const MAX_RETRY_SECONDS = 60;

/** The failure of uploads that need a conversion, or `undefined` while they can be taken. */
export function strainOf(limits: StrainLimits, now: Strain): ProofsheetError | undefined {
  if (limits.shedQueueAgeMs > 0 && now.queueAgeMs > limits.shedQueueAgeMs) {
    // What waits now has waited so long; it is through when about as much time has passed again.
    const retryAfterSeconds = Math.min(MAX_RETRY_SECONDS, Math.ceil(now.queueAgeMs / 1_000));
    return overloaded('conversions wait too long already', retryAfterSeconds);
  }
  if (limits.shedEventLoopLagMs > 0 && now.eventLoopLagMs > limits.shedEventLoopLagMs)
    return overloaded('the server is too busy to take new images', LAG_RETRY_SECONDS);
  return undefined;
}

function overloaded(why: string, retryAfterSeconds: number): ProofsheetError {
  return new ProofsheetError('overloaded', `${why}; send this one again in ${retryAfterSeconds} s`, {
    retryAfterSeconds,
  });
}
