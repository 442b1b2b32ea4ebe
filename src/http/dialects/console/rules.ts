// What the console's routes have in common: an admin's login, and the use cases that they answer from.
import { ProofsheetError } from '../../../kernel/errors.js';
import type { Operators } from '../../../previews/operators.js';
import type { RouteRules, UseCases } from '../route.js';

const OF_OPERATORS = { opensTo: 'admin', effort: 'administers', body: 'none' } as const;

export const WATCHING = { ...OF_OPERATORS, verbs: ['GET', 'HEAD'] } as const satisfies Partial<RouteRules>;
export const CHANGING = { ...OF_OPERATORS, verbs: ['POST'] } as const satisfies Partial<RouteRules>;

/** Throws `unsupported-request` where nothing is watched. */
export function operatorsOf({ operators }: UseCases): Operators {
  if (operators !== undefined) return operators;
  throw new ProofsheetError('unsupported-request', 'expected a server that is watched');
}

/** ISO 8601, UTC. */
export function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
