// Deep Zoom Images: a descriptor, its tiles, and a page that shows them. `/dzi/{context}/{key}.dzi`, and beside it
// `{key}_files/{level}/{column}_{row}.jpg`; the context `_` is the default one. The same below `/dzi/assets/{tenant}` for assets; a name
// that ends in `;page=N` is that of a page.
import { ProofsheetError } from '../../../kernel/errors.js';
import { DEFAULT_CONTEXT, parseContext, parseImageKey } from '../../../kernel/image-key.js';
import { TILE_SIDE_PX } from '../../../kernel/zoom/pyramid.js';
import type { ZoomPicture } from '../../../previews/zoom/answers.js';
import { plainFailure } from '../../replies/error-map.js';
import { type JsonReply, shownOf } from '../../replies/reply.js';
import {
  changesUnseen,
  DEEP_ZOOM_XMLNS,
  descriptorXml,
  FOR_PAGES_OF_OTHERS,
  type NamedTile,
  namedPage,
  OF_KIND,
  pageRefOf,
  parseTileName,
  scopeOfZoomed,
  tileReply,
  ZOOMED_KINDS,
  type Zoomed,
  type ZoomedKind,
  zoomOf,
} from '../deep-zoom.js';
import type { Dialect } from '../dialect.js';
import type { PublicUrl } from '../public-url.js';
import { READS, type Route, route } from '../route.js';
import { scriptRoute, viewerPolicy } from '../viewer-page.js';
import { FAILURE, OF_DESCRIPTOR, OF_SCRIPT, OF_TILE, OF_VIEW } from './descriptions.js';
import { PAGE_SCRIPT, viewPage } from './view-page.js';

export interface DziSettings {
  readonly mount: string;
  readonly publicUrl: PublicUrl;
  /** The text of OpenSeadragon. */
  readonly viewerScript: () => string;
}

/** What the default context is written as: it has no name of its own, and a path no empty part. */
const DEFAULT = '_';

export function dzi(settings: DziSettings): Dialect {
  return {
    name: 'dzi',
    mount: settings.mount,
    summary: 'Deep Zoom Images of cached pictures, and a page that shows them.',
    failureSchema: FAILURE,
    routes: [
      ...ZOOMED_KINDS.flatMap((kind) => [descriptor(settings, kind), view(kind)]),
      // Last, since a page of assets has as many segments.
      tile('asset'),
      tile('key'),
      scriptRoute(SCRIPT, settings.viewerScript, PAGE_SCRIPT),
    ],
    renderFailure: plainFailure,
    headers: FOR_PAGES_OF_OTHERS,
  };
}

const VIEW_POLICY = viewerPolicy("'self'");

const PATHS: Readonly<Record<ZoomedKind, string>> = { key: '/{context}', asset: '/assets/{tenant}' };

const SCRIPT = { name: 'dziScript', path: '/scripts/viewer/{script}', description: OF_SCRIPT };

interface AskedDescriptor {
  readonly zoomed: Zoomed;
  readonly form: 'xml' | 'json';
  /** The path up to where the tiles are, as it was sent. */
  readonly files: string;
}

function descriptor({ publicUrl }: DziSettings, kind: ZoomedKind): Route {
  const { opensTo, suffix } = OF_KIND[kind];
  return route<AskedDescriptor>({
    ...READS,
    opensTo,
    name: `dziDescriptor${suffix}`,
    path: `${PATHS[kind]}/{file}`,
    description: OF_DESCRIPTOR[kind],
    parse({ segments: [owner = '', file = ''], url }) {
      const [, name = '', form] = /^(.*)\.(dzi|xml|json)$/s.exec(file) ?? [];
      if (form === undefined) throw notFound('a name that ends in .dzi, .xml or .json');
      const sent = url.split('?', 1)[0] ?? '';
      return {
        zoomed: zoomedOf(kind, owner, name),
        form: form === 'json' ? 'json' : 'xml',
        files: sent.replace(/\.[a-z]+$/i, '_files/'),
      };
    },
    scopeOf: scopeOfZoomed,
    async run({ zoomed, form, files }, use, { origin }) {
      const picture = await zoomOf(use).picture(await pageRefOf(use, zoomed));
      return form === 'xml' ? descriptorXml(picture) : jsonOf(picture, `${publicUrl(origin)}${files}`);
    },
  });
}

/** The same members, as OpenSeadragon reads them; there all of them are texts. */
function jsonOf({ size, tileType, entry }: ZoomPicture, tilesUrl: string): JsonReply {
  const image = {
    xmlns: DEEP_ZOOM_XMLNS,
    Url: tilesUrl,
    Format: tileType,
    Overlap: '0',
    TileSize: String(TILE_SIDE_PX),
    Size: { Width: String(size.widthPx), Height: String(size.heightPx) },
  };
  return { kind: 'json', text: JSON.stringify({ Image: image }), isKept: true, shown: shownOf(entry) };
}

function tile(kind: ZoomedKind): Route {
  const { opensTo, suffix } = OF_KIND[kind];
  return route<{ readonly zoomed: Zoomed; readonly asked: NamedTile }>({
    ...READS,
    opensTo,
    name: `dziTile${suffix}`,
    path: `${PATHS[kind]}/{files}/{level}/{tile}`,
    description: OF_TILE[kind],
    parse({ segments: [owner = '', files = '', level = '', name = ''] }) {
      const [, of] = /^(.*)_files$/s.exec(files) ?? [];
      const asked = parseTileName(level, name);
      if (of === undefined || asked === undefined) throw notFound('a tile NAME_files/LEVEL/COLUMN_ROW.EXTENSION');
      return { zoomed: zoomedOf(kind, owner, of), asked };
    },
    scopeOf: scopeOfZoomed,
    async run({ zoomed, asked }, use) {
      const reply = await tileReply(zoomOf(use), await pageRefOf(use, zoomed), asked);
      return { ...reply, isForThisRequest: changesUnseen(zoomed) };
    },
  });
}

function view(kind: ZoomedKind): Route {
  const { opensTo, suffix } = OF_KIND[kind];
  return route<{ readonly zoomed: Zoomed }>({
    ...READS,
    opensTo,
    name: `dziView${suffix}`,
    path: `/view${PATHS[kind]}/{name}`,
    isPage: true,
    description: OF_VIEW[kind],
    parse: ({ segments: [owner = '', name = ''] }) => ({ zoomed: zoomedOf(kind, owner, name) }),
    scopeOf: scopeOfZoomed,
    async run({ zoomed }, use) {
      const { page, pages, entry } = await zoomOf(use).picture(await pageRefOf(use, zoomed));
      const shown =
        zoomed.kind === 'asset'
          ? { folders: ['assets', zoomed.tenant], name: zoomed.asset, title: entry.group.fileName ?? zoomed.asset }
          : {
              folders: [zoomed.context === DEFAULT_CONTEXT ? DEFAULT : zoomed.context],
              name: zoomed.imageKey,
              title: zoomed.imageKey,
            };
      return { kind: 'page', html: viewPage({ ...shown, page, pages }), contentSecurityPolicy: VIEW_POLICY };
    },
  });
}

function zoomedOf(kind: ZoomedKind, owner: string, text: string): Zoomed {
  const { name, ...page } = namedPage(text);
  if (kind === 'asset') return { kind, tenant: owner, asset: name, ...page };
  const context = owner === DEFAULT ? DEFAULT_CONTEXT : parseContext(owner);
  return { kind, context, imageKey: parseImageKey(name), ...page };
}

function notFound(expected: string): ProofsheetError {
  return new ProofsheetError('unknown-image-key', `expected ${expected}, got something else`);
}
