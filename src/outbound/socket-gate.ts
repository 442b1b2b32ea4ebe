// A socket that can be left unread, whoever reads it: of undici's sockets, where pausing a body would not do. Knows no HTTP.
import type { Duplex } from 'node:stream';

/** A socket as what reads it sees it: nothing comes while it is held. Its host fills what the system keeps of it, and waits. */
export interface Gate {
  hold(): void;
  goOn(): void;
}

let parsed: Gate | undefined;

/** Of the socket whose bytes are being parsed: undici parses what it has read at once, up to the `push` of the body that they are of. */
export function gateOfParsed(): Gate | undefined {
  return parsed;
}

/** To be called with each socket before undici has it. */
export function withGate<S extends Duplex>(socket: S): S {
  const read = socket.read.bind(socket);
  let isHeld = false;
  const gate: Gate = {
    hold() {
      isHeld = true;
    },
    goOn() {
      if (!isHeld) return;
      isHeld = false;
      // Not within a reader's own call. What there is by now was told of before, to no effect.
      setImmediate(() => !isHeld && !socket.destroyed && socket.emit('readable'));
    },
  };
  socket.read = (size?: number) => {
    if (isHeld) return null;
    parsed = gate;
    return read(size);
  };
  return socket;
}
