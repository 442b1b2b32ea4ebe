// Signed URLs: what is signed, how, and whether a signature holds. Pure; the format is part of the contract (docs/SECURITY.md).
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { UrlKey } from '../../kernel/credentials.js';
import { ProofsheetError } from '../../kernel/errors.js';
import type { Context } from '../../kernel/image-key.js';
import { queryValue } from '../url-query.js';

/** In front of everything that is signed, so that no signature of another kind can ever be taken for one of these. */
const VERSION = 'proofsheet-url-v1';
/** As it stands in the query. */
const EXACT = 'match=exact';

/** What a signature stands for: one path in one context until one moment, by whatever verb. */
export interface SignedTarget {
  /** The operation's name and the decoded segments behind it, e.g. `['getImage', 'a key', 'auto:800x800']`. */
  readonly path: readonly string[];
  readonly context: Context;
  /** Unix time in seconds; from then on the URL is not valid any more. */
  readonly expires: number;
  /** The URL asks for the very format: signed for best match it does not. */
  readonly isExact?: boolean;
}

/** The four lines under the signature, and a fifth of an exact one, without a line end after the last. */
export function signedText({ path, context, expires, isExact = false }: SignedTarget): string {
  const lines = [VERSION, `/${path.map(percentEncoded).join('/')}`, percentEncoded(context), String(expires)];
  return [...lines, ...(isExact ? [EXACT] : [])].join('\n');
}

/** base64url (RFC 4648, without padding) of the HMAC-SHA256 under the key's secret: 43 characters. */
export function signatureOf(target: SignedTarget, key: UrlKey): string {
  return createHmac('sha256', key.secret).update(signedText(target), 'utf8').digest('base64url');
}

/** Path and query of a signed URL below the base path, e.g. `/getImage/key/auto:800x800?expires=...`. */
export function signedPath(target: SignedTarget, key: UrlKey): string {
  const context = target.context === '' ? '' : `context=${percentEncoded(target.context)}&`;
  const path = target.path.map(percentEncoded).join('/');
  const match = target.isExact ? `${EXACT}&` : '';
  const query = `${match}expires=${target.expires}&kid=${percentEncoded(key.id)}&signature=${signatureOf(target, key)}`;
  return `/${path}?${context}${query}`;
}

/** Whether the URL carries any part of a signature. */
export function isSigned(url: string): boolean {
  return /[?&](?:signature|kid|expires)=/.test(url);
}

/**
 * Checks the signature in `url` and returns the Unix ms until which it holds. Throws `unauthorized`, saying what is
 * missing, wrong or over; and `invalid-image-key` for a parameter given twice.
 */
export function checkSignature(
  url: string,
  target: Omit<SignedTarget, 'expires' | 'isExact'>,
  keys: readonly UrlKey[],
  nowMs: number,
): number {
  const [expiresText, id, signature] = ['expires', 'kid', 'signature'].map((name) => queryValue(url, name) ?? '');
  if (!/^[0-9]{1,12}$/.test(expiresText ?? '') || !id || !signature)
    throw refused('expected expires (Unix seconds), kid and signature in the query, got not all of them');
  const key = keys.find((candidate) => candidate.id === id);
  if (key === undefined) throw refused('expected the kid of a key that is in use, got another; ask for a new URL');
  const expires = Number(expiresText);
  const right = Buffer.from(signatureOf({ ...target, expires, isExact: queryValue(url, 'match') === 'exact' }, key));
  const given = Buffer.from(signature);
  if (given.length !== right.length || !timingSafeEqual(given, right))
    throw refused('expected a signature of this very path, context and time, got another one');
  // Only a URL that was ours once is told that its time is over.
  if (nowMs >= expires * 1_000) throw refused('this signed URL has expired; ask for a new one');
  return expires * 1_000;
}

function refused(message: string): ProofsheetError {
  return new ProofsheetError('unauthorized', message);
}

/** RFC 3986: everything but the unreserved characters, in upper-case hex, whatever a client wrote. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
