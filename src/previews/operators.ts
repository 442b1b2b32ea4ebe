// The use cases of whoever operates servers: how all of them are, live and over the last day; what contexts have; the story of one
// picture; what failed, forgotten or tried again. Free of HTTP.
import type { MatchRelation } from '../kernel/best-match.js';
import type { Digest } from '../kernel/digest.js';
import { ProofsheetError } from '../kernel/errors.js';
import type { Format } from '../kernel/format.js';
import { DEFAULT_CONTEXT, type GroupRef } from '../kernel/image-key.js';
import type { Catalog } from '../kernel/ports/catalog.js';
import type { ContextStanding, Insight } from '../kernel/ports/insight.js';
import type { Refusal, Refusals } from '../kernel/ports/refusals.js';
import type { Sequence } from '../kernel/sequence.js';
import { type CatalogEntry, contentDigestOf, type Metadata, type Preview } from '../kernel/source.js';
import type { GroupMetadata, PreviewChoice, Previews } from './answers.js';
import type { BlobTiers } from './blob-tiers.js';
import { groupMetadata, safeMetadata } from './group-metadata.js';
import { LiveFeed, type LiveFeedDeps } from './live-feed.js';
import type { Overview } from './overview.js';
import type { SourceMaker } from './source-maker.js';

/** Why a preview answers a format. */
export interface Explained {
  readonly asked: string;
  /** Of the preview that answers. */
  readonly preview: Digest;
  readonly target: string;
  readonly relation: MatchRelation;
  /** A better one is being made, or is made when it is asked for. */
  readonly isFinal: boolean;
}

/** The story of one group. */
export interface LookedUp {
  readonly entry: CatalogEntry;
  readonly metadata: GroupMetadata;
  /** Of its tags those that are told to anybody. */
  readonly publicTags: Metadata;
  readonly previews: readonly (Preview & { readonly isStored: boolean })[];
  readonly isSourceStored: boolean;
  readonly answers: readonly Explained[];
  /** Its source is remembered as one that failed. */
  readonly refusal?: Refusal;
}

/** `made`: its previews were made of the kept source. `forgotten`: the next upload of it is tried. `unknown`: nothing was held against it. */
export type Retried = 'made' | 'forgotten' | 'unknown';

export interface Operators {
  /** Overviews until `stop` aborts or the server stops; the first at once, with the past. Throws `overloaded` where too many watch. */
  watch(stop: AbortSignal): AsyncIterable<Overview>;
  overview(): Promise<Overview>;
  contexts(by: 'bytes' | 'groups', limit: number): Promise<readonly ContextStanding[]>;
  /** Each of `formats`, or each target format, is explained. Throws `unknown-image-key`. */
  lookUp(ref: GroupRef, formats: readonly Format[]): Promise<LookedUp>;
  /** At most `limit` of what failed, those that are forgotten first standing first. */
  refusals(limit: number): Promise<readonly Refusal[]>;
  /** `false` where nothing was held against the source. */
  forget(source: Digest): Promise<boolean>;
  retry(source: Digest): Promise<Retried>;
}

export interface OperatorsDeps extends LiveFeedDeps {
  readonly catalog: Pick<Catalog, 'find' | 'findSource' | 'usage'>;
  readonly insight: Insight;
  readonly refusals?: Refusals;
  readonly blobs: Pick<BlobTiers, 'has'>;
  readonly previews: Pick<Previews, 'availableNow'>;
  readonly maker: Pick<SourceMaker, 'finish'>;
  readonly sequence: Pick<Sequence, 'formats'>;
}

export class OperatorService implements Operators {
  private readonly feed: LiveFeed;

  constructor(private readonly deps: OperatorsDeps) {
    this.feed = new LiveFeed(deps);
  }

  watch(stop: AbortSignal): AsyncIterable<Overview> {
    return this.feed.watch(stop);
  }

  overview(): Promise<Overview> {
    return this.feed.overview(true);
  }

  contexts(by: 'bytes' | 'groups', limit: number): Promise<readonly ContextStanding[]> {
    return this.deps.insight.heaviestContexts(by, limit);
  }

  async lookUp(ref: GroupRef, formats: readonly Format[]): Promise<LookedUp> {
    const { catalog, previews, blobs, refusals } = this.deps;
    const entry = await catalog.find(ref);
    if (entry === undefined)
      throw new ProofsheetError('unknown-image-key', 'no image is cached under this key in this context');
    const asked = formats.length > 0 ? formats : this.deps.sequence.formats;
    const choices = await Promise.all(asked.map((format) => previews.availableNow(ref, format)));
    const { source } = entry;
    const metadata = groupMetadata(entry);
    const stored = await Promise.all(
      [...source.previews.map(({ digest }) => digest), contentDigestOf(source)].map((digest) => blobs.has(digest)),
    );
    const refusal = await refusals?.find(source.digest);
    return {
      entry,
      metadata,
      publicTags: safeMetadata(metadata).groups,
      previews: source.previews.map((preview, at) => ({ ...preview, isStored: stored[at] === true })),
      isSourceStored: source.sourceKept && stored.at(-1) === true,
      answers: choices.flatMap(({ choice, isFinal }) => (choice ? [explained(choice, isFinal)] : [])),
      ...(refusal && { refusal }),
    };
  }

  async refusals(limit: number): Promise<readonly Refusal[]> {
    const found: Refusal[] = [];
    for await (const batch of this.deps.refusals?.list() ?? nothing()) {
      found.push(...batch);
      if (found.length >= limit) break;
    }
    return found.slice(0, limit);
  }

  async forget(source: Digest): Promise<boolean> {
    return ((await this.deps.refusals?.forget(source)) ?? 0) > 0;
  }

  async retry(source: Digest): Promise<Retried> {
    const wasHeld = await this.forget(source);
    const record = await this.deps.catalog.findSource(source);
    if (!record?.sourceKept || record.complete) return wasHeld ? 'forgotten' : 'unknown';
    await this.deps.maker.finish(record, { priority: 'medium', context: DEFAULT_CONTEXT });
    return 'made';
  }
}

function explained({ request, preview, format, relation }: PreviewChoice, isFinal: boolean): Explained {
  return { asked: request.text, preview: preview.digest, target: format.text, relation, isFinal };
}

async function* nothing(): AsyncGenerator<readonly Refusal[]> {}
