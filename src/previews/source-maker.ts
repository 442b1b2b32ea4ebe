// Makes what is missing of a source: one flight per source digest converts, stores blobs before the record, and tells
// everybody who waits. Knows nothing of requests beyond the group they want and the format they wait for.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../kernel/digest.js';
import { ProofsheetError } from '../kernel/errors.js';
import { type Context, DEFAULT_CONTEXT } from '../kernel/image-key.js';
import type { Leases, Metrics, Priority } from '../kernel/ports.js';
import { contentDigestOf, type SourceRecord } from '../kernel/source.js';
import type { BackgroundWork } from './background-work.js';
import { Flight, type Made } from './flight.js';
import { makeOnce } from './make-once.js';
import { BlobsVanished, linkOrCopy, type MakeOptions, Making, type MakingDeps, type SourceFile } from './making.js';
import type { SourceRefusals } from './source-refusals.js';
import { unlessUnreachable } from './unreachable.js';

/** Blobs that vanish between storing and committing do so by a sweep at that very moment; twice in a row is a fault. */
const MAX_ATTEMPTS = 3;

export interface SourceMakerDeps extends MakingDeps {
  /** Absent where no other process shares the catalog. */
  readonly leases?: Leases;
  /** Conversions of one context under way or waiting, beyond which its uploads are refused; 0 or absent: no limit. */
  readonly contextMaxConversions?: number;
  /** Absent where failed sources are not remembered. */
  readonly refusals?: SourceRefusals;
  readonly metrics: Metrics;
  readonly background: BackgroundWork;
  /** On the blobs' file system, so that a blob is stored by a link. */
  readonly tmpDir: string;
}

export class SourceMaker {
  private readonly flights = new Map<Digest, Flight>();
  /** Flights by the context they were begun for; as many as there are flights. */
  private readonly flying = new Map<Context, number>();

  constructor(private readonly deps: SourceMakerDeps) {}

  /** Settles once the group stands and `wanted` (or the whole sequence) is stored. */
  make(source: SourceFile, options: MakeOptions): Promise<Made> {
    return untilKept(async (isFirst) => {
      const under = this.flights.get(source.digest);
      const flight = under ?? this.start(source, options, !isFirst);
      if (under) this.deps.metrics.count('deduplicated_uploads_total');
      const made = await (options.wanted ? flight.answering(options.wanted) : flight.done());
      return under === undefined || (await this.attach(made, options)) ? made : undefined;
    });
  }

  /** Brings an incomplete or outdated record up to date from the kept source; shares a flight that is under way. */
  finish(record: SourceRecord, priority: Priority): Promise<Made> {
    return untilKept(() => {
      const under = this.flights.get(record.digest);
      if (under) return under.done();
      return this.withKeptSource(record, (source) =>
        this.make(source, { groups: [], existing: 'keep', context: DEFAULT_CONTEXT, priority }),
      );
    });
  }

  /** Makes every preview again from the kept source, whatever the catalog says about them. */
  remakeFromKept(record: SourceRecord, priority: Priority): Promise<Made> {
    return this.withKeptSource(record, (source) =>
      this.remake(source, { groups: [], existing: 'keep', context: DEFAULT_CONTEXT, priority }),
    );
  }

  /**
   * The same from a file at hand. A flight that is under way is shared: it ends with every preview stored, or, when it
   * took up an interrupted sequence, finds that one of those made before is lost; then they are all made again.
   */
  remake(source: SourceFile, options: MakeOptions): Promise<Made> {
    return untilKept(async () => {
      const under = this.flights.get(source.digest);
      const made = await (under ?? this.start(source, options, true)).done();
      return under === undefined || options.groups.length === 0 || (await this.attach(made, options))
        ? made
        : undefined;
    });
  }

