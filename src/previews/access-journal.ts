// Last access without a write per read: accesses are noted in memory and handed to the catalog in batches, at most once
// per group and resolution. What a crash loses is a little precision of the eviction order.
import type { GroupRef } from '../kernel/image-key.js';
import type { Catalog } from '../kernel/ports/catalog.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { ImageGroup } from '../kernel/source.js';

/** Groups noted between two flushes; beyond it accesses are not noted, which only makes the order coarser. */
const MAX_NOTED = 100_000;
/** Groups handed to the catalog in one transaction, so that none holds the write lock for long. */
const FLUSH_BATCH = 500;

export class AccessJournal {
  private noted = new Map<string, { readonly ref: GroupRef; readonly at: number }>();

  constructor(
    private readonly catalog: Catalog,
    private readonly clock: Clock,
    /** An access within this time of the recorded one is not worth a write. */
    private readonly resolutionMs: number,
    /** Told of every use; has to be cheap. */
    private readonly onUse?: (group: ImageGroup) => void,
  ) {}

  note(group: ImageGroup): void {
    this.onUse?.(group);
    const at = this.clock.now();
    if (Math.abs(at - group.lastAccess) < this.resolutionMs || this.noted.size >= MAX_NOTED) return;
    // NUL can stand in neither name, so the pair is unambiguous.
    this.noted.set(`${group.context}\0${group.imageKey}`, {
      ref: { context: group.context, imageKey: group.imageKey },
      at,
    });
  }

  async flush(): Promise<void> {
    const accesses = [...this.noted.values()];
    this.noted = new Map();
    for (let from = 0; from < accesses.length; from += FLUSH_BATCH) {
      await this.catalog.touch(accesses.slice(from, from + FLUSH_BATCH));
    }
  }
}
