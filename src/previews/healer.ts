// Heals an image group whose preview was lost from every tier: from the kept source, or from an upload of the same bytes.
// What cannot be healed is removed, so that the next upload makes it anew instead of finding a broken group.
import { ProofsheetError } from '../kernel/errors.js';
import type { Catalog } from '../kernel/ports/catalog.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Metrics } from '../kernel/ports/metrics.js';
import type { CatalogEntry, Preview } from '../kernel/source.js';
import type { SourceAtHand } from './making.js';
import type { SourceMaker } from './source-maker.js';

export interface HealerDeps {
  readonly catalog: Catalog;
  readonly maker: SourceMaker;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export class Healer {
  constructor(private readonly deps: HealerDeps) {}

  /** The entry with its previews, of which `lost` was lost, made again from the kept source. Throws `unknown-image-key` when that is lost too. */
  async heal(entry: CatalogEntry, lost: Preview): Promise<CatalogEntry> {
    const current = await this.deps.catalog.find(entry.group);
    // A concurrent clear, eviction or overwrite explains a lost preview better than damage does.
    if (current === undefined)
      throw new ProofsheetError('unknown-image-key', 'this image is no longer cached; please upload it again');
    if (current.group.revision !== entry.group.revision) return current;
    try {
      const { record } = await this.deps.maker.remakeFromKept(entry.source, {
        priority: 'instant',
        context: entry.group.context,
      });
      return this.healed(entry, record);
    } catch (error) {
      if (!(error instanceof ProofsheetError) || error.code !== 'unknown-image-key') throw error;
      // Not by its name: who uploaded it again meanwhile, whatever it was, was told that it is stored. Nor when somebody else
      // had the kept source in time and made the preview again: who uploads finds it there, and is told so, too.
      if (await this.deps.catalog.removeGroup(entry.group, entry.group.revision, lost)) {
        this.deps.logger.warn(
          { source: entry.source.digest },
          'an image lost its previews and its source; its group is removed',
        );
        throw error;
      }
      const next = await this.deps.catalog.find(entry.group);
      if (next === undefined) throw error;
      return next;
    }
  }

  /**
   * The same from `file`, which holds the bytes of the entry's source. The group is written anew, or again: a reader that found
   * the same loss, and no kept source to heal it from, may be about to remove it.
   */
  async healFrom(entry: CatalogEntry, file: SourceAtHand): Promise<CatalogEntry> {
    const { context, imageKey, sourceDigest, fileName } = entry.group;
    const { record } = await this.deps.maker.remake(file, entry.source, {
      groups: [{ context, imageKey, sourceDigest, ...(fileName !== undefined && { fileName }) }],
      existing: 'keep',
      context,
      priority: 'instant',
    });
    return this.healed(entry, record);
  }

  private healed(entry: CatalogEntry, source: CatalogEntry['source']): CatalogEntry {
    this.deps.metrics.count('healed_previews_total');
    return { ...entry, source };
  }
}
