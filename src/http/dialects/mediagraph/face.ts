// What the routes of this dialect are given, and what every object of it is made with.
import type { Context } from '../../../kernel/image-key.js';
import type { Asset, AssetVersion, DescribedAsset } from '../../../kernel/library/asset.js';

import type { Tenant } from '../../../kernel/library/tenant.js';
import type { PortRule } from '../../../kernel/source-url.js';
import type { LibraryUse } from '../../../library/answers.js';
import type { PublicUrl } from '../public-url.js';
import { type Call, READS, type RouteRules, type UseCases } from '../route.js';
import { MediagraphFailure, notFound } from './failures.js';
import { guidOf, isGuidOf, parseGuid, parseNumber } from './ids.js';
import { RENDITION_EXTENSION, type Rendition } from './renditions.js';

export interface MediagraphSettings {
  /** In front of every path, e.g. `/mediagraph`. */
  readonly mount: string;
  readonly publicUrl: PublicUrl;
  /** Ports that pictures may be fetched from and webhooks be sent to. */
  readonly permitsPort: PortRule;
}

/** With the URL by which the one that asks reaches the server. */
export function settingsFor(settings: MediagraphSettings, { origin }: Call): MediagraphSettings {
  return { ...settings, publicUrl: () => settings.publicUrl(origin) };
}

type Rules = Omit<RouteRules, 'name' | 'path' | 'description' | 'scope'>;

export const READING = { ...READS, opensTo: 'tenant' } as const satisfies Rules;

/** Throws `protected-operation-disabled` where there is none. */
export function libraryOf({ library }: UseCases): LibraryUse {
  if (library === undefined || library.tenants.isEmpty)
    throw new MediagraphFailure(
      'forbidden',
      'forbidden',
      'expected tenants, and none is configured: the library is shut until PROOFSHEET_TENANTS names a file with some',
    );
  return library;
}

/** The number of the organisation; a tenant without one was not admitted. */
export function organizationOf({ organizationNumber }: Tenant): number {
  if (organizationNumber === undefined) throw new Error('expected a tenant with a number');
  return organizationNumber;
}

/** The asset of a number or a GUID, also in the trash. Throws 404. */
export async function assetNamed(use: LibraryUse, { context }: Tenant, name: string): Promise<DescribedAsset> {
  const number = parseNumber(name);
  const found = await (number === undefined
    ? assetOfGuid(use, context, name, true)
    : use.library.findByNumber(context, number, true));
  if (!found) throw notFound();
  return found;
}

/** The asset of a GUID, one in the trash where `trashed`; `undefined` for another text, or one that is not known. */
export async function assetOfGuid(
  { library }: LibraryUse,
  context: Context,
  guid: string,
  trashed = false,
): Promise<DescribedAsset | undefined> {
  const number = parseGuid(guid);
  const found = number === undefined ? undefined : await library.findByNumber(context, number, trashed);
  return found && isGuidOf(guid, found.asset) ? found : undefined;
}

/** Throws 404 for one in the trash, too. */
export async function livingAssetNamed(use: LibraryUse, tenant: Tenant, name: string): Promise<DescribedAsset> {
  const found = await assetNamed(use, tenant, name);
  if (found.asset.trashedAt !== undefined) throw notFound();
  return found;
}

export function iso(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

/** What a preview's path says, below the mount; all of it is signed. */
export function previewParts(
  organization: number,
  asset: Asset,
  version: AssetVersion,
  rendition: Rendition,
): readonly string[] {
  const guid = guidOf(asset);
  const seconds = Math.floor(version.createdAt / 1_000);
  const name = `${guid.slice(0, 8)}-${rendition}.${RENDITION_EXTENSION}`;
  return [String(organization), guid, String(version.number), String(seconds), name];
}

/** The URL of a preview, valid for hours; `null` where there is no key to sign by. */
export function previewUrl(
  { mount, publicUrl }: MediagraphSettings,
  { links }: LibraryUse,
  organization: number,
  asset: Asset,
  version: AssetVersion,
  rendition: Rendition,
): string | null {
  const parts = previewParts(organization, asset, version, rendition);
  const query = links.query('preview', parts);
  return query === undefined ? null : `${publicUrl()}${mount}/previews/${parts.join('/')}?${query}`;
}
