// GET /api/{version}/mediaLibrary[/{id}] and serve-image/{key}: entries of the media library, and their originals.
import type { Context } from '../../../kernel/image-key.js';
import type { Asset, AssetVersion, DescribedAsset, ExternalReference } from '../../../kernel/library/asset.js';
import { parseAssetId } from '../../../kernel/library/ids.js';
import { SOURCE_MEDIA } from '../../../kernel/source-media.js';
import type { Library } from '../../../library/answers.js';
import { json, type OriginalReply } from '../../replies/reply.js';
import { queryValue } from '../../url-query.js';
import { type Route, route } from '../route.js';
import { OF_ENTRY, OF_LIST, OF_ORIGINAL } from './descriptions.js';
import { entryNotFound, ValidationFailure } from './failures.js';
import { type ImageName, type ImageUrls, imageObjects, keyOf, parseKey } from './image-object.js';
import { libraryOf, READING } from './library-route.js';
import { listNameOf, parseVersion } from './versions.js';

const MAX_IDS = 100;
/** Of the latest, where nothing is named. */
const PAGE = 100;

/** As ids of entries are told back in a failure: anything else is not repeated. */
const toldId = (id: string) => (/^[a-zA-Z0-9-]{1,32}$/.test(id) ? id : '?');

interface AskedList {
  readonly version: string;
  readonly ids?: readonly string[];
  readonly reference?: ExternalReference;
}

export function mediaLibraryList(urls: ImageUrls): Route {
  return route<AskedList>({
    ...READING,
    name: 'mediaLibrary',
    path: '/api/{version}/mediaLibrary',
    description: OF_LIST,
    parse({ segments: [version = ''], url }) {
      const [ids, system, externalId] = ['ids', 'systemName', 'externalId'].map((name) => queryValue(url, name));
      const list = ids?.split(',').filter((id) => id !== '');
      if (list && list.length > MAX_IDS) throw new ValidationFailure({ ids: `expected at most ${MAX_IDS} ids` });
      if (externalId !== undefined && system === undefined)
        throw new ValidationFailure({ systemName: 'expected a systemName with an externalId' });
      return {
        version: parseVersion(version),
        ...(list && { ids: list }),
        ...(externalId !== undefined && system !== undefined && { reference: { system, externalId } }),
      };
    },
    async run({ version, ids, reference }, use, call) {
      const { library } = libraryOf(use);
      const entries = await entriesOf(library, call.tenant().context, ids, reference);
      const objectOf = imageObjects(urls, call.tenant(), call.origin);
      return json({ [listNameOf(version)]: entries.map((entry) => entryObject(objectOf, entry)) });
    },
  });
}

export function mediaLibraryEntry(urls: ImageUrls): Route {
  return route<{ readonly id: string }>({
    ...READING,
    name: 'mediaLibraryEntry',
    path: '/api/{version}/mediaLibrary/{id}',
    description: OF_ENTRY,
    parse({ segments: [version = '', id = ''] }) {
      parseVersion(version);
      return { id };
    },
    async run({ id }, use, call) {
      const assetId = parseAssetId(id);
      const found = assetId && (await libraryOf(use).library.describeAsset(call.tenant().context, assetId));
      if (!found) throw entryNotFound(toldId(id));
      return json(entryObject(imageObjects(urls, call.tenant(), call.origin), found));
    },
  });
}

/** Original bytes, for content networks and image services. */
export function serveImage(): Route {
  return route<{ readonly name: Omit<ImageName, 'tenantId'> | undefined }>({
    ...READING,
    name: 'serveImage',
    path: '/api/{version}/mediaLibrary/serve-image/{+key}',
    description: OF_ORIGINAL,
    parse({ segments: [version = '', ...key] }) {
      parseVersion(version);
      return { name: parseKey(key.join('/')) };
    },
    run: async ({ name }, use, call) => originalReply(libraryOf(use).library, call.tenant().context, name),
  });
}

/** Throws `unknown-image-key` when there is no such original, or its asset is in the trash. */
export async function originalReply(
  library: Library,
  context: Context,
  name: Omit<ImageName, 'tenantId'> | undefined,
): Promise<OriginalReply & { readonly version: AssetVersion }> {
  const version = name && (await library.findVersion(context, name.assetId, name.version));
  if (version === undefined) throw entryNotFound(name?.assetId ?? '?');
  const { mediaType } = SOURCE_MEDIA[version.type];
  const shown = { context, content: version.digest };
  return {
    kind: 'original',
    version,
    mediaType,
    shown,
    open: (start, end) => opened(library, context, version, start, end),
  };
}

async function opened(
  library: Library,
  context: Context,
  { assetId, number }: AssetVersion,
  start: number,
  end: number,
): Promise<AsyncIterable<Uint8Array>> {
  const original = await library.openOriginal(context, assetId, { version: number, start, end });
  if (original === undefined) throw entryNotFound(assetId);
  return original.bytes;
}

async function entriesOf(
  library: Library,
  context: Context,
  ids: readonly string[] | undefined,
  reference: ExternalReference | undefined,
): Promise<readonly DescribedAsset[]> {
  if (reference !== undefined) {
    const found = await library.findByReference(context, reference);
    return found === undefined ? [] : [found];
  }
  if (ids === undefined) return (await library.findAssets(context, { limit: PAGE })).entries;
  const found = await Promise.all(
    ids.map(async (id) => {
      const assetId = parseAssetId(id);
      return assetId && library.describeAsset(context, assetId);
    }),
  );
  return found.filter((entry) => entry !== undefined);
}

function entryObject(objectOf: ReturnType<typeof imageObjects>, { asset, version }: DescribedAsset): object {
  return {
    id: asset.id,
    version: asset.revision,
    mediaType: asset.mediaType,
    title: asset.title,
    ...(version && {
      asset: assetObject(version, asset.fileName, objectOf(...shown(asset, version)).url),
    }),
    metadata: asset.metadata,
    createdAt: new Date(asset.createdAt).toISOString(),
    updatedAt: new Date(asset.updatedAt).toISOString(),
    systemName: asset.reference?.system,
    externalId: asset.reference?.externalId,
  };
}

function shown({ title }: Asset, { assetId, number, type, widthPx, heightPx }: AssetVersion) {
  return [
    { assetId, version: number },
    { title, type, widthPx, heightPx },
  ] as const;
}

function assetObject(version: AssetVersion, fileName: string | undefined, url: string): object {
  const key = keyOf(version);
  return {
    key,
    url,
    mimeType: SOURCE_MEDIA[version.type].mediaType,
    width: version.widthPx,
    height: version.heightPx,
    size: version.bytes,
    filename: fileName ?? key.split('/').at(-1),
  };
}
