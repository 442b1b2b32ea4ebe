// What is known of a source image and its previews: the immutable facts that the catalog keeps and the rules work on.
import type { Digest } from './digest.js';
import type { PreviewType } from './format.js';
import type { Context, ImageKey } from './image-key.js';
import type { Size } from './sizes.js';
import { pyramidsOf } from './zoom/kept-pyramids.js';
import type { PagePyramid, Pyramid } from './zoom/pyramid-index.js';

export const SOURCE_TYPES = [
  'jpeg',
  'png',
  'gif',
  'webp',
  'tiff',
  'avif',
  'svg',
  'bmp',
  'ico',
  'heic',
  'pdf',
  'raw',
  'office',
  'epub',
  'psd',
  'jxl',
  'jp2',
] as const;
/** What a source is, decided by its bytes alone. */
export type SourceType = (typeof SOURCE_TYPES)[number];

/** EXIF orientation (CIPA DC-008, tag 0x0112): 1 is upright, 5 to 8 swap width and height. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** The facts of a source's header. */
export interface SourceInfo {
  readonly type: SourceType;
  /** Width and height of the upright image. */
  readonly widthPx: number;
  readonly heightPx: number;
  readonly orientation: Orientation;
  /** Pages of a TIFF or document, frames of a GIF or WebP; 1 for everything else. */
  readonly pages: number;
  /** More than one frame, in a type that can be animated. */
  readonly animated: boolean;
  /** Milliseconds that each frame is shown; empty for a still. */
  readonly delaysMs: readonly number[];
  /** How often an animation plays; 0 is for ever. */
  readonly loop: number;
  /** There is an alpha channel; whether it is used only the pixels tell. */
  readonly hasAlpha: boolean;
  readonly channels: number;
  readonly bitsPerSample: number;
  /** As the decoder names it: srgb, cmyk, b-w, rgb16, grey16, lab. */
  readonly colorSpace: string;
  /** Interlaced or progressive: cannot be decoded in strips. */
  readonly progressive: boolean;
}

/** Tag groups (File, Exif, GPS, Thumbnail, Place), each from a tag's label to its text. */
export type Metadata = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** One encoded image made from a source; its bytes are the blob named `digest`. */
export interface Preview extends Size {
  /** Canonical texts of the target formats that this preview answers; at least one. */
  readonly formats: readonly string[];
  readonly type: PreviewType;
  readonly bytes: number;
  readonly digest: Digest;
  /** The sequence that made it, where that is not the record's: kept for servers that make that one. */
  readonly sequenceId?: string;
}

/** All that was made of one source: shared by every image group with these source bytes. */
export interface SourceRecord {
  /** What the record is found by: the digest of the source's bytes, or of these in one context (`scopedDigest`). */
  readonly digest: Digest;
  /** The digest of the source's bytes, and so the name of its blob, where `digest` is another one. */
  readonly contentDigest?: Digest;
  /** Length of the source in bytes. */
  readonly bytes: number;
  readonly info: SourceInfo;
  readonly metadata: Metadata;
  /** The sequence that made `previews` but those that name another; a server that makes neither makes its own beside them. */
  readonly sequenceId: string;
  readonly previews: readonly Preview[];
  /** `false` while previews of the sequence are still to be made (the source blob is kept until then). */
  readonly complete: boolean;
  /** Formats of the sequence may be missing: each is made from the kept source when it is asked for (on-demand.ts). */
  readonly onDemand?: true;
  /** The source's own blob is stored. */
  readonly sourceKept: boolean;
  /** Its tiles, once somebody has zoomed into it: whatever the sequence, and complete or not there. `Catalog.addPyramid` alone writes them. */
  readonly pyramid?: Pyramid;
  /** Those of its other pages; the latest last. */
  readonly pagePyramids?: readonly PagePyramid[];
}

/** Sequences whose previews a record keeps beside its own: what a change of the sequence, rolled out slowly, has at once. */
const MAX_OTHER_SEQUENCES = 2;

