// Marks of blobs that are kept elsewhere: an empty string under the key where the blob itself would be, with its time to
// live. So commits, accesses and sweeps treat both alike.
import { LRUCache } from 'lru-cache';
import type { Digest } from '../../kernel/digest.js';
import type { BlobMarks } from '../blob-marks.js';
import { readMany, type Session } from './session.js';

/** As with blobs: prolonged by use, but not more often than this many times in a life. */
const PROLONGED_PER_LIFE = 8;
const MAX_PROLONGED = 20_000;

export class RedisBlobMarks implements BlobMarks {
  private readonly prolonged: LRUCache<Digest, true>;

  constructor(private readonly session: Session) {
    this.prolonged = new LRUCache({
      max: MAX_PROLONGED,
      ttl: Math.max(1, Math.floor(session.blobTtlMs / PROLONGED_PER_LIFE)),
      perf: { now: () => session.clock.monotonic() },
    });
  }

  async add(digest: Digest): Promise<void> {
    const { link, keys, deadlines, blobTtlMs } = this.session;
    const key = keys.blob(digest);
    await link.send(key, ['SET', key, '', 'PX', String(blobTtlMs)], deadlines.setMs);
    this.prolonged.set(digest, true);
  }

  async remove(digest: Digest): Promise<void> {
    const { link, keys, deadlines } = this.session;
    const key = keys.blob(digest);
    this.prolonged.delete(digest);
    await link.send(key, ['UNLINK', key], deadlines.setMs);
  }

  /** A mark that expired meanwhile comes back: the blob is there, since it was just read. */
  prolong(digest: Digest): void {
    if (this.prolonged.has(digest)) return;
    this.add(digest).catch(() => this.prolonged.delete(digest));
  }

  async unneeded(digests: readonly Digest[]): Promise<readonly Digest[]> {
    const { keys } = this.session;
    const replies = await readMany(
      this.session,
      digests.flatMap((digest) => [
        { key: keys.blob(digest), args: ['EXISTS', keys.blob(digest)] },
        { key: keys.owners(digest), args: ['HLEN', keys.owners(digest)] },
      ]),
    );
    return digests.filter((_, at) => replies[2 * at] === 0 && replies[2 * at + 1] === 0);
  }
}
