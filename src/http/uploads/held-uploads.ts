// Uploads that wait in memory for what becomes of them: what is known already by its digest needs no file, and what is not gets one then.
// Bounded in all, so that many of them, or slow ones, cost no more memory; those for whom there is no room go to a file at once.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { parseDigest } from '../../kernel/digest.js';
import { releaseMemory } from '../../kernel/release-memory.js';
import type { Upload } from '../../previews/answers.js';

/** Of all that are held or received: four photographs of a good camera. */
const MAX_BYTES = 32 * 2 ** 20;
const MAX_BYTES_OF_ONE = 8 * 2 ** 20;
/**
 * Hashed in one go, half a millisecond of it: a body that is hashed between its reads, chunk by chunk, costs a fifth more
 * of the processor for reading and hashing together.
 */
const HASHED_BYTES = 2 ** 20;

export class HeldUploads {
  private free = MAX_BYTES;

  /** Whether one of so many bytes may be held; then it counts until it is released, or taken and released. */
  reserve(bytes: number): boolean {
    if (!(bytes > 0) || bytes > MAX_BYTES_OF_ONE || bytes > this.free) return false;
    this.free -= bytes;
    return true;
  }

  release(bytes: number): void {
    this.free += bytes;
  }

  /** All of `stream`, which has at most the `reserved` bytes; on failure nothing is held. */
  async take(stream: Readable, reserved: number): Promise<Upload> {
    const hash = createHash('sha256');
    const chunks: Buffer[] = [];
    let unhashed: Buffer[] = [];
    let hashedBytes = 0;
    let bytes = 0;
    let isHeld = true;
    let writing = 0;
    const hashWhatCame = (): void => {
      for (const chunk of unhashed) hash.update(chunk);
      unhashed = [];
      hashedBytes = bytes;
    };
    const free = (): void => {
      // What the system still writes of it is not to be taken from it.
      if (!isHeld && writing === 0) releaseMemory(...chunks.splice(0));
    };
    const release = (): void => {
      if (isHeld) this.release(reserved);
      isHeld = false;
      free();
    };
    const placeAt = async (path: string): Promise<void> => {
      writing++;
      try {
        await write(path, chunks);
      } finally {
        writing--;
        free();
      }
    };
    try {
      await new Promise<void>((resolve, reject) => {
        stream.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          unhashed.push(chunk);
          bytes += chunk.length;
          if (bytes - hashedBytes >= HASHED_BYTES) hashWhatCame();
        });
        stream.once('end', resolve);
        stream.once('error', reject);
        // Every body closes; an error with its stack costs more than the hash of a small one.
        stream.once('close', () => {
          if (!stream.readableEnded) reject(new Error('expected a body that ends, got one that was cut off'));
        });
      });
      hashWhatCame();
      const digest = parseDigest(hash.digest('hex'));
      if (digest === undefined) throw new Error('expected SHA-256 to be 64 hex characters');
      return { path: '', digest, bytes, held: { placeAt, release } };
    } catch (error) {
      release();
      throw error;
    }
  }
}

async function write(path: string, chunks: readonly Buffer[]): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    const total = chunks.reduce((sum, { length }) => sum + length, 0);
    const { bytesWritten } = await file.writev([...chunks]);
    // A disk that is full takes a part, and says so of the next byte.
    if (bytesWritten < total) await file.write(Buffer.concat(chunks).subarray(bytesWritten));
  } finally {
    await file.close();
  }
}
