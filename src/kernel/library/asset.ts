// Assets: pictures that stay, their versions, and what the outside calls them. Words and pure rules; no store, no dialect.
import type { Digest } from '../digest.js';
import type { Context } from '../image-key.js';
import type { SourceValidators } from '../ports/source-fetcher.js';
import type { SourceType } from '../source.js';
import type { AssetId } from './ids.js';
import type { Reason } from './reason.js';
import type { AssetUpload, CameBy, UploadSlot } from './upload.js';

/** JSON as clients gave it, kept as it is. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** How a picture came: by the URL of an import, by an upload. */
export type CreatedVia = 'import' | 'upload';

/** `pending`: no bytes yet. `failed`: none of its versions could be made a picture. */
export type AssetState = 'pending' | 'uploaded' | 'processing' | 'processed' | 'failed';

/** What the outside calls an asset: unique within a context while the asset lives. Compared exactly. */
export interface ExternalReference {
  /** Who gives the names, e.g. Livingdocs' systemName; `url` where the normalised URL is the name. 1 to 256 characters. */
  readonly system: string;
  /** 1 to 2,048 characters; never a file name, a key of a store or a line of a log. */
  readonly externalId: string;
}

/** Bytes that are a picture, as they were stored. */
export interface OriginalInfo {
  /** SHA-256 of the bytes, and the name of the original. */
  readonly digest: Digest;
  /** 32 lower-case hex characters. */
  readonly md5: string;
  readonly bytes: number;
  readonly type: SourceType;
  /** Of the upright picture. */
  readonly widthPx: number;
  readonly heightPx: number;
}

/** What a picture says of itself, by the names of its kind: texts, and of a place numbers. */
export type EmbeddedFacts = Readonly<Record<string, string | number>>;

/** The bytes of an asset at one time; kept for good, as long as the asset lives. */
export interface AssetVersion extends OriginalInfo, CameBy {
  readonly assetId: AssetId;
  /** Of one that was uploaded. */
  readonly fileName?: string;
  readonly embedded?: EmbeddedFacts;
  /** From 1, without gaps. */
  readonly number: number;
  /** Unix ms. */
  readonly createdAt: number;
}

/** Most versions of an asset, whose bytes all stay: what comes then is refused like any other picture beyond a quota. */
export const MAX_VERSIONS = 1_000;

export interface Asset {
  readonly id: AssetId;
  /** From 1, rising, unique in this library: for dialects whose ids are numbers. */
  readonly number: number;
  readonly context: Context;
  readonly title: string;
  readonly fileName?: string;
  /** `image` unless a client says otherwise. */
  readonly mediaType: string;
  readonly metadata: JsonObject;
  readonly createdVia: CreatedVia;
  readonly state: AssetState;
  /** The number of the version that is shown; 0 while there is none. */
  readonly head: number;
  /** How many versions there are, the greatest number too. */
  readonly versions: number;
  readonly reference?: ExternalReference;
  /** Of one that was uploaded. */
  readonly upload?: AssetUpload;
  /** Of those that wait for bytes, and those whose bytes are to become versions; at most `MAX_SLOTS`. */
  readonly slots?: readonly UploadSlot[];
  /** Why the latest bytes became no version. */
  readonly failure?: Reason;
  /** By which the origin can be asked whether the head changed; its URL is a secret like every one with a query. */
  readonly validators?: SourceValidators;
  /** Counts the changes of the record, from 1. */
  readonly revision: number;
  /** Unix ms. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Since when it is in the trash, where nobody finds it by its reference and it waits to be erased. */
  readonly trashedAt?: number;
}

/** An asset and what is shown of it. */
export interface DescribedAsset {
  readonly asset: Asset;
  /** Absent while there is none. */
  readonly version?: AssetVersion;
}

/** `skip`: a known picture is left alone. `update`: other bytes are a new version of it. */
export const EXISTING_RULES = ['update', 'skip'] as const;
export type ExistingRule = (typeof EXISTING_RULES)[number];

/** What arrived bytes do to the asset that their reference names. */
export type Settlement = 'new-asset' | 'new-version' | 'already-exists';

/**
 * One picture, one version: equal bytes make nothing new, other bytes a version of the same asset. One in the trash counts
 * as unknown.
 */
export function settle(known: DescribedAsset | undefined, arrived: Pick<OriginalInfo, 'digest'>): Settlement {
  if (known === undefined || known.asset.trashedAt !== undefined) return 'new-asset';
  return known.version?.digest === arrived.digest ? 'already-exists' : 'new-version';
}
