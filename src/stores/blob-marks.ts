// What a blob store needs to know of a catalog that is kept elsewhere. The catalog looks for a mark where it would look for
// the blob itself, so a blob has its mark before any record may name it.
import type { Digest } from '../kernel/digest.js';

export interface BlobMarks {
  /** The blob is stored: records may name it from now on. */
  add(digest: Digest): Promise<void>;
  /** The blob is not there (any more): a commit that names it has it stored again. */
  remove(digest: Digest): Promise<void>;
  /** The blob was used, so its mark lives on; in the background, and never fails. */
  prolong(digest: Digest): void;
  /** Those of `digests` that have neither a mark nor a record that names them. */
  unneeded(digests: readonly Digest[]): Promise<readonly Digest[]>;
}
