// From ports to the use cases of zooming, over what makes previews. The server and the tests of this folder both compose it here.
import type { Converter } from '../../kernel/ports/converter.js';
import { DerivativeShelf } from '../derivative-shelf.js';
import { lasting } from '../make-once.js';
import type { OpenedPreviews, PreviewsParts, StoreOfPreviews } from '../open-previews.js';
import type { Zoom } from './answers.js';
import { DrawnParts } from './drawn-parts.js';
import { PageBook } from './page-book.js';
import { PyramidMaker } from './pyramid-maker.js';
import { type CopyOriginal, SourceCopies } from './source-copies.js';
import { ZoomService } from './zoom-service.js';

export interface ZoomParts extends Omit<PreviewsParts, 'store' | 'logger'> {
  readonly store: Pick<StoreOfPreviews, 'catalog' | 'leases' | 'tmpDir' | 'derivatives'>;
  readonly opened: OpenedPreviews;
  /** Makes pyramids, and nothing else: it may take minutes for one. `converter` draws regions. */
  readonly pyramids: Converter;
  readonly copyOriginal?: CopyOriginal;
}

/** Times in ms. */
export interface ZoomSettings {
  readonly waitMs: number;
  readonly leaseTtlMs: number;
}

/** Opens nothing and starts nothing: what there is to be closed is the caller's. */
export function openZoom(parts: ZoomParts, { waitMs, leaseTtlMs }: ZoomSettings): Zoom {
  const { store, blobs, converter, clock, metrics, opened } = parts;
  const { catalog, tmpDir, leases } = store;
  const copies = new SourceCopies(blobs, tmpDir, parts.copyOriginal);
  const pyramids = new PyramidMaker({
    catalog,
    blobs,
    converter: parts.pyramids,
    maker: opened.maker,
    ...(leases && { leases: lasting(leases, leaseTtlMs) }),
    background: opened.background,
    clock,
    metrics,
    onStored: (bytes) => opened.upkeep.stored(bytes),
    onFull: opened.makeRoom,
    copies,
    waitMs,
  });
  const { journal, onDemand } = opened;
  const { drawings } = onDemand;
  const shelf =
    store.derivatives && drawings && new DerivativeShelf(store.derivatives, (bytes) => drawings.stored(bytes));
  return new ZoomService({
    ...{ catalog, blobs, pyramids, journal },
    ...(parts.guard && { guard: parts.guard }),
    book: new PageBook(converter, copies),
    parts: new DrawnParts({ blobs, converter, tmpDir, background: opened.background, ...(shelf && { shelf }) }),
  });
}
