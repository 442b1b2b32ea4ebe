// The port for pictures that belong to no sequence: what was drawn of a source by a recipe. All of it can be drawn again, so that it is
// bounded by bytes alone, and the first to go.
import type { Digest } from '../digest.js';
import type { PreviewType } from '../format.js';
import type { Size } from '../sizes.js';
import type { Metadata, SourceInfo } from '../source.js';

/** A picture that was drawn. */
export interface Derivative extends Size {
  readonly type: PreviewType;
  readonly bytes: number;
  readonly digest: Digest;
}

/** What is known of a source of which pictures are drawn, whether any were or not. */
export interface DrawnSource {
  readonly info: SourceInfo;
  readonly metadata: Metadata;
  /** The largest picture of the whole that was drawn of it as JPEG: smaller ones may be drawn of that. It may be gone. */
  readonly base?: Derivative;
}

export interface DerivativesUsage {
  /** Pictures, and sources that something is known of. */
  readonly entries: number;
  /** Of all of them, with what an entry costs beside its bytes. */
  readonly bytes: number;
}

/** What an entry counts beside its picture: one client that counts pixels fills no disk with names either. */
export const DERIVATIVE_ENTRY_BYTES = 512;

/**
 * Shared by all processes that share the backend, safe against concurrent calls from all of them. Whatever is in it may be lost at
 * any time. `source` is what a source's record is found by; `recipe` names what is drawn.
 */
export interface Derivatives {
  sourceOf(source: Digest): Promise<DrawnSource | undefined>;
  noteSource(source: Digest, known: DrawnSource): Promise<void>;
  /** Which source a client's own name for its bytes was last given to. */
  tagged(tag: Digest): Promise<Digest | undefined>;
  noteTag(tag: Digest, source: Digest): Promise<void>;
  /** Counts as a use, noted as coarse as uses are. */
  find(source: Digest, recipe: Digest): Promise<Derivative | undefined>;
  /**
   * Stores the bytes, or the file at a path, which stays; throws `storage-full`, `internal` for a wrong digest. What was there is replaced.
   * A file that was `hashed`, and that nobody has written to since, need not be read for its digest.
   */
  put(source: Digest, recipe: Digest, derivative: Derivative, from: string | Buffer, hashed?: boolean): Promise<void>;
  /** Its bytes, owned by the store; `undefined` when they are gone or damaged: then they are drawn again. */
  read(derivative: Pick<Derivative, 'digest'>): Promise<Buffer | undefined>;
  usage(): Promise<DerivativesUsage>;
  /** Takes away what was used longest ago until at most `maxBytes` are left; resolves with the number of entries. */
  evict(maxBytes: number): Promise<number>;
  /** Takes away all that is known and drawn of a source; resolves with the number of pictures. */
  forgetSource(source: Digest): Promise<number>;
  close(): Promise<void>;
}
