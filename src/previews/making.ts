// The making of one source's previews, from its file to its complete record: blobs before record, the wanted preview first.
import { copyFile, link, readFile, unlink, writeFile } from 'node:fs/promises';
import { type Digest, digestOf } from '../kernel/digest.js';
import { ProofsheetError } from '../kernel/errors.js';
import type { Format } from '../kernel/format.js';
import type { GroupRef } from '../kernel/image-key.js';
import { missingFor, missingFormats } from '../kernel/on-demand.js';
import type { Catalog, CommitRequest } from '../kernel/ports/catalog.js';
import type {
  Conversion,
  ConversionJob,
  Converter,
  MadePreview,
  Place,
  WantedReady,
} from '../kernel/ports/converter.js';
import type { Sequence } from '../kernel/sequence.js';
import {
  contentDigestOf,
  type Metadata,
  otherPreviews,
  ownPreviews,
  type Preview,
  recordFor,
  type SourceInfo,
  type SourceRecord,
} from '../kernel/source.js';
import type { BlobTiers } from './blob-tiers.js';
import type { Flight, Made } from './flight.js';
import { isFaultOfSource } from './source-refusals.js';
import { isUnreachable, unlessUnreachable } from './unreachable.js';

export interface MakingDeps {
  readonly catalog: Catalog;
  readonly blobs: BlobTiers;
  readonly converter: Converter;
  readonly sequence: Sequence;
  readonly keepSource: boolean;
  /** Told how many bytes were stored, so that limits are looked after in time. */
  readonly onStored: (bytes: number) => void;
  /** Told which groups point to a source from now on, of so many bytes. */
  readonly onGroups?: (groups: readonly GroupRef[], sourceBytes: number) => void;
}

/** A file with the source's bytes, which has to stay until `make` settles, not longer; or the bytes of a small source. */
export interface SourceAtHand {
  /** Empty where `content` has the bytes. */
  readonly path: string;
  readonly content?: Buffer;
  /** What its record is found by. */
  readonly digest: Digest;
  /** The digest of its bytes where that is another one. */
  readonly contentDigest?: Digest;
  readonly bytes: number;
  /** It was copied from the store, which need not be given it again. */
  readonly isKept?: boolean;
}

/** Its place is that of the conversion that is waited for; what remains after a wanted preview is background, unless somebody waits. */
export interface MakeOptions extends Place {
  /** Settle as soon as this can be answered. */
  readonly wanted?: Format;
  /** Make these formats alone, or what answers `wanted`, and leave the rest of the sequence to those who ask for it. */
  readonly only?: readonly Format[] | 'wanted';
  /** The groups to point to the source, and what happens to those that exist. */
  readonly groups: CommitRequest['groups'];
  readonly existing: CommitRequest['existing'];
}

/** A blob was swept between storing and committing it: nothing was written, and trying again is right. */
export class BlobsVanished extends Error {}

export class Making {
  private stored: readonly Preview[] = [];
  /** What other sequences have made of the source, which stays for the servers that make those. */
  private others: readonly Preview[] = [];
  /** What the source said of itself when its first preview was stored. */
  private soFar: Pick<Conversion, 'info' | 'metadata'> | undefined;
  private groupsCommitted = false;
  private unstored: ProofsheetError | undefined;
  private sourcePrepared: Promise<void> | undefined;
  private sourceStored: Promise<void> | undefined;

  constructor(
    private readonly deps: MakingDeps,
    private readonly flight: Flight,
    private readonly source: SourceAtHand,
    private readonly dir: string,
    private readonly options: MakeOptions,
    private readonly signal: AbortSignal,
  ) {}

  async run(anew: boolean): Promise<Made> {
    if (this.deps.keepSource || this.options.wanted) this.prepareSource();
    try {
      return await this.make(anew);
    } finally {
      // The file is about to go.
      await this.sourcePrepared?.catch(() => undefined);
    }
  }

  private async make(anew: boolean): Promise<Made> {
    const { id } = this.deps.sequence;
    const found = anew ? undefined : await unlessUnreachable(this.deps.catalog.findSource(this.source.digest));
    if (found) this.others = otherPreviews(found, id);
    const before = found && recordFor(found, id);
    const { only } = this.options;
    if (before && before.sequenceId === id) return only ? this.add(before, only) : this.resume(before);
    if (only) return this.complete(await this.convertOnly(only));
    return this.complete(await this.orNothingMore(this.convert(this.options, this.options.wanted)));
  }

