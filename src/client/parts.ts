// The parts of a multipart body as they arrive; each says its own length, as the server writes them.

export interface Part {
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

const HEAD_END = [13, 10, 13, 10];
/** A server that writes a longer head is none of ours. */
const MOST_HEAD_BYTES = 16_384;

/** Rejects when the body ends before its closing boundary: then there is more that did not arrive. */
export async function* partsOf(response: Response): AsyncGenerator<Part, void, undefined> {
  const boundary = /boundary="?([^";]+)"?/.exec(response.headers.get('Content-Type') ?? '')?.[1];
  if (boundary === undefined || response.body === null) throw new Error('expected a multipart answer, got another');
  const incoming = new Incoming(response.body.getReader());
  try {
    for (;;) {
      const line = text(await incoming.upTo([13, 10]));
      if (line === `--${boundary}--`) return;
      if (line !== `--${boundary}`) throw new Error('expected a part of a multipart answer, got something else');
      const headers = new Headers();
      for (const field of text(await incoming.upTo(HEAD_END)).split('\r\n')) {
        const colon = field.indexOf(':');
        headers.append(field.slice(0, colon), field.slice(colon + 1).trim());
      }
      const body = await incoming.take(Number(headers.get('Content-Length') ?? 0));
      await incoming.take(2);
      yield { headers, body };
    }
  } finally {
    await incoming.cancel();
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Bytes that have arrived and are not taken yet. */
class Incoming {
  private held: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  constructor(private readonly reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>) {}

  async take(length: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.held.length < length) await this.more(length);
    const taken = this.held.slice(0, length);
    this.held = this.held.subarray(length);
    return taken;
  }

  /** All in front of `mark`, which is taken too. */
  async upTo(mark: readonly number[]): Promise<Uint8Array> {
    for (let from = 0; ; ) {
      const at = this.indexOf(mark, from);
      if (at >= 0) return (await this.take(at + mark.length)).subarray(0, at);
      if (this.held.length > MOST_HEAD_BYTES) throw new Error('expected the head of a part, got more than one has');
      from = Math.max(0, this.held.length - mark.length + 1);
      await this.more(this.held.length + 1);
    }
  }

  cancel(): Promise<void> {
    return this.reader.cancel();
  }

  private indexOf(mark: readonly number[], from: number): number {
    const last = this.held.length - mark.length;
    for (let at = from; at <= last; at++) if (mark.every((byte, n) => this.held[at + n] === byte)) return at;
    return -1;
  }

  /** Until at least `length` are held. Copies each byte once, however small the pieces are in which it comes. */
  private async more(length: number): Promise<void> {
    const pieces = [this.held];
    let bytes = this.held.length;
    while (bytes < length) {
      const { done, value } = await this.reader.read();
      if (done) throw new Error('expected the rest of a multipart answer, got its end');
      pieces.push(value);
      bytes += value.length;
    }
    const joined = new Uint8Array(bytes);
    let at = 0;
    for (const piece of pieces) {
      joined.set(piece, at);
      at += piece.length;
    }
    this.held = joined;
  }
}
