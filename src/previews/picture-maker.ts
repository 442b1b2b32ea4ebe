// One picture made of a source by a recipe: from a stored picture of the source where that is as good, else from the source itself; then
// kept. Knows of no flights, leases and refusals (drawings.ts).
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, rmdir, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Digest, digestOf } from '../kernel/digest.js';
import { ProofsheetError } from '../kernel/errors.js';
import type { ConversionJob, Converter, Drawing, MadePreview, Place } from '../kernel/ports/converter.js';
import {
  DERIVATIVE_ENTRY_BYTES,
  type Derivative,
  type Derivatives,
  type DrawnSource,
} from '../kernel/ports/derivatives.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Recipe } from '../kernel/recipe/recipe.js';
import { recipeText } from '../kernel/recipe/recipe-text.js';
import { type DrawingLimits, type ResolvedRecipe, resolveRecipe } from '../kernel/recipe/resolve.js';
import { remembered } from '../kernel/remembered.js';
import { PIPELINE_VERSION } from '../kernel/sequence.js';
import type { SourceInfo } from '../kernel/source.js';
import type { BlobTiers } from './blob-tiers.js';
import { type Base, baseFor, isBase } from './drawing-bases.js';
import { unlinkIfThere } from './making.js';
import { removeScratch } from './scratch.js';
import { isFaultOfBytes } from './source-refusals.js';
import { isUnreachable, unlessUnreachable } from './unreachable.js';

/** A base that is larger is handed over as a file; what is not is read at once, being in the kernel's memory: it was just written. */
const MAX_CONTENT_BYTES = 512 * 1024;

export interface PictureMakerDeps {
  readonly derivatives: Derivatives;
  readonly blobs: Pick<BlobTiers, 'find'>;
  readonly converter: Converter;
  readonly logger: Logger;
  readonly limits: DrawingLimits;
  readonly tmpDir: string;
}

/** A source and how a file of it is had. */
export interface Origin {
  readonly digest: Digest;
  readonly bytes: number;
  /** Throws `unknown-image-key` when it is gone. */
  placeAt(path: string): Promise<void>;
  /** Pictures of it that are stored elsewhere. */
  readonly bases?: readonly Base[];
}

export interface Drawn {
  readonly known: DrawnSource;
  readonly picture: Derivative;
  readonly bytes: Buffer;
}

interface Work {
  readonly place: Place;
  /** A file of this picture alone, which is not there yet. */
  readonly file: string;
  readonly signal: AbortSignal;
}

interface ResolvedPicture extends ResolvedRecipe {
  readonly key: Digest;
}

/** One picture is resolved for its key, its quota and its making, and again for everybody who asks; a resolution takes a kilobyte. */
const MAX_RESOLVED = 1_000;

export class PictureMaker {
  private readonly resolved = remembered<ResolvedPicture>(MAX_RESOLVED);

  constructor(
    private readonly deps: PictureMakerDeps,
    /** Hears how many bytes were stored. */
    private readonly stored: (bytes: number) => void,
  ) {}

  /** What is to be drawn of a source; and by what it is found: by that, or of another page, whose size is told by the page alone, by what is asked for. */
  resolve(recipe: Recipe, info: SourceInfo): ResolvedPicture {
    const asked = recipeText(recipe);
    return this.resolved(`${asked} ${JSON.stringify(info)}`, () => {
      const resolved = resolveRecipe(recipe, info, this.deps.limits);
      const told = resolved.page === 1 ? resolved.text : asked;
      return { ...resolved, key: digestOf(Buffer.from(`recipe of pipeline ${PIPELINE_VERSION}\n${told}`)) };
    });
  }

  /** `known`: what is known of the source already. */
  async make(
    origin: Origin,
    recipe: Recipe,
    place: Place,
    signal: AbortSignal,
    known: DrawnSource | undefined,
  ): Promise<Drawn> {
    const work = { place, file: join(this.deps.tmpDir, `draw-${randomUUID()}`), signal };
    const seen = known && { ...known, ...(await this.ownBase(origin, known)) };
    const ofBase = seen && (await this.ofBase(origin, recipe, seen, work));
    if (ofBase) return ofBase;
    try {
      await origin.placeAt(work.file);
      const from = { sourcePath: work.file, sourceBytes: origin.bytes };
      return await this.convert(origin, from, { recipe, limits: this.deps.limits }, seen, work);
    } finally {
      await unlinkIfThere(work.file);
    }
  }

