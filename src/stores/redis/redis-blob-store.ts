// Blobs on Redis through Keyv, as plain binary strings without any head: what MEMORY USAGE shows is the blob. Bytes are
// checked against their digest both ways; expiry is the server's alone, never a reader's clock.

import { createReadStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import KeyvRedis from '@keyv/redis';
import Keyv from 'keyv';
import { LRUCache } from 'lru-cache';
import { type Digest, digestOf } from '../../kernel/digest.js';
import { ProofsheetError, wrongDigest } from '../../kernel/errors.js';
import type { BlobKind, BlobStore } from '../../kernel/ports/blobs.js';
import type { Slice } from '../../kernel/zoom/pyramid-index.js';
import type { Link } from './link.js';
import { healingTypes, type Session } from './session.js';

export interface BlobLimits {
  /** Larger previews are refused with `storage-full`. */
  readonly maxBlobBytes: number;
}

/** A blob's life is prolonged by reading it, but not more often than this many times in it. */
const PROLONGED_PER_LIFE = 8;
const MAX_PROLONGED = 20_000;
/** On top of a call's deadline: what the slowest network we mean needs, 20 MB/s. */
const BYTES_PER_MS = 20_000;

export class RedisBlobStore implements BlobStore {
  readonly tier = 'shared';
  private readonly adapter: KeyvRedis<Buffer>;
  private readonly keyv: Keyv;
  private readonly session: Session;
  private readonly prolonged: LRUCache<Digest, true>;

  /** `bulk`: a connection of its own with Buffer replies, so that large blobs do not hold up the small records. */
  constructor(
    records: Session,
    bulk: Link,
    private readonly limits: BlobLimits,
  ) {
    this.session = { ...records, link: bulk };
    this.adapter = new KeyvRedis<Buffer>(bulk.connection.forKeyv, { throwOnErrors: true });
    this.keyv = new Keyv<Buffer>(this.adapter, {
      useKeyPrefix: false,
      throwOnErrors: true,
      // Keyv's types ask for text, but it hands on whatever this returns, and the client takes Buffers as they are.
      serialize: ({ value }) => value as unknown as string,
    });
    // Our keys are whole already; by default Keyv puts a namespace of its own before them.
    this.keyv.namespace = undefined;
    // Errors reach us as rejections; without listeners the emitters would complain of them once more.
    this.adapter.on('error', () => undefined);
    this.keyv.on('error', () => undefined);
    this.prolonged = new LRUCache({
      max: MAX_PROLONGED,
      ttl: Math.max(1, Math.floor(records.blobTtlMs / PROLONGED_PER_LIFE)),
      perf: { now: () => records.clock.monotonic() },
    });
  }

  async get(digest: Digest): Promise<Buffer | undefined> {
    const { keys, deadlines, metrics, logger } = this.session;
    const key = keys.blob(digest);
    // `raw`: Keyv hands on the Buffer itself, and compares no expiry with its own clock.
    const bytes: unknown = await this.onKey(key, deadlines.getMs + this.limits.maxBlobBytes / BYTES_PER_MS, () =>
      this.keyv.get(key, { raw: true }),
    );
    if (!Buffer.isBuffer(bytes)) return undefined;
    if (digestOf(bytes) === digest) {
      this.prolong(digest, key);
      return bytes;
    }
    metrics.count('damaged_blobs_total', { tier: this.tier });
    logger.warn({ digest, bytes: bytes.length }, 'a damaged blob in Redis was removed');
    await this.delete(digest);
    return undefined;
  }

  async slice({ of, start, bytes, digest }: Slice): Promise<Buffer | undefined> {
    const { keys, deadlines, metrics, logger, link } = this.session;
    const key = keys.blob(of);
    const found: unknown = await this.onKey(key, deadlines.getMs + this.limits.maxBlobBytes / BYTES_PER_MS, () =>
      link.connection.send(key, ['GETRANGE', key, String(start), String(start + bytes - 1)]),
    );
    if (!Buffer.isBuffer(found)) throw new ProofsheetError('internal', 'the shared tier gave no bytes');
    if (found.length > 0 && digestOf(found) === digest) {
      this.prolong(of, key);
      return found;
    }
    // An absent key is an empty text to Redis; so is a blob that ends before the part.
    if (found.length === 0 && !(await this.has(of))) return undefined;
    metrics.count('damaged_blobs_total', { tier: this.tier });
    logger.warn({ digest: of, bytes: found.length }, 'a damaged blob in Redis was removed');
    await this.delete(of);
    return undefined;
  }

  async put(digest: Digest, bytes: Buffer, kind: BlobKind): Promise<void> {
    if (digestOf(bytes) !== digest) throw wrongDigest();
    if (!this.takes(bytes.length, kind)) return;
    const { keys, deadlines, blobTtlMs } = this.session;
    const key = keys.blob(digest);
    const deadlineMs = deadlines.setMs + bytes.length / BYTES_PER_MS;
    const stored = await this.guard(deadlineMs, () => this.keyv.set(key, bytes, blobTtlMs));
    if (stored !== true) throw new ProofsheetError('internal', 'the shared tier did not take a blob');
    this.prolonged.set(digest, true);
  }

  /** The file is read into memory only once it is known to be small enough. */
  async putFile(digest: Digest, path: string, kind: BlobKind): Promise<void> {
    const { size } = await stat(path);
    if (!this.takes(size, kind)) return;
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > size) break; // It grew: no longer the file that we were given, which its digest will tell.
      chunks.push(chunk);
    }
    await this.put(digest, Buffer.concat(chunks), kind);
  }

  async copyTo(digest: Digest, path: string): Promise<boolean> {
    const bytes = await this.get(digest);
    if (bytes === undefined) return false;
    await writeFile(path, bytes, { flag: 'wx' });
    return true;
  }

  async has(digest: Digest): Promise<boolean> {
    const key = this.session.keys.blob(digest);
    return this.guard(this.session.deadlines.getMs, () => this.keyv.has(key));
  }

  async delete(digest: Digest): Promise<void> {
    const key = this.session.keys.blob(digest);
    this.prolonged.delete(digest);
    await this.guard(this.session.deadlines.setMs, () => this.keyv.delete(key));
  }

  /** The connection is closed by whoever opened it. */
  async close(): Promise<void> {}

  /** Whether a blob of this size is stored; a source that is too large is quietly not, since every source is optional here; nor is such a pyramid. */
  private takes(bytes: number, kind: BlobKind): boolean {
    if (kind !== 'preview') return bytes <= this.session.maxSourceBytes;
    if (bytes <= this.limits.maxBlobBytes) return true;
    throw new ProofsheetError(
      'storage-full',
      `expected a preview of at most ${this.limits.maxBlobBytes} bytes for the shared tier, got ${bytes}`,
      { elsewhere: true },
    );
  }

  private onKey<T>(key: string, deadlineMs: number, work: () => Promise<T>): Promise<T> {
    return healingTypes(this.session, [key], () => this.guard(deadlineMs, work));
  }

  private guard<T>(deadlineMs: number, work: () => Promise<T>): Promise<T> {
    const { link } = this.session;
    return link.guard(deadlineMs, () => {
      const client = link.connection.forKeyv;
      // Setting it adds listeners, so only after a failover, when it is another one.
      if (this.adapter.client !== client) this.adapter.client = client;
      return work();
    });
  }

  /** In the background: a blob that was just read is there, and if this fails it is a later reader's turn. */
  private prolong(digest: Digest, key: string): void {
    if (this.prolonged.has(digest)) return;
    this.prolonged.set(digest, true);
    const { link, deadlines, blobTtlMs } = this.session;
    link.send(key, ['PEXPIRE', key, String(blobTtlMs)], deadlines.setMs).catch(() => this.prolonged.delete(digest));
  }
}
