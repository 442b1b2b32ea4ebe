// The use case of pictures that belong to no sequence: what a recipe draws of a source, drawn once and kept while there is room.
// One conversion per picture over all processes; from the file at hand, or from the kept source.
import { mkdtemp, readFile, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, digestOf, scopedDigest } from '../kernel/digest.js';
import { ProofsheetError } from '../kernel/errors.js';
import { parseFormat } from '../kernel/format.js';
import type { Context } from '../kernel/image-key.js';
import type { Converter, Place } from '../kernel/ports/converter.js';
import {
  DERIVATIVE_ENTRY_BYTES,
  type Derivative,
  type Derivatives,
  type DrawnSource,
} from '../kernel/ports/derivatives.js';
import type { Leases } from '../kernel/ports/leases.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Metrics } from '../kernel/ports/metrics.js';
import { type Recipe, recipeOfFormat } from '../kernel/recipe/recipe.js';
import { recipeText } from '../kernel/recipe/recipe-text.js';
import { type DrawingLimits, resolveRecipe } from '../kernel/recipe/resolve.js';
import { PIPELINE_VERSION } from '../kernel/sequence.js';
import { contentDigestOf, ownPreviews, type Preview, type SourceInfo, type SourceRecord } from '../kernel/source.js';
import type { Drawings, DrawnPicture, Upload } from './answers.js';
import type { BackgroundWork } from './background-work.js';
import type { BlobTiers } from './blob-tiers.js';
import { makeOnce } from './make-once.js';
import { linkOrCopy } from './making.js';
import { isFaultOfBytes, type SourceRefusals } from './source-refusals.js';
import { isUnreachable, unlessUnreachable } from './unreachable.js';

export interface DrawingsDeps {
  readonly derivatives: Derivatives;
  /** Where sources are kept, and the previews of sequences. */
  readonly blobs: BlobTiers;
  readonly converter: Converter;
  /** Pictures that are asked for often; absent where there is no memory for them. */
  readonly memory?: { peek(digest: Digest): Buffer | undefined; admit(digest: Digest, bytes: Buffer): void };
  readonly leases?: Leases;
  readonly refusals?: SourceRefusals;
  readonly background: BackgroundWork;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Who shares what is drawn of equal sources. */
  readonly deduplicate?: 'all' | 'context';
  readonly limits: DrawingLimits;
  /** Bytes of all that is kept. */
  readonly maxBytes: number;
  readonly tmpDir: string;
}

/** A source and how a file of it is had. */
interface Origin {
  readonly digest: Digest;
  readonly bytes: number;
  /** Throws `unknown-image-key` when it is gone. */
  placeAt(path: string): Promise<void>;
}

interface Drawn {
  readonly known: DrawnSource;
  readonly picture: Derivative;
  readonly bytes: Buffer;
}

/** Stored bytes after which the bound is looked at, as a share of it. */
const NUDGE_SHARE = 1 / 64;

export class DrawingService implements Drawings {
  private readonly flights = new Map<string, Promise<Drawn>>();
  private readonly inspections = new Map<Digest, Promise<DrawnSource>>();
  private storedSinceLook = 0;

  constructor(private readonly deps: DrawingsDeps) {}

  async drawUpload(context: Context, upload: Upload, recipe: Recipe): Promise<DrawnPicture> {
    return this.owning(upload, context, (origin) => this.draw(origin, recipe, { priority: 'instant', context }));
  }

  async inspectUpload(context: Context, upload: Upload): Promise<DrawnSource> {
    return this.owning(upload, context, async (origin) => {
      const known = await unlessUnreachable(this.deps.derivatives.sourceOf(origin.digest));
      return known ?? this.inspect(origin, { priority: 'instant', context });
    });
  }

