// Makes what is missing of a source: one flight per source digest converts, stores blobs before the record, and tells
// everybody who waits. Knows nothing of requests beyond the group they want and the format they wait for.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../kernel/digest.js';
import { ProofsheetError, wantsRoom } from '../kernel/errors.js';
import { type Format, parseFormat } from '../kernel/format.js';
import { type Context, clientContextOf } from '../kernel/image-key.js';
import { missingFor, missingFormats } from '../kernel/on-demand.js';
import type { Place } from '../kernel/ports/converter.js';
import type { Leases } from '../kernel/ports/leases.js';
import type { Metrics } from '../kernel/ports/metrics.js';
import type { Span, Traces } from '../kernel/ports/traces.js';
import { contentDigestOf, ownPreviews, recordFor, type SourceRecord } from '../kernel/source.js';
import type { BackgroundWork } from './background-work.js';
import { Flight, type Made } from './flight.js';
import { makeOnce } from './make-once.js';
import { BlobsVanished, linkOrCopy, type MakeOptions, Making, type MakingDeps, type SourceAtHand } from './making.js';
import { removeScratch } from './scratch.js';
import type { SourceRefusals } from './source-refusals.js';
import { unlessUnreachable } from './unreachable.js';

/** Blobs that vanish between storing and committing do so by a sweep at that very moment; twice in a row is a fault. */
const MAX_ATTEMPTS = 3;

/** Flights from kept sources at once: each takes a file of the source's size, which no upload has paid for. */
const MAX_FLIGHTS_FROM_KEPT = 32;
/** Flights of others that somebody waits for in vain before the next failure counts as theirs too. */
const MAX_RIDES = 2;
/** Rides and flights of one request for its format of a sequence that others make other formats of: as many as there may be, and some. */
const MAX_TURNS = 40;
const NO_GROUPS = { groups: [], existing: 'keep' } as const;

/** A source and how a flight comes by a file of it. */
interface Origin extends Omit<SourceAtHand, 'path'> {
  /** From the store, not from an upload. */
  readonly fromStore: boolean;
  /** Makes the file `path` with its bytes. Throws `unknown-image-key` when they are gone. */
  readonly placeAt: (path: string) => Promise<void>;
}

type Attached = Pick<MakeOptions, 'groups' | 'existing' | 'wanted' | 'only'>;

export interface SourceMakerDeps extends MakingDeps {
  /** Absent where no other process shares the catalog. */
  readonly leases?: Leases;
  /** Conversions of one context under way or waiting, beyond which its uploads are refused; 0 or absent: no limit. */
  readonly contextMaxConversions?: () => number;
  /** `false`: of an upload only what is asked for is made, and the rest when it is. */
  readonly preConvert?: boolean;
  /** Absent where failed sources are not remembered. */
  readonly refusals?: SourceRefusals;
  readonly metrics: Metrics;
  /** Absent where nobody traces. */
  readonly traces?: Pick<Traces, 'within'>;
  readonly background: BackgroundWork;
  /** Told when the disk takes no more. */
  readonly onFull?: () => void;
  /** On the blobs' file system, so that a blob is stored by a link. */
  readonly tmpDir: string;
}

export class SourceMaker {
  private readonly flights = new Map<Digest, Flight>();
  /** Flights by the context they were begun for; as many as there are flights. */
  private readonly flying = new Map<Context, number>();
  private flyingFromKept = 0;

  constructor(private readonly deps: SourceMakerDeps) {}

  /** Settles once the group stands and `wanted` (or the whole sequence, or of one that is made on demand its first format) is stored. */
  make(source: SourceAtHand, given: MakeOptions): Promise<Made> {
    const { wanted } = given;
    const options =
      this.deps.preConvert === false ? { ...given, only: wanted ? ('wanted' as const) : this.firstFormat } : given;
    return untilKept((isFirst) => {
      if (this.flights.has(source.digest)) this.deps.metrics.count('deduplicated_uploads_total');
      return this.ride(fromFile(source), options, !isFirst, (flight) =>
        wanted ? flight.answering(wanted, options) : flight.done(options),
      );
    });
  }

  private get firstFormat(): readonly Format[] {
    return this.deps.sequence.formats.slice(0, 1);
  }

  /** Lets the groups point to a source of which nothing is left to be made; `undefined` where there is work to do. */
  async attachKnown(
    digest: Digest,
    groups: Pick<MakeOptions, 'groups' | 'existing'>,
  ): Promise<SourceRecord | undefined> {
    const only = this.deps.preConvert === false ? { only: this.firstFormat } : {};
    return (await this.adopt(digest, { ...groups, ...only }))?.record;
  }

