// What the operators' routes have in common: an admin's login, and the library that they answer from.
import { ProofsheetError } from '../../../kernel/errors.js';
import type { LibraryUse } from '../../../library/answers.js';
import type { RouteRules, UseCases } from '../route.js';

const OF_OPERATORS = { opensTo: 'admin', effort: 'administers' } as const;

export const WATCHING = {
  ...OF_OPERATORS,
  verbs: ['GET', 'HEAD'],
  body: 'none',
} as const satisfies Partial<RouteRules>;
export const CHANGING = { ...OF_OPERATORS, verbs: ['POST'], body: 'none' } as const satisfies Partial<RouteRules>;

/** Throws `protected-operation-disabled` where there is none. */
export function libraryOf({ library }: UseCases): LibraryUse {
  if (library !== undefined) return library;
  throw new ProofsheetError('protected-operation-disabled', 'there is no library until tenants are configured');
}

/** ISO 8601, UTC. */
export function timeOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
