// The port that makes previews of a source, in isolation.
import type { Digest } from '../digest.js';
import type { Format } from '../format.js';
import type { Context } from '../image-key.js';
import type { Recipe } from '../recipe/recipe.js';
import type { DrawingLimits } from '../recipe/resolve.js';
import type { Size } from '../sizes.js';
import type { Metadata, Preview, SourceInfo } from '../source.js';
import type { ImageRequest } from '../zoom/image-request.js';
import type { Rect, TileType } from '../zoom/pyramid.js';

/** Somebody waits for this very preview; somebody waits for the whole sequence; nobody waits. */
export const PRIORITIES = ['instant', 'medium', 'background'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** Where somebody stands who waits for a conversion; the context is for fairness between tenants, and never logged. */
export interface Place {
  readonly priority: Priority;
  readonly context: Context;
}

/** Who else waits for a conversion: `each` tells of those who are there and of those who come, until its function is called. */
export interface Joined {
  each(listener: (place: Place) => void): () => void;
}

/** All tiles of a page of the upright picture, as one file with its index. */
export interface PyramidTask {
  readonly kind: 'pyramid';
  readonly type: TileType;
  /** From 1. */
  readonly page: number;
  /** As large as a page is drawn that can be drawn at any size. */
  readonly size: Size;
}

/** What the pages of a source are; nothing is made. */
export interface PagesTask {
  readonly kind: 'pages';
}

/** Of an upright page. */
export interface PageFacts extends Size {
  readonly hasAlpha: boolean;
}

/** A tile of the level that a region is made from: its bytes in the job's file, and where it lies on the canvas. */
export interface LaidTile extends Rect {
  /** Of those bytes. */
  readonly digest: Digest;
  readonly start: number;
  readonly bytes: number;
}

/** One picture, made of tiles: what is asked for of the canvas that they are laid on. */
export interface RegionTask {
  readonly kind: 'region';
  readonly canvas: Size;
  readonly tiles: readonly LaidTile[];
  readonly drawn: Pick<ImageRequest, 'region' | 'size' | 'mirrored' | 'rotation' | 'quality' | 'format'>;
}

export type ZoomTask = PyramidTask | PagesTask | RegionTask;

/** A picture of a recipe. */
export interface Drawing {
  /** Absent: nothing is drawn, and only the header is read. */
  readonly recipe?: Recipe;
  readonly limits: DrawingLimits;
  /** `false`: every step is drawn by itself; for those who compare. */
  readonly fuses?: boolean;
  /**
   * The file is a smaller picture of this source, whole and upright, and the recipe is the source's. Nothing is drawn, and no preview
   * told, where scaling twice would show.
   */
  readonly of?: SourceInfo;
}

/** Its own place is that of who has begun it. */
export interface ConversionJob extends Place {
  /** A file that stays unchanged until the conversion ends; empty where `content` is the source. */
  readonly sourcePath: string;
  /** The bytes of a small source, which take less time by themselves than as a file. */
  readonly content?: Buffer;
  readonly sourceBytes: number;
  /** The whole sequence: how one preview is made depends on the others, so that it is the same whoever waits for what. */
  readonly formats: readonly Format[];
  /** Canonical texts of formats whose previews are there already: they are not made again. */
  readonly made?: readonly string[];
  /** Make the best match of this request first, and report it before the others. */
  readonly wanted?: Format;
  /** Make that best match alone; the conversion is complete with it. */
  readonly wantedOnly?: boolean;
  /** To be made in place of previews; the conversion has one, which is that. */
  readonly zoom?: ZoomTask;
  /** In place of formats: one preview whose format is the recipe's text, or none where nothing is drawn. */
  readonly drawing?: Drawing;
  /** It is converted when the first of all their places has its turn. */
  readonly joined?: Joined;
  /**
   * Where previews are written, which belong to the caller from then on: an existing directory; with `content` or `drawing` one that is made
   * when it is needed.
   */
  readonly outputDir: string;
}

/** A preview as the converter leaves it: a finished file that nobody else writes to, or its bytes. */
export interface MadePreview extends Preview {
  /** Empty where `content` has the bytes. */
  readonly path: string;
  /** Of a small preview of a job with `content` or `drawing`. */
  readonly content?: Buffer;
  /** Of a pyramid: the digest of its index. */
  readonly indexDigest?: Digest;
}

export interface Conversion {
  readonly info: SourceInfo;
  readonly metadata: Metadata;
  /** Every preview of the job that was not there already. */
  readonly previews: readonly MadePreview[];
  /** Where pages were asked for: each, from the first. */
  readonly pages?: readonly PageFacts[];
}

/** Called when the wanted preview is ready and more are still to come. */
export type WantedReady = (info: SourceInfo, metadata: Metadata, preview: MadePreview) => void;

/** Makes previews of sources, in isolation: whatever a source does to it costs one conversion. */
export interface Converter {
  /**
   * Throws `source-type-refused`, `source-limits-exceeded`, `source-undecodable`, `conversion-timeout`, `overloaded`.
   * Files of a failed conversion are removed. An aborted conversion ends at once.
   */
  convert(job: ConversionJob, onWanted?: WantedReady, signal?: AbortSignal): Promise<Conversion>;
  /** The file of `preview` is not what was said of it: whoever made it is given no further source. */
  distrust(preview: MadePreview): void;
  close(): Promise<void>;
}
