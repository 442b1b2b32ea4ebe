// Signed texts: JSON Web Signatures in their compact form (RFC 7515) by Ed25519 (RFC 8037), so that whoever has the public key, and
// nobody of ours, can tell who wrote a receipt and that it is unchanged.
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** The public half as a JSON Web Key (RFC 7517). */
export interface PublicJwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  readonly kid: string;
  readonly use: 'sig';
  readonly alg: 'EdDSA';
}

/** `key`: a private or public one of Ed25519. Its id is the thumbprint of RFC 7638. */
export function publicJwk(key: KeyObject): PublicJwk {
  const { x = '' } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' });
  const kid = createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest('base64url');
  return { kty: 'OKP', crv: 'Ed25519', x, kid, use: 'sig', alg: 'EdDSA' };
}

/** `typ`: what kind of text it is, so that no other text by the same key passes for it. */
export function signedText(typ: string, text: string, key: KeyObject): string {
  const header = JSON.stringify({ alg: 'EdDSA', typ, kid: publicJwk(key).kid });
  const signed = `${base64url(header)}.${base64url(text)}`;
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`;
}

/** The text, or `undefined` where it was not signed as `typ` by the owner of `key`. */
export function verifiedText(typ: string, jws: string, key: KeyObject): string | undefined {
  const [head, body, signature, ...more] = jws.trim().split('.');
  if (head === undefined || body === undefined || signature === undefined || more.length > 0) return undefined;
  if (!isHeader(head, typ)) return undefined;
  const isRight = verify(null, Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'));
  return isRight ? Buffer.from(body, 'base64url').toString('utf8') : undefined;
}

function isHeader(encoded: string, typ: string): boolean {
  try {
    const header = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8')) as Readonly<Record<string, unknown>>;
    return header?.alg === 'EdDSA' && header.typ === typ;
  } catch {
    return false;
  }
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
