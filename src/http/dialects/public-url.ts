// By which URL clients reach this server: what every dialect begins the absolute URLs in its answers with. The rule itself is the
// configuration's (src/dialect-settings.ts), and the same for all.

/**
 * Scheme, host and port, no slash at the end. `origin`: how the one that asks does, as it says; without one, as in what is told to a
 * receiver of webhooks, the server's own place.
 */
export type PublicUrl = (origin?: string) => string;

/** No server's name (RFC 6761, 6.4). */
const NOBODY = 'http://nobody.invalid';

/** Whether it is another one for whoever asks another way: then an answer that holds it is for those alone who ask by the same. */
export function isByRequest(publicUrl: PublicUrl): boolean {
  return publicUrl(NOBODY) === NOBODY;
}