  async drawKept(record: SourceRecord, recipe: Recipe, place: Place): Promise<DrawnPicture> {
    const preview = this.sameOf(record, recipe);
    const found = preview && (await this.deps.blobs.find(preview.digest));
    const known = { info: record.info, metadata: record.metadata };
    if (preview && found) return { bytes: found.bytes, from: found.tier, known, picture: preview };
    const { digest, bytes } = record;
    const placeAt = async (path: string): Promise<void> => {
      if (record.sourceKept && (await this.deps.blobs.copyTo(contentDigestOf(record), path))) return;
      throw new ProofsheetError(
        'unknown-image-key',
        'the source of this image is no longer kept; please upload it again',
      );
    };
    return this.draw({ digest, bytes, placeAt }, recipe, place, known);
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

  private async draw(origin: Origin, recipe: Recipe, place: Place, given?: DrawnSource): Promise<DrawnPicture> {
    const known = given ?? (await unlessUnreachable(this.deps.derivatives.sourceOf(origin.digest)));
    const kept = known && (await this.find(origin.digest, recipe, known));
    if (kept) return kept;
    await this.deps.refusals?.check(origin.digest);
    // Of a source that nobody has seen, what is asked for is all that is known.
    const name = known ? this.keyOf(recipe, known.info) : recipeText(recipe);
    const flight = `${origin.digest} ${name}`;
    const drawn = await (this.flights.get(flight) ?? this.fly(flight, origin, recipe, place));
    return { ...drawn, from: 'made' };
  }

  private fly(flight: string, origin: Origin, recipe: Recipe, place: Place): Promise<Drawn> {
    const drawing = new Promise<Drawn>((resolve, reject) => {
      const begun = this.deps.background.run('draw a picture', async (signal) => {
        try {
          resolve(await this.once(digestOf(Buffer.from(flight)), origin, recipe, place, signal));
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

  private async once(name: Digest, origin: Origin, recipe: Recipe, place: Place, signal: AbortSignal): Promise<Drawn> {
    const { leases, refusals, derivatives } = this.deps;
    const draw = () => this.convert(origin, recipe, place, signal);
    const work = () => (refusals ? refusals.noting(origin.digest, draw, isFaultOfBytes) : draw());
    if (!leases) return work();
    const look = async (): Promise<Drawn | undefined> => {
      const known = await unlessUnreachable(derivatives.sourceOf(origin.digest));
      return known && (await this.find(origin.digest, recipe, known));
    };
    return makeOnce(leases, name, look, work, signal);
  }

  private async convert(
    origin: Origin,
    recipe: Recipe,
    { priority, context }: Place,
    signal: AbortSignal,
  ): Promise<Drawn> {
    const { converter, tmpDir, limits } = this.deps;
    const dir = await mkdtemp(join(tmpDir, 'draw-'));
    try {
      const sourcePath = join(dir, 'source');
      await origin.placeAt(sourcePath);
      const drawing = { recipe, limits };
      const job = { sourcePath, sourceBytes: origin.bytes, formats: [], drawing, priority, context, outputDir: dir };
      const { info, metadata, previews } = await converter.convert(job, undefined, signal);
      const [made] = previews;
      if (made === undefined) throw new Error('expected a picture from the converter, got none');
      const bytes = await readFile(made.path);
      if (digestOf(bytes) !== made.digest) {
        converter.distrust(made);
        throw new ProofsheetError(
          'source-undecodable',
          'the image cannot be decoded: its picture is not what the decoder said of it',
          { uncertain: true },
        );
      }
      const { type, widthPx, heightPx, digest } = made;
      const picture: Derivative = { type, widthPx, heightPx, digest, bytes: bytes.length };
      const known = { info, metadata };
      await this.keep(origin.digest, recipe, known, picture, made.path);
      this.deps.memory?.admit(digest, bytes);
      return { known, picture, bytes };
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  /** A store that is away or full is no reason not to answer. */
  private async keep(
    source: Digest,
    recipe: Recipe,
    known: DrawnSource,
    picture: Derivative,
    path: string,
  ): Promise<void> {
    const { derivatives, maxBytes, logger } = this.deps;
    try {
      await derivatives.noteSource(source, known);
      await derivatives.put(source, this.keyOf(recipe, known.info), picture, path);
    } catch (error) {
      if (!isUnreachable(error) && !(error instanceof ProofsheetError && error.code === 'storage-full')) throw error;
      logger.debug({ error }, 'a picture was drawn but could not be kept');
      return;
    }
    this.storedSinceLook += picture.bytes + 2 * DERIVATIVE_ENTRY_BYTES;
    if (this.storedSinceLook < maxBytes * NUDGE_SHARE) return;
    this.storedSinceLook = 0;
    this.deps.background.run('make room for pictures', () => this.lookAfterBound());
  }

  /** Takes away what is over the bound. */
  async lookAfterBound(maxBytes = this.deps.maxBytes): Promise<void> {
    const evicted = await this.deps.derivatives.evict(maxBytes);
    this.deps.metrics.count('evictions_total', { reason: 'bytes', kind: 'derivative' }, evicted);
  }

  private async find(source: Digest, recipe: Recipe, known: DrawnSource): Promise<DrawnPicture | undefined> {
    const { derivatives, memory } = this.deps;
    const picture = await unlessUnreachable(derivatives.find(source, this.keyOf(recipe, known.info)));
    if (picture === undefined) return undefined;
    const near = memory?.peek(picture.digest);
    if (near) return { known, picture, bytes: near, from: 'memory' };
    const bytes = await unlessUnreachable(derivatives.read(picture));
    if (bytes === undefined) return undefined;
    memory?.admit(picture.digest, bytes);
    return { known, picture, bytes, from: 'disk' };
  }

  private async inspect(origin: Origin, place: Place): Promise<DrawnSource> {
    const { refusals, converter, limits, tmpDir, derivatives, background } = this.deps;
    await refusals?.check(origin.digest);
    const flying = this.inspections.get(origin.digest);
    if (flying) return flying;
    const look = async (): Promise<DrawnSource> => {
      const dir = await mkdtemp(join(tmpDir, 'inspect-'));
      try {
        const sourcePath = join(dir, 'source');
        await origin.placeAt(sourcePath);
        const job = {
          sourcePath,
          sourceBytes: origin.bytes,
          formats: [],
          drawing: { limits },
          outputDir: dir,
          ...place,
        };
        const { info, metadata } = await converter.convert(job, undefined, background.signal);
        await unlessUnreachable(derivatives.noteSource(origin.digest, { info, metadata }));
        return { info, metadata };
      } finally {
        await rm(dir, { recursive: true, force: true });
      }
    };
    const inspection = (refusals ? refusals.noting(origin.digest, look) : look()).finally(() =>
      this.inspections.delete(origin.digest),
    );
    this.inspections.set(origin.digest, inspection);
    return inspection;
  }

  /** What the picture is found by: what is drawn, or of another page, whose size is told by the page alone, what is asked for. */
  private keyOf(recipe: Recipe, info: SourceInfo): Digest {
    const { page, text } = resolveRecipe(recipe, info, this.deps.limits);
    return digestOf(Buffer.from(`recipe of pipeline ${PIPELINE_VERSION}\n${page === 1 ? text : recipeText(recipe)}`));
  }

  /** Runs `use`, then removes the upload's file: what is under way has a name of its own. */
  private async owning<T>(upload: Upload, context: Context, use: (origin: Origin) => Promise<T>): Promise<T> {
    const { path, bytes } = upload;
    const digest = this.deps.deduplicate === 'context' ? scopedDigest(context, upload.digest) : upload.digest;
    try {
      return await use({ digest, bytes, placeAt: (to) => linkOrCopy(path, to) });
    } finally {
      unlink(path).catch(() => undefined);
    }
  }
}

function tooMany(): ProofsheetError {
  return new ProofsheetError('overloaded', 'too many pictures are being drawn; please try again', {
    retryAfterSeconds: 2,
  });
}
