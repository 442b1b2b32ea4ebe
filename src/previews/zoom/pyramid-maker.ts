// Makes the pyramid of a source from its kept bytes: one flight per source, a lease where nodes share the catalog, the blob before the
// record. A source that cannot be made one of is not tried again for a while.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../kernel/digest.js';
import { ProofsheetError } from '../../kernel/errors.js';
import type { Context } from '../../kernel/image-key.js';
import { usesAlpha } from '../../kernel/on-demand.js';
import type { Catalog } from '../../kernel/ports/catalog.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Converter, MadePreview } from '../../kernel/ports/converter.js';
import type { Leases } from '../../kernel/ports/leases.js';
import type { Metrics } from '../../kernel/ports/metrics.js';
import { contentDigestOf, type SourceRecord } from '../../kernel/source.js';
import type { TileType } from '../../kernel/zoom/pyramid.js';
import type { Pyramid } from '../../kernel/zoom/pyramid-index.js';
import type { BackgroundWork } from '../background-work.js';
import type { BlobTiers } from '../blob-tiers.js';
import { makeOnce } from '../make-once.js';
import type { SourceMaker } from '../source-maker.js';
import { isFaultOfSource } from '../source-refusals.js';
import { Recent } from './recent.js';

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
  /** On the blobs' file system. */
  readonly tmpDir: string;
  /** How long somebody is let wait for a pyramid. */
  readonly waitMs: number;
}

export type WithPyramid = SourceRecord & { readonly pyramid: Pyramid };

export class PyramidMaker {
  /** As many as background work lets begin. */
  private readonly flights = new Map<Digest, Promise<WithPyramid>>();
  private readonly refused = new Recent<Digest, { readonly error: unknown; readonly untilMs: number }>(MAX_REFUSED);

  constructor(private readonly deps: PyramidMakerDeps) {}

  /** What the tiles of a source are: PNG where pixels may be seen through. */
  static typeOf(record: SourceRecord): TileType {
    return record.pyramid?.type ?? (usesAlpha(record) ? 'png' : 'jpg');
  }

  /**
   * The record with its pyramid, made where there is none, or where its blob is `lost`. Throws `overloaded` when that takes too long;
   * the work goes on.
   */
  async made(record: SourceRecord, context: Context, lost = false): Promise<WithPyramid> {
    if (!lost && hasPyramid(record)) return record;
    const { digest } = record;
    const refusal = this.refused.get(digest);
    if (refusal && refusal.untilMs > this.deps.clock.monotonic()) throw refusal.error;
    return this.patiently(this.flights.get(digest) ?? this.begin(record, context));
  }

  private begin(record: SourceRecord, context: Context): Promise<WithPyramid> {
    const { background, clock, metrics, onFull } = this.deps;
    const { digest } = record;
    if (this.flights.size >= MAX_FLIGHTS) throw tooMany();
    const flight = new Promise<WithPyramid>((resolve, reject) => {
      const begun = background.run('make a pyramid', async (signal) => {
        const begunMs = clock.monotonic();
        let result = 'ok';
        try {
          resolve(await this.once(record, context, signal));
        } catch (error) {
          result = error instanceof ProofsheetError ? error.code : signal.aborted ? 'aborted' : 'internal';
          if (isFaultOfSource(error)) this.refused.set(digest, { error, untilMs: clock.monotonic() + REFUSED_MS });
          if (result === 'storage-full') onFull?.();
          reject(error);
        } finally {
          this.flights.delete(digest);
          metrics.count('pyramids_total', { result });
          metrics.observe('pyramid_duration_seconds', (clock.monotonic() - begunMs) / 1_000);
        }
      });
      if (!begun) reject(tooMany());
    });
    flight.catch(() => undefined); // Whoever waits gets it through its own await.
    this.flights.set(digest, flight);
    return flight;
  }

  private once(record: SourceRecord, context: Context, signal: AbortSignal): Promise<WithPyramid> {
    const { leases, catalog, blobs } = this.deps;
    const look = async (): Promise<WithPyramid | undefined> => {
      const found = await catalog.findSource(record.digest);
      return found && hasPyramid(found) && (await blobs.has(found.pyramid.digest)) ? found : undefined;
    };
    const work = (): Promise<WithPyramid> => this.make(record, context, signal);
    if (leases) return makeOnce(leases, record.digest, look, work, signal, 'pyramid');
    return look().then((found) => found ?? work());
  }

  private async make(before: SourceRecord, context: Context, signal: AbortSignal): Promise<WithPyramid> {
    const { tmpDir, blobs, converter, maker } = this.deps;
    // What is still being made writes its record when it is done, and knows nothing of a pyramid.
    const record = before.complete ? before : (await maker.finish(before, { priority: 'background', context })).record;
    const dir = await mkdtemp(join(tmpDir, 'pyramid-'));
    try {
      const sourcePath = join(dir, 'source');
      if (!(await blobs.copyTo(contentDigestOf(record), sourcePath))) throw gone();
      const { previews } = await converter.convert(
        {
          sourcePath,
          sourceBytes: record.bytes,
          formats: [],
          zoom: { kind: 'pyramid', type: PyramidMaker.typeOf(record) },
          priority: 'background',
          context,
          outputDir: dir,
        },
        undefined,
        signal,
      );
      return await this.keep(record, previews[0]);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  private async keep(record: SourceRecord, made: MadePreview | undefined): Promise<WithPyramid> {
    const { widthPx, heightPx } = record.info;
    if (made?.indexDigest === undefined || made.widthPx !== widthPx || made.heightPx !== heightPx)
      throw new ProofsheetError('internal', 'the tiles that were made are not those of this picture');
    const { digest, bytes, indexDigest, type } = made;
    const pyramid: Pyramid = { digest, bytes, indexDigest, type: type === 'png' ? 'png' : 'jpg' };
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      await this.deps.blobs.putFile(digest, made.path, 'pyramid');
      // As it is now: previews may have been added meanwhile.
      const current = await this.deps.catalog.findSource(record.digest);
      if (current === undefined) throw gone();
      const source = { ...current, pyramid };
      if ((await this.deps.catalog.commit({ source, groups: [], existing: 'keep' })).length > 0) continue;
      this.deps.onStored(bytes);
      return source;
    }
    throw new ProofsheetError('internal', 'the tiles were made but could not be kept; please try again');
  }

  private patiently(flight: Promise<WithPyramid>): Promise<WithPyramid> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(stillMaking()), this.deps.waitMs);
      flight.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}

function hasPyramid(record: SourceRecord): record is WithPyramid {
  return record.pyramid !== undefined;
}

function gone(): ProofsheetError {
  return new ProofsheetError(
    'unknown-image-key',
    'the source of this image is no longer kept, and its tiles are made of that; please upload it again',
  );
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
