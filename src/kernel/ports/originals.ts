// The port of the originals: the bytes of live assets, which no eviction, clearing or sweep of the cache ever touches. They
// are counted apart from it, by the records of `Assets`, which alone decides when one is no longer needed.
import type { Digest } from '../digest.js';

export interface Originals {
  /**
   * Keeps the file at `path`, whose digest the caller has just computed; resolved, it survives a crash. The file may be linked,
   * and must not be changed afterwards. What no version names within the grace time is removed again. Throws `storage-full`.
   */
  keep(digest: Digest, path: string, bytes: number): Promise<void>;
  /** Writes the original to a new file at `path` (or links it there), checked; `false` when it is absent or damaged. */
  copyTo(digest: Digest, path: string): Promise<boolean>;
  /**
   * Its bytes from `start` to `end` (excluded), in pieces; unchecked, because a slice has no digest. `undefined` when absent.
   */
  read(digest: Digest, start: number, end: number): Promise<AsyncIterable<Uint8Array> | undefined>;
  has(digest: Digest): Promise<boolean>;
}
