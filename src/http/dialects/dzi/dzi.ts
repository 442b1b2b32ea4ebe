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
  DEEP_ZOOM_XMLNS,
  descriptorXml,
  type NamedTile,
  namedPage,
  pageRefOf,
  parseTileName,
  scopeOfZoomed,
  tileReply,
  type Zoomed,
  zoomOf,
} from '../deep-zoom.js';
import type { Dialect } from '../dialect.js';
import type { PublicUrl } from '../public-url.js';
import { type Route, type RouteRules, route } from '../route.js';
import { FAILURE, OF_DESCRIPTOR, OF_SCRIPT, OF_TILE, OF_VIEW } from './descriptions.js';
import { PAGE_SCRIPT, VIEW_POLICY, viewPage } from './view-page.js';

export interface DziSettings {
  readonly mount: string;
  readonly publicUrl: PublicUrl;
  /** The text of OpenSeadragon. */
  readonly viewerScript: () => string;
}

/** What the default context is written as: it has no name of its own, and a path no empty part. */
const DEFAULT = '_';

const READING = {
  verbs: ['GET', 'HEAD'],
  opensTo: 'token-or-signature',
  body: 'none',
  effort: 'reads',
} as const satisfies Partial<RouteRules>;

export function dzi(settings: DziSettings): Dialect {
  return {
    name: 'dzi',
    mount: settings.mount,
    summary: 'Deep Zoom Images of cached pictures, and a page that shows them.',
    failureSchema: FAILURE,
    routes: [
      ...(['key', 'asset'] as const).flatMap((kind) => [descriptor(settings, kind), view(kind)]),
      // Last, since a page of assets has as many segments.
      tile('asset'),
      tile('key'),
      viewerScript(settings),
    ],
    renderFailure: plainFailure,
    // Tiles are made to be shown by pages of others.
    headers: [['Access-Control-Allow-Origin', '*']],
  };
}

/** Whether a route is about cached pictures or about assets: what its path begins with, who may ask, and what it is called. */
type Kind = Zoomed['kind'];

const OF: Readonly<
  Record<Kind, { readonly path: string; readonly opensTo: RouteRules['opensTo']; readonly suffix: string }>
> = {
  key: { path: '/{context}', opensTo: 'token-or-signature', suffix: '' },
  asset: { path: '/assets/{tenant}', opensTo: 'everybody', suffix: 'OfAsset' },
};

interface AskedDescriptor {
  readonly zoomed: Zoomed;
  readonly form: 'xml' | 'json';
  /** The path up to where the tiles are, as it was sent. */
  readonly files: string;
}

function descriptor({ publicUrl }: DziSettings, kind: Kind): Route {
  const { path, opensTo, suffix } = OF[kind];
  return route<AskedDescriptor>({
    ...READING,
    opensTo,
    name: `dziDescriptor${suffix}`,
    path: `${path}/{file}`,
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

function tile(kind: Kind): Route {
  const { path, opensTo, suffix } = OF[kind];
  return route<{ readonly zoomed: Zoomed; readonly asked: NamedTile }>({
    ...READING,
    opensTo,
    name: `dziTile${suffix}`,
    path: `${path}/{files}/{level}/{tile}`,
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
      // Which picture an asset shows now, no prepared answer could know.
      return kind === 'asset' ? { ...reply, isForThisRequest: true } : reply;
    },
  });
}

function view(kind: Kind): Route {
  const { path, opensTo, suffix } = OF[kind];
  return route<{ readonly zoomed: Zoomed }>({
    ...READING,
    opensTo,
    name: `dziView${suffix}`,
    path: `/view${path}/{name}`,
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

function viewerScript(settings: DziSettings): Route {
  const scripts: Readonly<Record<string, () => string>> = {
    'openseadragon.js': settings.viewerScript,
    'view.js': () => PAGE_SCRIPT,
  };
  return route<{ readonly script: () => string }>({
    ...READING,
    opensTo: 'everybody',
    name: 'dziScript',
    path: '/scripts/viewer/{script}',
    description: OF_SCRIPT,
    parse({ segments: [name = ''] }) {
      const script = Object.hasOwn(scripts, name) ? scripts[name] : undefined;
      if (script === undefined) throw notFound(`one of ${Object.keys(scripts).join(', ')}`);
      return { script };
    },
    run: async ({ script }) => ({
      kind: 'json',
      text: script(),
      isKept: true,
      headers: [['Content-Type', 'text/javascript; charset=utf-8']],
    }),
  });
}

function zoomedOf(kind: Kind, owner: string, text: string): Zoomed {
  const { name, ...page } = namedPage(text);
  if (kind === 'asset') return { kind, tenant: owner, asset: name, ...page };
  const context = owner === DEFAULT ? DEFAULT_CONTEXT : parseContext(owner);
  return { kind, context, imageKey: parseImageKey(name), ...page };
}

function notFound(expected: string): ProofsheetError {
  return new ProofsheetError('unknown-image-key', `expected ${expected}, got something else`);
}
