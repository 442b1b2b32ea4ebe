// What Micrio's viewer asks for: what an image is, its tiles, and its thumbnail.
import { ProofsheetError } from '../../../kernel/errors.js';
import { parseFormat } from '../../../kernel/format.js';
import type { GroupRef } from '../../../kernel/image-key.js';
import type { DescribedAsset } from '../../../kernel/library/asset.js';
import { parseTenantId } from '../../../kernel/library/ids.js';
import type { Tenant } from '../../../kernel/library/tenant.js';
import { maxLevelOf, TILE_SIDE_PX } from '../../../kernel/zoom/pyramid.js';
import type { LibraryUse } from '../../../library/answers.js';
import { shownOf } from '../../replies/reply.js';
import { type NamedTile, parseTileName, tileReply, zoomOf } from '../deep-zoom.js';
import { READS, type Route, route, type UseCases } from '../route.js';
import type { MicrioSettings } from './calls.js';
import { OF_INFO, OF_THUMBNAIL, OF_TILE } from './descriptions.js';
import { imageOf, libraryOf } from './images.js';

const READING = { ...READS, opensTo: 'everybody' } as const;

/** Of the viewer whose form of info.json this is. */
const VERSION = '5.0';
const THUMBNAIL = parseFormat('auto:512x512');

interface Named {
  readonly tenantId: string;
  readonly id: string;
}

export function viewerRoutes(settings: MicrioSettings): readonly Route[] {
  return [info(settings), thumbnail(), tile()];
}

function info({ mount, publicUrl }: MicrioSettings): Route {
  return route<Named>({
    ...READING,
    name: 'micrioInfo',
    path: '/images/{tenant}/{id}/info.json',
    description: OF_INFO,
    parse: ({ segments: [tenantId = '', id = ''] }) => ({ tenantId, id }),
    async run(named, use, { origin }) {
      const { from, tenant, found } = await shown(use, named);
      const ref = await from.library.zoomable(tenant.context, found.asset.id);
      if (ref === undefined) throw unknown();
      const { size, tileType, entry } = await zoomOf(use).picture(ref);
      const text = JSON.stringify({
        id: named.id,
        path: `${publicUrl(origin)}${mount}/images/${tenant.id}/`,
        title: found.asset.title,
        width: size.widthPx,
        height: size.heightPx,
        tileSize: TILE_SIDE_PX,
        format: 'dz',
        isWebP: false,
        isPng: tileType === 'png',
        tileExtension: tileType,
        version: VERSION,
      });
      return { kind: 'json', text, isKept: true, shown: shownOf(entry) };
    },
  });
}

function tile(): Route {
  return route<Named & { readonly asked: NamedTile }>({
    ...READING,
    name: 'micrioTile',
    path: '/images/{tenant}/{id}/{level}/{tile}',
    description: OF_TILE,
    parse({ segments: [tenantId = '', id = '', level = '', name = ''] }) {
      const asked = parseTileName(level, name);
      if (asked === undefined)
        throw new ProofsheetError(
          'unknown-image-key',
          'expected a tile LEVEL/COLUMN_ROW.EXTENSION, got something else',
        );
      return { tenantId, id, asked };
    },
    async run({ asked, ...named }, use) {
      const { from, tenant, found } = await shown(use, named);
      const ref = await from.library.zoomable(tenant.context, found.asset.id);
      if (ref === undefined) throw unknown();
      // Whether its asset is still there no prepared answer could know.
      return { ...(await tileReply(zoomOf(use), ref, await ofPyramid(use, ref, asked))), isForThisRequest: true };
    },
  });
}

/** The viewer counts one halving at least: a picture that is one pixel has level 1 for it, which no pyramid has. */
async function ofPyramid(use: UseCases, ref: GroupRef, asked: NamedTile): Promise<NamedTile> {
  if (asked.place.level !== 1) return asked;
  const { size } = await zoomOf(use).picture(ref);
  return maxLevelOf(size) === 0 ? { ...asked, place: { ...asked.place, level: 0 } } : asked;
}

function thumbnail(): Route {
  return route<Named>({
    ...READING,
    name: 'micrioThumbnail',
    path: '/images/{tenant}/{id}/thumbnail',
    description: OF_THUMBNAIL,
    parse: ({ segments: [tenantId = '', id = ''] }) => ({ tenantId, id }),
    async run(named, use) {
      const { from, tenant, found } = await shown(use, named);
      const choice = await from.library.choosePreview(tenant.context, found.asset.id, THUMBNAIL);
      if (choice === undefined) throw unknown();
      return { kind: 'picture', choice, isForThisRequest: true };
    },
  });
}

interface Shown {
  readonly from: LibraryUse;
  readonly tenant: Tenant;
  readonly found: DescribedAsset;
}

/** Throws `unknown-image-key` for what there is not, or not yet. Nobody guesses an id. */
async function shown(use: UseCases, { tenantId, id }: Named): Promise<Shown> {
  const from = libraryOf(use);
  const parsed = parseTenantId(tenantId);
  const tenant = parsed && from.tenants.byId(parsed);
  const image = tenant && (await imageOf(from, tenant, id));
  if (tenant === undefined || image?.asset === undefined) throw unknown();
  return { from, tenant, found: image.asset };
}

function unknown(): ProofsheetError {
  return new ProofsheetError('unknown-image-key', 'there is no image of this id, or it is not ready yet');
}
