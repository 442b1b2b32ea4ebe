// Which formats may be asked for exactly, beside the target formats: the rule by itself. Pure.
import { ProofsheetError } from './errors.js';
import type { Format } from './format.js';

/**
 * `off`: nobody's. `listed`: the target formats, and those on a list. `signed`: whatever a signed URL carries, or who brings an API token
 * asks for. `any`: whatever anybody asks for.
 */
export const EXACT_RULES = ['off', 'listed', 'signed', 'any'] as const;
export type ExactRule = (typeof EXACT_RULES)[number];

export interface ExactPolicy {
  readonly rule: ExactRule;
  /** Canonical texts of what `listed` lets through. */
  readonly formats: readonly string[];
}

/**
 * Throws `protected-operation-disabled` for what may not be asked for. With `signed` it is the access check that lets through: no URL is
 * signed for exact pictures unless its signature says so.
 */
export function checkExact({ rule, formats }: ExactPolicy, { text }: Format): void {
  if (rule === 'any' || rule === 'signed' || (rule === 'listed' && formats.includes(text))) return;
  throw new ProofsheetError(
    'protected-operation-disabled',
    rule === 'off'
      ? 'expected a request without match=exact, which is switched off here: see PROOFSHEET_EXACT'
      : 'expected match=exact with a target format or one of PROOFSHEET_EXACT_FORMATS, got another; PROOFSHEET_EXACT decides who may ask for others',
  );
}
