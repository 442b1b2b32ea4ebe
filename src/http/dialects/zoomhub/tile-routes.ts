// The Deep Zoom Images that ZoomHub's contents name: descriptors and tiles.
import { ProofsheetError } from '../../../kernel/errors.js';
import type { GroupRef } from '../../../kernel/image-key.js';
import type { Reply } from '../../replies/reply.js';
import { descriptorXml, type NamedTile, parseTileName, tileReply, zoomOf } from '../deep-zoom.js';
import { type Route, route, type UseCases } from '../route.js';
import { known, READING, unknown, type ZoomHubSettings } from './api-routes.js';
import { Contents } from './contents.js';
import { OF_DESCRIPTOR, OF_TILE } from './descriptions.js';

export function tileRoutes(settings: ZoomHubSettings): readonly Route[] {
  return [descriptor(settings), tile(settings)];
}

function descriptor(settings: ZoomHubSettings): Route {
  return route<{ readonly id: string }>({
    ...READING,
    name: 'zoomhubDescriptor',
    path: '/dzis/{file}',
    description: OF_DESCRIPTOR,
    parse({ segments: [file = ''] }) {
      const [, id] = /^([A-Za-z0-9]+)\.dzi$/.exec(file) ?? [];
      if (id === undefined) throw noFile('a name that ends in .dzi');
      return { id };
    },
    run: async ({ id }, use) => descriptorXml(await zoomOf(use).picture(await refOf(settings, use, id))),
  });
}

function tile(settings: ZoomHubSettings): Route {
  return route<{ readonly id: string; readonly asked: NamedTile }>({
    ...READING,
    name: 'zoomhubTile',
    path: '/dzis/{files}/{level}/{tile}',
    description: OF_TILE,
    parse({ segments: [files = '', level = '', name = ''] }) {
      const [, id] = /^([A-Za-z0-9]+)_files$/.exec(files) ?? [];
      const asked = parseTileName(level, name);
      if (id === undefined || asked === undefined) throw noFile('a tile ID_files/LEVEL/COLUMN_ROW.EXTENSION');
      return { id, asked };
    },
    async run({ id, asked }, use): Promise<Reply> {
      const reply = await tileReply(zoomOf(use), await refOf(settings, use, id), asked);
      // Which picture the content shows now, no prepared answer could know.
      return { ...reply, isForThisRequest: true };
    },
  });
}

/** Throws `unknown-image-key` for what there is not, or not yet. */
async function refOf({ tenant }: ZoomHubSettings, use: UseCases, id: string): Promise<GroupRef> {
  const contents = Contents.of(use, tenant);
  const { state } = await known(contents, id);
  const ref =
    state.kind === 'ready' ? await contents.library.zoomable(contents.context, state.asset.asset.id) : undefined;
  if (ref === undefined) throw unknown(id);
  return ref;
}

function noFile(expected: string): ProofsheetError {
  return new ProofsheetError('unknown-image-key', `expected ${expected}, got something else`);
}
