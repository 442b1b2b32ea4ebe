// What the routes of administration have in common: what they read of a request, and the use cases that they answer from.

import { type Digest, parseDigest } from '../../../kernel/digest.js';
import { ProofsheetError } from '../../../kernel/errors.js';
import type { Takedown } from '../../../previews/takedown/answers.js';
import type { UseCases } from '../route.js';

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
