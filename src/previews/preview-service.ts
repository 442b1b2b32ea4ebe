// The use cases: choose, read, cache, clear, count and list. Everything a client can ask for, in the words of the kernel;
// how previews are made, healed and evicted is next door.
import { unlink } from 'node:fs/promises';
import { type Digest, scopedDigest } from '../kernel/digest.js';
import { ProofsheetError } from '../kernel/errors.js';
import type { Format } from '../kernel/format.js';
import type { Context, GroupRef, ImageKey } from '../kernel/image-key.js';
import { answerOf, missingFor } from '../kernel/on-demand.js';
import type { Catalog, Selection } from '../kernel/ports/catalog.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Sequence } from '../kernel/sequence.js';
import { type CatalogEntry, contentDigestOf, ownPreviews, recordFor, type SourceRecord } from '../kernel/source.js';
import type { AccessJournal } from './access-journal.js';
import type { GroupMetadata, PicturePart, PreviewBytes, PreviewChoice, Previews, Upload } from './answers.js';
import type { BlobTiers } from './blob-tiers.js';
import { answers } from './flight.js';
import { groupMetadata } from './group-metadata.js';
import type { Healer } from './healer.js';
import type { SourceAtHand } from './making.js';
import type { Refresher } from './refresher.js';
import type { SourceMaker } from './source-maker.js';
import { isFaultOfSource } from './source-refusals.js';
import { type ContentGuard, guarded, guardedFind } from './takedown/content-guard.js';
import { isUnreachable, unlessUnreachable } from './unreachable.js';

/** A preview that is lost again right after it was healed twice is no coincidence. */
const MAX_HEALS = 3;

