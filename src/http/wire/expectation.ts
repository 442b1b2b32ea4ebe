// Whether a client waits to be told to send its body (RFC 9110, section 10.1.1). One of HTTP/1.0 does not: it knows no answer before
// the answer, and takes `100 Continue` for that.
import type { IncomingMessage } from 'node:http';

/** What Node tells of by `checkContinue` and leaves to us. */
export function awaitsContinue({
  headers,
  httpVersionMajor,
  httpVersionMinor,
}: Pick<IncomingMessage, 'headers' | 'httpVersionMajor' | 'httpVersionMinor'>): boolean {
  return headers.expect !== undefined && (httpVersionMajor > 1 || httpVersionMinor >= 1);
}
