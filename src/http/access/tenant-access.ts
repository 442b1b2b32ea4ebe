// Who asks, where only tenants may: by a bearer token of the tenants file, and what that token is for.
import { ProofsheetError } from '../../kernel/errors.js';
import { mayDo, type Recognised, type Tenant } from '../../kernel/library/tenant.js';
import type { Tenants } from '../../kernel/ports/tenants.js';
import { bearerOf } from './access.js';

/**
 * The tenant of this `Authorization`. Throws `protected-operation-disabled` where there are no tenants, or for a token that is not
 * for `scope`, and `unauthorized` for any other.
 */
export function tenantOf(
  tenants: Tenants | undefined,
  authorization: string | undefined,
  scope: string | undefined,
): Tenant {
  const recognised = recognisedBy(tenants, authorization);
  if (scope === undefined || mayDo(recognised, scope)) return recognised.tenant;
  throw new ProofsheetError(
    'protected-operation-disabled',
    `expected a token with the scope ${scope}, got one without it`,
  );
}

/** Whose `Authorization` it is, whatever it is for. Throws as `tenantOf` does. */
export function recognisedBy(tenants: Tenants | undefined, authorization: string | undefined): Recognised {
  if (tenants === undefined || tenants.isEmpty)
    throw new ProofsheetError(
      'protected-operation-disabled',
      'expected tenants, and none is configured: the library is shut until PROOFSHEET_TENANTS names a file with some',
    );
  const token = authorization === undefined ? undefined : bearerOf(authorization);
  const recognised = token === undefined ? undefined : tenants.byToken(token);
  if (recognised === undefined)
    throw new ProofsheetError(
      'unauthorized',
      token === undefined
        ? 'expected a header Authorization: Bearer TOKEN, got none'
        : 'expected the token of a tenant, got another',
    );
  return recognised;
}
