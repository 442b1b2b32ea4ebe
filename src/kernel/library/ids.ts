// The names of the library's things: short, unguessable, safe in a URL, a file name and a log line without escaping.
import { randomBytes } from 'node:crypto';

/** 13 of a-z and 0-9 (67 bits); for good the same picture, whatever its bytes become. */
export type AssetId = string & { readonly __brand: 'AssetId' };

/** 12 of a-z and 0-9 (62 bits): clients put it into a query unescaped, and who cannot guess it cannot ask for it. */
export type ImportId = string & { readonly __brand: 'ImportId' };

/** 1 to 64 of a-z, 0-9 and `-`: an entry of the tenants file. */
export type TenantId = string & { readonly __brand: 'TenantId' };

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
/** Bytes from here on would make the first letters likelier: 252 is the greatest multiple of 36 in a byte. */
const FAIR_BELOW = 256 - (256 % ALPHABET.length);
const ASSET_ID_CHARACTERS = 13;
const IMPORT_ID_CHARACTERS = 12;

export function newAssetId(): AssetId {
  return randomName(ASSET_ID_CHARACTERS) as AssetId;
}

export function newImportId(): ImportId {
  return randomName(IMPORT_ID_CHARACTERS) as ImportId;
}

/** `text` as an asset's id; `undefined` when none can be called so. */
export function parseAssetId(text: string): AssetId | undefined {
  return /^[a-z0-9]{13}$/.test(text) ? (text as AssetId) : undefined;
}

/** `text` as an import's id; `undefined` when none can be called so. */
export function parseImportId(text: string): ImportId | undefined {
  return /^[a-z0-9]{12}$/.test(text) ? (text as ImportId) : undefined;
}

/** `text` as a tenant's id; `undefined` when it is none. */
export function parseTenantId(text: string): TenantId | undefined {
  return /^[a-z0-9-]{1,64}$/.test(text) ? (text as TenantId) : undefined;
}

function randomName(characters: number): string {
  let name = '';
  while (name.length < characters)
    for (const byte of randomBytes(2 * characters))
      if (byte < FAIR_BELOW && name.length < characters) name += ALPHABET[byte % ALPHABET.length];
  return name;
}
