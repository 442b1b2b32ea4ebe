// Makes the pyramid of a source from its kept bytes: one flight per source, a lease where nodes share the catalog, the blob before the
// record. A source that cannot be made one of is not tried again for a while.
import { ProofsheetError } from '../../kernel/errors.js';
import type { Context } from '../../kernel/image-key.js';
import type { Catalog } from '../../kernel/ports/catalog.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Converter, MadePreview } from '../../kernel/ports/converter.js';
import type { Leases } from '../../kernel/ports/leases.js';
import type { Metrics } from '../../kernel/ports/metrics.js';
import type { Size } from '../../kernel/sizes.js';
import type { SourceRecord } from '../../kernel/source.js';
import { pyramidOfPage } from '../../kernel/zoom/kept-pyramids.js';
import type { TileType } from '../../kernel/zoom/pyramid.js';
import type { Pyramid } from '../../kernel/zoom/pyramid-index.js';
import type { BackgroundWork } from '../background-work.js';
import type { BlobTiers } from '../blob-tiers.js';
import { makeOnce } from '../make-once.js';
import type { SourceMaker } from '../source-maker.js';
import { isFaultOfSource } from '../source-refusals.js';
import { Recent } from './recent.js';
import { type SourceCopies, sourceGone } from './source-copies.js';

/** A source whose pyramid failed by its own fault is refused for so long without a look. */
const REFUSED_MS = 60_000;
const MAX_REFUSED = 1_000;
/** A pyramid that is swept between storing and committing twice in a row is a fault. */
const MAX_ATTEMPTS = 3;
/** What a client is told to wait that has waited for a pyramid in vain. */
const RETRY_SECONDS = 5;
/** Pyramids under way or waiting: each takes a copy of its source, which no upload has paid for. */
const MAX_FLIGHTS = 32;

export interface PyramidMakerDeps {
  readonly catalog: Catalog;
  readonly blobs: BlobTiers;
  /** For pyramids alone: it may take minutes for one. */
  readonly converter: Converter;
  readonly maker: Pick<SourceMaker, 'finish'>;
  /** Absent where no other process shares the catalog. */
  readonly leases?: Leases;
  readonly background: BackgroundWork;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly onStored: (bytes: number) => void;
  readonly onFull?: () => void;
  readonly copies: SourceCopies;
  /** How long somebody is let wait for a pyramid. */
  readonly waitMs: number;
}

/** A page whose tiles are asked for. */
export interface PageOfSource {
  readonly record: SourceRecord;
  /** From 1. */
  readonly page: number;
  /** Of the upright page. */
  readonly size: Size;
  readonly type: TileType;
}

export class PyramidMaker {
  /** By source and page; as many as background work lets begin. */
  private readonly flights = new Map<string, Promise<Pyramid>>();
  private readonly refused = new Recent<string, { readonly error: unknown; readonly untilMs: number }>(MAX_REFUSED);

  constructor(private readonly deps: PyramidMakerDeps) {}

  /**
   * The pyramid of a page, made where there is none, or where its blob is `lost`. Throws `overloaded` when that takes too long;
   * the work goes on.
   */
  async made(of: PageOfSource, context: Context, lost = false): Promise<Pyramid> {
    const known = lost ? undefined : pyramidOfPage(of.record, of.page);
    return known ?? this.patiently(this.flightOf(of, context));
  }

