// The use cases of zooming: what a picture is, one tile of it, any region of it. Tiles are parts of the pyramid's blob; a region that
// no tile shows is drawn of tiles, one at a time for equal requests, and kept in memory.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../kernel/digest.js';
import { ProofsheetError } from '../../kernel/errors.js';
import { parseFormat } from '../../kernel/format.js';
import type { GroupRef } from '../../kernel/image-key.js';
import type { Catalog } from '../../kernel/ports/catalog.js';
import type { Converter } from '../../kernel/ports/converter.js';
import type { Size } from '../../kernel/sizes.js';
import type { CatalogEntry, Preview } from '../../kernel/source.js';
import type { ImageRequest } from '../../kernel/zoom/image-request.js';
import { type Rect, type TilePlace, tileRect, tileShowing } from '../../kernel/zoom/pyramid.js';
import { indexSliceOf, PyramidIndex, type Slice } from '../../kernel/zoom/pyramid-index.js';
import type { AccessJournal } from '../access-journal.js';
import type { PicturePart, PreviewChoice } from '../answers.js';
import type { BlobTiers } from '../blob-tiers.js';
import type { Zoom, ZoomPicture } from './answers.js';
import { layOut } from './lay-out.js';
import { PyramidMaker, type WithPyramid } from './pyramid-maker.js';
import { Recent } from './recent.js';

/** Indexes that were read: 36 bytes a tile, 200 kB of a gigapixel. */
const MAX_INDEX_BYTES = 16 * 1024 * 1024;
/** Facts of regions that were drawn: some hundred bytes each. */
const MAX_REGIONS = 10_000;
/** A pyramid that is lost again right after it was made is no coincidence. */
const MAX_LOSSES = 2;
/** Regions drawn at once: each holds its tiles, some ten to seventy megabytes, and those who ask need no leave. */
const MAX_DRAWING = 8;
const RETRY_SECONDS = 1;

export interface ZoomServiceDeps {
  readonly catalog: Pick<Catalog, 'find'>;
  readonly blobs: BlobTiers;
  /** Draws regions. */
  readonly converter: Converter;
  readonly pyramids: PyramidMaker;
  readonly journal: AccessJournal;
  /** Of temporary files. */
  readonly tmpDir: string;
}

/** What is told of a drawn region without its bytes. */
type Drawn = Pick<Preview, 'type' | 'widthPx' | 'heightPx' | 'bytes' | 'digest'>;

export class ZoomService implements Zoom {
  private readonly indexes = new Recent<Digest, PyramidIndex>(MAX_INDEX_BYTES);
  private readonly regions = new Recent<string, Drawn>(MAX_REGIONS);
  /** `MAX_DRAWING` at most. */
  private readonly drawing = new Map<string, Promise<{ readonly drawn: Drawn; readonly bytes: Buffer }>>();

  constructor(private readonly deps: ZoomServiceDeps) {}

  async picture(ref: GroupRef): Promise<ZoomPicture> {
    const entry = await this.deps.catalog.find(ref);
    if (entry === undefined)
      throw new ProofsheetError('unknown-image-key', 'no image is cached under this key in this context');
    this.deps.journal.note(entry.group);
    const { widthPx, heightPx } = entry.source.info;
    return { entry, size: { widthPx, heightPx }, tileType: PyramidMaker.typeOf(entry.source) };
  }

  async tile(ref: GroupRef, place: TilePlace): Promise<PreviewChoice> {
    return this.tileOf(ref, await this.picture(ref), place);
  }

  async region(ref: GroupRef, resolve: (size: Size) => ImageRequest): Promise<PreviewChoice> {
    const picture = await this.picture(ref);
    const request = resolve(picture.size);
    const { region, size, isLoose, mirrored, rotation, quality, format } = request;
    const isPlain = !mirrored && rotation === 0 && quality === 'default' && format === picture.tileType;
    const place = isPlain ? tileShowing(picture.size, region, size, isLoose) : undefined;
    return place ? this.tileOf(ref, picture, place) : this.regionOf(ref, picture, request);
  }

  private async tileOf(ref: GroupRef, picture: ZoomPicture, place: TilePlace, lost = false): Promise<PreviewChoice> {
    const rect = tileRect(picture.size, place);
    if (rect === undefined) throw new ProofsheetError('unknown-image-key', 'this image has no such tile');
    const { entry, index } = await this.indexOf(picture, lost);
    const slice = sliceIn(index, place);
    const again = async (): Promise<PreviewChoice> => this.tileOf(ref, await this.picture(ref), place, true);
    const { bytes, digest } = slice;
    return choiceOf(entry, { type: picture.tileType, ...sizeOf(rect), bytes, digest }, { slice, again });
  }

