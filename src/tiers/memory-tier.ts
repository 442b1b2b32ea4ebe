// The nearest tier: blobs in this process's memory, least recently used out first, bounded by bytes.
import { open, rm } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import { type Digest, digestOf } from '../kernel/digest.js';
import { wrongDigest } from '../kernel/errors.js';
import type { BlobKind, BlobStore } from '../kernel/ports/blobs.js';

/** What an entry costs besides its bytes: the cache's slots, the digest's text, the Buffer and its backing store. */
const ENTRY_OVERHEAD_BYTES = 400;
/** One blob may take this share of the tier at most, or a few large ones would turn everything else out. */
const LARGEST_SHARE = 1 / 8;

export interface MemoryTierOptions {
  /** Bytes of all entries with their overhead; 0 keeps nothing. */
  readonly maxBytes: number;
}

export interface MemoryTier extends BlobStore {
  /** Bytes that are held now, with overhead; never over `maxBytes`. */
  usedBytes(): number;
  /** Puts bytes that are known to be right, at once: they were just checked by the tier they come from. */
  admit(digest: Digest, bytes: Buffer): void;
  /** The blob's bytes, at once. */
  peek(digest: Digest): Buffer | undefined;
  /** `delete`, at once. */
  forget(digest: Digest): void;
}

export function createMemoryTier({ maxBytes }: MemoryTierOptions): MemoryTier {
  const largestBytes = Math.floor(maxBytes * LARGEST_SHARE) - ENTRY_OVERHEAD_BYTES;
  const cache =
    largestBytes < 0
      ? undefined
      : new LRUCache<Digest, Buffer>({
          maxSize: maxBytes,
          // Never 0, which the cache refuses: an empty blob has its overhead too.
          sizeCalculation: (bytes) => bytes.byteLength + ENTRY_OVERHEAD_BYTES,
        });

  const admit = (digest: Digest, bytes: Buffer): void => {
    if (cache === undefined || bytes.byteLength > largestBytes || cache.has(digest)) return;
    cache.set(digest, owned(bytes));
  };
  const forget = (digest: Digest): void => {
    cache?.delete(digest);
  };

  return {
    tier: 'memory',
    usedBytes: () => cache?.calculatedSize ?? 0,
    admit,
    peek: (digest) => cache?.get(digest),
    forget,
    get: async (digest) => cache?.get(digest),
    slice: async ({ of, start, bytes, digest }) => {
      const part = cache?.get(of)?.subarray(start, start + bytes);
      // The whole was checked when it came; what the slice says of it may still be wrong.
      return part && digestOf(part) === digest ? part : undefined;
    },
    has: async (digest) => cache?.has(digest) ?? false,
    put: async (digest: Digest, bytes: Buffer, _kind: BlobKind) => {
      if (digestOf(bytes) !== digest) throw wrongDigest();
      // The caller may go on using its buffer, so the tier has one of its own.
      admit(digest, copyOf(bytes));
    },
    putFile: async (digest, path) => {
      const file = await open(path, 'r');
      try {
        // What would not be kept is not read: it may be a source of hundreds of megabytes.
        if ((await file.stat()).size > largestBytes) return;
        const bytes = await file.readFile();
        if (digestOf(bytes) !== digest) throw wrongDigest();
        admit(digest, bytes);
      } finally {
        await file.close();
      }
    },
    copyTo: async (digest, path) => {
      const bytes = cache?.get(digest);
      if (bytes === undefined) return false;
      await writeNew(path, bytes);
      return true;
    },
    delete: async (digest) => forget(digest),
    dropCopies: async (digests) => {
      const names = digests === 'all' ? [...(cache?.keys() ?? [])] : digests;
      const held = names.flatMap((digest) => cache?.peek(digest) ?? []);
      for (const digest of names) forget(digest);
      return { blobs: held.length, bytes: held.reduce((sum, { byteLength }) => sum + byteLength, 0) };
    },
    close: async () => cache?.clear(),
  };
}

/** `bytes` in memory that nothing else lives in: a view would keep its whole parent alive, uncounted. */
function owned(bytes: Buffer): Buffer {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : copyOf(bytes);
}

function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength);
  bytes.copy(copy);
  return copy;
}

async function writeNew(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
