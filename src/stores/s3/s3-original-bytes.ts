// Originals of the library on an S3-compatible service, under a prefix of their own below that of the blobs: what searches for blobs that
// nobody needs passes them over, since their names are no digests, and nothing evicts them.
import { createReadStream } from 'node:fs';
import { addAbortSignal, type Readable } from 'node:stream';
import type { OriginalBytes, OriginalPlace } from '../original-bytes.js';
import type { S3Objects } from './s3-objects.js';

/** Behind the prefix of the blobs; the service's own rules can name it. */
export const ORIGINALS_PREFIX = 'originals/';
/** Asked for at once: each request has its deadline, and who reads slowly holds up none. */
const PIECE_BYTES = 4 << 20;

export class S3OriginalBytes implements OriginalBytes {
  /** `objects`: those under the originals' prefix. */
  constructor(private readonly objects: S3Objects) {}

  async put({ digest, place }: OriginalPlace, path: string, bytes: number): Promise<void> {
    await this.objects.put(digest, bytes, () => createReadStream(path, { highWaterMark: 1 << 18 }), place);
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