export interface PreviewServiceDeps {
  readonly catalog: Catalog;
  readonly blobs: BlobTiers;
  readonly maker: SourceMaker;
  readonly healer: Healer;
  readonly refresher: Refresher;
  readonly journal: AccessJournal;
  readonly sequence: Sequence;
  /** Who shares what is made of equal sources: all contexts (the default), or the groups of one context. */
  readonly deduplicate?: 'all' | 'context';
  /** Keeps out what was taken down; absent where nothing can be. */
  readonly guard?: ContentGuard;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class PreviewService implements Previews {
  constructor(private readonly deps: PreviewServiceDeps) {}

  async choose(ref: GroupRef, request: Format): Promise<PreviewChoice> {
    const entry = await this.entryOf(ref);
    this.deps.journal.note(entry.group);
    return this.chooseOf(entry, request);
  }

  async availableNow(
    ref: GroupRef,
    request: Format,
  ): Promise<{ readonly choice: PreviewChoice | undefined; readonly isFinal: boolean }> {
    const entry = await this.entryOf(ref);
    this.deps.journal.note(entry.group);
    if (answers(entry.source, request) && !this.isMissing(entry, request))
      return { choice: await this.chooseOf(entry, request), isFinal: true };
    const hasAny = ownPreviews(entry.source).length > 0;
    return { choice: hasAny ? this.choiceFrom(entry, request) : undefined, isFinal: false };
  }

  private async chooseOf(entry: CatalogEntry, request: Format): Promise<PreviewChoice> {
    if (!answers(entry.source, request)) return this.chooseWhenComplete(entry, request);
    // Previews of an older sequence serve while they are made again.
    this.deps.refresher.note(entry.source, request);
    return this.isMissing(entry, request) ? this.chooseOnceMade(entry, request) : this.choiceFrom(entry, request);
  }

  async read(choice: PreviewChoice): Promise<PreviewBytes> {
    if (choice.part) return this.readPart(choice, choice.part);
    let current = choice;
    for (let heals = 0; heals <= MAX_HEALS; heals++) {
      const found = await this.deps.blobs.find(current.preview.digest);
      if (found) return { bytes: found.bytes, from: heals === 0 ? found.tier : 'made', choice: current };
      // What was healed may be taken away again before it is read: then there is something else, or nothing.
      if (heals < MAX_HEALS)
        current = this.choiceFrom(await this.deps.healer.heal(current.entry, current.preview), current.request);
    }
    throw new ProofsheetError('internal', 'a preview was made again but could not be read; please try again');
  }

  private async readPart(choice: PreviewChoice, first: PicturePart): Promise<PreviewBytes> {
    let [current, part] = [choice, first];
    for (let attempts = 0; attempts <= MAX_HEALS; attempts++) {
      if (part.bytes) return { bytes: part.bytes, from: part.from ?? 'made', choice: current };
      const found = await (part.slice
        ? this.deps.blobs.findSlice(part.slice)
        : this.deps.blobs.find(current.preview.digest));
      if (found) return { bytes: found.bytes, from: attempts === 0 ? found.tier : 'made', choice: current };
      current = await part.again();
      if (current.part === undefined) break;
      part = current.part;
    }
    throw new ProofsheetError('internal', 'a part of the picture was made again but could not be read');
  }

  async has(ref: GroupRef): Promise<boolean> {
    return (await unlessUnreachable(this.find(ref))) !== undefined;
  }

  async atHand(ref: GroupRef, request: Format): Promise<PreviewChoice | undefined> {
    const found = await unlessUnreachable(this.find(ref));
    const entry = found && this.current(found);
    if (entry === undefined || !answers(entry.source, request) || this.isMissing(entry, request)) return undefined;
    const choice = this.choiceFrom(entry, request);
    if (!(await this.deps.blobs.has(choice.preview.digest))) return undefined;
    this.deps.journal.note(entry.group);
    this.deps.refresher.note(entry.source, request);
    return choice;
  }

  async cacheAndChoose(ref: GroupRef, request: Format, upload: Upload): Promise<PreviewChoice> {
    return owning(upload, () => this.chooseOrMake(ref, request, upload, this.sourceOf(ref, upload)));
  }

  private async chooseOrMake(
    ref: GroupRef,
    request: Format,
    upload: Upload,
    source: SourceAtHand,
  ): Promise<PreviewChoice> {
    const entry = await unlessUnreachable(this.find(ref));
    // What nobody has asked for yet is made of what the client has just handed us: that needs no kept source.
    if (entry && !(entry.source.digest === source.digest && this.isMissing(this.current(entry), request))) {
      const choice = await this.choose(ref, request).catch((error: unknown) => {
        if (entry.source.digest === source.digest || !isGone(error)) throw error;
        // It has the source of another image: a group that exists is answered from what it has.
        return this.choiceFrom(entry, request);
      });
      const isThere = await this.deps.blobs.has(choice.preview.digest);
      if (entry.source.digest !== source.digest) return choice;
      // The client has just handed us the source, so a lost preview needs no kept one to be made again.
      if (!isThere) return this.choiceFrom(await this.deps.healer.healFrom(entry, source), request);
      // Whoever found it lost before it was stored again may have removed the group for that: then it is made anew.
      if (await this.isStill(choice.entry)) return choice;
    }
    const group = groupOf(ref, upload, source.digest);
    const made = await this.unlessBlocked(ref, upload.digest, () =>
      this.deps.maker.make(source, {
        wanted: request,
        groups: [group],
        existing: 'keep',
        context: ref.context,
        priority: 'instant',
      }),
    );
    // Somebody may have made the group from another source meanwhile: then theirs is what the group holds.
    const stored = made.unstored ? undefined : await unlessUnreachable(this.find(ref));
    return this.choiceFrom(stored ?? passingEntry(ref, made.record, this.deps.clock.now()), request);
  }

  /** Whether there is a group of the entry's name, as far as anybody can tell. */
  private async isStill({ group }: CatalogEntry): Promise<boolean> {
    if (this.deps.catalog.revisionOf(group) === group.revision) return true;
    try {
      return (await this.deps.catalog.find(group)) !== undefined;
    } catch (error) {
      if (isUnreachable(error)) return true;
      throw error;
    }
  }

  async cache(ref: GroupRef, upload: Upload): Promise<CatalogEntry> {
    const source = this.sourceOf(ref, upload);
    const groups = [groupOf(ref, upload, source.digest)];
    const options = { groups, existing: 'replace', context: ref.context, priority: 'medium' } as const;
    const made = await owning(upload, () =>
      this.unlessBlocked(ref, upload.digest, () => this.deps.maker.make(source, options)),
    );
    if (made.unstored) throw made.unstored;
    return this.stored(ref, made.record);
  }

  async cacheKnown(ref: GroupRef, source: Digest): Promise<CatalogEntry | undefined> {
    const digest = this.recordDigest(ref, source);
    if (!(await this.deps.catalog.holds(ref.context, digest))) {
      // Its bytes would come in vain. Where contexts are kept apart, only who has them is told of what another may have had.
      if (this.deps.deduplicate !== 'context') await this.deps.guard?.check(source);
      return undefined;
    }
    const groups = [{ ...ref, sourceDigest: digest }];
    const record = await this.unlessBlocked(ref, source, () =>
      this.deps.maker.attachKnown(digest, { groups, existing: 'replace' }),
    );
    return record && this.stored(ref, record);
  }

  /** Throws `blocked-content` for what was taken down, and leaves no group of it. */
  private unlessBlocked<T>(ref: GroupRef, content: Digest, make: () => Promise<T>): Promise<T> {
    return guarded(this.deps.guard, content, make, async () => {
      const entry = await this.deps.catalog.find(ref);
      if (entry && contentDigestOf(entry.source) === content)
        await this.deps.catalog.removeGroup(ref, entry.group.revision);
    });
  }

  private async stored(ref: GroupRef, made: SourceRecord): Promise<CatalogEntry> {
    return this.current((await this.find(ref)) ?? passingEntry(ref, made, this.deps.clock.now()));
  }

  private sourceOf(ref: GroupRef, { path, content, digest, bytes }: Upload): SourceAtHand {
    const ofRecord = this.recordDigest(ref, digest);
    const file = { path, ...(content && { content }), bytes };
    return { ...file, digest: ofRecord, ...(ofRecord !== digest && { contentDigest: digest }) };
  }

  /**
   * What the record of these bytes is found by. Shared between contexts it is the digest of the bytes; then the time an upload
   * takes tells whether somebody had the image already. Kept apart, every context has a record of its own.
   */
  private recordDigest({ context }: GroupRef, source: Digest): Digest {
    return this.deps.deduplicate === 'context' ? scopedDigest(context, source) : source;
  }

  async metadata(ref: GroupRef): Promise<GroupMetadata> {
    const entry = await this.entryOf(ref);
    this.deps.journal.note(entry.group);
    return groupMetadata(entry);
  }

  clear(selection: Selection): Promise<number> {
    return this.deps.catalog.remove(selection);
  }

  count(context?: Context): Promise<number> {
    return this.deps.catalog.count(context);
  }

  keys(context?: Context): AsyncIterable<readonly ImageKey[]> {
    return this.deps.catalog.keys(context);
  }

  private find(ref: GroupRef): Promise<CatalogEntry | undefined> {
    return guardedFind(this.deps.guard, this.deps.catalog, ref);
  }

  private async entryOf(ref: GroupRef): Promise<CatalogEntry> {
    const entry = await this.find(ref);
    if (entry) return this.current(entry);
    throw new ProofsheetError(
      'unknown-image-key',
      'no image is cached under this key in this context; upload it first',
    );
  }

  /** The rest of the sequence is on its way: wait for it, and settle for what there is when it cannot be made. */
  private async chooseWhenComplete(entry: CatalogEntry, request: Format): Promise<PreviewChoice> {
    try {
      const { record } = await this.deps.maker.finish(entry.source, {
        priority: 'medium',
        context: entry.group.context,
      });
      return await this.chooseOf({ ...entry, source: record }, request);
    } catch (error) {
      if (ownPreviews(entry.source).length === 0) throw error;
      this.deps.logger.warn({ error }, 'an incomplete sequence could not be finished; answering from what is there');
      return this.choiceFrom(entry, request);
    }
  }

  /** The preview that is asked for was left out until somebody asks for it. */
  private async chooseOnceMade(entry: CatalogEntry, request: Format): Promise<PreviewChoice> {
    const { source, group } = entry;
    try {
      if (!source.sourceKept) throw noLongerKept();
      const { record } = await this.deps.maker.makeFromKept(source, request, {
        priority: 'instant',
        context: group.context,
      });
      return this.choiceFrom({ ...entry, source: record }, request);
    } catch (error) {
      return this.settleFor(this.choiceFrom(entry, request), error);
    }
  }

  /** What cannot be made is answered by what is there, unless that is too small and an upload would bring a better one. */
  private settleFor(there: PreviewChoice, error: unknown): PreviewChoice {
    if (isFaultOfSource(error)) return there;
    if (!(error instanceof ProofsheetError) || there.relation === 'smaller') throw error;
    if (isGone(error)) return there;
    this.deps.logger.warn({ error }, 'a preview could not be made on demand; answering from what is there');
    // For now only: as incomplete, it is not prepared for the next request.
    return { ...there, entry: { ...there.entry, source: { ...there.entry.source, complete: false } } };
  }

  private isMissing({ source }: CatalogEntry, request: Format): boolean {
    return missingFor(source, request, this.deps.sequence).length > 0;
  }

  private choiceFrom(entry: CatalogEntry, request: Format): PreviewChoice {
    const current = this.current(entry);
    const match = answerOf(current.source, request, this.deps.sequence);
    if (!match) throw new ProofsheetError('internal', 'this image has no previews; please upload it again');
    return { ...match, entry: current, request };
  }

  /** As a server of this sequence sees it. */
  private current(entry: CatalogEntry): CatalogEntry {
    const source = recordFor(entry.source, this.deps.sequence.id);
    return source === entry.source ? entry : { ...entry, source };
  }
}

function isGone(error: unknown): boolean {
  return error instanceof ProofsheetError && error.code === 'unknown-image-key';
}

function noLongerKept(): ProofsheetError {
  return new ProofsheetError(
    'unknown-image-key',
    'this image is cached in smaller sizes alone, and its source is no longer kept; please upload it again',
  );
}

/** Runs `use`, then removes the upload's file: what has to last has a name of its own by then. */
async function owning<T>(upload: Upload, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } finally {
    // Nobody waits for it: what cannot be removed is no fault of this request, and goes at the next start.
    if (upload.content === undefined) unlink(upload.path).catch(() => undefined);
  }
}

function groupOf(ref: GroupRef, upload: Upload, sourceDigest: Digest) {
  return {
    context: ref.context,
    imageKey: ref.imageKey,
    sourceDigest,
    ...(upload.fileName !== undefined && { fileName: upload.fileName }),
  };
}

/** An entry for an answer whose group is not in the catalog: never stored, or cleared in the same moment. */
function passingEntry(ref: GroupRef, source: SourceRecord, now: number): CatalogEntry {
  return {
    group: { ...ref, sourceDigest: source.digest, createdAt: now, lastAccess: now, revision: '' },
    source,
  };
}
