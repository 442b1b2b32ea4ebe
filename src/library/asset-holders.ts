// Which assets have a content as one of their originals, or in an upload that is no version yet: by the originals' own rows first, so that
// whatever names one is counted, of tenants that are gone from the file as well. Then the assets of those contexts are looked through, since
// that is asked by takedowns alone.
import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../kernel/digest.js';
import type { Context } from '../kernel/image-key.js';
import type { Asset } from '../kernel/library/asset.js';
import type { Assets } from '../kernel/ports/assets.js';
import type { AssetOfContent, OriginalsOfContent } from '../kernel/takedown/order.js';

const PAGE = 500;

type HoldingAssets = Pick<Assets, 'listAssets' | 'versionsOf' | 'holders' | 'dropUnneeded'>;

/** Names at most `limit` assets, those in the trash as well. What nothing names any more goes at once. */
export async function originalsOf(
  assets: HoldingAssets,
  contents: ReadonlySet<Digest>,
  limit: number,
): Promise<OriginalsOfContent> {
  const asked = [...contents];
  const held = new Set<Digest>();
  const contexts = new Set<Context>();
  for (let start = 0; start < asked.length; start += PAGE) {
    const batch = asked.slice(start, start + PAGE);
    for (const [content, { refs }] of await assets.holders(batch)) if (refs === 0) await assets.dropUnneeded(content);
    // Once more: what was named in that moment is there still.
    for (const [content, holders] of await assets.holders(batch)) {
      held.add(content);
      for (const context of holders.contexts) contexts.add(context);
    }
  }
  return { kept: held.size, assets: await assetsWith(assets, contexts, held, limit) };
}

async function assetsWith(
  assets: HoldingAssets,
  contexts: ReadonlySet<Context>,
  contents: ReadonlySet<Digest>,
  limit: number,
): Promise<readonly AssetOfContent[]> {
  const found: AssetOfContent[] = [];
  for (const context of contexts)
    for (const trashed of [false, true]) {
      let cursor: string | undefined;
      do {
        const page = await assets.listAssets(context, {
          limit: PAGE,
          trashed,
          ...(cursor !== undefined && { cursor }),
        });
        for (const { asset } of page.entries) {
          if (!(await hasOneOf(assets, asset, contents))) continue;
          found.push({ context, asset: asset.id });
          if (found.length >= limit) return found;
        }
        cursor = page.next;
        await setImmediate();
      } while (cursor !== undefined);
    }
  return found;
}

async function hasOneOf(assets: HoldingAssets, asset: Asset, contents: ReadonlySet<Digest>): Promise<boolean> {
  // Received and not complete, or complete and waiting for its turn.
  if (asset.slots?.some(({ received }) => received !== undefined && contents.has(received.digest))) return true;
  return (await assets.versionsOf(asset.context, asset.id)).some(({ digest }) => contents.has(digest));
}
