// The port of the originals: the bytes of live assets, which no eviction, clearing or sweep of the cache ever touches. They
// are counted apart from it, by the records of `Assets`, which alone decides when one is no longer needed.
import type { Digest } from '../digest.js';

/** An original, and how many bytes it has. */
export interface OriginalName {
  readonly digest: Digest;
  readonly bytes: number;
}

/** Bytes in pieces. */
export interface Pieces extends AsyncIterable<Uint8Array> {
  /** Tells that a piece is where it had to go and nobody looks at it any more: its memory may be used again. */
  readonly passed?: (piece: Uint8Array) => void;
}

export interface Originals {
  /**
   * Keeps the file at `path`, whose digest the caller has just computed; resolved, it survives a crash. The file may be linked,
   * and must not be changed afterwards. What no version names within the grace time is removed again. Throws `storage-full`.
   */
  keep(digest: Digest, path: string, bytes: number): Promise<void>;
  /**
   * Writes the original to a new file at `path` (or links it there), checked; `false` when it is absent or damaged. What is damaged is
   * set aside, never removed: it may be all that is left of a picture.
   */
  copyTo(digest: Digest, path: string): Promise<boolean>;
  /**
   * Its bytes from `start` to `end` (excluded), in pieces. `undefined` when there is none of exactly `bytes` bytes. Read as a whole
   * its digest is checked, and the last piece is withheld with an error where it is another; a slice has no digest.
   */
  read(original: OriginalName, start: number, end: number): Promise<Pieces | undefined>;
  /** Whether all of it is there, by its length and its digest. Reads all of it. */
  isWhole(original: OriginalName): Promise<boolean>;
  /**
   * Whether it is there, so that nobody need bring it again: by its length, and read only where its file was written since `createdAt`
   * (Unix ms), when it was known to be whole. What a disk has lost in silence is found by whoever reads it.
   */
  isThere(original: OriginalName & { readonly createdAt: number }): Promise<boolean>;
}
