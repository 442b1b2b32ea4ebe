// The answers of routes as values. A route decides what is answered; answering.ts alone writes it, so that HEAD, conditions,
// ranges, healing, deadlines and prepared answers are the same for every dialect. Knows no sockets.

import type { AssetVersion } from '../../kernel/library/asset.js';
import type { Pieces } from '../../kernel/ports/originals.js';
import { type CatalogEntry, contentDigestOf } from '../../kernel/source.js';
import type { Shown } from '../../kernel/takedown/surrogate-keys.js';
import type { DrawnPicture, PreviewChoice } from '../../previews/answers.js';
import type { Fulfilled } from '../../previews/batch.js';
import type { HeaderPairs } from './headers.js';

/** The bytes of a preview. To GET and HEAD under the request's conditions, of which some may ask for a part. */
export interface PictureReply {
  readonly kind: 'picture';
  readonly choice: PreviewChoice;
  /** The choice depends on more than the URL and the group: no answer to it is prepared for others. */
  readonly isForThisRequest?: boolean;
  /** The choice depends on what the client takes, and is that of all clients of this class. */
  readonly acceptClass?: string;
  /** Beside those of every picture. */
  readonly headers?: HeaderPairs;
}

/** A picture that was drawn for this request, with its bytes at hand. */
export interface DrawnReply {
  readonly kind: 'drawn';
  readonly drawn: DrawnPicture;
  /** They replace those of drawn pictures where they have the same names. */
  readonly headers?: HeaderPairs;
  /** Of the failure that it stands for; 200 unless given. */
  readonly status?: number;
  readonly shown?: Shown;
}

/** The bytes of an asset's original, or of another file that is known by its digest. To GET and HEAD under the request's conditions, of which some may ask for a part. */
export interface OriginalReply {
  readonly kind: 'original';
  readonly version: Pick<AssetVersion, 'digest' | 'bytes' | 'createdAt'>;
  readonly mediaType: string;
  /** They replace those of originals where they have the same names. */
  readonly headers?: HeaderPairs;
  readonly shown?: Shown;
  /** Its bytes from `start` to `end` (excluded). */
  readonly open: (start: number, end: number) => Promise<Pieces>;
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
  readonly shown?: Shown;
}

/** JSON in pieces, as they come; never more than one of them in memory. */
export interface ListingReply {
  readonly kind: 'listing';
  readonly pieces: AsyncIterable<string>;
}

/** Many previews in one body, each with a status and headers of its own, as they come. */
export interface PicturesReply {
  readonly kind: 'pictures';
  /** Parts of one multipart body, or lines of JSON. */
  readonly as: 'parts' | 'lines';
  readonly items: AsyncIterable<Fulfilled>;
  /** The entity tag that the client has for the one asked for at this place. */
  readonly ifNoneMatch: (index: number) => string | undefined;
}

/** Bytes that are written as they come, of a length that nobody knows before. */
export interface StreamReply {
  readonly kind: 'stream';
  readonly headers: HeaderPairs;
  readonly pieces: () => AsyncIterable<Uint8Array>;
}

/** It is done, and there is nothing to say of it but this. */
export interface EmptyReply {
  readonly kind: 'empty';
  readonly headers: HeaderPairs;
}

/** Look there instead. */
export interface RedirectReply {
  readonly kind: 'redirect';
  readonly status: 301 | 302 | 303 | 307 | 308;
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
  | PicturesReply
  | StreamReply
  | EmptyReply
  | RedirectReply
  | PageReply;

/** What a reply shows, by which a cache in front finds it; `undefined` where it is about nothing that can be taken down. */
export function shownBy(reply: Reply): Shown | undefined {
  switch (reply.kind) {
    case 'picture':
    case 'both':
      return shownOf(reply.choice.entry);
    case 'json':
    case 'original':
    case 'drawn':
      return reply.shown;
    case 'listing':
    case 'pictures':
    case 'stream':
    case 'empty':
    case 'redirect':
    case 'page':
      return undefined;
  }
}

export function shownOf({ group: { context, imageKey }, source }: CatalogEntry): Shown {
  return { group: { context, imageKey }, content: contentDigestOf(source) };
}

/** A value as JSON that is not to be stored. */
export function json(value: unknown): JsonReply {
  return { kind: 'json', text: JSON.stringify(value) };
}