  private async regionOf(ref: GroupRef, picture: ZoomPicture, request: ImageRequest): Promise<PreviewChoice> {
    const { entry } = picture;
    const key = `${entry.source.digest}/${request.canonical}`;
    const again = (): Promise<PreviewChoice> => {
      this.regions.delete(key);
      return this.region(ref, () => request);
    };
    const known = this.regions.get(key);
    if (known) return choiceOf(entry, known, { again });
    const flight = this.drawing.get(key) ?? this.draw(key, picture, request);
    const { drawn, bytes } = await flight;
    return choiceOf(entry, drawn, { bytes, again });
  }

  private draw(key: string, picture: ZoomPicture, request: ImageRequest) {
    if (this.drawing.size >= MAX_DRAWING)
      throw new ProofsheetError('overloaded', 'too many regions are being drawn; please try again', {
        retryAfterSeconds: RETRY_SECONDS,
      });
    const flight = this.drawn(picture, request)
      .then(({ bytes, ...drawn }) => {
        this.deps.blobs.keepInMemory(drawn.drawn.digest, bytes);
        this.regions.set(key, drawn.drawn);
        return { ...drawn, bytes };
      })
      .finally(() => this.drawing.delete(key));
    this.drawing.set(key, flight);
    return flight;
  }

  private async drawn(picture: ZoomPicture, request: ImageRequest) {
    const { converter, tmpDir } = this.deps;
    const layout = layOut(picture.size, request);
    const dir = await mkdtemp(join(tmpDir, 'region-'));
    try {
      const sourcePath = join(dir, 'tiles');
      const { task, bytes: bundle } = layout.with(await this.tilesOf(picture, layout.places));
      await writeFile(sourcePath, bundle);
      const { previews } = await converter.convert({
        sourcePath,
        sourceBytes: bundle.length,
        formats: [],
        zoom: task,
        priority: 'instant',
        context: picture.entry.group.context,
        outputDir: dir,
      });
      const [made] = previews;
      if (made === undefined) throw new ProofsheetError('internal', 'a region was drawn and is not there');
      const { type, widthPx, heightPx, bytes, digest } = made;
      return { drawn: { type, widthPx, heightPx, bytes, digest }, bytes: await readFile(made.path) };
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  /** The bytes of tiles in their order; one that is lost is made again with all others. */
  private async tilesOf(picture: ZoomPicture, places: readonly TilePlace[]): Promise<readonly Buffer[]> {
    for (let losses = 0; losses <= MAX_LOSSES; losses++) {
      const { index } = await this.indexOf(picture, losses > 0);
      const found: Buffer[] = [];
      for (const place of places) {
        const tile = await this.deps.blobs.findSlice(sliceIn(index, place));
        if (tile === undefined) break;
        found.push(tile.bytes);
      }
      if (found.length === places.length) return found;
    }
    throw new ProofsheetError('internal', 'the tiles of this image were made again but could not be read');
  }

  /** The index of the picture's pyramid, and the entry with it. `lost`: its blob was not found, or damaged. */
  private async indexOf(
    { entry, size }: ZoomPicture,
    lost: boolean,
  ): Promise<{ readonly entry: CatalogEntry; readonly index: PyramidIndex }> {
    for (let losses = lost ? 1 : 0; losses <= MAX_LOSSES; losses++) {
      const source: WithPyramid = await this.deps.pyramids.made(entry.source, entry.group.context, losses > 0);
      const index = this.indexes.get(source.pyramid.digest) ?? (await this.readIndex(size, source));
      if (index) return { entry: source === entry.source ? entry : { ...entry, source }, index };
    }
    throw new ProofsheetError('internal', 'the tiles of this image were made again but could not be read');
  }

  private async readIndex(size: Size, { pyramid }: WithPyramid): Promise<PyramidIndex | undefined> {
    const bytes = await this.deps.blobs.slice(indexSliceOf(size, pyramid));
    const index = bytes && PyramidIndex.parse(size, pyramid, bytes);
    if (index) this.indexes.set(pyramid.digest, index, index.heldBytes);
    return index;
  }
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
