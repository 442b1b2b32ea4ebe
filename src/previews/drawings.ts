// The use case of pictures that belong to no sequence: what a recipe draws of a source, drawn once and kept while there is room.
// One conversion per picture over all processes; from the file at hand, or from the kept source.
import { randomUUID } from 'node:crypto';
import { unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, digestOf, scopedDigest } from '../kernel/digest.js';
import { ProofsheetError } from '../kernel/errors.js';
import { parseFormat } from '../kernel/format.js';
import type { Context } from '../kernel/image-key.js';
import type { Place } from '../kernel/ports/converter.js';
import type { DrawnSource } from '../kernel/ports/derivatives.js';
import type { Leases } from '../kernel/ports/leases.js';
import type { Metrics } from '../kernel/ports/metrics.js';
import { type Recipe, recipeOfFormat } from '../kernel/recipe/recipe.js';
import { recipeText } from '../kernel/recipe/recipe-text.js';
import { resolveRecipe } from '../kernel/recipe/resolve.js';
import { contentDigestOf, ownPreviews, type Preview, type SourceRecord } from '../kernel/source.js';
import type { Drawings, DrawingTerms, DrawnFrom, DrawnPicture, Upload } from './answers.js';
import type { BackgroundWork } from './background-work.js';
import type { BlobTiers } from './blob-tiers.js';
import { basesOf } from './drawing-bases.js';
import { makeOnce } from './make-once.js';
import { placeUpload, unlinkIfThere } from './making.js';
import { Patience } from './patience.js';
import { type Drawn, type Origin, PictureMaker, type PictureMakerDeps } from './picture-maker.js';
import { isFaultOfBytes, type SourceRefusals } from './source-refusals.js';
import { SourceTags } from './source-tags.js';
import { type ContentGuard, guarded } from './takedown/content-guard.js';
import { unlessUnreachable } from './unreachable.js';

export interface DrawingsDeps extends PictureMakerDeps {
  /** Where sources are kept, and the previews of sequences. */
  readonly blobs: BlobTiers;
  /** Pictures that are asked for often; absent where there is no memory for them. */
  readonly memory?: { peek(digest: Digest): Buffer | undefined; admit(digest: Digest, bytes: Buffer): void };
  readonly leases?: Leases;
  readonly refusals?: SourceRefusals;
  readonly background: BackgroundWork;
  readonly metrics: Metrics;
  /** Who shares what is drawn of equal sources. */
  readonly deduplicate?: 'all' | 'context';
  /** Keeps out what was taken down; absent where nothing can be. */
  readonly guard?: ContentGuard;
  /** Throws `over-quota`, or rejects with it later, where a context asks for too much that is new, by the pixels that are drawn; of an upload the first picture costs nothing. */
  readonly admitNew?: (context: Context, pixels: number) => undefined | Promise<never>;
  /** Bytes of all that is kept. */
  readonly maxBytes: number;
}

/** Stored bytes after which the bound is looked at, as a share of it. */
const NUDGE_SHARE = 1 / 64;

export class DrawingService implements Drawings {
  private readonly flights = new Map<string, Promise<Drawn>>();
  private readonly inspections = new Map<Digest, Promise<DrawnSource>>();
  private readonly tags: SourceTags;
  private readonly maker: PictureMaker;
  private readonly patience: Patience;
  private storedSinceLook = 0;

  constructor(private readonly deps: DrawingsDeps) {
    this.tags = new SourceTags(deps.derivatives);
    this.patience = new Patience(deps.background);
    this.maker = new PictureMaker(deps, (bytes) => this.stored(bytes));
  }

  async drawUpload(
    context: Context,
    upload: Upload,
    recipe: Recipe,
    { waits = false, priority = 'instant', counts }: DrawingTerms = {},
  ): Promise<DrawnPicture> {
    return this.owning(upload, context, (origin) => {
      const draw = () => this.draw(origin, recipe, { priority, context }, undefined, counts);
      return waits ? this.patience.run(draw) : draw();
    });
  }

  async drawnOfTag(context: Context, tag: string, recipe: Recipe): Promise<DrawnPicture | undefined> {
    const source = await this.tags.sourceOf(context, tag);
    const known = source && (await unlessUnreachable(this.deps.derivatives.sourceOf(source)));
    return known && this.kept(source, recipe, known);
  }

  async knownOfTag(context: Context, tag: string): Promise<DrawnSource | undefined> {
    const source = await this.tags.sourceOf(context, tag);
    return source && unlessUnreachable(this.deps.derivatives.sourceOf(source));
  }

  async drawBytes(context: Context, source: Uint8Array, recipe: Recipe, terms?: DrawingTerms): Promise<DrawnPicture> {
    const path = join(this.deps.tmpDir, `${randomUUID()}.upload`);
    await writeFile(path, source, { flag: 'wx', mode: 0o600 });
    return this.drawUpload(context, { path, digest: digestOf(source), bytes: source.length }, recipe, terms);
  }

