// An asset and its versions as Mediagraph shows them: the same object in searches, details and answers to uploads.
import type { AssetVersion, DescribedAsset, EmbeddedFacts } from '../../../kernel/library/asset.js';
import type { Tenant } from '../../../kernel/library/tenant.js';
import { SOURCE_MEDIA } from '../../../kernel/source-media.js';
import type { LibraryUse } from '../../../library/answers.js';
import { ASSET_FIELDS, CONSTANT_FIELDS } from './asset-fields.js';
import { iso, type MediagraphSettings, organizationOf, previewUrl } from './face.js';
import { guidOf, sessionGuidOf } from './ids.js';
import { DOWNLOAD_SIZES, RENDITION_EXTENSION, RENDITIONS } from './renditions.js';
import { folderObject, userObject } from './start-objects.js';

/** Other extensions of the same types: what a name promises before there are bytes. */
const ALIASES: Readonly<Record<string, string>> = { jpeg: 'jpg', jpe: 'jpg', tif: 'tiff', heif: 'heic', svgz: 'svg' };

/** `renditions` are shown where they are asked for; the package is one that nobody has. */
const SHOWN_FIELDS = ASSET_FIELDS.filter((name) => name !== 'renditions' && name !== 'rights_package');
const URL_FIELDS = RENDITIONS.map((name) => `${name}_url`);

/** What objects are made from, of one request. */
export interface Showing {
  readonly settings: MediagraphSettings;
  readonly use: LibraryUse;
  readonly tenant: Tenant;
  readonly withRenditions?: boolean;
}

const STATES = {
  pending: 'pending',
  uploaded: 'uploaded',
  processing: 'processing',
  processed: 'processed',
  failed: 'processing_error',
} as const;

export type AasmState = (typeof STATES)[keyof typeof STATES];

export function stateOf({ asset }: DescribedAsset): AasmState {
  return STATES[asset.state];
}

export function assetObject(showing: Showing, described: DescribedAsset): Readonly<Record<string, unknown>> {
  const { asset, version } = described;
  const values: Readonly<Record<string, unknown>> = {
    ...CONSTANT_FIELDS,
    ...namesOf(showing, described),
    ...bytesOf(described),
    ...timesOf(described),
    ...embeddedOf(version?.embedded),
    ...(asset.title !== asset.fileName && asset.createdVia === 'import' && { title: asset.title }),
    ...(version && urlsOf(showing, asset, version)),
    aasm_state: stateOf(described),
    processing_error: asset.failure ? (asset.failure.message ?? asset.failure.code) : null,
    processing_progress: asset.state === 'processed' ? 100 : null,
    downloadable: version !== undefined,
    original_downloadable: version !== undefined,
    downloadable_previews: version !== undefined,
    download_sizes: version === undefined ? [] : DOWNLOAD_SIZES,
    data_version_number: Math.max(1, asset.head),
    data_versions_count: asset.versions,
    submitted: asset.createdVia === 'import' || asset.state !== 'pending',
  };
  // Filled in place: of 230 names every object on the way costs 10 kB, and clients ask for it all the time.
  const shown: Record<string, unknown> = {};
  for (const name of SHOWN_FIELDS) shown[name] = values[name] ?? null;
  for (const name of URL_FIELDS) shown[name] = values[name] ?? null;
  shown.has_alpha = version?.embedded?.hasAlpha === 1;
  shown.organization_id = organizationOf(showing.tenant);
  if (showing.withRenditions) shown.renditions = renditionsOf(version);
  return shown;
}

/** One version, newest or not. */
export function versionObject(
  showing: Showing,
  { asset }: DescribedAsset,
  version: AssetVersion,
): Readonly<Record<string, unknown>> {
  const { settings, use, tenant, withRenditions } = showing;
  const organization = organizationOf(tenant);
  const url = (name: (typeof RENDITIONS)[number]) => previewUrl(settings, use, organization, asset, version, name);
  return {
    id: asset.number * 1_000 + version.number,
    asset_id: asset.number,
    user_id: organization,
    number: version.number,
    file_size: version.bytes,
    width: version.widthPx,
    height: version.heightPx,
    filename: fileNameOf(asset, version),
    ppi: version.embedded?.ppi ?? null,
    captured_at: version.embedded?.capturedAt ?? null,
    meta: null,
    duration: null,
    frame_rate: null,
    md5: version.md5,
    ext: SOURCE_MEDIA[version.type].extension,
    created_via: version.via ?? null,
    previews_generated_at: iso(version.createdAt),
    thumbs_count: null,
    created_at: iso(version.createdAt),
    updated_at: iso(version.createdAt),
    thumb_url: url('thumb'),
    is_head: version.number === asset.head,
    aasm_state: 'processed',
    user: userObject(tenant),
    grid_url: url('grid'),
    type: 'Image',
    mime_type: SOURCE_MEDIA[version.type].mediaType,
    created_via_id: version.viaId ?? null,
    created_via_meta: null,
    is_version: version.number > 1,
    storage_folder_path: '',
    full_url: url('full'),
    ...(withRenditions && { renditions: renditionsOf(version) }),
  };
}

