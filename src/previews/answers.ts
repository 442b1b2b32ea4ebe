// What the use cases take and give, free of HTTP: the edge turns these into requests and responses.
import type { PreviewMatch } from '../kernel/best-match.js';
import type { Digest } from '../kernel/digest.js';
import type { Format } from '../kernel/format.js';
import type { Context, GroupRef, ImageKey } from '../kernel/image-key.js';
import type { TierName } from '../kernel/ports/blobs.js';
import type { Selection } from '../kernel/ports/catalog.js';
import type { Place } from '../kernel/ports/converter.js';
import type { Derivative, DrawnSource } from '../kernel/ports/derivatives.js';
import type { Recipe } from '../kernel/recipe/recipe.js';
import type { CatalogEntry, Metadata, SourceRecord } from '../kernel/source.js';
import type { Slice } from '../kernel/zoom/pyramid-index.js';

/** A received source: a finished temp file of ours. Whoever is given an upload owns the file and removes it. */
export interface Upload {
  readonly path: string;
  readonly digest: Digest;
  readonly bytes: number;
  /** The client's name for the file, its last path segment only; a hint for metadata, never a path. */
  readonly fileName?: string;
}

/** The preview that answers a request, chosen but not read yet: enough for headers and conditional requests. */
export interface PreviewChoice extends PreviewMatch {
  readonly entry: CatalogEntry;
  /** What was asked for. */
  readonly request: Format;
  /** It is none of the sequence, but was cut from the picture. */
  readonly part?: PicturePart;
}

/** Where the bytes of a tile or a region are, and how they are had once more. */
export interface PicturePart {
  /** Of a tile. */
  readonly slice?: Slice;
  /** Of a region that was drawn for this very request. */
  readonly bytes?: Buffer;
  /** Makes it again where its bytes are lost. */
  readonly again: () => Promise<PreviewChoice>;
}

export interface PreviewBytes {
  readonly bytes: Buffer;
  /** Where they were found; `made`: healed for this request. */
  readonly from: TierName | 'made';
  /** What was read: the choice that was asked for, or its successor where healing made another preview. */
  readonly choice: PreviewChoice;
}

/** What the header of a source says beside its size and type. */
export interface SourceFacts {
  /** 1 to 8, as the source is stored: width and height are of the upright picture. */
  readonly orientation: number;
  readonly hasAlpha: boolean;
  /** Pages or frames. */
  readonly pages: number;
  /** How often an animation plays, 0 for ever; only of an animation. */
  readonly loop?: number;
  /** The name of the profile by which its colours were read. */
  readonly colorProfile?: string;
  /** `PQ` or `HLG`, of a source with a high dynamic range. */
  readonly dynamicRange?: string;
  /** Of an animation, once through, in ms. */
  readonly durationMs?: number;
  /** What is shown, where that is not the whole. */
  readonly shown?: string;
  readonly colorSpace: string;
  readonly channels: number;
  readonly bitsPerSample: number;
}

/** What a page shows in place of a picture until that is there. */
export interface Placeholder {
  /** Base64 of the ThumbHash, some 25 bytes: form, colours and alpha. */
  readonly thumbhash?: string;
  /** Of 3 by 3 waves, over white. */
  readonly blurhash?: string;
  /** `#rrggbb` */
  readonly dominantColor?: string;
}

/** The metadata of a group, with our own `Proofsheet` facts beside the tag groups. */
export interface GroupMetadata {
  readonly groups: Metadata;
  readonly proofsheet: {
    readonly digest: `sha256:${string}`;
    /** ISO 8601, UTC. */
    readonly createdAt: string;
    readonly source: SourceFacts;
    readonly placeholder?: Placeholder;
    /** Where the picture was taken, in decimal degrees and metres, as far as the source says it. */
    readonly place?: Readonly<Record<string, number>>;
    readonly previews: readonly {
      readonly format: readonly string[];
      readonly type: string;
      readonly width: number;
      readonly height: number;
      readonly bytes: number;
      readonly digest: `sha256:${string}`;
    }[];
  };
}

/** The use cases as the edge sees them. All throw `ProofsheetError`s. */
export interface Previews {
  /** Chooses the answer; waits for a sequence that is being made. Throws `unknown-image-key`. */
  choose(ref: GroupRef, request: Format): Promise<PreviewChoice>;
  /** The chosen preview's bytes from the nearest tier, healed from the source if every tier lost them. */
  read(choice: PreviewChoice): Promise<PreviewBytes>;
  /** Whether the group exists: an upload for it can be read and ignored. */
  has(ref: GroupRef): Promise<boolean>;
  /** Makes the group from the upload unless it exists; resolves as soon as the answer is safely stored. */
  cacheAndChoose(ref: GroupRef, request: Format, upload: Upload): Promise<PreviewChoice>;
  /** Makes or overwrites the group; resolves once every preview of the sequence is stored. */
  cache(ref: GroupRef, upload: Upload): Promise<CatalogEntry>;
  /** Throws `unknown-image-key`. */
  metadata(ref: GroupRef): Promise<GroupMetadata>;
  /** Resolves with the number of groups removed. */
  clear(selection: Selection): Promise<number>;
  count(context?: Context): Promise<number>;
  keys(context?: Context): AsyncIterable<readonly ImageKey[]>;
}

/** A picture that belongs to no sequence, with its bytes. */
export interface DrawnPicture {
  readonly picture: Derivative;
  readonly bytes: Buffer;
  /** `made`: drawn for this request. */
  readonly from: TierName | 'made';
  readonly known: DrawnSource;
}

/** The use cases of pictures that are drawn by a recipe. All throw `ProofsheetError`s, `invalid-request-format` for what may not be drawn. */
export interface Drawings {
  /** What `recipe` draws of the upload, whose file it owns; equal pictures are drawn once. */
  drawUpload(context: Context, upload: Upload, recipe: Recipe): Promise<DrawnPicture>;
  /** What the header of the upload says, whose file it owns; nothing is decoded. */
  inspectUpload(context: Context, upload: Upload): Promise<DrawnSource>;
  /** The same of the kept source of a record. Throws `unknown-image-key` when that is gone. */
  drawKept(record: SourceRecord, recipe: Recipe, place: Place): Promise<DrawnPicture>;
}