  /** An interrupted sequence goes on where it stopped. */
  private async resume(before: SourceRecord): Promise<Made> {
    this.stored = ownPreviews(before);
    this.soFar = before;
    return this.complete(await this.orNothingMore(this.convert(this.options)));
  }

  /** What is asked for beside what is there; the source is kept again where it no longer was. */
  private async add(before: SourceRecord, only: readonly Format[] | 'wanted'): Promise<Made> {
    this.stored = ownPreviews(before);
    const { sequence } = this.deps;
    const missing = missingFormats(before, sequence);
    const asked =
      only === 'wanted'
        ? this.options.wanted && missingFor(before, this.options.wanted, sequence)
        : only.filter(({ text }) => missing.some((format) => format.text === text));
    if (!asked || asked.length === 0)
      return this.complete({ info: before.info, metadata: before.metadata, previews: [] });
    return this.complete(await this.convertOnly(asked));
  }

  /** These formats, or what answers the wanted one, as they are made among the whole sequence. */
  private convertOnly(only: readonly Format[] | 'wanted'): Promise<Conversion> {
    const { wanted } = this.options;
    if (only === 'wanted') return this.convertJob(this.options, { ...(wanted && { wanted, wantedOnly: true }) });
    const others = this.deps.sequence.formats.filter(({ text }) => only.every((format) => format.text !== text));
    return this.convertJob(this.options, { made: others.map(({ text }) => text) });
  }

  /** A source that fails after its first preview was made has shown all it can show: it is complete with that. */
  private async orNothingMore(rest: Promise<Conversion>): Promise<Conversion> {
    try {
      return await rest;
    } catch (error) {
      if (!isFaultOfSource(error) || this.soFar === undefined || this.stored.length === 0) throw error;
      return { info: this.soFar.info, metadata: this.soFar.metadata, previews: [] };
    }
  }

  private async convert(place: Place, wanted?: Format): Promise<Conversion> {
    const made = this.madeFormats();
    let wantedStored: Promise<void> | undefined;
    try {
      const asked = { ...(made.length > 0 && { made }), ...(wanted && { wanted }) };
      return await this.convertJob(place, asked, (info, metadata, preview) => {
        wantedStored = this.storeWanted(info, metadata, [preview]);
        wantedStored.catch(() => undefined); // Awaited below.
      });
    } finally {
      await wantedStored;
    }
  }

  private convertJob(
    { priority, context }: Place,
    asked: Pick<ConversionJob, 'made' | 'wanted' | 'wantedOnly'>,
    onWanted?: WantedReady,
  ): Promise<Conversion> {
    const job: ConversionJob = {
      sourcePath: this.source.path,
      ...(this.source.content && { content: this.source.content }),
      sourceBytes: this.source.bytes,
      formats: this.deps.sequence.formats,
      ...asked,
      priority,
      context,
      joined: this.flight.waiting,
      outputDir: this.dir,
    };
    return this.deps.converter.convert(job, onWanted, this.signal);
  }

  /** What need not be made again; nothing where that would be all of the sequence, and the record is incomplete all the same. */
  private madeFormats(): readonly string[] {
    const made = this.stored.flatMap((preview) => preview.formats);
    return this.deps.sequence.formats.every(({ text }) => made.includes(text)) ? [] : made;
  }

  private async storeWanted(info: SourceInfo, metadata: Metadata, previews: readonly MadePreview[]): Promise<void> {
    // The source is kept until the sequence is complete: a crash from here on loses no part of it.
    await Promise.all([this.storeSource(), this.store(previews)]);
    const record = this.record(info, metadata, false);
    await this.commit(record);
    this.soFar = record;
    this.flight.begun(this.made(record));
  }

  private async complete({ info, metadata, previews }: Conversion): Promise<Made> {
    const source = this.deps.keepSource && !this.source.isKept ? this.storeSource() : undefined;
    await Promise.all([source, this.store(previews)]);
    const whole = this.record(info, metadata, true);
    const partial: SourceRecord = { ...whole, onDemand: true };
    const isPartial = this.options.only !== undefined && missingFormats(partial, this.deps.sequence).length > 0;
    const record = isPartial ? partial : whole;
    await this.commit(record);
    return this.made(record);
  }

  private record(info: SourceInfo, metadata: Metadata, complete: boolean): SourceRecord {
    return {
      digest: this.source.digest,
      ...(this.source.contentDigest && { contentDigest: this.source.contentDigest }),
      bytes: this.source.bytes,
      info,
      metadata,
      sequenceId: this.deps.sequence.id,
      previews: [...this.stored, ...this.others],
      complete,
      sourceKept: !complete || this.deps.keepSource,
    };
  }

