// Requests that ask for another protocol (`Upgrade: h2c` of Java's client, `websocket`) are answered as what they are. Node's parser
// takes what comes behind such a request for the other protocol, so it tells nobody of garbage there, and reads it for as long as a
// request's headers may take: what comes is counted here instead.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

const HEADER = 'upgrade';

/** To be told of every request as it begins. `onGarbage` is called whenever more than `maxBytes` came behind one without being a request. */
export function createUpgradeWatch(
  maxBytes: number,
  onGarbage: (socket: Socket) => void,
): (request: IncomingMessage) => void {
  const watched = new Map<Socket, () => void>();

  function watch(request: IncomingMessage, socket: Socket): void {
    let bytes = 0;
    // The piece that ends the request is not behind it; the first may be all of it, which is known once it has been read.
    let isBehind = false;
    process.nextTick(() => {
      isBehind = request.complete;
    });
    const count = (piece: Buffer): void => {
      if (isBehind) bytes += piece.length;
      isBehind = request.complete;
      // What still comes once the answer to it is out is no news.
      if (bytes > maxBytes && socket.writable) onGarbage(socket);
    };
    const end = (): void => {
      watched.delete(socket);
      socket.off('data', count).off('close', end);
    };
    watched.set(socket, end);
    // This takes a connection out of the parser's own reading, which costs a little: only those that ask for it.
    socket.on('data', count).once('close', end);
  }

  return (request) => {
    if (watched.size > 0) watched.get(request.socket)?.();
    if (asksForUpgrade(request)) watch(request, request.socket);
  };
}

/** Lengths first: every request is looked at. */
function asksForUpgrade({ rawHeaders }: IncomingMessage): boolean {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === HEADER.length && name.toLowerCase() === HEADER) return true;
  }
  return false;
}