  private async ownBase({ digest }: Origin, { base }: DrawnSource): Promise<Pick<DrawnSource, 'base'>> {
    const own = base ?? (await unlessUnreachable(this.deps.derivatives.sourceOf(digest)))?.base;
    return own ? { base: own } : {};
  }

  /** `undefined`: none is as good, or it is gone. */
  private async ofBase(origin: Origin, recipe: Recipe, known: DrawnSource, work: Work): Promise<Drawn | undefined> {
    const { limits, blobs, derivatives } = this.deps;
    const own = known.base;
    const resolved = this.resolve(recipe, known.info);
    const base = baseFor(recipe, resolved, known.info, [...(origin.bases ?? []), ...(own ? [own] : [])]);
    if (base === undefined) return undefined;
    const content =
      base === own ? await unlessUnreachable(derivatives.read(base)) : (await blobs.find(base.digest))?.bytes;
    if (content === undefined) return undefined;
    const isSmall = content.length <= MAX_CONTENT_BYTES;
    try {
      if (!isSmall) await writeFile(work.file, content, { flag: 'wx', mode: 0o600 });
      const from = { sourcePath: isSmall ? '' : work.file, ...(isSmall && { content }), sourceBytes: content.length };
      const drawing = { recipe, limits, of: known.info };
      return await this.convert(origin, from, drawing, known, work);
    } catch (error) {
      // Edges that are hard, or a picture that is damaged: its source tells.
      if (error instanceof NotAsGood || isFaultOfBytes(error)) return undefined;
      throw error;
    } finally {
      if (!isSmall) await unlinkIfThere(work.file);
    }
  }

  private async convert(
    origin: Origin,
    from: Pick<ConversionJob, 'sourcePath' | 'content' | 'sourceBytes'>,
    drawing: Drawing & { readonly recipe: Recipe },
    seen: DrawnSource | undefined,
    { place, signal }: Work,
  ): Promise<Drawn> {
    const { converter, tmpDir } = this.deps;
    const { priority, context } = place;
    const job = { ...from, formats: [], drawing, priority, context, outputDir: tmpDir };
    const { info, metadata, previews } = await converter.convert(job, undefined, signal);
    const [made] = previews;
    if (made === undefined && drawing.of) throw new NotAsGood();
    if (made === undefined) throw new Error('expected a picture from the converter, got none');
    try {
      const bytes = await this.checked(made);
      const { type, widthPx, heightPx, digest } = made;
      const picture: Derivative = { type, widthPx, heightPx, digest, bytes: bytes.length };
      const known = seen ?? { info, metadata };
      await this.keep(origin.digest, drawing.recipe, known, picture, made.content ?? made.path);
      return { known, picture, bytes };
    } finally {
      if (!made.content) await removeDir(dirname(made.path), made.path);
    }
  }

  private async checked(made: MadePreview): Promise<Buffer> {
    const { content, path } = made;
    const bytes = content ?? (made.bytes <= MAX_CONTENT_BYTES ? readFileSync(path) : await readFile(path));
    if (digestOf(bytes) === made.digest) return bytes;
    this.deps.converter.distrust(made);
    throw new ProofsheetError(
      'source-undecodable',
      'the image cannot be decoded: its picture is not what the decoder said of it',
      { uncertain: true },
    );
  }

  /** A store that is away or full is no reason not to answer. */
  private async keep(
    source: Digest,
    recipe: Recipe,
    known: DrawnSource,
    picture: Derivative,
    made: string | Buffer,
  ): Promise<void> {
    const { derivatives, logger } = this.deps;
    const { info } = known;
    const isBetter = isBase(picture, this.resolve(recipe, info), info) && (known.base?.widthPx ?? 0) < picture.widthPx;
    try {
      await Promise.all([
        derivatives.noteSource(source, isBetter ? { ...known, base: picture } : known),
        derivatives.put(source, this.resolve(recipe, info).key, picture, made, true),
      ]);
    } catch (error) {
      if (!isUnreachable(error) && !(error instanceof ProofsheetError && error.code === 'storage-full')) throw error;
      logger.debug({ error }, 'a picture was drawn but could not be kept');
      return;
    }
    this.stored(picture.bytes + 2 * DERIVATIVE_ENTRY_BYTES);
  }
}

/** Scaled twice it would look different. */
class NotAsGood extends Error {
  override readonly name = 'NotAsGood';
}

/** Removes `dir`, in which is one file, `only`; whatever else was left there goes too. */
async function removeDir(dir: string, only: string): Promise<void> {
  try {
    await unlink(only);
    await rmdir(dir);
  } catch {
    await removeScratch(dir);
  }
}
