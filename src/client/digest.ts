// SHA-256 by Web Crypto, and how digests are written.

const DIGITS = 16;

/** In hex. Reads all of `source` into memory. Rejects where a page has no Web Crypto: that of a secure origin alone has. */
export async function sha256Of(source: Blob): Promise<string> {
  if (!hasWebCrypto())
    throw new Error('expected Web Crypto, which pages have over https or on localhost alone; name a key and a digest');
  const digest = await crypto.subtle.digest('SHA-256', await source.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(DIGITS).padStart(2, '0')).join('');
}

export function hasWebCrypto(): boolean {
  return (crypto as { readonly subtle?: unknown }).subtle !== undefined;
}

/** As RFC 9530 has it: `sha-256=:<base64>:`. Throws a RangeError for what is no SHA-256 in hex. */
export function contentDigest(hex: string): string {
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new RangeError('expected a SHA-256 of 64 lower-case hex digits');
  const bytes = (hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, DIGITS));
  return `sha-256=:${btoa(String.fromCharCode(...bytes))}:`;
}
