// Memory of large buffers given back at once. V8 knows a buffer by its object of a hundred bytes, and comes to collect those when 64 MiB
// lie behind them: a server that only passes bodies on would keep so much of what it has passed on already.

/** What is sent there is nobody's any more, and freed. */
let nowhere: MessagePort | undefined;

/**
 * Frees the memory behind `views` and whatever else looks at it: all of them have length 0 then. Nobody may be reading or writing it,
 * the system least of all: a write of it has ended. What is as small as Node's pool may be a part of it, and is left alone. About 1.5 µs,
 * of many views less for each.
 */
export function releaseMemory(...views: readonly Uint8Array[]): void {
  const buffers = new Set<ArrayBuffer>();
  for (const { buffer } of views)
    if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffers.add(buffer);
  if (buffers.size === 0) return;
  nowhere ??= closedPort();
  nowhere.postMessage(undefined, [...buffers]);
}

/** By the HTML standard a port that is closed still takes over what it is given. */
function closedPort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port1.close();
  port2.close();
  return port1;
}