/** A version is called as it was uploaded, or as its asset is. */
export function fileNameOf({ fileName, title }: DescribedAsset['asset'], version?: AssetVersion): string {
  return version?.fileName ?? fileName ?? title;
}

function namesOf({ tenant }: Showing, { asset, version }: DescribedAsset): Readonly<Record<string, unknown>> {
  const guid = guidOf(asset);
  const organization = organizationOf(tenant);
  const fileName = fileNameOf(asset, version);
  const session = asset.upload && sessionGuidOf(asset.upload.session);
  return {
    id: asset.number,
    guid,
    short_guid: guid.slice(0, 8),
    filename: fileName,
    path: asset.upload?.path ?? '',
    upload_id: asset.upload?.session ?? null,
    user_id: organization,
    user: userObject(tenant),
    s3_upload_key: `${organization}/${session ?? 'imports'}/${guid}-${fileName}`,
    created_via: asset.upload?.via ?? (asset.createdVia === 'import' ? 'url' : null),
    created_via_id: asset.upload?.viaId ?? null,
    storage_folder_path: '',
    storage_folder: folderObject(tenant),
    file_type: 'image',
  };
}

function bytesOf({ asset, version }: DescribedAsset): Readonly<Record<string, unknown>> {
  if (version === undefined) {
    const slot = asset.slots?.at(-1);
    const size = slot?.received?.bytes ?? slot?.declaredBytes ?? null;
    const [, ext = ''] = /\.([A-Za-z0-9]{1,8})$/.exec(asset.fileName ?? '') ?? [];
    const lower = ext.toLowerCase();
    const media = Object.values(SOURCE_MEDIA).find(
      ({ extension }) => extension === ALIASES[lower] || extension === lower,
    );
    return { file_size: size, md5: null, ext: lower === '' ? null : lower, mime_type: media?.mediaType ?? null };
  }
  return {
    file_size: version.bytes,
    md5: version.md5,
    ext: SOURCE_MEDIA[version.type].extension,
    mime_type: SOURCE_MEDIA[version.type].mediaType,
    width: version.widthPx,
    height: version.heightPx,
    aspect: version.widthPx / version.heightPx,
    vector: version.type === 'svg',
  };
}

function timesOf({ asset }: DescribedAsset): Readonly<Record<string, unknown>> {
  const { upload } = asset;
  const started = upload?.uploadedAt;
  const ended = upload?.processedAt;
  return {
    created_at: iso(asset.createdAt),
    updated_at: iso(asset.updatedAt),
    trashed_at: iso(asset.trashedAt),
    upload_started_at: iso(upload && asset.createdAt),
    upload_finished_at: iso(started),
    processing_started_at: iso(upload?.processingAt),
    processing_finished_at: iso(ended),
    submitted_at: iso(asset.createdVia === 'import' ? asset.createdAt : started),
    time_to_process: ended === undefined ? null : 0,
  };
}

function embeddedOf(facts: EmbeddedFacts = {}): Readonly<Record<string, unknown>> {
  return {
    title: facts.title,
    headline: facts.headline,
    description: facts.description,
    credit_line: facts.credit,
    alt_text: facts.altText,
    captured_at: facts.capturedAt,
    latitude: facts.latitude,
    longitude: facts.longitude,
    city: facts.city,
    state: facts.state,
    country: facts.country,
    instructions: facts.instructions,
    iptc_rights: facts.copyright,
    ppi: facts.ppi,
    creator: facts.creator === undefined ? [] : [facts.creator],
  };
}

function urlsOf(
  { settings, use, tenant }: Showing,
  asset: DescribedAsset['asset'],
  version: AssetVersion,
): Readonly<Record<string, string | null>> {
  const organization = organizationOf(tenant);
  return Object.fromEntries(
    RENDITIONS.map((name) => [`${name}_url`, previewUrl(settings, use, organization, asset, version, name)]),
  );
}

function renditionsOf(version: AssetVersion | undefined): readonly object[] {
  if (version === undefined) return [{ name: 'original', ext: null }];
  const drawn = { ext: RENDITION_EXTENSION, watermarked: false };
  return [
    {
      name: 'original',
      ext: SOURCE_MEDIA[version.type].extension,
      width: version.widthPx,
      height: version.heightPx,
      file_size: version.bytes,
    },
    { name: 'full', ...drawn, width: version.widthPx, height: version.heightPx },
    { name: 'permalink', display_name: 'medium', ...drawn },
    { name: 'small', ...drawn },
  ];
}