  private async withKeptSource<T>(record: SourceRecord, use: (source: SourceFile) => Promise<T>): Promise<T> {
    const dir = await mkdtemp(join(this.deps.tmpDir, 'kept-'));
    try {
      const path = join(dir, 'source');
      if (!(await this.deps.blobs.copyTo(contentDigestOf(record), path))) {
        throw new ProofsheetError('unknown-image-key', 'this image is no longer kept; please upload it again');
      }
      const { digest, contentDigest, bytes } = record;
      return await use({ path, digest, bytes, ...(contentDigest && { contentDigest }) });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  isBusyWith(digest: Digest): boolean {
    return this.flights.has(digest);
  }

  private start(source: SourceFile, options: MakeOptions, anew: boolean): Flight {
    const flight = new Flight(options.wanted);
    const { context } = options;
    const flying = this.flying.get(context) ?? 0;
    const limit = this.deps.contextMaxConversions ?? 0;
    // What nobody waits for belongs to no upload, and is bounded by the queue.
    if (limit > 0 && flying >= limit && options.groups.length > 0)
      throw new ProofsheetError('over-quota', `expected at most ${limit} conversions of this context at once`, {
        retryAfterSeconds: 2,
      });
    const begun = this.deps.background.run('make previews', async (signal) => {
      try {
        await this.fly(flight, source, options, anew, signal);
      } catch (error) {
        this.land(flight, source.digest);
        flight.failed(error);
      } finally {
        const left = (this.flying.get(context) ?? 1) - 1;
        if (left > 0) this.flying.set(context, left);
        else this.flying.delete(context);
      }
    });
    if (!begun)
      throw new ProofsheetError('overloaded', 'too many sources are being converted; please try again', {
        retryAfterSeconds: 2,
      });
    this.flights.set(source.digest, flight);
    this.flying.set(context, flying + 1);
    return flight;
  }

  /** Before its outcome is told: whoever finds a blob missing after that needs a flight of its own to make it again. */
  private land(flight: Flight, digest: Digest): void {
    if (this.flights.get(digest) === flight) this.flights.delete(digest);
  }

  private async attach({ record, unstored }: Made, { groups, existing }: MakeOptions): Promise<boolean> {
    if (unstored) return true;
    return (await this.deps.catalog.commit({ source: record, groups, existing })).length === 0;
  }

  private async fly(
    flight: Flight,
    source: SourceFile,
    options: MakeOptions,
    anew: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const look = async (): Promise<Made | undefined> => {
      if (anew) return undefined;
      const known = await this.adopt(source.digest, options);
      if (known === undefined) await this.deps.refusals?.check(source.digest);
      return known;
    };
    const known = await look();
    if (known) {
      this.land(flight, source.digest);
      return flight.finished(known);
    }
    const dir = await mkdtemp(join(this.deps.tmpDir, 'make-'));
    try {
      // A name of our own: the flight may outlast the upload it was begun for.
      const own = { ...source, path: join(dir, 'source') };
      await linkOrCopy(source.path, own.path);
      const { leases, refusals } = this.deps;
      const convert = () => new Making(this.deps, flight, own, dir, options, signal).run(anew);
      // Noted before the lease ends: who waits for it looks for the refusal as well as for the record.
      const work = () => (refusals ? refusals.noting(source.digest, convert) : convert());
      const made = leases ? await makeOnce(leases, source.digest, look, work, signal) : await work();
      this.land(flight, source.digest);
      flight.finished(made);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  /** The record as somebody made it before, with our groups attached; `undefined` when there is work to do. */
  private async adopt(digest: Digest, options: MakeOptions): Promise<Made | undefined> {
    const record = await unlessUnreachable(this.deps.catalog.findSource(digest));
    if (record === undefined || !record.complete || record.sequenceId !== this.deps.sequence.id) return undefined;
    const missing = await this.deps.catalog.commit({
      source: record,
      groups: options.groups,
      existing: options.existing,
    });
    if (missing.length > 0) return undefined;
    this.deps.metrics.count('deduplicated_uploads_total');
    return { record };
  }
}

/** Attempts again while blobs vanish, or `attempt` came to nothing; the first one may build on what was made before. */
async function untilKept(attempt: (isFirst: boolean) => Promise<Made | undefined>): Promise<Made> {
  for (let attempts = 1; attempts <= MAX_ATTEMPTS; attempts++) {
    try {
      const made = await attempt(attempts === 1);
      if (made) return made;
    } catch (error) {
      if (!(error instanceof BlobsVanished)) throw error;
    }
  }
  throw new ProofsheetError('internal', 'the previews were made but could not be kept; please try again');
}
