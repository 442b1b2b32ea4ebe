// What the routes of administration have in common: an admin's login, and what they read of a request.

import { type Digest, parseDigest } from '../../../kernel/digest.js';
import { ProofsheetError } from '../../../kernel/errors.js';
import type { Takedown } from '../../../previews/takedown/answers.js';
import { queryValue } from '../../url-query.js';
import type { RouteRules, Target, UseCases } from '../route.js';

const OF_ADMINS = { opensTo: 'admin', effort: 'administers' } as const;

export const WATCHING = { ...OF_ADMINS, body: 'none', verbs: ['GET', 'HEAD'] } as const satisfies Partial<RouteRules>;
export const TELLING = { ...OF_ADMINS, body: 'json', verbs: ['POST'] } as const satisfies Partial<RouteRules>;
export const CHANGING = { ...OF_ADMINS, body: 'none', verbs: ['POST'] } as const satisfies Partial<RouteRules>;

/** Throws `unsupported-request` where nothing can be taken down. */
export function takedownOf({ takedown }: UseCases): Takedown {
  if (takedown !== undefined) return takedown;
  throw new ProofsheetError('unsupported-request', 'expected a server that takes down');
}

/** A body as an object. Throws `invalid-request-format`. */
export function objectOf(body: unknown, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new ProofsheetError('invalid-request-format', 'expected a JSON object');
  const unknown = Object.keys(body).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new ProofsheetError('invalid-request-format', `expected ${known.join(', ')} at most, got another name`);
  return body as Readonly<Record<string, unknown>>;
}

export function digestIn(text: unknown): Digest {
  const digest = typeof text === 'string' ? parseDigest(text) : undefined;
  if (digest !== undefined) return digest;
  throw new ProofsheetError(
    'invalid-image-key',
    'expected a content as 64 lower-case hex digits: the SHA-256 of a source',
  );
}

/** 1 to `most`; `usual` without one. */
export function limitIn({ url }: Target, usual: number, most: number): number {
  const text = queryValue(url, 'limit');
  const limit = text === undefined ? usual : Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= most) return limit;
  throw new ProofsheetError('invalid-request-format', `expected a limit of 1 to ${most}, got another value`);
}
