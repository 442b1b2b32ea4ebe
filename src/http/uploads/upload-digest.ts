// The digests an upload may name for itself (RFC 9530: Content-Digest, Repr-Digest), on the request or on the file's part,
// and whether they hold. Pure.
import { type Digest, parseDigest } from '../../kernel/digest.js';
import { ProofsheetError } from '../../kernel/errors.js';

const DIGEST_HEADERS = ['content-digest', 'repr-digest'] as const;

/** The SHA-256 digests that these headers name; other algorithms are ignored. Throws `digest-mismatch` for a malformed one. */
export function namedDigests(headers: Readonly<Record<string, string | string[] | undefined>>): readonly Digest[] {
  return DIGEST_HEADERS.flatMap((name) => {
    const value = headers[name];
    if (value === undefined) return [];
    return [value].flat().flatMap((text) => sha256Members(text));
  });
}

/**
 * Throws `digest-mismatch` unless every named digest holds. One on the part is of the source. One on the request is of
 * the whole body by the letter of RFC 9530; what clients mostly mean is the source they send, so either is right.
 */
export function checkDigests(
  onRequest: readonly Digest[],
  onPart: readonly Digest[],
  source: Digest,
  body: Digest | undefined,
): void {
  const holds =
    onPart.every((named) => named === source) && onRequest.every((named) => named === source || named === body);
  if (holds) return;
  throw new ProofsheetError(
    'digest-mismatch',
    'expected an upload with the SHA-256 that its Content-Digest or Repr-Digest names, got other bytes; send it again',
  );
}

/** The MD5 that `Content-MD5` (RFC 1864) names, as 32 hex characters. Throws `digest-mismatch` for a malformed one. */
export function namedMd5(headers: Readonly<Record<string, string | string[] | undefined>>): string | undefined {
  const value = headers['content-md5'];
  if (value === undefined) return undefined;
  const base64 = typeof value === 'string' && /^[A-Za-z0-9+/]{22}==$/.test(value.trim()) ? value.trim() : undefined;
  if (base64 !== undefined) return Buffer.from(base64, 'base64').toString('hex');
  throw new ProofsheetError('digest-mismatch', 'expected Content-MD5 as 24 characters of base64, got a malformed one');
}

/** Throws `digest-mismatch` unless what was named holds. */
export function checkMd5(named: string | undefined, md5: string | undefined): void {
  if (named === undefined || named === md5) return;
  throw new ProofsheetError(
    'digest-mismatch',
    'expected an upload with the MD5 that its Content-MD5 names, got other bytes; send it again',
  );
}

/** The `sha-256` members of a structured dictionary such as `sha-256=:<base64>:, sha-512=:...:`. */
function sha256Members(text: string): Digest[] {
  return text
    .split(',')
    .map((member) => member.trim())
    .filter((member) => /^sha-256\s*=/i.test(member))
    .map((member) => {
      const base64 = /^sha-256=:([A-Za-z0-9+/]{43}=):$/i.exec(member)?.[1];
      const digest = base64 && parseDigest(Buffer.from(base64, 'base64').toString('hex'));
      if (digest) return digest;
      throw new ProofsheetError(
        'digest-mismatch',
        'expected a digest like sha-256=:<44 characters of base64>:, got a malformed one',
      );
    });
}
