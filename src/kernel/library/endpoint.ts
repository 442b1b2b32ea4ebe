// Endpoints: receivers that a tenant has registered to be told what becomes of its assets, and what there is to tell. Words and pure
// rules; no store, no dialect.
import type { Context } from '../image-key.js';
import type { NewJob } from '../ports/jobs.js';
import type { Asset, Json, JsonObject } from './asset.js';
import { type AssetId, parseAssetId, type TenantId } from './ids.js';

/**
 * `asset.created`: its first picture is there. `asset.updated`: another version is shown, or one could not be made. `asset.deleted`: it is
 * in the trash, or erased without having been there. `asset.restored`: it is back.
 */
export const ASSET_EVENTS = ['asset.created', 'asset.updated', 'asset.deleted', 'asset.restored'] as const;
export type AssetEvent = (typeof ASSET_EVENTS)[number];

/** Endpoints of one context; every change of an asset looks at all of them. */
export const MAX_ENDPOINTS = 20;

export interface WantedEndpoint {
  readonly tenantId: TenantId;
  readonly name: string;
  /** As `parseSourceUrl` wrote it; a secret like every URL. */
  readonly url: string;
  readonly isEnabled: boolean;
  /** Empty: all of them. */
  readonly events: readonly AssetEvent[];
  /** What its dialect wants to know of it besides; at most 16 KiB as JSON. */
  readonly extras: JsonObject;
}

export interface Endpoint extends WantedEndpoint {
  /** From 1, rising, never given twice within the context. */
  readonly id: number;
  /** Unix ms. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** All endpoints of a context, as they are kept. */
export interface EndpointBook {
  /** The greatest id that was ever given. */
  readonly last: number;
  readonly endpoints: readonly Endpoint[];
}

export const NO_ENDPOINTS: EndpointBook = { last: 0, endpoints: [] };

/** `undefined`: there are as many as there may be. */
export function withEndpoint(
  { last, endpoints }: EndpointBook,
  wanted: WantedEndpoint,
  now: number,
): { readonly book: EndpointBook; readonly endpoint: Endpoint } | undefined {
  if (endpoints.length >= MAX_ENDPOINTS) return undefined;
  const endpoint = { ...wanted, id: last + 1, createdAt: now, updatedAt: now };
  return { book: { last: last + 1, endpoints: [...endpoints, endpoint] }, endpoint };
}

/** `undefined` when there is none of that id. */
export function withChangedEndpoint(
  book: EndpointBook,
  id: number,
  change: Partial<WantedEndpoint>,
  now: number,
): { readonly book: EndpointBook; readonly endpoint: Endpoint } | undefined {
  const before = book.endpoints.find((endpoint) => endpoint.id === id);
  if (before === undefined) return undefined;
  const endpoint = { ...before, ...change, updatedAt: now };
  const endpoints = book.endpoints.map((one) => (one.id === id ? endpoint : one));
  return { book: { ...book, endpoints }, endpoint };
}

/** `undefined` when there is none of that id. */
export function withoutEndpoint(book: EndpointBook, id: number): EndpointBook | undefined {
  const endpoints = book.endpoints.filter((endpoint) => endpoint.id !== id);
  return endpoints.length === book.endpoints.length ? undefined : { ...book, endpoints };
}

/** An asset as a commit found it, and as it leaves it. */
export interface AssetChange {
  readonly before: Asset | undefined;
  readonly after: Asset | undefined;
}

/** What the outside is told of a change; `undefined`: nothing, as of what has never been a picture, or lies in the trash. */
export function eventOf({ before, after }: AssetChange): AssetEvent | undefined {
  const [shownBefore, shownAfter] = [shown(before), shown(after)];
  if (shownAfter === undefined) return shownBefore && 'asset.deleted';
  if (shownBefore === undefined) return before !== undefined && before.head > 0 ? 'asset.restored' : 'asset.created';
  const isShownAnew = shownBefore.head !== shownAfter.head || shownBefore.versions !== shownAfter.versions;
  const hasFailed = shownAfter.failure !== undefined && shownAfter.failure !== shownBefore.failure;
  return isShownAnew || hasFailed ? 'asset.updated' : undefined;
}

function shown(asset: Asset | undefined): Asset | undefined {
  return asset !== undefined && asset.head > 0 && !isTrashed(asset) ? asset : undefined;
}

/** What a job of the kind `webhook` has to say. */
export interface Notice {
  readonly endpoint: number;
  readonly event: AssetEvent;
  readonly assetId: AssetId;
  readonly number: number;
  /** Unix ms of the change. */
  readonly at: number;
  /** JSON as it was said before; absent: told from the asset as it is by then. */
  readonly body?: string;
}

/** The work that tells the endpoints of `context` of a change of one of its assets. */
export function noticesOf(
  context: Context,
  change: AssetChange,
  endpoints: readonly Endpoint[],
  now: number,
): NewJob[] {
  const event = eventOf(change);
  const asset = change.after ?? change.before;
  if (event === undefined || asset === undefined) return [];
  // An asset that was erased has no revision of its own any more.
  const revision = change.after?.revision ?? asset.revision + 1;
  return endpoints
    .filter(({ isEnabled, events }) => isEnabled && (events.length === 0 || events.includes(event)))
    .map(({ id }) => ({
      kind: 'webhook',
      id: `${asset.id}.${revision}.${id}`,
      context,
      payload: { endpoint: id, event, assetId: asset.id, number: asset.number, at: now },
    }));
}

/** What the payload of a job says; `undefined` for another value. */
export function noticeIn(payload: Json): Notice | undefined {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return undefined;
  const { endpoint, event: name, assetId: id, number, at, body } = payload as JsonObject;
  const event = ASSET_EVENTS.find((known) => known === name);
  const assetId = typeof id === 'string' ? parseAssetId(id) : undefined;
  if (typeof endpoint !== 'number' || event === undefined || assetId === undefined) return undefined;
  if (typeof number !== 'number' || typeof at !== 'number') return undefined;
  return { endpoint, event, assetId, number, at, ...(typeof body === 'string' && { body }) };
}

function isTrashed({ trashedAt }: Asset): boolean {
  return trashedAt !== undefined;
}
