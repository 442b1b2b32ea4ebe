// The calls that clients begin with: who they are, whether they may upload, their organisation, and where things lie.
import type { Tenant } from '../../../kernel/library/tenant.js';
import type { LibraryUse } from '../../../library/answers.js';
import { json } from '../../replies/reply.js';
import { type Route, route } from '../route.js';
import { WHOAMI } from './access.js';
import { OF_CAN_UPLOAD, OF_LIST, OF_OBJECT, OF_ORGANIZATION, OF_WHOAMI } from './descriptions.js';
import { libraryOf, organizationOf, READING } from './face.js';
import { notFound } from './failures.js';
import { Params } from './params.js';
import { contributionObject, folderObject, organizationObject, whoamiObject } from './start-objects.js';
import { quotaText } from './uploads.js';

export function whoami(): Route {
  return route<void>({
    ...READING,
    name: WHOAMI,
    path: '/api/whoami',
    description: OF_WHOAMI,
    parse: () => undefined,
    run: async (_asked, _use, call) => json(whoamiObject(call.tenant())),
  });
}

export function canUpload(): Route {
  return route<void>({
    ...READING,
    name: 'canUpload',
    path: '/api/can_upload',
    scope: 'upload',
    description: OF_CAN_UPLOAD,
    parse: () => undefined,
    async run(_asked, use, call) {
      const reason = await fullText(libraryOf(use), call.tenant());
      const folders = { can_create_storage_folders: false, can_view_storage_folders: true };
      return json({ can_upload: reason === undefined, ...(reason !== undefined && { reason }), ...folders });
    },
  });
}

/** What stands against an upload now; `undefined`: nothing. */
async function fullText({ library }: LibraryUse, { context, quota }: Tenant): Promise<string | undefined> {
  const { bytes } = await library.usage(context);
  return quota.maxBytes !== undefined && bytes >= quota.maxBytes ? quotaText('bytes', quota.maxBytes) : undefined;
}

export function organization(): Route {
  return route<{ readonly name: string; readonly slug: string | undefined }>({
    ...READING,
    name: 'organization',
    path: '/api/organizations/{organization}',
    description: OF_ORGANIZATION,
    parse: ({ segments: [name = ''], url }) => ({ name, slug: new Params(url).text('slug') }),
    async run({ name, slug }, _use, call) {
      const tenant = call.tenant();
      if (name === 'find') {
        if (slug !== tenant.id) throw notFound('organization');
        return json({ organization: organizationObject(tenant), abilities: [] });
      }
      if (name !== String(organizationOf(tenant))) throw notFound('organization');
      return json(organizationObject(tenant));
    },
  });
}

/** The one there is, below no other. */
export function storageFolders(): Route {
  return route<{ readonly hasFolder: boolean }>({
    ...READING,
    name: 'storageFolders',
    path: '/api/storage_folders',
    description: OF_LIST,
    parse({ url }) {
      const params = new Params(url);
      return { hasFolder: params.text('parent_id') === undefined && params.whole('page', 1, 1, 2) === 1 };
    },
    async run({ hasFolder }, use, call) {
      const tenant = call.tenant();
      return json(hasFolder ? [folderObject(tenant, await libraryOf(use).library.usage(tenant.context))] : []);
    },
  });
}

export function storageFolder(): Route {
  return route<{ readonly name: string }>({
    ...READING,
    name: 'storageFolder',
    path: '/api/storage_folders/{folder}',
    description: OF_OBJECT,
    parse: ({ segments: [name = ''] }) => ({ name }),
    async run({ name }, use, call) {
      const tenant = call.tenant();
      if (name === 'tree') return json([]);
      if (name !== String(organizationOf(tenant))) throw notFound('storage folder');
      return json(folderObject(tenant, await libraryOf(use).library.usage(tenant.context)));
    },
  });
}

export function contributions(): Route {
  return route<{ readonly isFirst: boolean }>({
    ...READING,
    name: 'contributions',
    path: '/api/contributions',
    description: OF_LIST,
    parse: ({ url }) => ({ isFirst: new Params(url).whole('page', 1, 1, 2) === 1 }),
    run: async ({ isFirst }, _use, call) => json(isFirst ? [contributionObject(call.tenant())] : []),
  });
}

/** What there is none of here, so that clients that look find nothing. */
export function emptyLists(): readonly Route[] {
  return [
    ['collections', '/api/collections'],
    ['collectionTree', '/api/collections/tree'],
    ['lightboxes', '/api/lightboxes'],
    ['lightboxTree', '/api/lightboxes/tree'],
    ['tags', '/api/tags'],
  ].map(([name = '', path = '']) =>
    route<void>({
      ...READING,
      name,
      path,
      description: OF_LIST,
      parse: () => undefined,
      run: async () => json([]),
    }),
  );
}
