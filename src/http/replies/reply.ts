// The answers of routes as values. A route decides what is answered; answering.ts alone writes it, so that HEAD, conditions,
// ranges, healing, deadlines and prepared answers are the same for every dialect. Knows no sockets.

import type { AssetVersion } from '../../kernel/library/asset.js';
import type { DrawnPicture, PreviewChoice } from '../../previews/answers.js';
import type { HeaderPairs } from './headers.js';

/** The bytes of a preview. To GET and HEAD under the request's conditions, of which some may ask for a part. */
export interface PictureReply {
  readonly kind: 'picture';
  readonly choice: PreviewChoice;
  /** The choice depends on more than the URL and the group: no answer to it is prepared for others. */
  readonly isForThisRequest?: boolean;
  /** Beside those of every picture. */
  readonly headers?: HeaderPairs;
}

/** A picture that was drawn for this request, with its bytes at hand. */
export interface DrawnReply {
  readonly kind: 'drawn';
  readonly drawn: DrawnPicture;
  readonly headers?: HeaderPairs;
}

/** The bytes of an asset's original. To GET and HEAD under the request's conditions, of which some may ask for a part. */
export interface OriginalReply {
  readonly kind: 'original';
  readonly version: AssetVersion;
  /** Its bytes from `start` to `end` (excluded). */
  readonly open: (start: number, end: number) => Promise<AsyncIterable<Uint8Array>>;
}

/** A preview and a text about its group in one answer. */
export interface BothReply {
  readonly kind: 'both';
  readonly choice: PreviewChoice;
  /** JSON about the entry that was read in the end; asked again where healing made another preview than the chosen one. */
  readonly metadata: (choice: PreviewChoice) => string;
}

/** A JSON text. */
export interface JsonReply {
  readonly kind: 'json';
  readonly text: string;
  /** 200 unless named. */
  readonly status?: 200 | 201 | 202;
  /** May be kept as long as previews, and asked for again by its entity tag; otherwise it is not to be stored. */
  readonly isKept?: boolean;
  /** They replace those of JSON where they have the same names. */
  readonly headers?: HeaderPairs;
}

/** JSON in pieces, as they come; never more than one of them in memory. */
export interface ListingReply {
  readonly kind: 'listing';
  readonly pieces: AsyncIterable<string>;
}

/** Look there instead. */
export interface RedirectReply {
  readonly kind: 'redirect';
  readonly status: 302 | 303 | 307 | 308;
  /** An absolute path or URL, percent-encoded. */
  readonly location: string;
  /** JSON, for who does not follow; no body without it. */
  readonly text?: string;
}

/** A page for a person. */
export interface PageReply {
  readonly kind: 'page';
  readonly html: string;
  readonly contentSecurityPolicy: string;
}

export type Reply =
  | DrawnReply
  | PictureReply
  | OriginalReply
  | BothReply
  | JsonReply
  | ListingReply
  | RedirectReply
  | PageReply;

/** A value as JSON that is not to be stored. */
export function json(value: unknown): JsonReply {
  return { kind: 'json', text: JSON.stringify(value) };
}
