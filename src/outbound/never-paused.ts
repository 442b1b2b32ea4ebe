// A body of undici that is read on whatever its reader does. Of an answer after which its host closes the connection, undici 7 ends the
// process by an assertion that nobody can catch when that comes while such a body is paused (its issue 5360, mended in 8, which needs a
// newer Node).
import type { Readable } from 'node:stream';
import { DeadlinePassed } from './network-faults.js';

/** What may have come before its reader has taken it, in bytes: a disk would have to fall that far behind a host. */
export const MAX_AHEAD_BYTES = 32 * 1024 * 1024;

/** To be called before more of `body` comes than `MAX_AHEAD_BYTES`; more than that waiting for its reader ends it with `DeadlinePassed`. */
export function neverPaused(body: Readable): void {
  const push = body.push.bind(body);
  body.push = (chunk: unknown, encoding?: BufferEncoding) => {
    const isWanted = push(chunk, encoding);
    // The end of it, or no more is taken.
    if (chunk === null || body.destroyed) return isWanted;
    if (body.readableLength > MAX_AHEAD_BYTES) body.destroy(new DeadlinePassed('more came than was written in time'));
    return true;
  };
}