  async inspectUpload(
    context: Context,
    upload: Upload,
    { counts }: Pick<DrawingTerms, 'counts'> = {},
  ): Promise<DrawnSource> {
    return this.owning(upload, context, async (origin) => {
      const known = await unlessUnreachable(this.deps.derivatives.sourceOf(origin.digest));
      return known ?? this.inspect(origin, { priority: 'instant', context }, counts !== undefined);
    });
  }

  async drawFrom(
    context: Context,
    { digest: content, bytes, copyTo }: DrawnFrom,
    recipe: Recipe,
  ): Promise<DrawnPicture> {
    const digest = this.sourceDigest(context, content);
    const placeAt = async (path: string): Promise<void> => {
      if (await copyTo(path)) return;
      throw new ProofsheetError('unknown-image-key', 'the source of this image is gone');
    };
    return this.unlessBlocked(content, digest, () =>
      this.draw({ digest, bytes, placeAt }, recipe, { priority: 'instant', context }),
    );
  }

  async forget(context: Context, content: Digest): Promise<void> {
    await this.deps.derivatives.forgetSource(this.sourceDigest(context, content));
  }

  /** What is known of a source is found by. */
  private sourceDigest(context: Context, content: Digest): Digest {
    return this.deps.deduplicate === 'context' ? scopedDigest(context, content) : content;
  }

  /** Throws `blocked-content` for what was taken down, and keeps nothing of it. */
  private unlessBlocked<T>(content: Digest, digest: Digest, work: () => Promise<T>): Promise<T> {
    return guarded(this.deps.guard, content, work, () => this.deps.derivatives.forgetSource(digest));
  }

  find(digest: Digest): Promise<Buffer | undefined> {
    return unlessUnreachable(this.deps.derivatives.read({ digest }));
  }

  async keptOf(record: SourceRecord, recipe: Recipe): Promise<DrawnPicture | undefined> {
    return this.kept(record.digest, recipe, { info: record.info, metadata: record.metadata });
  }

  async drawKept(record: SourceRecord, recipe: Recipe, place: Place, atHand?: Upload): Promise<DrawnPicture> {
    const preview = this.sameOf(record, recipe);
    const found = preview && (await this.deps.blobs.find(preview.digest));
    const known = { info: record.info, metadata: record.metadata };
    if (preview && found) return { bytes: found.bytes, from: found.tier, known, picture: preview };
    const { digest, bytes } = record;
    const placeAt = async (path: string): Promise<void> => {
      if (atHand?.digest === contentDigestOf(record)) return placeUpload(atHand, path);
      if (record.sourceKept && (await this.deps.blobs.copyTo(contentDigestOf(record), path))) return;
      throw new ProofsheetError(
        'unknown-image-key',
        'the source of this image is no longer kept; please upload it again',
      );
    };
    return this.draw({ digest, bytes, placeAt, bases: basesOf(record) }, recipe, place, known);
  }

  /** The preview of a target format that is this very picture. */
  private sameOf(record: SourceRecord, recipe: Recipe): Preview | undefined {
    const textOf = (asked: Recipe): string => resolveRecipe(asked, record.info, this.deps.limits).text;
    const text = textOf(recipe);
    const isSame = (format: string): boolean => {
      try {
        return textOf(recipeOfFormat(parseFormat(format), record.info)) === text;
      } catch {
        // A target format may be larger than what may be asked for.
        return false;
      }
    };
    return ownPreviews(record).find(({ formats }) => formats.some(isSame));
  }

  private async draw(
    origin: Origin,
    recipe: Recipe,
    place: Place,
    given?: DrawnSource,
    counts?: DrawingTerms['counts'],
  ): Promise<DrawnPicture> {
    const seen = given ?? (await unlessUnreachable(this.deps.derivatives.sourceOf(origin.digest)));
    const kept = seen && (await this.kept(origin.digest, recipe, seen));
    if (kept) return kept;
    await this.deps.refusals?.check(origin.digest);
    const isLookedAt = counts !== undefined && counts.pixels === undefined;
    const known = seen ?? (isLookedAt ? await this.inspect(origin, place, true) : undefined);
    // Of a source that nobody has seen, what is asked for is all that is known.
    const name = known ? this.maker.resolve(recipe, known.info).key : recipeText(recipe);
    const flight = `${origin.digest} ${name}`;
    const flying = this.flights.get(flight);
    if (flying === undefined) {
      const pixels = counts?.pixels ?? this.pixelsOf(recipe, place, known, counts !== undefined);
      const refused = pixels === undefined ? undefined : this.deps.admitNew?.(place.context, pixels);
      // Not awaited otherwise: who asks for the same meanwhile finds the flight.
      if (refused) await refused;
    }
    const drawn = await (flying ?? this.fly(flight, origin, recipe, place, known));
    return { ...drawn, from: 'made' };
  }

  /** `undefined`: does not count. A new upload has limits of its own; what nobody waits for nobody has asked for. */
  private pixelsOf(
    recipe: Recipe,
    { priority }: Place,
    known: DrawnSource | undefined,
    always: boolean,
  ): number | undefined {
    if (known === undefined || (priority === 'background' && !always)) return undefined;
    return this.maker.resolve(recipe, known.info).pixels;
  }

