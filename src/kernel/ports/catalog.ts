// The port for what is mutable: groups, sources and which blobs they name.
import type { Digest } from '../digest.js';
import type { Context, GroupRef, ImageKey } from '../image-key.js';
import type { CatalogEntry, NamedBlob, SourceRecord } from '../source.js';
import type { PagePyramid } from '../zoom/pyramid-index.js';

/** A group to be written; the catalog adds times and revision. */
export interface GroupChange extends GroupRef {
  readonly sourceDigest: Digest;
  readonly fileName?: string;
}

export interface CommitRequest {
  /** Replaces what was known of this source. Every blob it names is stored already. */
  readonly source: SourceRecord;
  /** The groups that point to the source from now on. */
  readonly groups: readonly GroupChange[];
  /**
   * `replace`: a group that exists points to the new source. `keep`: one of another source stays as it is. In both, one that points to
   * this very source is written anew, so that whoever decided on its former revision takes nothing away.
   */
  readonly existing: 'keep' | 'replace';
}

/** What `remove` takes away: one group, a key in all contexts, a context, or everything (`{}`). */
export interface Selection {
  readonly context?: Context;
  readonly imageKey?: ImageKey;
}

/** Why the eviction takes something away; a metric label. */
export const EVICTION_REASONS = ['bytes', 'groups', 'age', 'disk', 'context-bytes', 'context-groups'] as const;
export type EvictionReason = (typeof EVICTION_REASONS)[number];

export interface Usage {
  readonly groups: number;
  /** Distinct image keys over all contexts. */
  readonly keys: number;
  readonly sources: number;
  /** Bytes of all stored preview blobs, each counted once. */
  readonly previewBytes: number;
  /** Bytes of all stored source blobs, each counted once. */
  readonly sourceBytes: number;
}

export interface Evicted {
  readonly groups: number;
  readonly sources: number;
  /** Bytes that are free once the blobs are swept. */
  readonly bytes: number;
}

/**
 * The mutable records: groups and sources, with reference counts, so that a blob lives as long as some record names it.
 * All methods are safe against concurrent calls from every process that shares the catalog. A commit that resolved
 * survives a crash of the process.
 */
export interface Catalog {
  find(ref: GroupRef): Promise<CatalogEntry | undefined>;
  findSource(digest: Digest): Promise<SourceRecord | undefined>;
  /** Whether a group of the context points to the source; a catalog that has lost count may say no where one does. */
  holds(context: Context, source: Digest): Promise<boolean>;
  /**
   * Writes the source and its groups in one step. Resolves with the digests of blobs that the record names but that are
   * gone (swept in between): then nothing was written, and they have to be stored again. An empty list is success.
   *
   * Two rules keep late work from doing harm: a complete record is never replaced by an incomplete one of the same
   * sequence (the groups then point to the complete one), and without groups a source that no group names (any more)
   * is left alone, so that finishing a sequence does not bring back what was cleared meanwhile. Pyramids are not the commit's: those
   * that the record of the source names stay, if their blobs are stored, whatever `source` says of them.
   */
  commit(request: CommitRequest): Promise<readonly Digest[]>;
  /**
   * Names the pyramid of a page in the record of `source`, in place of one of the same page, and changes nothing else of it, whatever
   * is committed at the same time: tiles may take minutes, in which previews are added. `no-source`: there is no record of it (any
   * more). `no-blob`: the blob is not stored, and has to be stored again.
   */
  addPyramid(source: Digest, pyramid: PagePyramid): Promise<'added' | 'no-source' | 'no-blob'>;
  /** Removes in bounded batches, so that others are served in between. Resolves with the number of groups removed. */
  remove(selection: Selection): Promise<number>;
  /**
   * Removes the group if it still is at `revision`, and resolves with whether it did: what was decided on an entry that was
   * read must not hit what was committed since. With `lost`, a blob for whose loss it is to go, not if that blob is stored
   * (again): somebody may have found it there and told a client that the image is kept.
   */
  removeGroup(ref: GroupRef, revision: string, lost?: Pick<NamedBlob, 'digest' | 'bytes'>): Promise<boolean>;
  /** Number of image keys: distinct over all contexts, or those of one context. Never a scan. */
  count(context?: Context): Promise<number>;
  /** Image keys ascending by their UTF-8 bytes, each once, in batches; never more than a batch in memory. */
  keys(context?: Context): AsyncIterable<readonly ImageKey[]>;
  usage(): Promise<Usage>;
  /** When the group that was used longest ago was used last (Unix ms, as coarse as uses are noted); `undefined` without groups. */
  oldestUse(): Promise<number | undefined>;
  /** Notes coarse access times (Unix ms); unknown groups are passed over. */
  touch(accesses: readonly { readonly ref: GroupRef; readonly at: number }[]): Promise<void>;
  /**
   * Uses that lie in the future, because the clock was set back since they were noted, count as made now: otherwise they
   * would be kept before everything that is used from then on. Absent where uses are dated by another clock.
   */
  redateFutureUses?(): Promise<void>;
  /** Takes away the kept sources (their blobs only) last used longest ago, at most `limit`. */
  evictSources(limit: number): Promise<Evicted>;
  /** Takes away the groups last used longest ago, at most `limit`; with `before` only those last used before it (Unix ms). */
  evictGroups(limit: number, before?: number): Promise<Evicted>;
  /** Removes blobs that no record names any more, at most `limit`. Resolves with their digests. */
  sweep(limit: number): Promise<readonly Digest[]>;
  /** Sources that are not complete: work to be taken up again after a crash. */
  unfinished(): AsyncIterable<Digest>;
  /**
   * A number that differs once any change acknowledged by any process on this machine may have altered an entry. Cheap
   * enough for every request; the truth behind prepared answers.
   */
  generation(): number;
  /** The group's current revision if that can be told at once, without waiting; `undefined` means ask `find`. */
  revisionOf(ref: GroupRef): string | undefined;
  close(): Promise<void>;
}
