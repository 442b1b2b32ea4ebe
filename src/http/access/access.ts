// Who may upload and read, where that is restricted: API tokens bound to contexts, and signed URLs for reads. Without
// either configured everybody may, as in the original API. The protected operations are auth.ts's business.
import { timingSafeEqual } from 'node:crypto';
import { type ApiToken, tokenDigest, type UrlKey } from '../../kernel/credentials.js';
import { ProofsheetError } from '../../kernel/errors.js';
import type { Context } from '../../kernel/image-key.js';
import type { Clock } from '../../kernel/ports/clock.js';
import { checkSignature, isSigned } from './signed-url.js';

/** What opens an operation: a token, or a token or a signed URL. */
export type Opener = 'token' | 'token-or-signature';

/** What was asked, as far as access depends on it. */
export interface Asked {
  readonly opener: Opener;
  /** The operation's name and the decoded segments behind it. */
  readonly path: readonly string[];
  /** Path and query as sent. */
  readonly url: string;
  /** `undefined`: all contexts together, which only a token for all contexts opens. */
  readonly context: Context | undefined;
  /** The one `Authorization` header, if there is exactly one. */
  readonly authorization: string | undefined;
}

/** How long the URL alone is enough: Unix ms, or `undefined` when it is not, because a token opened. */
export interface Admission {
  readonly urlValidUntilMs: number | undefined;
}

/** What opens: tokens, and keys of signed URLs. */
export interface AccessKeys {
  readonly tokens: readonly ApiToken[];
  readonly urlKeys: readonly UrlKey[];
}

export interface Access {
  /** Nothing is restricted: `admit` never throws. */
  readonly isOpen: boolean;
  /** What it goes by now: another object once anything was replaced, and what was admitted before may not be admitted again. */
  readonly keys: AccessKeys;
  /** Throws `unauthorized` with a message that says what is missing, wrong or over. */
  admit(asked: Asked): Admission;
  /** Throws what `admit` would, in whatever context: who has nothing that opens anything need not send a body. */
  checkPresented(asked: Pick<Asked, 'opener' | 'url' | 'authorization'>): void;
  /** Whether this `Authorization` opens `context` by a token. */
  tokenAdmits(authorization: string | undefined, context: Context | undefined): boolean;
}

/** What an answered 401 names as the way in (RFC 6750). */
export const BEARER_CHALLENGE = 'Bearer realm="proofsheet"';

/** Everybody may, whatever they bring. */
export const UNRESTRICTED: Admission = { urlValidUntilMs: Number.POSITIVE_INFINITY };
const BY_TOKEN: Admission = { urlValidUntilMs: undefined };
const SCHEME = /^Bearer\b/i;
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]{1,512}={0,2}) *$/i;

/** The token of an `Authorization`; `undefined` when it is none. */
export function bearerOf(authorization: string): string | undefined {
  return BEARER.exec(authorization)?.[1];
}

/** `keys` is asked for every request, so that they can be replaced while the server runs. */
export function createAccess(keys: () => AccessKeys, clock: Clock): Access {
  function isOpen(): boolean {
    const { tokens, urlKeys } = keys();
    return tokens.length === 0 && urlKeys.length === 0;
  }

  function tokenOf(authorization: string): ApiToken | undefined {
    const presented = bearerOf(authorization);
    if (presented === undefined) return undefined;
    const digest = tokenDigest(presented);
    let found: ApiToken | undefined;
    // Every token is compared: time tells neither how much of one was right nor which one it was.
    for (const token of keys().tokens) if (timingSafeEqual(token.digest, digest)) found = token;
    return found;
  }

  function isSignable(opener: Opener): boolean {
    return opener === 'token-or-signature' && keys().urlKeys.length > 0;
  }

  function isBySignature({ opener, url, authorization }: Pick<Asked, 'opener' | 'url' | 'authorization'>): boolean {
    return !presentsToken(authorization) && isSignable(opener) && isSigned(url);
  }

  function knownToken(opener: Opener, authorization: string | undefined): ApiToken {
    if (!presentsToken(authorization))
      throw refused(
        `expected an API token as Authorization: Bearer${isSignable(opener) ? ', or a signed URL' : ''}, got none`,
      );
    const token = tokenOf(authorization);
    if (token === undefined) throw refused('expected a known API token as Authorization: Bearer, got another');
    return token;
  }

  function tokenAdmits(authorization: string | undefined, context: Context | undefined): boolean {
    const token = authorization === undefined ? undefined : tokenOf(authorization);
    return token !== undefined && isFor(token, context);
  }

  return {
    get isOpen() {
      return isOpen();
    },
    get keys() {
      return keys();
    },
    tokenAdmits,
    admit({ opener, path, url, context, authorization }) {
      if (isOpen()) return UNRESTRICTED;
      if (isBySignature({ opener, url, authorization }) && context !== undefined)
        return { urlValidUntilMs: checkSignature(url, { path, context }, keys().urlKeys, clock.now()) };
      if (!isFor(knownToken(opener, authorization), context))
        throw refused('expected an API token for this context, got one for others');
      return BY_TOKEN;
    },
    checkPresented(asked) {
      if (!isOpen() && !isBySignature(asked)) knownToken(asked.opener, asked.authorization);
    },
  };
}

function presentsToken(authorization: string | undefined): authorization is string {
  return authorization !== undefined && SCHEME.test(authorization);
}

function isFor(token: ApiToken, context: Context | undefined): boolean {
  return token.contexts === undefined || (context !== undefined && token.contexts.has(context));
}

function refused(message: string): ProofsheetError {
  return new ProofsheetError('unauthorized', message);
}
