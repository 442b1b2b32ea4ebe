// The negative cache as the use cases use it: what is remembered of a failed source, and when it is refused for it.
import type { Digest } from '../kernel/digest.js';
import { type ErrorName, ProofsheetError } from '../kernel/errors.js';
import type { Metrics } from '../kernel/ports/metrics.js';
import type { Refusals } from '../kernel/ports/refusals.js';
import { unlessUnreachable } from './unreachable.js';

/** A child that was killed or died, or a time that ran out, may be the machine's fault once; hardly twice. */
const STRIKES_WHEN_UNCERTAIN = 2;

const FAULTS_OF_SOURCE: ReadonlySet<ErrorName> = new Set([
  'source-undecodable',
  'source-limits-exceeded',
  'source-type-refused',
  'conversion-timeout',
]);

/** What a source fails with whatever is made of it. Time and memory are not: who says what to make says how much it takes. */
const FAULTS_OF_BYTES: ReadonlySet<ErrorName> = new Set(['source-undecodable', 'source-type-refused']);

/** Whether converting the same bytes again would most likely fail again. */
export function isFaultOfSource(error: unknown): error is ProofsheetError {
  return error instanceof ProofsheetError && FAULTS_OF_SOURCE.has(error.code);
}

/** The same for a picture of which the client said how it is to be drawn. */
export function isFaultOfBytes(error: unknown): error is ProofsheetError {
  return error instanceof ProofsheetError && FAULTS_OF_BYTES.has(error.code);
}

export class SourceRefusals {
  constructor(
    private readonly refusals: Refusals,
    private readonly metrics: Metrics,
  ) {}

  /** Throws what the source failed with before, if it is to be refused for that. */
  async check(source: Digest): Promise<void> {
    const refusal = await unlessUnreachable(this.refusals.find(source));
    if (refusal === undefined || !(refusal.certain || refusal.strikes >= STRIKES_WHEN_UNCERTAIN)) return;
    this.metrics.count('refusals_total', { error: refusal.code });
    throw new ProofsheetError(refusal.code, refusal.message);
  }

  /** The outcome of `convert`; a failure that `isItsFault` is noted before it is passed on. */
  async noting<T>(source: Digest, convert: () => Promise<T>, isItsFault = isFaultOfSource): Promise<T> {
    try {
      return await convert();
    } catch (error) {
      if (isItsFault(error)) {
        const { code, message, uncertain } = error;
        await unlessUnreachable(this.refusals.note(source, { code, message, certain: !uncertain }));
      }
      throw error;
    }
  }
}
