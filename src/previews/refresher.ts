// Brings records of an older sequence up to date behind the requests that came upon them: a few at a time, each read from the catalog
// and copied only when its turn has come.
import type { Digest } from '../kernel/digest.js';
import { DEFAULT_CONTEXT } from '../kernel/image-key.js';
import type { Catalog } from '../kernel/ports/catalog.js';
import type { Place } from '../kernel/ports/converter.js';
import type { Sequence } from '../kernel/sequence.js';
import { recordFor, type SourceRecord } from '../kernel/source.js';
import type { BackgroundWork } from './background-work.js';
import type { SourceMaker } from './source-maker.js';

/** They are to end some time, not soon. */
const AT_ONCE = 2;
/** Sources that may wait, each a digest; one more is found again when it is next read from the catalog. */
const MAX_WAITING = 10_000;
const IDLE: Place = { priority: 'background', context: DEFAULT_CONTEXT };

export interface RefresherDeps {
  readonly catalog: Catalog;
  readonly maker: SourceMaker;
  readonly background: BackgroundWork;
  readonly sequence: Sequence;
}

export class Refresher {
  private readonly waiting = new Set<Digest>();
  private underWay = 0;

  constructor(private readonly deps: RefresherDeps) {}

  /** Notes a record that a request came upon; at once, whatever it is. */
  note(record: SourceRecord): void {
    if (!this.isOutdated(record) || this.waiting.size >= MAX_WAITING) return;
    this.waiting.add(record.digest);
    this.go();
  }

  private go(): void {
    const { background } = this.deps;
    for (const digest of this.waiting) {
      if (this.underWay >= AT_ONCE || background.isDraining) return;
      this.underWay++;
      this.waiting.delete(digest);
      const begun = background.run('refresh an outdated sequence', async () => {
        try {
          await this.refresh(digest);
        } finally {
          this.underWay--;
          this.go();
        }
      });
      if (!begun) {
        this.underWay--;
        return;
      }
    }
  }

  private async refresh(digest: Digest): Promise<void> {
    const record = await this.deps.catalog.findSource(digest);
    if (record !== undefined && this.isOutdated(record)) await this.deps.maker.finish(record, IDLE);
  }

  private isOutdated(record: SourceRecord): boolean {
    const { id } = this.deps.sequence;
    return record.sourceKept && recordFor(record, id).sequenceId !== id;
  }
}
