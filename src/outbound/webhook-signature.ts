// The headers by which a receiver knows who sends a webhook: Standard Webhooks 1.0, signed by its own library.
import { Webhook } from 'standardwebhooks';

/** `whsec_` and base64; whatever else a receiver was told is a key as it is. */
const STANDARD_SECRET = /^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * The headers of one attempt at `atMs` (Unix): id, time, and a signature by each secret, so that a receiver that knows only the old
 * or only the new one of a rotation takes it. Without secrets there is no signature.
 */
export function webhookHeaders(
  id: string,
  atMs: number,
  body: string,
  secrets: readonly string[],
): Readonly<Record<string, string>> {
  const at = new Date(atMs);
  const signatures = secrets.map((secret) => signerOf(secret).sign(id, at, body));
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(atMs / 1_000)),
    ...(signatures.length > 0 && { 'webhook-signature': signatures.join(' ') }),
  };
}

function signerOf(secret: string): Webhook {
  // As bytes, because the library takes each character of a text for one.
  return STANDARD_SECRET.test(secret) ? new Webhook(secret) : new Webhook(Buffer.from(secret), { format: 'raw' });
}
