// The BlobStore port on an S3-compatible service. Bytes are checked against their digest both ways; a blob gets its mark in
// the catalog once it is stored, and loses it when it turns out to be gone.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { addAbortSignal, type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Digest, digestOf } from '../../kernel/digest.js';
import { ProofsheetError, wrongDigest } from '../../kernel/errors.js';
import type { BlobKind, BlobStore } from '../../kernel/ports/blobs.js';
import type { Logger } from '../../kernel/ports/logger.js';
import type { Metrics } from '../../kernel/ports/metrics.js';
import type { Slice } from '../../kernel/zoom/pyramid-index.js';
import type { BlobMarks } from '../blob-marks.js';
import type { S3Objects } from './s3-objects.js';

/** Files up to this size are read at once, larger ones go as a stream. */
const IN_MEMORY_BYTES = 4 << 20;
/** Of a preview, which is read into memory as a whole, and what a read is given time for. Larger ones are refused with `storage-full`. */
const MAX_PREVIEW_BYTES = 64 << 20;

export interface S3BlobStoreOptions {
  readonly objects: S3Objects;
  readonly marks: BlobMarks;
  /** The largest source that is stored; a copy of one has time for as much. */
  readonly maxSourceBytes: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onClose: () => void;
}

export class S3BlobStore implements BlobStore {
  readonly tier = 'shared';

  constructor(private readonly options: S3BlobStoreOptions) {}

  async get(digest: Digest): Promise<Buffer | undefined> {
    const bytes = await this.options.objects.get(digest, MAX_PREVIEW_BYTES, readAll);
    if (bytes !== undefined && digestOf(bytes) === digest) {
      this.options.marks.prolong(digest);
      return bytes;
    }
    await (bytes === undefined ? this.options.marks.remove(digest) : this.discard(digest));
    return undefined;
  }

  async slice({ of, start, bytes, digest }: Slice): Promise<Buffer | undefined> {
    const { objects, marks } = this.options;
    const range = { start, bytes };
    const found = await objects.get(of, bytes, (body, _, signal) => readUpTo(body, bytes, signal), range);
    if (found !== undefined && digestOf(found) === digest) {
      marks.prolong(of);
      return found;
    }
    await (found === undefined ? marks.remove(of) : this.discard(of));
    return undefined;
  }

  async put(digest: Digest, bytes: Buffer, kind: BlobKind): Promise<void> {
    checkReadable(bytes.length, kind);
    if (digestOf(bytes) !== digest) throw wrongDigest();
    await this.options.objects.put(digest, bytes.length, () => bytes);
    await this.options.marks.add(digest);
  }

  async putFile(digest: Digest, path: string, kind: BlobKind): Promise<void> {
    const { size } = await stat(path);
    checkReadable(size, kind);
    if (size <= IN_MEMORY_BYTES) return this.put(digest, await readFile(path), kind);
    if ((await hashOf(createReadStream(path))) !== digest) throw wrongDigest();
    await this.options.objects.put(digest, size, () => createReadStream(path, { highWaterMark: 1 << 18 }));
    await this.options.marks.add(digest);
  }

  async copyTo(digest: Digest, path: string): Promise<boolean> {
    let opened = false;
    try {
      const right = await this.options.objects.get(digest, this.options.maxSourceBytes, async (body, _, signal) => {
        const hash = createHash('sha256');
        const hashing = new Transform({
          transform(chunk: Buffer, _encoding, done) {
            hash.update(chunk);
            done(null, chunk);
          },
        });
        // A second attempt goes on with the file that the first one made.
        const file = createWriteStream(path, { flags: opened ? 'w' : 'wx' });
        file.once('open', () => {
          opened = true;
        });
        await pipeline(body, hashing, file, { signal });
        return hash.digest('hex') === digest;
      });
      if (right === true) {
        this.options.marks.prolong(digest);
        return true;
      }
      if (opened) await rm(path, { force: true });
      await (right === undefined ? this.options.marks.remove(digest) : this.discard(digest));
      return false;
    } catch (error) {
      if (opened) await rm(path, { force: true });
      throw error;
    }
  }

  has(digest: Digest): Promise<boolean> {
    return this.options.objects.has(digest);
  }

  async delete(digest: Digest): Promise<void> {
    await this.options.marks.remove(digest);
    await this.options.objects.delete(digest);
  }

  async close(): Promise<void> {
    this.options.onClose();
  }

  private async discard(digest: Digest): Promise<void> {
    const { metrics, logger } = this.options;
    metrics.count('damaged_blobs_total', { tier: this.tier });
    logger.warn({ digest }, 'a damaged blob in S3 was removed');
    await this.delete(digest);
  }
}

/** Nothing is taken that `get` would not give; sources and pyramids are read from files, and part by part. */
function checkReadable(bytes: number, kind: BlobKind): void {
  if (kind !== 'preview' || bytes <= MAX_PREVIEW_BYTES) return;
  const message = `expected a preview of at most ${MAX_PREVIEW_BYTES} bytes for the shared tier, got ${bytes}`;
  throw new ProofsheetError('storage-full', message, { elsewhere: true });
}

async function readAll(body: Readable, bytes: number | undefined, signal: AbortSignal): Promise<Buffer> {
  if (bytes !== undefined && bytes > MAX_PREVIEW_BYTES)
    throw new ProofsheetError('internal', `expected a preview of at most ${MAX_PREVIEW_BYTES} bytes, got ${bytes}`);
  return readUpTo(body, MAX_PREVIEW_BYTES, signal);
}

/** What comes beyond `most` bytes shows that it is not what was asked for, as its digest will tell. */
async function readUpTo(body: Readable, most: number, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of addAbortSignal(signal, body) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > most) break;
  }
  const [first] = chunks;
  return chunks.length === 1 && first ? first : Buffer.concat(chunks, length);
}

async function hashOf(stream: Readable): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
