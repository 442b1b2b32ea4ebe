// Signed URLs by Web Crypto, as docs/SECURITY.md describes them: for servers that hand out URLs, and never for pages, which
// would have to know the secret.

export interface SigningKey {
  /** The id of the key, as `PROOFSHEET_URL_KEYS` has it. */
  readonly id: string;
  readonly secret: string;
}

/** In front of everything that is signed. */
const VERSION = 'proofsheet-url-v1';
const EXACT = 'match=exact';

/**
 * The query that opens `path` (an operation and what stands behind it, decoded) in `context` until `expires`, Unix time in
 * seconds: `expires=...&kid=...&signature=...`, with the context where there is one. `isExact`: of the very format.
 */
export async function signedQuery(
  path: readonly string[],
  context: string,
  expires: number,
  key: SigningKey,
  isExact = false,
): Promise<string> {
  const lines = [VERSION, `/${path.map(percentEncoded).join('/')}`, percentEncoded(context), String(expires)];
  const text = [...lines, ...(isExact ? [EXACT] : [])].join('\n');
  const encoder = new TextEncoder();
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const secret = await crypto.subtle.importKey('raw', encoder.encode(key.secret), hmac, false, ['sign']);
  const signature = base64url(await crypto.subtle.sign('HMAC', secret, encoder.encode(text)));
  const narrowed = context === '' ? '' : `context=${percentEncoded(context)}&`;
  return `${narrowed}${isExact ? `${EXACT}&` : ''}expires=${expires}&kid=${percentEncoded(key.id)}&signature=${signature}`;
}

/** RFC 3986: everything but the unreserved characters. */
export function percentEncoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function base64url(bytes: ArrayBuffer): string {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}
