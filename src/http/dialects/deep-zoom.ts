// Deep Zoom Images as every dialect that has them tells of them: descriptors, the names of tiles, and a tile as a reply.
import { ProofsheetError } from '../../kernel/errors.js';
import type { Context } from '../../kernel/image-key.js';
import { parseAssetId, parseTenantId } from '../../kernel/library/ids.js';
import type { Size } from '../../kernel/sizes.js';
import { TILE_SIDE_PX, type TilePlace, type TileType } from '../../kernel/zoom/pyramid.js';
import type { PageRef, Zoom, ZoomPicture } from '../../previews/zoom/answers.js';
import type { HeaderPairs } from '../replies/headers.js';
import { type JsonReply, type PictureReply, shownOf } from '../replies/reply.js';
import type { RouteRules, UseCases } from './route.js';

export const DEEP_ZOOM_XMLNS = 'http://schemas.microsoft.com/deepzoom/2008';

/** A tile that is asked for by a name of its own. */
export interface NamedTile {
  readonly place: TilePlace;
  /** `jpg` also for `jpeg`. */
  readonly type: string;
}

/** `LEVEL` and `COLUMN_ROW.EXTENSION`; `undefined` for other texts. */
export function parseTileName(level: string, name: string): NamedTile | undefined {
  const [, column, row, extension = ''] = /^(\d{1,7})_(\d{1,7})\.([a-z]{3,4})$/.exec(name) ?? [];
  if (column === undefined || row === undefined || !/^\d{1,2}$/.test(level)) return undefined;
  const place = { level: Number(level), column: Number(column), row: Number(row) };
  return { place, type: extension === 'jpeg' ? 'jpg' : extension };
}

export async function tileReply(zoom: Zoom, ref: PageRef, { place, type }: NamedTile): Promise<PictureReply> {
  return { kind: 'picture', choice: await zoom.tile(ref, place, type) };
}

/** The descriptor as XML, which may be kept. */
export function descriptorXml({ size, tileType, entry }: ZoomPicture): JsonReply {
  const text = descriptorText(size, tileType);
  return { kind: 'json', text, isKept: true, shown: shownOf(entry), headers: [['Content-Type', 'application/xml']] };
}

export function descriptorText(size: Size, tileType: TileType): string {
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    `<Image xmlns="${DEEP_ZOOM_XMLNS}" Format="${tileType}" Overlap="0" TileSize="${TILE_SIDE_PX}">` +
    `<Size Width="${size.widthPx}" Height="${size.heightPx}"/></Image>\n`
  );
}

/** Throws `protected-operation-disabled` where there is no deep zoom. */
export function zoomOf({ zoom }: UseCases): Zoom {
  if (zoom !== undefined) return zoom;
  throw new ProofsheetError('protected-operation-disabled', 'there is no deep zoom on this server');
}

/** What is zoomed into: a cached picture by its context and key, or an asset of a tenant; and of either a page, from 1. */
export type Zoomed =
  | ({ readonly kind: 'key' } & PageRef)
  | { readonly kind: 'asset'; readonly tenant: string; readonly asset: string; readonly page?: number };

export type ZoomedKind = Zoomed['kind'];

/** Of the routes of each kind: who may ask (an asset's name is all that it takes), and what ends their names. */
export const OF_KIND = {
  key: { opensTo: 'token-or-signature', suffix: '' },
  asset: { opensTo: 'everybody', suffix: 'OfAsset' },
} as const satisfies Record<ZoomedKind, { readonly opensTo: RouteRules['opensTo']; readonly suffix: string }>;

/** In the order in which their routes stand. */
export const ZOOMED_KINDS = ['key', 'asset'] as const satisfies readonly ZoomedKind[];

/** Tiles and what tells of them are made to be shown by pages of others. */
export const FOR_PAGES_OF_OTHERS: HeaderPairs = [['Access-Control-Allow-Origin', '*']];

/** Whether a picture is for this request alone: which one an asset shows now, no prepared answer could know. */
export function changesUnseen({ kind }: Zoomed): boolean {
  return kind === 'asset';
}

/** A name that may end in `;page=N`, as dialects have them in their paths: the name, and the page. */
export function namedPage(text: string): { readonly name: string; readonly page?: number } {
  const [, name = text, page] = /^(.*);page=([1-9]\d{0,5})$/s.exec(text) ?? [];
  return page === undefined ? { name: text } : { name, page: Number(page) };
}

/** The same of a page: nothing for the first. */
export function pageSuffix(page: number): string {
  return page === 1 ? '' : `;page=${page}`;
}

/** The group of what is zoomed into. Throws `unknown-image-key` for an asset that there is not; nobody guesses the id of one. */
export async function pageRefOf({ library }: UseCases, zoomed: Zoomed): Promise<PageRef> {
  if (zoomed.kind === 'key') return zoomed;
  const tenantId = parseTenantId(zoomed.tenant);
  const assetId = parseAssetId(zoomed.asset);
  const tenant = tenantId && library?.tenants.byId(tenantId);
  const ref = tenant && assetId && (await library?.library.zoomable(tenant.context, assetId));
  if (!ref) throw new ProofsheetError('unknown-image-key', 'there is no asset of this id');
  return { ...ref, ...(zoomed.page !== undefined && { page: zoomed.page }) };
}

/** Whose context is asked for. */
export function scopeOfZoomed({ zoomed }: { readonly zoomed: Zoomed }): Context | undefined {
  return zoomed.kind === 'key' ? zoomed.context : undefined;
}
