// The use cases of zooming: what a picture is, one tile of it, any region of it. Tiles are parts of the pyramid's blob; a region that
// no tile shows is drawn of tiles.
import type { Digest } from '../../kernel/digest.js';
import { ProofsheetError } from '../../kernel/errors.js';
import { parseFormat } from '../../kernel/format.js';
import type { GroupRef } from '../../kernel/image-key.js';
import { usesAlpha } from '../../kernel/on-demand.js';
import type { Catalog } from '../../kernel/ports/catalog.js';
import type { PageFacts } from '../../kernel/ports/converter.js';
import type { Size } from '../../kernel/sizes.js';
import type { CatalogEntry } from '../../kernel/source.js';
import type { ImageRequest } from '../../kernel/zoom/image-request.js';
import { pyramidOfPage } from '../../kernel/zoom/kept-pyramids.js';
import { type Rect, type TilePlace, tileRect, tileShowing } from '../../kernel/zoom/pyramid.js';
import { indexSliceOf, type Pyramid, PyramidIndex, type Slice } from '../../kernel/zoom/pyramid-index.js';
import type { AccessJournal } from '../access-journal.js';
import type { PicturePart, PreviewChoice } from '../answers.js';
import type { BlobTiers } from '../blob-tiers.js';
import { type ContentGuard, guardedFind } from '../takedown/content-guard.js';
import type { PageRef, Zoom, ZoomPicture } from './answers.js';
import type { Drawn, DrawnParts, Wanted } from './drawn-parts.js';
import { earlyTask, previewFor } from './early-tile.js';
import { layOut, type TileBytes } from './lay-out.js';
import type { PageBook } from './page-book.js';
import type { PageOfSource, PyramidMaker } from './pyramid-maker.js';
import { Recent } from './recent.js';

/** Indexes that were read: 36 bytes a tile, 200 kB of a gigapixel. */
const MAX_INDEX_BYTES = 16 * 1024 * 1024;
/** A pyramid that is lost again right after it was made is no coincidence. */
const MAX_LOSSES = 2;
/** How long a tile itself is waited for before what a preview shows is drawn in its place: small pictures are done by then. */
const EARLY_AFTER_MS = 50;

export interface ZoomServiceDeps {
  readonly catalog: Pick<Catalog, 'find' | 'removeGroup'>;
  /** Keeps out what was taken down; absent where nothing can be. */
  readonly guard?: ContentGuard;
  readonly blobs: BlobTiers;
  readonly pyramids: PyramidMaker;
  readonly book: PageBook;
  readonly parts: DrawnParts;
  readonly journal: AccessJournal;
}

export class ZoomService implements Zoom {
  private readonly indexes = new Recent<Digest, PyramidIndex>(MAX_INDEX_BYTES);

  constructor(private readonly deps: ZoomServiceDeps) {}

  async picture(ref: PageRef): Promise<ZoomPicture> {
    const { page = 1 } = ref;
    const entry = await this.entryOf(ref);
    const count = pageCount(entry);
    if (page > count)
      throw new ProofsheetError('unknown-image-key', `expected a page of 1 to ${count} of this image, got another`);
    if (page === 1) return firstPage(entry);
    const facts = await this.deps.book.of(entry.source, entry.group.context);
    const found = facts[page - 1];
    if (found === undefined)
      throw new ProofsheetError('unknown-image-key', `expected a page of 1 to ${facts.length}, got another`);
    return otherPage(entry, page, found);
  }

  async pages(ref: GroupRef): Promise<readonly ZoomPicture[]> {
    const entry = await this.entryOf(ref);
    if (pageCount(entry) === 1) return [firstPage(entry)];
    const facts = await this.deps.book.of(entry.source, entry.group.context);
    return facts.map((of, index) => (index === 0 ? firstPage(entry) : otherPage(entry, index + 1, of)));
  }

  async prepare(ref: PageRef, signal: AbortSignal): Promise<void> {
    const picture = await this.picture(ref);
    await this.deps.pyramids.prepared(pageOfSource(picture), picture.entry.group.context, signal);
  }

