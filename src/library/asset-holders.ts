// Which assets have a content as one of their originals: all are looked through, since that is asked by takedowns alone.
import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../kernel/digest.js';
import type { DescribedAsset } from '../kernel/library/asset.js';
import type { Assets } from '../kernel/ports/assets.js';
import type { Tenants } from '../kernel/ports/tenants.js';
import type { AssetOfContent } from '../kernel/takedown/order.js';

const PAGE = 500;

/** Those in the trash as well, at most `limit`. */
export async function assetsWith(
  { assets, tenants }: { readonly assets: Pick<Assets, 'listAssets' | 'versionsOf'>; readonly tenants: Tenants },
  contents: ReadonlySet<Digest>,
  limit: number,
): Promise<readonly AssetOfContent[]> {
  const found: AssetOfContent[] = [];
  for (const { context } of tenants.list())
    for (const trashed of [false, true]) {
      let cursor: string | undefined;
      do {
        const page = await assets.listAssets(context, {
          limit: PAGE,
          trashed,
          ...(cursor !== undefined && { cursor }),
        });
        for (const described of page.entries) {
          if (!(await hasOneOf(assets, described, contents))) continue;
          found.push({ context, asset: described.asset.id });
          if (found.length >= limit) return found;
        }
        cursor = page.next;
        await setImmediate();
      } while (cursor !== undefined);
    }
  return found;
}

async function hasOneOf(
  assets: Pick<Assets, 'versionsOf'>,
  { asset, version }: DescribedAsset,
  contents: ReadonlySet<Digest>,
): Promise<boolean> {
  if (version !== undefined && contents.has(version.digest)) return true;
  if (asset.versions < 2) return false;
  return (await assets.versionsOf(asset.context, asset.id)).some(({ digest }) => contents.has(digest));
}
