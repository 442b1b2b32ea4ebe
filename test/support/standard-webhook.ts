// A receiver's side of Standard Webhooks, written from its specification 1.0.0 alone: nothing here is shared with the sender.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Seconds that a timestamp may lie beside the receiver's clock. */
const TOLERANCE_SECONDS = 300;

/** Whether the message is signed by `secret` (`whsec_<base64>`), and not too old or too new for `nowMs`. */
export function isSignedBy(secret: string, headers: IncomingHttpHeaders, body: string, nowMs: number): boolean {
  const [id, timestamp, signatures] = ['id', 'timestamp', 'signature'].map((name) => headers[`webhook-${name}`]);
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') return false;
  if (!/^\d+$/.test(timestamp) || Math.abs(nowMs / 1_000 - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`, 'utf8').digest();
  return signatures.split(' ').some((entry) => {
    const [version, text = ''] = entry.split(',', 2);
    const given = Buffer.from(text, 'base64');
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  });
}