  async tile(ref: PageRef, place: TilePlace, type?: string): Promise<PreviewChoice> {
    const picture = await this.picture(ref);
    if (type !== undefined && type !== picture.tileType)
      throw new ProofsheetError('unknown-image-key', `expected a tile of type ${picture.tileType}, got another type`);
    return this.tileOf(ref, picture, place);
  }

  async region(ref: PageRef, resolve: (size: Size) => ImageRequest, client?: string): Promise<PreviewChoice> {
    const picture = await this.picture(ref);
    const request = resolve(picture.size);
    const { region, size, isLoose, mirrored, rotation, quality, format } = request;
    const isPlain = !mirrored && rotation === 0 && quality === 'default' && format === picture.tileType;
    const place = isPlain ? tileShowing(picture.size, region, size, isLoose) : undefined;
    return place ? this.tileOf(ref, picture, place) : this.regionOf(ref, picture, request, resolve, client);
  }

  private async entryOf(ref: GroupRef): Promise<CatalogEntry> {
    const entry = await guardedFind(this.deps.guard, this.deps.catalog, ref);
    if (entry === undefined)
      throw new ProofsheetError('unknown-image-key', 'no image is cached under this key in this context');
    this.deps.journal.note(entry.group);
    return entry;
  }

  private async tileOf(ref: PageRef, picture: ZoomPicture, place: TilePlace, lost = false): Promise<PreviewChoice> {
    const rect = tileRect(picture.size, place);
    if (rect === undefined) throw new ProofsheetError('unknown-image-key', 'this image has no such tile');
    const again = async (): Promise<PreviewChoice> => this.tileOf(ref, await this.picture(ref), place, true);
    const tile = this.madeTile(picture, place, rect, lost, again);
    const isMade = pyramidOfPage(picture.entry.source, picture.page) !== undefined && !lost;
    return (isMade ? undefined : await this.early(picture, place, rect, tile)) ?? tile;
  }

  private async madeTile(
    picture: ZoomPicture,
    place: TilePlace,
    rect: Rect,
    lost: boolean,
    again: PicturePart['again'],
  ): Promise<PreviewChoice> {
    const { entry, index } = await this.indexOf(picture, lost);
    const slice = sliceIn(index, place);
    const { bytes, digest } = slice;
    return choiceOf(entry, { type: picture.tileType, ...sizeOf(rect), bytes, digest }, { slice, again });
  }

  /** What a preview shows of the tile, where that is well enough and `tile` takes a while; `undefined` else. */
  private async early(
    picture: ZoomPicture,
    place: TilePlace,
    rect: Rect,
    tile: Promise<PreviewChoice>,
  ): Promise<PreviewChoice | undefined> {
    const { entry, size, tileType, page } = picture;
    const preview = page === 1 ? previewFor(entry.source, size, place.level) : undefined;
    if (preview === undefined || (await isSettledWithin(tile, EARLY_AFTER_MS))) return undefined;
    const found = await this.deps.blobs.find(preview.digest);
    if (found === undefined) return undefined;
    const name = `early ${place.level}/${place.column}_${place.row}`;
    const wanted: Wanted = {
      ...{ source: entry.source.digest, name, context: entry.group.context, isPassing: true },
      prepare: async () => ({ task: earlyTask(preview, size, place, rect, tileType), bytes: found.bytes }),
    };
    try {
      const { drawn, bytes } = await this.deps.parts.of(wanted);
      return choiceOf(entry, drawn, { ...(bytes && { bytes }), isPassing: true, again: () => tile });
    } catch {
      // It was for convenience: the tile itself tells how it stands.
      return undefined;
    }
  }

  private async regionOf(
    ref: PageRef,
    picture: ZoomPicture,
    request: ImageRequest,
    resolve: (size: Size) => ImageRequest,
    client: string | undefined,
  ): Promise<PreviewChoice> {
    const { entry, page } = picture;
    const wanted: Wanted = {
      source: entry.source.digest,
      name: `${page}/${request.canonical}`,
      context: entry.group.context,
      client,
      isPassing: false,
      prepare: async () => {
        const layout = layOut(picture.size, request);
        return layout.with(await this.tilesOf(picture, layout.places));
      },
    };
    const again = (): Promise<PreviewChoice> => {
      this.deps.parts.forget(wanted);
      // The key may stand for another picture by now, of another size.
      return this.region(ref, resolve, client);
    };
    const { drawn, bytes, from } = await this.deps.parts.of(wanted);
    return choiceOf(entry, drawn, { ...(bytes && { bytes }), ...(from && { from }), isDrawn: true, again });
  }

