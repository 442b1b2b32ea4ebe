// Copies the embedded store into the shared tier, so that growing from one machine to many loses no preview: blobs first,
// each checked against its digest, then the source with its groups. What is there already is not sent again, so a copy
// that was interrupted goes on where it stopped.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Digest } from '../kernel/digest.js';
import { ProofsheetError } from '../kernel/errors.js';
import type { GroupRef } from '../kernel/image-key.js';
import type { BlobStore } from '../kernel/ports/blobs.js';
import type { Catalog } from '../kernel/ports/catalog.js';
import { type CatalogEntry, contentDigestOf, namedBlobs, type SourceRecord } from '../kernel/source.js';
import { keepingPyramids } from '../kernel/zoom/kept-pyramids.js';
import { isUnreachable } from '../previews/unreachable.js';

export interface CopyFrom {
  readonly catalog: Catalog;
  readonly blobs: BlobStore;
  /** For sources on their way. */
  readonly tmpDir: string;
  groups(): AsyncIterable<readonly GroupRef[]>;
}

export interface CopyTo {
  readonly catalog: Catalog;
  /** Where a blob must be for its record to count. */
  readonly blobs: BlobStore;
}

export interface CopyCounts {
  /** Groups written. */
  copied: number;
  /** Groups that were there already, with all their blobs, or stand for a newer upload there. */
  present: number;
  /** Groups that were cleared or evicted while we copied. */
  gone: number;
  /** Groups that lost a preview, here: they need a new upload. */
  damaged: number;
  /** Groups that the shared tier did not take. */
  refused: number;
  blobs: number;
  bytes: number;
}

export interface CopyOptions {
  readonly from: CopyFrom;
  readonly to: CopyTo;
  /** Sources copied at the same time, 1 or more. */
  readonly concurrency: number;
  /** Ends the copy after what is under way. */
  readonly signal: AbortSignal;
  /** Called after every source, with the counts so far. */
  onProgress(counts: Readonly<CopyCounts>): void;
  /** Called with the first few reasons why something was refused. */
  onRefused(error: unknown): void;
}

/** A shared tier that is away for longer than these pauses together ends the copy. */
const PAUSES_MS = [100, 500, 1_000, 2_000, 5_000, 10_000];
/** Blobs may vanish between sending and committing when the shared tier evicts; thrice in a row it is full. */
const MAX_COMMITS = 3;
const MAX_REASONS = 5;

/** Resolves with what was done. Throws `shared-tier-unreachable` when it stays away; calling again goes on. */
export async function copyToShared(options: CopyOptions): Promise<CopyCounts> {
  const copy = new Copy(options);
  for await (const refs of options.from.groups()) {
    await copy.batch(refs);
    if (options.signal.aborted) break;
  }
  return copy.counts;
}

class Copy {
  readonly counts: CopyCounts = { copied: 0, present: 0, gone: 0, damaged: 0, refused: 0, blobs: 0, bytes: 0 };

  constructor(private readonly options: CopyOptions) {}

  async batch(refs: readonly GroupRef[]): Promise<void> {
    const { catalog } = this.options.from;
    const bySource = new Map<Digest, CatalogEntry[]>();
    for (const ref of refs) {
      const entry = await catalog.find(ref);
      if (entry === undefined) this.counts.gone++;
      else bySource.set(entry.source.digest, [...(bySource.get(entry.source.digest) ?? []), entry]);
    }
    const waiting = bySource.values();
    const work = async () => {
      // One iterator for all: each takes the next source that nobody has taken.
      for (const entries of waiting) {
        if (this.options.signal.aborted) return;
        await this.source(entries);
        this.options.onProgress(this.counts);
      }
    };
    await Promise.all(Array.from({ length: this.options.concurrency }, work));
  }

  /** All entries are of one source. */
  private async source(entries: readonly CatalogEntry[]): Promise<void> {
    try {
      const wanted: CatalogEntry[] = [];
      for (const entry of entries) {
        const there = await patiently(() => this.options.to.catalog.find(entry.group));
        // Somebody uploaded anew, over there: that is newer than what we have.
        if (there && there.group.sourceDigest !== entry.group.sourceDigest) this.counts.present++;
        else wanted.push(entry);
      }
      if (wanted.length === 0) return;
      const outcome = await this.commit(wanted);
      this.counts[outcome] += wanted.length;
    } catch (error) {
      if (isUnreachable(error)) throw error;
      this.counts.refused += entries.length;
      if (this.counts.refused <= MAX_REASONS) this.options.onRefused(error);
    }
  }

  private async commit(entries: readonly CatalogEntry[]): Promise<'copied' | 'present' | 'damaged'> {
    const { to } = this.options;
    const [first] = entries;
    if (first === undefined) return 'present';
    // Tiles are made again where somebody zooms: they may be larger than what is taken there.
    let source = keepingPyramids(first.source, undefined, () => false);
    const before = await Promise.all(entries.map((entry) => patiently(() => to.catalog.find(entry.group))));
    const groups = entries.map(({ group: { context, imageKey, sourceDigest, fileName } }) => ({
      ...{ context, imageKey, sourceDigest },
      ...(fileName !== undefined && { fileName }),
    }));
    for (let attempt = 0; attempt < MAX_COMMITS; attempt++) {
      const missing = await patiently(() => to.catalog.commit({ source, groups, existing: 'keep' }));
      if (missing.length === 0) return attempt === 0 && before.every((entry) => entry) ? 'present' : 'copied';
      for (const digest of missing) {
        if (namedBlobs(source).find((blob) => blob.digest === digest)?.kind === 'source') {
          if (!(await this.sendSource(source))) source = { ...source, sourceKept: false };
        } else if (!(await this.sendPreview(digest))) return 'damaged';
      }
    }
    throw new ProofsheetError('storage-full', 'the shared tier lost blobs as soon as it had taken them: it is full');
  }

  private async sendPreview(digest: Digest): Promise<boolean> {
    const bytes = await this.options.from.blobs.get(digest);
    if (bytes === undefined) return false;
    await patiently(() => this.options.to.blobs.put(digest, bytes, 'preview'));
    this.sent(bytes.length);
    return true;
  }

  /** By way of a file, since sources may be larger than what we want to hold. */
  private async sendSource(source: SourceRecord): Promise<boolean> {
    const { from, to } = this.options;
    const dir = await mkdtemp(join(from.tmpDir, 'copy-'));
    try {
      const path = join(dir, 'source');
      if (!(await from.blobs.copyTo(contentDigestOf(source), path))) return false;
      await patiently(() => to.blobs.putFile(contentDigestOf(source), path, 'source'));
      this.sent(source.bytes);
      return true;
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  private sent(bytes: number): void {
    this.counts.blobs++;
    this.counts.bytes += bytes;
  }
}

/** The outcome of `step`, tried again while the shared tier is away for a moment. */
async function patiently<T>(step: () => Promise<T>): Promise<T> {
  for (const pauseMs of PAUSES_MS) {
    try {
      return await step();
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      await delay(pauseMs);
    }
  }
  return step();
}
