// Secrets as an operator writes them down, and what is kept of them: admin passwords, API tokens, keys of signed URLs.
// Texts in, values out; a message about a malformed one never repeats it. Knows no configuration and no HTTP.
import { createHash } from 'node:crypto';
import { type Context, parseContext } from './image-key.js';

/** Cost parameters of scrypt (RFC 7914): memory is 128 x cost x blockSize bytes. */
export interface ScryptCost {
  /** N: a power of two, 2^10 to 2^20. */
  readonly cost: number;
  /** r, 1 to 32. */
  readonly blockSize: number;
  /** p, 1 to 16. */
  readonly parallelization: number;
}

/** A password as it is kept: plain ones as their SHA-256, so that comparing takes one time for all lengths. */
export type StoredPassword =
  | { readonly kind: 'plain'; readonly digest: Buffer }
  | ({ readonly kind: 'scrypt'; readonly salt: Buffer; readonly hash: Buffer } & ScryptCost);

/** Opens uploads and reads; kept as the SHA-256 of the token only. */
export interface ApiToken {
  readonly digest: Buffer;
  /** The contexts it is bound to; `undefined` means all. */
  readonly contexts: ReadonlySet<Context> | undefined;
}

/** Signs URLs; several stand side by side while one replaces the other. */
export interface UrlKey {
  readonly id: string;
  readonly secret: string;
}

/** A hash may not make one login cost more memory than this. */
export const MAX_SCRYPT_BYTES = 256 * 1024 * 1024;

const SCRYPT_PREFIX = 'scrypt:';
const SCRYPT = /^scrypt:([0-9]{1,7}):([0-9]{1,2}):([0-9]{1,2}):([A-Za-z0-9+/]+={0,2}):([A-Za-z0-9+/]+={0,2})$/;
const MIN_SALT_BYTES = 8;
const MIN_HASH_BYTES = 16;
const TOKEN = /^[A-Za-z0-9._~+/-]{16,512}={0,2}$/;
const URL_KEY = /^([A-Za-z0-9._-]{1,64}):([\x21-\x2b\x2d-\x7e]{16,512})$/;

/** A plain password, or `scrypt:N:r:p:salt:hash` with base64 salt and hash. Throws `TypeError` for a malformed hash. */
export function parsePassword(text: string): StoredPassword {
  if (!text.startsWith(SCRYPT_PREFIX)) return { kind: 'plain', digest: sha256(text) };
  const [, n, r, p, saltText, hashText] = SCRYPT.exec(text) ?? [];
  const [cost, blockSize, parallelization] = [Number(n), Number(r), Number(p)];
  const salt = Buffer.from(saltText ?? '', 'base64');
  const hash = Buffer.from(hashText ?? '', 'base64');
  const isPowerOfTwo = Number.isInteger(Math.log2(cost)) && cost >= 2 ** 10 && cost <= 2 ** 20;
  const inRange = blockSize >= 1 && blockSize <= 32 && parallelization >= 1 && parallelization <= 16;
  if (!isPowerOfTwo || !inRange || 128 * cost * blockSize > MAX_SCRYPT_BYTES)
    throw new TypeError(
      'expected scrypt:N:r:p:salt:hash with N a power of two of 2^10 to 2^20, r of 1 to 32, p of 1 to 16 and at most 256 MiB',
    );
  if (salt.length < MIN_SALT_BYTES || hash.length < MIN_HASH_BYTES || hash.length > 64)
    throw new TypeError('expected scrypt:N:r:p:salt:hash with a salt of 8 bytes or more and a hash of 16 to 64 bytes');
  return { kind: 'scrypt', cost, blockSize, parallelization, salt, hash };
}

/** The text that `parsePassword` reads. */
export function scryptText({ cost, blockSize, parallelization }: ScryptCost, salt: Buffer, hash: Buffer): string {
  return `${SCRYPT_PREFIX}${cost}:${blockSize}:${parallelization}:${salt.toString('base64')}:${hash.toString('base64')}`;
}

/**
 * `TOKEN` for all contexts, or `TOKEN:CONTEXT|CONTEXT` for these alone, each context percent-encoded as in a URL;
 * `TOKEN:` is for the default context. Throws `TypeError`.
 */
export function parseApiToken(text: string): ApiToken {
  const colon = text.indexOf(':');
  const token = colon < 0 ? text : text.slice(0, colon);
  if (!TOKEN.test(token))
    throw new TypeError('expected a token of 16 to 512 letters, digits and . _ ~ + / - (as RFC 6750 has them)');
  const digest = tokenDigest(token);
  if (colon < 0) return { digest, contexts: undefined };
  return {
    digest,
    contexts: new Set(
      text
        .slice(colon + 1)
        .split('|')
        .map(decodeContext),
    ),
  };
}

/** What is kept of a token, and what a presented one is compared by. */
export function tokenDigest(token: string): Buffer {
  return sha256(token);
}

/** `ID:SECRET`: an id of letters, digits and . _ -, a secret of 16 or more visible ASCII characters but the comma. Throws `TypeError`. */
export function parseUrlKey(text: string): UrlKey {
  const [, id, secret] = URL_KEY.exec(text) ?? [];
  if (id === undefined || secret === undefined)
    throw new TypeError(
      'expected ID:SECRET, an id of 1 to 64 letters, digits and . _ - and a secret of 16 to 512 visible characters without comma',
    );
  return { id, secret };
}

/** Seals records in a store that others may write to; without a secret it is a mere checksum. */
export interface RecordKey {
  readonly secret: string | undefined;
}

/** 16 to 512 visible ASCII characters but the comma, or `unsealed` for no key. Throws `TypeError`. */
export function parseRecordKey(text: string): RecordKey {
  if (text === 'unsealed') return { secret: undefined };
  if (!/^[!-+\--~]{16,512}$/.test(text))
    throw new TypeError('expected a secret of 16 to 512 visible characters without comma, or unsealed');
  return { secret: text };
}

function decodeContext(text: string): Context {
  try {
    return parseContext(decodeURIComponent(text));
  } catch {
    throw new TypeError('expected the contexts of a token percent-encoded as in a URL, each of at most 256 characters');
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
