// What the use cases take and give, free of HTTP: the edge turns these into requests and responses.
import type { PreviewMatch } from '../kernel/best-match.js';
import type { Digest } from '../kernel/digest.js';
import type { Format } from '../kernel/format.js';
import type { Context, GroupRef, ImageKey } from '../kernel/image-key.js';
import type { NegotiatedType } from '../kernel/negotiation.js';
import type { TierName } from '../kernel/ports/blobs.js';
import type { Selection } from '../kernel/ports/catalog.js';
import type { Place, Priority } from '../kernel/ports/converter.js';
import type { Derivative, DrawnSource } from '../kernel/ports/derivatives.js';
import type { Recipe } from '../kernel/recipe/recipe.js';
import type { CatalogEntry, Metadata, SourceRecord } from '../kernel/source.js';
import type { Slice } from '../kernel/zoom/pyramid-index.js';

/** A received source: a finished temp file of ours. Whoever is given an upload owns the file and removes it. */
export interface Upload {
  /** Empty where `content` has the bytes. */
  readonly path: string;
  /** Of a small source, where the caller takes one without a file. */
  readonly content?: Buffer;
  /** Of one that is in memory still, where the caller asks for that: `path` is empty. Whoever owns it releases it. */
  readonly held?: HeldBytes;
  readonly digest: Digest;
  readonly bytes: number;
  /** 32 lower-case hex characters, where it was asked for. */
  readonly md5?: string;
  /** The client's name for the file, its last path segment only; a hint for metadata, never a path. */
  readonly fileName?: string;
  /** The client's own name for these bytes, 1 to 256 characters, by which it may ask again without sending them. */
  readonly tag?: string;
}