  private made(record: SourceRecord): Made {
    return { record, ...(this.unstored && { unstored: this.unstored }) };
  }

  /** The disk may take the source while it is being converted. Nothing of it is stored: it may not be an image at all. */
  private prepareSource(): Promise<void> {
    const { path, content } = this.source;
    this.sourcePrepared ??= (async () => (content ? undefined : this.deps.blobs.prepareFile?.(path)))();
    this.sourcePrepared.catch(() => undefined); // Awaited where it is stored.
    return this.sourcePrepared;
  }

  private storeSource(): Promise<void> {
    this.sourceStored ??= (async () => {
      await this.prepareSource();
      const { path, content } = this.source;
      const digest = contentDigestOf(this.source);
      const { blobs } = this.deps;
      // Hashed on its way in, or when it was copied from a store: a large file is not read a second time for that.
      await this.tolerateUnreachable(
        content ? blobs.putUnread(digest, content, 'source') : blobs.putFile(digest, path, 'source', true),
      );
      this.deps.onStored(this.source.bytes);
    })();
    return this.sourceStored;
  }

  private async store(previews: readonly MadePreview[]): Promise<void> {
    const known = new Set(this.stored.map((preview) => preview.digest));
    const fresh = previews.filter((preview) => !known.has(preview.digest));
    await Promise.all(
      fresh.map(async (preview) => {
        await this.tolerateUnreachable(this.storePreview(preview));
        this.deps.onStored(preview.bytes);
      }),
    );
    // What has the bytes of one that is stored answers its formats too.
    const stored = this.stored.map((preview) => {
      const again = previews.find(({ digest }) => digest === preview.digest);
      return again ? { ...preview, formats: [...new Set([...preview.formats, ...again.formats])] } : preview;
    });
    this.stored = inSequenceOrder(this.deps.sequence, [
      ...stored,
      ...fresh.map(({ path: _, content: __, ...preview }) => preview),
    ]);
  }

  /** The store refuses bytes that are not those of the digest: then it was the converter that did not tell the truth. */
  private async storePreview(preview: MadePreview): Promise<void> {
    const { digest, path, content } = preview;
    const { blobs } = this.deps;
    try {
      await (content ? blobs.putUnread(digest, content, 'preview') : blobs.putFile(digest, path, 'preview'));
    } catch (error) {
      const isStores = !(error instanceof ProofsheetError) || error.code !== 'internal';
      if (isStores || digestOf(content ?? (await readFile(path))) === digest) throw error;
      this.deps.converter.distrust(preview);
      throw new ProofsheetError(
        'source-undecodable',
        'the image cannot be decoded: its previews are not what the decoder said of them',
        { cause: error, uncertain: true },
      );
    }
  }

  private async commit(source: SourceRecord): Promise<void> {
    const groups = this.groupsCommitted ? [] : this.options.groups;
    const missing = await this.tolerateUnreachable(
      this.deps.catalog.commit({ source, groups, existing: this.options.existing }),
    );
    if (missing && missing.length > 0) {
      // Not swept, but never taken by a tier that was away: that is known, and nothing is acknowledged.
      if (this.unstored) return;
      throw new BlobsVanished(`${missing.length} blobs were swept before their record was committed`);
    }
    this.groupsCommitted = true;
    if (missing) this.deps.onGroups?.(groups, source.bytes);
  }

  private async tolerateUnreachable<T>(step: Promise<T>): Promise<T | undefined> {
    try {
      return await step;
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      this.unstored = error;
      return undefined;
    }
  }
}

/** Previews in the order in which the sequence names their first format. */
function inSequenceOrder(sequence: Sequence, previews: readonly Preview[]): readonly Preview[] {
  const order = new Map(sequence.formats.map((format, index) => [format.text, index]));
  const place = (preview: Preview): number =>
    Math.min(...preview.formats.map((text) => order.get(text) ?? Number.POSITIVE_INFINITY));
  return previews.toSorted((a, b) => place(a) - place(b));
}

/** The source of an upload as a file at `to`, whether it came with a file or as bytes. */
export async function placeUpload(
  { path, content }: Pick<SourceAtHand, 'path' | 'content'>,
  to: string,
): Promise<void> {
  await (content ? writeFile(to, content) : linkOrCopy(path, to));
}

/** A second name for a file; a copy where the file system has no hard links. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch {
    await copyFile(from, to);
  }
}

/** Removes a file that may be gone: in one turn through the thread pool, where `rm` takes two. */
export async function unlinkIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
