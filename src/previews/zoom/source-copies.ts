// A source at hand for work of zooming: a copy in a directory that goes with the work, of the kept source or an asset's original.
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../kernel/digest.js';
import { ProofsheetError } from '../../kernel/errors.js';
import { contentDigestOf, type SourceRecord } from '../../kernel/source.js';
import type { BlobTiers } from '../blob-tiers.js';
import { removeScratch } from '../scratch.js';

/** Writes the original of an asset to a new file, checked; `false` where there is none of that digest. */
export type CopyOriginal = (digest: Digest, path: string) => Promise<boolean>;

export class SourceCopies {
  constructor(
    private readonly blobs: Pick<BlobTiers, 'copyTo'>,
    /** On the blobs' file system. */
    private readonly tmpDir: string,
    private readonly copyOriginal?: CopyOriginal,
  ) {}

  /** `what` names the directory. Throws `unknown-image-key` where the source is no longer kept. */
  async with<T>(record: SourceRecord, what: string, work: (path: string, dir: string) => Promise<T>): Promise<T> {
    const dir = await mkdtemp(join(this.tmpDir, `${what}-`));
    try {
      const path = join(dir, 'source');
      const content = contentDigestOf(record);
      const isThere = (await this.blobs.copyTo(content, path)) || (await this.copyOriginal?.(content, path));
      if (!isThere) throw sourceGone();
      return await work(path, dir);
    } finally {
      await removeScratch(dir);
    }
  }
}

export function sourceGone(): ProofsheetError {
  return new ProofsheetError(
    'unknown-image-key',
    'the source of this image is no longer kept, and its tiles are made of that; please upload it again',
  );
}
