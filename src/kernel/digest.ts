// A digest names bytes: the SHA-256 of a source or a preview, in lower-case hex. Knows nothing of where bytes live.
import { hash } from 'node:crypto';

/** 64 lower-case hex characters: the SHA-256 (FIPS 180-4) of some bytes, and the name of their blob. */
export type Digest = string & { readonly __brand: 'Digest' };

const HEX_SHA256 = /^[0-9a-f]{64}$/;

/** The digest of `bytes`. */
export function digestOf(bytes: Uint8Array): Digest {
  return hash('sha256', bytes, 'hex') as Digest;
}

/** `text` as a digest, or `undefined` when it is not 64 lower-case hex characters. */
export function parseDigest(text: string): Digest | undefined {
  return HEX_SHA256.test(text) ? (text as Digest) : undefined;
}

/**
 * The identity of the same bytes within one scope: equal only for equal bytes in equal scopes, and no way back. For
 * records, never for blobs.
 */
export function scopedDigest(scope: string, digest: Digest): Digest {
  return digestOf(Buffer.from(`proofsheet-source\0${scope}\0${digest}`));
}

/** The digest as RFC 9530 writes it in `Repr-Digest` and `Content-Digest`: `sha-256=:<base64>:`. */
export function reprDigest(digest: Digest): string {
  return `sha-256=:${Buffer.from(digest, 'hex').toString('base64')}:`;
}