/** The previews that the record's own sequence made. */
export function ownPreviews({ previews }: Pick<SourceRecord, 'previews'>): readonly Preview[] {
  return previews.filter(({ sequenceId }) => sequenceId === undefined);
}

/**
 * What a record of sequence `sequenceId` keeps of `before`, as made by others: the latest few, `before`'s own first. Nothing of a
 * sequence that was never completed.
 */
export function otherPreviews(before: SourceRecord, sequenceId: string): readonly Preview[] {
  const made = before.previews.map((preview) => ({ ...preview, sequenceId: preview.sequenceId ?? before.sequenceId }));
  const usable = before.complete ? made : made.filter((preview) => preview.sequenceId !== before.sequenceId);
  const others = usable.filter((preview) => preview.sequenceId !== sequenceId);
  const kept = [...new Set(others.map((preview) => preview.sequenceId))].slice(0, MAX_OTHER_SEQUENCES);
  return others.filter((preview) => kept.includes(preview.sequenceId));
}

/**
 * The same record with `sequenceId` as its own, where it keeps what that has made; else as it is. Whether that sequence was made as
 * a whole is told nowhere.
 */
export function recordFor(record: SourceRecord, sequenceId: string): SourceRecord {
  if (record.sequenceId === sequenceId) return record;
  const made = record.previews.filter((preview) => preview.sequenceId === sequenceId);
  if (made.length === 0) return record;
  const own = made.map(({ sequenceId: _, ...preview }) => preview);
  return {
    ...record,
    sequenceId,
    previews: [...own, ...otherPreviews(record, sequenceId)],
    complete: true,
    onDemand: true,
  };
}

/** The name of the source's own blob. */
export function contentDigestOf(source: Pick<SourceRecord, 'digest' | 'contentDigest'>): Digest {
  return source.contentDigest ?? source.digest;
}

/** A blob that a record names. */
export interface NamedBlob {
  readonly digest: Digest;
  readonly bytes: number;
  readonly kind: 'source' | 'preview';
}

/** Every blob that `record` names, each once; one that is its own source and a preview is a preview. */
export function namedBlobs(record: SourceRecord): readonly NamedBlob[] {
  const named = new Map<Digest, NamedBlob>();
  for (const { digest, bytes } of record.previews) named.set(digest, { digest, bytes, kind: 'preview' });
  // Made of the source like previews, and counted and evicted with them.
  for (const { digest, bytes } of pyramidsOf(record)) named.set(digest, { digest, bytes, kind: 'preview' });
  const content = contentDigestOf(record);
  if (record.sourceKept && !named.has(content))
    named.set(content, { digest: content, bytes: record.bytes, kind: 'source' });
  return [...named.values()];
}

/** What one (context, image key) stands for. */
export interface ImageGroup {
  readonly context: Context;
  readonly imageKey: ImageKey;
  readonly sourceDigest: Digest;
  /** Unix time in ms. */
  readonly createdAt: number;
  /** Unix time in ms; coarse, because a read never writes. */
  readonly lastAccess: number;
  /** The name the upload gave its file. It belongs to the group, since equal sources may be uploaded under other names. */
  readonly fileName?: string;
  /** Differs after every commit of this group: equal revisions are equal groups with equal previews. */
  readonly revision: string;
}

/** An image group joined with its source. */
export interface CatalogEntry {
  readonly group: ImageGroup;
  readonly source: SourceRecord;
}

/** The page of the source, from 1, that a format shows which asks for page `asked`: the last where there are fewer, 1 of an animation. */
export function pageOf({ pages, animated }: Pick<SourceInfo, 'pages' | 'animated'>, asked: number): number {
  return animated ? 1 : Math.min(asked, pages);
}

/** The size of the source as its bytes have it, before orientation is applied. */
export function storedSize(info: SourceInfo): Size {
  return info.orientation >= 5 ? { widthPx: info.heightPx, heightPx: info.widthPx } : info;
}