  /** The same, however long it takes; rejects when `signal` aborts, and the work goes on. */
  async prepared(of: PageOfSource, context: Context, signal: AbortSignal): Promise<Pyramid> {
    signal.throwIfAborted();
    const flight = this.flightOf(of, context);
    return new Promise((resolve, reject) => {
      const leave = () => reject(signal.reason);
      signal.addEventListener('abort', leave);
      flight.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }

  private flightOf(of: PageOfSource, context: Context): Promise<Pyramid> {
    const name = nameOf(of);
    const refusal = this.refused.get(name);
    if (refusal && refusal.untilMs > this.deps.clock.monotonic()) throw refusal.error;
    return this.flights.get(name) ?? this.begin(name, of, context);
  }

  private begin(name: string, of: PageOfSource, context: Context): Promise<Pyramid> {
    const { background, clock, metrics, onFull } = this.deps;
    if (this.flights.size >= MAX_FLIGHTS) throw tooMany();
    let begun = false;
    const flight = new Promise<Pyramid>((resolve, reject) => {
      begun = background.run('make a pyramid', async (signal) => {
        const begunMs = clock.monotonic();
        let result = 'ok';
        try {
          resolve(await this.twice(of, context, signal));
        } catch (error) {
          result = error instanceof ProofsheetError ? error.code : signal.aborted ? 'aborted' : 'internal';
          if (isFaultOfSource(error)) this.refused.set(name, { error, untilMs: clock.monotonic() + REFUSED_MS });
          if (result === 'storage-full') onFull?.();
          reject(error);
        } finally {
          this.flights.delete(name);
          metrics.count('pyramids_total', { result });
          metrics.observe('pyramid_duration_seconds', (clock.monotonic() - begunMs) / 1_000);
        }
      });
    });
    // Not noted: nobody would ever take it away, and the picture would be refused for good.
    if (!begun) throw tooMany();
    flight.catch(() => undefined); // Whoever waits gets it through its own await.
    this.flights.set(name, flight);
    return flight;
  }

  /** A process that was killed under it need not be the picture's fault, the first time. */
  private async twice(of: PageOfSource, context: Context, signal: AbortSignal): Promise<Pyramid> {
    try {
      return await this.once(of, context, signal);
    } catch (error) {
      const wasKilled = error instanceof ProofsheetError && error.code === 'source-undecodable' && error.uncertain;
      if (!wasKilled || signal.aborted) throw error;
      return this.once(of, context, signal);
    }
  }

  private once(of: PageOfSource, context: Context, signal: AbortSignal): Promise<Pyramid> {
    const { leases, catalog, blobs } = this.deps;
    const { digest } = of.record;
    const look = async (): Promise<Pyramid | undefined> => {
      const record = await catalog.findSource(digest);
      const found = record && pyramidOfPage(record, of.page);
      return found && (await blobs.has(found.digest)) ? found : undefined;
    };
    const work = (): Promise<Pyramid> => this.make(of, context, signal);
    const what = of.page === 1 ? 'pyramid' : (`pyramid-${of.page}` as const);
    if (leases) return makeOnce(leases, digest, look, work, signal, what);
    return look().then((found) => found ?? work());
  }

  private async make({ record: before, ...of }: PageOfSource, context: Context, signal: AbortSignal): Promise<Pyramid> {
    const { copies, converter, maker } = this.deps;
    // What is still being made has its record when it is done, with all that a record says.
    const record = before.complete ? before : (await maker.finish(before, { priority: 'background', context })).record;
    return copies.with(record, 'pyramid', async (sourcePath, outputDir) => {
      const zoom = { kind: 'pyramid', type: of.type, page: of.page, size: of.size } as const;
      const job = { sourcePath, sourceBytes: record.bytes, formats: [], zoom, outputDir } as const;
      const { previews } = await converter.convert({ ...job, priority: 'background', context }, undefined, signal);
      return this.keep({ ...of, record }, previews[0]);
    });
  }

  private async keep({ record, page, size }: PageOfSource, made: MadePreview | undefined): Promise<Pyramid> {
    if (made?.indexDigest === undefined || made.widthPx !== size.widthPx || made.heightPx !== size.heightPx)
      throw new ProofsheetError('internal', 'the tiles that were made are not those of this picture');
    const { digest, bytes, indexDigest, type } = made;
    const pyramid: Pyramid = { digest, bytes, indexDigest, type: type === 'png' ? 'png' : 'jpg' };
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      await this.deps.blobs.putFile(digest, made.path, 'pyramid');
      const outcome = await this.deps.catalog.addPyramid(record.digest, { page, ...pyramid });
      if (outcome === 'no-source') throw sourceGone();
      if (outcome === 'no-blob') continue;
      this.deps.onStored(bytes);
      return pyramid;
    }
    throw new ProofsheetError('internal', 'the tiles were made but could not be kept; please try again');
  }

  private patiently(flight: Promise<Pyramid>): Promise<Pyramid> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(stillMaking()), this.deps.waitMs);
      flight.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}

function nameOf({ record, page }: PageOfSource): string {
  return `${record.digest}/${page}`;
}

function stillMaking(): ProofsheetError {
  return new ProofsheetError('overloaded', 'the tiles of this image are being made; try again in a few seconds', {
    retryAfterSeconds: RETRY_SECONDS,
  });
}

function tooMany(): ProofsheetError {
  return new ProofsheetError('overloaded', 'too much is being made at this moment; please try again', {
    retryAfterSeconds: RETRY_SECONDS,
  });
}
