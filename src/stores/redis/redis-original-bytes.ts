// Originals in Redis, beside the blobs of the cache but without a time to live, so that a server that evicts what has one (volatile-lru)
// leaves them. In pieces, because one large value would hold up everybody else.
import { createReadStream } from 'node:fs';
import type { OriginalBytes, OriginalPlace } from '../original-bytes.js';
import type { Link } from './link.js';
import type { Session } from './session.js';

const PIECE_BYTES = 1 << 20;
/** On top of a call's deadline: what the slowest network we mean needs, 20 MB/s. */
const BYTES_PER_MS = 20_000;
/** Keys removed in one go. */
const REMOVED_AT_ONCE = 64;

export class RedisOriginalBytes implements OriginalBytes {
  /** `bulk`: the connection with Buffer replies. */
  constructor(
    private readonly session: Session,
    private readonly bulk: Link,
  ) {}

  async put({ digest, place }: OriginalPlace, path: string, bytes: number): Promise<void> {
    const { keys, deadlines } = this.session;
    const deadlineMs = deadlines.setMs + PIECE_BYTES / BYTES_PER_MS;
    let [piece, length] = [0, 0];
    for await (const chunk of createReadStream(path, { highWaterMark: PIECE_BYTES }) as AsyncIterable<Buffer>) {
      const key = keys.piece(digest, place, piece++);
      await this.bulk.send(key, ['SET', key, chunk], deadlineMs);
      length += chunk.length;
    }
    if (length !== bytes) throw new Error(`expected an original of ${bytes} bytes, got ${length}`);
    // Last: whoever finds it finds all pieces.
    const head = keys.pinned(digest, place);
    await this.bulk.send(head, ['SET', head, String(bytes)], deadlines.setMs);
  }

  async remove(at: OriginalPlace): Promise<void> {
    const { keys, deadlines } = this.session;
    const { digest, place } = at;
    // One whose head was never written has pieces all the same: they are looked for until there is none.
    const head = keys.pinned(digest, place);
    await this.bulk.send(head, ['UNLINK', head], deadlines.setMs);
    for (let from = 0; ; from += REMOVED_AT_ONCE) {
      const pieces = Array.from({ length: REMOVED_AT_ONCE }, (_, n) => keys.piece(digest, place, from + n));
      const removed = await this.bulk.send(pieces[0] as string, ['UNLINK', ...pieces], deadlines.setMs);
      if (Number(removed) < REMOVED_AT_ONCE) return;
    }
  }

  async length({ digest, place }: OriginalPlace): Promise<number | undefined> {
    const { keys, deadlines } = this.session;
    const head = keys.pinned(digest, place);
    const text = await this.bulk.send(head, ['GET', head], deadlines.getMs);
    const bytes = text === null ? Number.NaN : Number(String(text));
    return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
  }

  async *pieces({ digest, place }: OriginalPlace, start: number, end: number): AsyncGenerator<Buffer> {
    const { keys, deadlines } = this.session;
    const deadlineMs = deadlines.getMs + PIECE_BYTES / BYTES_PER_MS;
    for (let piece = Math.floor(start / PIECE_BYTES); piece * PIECE_BYTES < end; piece++) {
      const key = keys.piece(digest, place, piece);
      const bytes = await this.bulk.send(key, ['GET', key], deadlineMs);
      if (!Buffer.isBuffer(bytes)) return;
      yield bytes.subarray(Math.max(0, start - piece * PIECE_BYTES), Math.max(0, end - piece * PIECE_BYTES));
    }
  }
}
