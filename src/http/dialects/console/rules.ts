// The use cases that the console answers from.
import { ProofsheetError } from '../../../kernel/errors.js';
import type { Operators } from '../../../previews/operators.js';
import type { UseCases } from '../route.js';

/** Throws `unsupported-request` where nothing is watched. */
export function operatorsOf({ operators }: UseCases): Operators {
  if (operators !== undefined) return operators;
  throw new ProofsheetError('unsupported-request', 'expected a server that is watched');
}