  /** The bytes of tiles in their order; one that is lost is made again with all others. */
  private async tilesOf(picture: ZoomPicture, places: readonly TilePlace[]): Promise<readonly TileBytes[]> {
    for (let losses = 0; losses <= MAX_LOSSES; losses++) {
      const { index } = await this.indexOf(picture, losses > 0);
      const found: TileBytes[] = [];
      for (const place of places) {
        const slice = sliceIn(index, place);
        const tile = await this.deps.blobs.findSlice(slice);
        if (tile === undefined) break;
        found.push({ bytes: tile.bytes, digest: slice.digest });
      }
      if (found.length === places.length) return found;
    }
    throw new ProofsheetError('internal', 'the tiles of this image were made again but could not be read');
  }

  /** The index of the page's pyramid, and the entry as it is with it. `lost`: its blob was not found, or damaged. */
  private async indexOf(
    picture: ZoomPicture,
    lost: boolean,
  ): Promise<{ readonly entry: CatalogEntry; readonly index: PyramidIndex }> {
    const { entry, size, page } = picture;
    const { context } = entry.group;
    for (let losses = lost ? 1 : 0; losses <= MAX_LOSSES; losses++) {
      const pyramid = await this.deps.pyramids.made(pageOfSource(picture), context, losses > 0);
      const index = this.indexes.get(pyramid.digest) ?? (await this.readIndex(size, pyramid));
      if (index === undefined) continue;
      const isKnown = pyramidOfPage(entry.source, page)?.digest === pyramid.digest;
      return { entry: isKnown ? entry : ((await this.deps.catalog.find(entry.group)) ?? entry), index };
    }
    throw new ProofsheetError('internal', 'the tiles of this image were made again but could not be read');
  }

  private async readIndex(size: Size, pyramid: Pyramid): Promise<PyramidIndex | undefined> {
    const bytes = await this.deps.blobs.slice(indexSliceOf(size, pyramid));
    const index = bytes && PyramidIndex.parse(size, pyramid, bytes);
    if (index) this.indexes.set(pyramid.digest, index, index.heldBytes);
    return index;
  }
}

function pageCount({ source: { info } }: CatalogEntry): number {
  return info.animated ? 1 : info.pages;
}

function firstPage(entry: CatalogEntry): ZoomPicture {
  const { source } = entry;
  const { widthPx, heightPx } = source.info;
  const tileType = source.pyramid?.type ?? (usesAlpha(source) ? 'png' : 'jpg');
  return { entry, page: 1, pages: pageCount(entry), size: { widthPx, heightPx }, tileType };
}

function otherPage(entry: CatalogEntry, page: number, { widthPx, heightPx, hasAlpha }: PageFacts): ZoomPicture {
  return { entry, page, pages: pageCount(entry), size: { widthPx, heightPx }, tileType: hasAlpha ? 'png' : 'jpg' };
}

function pageOfSource({ entry, page, size, tileType: type }: ZoomPicture): PageOfSource {
  return { record: entry.source, page, size, type };
}

/** Whatever comes of it. */
function isSettledWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    const settled = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    work.then(settled, settled);
  });
}

function sliceIn(index: PyramidIndex, place: TilePlace): Slice {
  const slice = index.sliceOf(place);
  if (slice === undefined) throw new ProofsheetError('unknown-image-key', 'this image has no such tile');
  return slice;
}

function choiceOf(entry: CatalogEntry, drawn: Drawn, part: PicturePart): PreviewChoice {
  const format = parseFormat(`${drawn.type}:${drawn.widthPx}x${drawn.heightPx}`);
  return { entry, preview: { formats: [], ...drawn }, format, relation: 'exact', request: format, part };
}

function sizeOf({ widthPx, heightPx }: Rect): Size {
  return { widthPx, heightPx };
}
