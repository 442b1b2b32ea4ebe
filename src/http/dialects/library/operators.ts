// The library that the operators' routes answer from.
import { ProofsheetError } from '../../../kernel/errors.js';
import type { LibraryUse } from '../../../library/answers.js';
import type { UseCases } from '../route.js';

/** Throws `protected-operation-disabled` where there is none. */
export function libraryOf({ library }: UseCases): LibraryUse {
  if (library !== undefined) return library;
  throw new ProofsheetError('protected-operation-disabled', 'there is no library until tenants are configured');
}
