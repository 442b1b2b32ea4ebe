// Who asks, as Mediagraph's clients say it: a personal access token by basic authentication with an empty name, or a bearer token; and for
// which organisation. What a token may do is told by the names of things, each with `:read` or `:write`.
import type { Recognised, Scopes } from '../../../kernel/library/tenant.js';
import type { TenantRequest } from '../dialect.js';
import { MediagraphFailure } from './failures.js';

/** Answered without an organisation. */
export const WHOAMI = 'whoami';

/** Names that stand for several things. */
const GROUPS: Readonly<Record<string, string>> = {
  asset: 'assets',
  asset_data_version: 'assets',
  download: 'assets',
  upload: 'uploads',
  contribution: 'uploads',
};
/** Each of them alone opens everything. */
const EVERYTHING = ['read', 'write', 'public'];

/** As an `Authorization: Bearer`; a colon behind the scheme is meant well. */
export function credentialsOf({ authorization }: TenantRequest['headers']): string | undefined {
  if (authorization === undefined) return undefined;
  const [, basic] = /^Basic +([A-Za-z0-9+/_-]+={0,2}) *$/i.exec(authorization) ?? [];
  if (basic !== undefined) {
    const [, token] = /^:([^:]+)$/.exec(Buffer.from(basic, 'base64').toString('utf8')) ?? [];
    return token === undefined ? undefined : `Bearer ${token}`;
  }
  const [, token] = /^Bearer:? +(\S+) *$/i.exec(authorization) ?? [];
  return token === undefined ? undefined : `Bearer ${token}`;
}

/** Throws `MediagraphFailure` of what is missing or not allowed. */
export function admitTenant({ tenant, scopes }: Recognised, { route, verb, headers }: TenantRequest): void {
  const number = tenant.organizationNumber;
  if (number === undefined)
    throw new MediagraphFailure(
      'forbidden',
      'forbidden',
      'expected a token of an organization with a number, got another',
    );
  const asked = headers.organizationid;
  const isPat = /^Basic /i.test(headers.authorization ?? '');
  if (asked === undefined && isPat && route.name !== WHOAMI)
    throw new MediagraphFailure('malformed', 'organization_required', 'expected a header OrganizationId, got none');
  if (asked !== undefined && asked !== String(number))
    throw new MediagraphFailure(
      'forbidden',
      'forbidden',
      'expected the OrganizationId of an organization that the token is for',
    );
  if (route.scope === undefined || scopes === undefined) return;
  const [things = '', fixed] = route.scope.split(':');
  const need = fixed ?? (verb === 'GET' || verb === 'HEAD' ? 'read' : 'write');
  if (things.split('|').some((thing) => isGranted(scopes, thing, need))) return;
  throw new MediagraphFailure(
    'forbidden',
    'insufficient_scope',
    `expected a token with the scope ${things.split('|')[0]}:${need}, got one without it`,
    { reason: 'scope', required: `${things.split('|')[0]}:${need}` },
  );
}

function isGranted(scopes: Scopes, thing: string, need: string): boolean {
  if (scopes.size === 0 || EVERYTHING.some((word) => scopes.has(word))) return true;
  const names = [thing, GROUPS[thing]].filter((name) => name !== undefined);
  return names.some((name) => scopes.has(`${name}:write`) || (need === 'read' && scopes.has(`${name}:read`)));
}
