// A shared tier that is away is an outage of that tier, not of the answer: how the use cases tell it from other failures.
import { ProofsheetError } from '../kernel/errors.js';

export function isUnreachable(error: unknown): error is ProofsheetError {
  return error instanceof ProofsheetError && error.code === 'shared-tier-unreachable';
}

/** The answer of `step`, or `undefined` while the shared tier is away. */
export async function unlessUnreachable<T>(step: Promise<T>): Promise<T | undefined> {
  try {
    return await step;
  } catch (error) {
    if (isUnreachable(error)) return undefined;
    throw error;
  }
}
