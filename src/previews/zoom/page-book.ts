// How large the pages of sources are: told by a converter that opens the source, once for all who ask, and remembered for a while.
import type { Digest } from '../../kernel/digest.js';
import { ProofsheetError } from '../../kernel/errors.js';
import type { Context } from '../../kernel/image-key.js';
import type { Converter, PageFacts } from '../../kernel/ports/converter.js';
import type { SourceRecord } from '../../kernel/source.js';
import { Recent } from './recent.js';
import type { SourceCopies } from './source-copies.js';

/** Pages that are remembered, some fifty bytes each. */
const MAX_PAGES = 50_000;
/** Sources opened at once: each is a copy of its file. */
const MAX_OPENING = 8;
const RETRY_SECONDS = 1;

export class PageBook {
  private readonly known = new Recent<Digest, readonly PageFacts[]>(MAX_PAGES);
  /** `MAX_OPENING` at most. */
  private readonly opening = new Map<Digest, Promise<readonly PageFacts[]>>();

  constructor(
    private readonly converter: Pick<Converter, 'convert'>,
    private readonly copies: SourceCopies,
  ) {}

  /** Every page of the source, from the first. Throws what converting does, and `overloaded`. */
  async of(record: SourceRecord, context: Context): Promise<readonly PageFacts[]> {
    const { digest } = record;
    const known = this.known.get(digest) ?? this.opening.get(digest);
    if (known) return known;
    if (this.opening.size >= MAX_OPENING)
      throw new ProofsheetError('overloaded', 'too many sources are being opened; please try again', {
        retryAfterSeconds: RETRY_SECONDS,
      });
    const opening = this.read(record, context)
      .then((pages) => {
        this.known.set(digest, pages, pages.length);
        return pages;
      })
      .finally(() => this.opening.delete(digest));
    this.opening.set(digest, opening);
    return opening;
  }

  private read(record: SourceRecord, context: Context): Promise<readonly PageFacts[]> {
    return this.copies.with(record, 'pages', async (sourcePath, outputDir) => {
      const job = { sourcePath, sourceBytes: record.bytes, formats: [], zoom: { kind: 'pages' }, outputDir } as const;
      const { pages } = await this.converter.convert({ ...job, priority: 'instant', context });
      if (pages === undefined || pages.length === 0)
        throw new ProofsheetError('internal', 'the pages of this image were asked for and are not told');
      return pages;
    });
  }
}
