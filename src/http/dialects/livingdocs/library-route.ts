// What the routes of Livingdocs have in common: who may ask, and the library that they answer from.
import { ProofsheetError } from '../../../kernel/errors.js';
import type { LibraryUse } from '../../../library/answers.js';
import { READS, type RouteRules, type UseCases } from '../route.js';

type Rules = Omit<RouteRules, 'name' | 'path' | 'description'>;

/** Reading does not imply writing, nor the other way round. */
export const READING = { ...READS, opensTo: 'tenant', scope: 'public-api:read' } as const satisfies Rules;

export const WRITING = {
  verbs: ['POST'],
  opensTo: 'tenant',
  scope: 'public-api:write',
  body: 'json',
  effort: 'makes-anew',
} as const satisfies Rules;

/** Throws `protected-operation-disabled` where there is none. */
export function libraryOf({ library }: UseCases): LibraryUse {
  if (library === undefined || library.tenants.isEmpty)
    throw new ProofsheetError(
      'protected-operation-disabled',
      'expected tenants, and none is configured: the library is shut until PROOFSHEET_TENANTS names a file with some',
    );
  return library;
}
