// What zooming into a picture takes and gives, free of HTTP.
import type { GroupRef } from '../../kernel/image-key.js';
import type { Size } from '../../kernel/sizes.js';
import type { CatalogEntry } from '../../kernel/source.js';
import type { ImageRequest } from '../../kernel/zoom/image-request.js';
import type { TilePlace, TileType } from '../../kernel/zoom/pyramid.js';
import type { PreviewChoice } from '../answers.js';

/** A page of a picture, from 1; the first where none is named. */
export interface PageRef extends GroupRef {
  readonly page?: number;
}

/** A page that can be zoomed into; known without its tiles. */
export interface ZoomPicture {
  readonly entry: CatalogEntry;
  readonly page: number;
  /** Pages that can be zoomed into: one of an animation. */
  readonly pages: number;
  /** Of the upright page. */
  readonly size: Size;
  /** What its tiles are. */
  readonly tileType: TileType;
}

/** All throw `ProofsheetError`s: `unknown-image-key` for a picture, page or tile that there is not. */
export interface Zoom {
  /** Of another page than the first the source is opened to tell, once in a while. */
  picture(ref: PageRef): Promise<ZoomPicture>;
  /** All pages, in their order. */
  pages(ref: GroupRef): Promise<readonly ZoomPicture[]>;
  /** Has the tiles made where there are none, however long that takes. Rejects when `signal` aborts; the work goes on. */
  prepare(ref: PageRef, signal: AbortSignal): Promise<void>;
  /**
   * A tile of the pyramid, which is made at the first one that is asked for. Throws `overloaded`, with the time after which to ask
   * again, where that takes longer than a client is let wait. Meanwhile what a preview shows well enough is drawn of that, and is a part
   * that `isPassing`. `type`: what it has to be, lest all are made for one that there is not.
   */
  tile(ref: PageRef, place: TilePlace, type?: string): Promise<PreviewChoice>;
  /**
   * The picture that `resolve` makes of the size: a tile where one shows it, else drawn from tiles. `client`: who asks, so that one does
   * not take every place. Throws `overloaded` where there is none.
   */
  region(ref: PageRef, resolve: (size: Size) => ImageRequest, client?: string): Promise<PreviewChoice>;
}
