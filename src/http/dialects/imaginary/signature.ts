// The `sign` of a URL, as imaginary's clients make it: HMAC-SHA256 over its path and all of its query but the signature, sorted. Pure.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { wrong } from './parameters.js';
import { WithStatus } from './remote.js';

/** Of SHA-256, in bytes. */
const LENGTH = 32;

/**
 * Throws unless `target`, a path with its query, is signed with `key`: over the path that clients of the main port see, or the one below
 * `mount`, which is what they see on a port of its own.
 */
export function checkSign(target: string, mount: string, key: string): void {
  const [path = '', query = ''] = splitAt(target, '?');
  const values = new URLSearchParams(query);
  const given = values.get('sign') ?? '';
  if (!/^[A-Za-z0-9_-]+$/.test(given)) throw wrong('expected sign, a signature in base64url without padding');
  values.delete('sign');
  values.sort();
  const decoded = decodeURI(path);
  const paths = [decoded, ...(decoded.startsWith(`${mount}/`) ? [decoded.slice(mount.length)] : [])];
  const signature = Buffer.from(given, 'base64url');
  const holds = paths.map((each) => {
    const due = createHmac('sha256', key).update(each).update(formOf(values)).digest();
    return signature.length === LENGTH && timingSafeEqual(signature, due);
  });
  if (!holds.includes(true))
    throw new WithStatus(403, 'unauthorized', 'expected the signature of this URL, got another');
}

/** As Go writes a query: percent-encoded, but for letters, digits, `-`, `_`, `.`, `~`, and `+` for a blank. */
function formOf(values: URLSearchParams): string {
  const encoded = (text: string): string =>
    encodeURIComponent(text)
      .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
      .replace(/%20/g, '+');
  return [...values].map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join('&');
}

function splitAt(text: string, mark: string): readonly [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