  /** Makes what answers `wanted` from the kept source, and nothing else. Throws `unknown-image-key` when the source is gone. */
  makeFromKept(record: SourceRecord, wanted: Format, place: Place): Promise<Made> {
    const options: MakeOptions = { ...NO_GROUPS, ...place, wanted, only: 'wanted' };
    return untilKept((isFirst) =>
      this.ride({ ...this.fromKept(record), isKept: isFirst }, options, !isFirst, (flight) =>
        flight.answering(wanted, place),
      ),
    );
  }

  /** Brings an incomplete or outdated record up to date from the kept source; shares a flight that is under way. */
  finish(record: SourceRecord, place: Place): Promise<Made> {
    const options: MakeOptions = { ...NO_GROUPS, ...place };
    return untilKept((isFirst) => this.ride(this.fromKept(record), options, !isFirst, (flight) => flight.done(place)));
  }

  /** Makes every preview that the record has again from the kept source, whatever the catalog says about them. */
  remakeFromKept(record: SourceRecord, place: Place): Promise<Made> {
    const options: MakeOptions = { ...NO_GROUPS, ...place, ...onlyOf(record) };
    return untilKept(() => this.ride(this.fromKept(record), options, true, (flight) => flight.done(place)));
  }

  /**
   * The same from a file at hand. A flight that is under way is shared: it ends with every preview stored, or, when it
   * took up an interrupted sequence, finds that one of those made before is lost; then they are all made again.
   */
  remake(source: SourceAtHand, record: SourceRecord, given: MakeOptions): Promise<Made> {
    const options = { ...given, ...onlyOf(record) };
    return untilKept(() => this.ride(fromFile(source), options, true, (flight) => flight.done(options)));
  }

  /**
   * Waits with those whose flight is under way, and has the groups attached; begins one where there is none, where the other's made
   * something else, or where it failed for a reason that is not ours: its crowd was too large, its kept source was gone.
   * `undefined`: blobs vanished meanwhile.
   */
  private async ride(
    source: Origin,
    options: MakeOptions,
    anew: boolean,
    wait: (flight: Flight) => Promise<Made>,
  ): Promise<Made | undefined> {
    let failures = 0;
    for (let turns = 1; ; turns++) {
      const under = this.flights.get(source.digest);
      try {
        const made = await (under ? this.waitFor(under, wait) : wait(this.start(source, options, anew)));
        if (under && !(await this.attach(made, options))) return undefined;
        if (turns === MAX_TURNS || made.unstored || this.isEnough(made.record, options)) return made;
      } catch (error) {
        if (under === undefined || failures++ === MAX_RIDES || !isOfOthers(error)) throw error;
      }
    }
  }

  /** Whether the record has what was asked for, as far as that is to be made at all. */
  private isEnough(record: SourceRecord, { wanted, only }: Pick<MakeOptions, 'wanted' | 'only'>): boolean {
    const { sequence } = this.deps;
    if (wanted) return missingFor(record, wanted, sequence).length === 0;
    return only !== undefined || missingFormats(record, sequence).length === 0;
  }

  /** The copy is made by the flight, once it is admitted. */
  private fromKept(record: SourceRecord): Origin {
    const { digest, contentDigest, bytes } = record;
    return {
      digest,
      ...(contentDigest && { contentDigest }),
      bytes,
      fromStore: true,
      placeAt: async (path) => {
        if (await this.deps.blobs.copyTo(contentDigestOf(record), path)) return;
        throw new ProofsheetError('unknown-image-key', 'this image is no longer kept; please upload it again');
      },
    };
  }

  isBusyWith(digest: Digest): boolean {
    return this.flights.has(digest);
  }

  private start(source: Origin, options: MakeOptions, anew: boolean): Flight {
    if (source.fromStore && this.flyingFromKept >= MAX_FLIGHTS_FROM_KEPT) throw tooMany();
    const flight = new Flight(options.wanted);
    // Whether a tenant uploads or imports, it has one share.
    const context = clientContextOf(options.context);
    const flying = this.flying.get(context) ?? 0;
    const limit = this.deps.contextMaxConversions?.() ?? 0;
    // What nobody waits for belongs to no upload, and is bounded by the queue.
    if (limit > 0 && flying >= limit && options.groups.length > 0)
      throw new ProofsheetError('over-quota', `expected at most ${limit} conversions of this context at once`, {
        retryAfterSeconds: 2,
      });
    const begun = this.deps.background.run('make previews', async (signal) => {
      try {
        await this.traced(flight, source, () => this.fly(flight, source, options, anew, signal));
      } catch (error) {
        this.land(flight, source.digest);
        flight.failed(error);
        if (wantsRoom(error)) this.deps.onFull?.();
      } finally {
        const left = (this.flying.get(context) ?? 1) - 1;
        if (left > 0) this.flying.set(context, left);
        else this.flying.delete(context);
        if (source.fromStore) this.flyingFromKept--;
      }
    });
    if (!begun) throw tooMany();
    this.flights.set(source.digest, flight);
    this.flying.set(context, flying + 1);
    if (source.fromStore) this.flyingFromKept++;
    return flight;
  }