  private fly(
    flight: string,
    origin: Origin,
    recipe: Recipe,
    place: Place,
    known: DrawnSource | undefined,
  ): Promise<Drawn> {
    const drawing = new Promise<Drawn>((resolve, reject) => {
      const begun = this.deps.background.run('draw a picture', async (signal) => {
        try {
          resolve(await this.once(digestOf(Buffer.from(flight)), origin, recipe, place, signal, known));
        } catch (error) {
          reject(error);
        } finally {
          this.flights.delete(flight);
        }
      });
      if (!begun) reject(tooMany());
    });
    this.flights.set(flight, drawing);
    drawing.catch(() => this.flights.delete(flight));
    return drawing;
  }

  private async once(
    name: Digest,
    origin: Origin,
    recipe: Recipe,
    place: Place,
    signal: AbortSignal,
    known: DrawnSource | undefined,
  ): Promise<Drawn> {
    const { leases, refusals, derivatives, memory } = this.deps;
    const draw = async (): Promise<Drawn> => {
      const drawn = await this.maker.make(origin, recipe, place, signal, known);
      memory?.admit(drawn.picture.digest, drawn.bytes);
      return drawn;
    };
    const work = () => (refusals ? refusals.noting(origin.digest, draw, isFaultOfBytes) : draw());
    if (!leases) return work();
    const look = async (): Promise<Drawn | undefined> => {
      const noted = await unlessUnreachable(derivatives.sourceOf(origin.digest));
      return noted && (await this.kept(origin.digest, recipe, noted));
    };
    return makeOnce(leases, name, look, work, signal);
  }

  /** So much more is kept: the bound is looked after in time. */
  stored(bytes: number): void {
    const { background, maxBytes } = this.deps;
    this.storedSinceLook += bytes;
    if (this.storedSinceLook < maxBytes * NUDGE_SHARE) return;
    this.storedSinceLook = 0;
    background.run('make room for pictures', () => this.lookAfterBound());
  }

  /** Takes away what is over the bound. */
  async lookAfterBound(maxBytes = this.deps.maxBytes): Promise<void> {
    const evicted = await this.deps.derivatives.evict(maxBytes);
    this.deps.metrics.count('evictions_total', { reason: 'bytes', kind: 'derivative' }, evicted);
  }

  private async kept(source: Digest, recipe: Recipe, known: DrawnSource): Promise<DrawnPicture | undefined> {
    const { derivatives, memory } = this.deps;
    const picture = await unlessUnreachable(derivatives.find(source, this.maker.resolve(recipe, known.info).key));
    if (picture === undefined) return undefined;
    const near = memory?.peek(picture.digest);
    if (near) return { known, picture, bytes: near, from: 'memory' };
    const bytes = await unlessUnreachable(derivatives.read(picture));
    if (bytes === undefined) return undefined;
    memory?.admit(picture.digest, bytes);
    return { known, picture, bytes, from: 'disk' };
  }

  /** `counts`: as a new picture of its context. */
  private async inspect(origin: Origin, place: Place, counts: boolean): Promise<DrawnSource> {
    const { refusals, converter, limits, tmpDir, derivatives, background } = this.deps;
    await refusals?.check(origin.digest);
    const flying = this.inspections.get(origin.digest);
    if (flying) return flying;
    const refused = counts ? this.deps.admitNew?.(place.context, 0) : undefined;
    if (refused) await refused;
    const look = async (): Promise<DrawnSource> => {
      const sourcePath = join(tmpDir, `inspect-${randomUUID()}`);
      try {
        await origin.placeAt(sourcePath);
        const job = {
          sourcePath,
          sourceBytes: origin.bytes,
          formats: [],
          drawing: { limits },
          outputDir: tmpDir,
          ...place,
        };
        const { info, metadata } = await converter.convert(job, undefined, background.signal);
        await unlessUnreachable(derivatives.noteSource(origin.digest, { info, metadata }));
        return { info, metadata };
      } finally {
        await unlinkIfThere(sourcePath);
      }
    };
    const inspection = (refusals ? refusals.noting(origin.digest, look) : look()).finally(() =>
      this.inspections.delete(origin.digest),
    );
    this.inspections.set(origin.digest, inspection);
    return inspection;
  }

  /** Runs `use`, then removes the upload's file: what is under way has a name of its own. */
  private async owning<T>(upload: Upload, context: Context, use: (origin: Origin) => Promise<T>): Promise<T> {
    const { path, bytes, tag } = upload;
    const digest = this.sourceDigest(context, upload.digest);
    try {
      const placeAt = (to: string) => upload.held?.placeAt(to) ?? placeUpload(upload, to);
      const used = await this.unlessBlocked(upload.digest, digest, () => use({ digest, bytes, placeAt }));
      // Only what could be used is worth asking for again.
      if (tag !== undefined) await this.tags.note(context, tag, digest);
      return used;
    } finally {
      upload.held?.release();
      if (path !== '') unlink(path).catch(() => undefined);
    }
  }
}

function tooMany(): ProofsheetError {
  return new ProofsheetError('overloaded', 'too many pictures are being drawn; please try again', {
    retryAfterSeconds: 2,
  });
}