/** Bytes in memory that count to what all uploads may take there. */
export interface HeldBytes {
  /** Writes them to a new file. */
  placeAt(path: string): Promise<void>;
  /** They are gone from then on. */
  release(): void;
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
  /** Of what was drawn for this very request, or is at hand. */
  readonly bytes?: Buffer;
  /** Where those bytes were found; absent where they were drawn for this request. */
  readonly from?: PreviewBytes['from'];
  /** Kept with the pictures on demand, where it is not in memory. */
  readonly isDrawn?: true;
  /** Stands in for a tile that is being made: not to be kept by anybody. */
  readonly isPassing?: true;
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
  /**
   * What answers without anything being made: `isFinal` where that is what `choose` would give, else the best that is there, if
   * anything is. Throws `unknown-image-key`.
   */
  availableNow(
    ref: GroupRef,
    request: Format,
  ): Promise<{ readonly choice: PreviewChoice | undefined; readonly isFinal: boolean }>;
  /** The chosen preview's bytes from the nearest tier, healed from the source if every tier lost them. */
  read(choice: PreviewChoice): Promise<PreviewBytes>;
  /** Whether the group exists: an upload for it can be read and ignored. */
  has(ref: GroupRef): Promise<boolean>;
  /** Makes the group from the upload unless it exists; resolves as soon as the answer is safely stored. */
  cacheAndChoose(ref: GroupRef, request: Format, upload: Upload): Promise<PreviewChoice>;
  /** The answer where nothing has to be made or healed for it: what a client that has not sent its upload yet need not send it for. */
  atHand(ref: GroupRef, request: Format): Promise<PreviewChoice | undefined>;
  /** Makes or overwrites the group; resolves once every preview of the sequence is stored. */
  cache(ref: GroupRef, upload: Upload): Promise<CatalogEntry>;
  /**
   * The same without its bytes: of a source whose previews are all stored already, for a group of the same context. `undefined` where
   * they are not, and where only other contexts have it: nobody learns from it what is there. Throws `blocked-content` where that may
   * be told without the bytes.
   */
  cacheKnown(ref: GroupRef, source: Digest): Promise<CatalogEntry | undefined>;
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

/** A source that is kept elsewhere. */
export interface DrawnFrom {
  readonly digest: Digest;
  readonly bytes: number;
  /** Writes it to a new file; `false` when it is gone. */
  copyTo(path: string): Promise<boolean>;
}

/** How something is drawn; for an upload whose sender waits for it unless said otherwise. */
export interface DrawingTerms {
  /** For a place, rather than being refused. */
  readonly waits?: boolean;
  /** `instant` without it. */
  readonly priority?: Priority;
  /** Nobody sent it, so that the limits of uploads know nothing of it: it is new the first time too, by so many pixels, or by those that its header tells. */
  readonly counts?: { readonly pixels?: number };
}

/** The use cases of pictures that are drawn by a recipe. All throw `ProofsheetError`s, `invalid-request-format` for what may not be drawn. */
export interface Drawings {
  /** What `recipe` draws of the upload, whose file it owns; equal pictures are drawn once. */
  drawUpload(context: Context, upload: Upload, recipe: Recipe, terms?: DrawingTerms): Promise<DrawnPicture>;
  /** The same of the source that `tag` was given to in this context, where that was drawn already: no upload is needed. */
  drawnOfTag(context: Context, tag: string, recipe: Recipe): Promise<DrawnPicture | undefined>;
  /** What is known of that source. */
  knownOfTag(context: Context, tag: string): Promise<DrawnSource | undefined>;
  /** What `recipe` draws of a source that is at hand, as `drawUpload` does. */
  drawBytes(context: Context, source: Uint8Array, recipe: Recipe, terms?: DrawingTerms): Promise<DrawnPicture>;
  /** What the header of the upload says, whose file it owns; nothing is decoded. */
  inspectUpload(context: Context, upload: Upload, terms?: Pick<DrawingTerms, 'counts'>): Promise<DrawnSource>;
  /** What `recipe` draws of a source whose bytes are had by `copyTo` (`false` when they are gone) only where it has to be drawn. */
  drawFrom(context: Context, source: DrawnFrom, recipe: Recipe): Promise<DrawnPicture>;
  /** The same of the kept source of a record, or of an upload of it that is at hand and stays the caller's. Throws `unknown-image-key` when that is gone. */
  drawKept(record: SourceRecord, recipe: Recipe, place: Place, atHand?: Upload): Promise<DrawnPicture>;
  /** What is there of it, of a record; nothing is drawn. */
  keptOf(record: SourceRecord, recipe: Recipe): Promise<DrawnPicture | undefined>;
  /** Takes away all that is known and drawn of a source; whoever has it still has it drawn anew. */
  forget(context: Context, content: Digest): Promise<void>;
  /** The bytes of what was drawn, while they are kept. */
  find(digest: Digest): Promise<Buffer | undefined>;
}

/** The answer of a request that leaves the type open, to clients of one class. */
export interface NegotiatedChoice {
  readonly choice: PreviewChoice;
  /** `false` while something smaller may still be made: this answer is for now. */
  readonly isSettled: boolean;
}

/** Other types than the one that was made, for clients that say that they take them. */
export interface Variants {
  readonly types: readonly NegotiatedType[];
  /** The smallest of what is there, and begins what is not; `undefined` where the answer is the same for all clients. */
  smallest(choice: PreviewChoice, accepted: readonly NegotiatedType[]): Promise<NegotiatedChoice | undefined>;
}

/** Of cached images what a format asks for, and not what fits it best. All throw `ProofsheetError`s, `over-quota` for too much that is new. */
export interface ExactPictures {
  /** Throws `unknown-image-key`, of an image whose source is no longer kept as well. */
  choose(ref: GroupRef, request: Format): Promise<PreviewChoice>;
  /** The answer where it needs no upload; `undefined` where the group, or its source, is not there. */
  atHand(ref: GroupRef, request: Format): Promise<PreviewChoice | undefined>;
  /** Makes the group from the upload unless it exists, as `Previews.cacheAndChoose` does. */
  cacheAndChoose(ref: GroupRef, request: Format, upload: Upload): Promise<PreviewChoice>;
}
