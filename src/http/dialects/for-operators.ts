// What the dialects of operators have in common: an admin's login, and how they read a limit and tell a time.
import { ProofsheetError } from '../../kernel/errors.js';
import type { RouteRules } from './route.js';

const OF_ADMINS = { opensTo: 'admin', effort: 'administers' } as const;

export const WATCHING = { ...OF_ADMINS, body: 'none', verbs: ['GET', 'HEAD'] } as const satisfies Partial<RouteRules>;
export const CHANGING = { ...OF_ADMINS, body: 'none', verbs: ['POST'] } as const satisfies Partial<RouteRules>;
/** Changes what its body says. */
export const TELLING = { ...CHANGING, body: 'json' } as const satisfies Partial<RouteRules>;

/** What `limit` says in a query: 1 to `most`; `usual` without one. */
export function limitIn(text: string | undefined, usual: number, most: number): number {
  const limit = text === undefined ? usual : Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= most) return limit;
  throw new ProofsheetError('invalid-request-format', `expected a limit of 1 to ${most}, got another value`);
}

/** ISO 8601, UTC. */
export function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** The same; `null` for what was never. */
export function timeOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : timeOf(ms);
}