  private traced(flight: Flight, { bytes }: Origin, fly: () => Promise<void>): Promise<void> {
    const { traces } = this.deps;
    if (traces === undefined) return fly();
    const begun = (span: Span): Promise<void> => {
      flight.span = span;
      return fly();
    };
    return traces.within('make previews', begun, { facts: { 'proofsheet.source.bytes': bytes } });
  }

  private waitFor(flight: Flight, wait: (flight: Flight) => Promise<Made>): Promise<Made> {
    const { traces } = this.deps;
    if (traces === undefined) return wait(flight);
    return traces.within('wait for previews', () => wait(flight), { waitsFor: flight.span });
  }

  /** Before its outcome is told: whoever finds a blob missing after that needs a flight of its own to make it again. */
  private land(flight: Flight, digest: Digest): void {
    if (this.flights.get(digest) === flight) this.flights.delete(digest);
  }

  private async attach({ record, unstored }: Made, { groups, existing }: MakeOptions): Promise<boolean> {
    if (unstored || groups.length === 0) return true;
    if ((await this.deps.catalog.commit({ source: record, groups, existing })).length > 0) return false;
    this.deps.onGroups?.(groups, record.bytes);
    return true;
  }

  private async fly(
    flight: Flight,
    source: Origin,
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
    // Of bytes at hand mostly nothing comes to be a file.
    const dir = source.content
      ? join(this.deps.tmpDir, `make-${randomUUID()}`)
      : await mkdtemp(join(this.deps.tmpDir, 'make-'));
    try {
      // A name of our own: the flight may outlast the upload it was begun for.
      const own: SourceAtHand = { ...fileFieldsOf(source), path: source.content ? '' : join(dir, 'source') };
      if (!source.content) await source.placeAt(own.path);
      const { leases, refusals } = this.deps;
      const convert = () => new Making(this.deps, flight, own, dir, options, signal).run(anew);
      // Noted before the lease ends: who waits for it looks for the refusal as well as for the record.
      const work = () => (refusals ? refusals.noting(source.digest, convert) : convert());
      const made = leases ? await makeOnce(leases, source.digest, look, work, signal) : await work();
      this.land(flight, source.digest);
      flight.finished(made);
    } finally {
      // One look at once costs less than two in turn through the thread pool.
      if (!source.content || existsSync(dir)) await removeScratch(dir);
    }
  }

  /** The record as somebody made it before, with our groups attached; `undefined` when there is work to do. */
  private async adopt(digest: Digest, options: Attached): Promise<Made | undefined> {
    const found = await unlessUnreachable(this.deps.catalog.findSource(digest));
    const record = found && recordFor(found, this.deps.sequence.id);
    const { sequence } = this.deps;
    if (record === undefined || !record.complete || record.sequenceId !== sequence.id) return undefined;
    // An upload brings the source again from which the rest is to be made.
    const needsSource = options.only !== undefined && missingFormats(record, sequence).length > 0 && !record.sourceKept;
    if (needsSource || !this.isEnough(record, options)) return undefined;
    const missing = await this.deps.catalog.commit({
      source: record,
      groups: options.groups,
      existing: options.existing,
    });
    if (missing.length > 0) return undefined;
    this.deps.metrics.count('deduplicated_uploads_total');
    this.deps.onGroups?.(options.groups, record.bytes);
    return { record };
  }
}

function fromFile(source: SourceAtHand): Origin {
  return { ...fileFieldsOf(source), fromStore: false, placeAt: (path) => linkOrCopy(source.path, path) };
}

function fileFieldsOf(source: Omit<SourceAtHand, 'path'>): Omit<SourceAtHand, 'path'> {
  const { content, digest, contentDigest, bytes, isKept } = source;
  return {
    ...(content && { content }),
    digest,
    ...(contentDigest && { contentDigest }),
    bytes,
    ...(isKept && { isKept }),
  };
}

/** Of a sequence that is made on demand: what was asked for so far. */
function onlyOf(record: SourceRecord): Pick<MakeOptions, 'only'> {
  if (!record.onDemand) return {};
  const made = new Set(ownPreviews(record).flatMap(({ formats }) => formats));
  return made.size === 0 ? {} : { only: [...made].map(parseFormat) };
}

/** Whether a flight failed for what was the matter with those who began it, not with the source. */
function isOfOthers(error: unknown): boolean {
  return error instanceof ProofsheetError && ['overloaded', 'over-quota', 'unknown-image-key'].includes(error.code);
}

function tooMany(): ProofsheetError {
  return new ProofsheetError('overloaded', 'too many sources are being converted; please try again', {
    retryAfterSeconds: 2,
  });
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
