// Brings records of an older sequence, or of one that was made on demand, up to date behind the requests that came upon them: a few at a time, each read from the catalog
// and copied only when its turn has come.
import type { Digest } from '../kernel/digest.js';
import type { Format } from '../kernel/format.js';
import { DEFAULT_CONTEXT } from '../kernel/image-key.js';
import { missingFormats } from '../kernel/on-demand.js';
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
  /** `false`: nothing but what was asked for is brought up to date. */
  readonly preConvert?: boolean;
}

export class Refresher {
  /** With what was asked of it last. */
  private readonly waiting = new Map<Digest, Format>();
  private underWay = 0;

  constructor(private readonly deps: RefresherDeps) {}

  /** Notes a record that `request` came upon; at once, whatever it is. */
  note(record: SourceRecord, request: Format): void {
    if (!this.isOutdated(record) || this.waiting.size >= MAX_WAITING) return;
    this.waiting.set(record.digest, request);
    this.go();
  }

  private go(): void {
    const { background } = this.deps;
    for (const [digest, request] of this.waiting) {
      if (this.underWay >= AT_ONCE || background.isDraining) return;
      this.underWay++;
      this.waiting.delete(digest);
      const begun = background.run('refresh an outdated sequence', async () => {
        try {
          await this.refresh(digest, request);
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

  private async refresh(digest: Digest, request: Format): Promise<void> {
    const { catalog, maker, preConvert } = this.deps;
    const record = await catalog.findSource(digest);
    if (record === undefined || !this.isOutdated(record)) return;
    if (preConvert === false) await maker.makeFromKept(record, request, IDLE);
    else await maker.finish(record, IDLE);
  }

  private isOutdated(record: SourceRecord): boolean {
    const { sequence, preConvert } = this.deps;
    if (!record.sourceKept) return false;
    const current = recordFor(record, sequence.id);
    if (current.sequenceId !== sequence.id) return true;
    return preConvert !== false && missingFormats(current, sequence).length > 0;
  }
}
