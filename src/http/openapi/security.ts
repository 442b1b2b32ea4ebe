// How a document tells who may ask: the schemes, and which of them open a route.
import type { Dialect } from '../dialects/dialect.js';
import type { Route } from '../dialects/route.js';

export const SECURITY_SCHEMES = {
  admin: { type: 'http', scheme: 'basic', description: 'The admin’s name and password.' },
  token: {
    type: 'http',
    scheme: 'bearer',
    description: 'An API token, for one context, some or all; only where the server has any.',
  },
  signedUrlSignature: {
    type: 'apiKey',
    in: 'query',
    name: 'signature',
    description:
      'base64url of the HMAC-SHA256, under the key of `kid`, over four lines: `proofsheet-url-v1`, the path behind the mount, ' +
      'the context, and `expires`, path segments and context percent-encoded; with `match=exact` that is a fifth. `proofsheet sign-url` and the client make it.',
  },
  signedUrlExpires: {
    type: 'apiKey',
    in: 'query',
    name: 'expires',
    description: 'Unix time in seconds until which a signed URL holds.',
  },
  signedUrlKey: { type: 'apiKey', in: 'query', name: 'kid', description: 'The id of the key a URL is signed with.' },
} as const;

type Requirement = Readonly<Record<string, readonly string[]>>;

const NOBODY_IS_ASKED: Requirement = {};
const SIGNED_URL: Requirement = { signedUrlSignature: [], signedUrlExpires: [], signedUrlKey: [] };

/** Any of these opens `route`. */
export function securityOf(
  { name, securityScheme }: Dialect,
  { opensTo }: Route,
  isOpen: boolean,
): readonly Requirement[] {
  if (opensTo === 'everybody') return [];
  if (opensTo === 'tenant') return [{ token: [] }];
  if (opensTo === 'admin') return [{ admin: [] }];
  const token: Requirement = { [securityScheme === undefined ? 'token' : name]: [] };
  return [...(isOpen ? [NOBODY_IS_ASKED] : []), token, ...(opensTo === 'token-or-signature' ? [SIGNED_URL] : [])];
}
