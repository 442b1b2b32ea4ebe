// One asset: its details, the trash and back; what is in the trash; and what has changed since a client last looked.

import type { Tenant } from '../../../kernel/library/tenant.js';
import type { LibraryUse } from '../../../library/answers.js';
import { json } from '../../replies/reply.js';
import { type Route, route } from '../route.js';
import { assetObject } from './asset-object.js';
import { OF_ASSET, OF_RESTORE, OF_TRASHED, OF_UPDATED } from './descriptions.js';
import { assetNamed, libraryOf, type MediagraphSettings, READING, settingsFor } from './face.js';
import { notFound } from './failures.js';
import { Params } from './params.js';

/** Assets that are looked at, the latest first. */
const MAX_LOOKED_AT = 10_000;
const PAGE = 1_000;

export function assetDetails(settings: MediagraphSettings): Route {
  return route<{ readonly name: string; readonly withRenditions: boolean }>({
    ...READING,
    verbs: ['GET', 'HEAD', 'DELETE'],
    name: 'asset',
    path: '/api/assets/{asset}',
    scope: 'asset',
    description: OF_ASSET,
    parse: ({ segments: [name = ''], url }) => ({ name, withRenditions: new Params(url).flag('include_renditions') }),
    async run({ name, withRenditions }, use, call) {
      const library = libraryOf(use);
      const tenant = call.tenant();
      const found = await assetNamed(library, tenant, name);
      if (call.verb !== 'DELETE')
        return json(
          assetObject({ settings: settingsFor(settings, call), use: library, tenant, withRenditions }, found),
        );
      if ((await library.library.trash(tenant.context, found.asset.id)) === undefined) throw notFound();
      return json({});
    },
  });
}

export function restoreAsset(settings: MediagraphSettings): Route {
  return route<{ readonly name: string }>({
    ...READING,
    verbs: ['POST', 'PUT'],
    name: 'restoreAsset',
    path: '/api/assets/{asset}/restore',
    scope: 'asset',
    description: OF_RESTORE,
    parse: ({ segments: [name = ''] }) => ({ name }),
    async run({ name }, use, call) {
      const library = libraryOf(use);
      const tenant = call.tenant();
      const { asset } = await assetNamed(library, tenant, name);
      if ((await library.library.restore(tenant.context, asset.id)) === undefined) throw notFound();
      return json(
        assetObject(
          { settings: settingsFor(settings, call), use: library, tenant },
          await assetNamed(library, tenant, name),
        ),
      );
    },
  });
}

export function trashedAssets(): Route {
  return route<void>({
    ...READING,
    name: 'trashedAssets',
    path: '/api/assets/trashed',
    scope: 'asset',
    description: OF_TRASHED,
    parse: () => undefined,
    async run(_asked, use, call) {
      let count = 0;
      for await (const { length } of pagesOf(libraryOf(use), call.tenant(), true)) count += length;
      return json({ count });
    },
  });
}

/** Numbers of assets that changed after `last_sync_at`; of all, where none is named. */
export function updatedSinceLastSync(): Route {
  return route<{ readonly via: string | undefined; readonly since: number }>({
    ...READING,
    name: 'updatedSinceLastSync',
    path: '/api/assets/updated_since_last_sync',
    scope: 'asset',
    description: OF_UPDATED,
    parse({ url }) {
      const params = new Params(url);
      const since = Date.parse(params.text('last_sync_at') ?? params.text('since') ?? '');
      return { via: params.text('created_via'), since: Number.isNaN(since) ? 0 : since };
    },
    async run({ via, since }, use, call) {
      const numbers: number[] = [];
      for await (const page of pagesOf(libraryOf(use), call.tenant(), false))
        for (const { asset } of page)
          if (asset.updatedAt > since && (via === undefined || asset.upload?.via === via)) numbers.push(asset.number);
      return json(numbers);
    },
  });
}

/** The assets of an organisation in pages, the latest first, at most `MAX_LOOKED_AT`. */
export async function* pagesOf({ library }: LibraryUse, { context }: Tenant, trashed: boolean) {
  let cursor: string | undefined;
  for (let looked = 0; looked < MAX_LOOKED_AT; looked += PAGE) {
    const page = await library.findAssets(context, { limit: PAGE, trashed, ...(cursor !== undefined && { cursor }) });
    yield page.entries;
    if (page.next === undefined) return;
    cursor = page.next;
  }
}
