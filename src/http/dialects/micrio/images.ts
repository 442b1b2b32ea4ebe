// Micrio's images over the library: an image is an item of an import from the moment it is added, and an asset once it is there. Its
// id is that of the import with the item's place behind it, and names the asset's reference.
import { ProofsheetError } from '../../../kernel/errors.js';
import type { DescribedAsset } from '../../../kernel/library/asset.js';
import { type ImportId, parseImportId } from '../../../kernel/library/ids.js';
import type { ImportItem, ItemState } from '../../../kernel/library/import-job.js';
import type { Reason } from '../../../kernel/library/reason.js';
import type { Tenant } from '../../../kernel/library/tenant.js';
import type { LibraryUse } from '../../../library/answers.js';
import type { ImageName } from '../../../library/folder-status.js';
import type { UseCases } from '../route.js';
import type { Credentials } from './bodies.js';

export const SYSTEM = 'micrio';
const IMPORT_ID_CHARACTERS = 12;

export type MicrioStatus = 'queued' | 'downloading' | 'processing' | 'tiling' | 'storing' | 'ready' | 'error';
export type MicrioError = 'originalNotFound' | 'invalidImage' | 'uploadError' | 'unknown';

export interface MicrioImage {
  readonly name: string;
  readonly status: MicrioStatus;
  readonly error?: MicrioError;
  /** Of one that is ready. */
  readonly asset?: DescribedAsset;
}

/** Throws `protected-operation-disabled` where there are no tenants. */
export function libraryOf({ library }: UseCases): LibraryUse {
  if (library === undefined || library.tenants.isEmpty)
    throw new ProofsheetError(
      'protected-operation-disabled',
      'expected tenants, and none is configured: Micrio is shut until PROOFSHEET_TENANTS names a file with some',
    );
  return library;
}

/** Throws `unauthorized`. */
export function tenantOf({ tenants }: LibraryUse, { organisationId, apiKey }: Credentials): Tenant {
  const recognised = tenants.byApiKey(organisationId, apiKey);
  if (recognised === undefined)
    throw new ProofsheetError('unauthorized', 'expected an organisationId and its apiKey, got others');
  return recognised.tenant;
}

export function imageName(importId: ImportId, index: number): ImageName {
  const id = `${importId}${index.toString(36)}`;
  return { id, reference: { system: SYSTEM, externalId: id } };
}

/** What an id names; `undefined` for a text that is none. */
function parseImageId(text: string): { readonly importId: ImportId; readonly index: number } | undefined {
  const importId = parseImportId(text.slice(0, IMPORT_ID_CHARACTERS));
  const place = text.slice(IMPORT_ID_CHARACTERS);
  if (importId === undefined || !/^(?:0|[1-9a-z][0-9a-z]{0,3})$/.test(place)) return undefined;
  return { importId, index: Number.parseInt(place, 36) };
}

/** An image that nobody knows is one of an unknown error: the order of an answer is that of its question. */
export async function imageOf({ library }: LibraryUse, tenant: Tenant, id: string): Promise<MicrioImage> {
  const named = parseImageId(id);
  if (named === undefined) return UNKNOWN;
  const [item, asset] = await Promise.all([
    library.findItem(tenant.context, named.importId, named.index),
    library.findByReference(tenant.context, imageName(named.importId, named.index).reference),
  ]);
  const own = item?.reference?.system === SYSTEM ? item : undefined;
  const name = asset?.asset.title ?? own?.title ?? '';
  const status = own && STATUSES[own.state];
  if (own && status === 'error') return { name, status, error: errorOf(own) };
  if (status !== undefined && status !== 'ready') return { name, status };
  return asset?.version ? { name, status: 'ready', asset } : { ...UNKNOWN, name };
}

const UNKNOWN: MicrioImage = { name: '', status: 'error', error: 'unknown' };

const STATUSES = {
  queued: 'queued',
  fetching: 'downloading',
  converting: 'processing',
  storing: 'storing',
  tiling: 'tiling',
  succeeded: 'ready',
  skipped: 'ready',
  failed: 'error',
  cancelled: 'error',
} as const satisfies Record<ItemState, MicrioStatus>;

function errorOf({ reason }: ImportItem): MicrioError {
  return reason === undefined ? 'unknown' : (ERRORS[reason.code] ?? 'unknown');
}

const ERRORS: Partial<Record<Reason['code'], MicrioError>> = {
  'source-not-found': 'originalNotFound',
  'source-refused': 'originalNotFound',
  'source-unavailable': 'originalNotFound',
  'source-timeout': 'originalNotFound',
  'address-forbidden': 'originalNotFound',
  'scheme-forbidden': 'originalNotFound',
  'too-many-redirects': 'originalNotFound',
  'not-an-image': 'invalidImage',
  'type-not-enabled': 'invalidImage',
  'image-damaged': 'invalidImage',
  'image-limits': 'invalidImage',
  'image-blocked': 'invalidImage',
  'source-too-large': 'invalidImage',
  'over-quota': 'uploadError',
};
