// Takes away objects that nobody needs: those that the catalog swept, and, page by page, those that it never knew or lost.
import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../../kernel/digest.js';
import type { AgingClock } from '../../kernel/ports/clock.js';
import type { Logger } from '../../kernel/ports/logger.js';
import type { Metrics } from '../../kernel/ports/metrics.js';
import type { BlobMarks } from '../blob-marks.js';
import type { S3Objects } from './s3-objects.js';

const AT_ONCE = 8;

export interface UnneededObjectsOptions {
  readonly objects: S3Objects;
  readonly marks: BlobMarks;
  /** Age in ms under which an object is left alone by the search: it may be stored, but not yet named. */
  readonly graceMs: number;
  readonly clock: AgingClock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export class UnneededObjects {
  private searchFrom: string | undefined;

  constructor(private readonly options: UnneededObjectsOptions) {}

  /** Deletes those of `digests` that are still needed by nobody. What cannot be deleted now is left to the search. */
  async swept(digests: readonly Digest[]): Promise<void> {
    try {
      await this.remove(digests);
    } catch (error) {
      this.options.logger.warn(
        { error, blobs: digests.length },
        'swept blobs could not be deleted; the search finds them',
      );
    }
  }

  /** Looks at one page of the bucket, beginning where the last call ended. Resolves with how many were deleted. */
  async search(): Promise<number> {
    const { objects, clock, graceMs, metrics } = this.options;
    const page = await objects.list(this.searchFrom);
    this.searchFrom = page.next;
    const before = clock.agesCountFrom() - graceMs;
    const old = page.objects.filter(({ modifiedAt }) => modifiedAt < before);
    const removed = await this.remove(old.map(({ digest }) => digest));
    metrics.count('swept_blobs_total', {}, removed);
    return removed;
  }

  private async remove(digests: readonly Digest[]): Promise<number> {
    const { objects, marks } = this.options;
    const unneeded = await marks.unneeded(digests);
    for (let from = 0; from < unneeded.length; from += AT_ONCE) {
      await Promise.all(unneeded.slice(from, from + AT_ONCE).map((digest) => objects.delete(digest)));
      await setImmediate();
    }
    await this.correctMarks(unneeded);
    return unneeded.length;
  }

  /**
   * Somebody may have stored one of them at the very moment it was deleted. Its mark would promise what is not there, so
   * it goes too: the next commit has the blob stored again, and a record that names it is healed when it is read.
   */
  private async correctMarks(deleted: readonly Digest[]): Promise<void> {
    const { objects, marks } = this.options;
    const gone = new Set(await marks.unneeded(deleted));
    for (const digest of deleted) if (!gone.has(digest) && !(await objects.has(digest))) await marks.remove(digest);
  }
}
