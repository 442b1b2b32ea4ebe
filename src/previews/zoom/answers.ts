// What zooming into a picture takes and gives, free of HTTP.
import type { GroupRef } from '../../kernel/image-key.js';
import type { Size } from '../../kernel/sizes.js';
import type { CatalogEntry } from '../../kernel/source.js';
import type { ImageRequest } from '../../kernel/zoom/image-request.js';
import type { TilePlace, TileType } from '../../kernel/zoom/pyramid.js';
import type { PreviewChoice } from '../answers.js';

/** A picture that can be zoomed into; known without its tiles. */
export interface ZoomPicture {
  readonly entry: CatalogEntry;
  /** Of the upright picture. */
  readonly size: Size;
  /** What its tiles are. */
  readonly tileType: TileType;
}

/** All throw `ProofsheetError`s: `unknown-image-key` for a picture or tile that there is not. */
export interface Zoom {
  picture(ref: GroupRef): Promise<ZoomPicture>;
  /**
   * A tile of the pyramid, which is made at the first one that is asked for. Throws `overloaded`, with the time after which to ask
   * again, where that takes longer than a client is let wait.
   */
  tile(ref: GroupRef, place: TilePlace): Promise<PreviewChoice>;
  /** The picture that `resolve` makes of the size: a tile where one shows it, else drawn from tiles. */
  region(ref: GroupRef, resolve: (size: Size) => ImageRequest): Promise<PreviewChoice>;
}
