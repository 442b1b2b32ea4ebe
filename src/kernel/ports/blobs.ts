// The port for bytes: immutable blobs by their digest.
import type { Digest } from '../digest.js';
import type { Amount } from '../takedown/order.js';
import type { Slice } from '../zoom/pyramid-index.js';

/** Where a blob's bytes were found, as metrics and headers name it. */
export type TierName = 'memory' | 'disk' | 'shared';

/** A blob's bytes, and where they were found. */
export interface FoundBlob {
  readonly bytes: Buffer;
  readonly tier: TierName;
}

/**
 * Sources are evicted before previews, so a store has to know which is which. A pyramid is as large as a source, and like one it may be
 * left out of a store that takes small blobs alone.
 */
export type BlobKind = 'source' | 'preview' | 'pyramid';

/**
 * Immutable bytes by their digest. Bytes are checked against the digest when they are written and when they are read:
 * a damaged blob is removed, counted and reported as absent, never returned.
 */
export interface BlobStore {
  readonly tier: TierName;
  /** The blob's bytes, owned by the store: not to be changed. `undefined` when absent or damaged. */
  get(digest: Digest): Promise<Buffer | undefined>;
  /**
   * A part of a blob, read without the rest of it and checked against its own digest; `undefined` when the blob is absent. One whose
   * part is damaged is removed, counted and reported as absent.
   */
  slice(slice: Slice): Promise<Buffer | undefined>;
  /**
   * The same part where it can be had at once, without holding up others: `undefined` says nothing of whether it is there, and `slice` is
   * asked then. Absent where nothing can.
   */
  sliceNow?(slice: Slice): Buffer | undefined;
  /** Stores `bytes`; once resolved it survives a crash of the process. Throws `storage-full`, `internal` for a wrong digest. */
  put(digest: Digest, bytes: Buffer, kind: BlobKind): Promise<void>;
  /**
   * Stores the file at `path` without reading it into memory. The file stays and may be linked: it must not be changed
   * afterwards. `hashed`: the caller has just hashed this very file, so a store on the same machine need not read it again.
   */
  putFile(digest: Digest, path: string, kind: BlobKind, hashed?: boolean): Promise<void>;
  /**
   * The file at `path` is complete and will probably be put soon: what that takes long for, and nobody sees, may be done
   * now (waiting for the disk). Absent where there is nothing to do. Throws what `putFile` would.
   */
  prepareFile?(path: string): Promise<void>;
  /** Writes the blob to a new file at `path` (or links it there), checked; `false` when absent or damaged. */
  copyTo(digest: Digest, path: string): Promise<boolean>;
  /** Whether the blob is there; its bytes are not looked at. */
  has(digest: Digest): Promise<boolean>;
  /** Forgets the blob; nothing happens when it is absent. Stores ask each other, for room: what no record names is swept by them. */
  delete(digest: Digest): Promise<void>;
  /** Of a store of copies alone: forgets these, or all; resolves with what that were. What is being stored meanwhile may stay. */
  dropCopies?(digests: readonly Digest[] | 'all'): Promise<Amount>;
  close(): Promise<void>;
}
