// One command to a Redis server on this machine over a connection of its own, its reply as redis-cli prints it for programs. Starting
// redis-cli takes a hundred times as long, and tests ask servers until they are up.
import { connect } from 'node:net';

const PATIENCE_MS = 30_000;

/** Rejects for an error reply, for a server that is not there, and for one that does not answer in 30 s. */
export async function redisCommand(port: number, args: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error(`no answer to ${args[0]} in ${PATIENCE_MS} ms`)));
  try {
    socket.write(`*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`);
    let received = Buffer.alloc(0);
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]);
      const reply = replyAt(received, 0);
      if (reply !== undefined) return reply.text;
    }
    throw new Error(`the connection ended before the answer to ${args[0]}`);
  } finally {
    socket.destroy();
  }
}

interface Reply {
  readonly text: string;
  /** Of the byte behind it. */
  readonly end: number;
}

/** `undefined`: there is more of it to come. A reply of the protocol's second version, which servers speak unless told otherwise. */
function replyAt(bytes: Buffer, from: number): Reply | undefined {
  const lineEnd = bytes.indexOf('\r\n', from);
  if (lineEnd === -1) return undefined;
  const [kind, line] = [bytes.toString('latin1', from, from + 1), bytes.toString('utf8', from + 1, lineEnd)];
  const next = lineEnd + 2;
  switch (kind) {
    case '+':
    case ':':
      return { text: line, end: next };
    case '-':
      throw new Error(line);
    case '$': {
      const length = Number(line);
      if (length === -1) return { text: '', end: next };
      if (bytes.length < next + length + 2) return undefined;
      return { text: bytes.toString('utf8', next, next + length), end: next + length + 2 };
    }
    case '*':
      return listAt(bytes, next, Number(line));
    default:
      throw new Error(`expected a reply, got ${kind}${line}`);
  }
}

/** One element a line, those of lists in it too. */
function listAt(bytes: Buffer, from: number, length: number): Reply | undefined {
  const texts: string[] = [];
  let end = from;
  for (let n = 0; n < length; n++) {
    const reply = replyAt(bytes, end);
    if (reply === undefined) return undefined;
    texts.push(reply.text);
    end = reply.end;
  }
  return { text: texts.join('\n'), end };
}
