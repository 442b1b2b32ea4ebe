// A body of undici that is never paused, and comes no faster than it is read all the same: its socket is left unread instead. Of an answer
// after which its host closes the connection, undici 7 ends the process by an assertion that nobody can catch when that comes while such a
// body is paused (its issue 5360, mended in 8, which needs a newer Node).
import type { Readable } from 'node:stream';
import { DeadlinePassed } from './network-faults.js';
import { type Gate, gateOfParsed } from './socket-gate.js';

/** What may come before its reader is known, in bytes. */
export const MAX_AHEAD_BYTES = 32 * 1024 * 1024;
/** More than that waiting for its reader leaves the socket unread ... */
const MUCH_BYTES = 4 * 1024 * 1024;
/** ... until no more than that does: soon, since undici takes what a slow disk makes of it for a silence of the host. */
const LESS_BYTES = MUCH_BYTES - 256 * 1024;

/**
 * To be called before more of `body` comes than `MAX_AHEAD_BYTES`, with a body whose socket has a gate. What its reader leaves for longer than
 * undici's own limit for a silence fails.
 */
export function neverPaused(body: Readable): void {
  const push = body.push.bind(body);
  const read = body.read.bind(body);
  let held: Gate | undefined;
  const goOn = (): void => {
    held?.goOn();
    held = undefined;
  };
  body.push = (chunk: unknown, encoding?: BufferEncoding) => {
    const isWanted = push(chunk, encoding);
    // The end of it, or no more is taken: what comes on this connection then is of somebody else.
    if (chunk === null || body.destroyed) {
      goOn();
      return isWanted;
    }
    if (body.readableLength > MUCH_BYTES) {
      held ??= gateOfParsed();
      held?.hold();
    }
    if (body.readableLength > MAX_AHEAD_BYTES) body.destroy(new DeadlinePassed('more came than was written in time'));
    return true;
  };
  body.read = (size?: number) => {
    const chunk: unknown = read(size);
    if (body.readableLength <= LESS_BYTES) goOn();
    return chunk;
  };
  body.once('close', goOn);
}
