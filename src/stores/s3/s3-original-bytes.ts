// Originals of the library on an S3-compatible service, under a prefix of their own below that of the blobs: what searches for blobs that
// nobody needs passes them over, since their names are no digests, and nothing evicts them.
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import type { Digest } from '../../kernel/digest.js';
import type { OriginalBytes, OriginalPlace } from '../original-bytes.js';
import type { S3Objects } from './s3-objects.js';

/** Behind the prefix of the blobs; the service's own rules can name it. */
export const ORIGINALS_PREFIX = 'originals/';
/** Asked for at once: each request has its deadline, and who reads slowly holds up none. */
const PIECE_BYTES = 4 << 20;
/** Files up to this size are read at once, larger ones go as a stream, which cannot be sent again by the client itself. */
const IN_MEMORY_BYTES = 4 << 20;
/** More of them wait here, before their deadlines begin, instead of in the client, where they would not be sent in time. */
const PUTS_AT_ONCE = 16;

export class S3OriginalBytes implements OriginalBytes {
  private readonly putting = new Set<Promise<void>>();

  /** `objects`: those under the originals' prefix. */
  constructor(private readonly objects: S3Objects) {}

  async put({ digest, place }: OriginalPlace, path: string, bytes: number): Promise<void> {
    while (this.putting.size >= PUTS_AT_ONCE) await Promise.race(this.putting);
    const put = this.putNow(digest, place, path, bytes);
    const over = put.catch(() => undefined).then(() => void this.putting.delete(over));
    this.putting.add(over);
    await put;
  }

  private async putNow(digest: Digest, place: string, path: string, bytes: number): Promise<void> {
    if (bytes > IN_MEMORY_BYTES)
      return this.objects.put(digest, bytes, () => createReadStream(path, { highWaterMark: 1 << 18 }), place);
    const body = await readFile(path);
    await this.objects.put(digest, bytes, () => body, place);
  }

  length({ place }: OriginalPlace): Promise<number | undefined> {
    return this.objects.lengthOf(place);
  }

  async *pieces({ place }: OriginalPlace, start: number, end: number): AsyncGenerator<Buffer> {
    for (let from = start; from < end; from += PIECE_BYTES) {
      const part = { start: from, bytes: Math.min(PIECE_BYTES, end - from) };
      const piece = await this.objects.get(
        place,
        part.bytes,
        (body, _, signal) => readUpTo(body, part.bytes, signal),
        part,
      );
      if (piece === undefined || piece.length === 0) return;
      yield piece;
      if (piece.length < part.bytes) return;
    }
  }

  remove({ place }: OriginalPlace): Promise<void> {
    return this.objects.delete(place);
  }
}

async function readUpTo(body: Readable, bytes: number, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of addAbortSignal(signal, body) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    // A service that knows no ranges sends all of it.
    if (length >= bytes) break;
  }
  return Buffer.concat(chunks).subarray(0, bytes);
}
