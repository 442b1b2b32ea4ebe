// A picture as Livingdocs' documents keep it: the object of an import's status, and the URLs in it, which have to work for years
// without a token. What names the picture is its tenant, its asset and its version: nobody guesses an asset's id.
import type { AssetVersion, DescribedAsset } from '../../../kernel/library/asset.js';
import { type AssetId, parseAssetId, parseTenantId, type TenantId } from '../../../kernel/library/ids.js';
import type { Tenant } from '../../../kernel/library/tenant.js';
import { SOURCE_MEDIA } from '../../../kernel/source-media.js';

export interface ImageUrls {
  /** In front of every path, e.g. `/livingdocs`. */
  readonly mount: string;
  /** Scheme, host and port by which clients reach this server; no slash at its end. */
  readonly publicUrl: () => string;
  /** The image service that stored documents name for ever; renderers look it up in a configuration of their own. */
  readonly imageService: string;
}

/** What importers copy into their documents as it is. */
export interface ImageObject {
  readonly mediaId: string;
  readonly originalUrl: string;
  readonly url: string;
  readonly width: number;
  readonly height: number;
  readonly mimeType: string;
  readonly imageService: string;
}

/** What an image URL names. */
export interface ImageName {
  readonly tenantId: TenantId;
  readonly assetId: AssetId;
  readonly version: number;
}

const MAX_SLUG_CHARACTERS = 80;

export function imageObject(
  { mount, publicUrl, imageService }: ImageUrls,
  tenant: Tenant,
  { asset }: Pick<DescribedAsset, 'asset'>,
  version: AssetVersion,
): ImageObject {
  const id = encodeImageName({ tenantId: tenant.id, assetId: asset.id, version: version.number });
  const originalUrl = `${publicUrl()}${mount}/api/v1/images/${slugOf(asset.title)}?id=${id}`;
  return {
    mediaId: asset.id,
    originalUrl,
    url: `${originalUrl}&format=auto`,
    width: version.widthPx,
    height: version.heightPx,
    mimeType: SOURCE_MEDIA[version.type].mediaType,
    imageService,
  };
}

/** Three values, as in the URLs of the original; opaque to clients. */
export function encodeImageName({ tenantId, assetId, version }: ImageName): string {
  return Buffer.from(`1\t${tenantId}/${assetId}\t${version}`).toString('base64url');
}

/** `undefined` for what is no name of ours. */
export function decodeImageName(text: string): ImageName | undefined {
  if (!/^[A-Za-z0-9_-]{1,200}$/.test(text)) return undefined;
  const [, tenant = '', asset = '', digits] =
    /^1\t([^/\t]+)\/([^/\t]+)\t([1-9]\d{0,9})$/.exec(Buffer.from(text, 'base64url').toString('utf8')) ?? [];
  const [tenantId, assetId] = [parseTenantId(tenant), parseAssetId(asset)];
  return tenantId && assetId ? { tenantId, assetId, version: Number(digits) } : undefined;
}

/** Decoration: letters and digits of the title without their marks. */
export function slugOf(title: string): string {
  const slug = title
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_SLUG_CHARACTERS)
    .replace(/^-+|-+$/g, '');
  return slug === '' ? 'image' : slug;
}

/** `YYYY/MM/DD/<asset>-<version>.<extension>`: the storage key of an original, as unguessable as the asset's id. */
export function keyOf(version: AssetVersion): string {
  const day = new Date(version.createdAt).toISOString().slice(0, 10).replaceAll('-', '/');
  return `${day}/${version.assetId}-${version.number}.${SOURCE_MEDIA[version.type].extension}`;
}

/** What a storage key names; `undefined` for another text. Who asks says whose it has to be. */
export function parseKey(text: string): Omit<ImageName, 'tenantId'> | undefined {
  const [, asset = '', digits] = /^\d{4}\/\d\d\/\d\d\/([a-z0-9]{13})-([1-9]\d{0,9})\.[a-z0-9]{3,4}$/.exec(text) ?? [];
  const assetId = parseAssetId(asset);
  return assetId && { assetId, version: Number(digits) };
}
