// The four calls of Micrio's server API, version 2: add images, ask for them, make folders, ask for those.
import { ProofsheetError } from '../../../kernel/errors.js';
import { type FolderId, newFolderId, parseFolderId } from '../../../kernel/library/folder.js';
import { newImportId } from '../../../kernel/library/ids.js';
import type { Tenant } from '../../../kernel/library/tenant.js';
import type { PortRule } from '../../../kernel/source-url.js';
import type { LibraryUse } from '../../../library/answers.js';
import { folderStatusOf } from '../../../library/folder-status.js';
import { json } from '../../replies/reply.js';
import type { PublicUrl } from '../public-url.js';
import { type Route, type RouteRules, route } from '../route.js';
import {
  type AskedAdd,
  type AskedFolder,
  type AskedNewFolder,
  type AskedStatus,
  parseAdd,
  parseFolderCreate,
  parseFolderStatus,
  parseStatus,
} from './bodies.js';
import { OF_ADD, OF_FOLDER_CREATE, OF_FOLDER_STATUS, OF_STATUS } from './descriptions.js';
import { imageName, imageOf, libraryOf, SYSTEM, tenantOf } from './images.js';

export interface MicrioSettings {
  readonly mount: string;
  readonly publicUrl: PublicUrl;
  readonly permitsPort: PortRule;
}

/** Five thousand images and their URLs. */
const MAX_BODY_BYTES = 8 * 2 ** 20;
const OPEN_RETRY_SECONDS = 10;
/** Ids that are taken are one in 57 thousand million. */
const MAX_ID_ATTEMPTS = 10;

const CALL = {
  verbs: ['POST'],
  // Its credentials stand in the body, where the call looks at them.
  opensTo: 'everybody',
  body: 'json',
  maxJsonBytes: MAX_BODY_BYTES,
  effort: 'makes-anew',
} as const satisfies Partial<RouteRules>;

export function calls(settings: MicrioSettings): readonly Route[] {
  return [add(settings.permitsPort), status(settings), folderStatus(), folderCreate()];
}

function add(permitsPort: PortRule): Route {
  return route<AskedAdd>({
    ...CALL,
    name: 'micrioAdd',
    path: '/v2/images/add',
    description: OF_ADD,
    parse: (_target, body) => parseAdd(body, permitsPort),
    async run({ items, folderId, ...credentials }, use) {
      const from = libraryOf(use);
      const tenant = tenantOf(from, credentials);
      const folder = await folderOf(from, tenant, folderId, 'folderId');
      const { library, folders } = from;
      if (items.length > library.maxItems)
        throw new ProofsheetError('source-too-large', `expected at most ${library.maxItems} images in one call`);
      const id = newImportId();
      const named = items.map((item, index) => ({ ...item, reference: imageName(id, index).reference }));
      // Before the import: one that is not known counts for nothing, but an import that its folder does not know would be sent again.
      await folders.add(tenant.context, folder, { importId: id, images: items.length });
      const acceptance = await library.acceptImport(tenant, { dialect: SYSTEM, id, system: folder, items: named });
      if (acceptance.outcome !== 'accepted') await folders.withdraw(tenant.context, folder, id);
      if (acceptance.outcome === 'over-quota')
        throw new ProofsheetError(
          'over-quota',
          'expected images that the quota of the organisation has room for, got more',
        );
      if (acceptance.outcome === 'too-many-open')
        throw new ProofsheetError(
          'over-quota',
          `expected at most ${acceptance.limit} calls whose images are under way`,
          {
            retryAfterSeconds: OPEN_RETRY_SECONDS,
          },
        );
      const images = items.map(({ title }, index) => ({ id: imageName(id, index).id, name: title, status: 'queued' }));
      return json({ result: { images } });
    },
  });
}

function status({ mount, publicUrl }: MicrioSettings): Route {
  return route<AskedStatus>({
    ...CALL,
    effort: 'reads',
    name: 'micrioStatus',
    path: '/v2/image/status',
    description: OF_STATUS,
    parse: (_target, body) => parseStatus(body),
    async run({ imageIds, ...credentials }, use, { origin }) {
      const from = libraryOf(use);
      const tenant = tenantOf(from, credentials);
      const base = `${publicUrl(origin)}${mount}/images/${tenant.id}`;
      const images = await Promise.all(
        imageIds.map(async (id) => {
          const { asset, ...image } = await imageOf(from, tenant, id);
          const version = asset?.version;
          return {
            id,
            ...image,
            ...(version && { width: version.widthPx, height: version.heightPx, thumbnail: `${base}/${id}/thumbnail` }),
          };
        }),
      );
      return json({ result: { images } });
    },
  });
}

function folderStatus(): Route {
  return route<AskedFolder>({
    ...CALL,
    effort: 'reads',
    name: 'micrioFolderStatus',
    path: '/v2/folder/status',
    description: OF_FOLDER_STATUS,
    parse: (_target, body) => parseFolderStatus(body),
    async run({ folderId, ...credentials }, use) {
      const from = libraryOf(use);
      const tenant = tenantOf(from, credentials);
      const folder = await folderOf(from, tenant, folderId, 'folderId');
      const standing = await folderStatusOf(from.library, from.folders, tenant.context, folder, imageName);
      return json({
        result: {
          numTotal: standing.total,
          numComplete: standing.complete,
          processingIds: standing.underWay,
          erroredIds: standing.failed,
        },
      });
    },
  });
}

function folderCreate(): Route {
  return route<AskedNewFolder>({
    ...CALL,
    name: 'micrioFolderCreate',
    path: '/v2/folder/create',
    description: OF_FOLDER_CREATE,
    parse: (_target, body) => parseFolderCreate(body),
    async run({ parentId: parent, name, type, ...credentials }, use) {
      const from = libraryOf(use);
      const { folders } = from;
      const tenant = tenantOf(from, credentials);
      const { context } = tenant;
      const parentId = await folderOf(from, tenant, parent, 'parentId');
      for (let attempt = 0; attempt < MAX_ID_ATTEMPTS; attempt++) {
        const id = newFolderId();
        if (id === tenant.rootFolderId) continue;
        if (await folders.create({ id, context, parentId, name, type })) return json({ result: { id } });
      }
      throw new ProofsheetError('internal', 'no id was found for a new folder; please try again');
    },
  });
}

/** Throws `unknown-image-key` for a folder that there is not. The root is there from the start. */
async function folderOf({ folders }: LibraryUse, tenant: Tenant, text: string, what: string): Promise<FolderId> {
  const id = parseFolderId(text);
  if (id !== undefined && (id === tenant.rootFolderId || (await folders.find(tenant.context, id)))) return id;
  throw new ProofsheetError('unknown-image-key', `expected the id of a folder as ${what}, got another`);
}
