// HTTP from below: requests as bytes on a socket, so that tests can send what no client library would.
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export class RawConnection {
  private received = Buffer.alloc(0);
  private ended = false;
  private wake: () => void = () => undefined;

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    socket.on('close', () => {
      this.ended = true;
      this.wake();
    });
    // Being reset is one of the things that is tested; the answers before it count.
    socket.on('error', () => undefined);
  }

  /** A connection to the server at `url`. */
  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RawConnection(socket);
  }

  send(bytes: Buffer | string): void {
    this.socket.write(bytes);
  }

  /** What came so far. */
  get text(): string {
    return this.received.toString('latin1');
  }

  /** Resolves when the server has closed the connection. */
  async closed(): Promise<void> {
    await this.until(() => this.ended);
  }

  /** Resolves when `text` has come. */
  async saw(text: string): Promise<void> {
    await this.until(() => this.text.includes(text) || this.ended);
    if (!this.text.includes(text))
      throw new Error(`expected ${JSON.stringify(text)}, got ${JSON.stringify(this.text)}`);
  }

  /** The next whole answer with a Content-Length (or none, then without a body). */
  async answer(): Promise<RawAnswer> {
    let parsed: (RawAnswer & { readonly length: number }) | undefined;
    await this.until(() => {
      parsed = parseAnswer(this.received);
      return parsed !== undefined || this.ended;
    });
    if (parsed === undefined) throw new Error(`expected an answer, got ${JSON.stringify(this.text)} and the end`);
    this.received = this.received.subarray(parsed.length);
    return parsed;
  }

  destroy(): void {
    this.socket.destroy();
  }

  private async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}

/** Sends `bytes` on a connection of their own and gives the first answer. */
export async function rawRequest(url: string, bytes: Buffer | string): Promise<RawAnswer> {
  const connection = await RawConnection.open(url);
  try {
    connection.send(bytes);
    return await connection.answer();
  } finally {
    connection.destroy();
  }
}

function parseAnswer(bytes: Buffer): (RawAnswer & { readonly length: number }) | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [statusLine = '', ...lines] = bytes.subarray(0, headEnd).toString('latin1').split('\r\n');
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const bodyLength = Number(headers.get('content-length') ?? 0);
  const start = headEnd + 4;
  if (bytes.length < start + bodyLength) return undefined;
  return {
    status: Number(statusLine.split(' ')[1]),
    headers,
    body: bytes.subarray(start, start + bodyLength).toString('utf8'),
    length: start + bodyLength,
  };
}
