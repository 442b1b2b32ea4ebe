// A picture as Livingdocs' documents keep it: the object of an import's status, and the URLs in it, which have to work for years
// without a token. What names the picture is its tenant, its asset and its version: nobody guesses an asset's id.
import type { AssetVersion } from '../../../kernel/library/asset.js';
import { type AssetId, parseAssetId, parseTenantId, type TenantId } from '../../../kernel/library/ids.js';
import type { ItemPicture } from '../../../kernel/library/import-job.js';
import type { Tenant } from '../../../kernel/library/tenant.js';
import { SOURCE_MEDIA } from '../../../kernel/source-media.js';
import type { PublicUrl } from '../public-url.js';

export interface ImageUrls {
  /** In front of every path, e.g. `/livingdocs`. */
  readonly mount: string;
  readonly publicUrl: PublicUrl;
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
const IS_ASCII = /^[\0-\x7f]*$/;

/**
 * Makes the objects of a tenant's pictures: a status has a thousand of them, and what all have in common is made once. `origin`: how the
 * client that is told of them reaches the server.
 */
export function imageObjects(
  { mount, publicUrl, imageService }: ImageUrls,
  { id: tenantId }: Tenant,
  origin: string | undefined,
): (name: Omit<ImageName, 'tenantId'>, picture: ItemPicture) => ImageObject {
  const base = `${publicUrl(origin)}${mount}/api/v1/images/`;
  return ({ assetId, version }, { title, type, widthPx: width, heightPx: height }) => {
    const originalUrl = `${base}${slugOf(title)}?id=${encodeImageName({ tenantId, assetId, version })}`;
    const { mediaType: mimeType } = SOURCE_MEDIA[type];
    return { mediaId: assetId, originalUrl, url: `${originalUrl}&format=auto`, width, height, mimeType, imageService };
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

/** Decoration: letters and digits of the title without their marks; what lies between them is one hyphen. */
export function slugOf(title: string): string {
  const plain = IS_ASCII.test(title) ? title : title.normalize('NFKD').replace(/\p{M}/gu, '');
  let slug = '';
  let isApart = false;
  // Character by character: half the time of replacing what is none of them, of a thousand titles.
  for (let at = 0; at < plain.length && slug.length < MAX_SLUG_CHARACTERS; at++) {
    const character = slugCharacter(plain.charCodeAt(at));
    if (character !== '') slug += isApart && slug !== '' ? `-${character}` : character;
    isApart = character === '';
  }
  // A hyphen and the character behind it may be one too many.
  slug = slug.length > MAX_SLUG_CHARACTERS ? slug.slice(0, MAX_SLUG_CHARACTERS - 1) : slug;
  return slug === '' ? 'image' : slug;
}

/** The letter or digit of that code, in lower case; nothing of another one. */
function slugCharacter(code: number): string {
  if (code >= 0x41 && code <= 0x5a) return String.fromCharCode(code + 0x20);
  const isKept = (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39);
  return isKept ? String.fromCharCode(code) : '';
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
