// Deep Zoom Images: a descriptor, its tiles, and a page that shows them. `/dzi/{context}/{key}.dzi`, and beside it
// `{key}_files/{level}/{column}_{row}.jpg`; the context `_` is the default one.
import { ProofsheetError } from '../../../kernel/errors.js';
import {
  type Context,
  DEFAULT_CONTEXT,
  type GroupRef,
  type ImageKey,
  parseContext,
  parseImageKey,
} from '../../../kernel/image-key.js';
import { TILE_SIDE_PX, type TilePlace } from '../../../kernel/zoom/pyramid.js';
import type { Zoom, ZoomPicture } from '../../../previews/zoom/answers.js';
import { plainFailure } from '../../replies/error-map.js';
import type { JsonReply } from '../../replies/reply.js';
import type { Dialect } from '../dialect.js';
import { type Route, type RouteRules, route, type UseCases } from '../route.js';
import { FAILURE, OF_DESCRIPTOR, OF_SCRIPT, OF_TILE, OF_VIEW } from './descriptions.js';
import { PAGE_SCRIPT, VIEW_POLICY, viewPage } from './view-page.js';

export interface DziSettings {
  readonly mount: string;
  /** Base of absolute URLs, without a slash at the end. */
  readonly publicUrl: () => string;
  /** The text of OpenSeadragon. */
  readonly viewerScript: () => string;
}

const XMLNS = 'http://schemas.microsoft.com/deepzoom/2008';

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
    routes: [descriptor(settings), tile(), view(), viewerScript(settings)],
    renderFailure: plainFailure,
    // Tiles are made to be shown by pages of others.
    headers: [['Access-Control-Allow-Origin', '*']],
  };
}

interface AskedDescriptor {
  readonly ref: GroupRef;
  readonly form: 'xml' | 'json';
  /** The path up to where the tiles are, as it was sent. */
  readonly files: string;
}

function descriptor({ publicUrl }: DziSettings): Route {
  return route<AskedDescriptor>({
    ...READING,
    name: 'dziDescriptor',
    path: '/{context}/{file}',
    description: OF_DESCRIPTOR,
    parse({ segments: [context = '', file = ''], url }) {
      const [, key = '', form] = /^(.*)\.(dzi|xml|json)$/s.exec(file) ?? [];
      if (form === undefined) throw notFound('a name that ends in .dzi, .xml or .json');
      const path = url.split('?', 1)[0] ?? '';
      return {
        ref: refOf(context, key),
        form: form === 'json' ? 'json' : 'xml',
        files: path.replace(/\.[a-z]+$/i, '_files/'),
      };
    },
    scopeOf,
    async run({ ref, form, files }, use) {
      const picture = await zoomOf(use).picture(ref);
      return form === 'xml' ? xmlOf(picture) : jsonOf(picture, `${publicUrl()}${files}`);
    },
  });
}

function xmlOf({ size, tileType }: ZoomPicture): JsonReply {
  const text =
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    `<Image xmlns="${XMLNS}" Format="${tileType}" Overlap="0" TileSize="${TILE_SIDE_PX}">` +
    `<Size Width="${size.widthPx}" Height="${size.heightPx}"/></Image>\n`;
  return { kind: 'json', text, isKept: true, headers: [['Content-Type', 'application/xml']] };
}

/** The same members, as OpenSeadragon reads them; there all of them are texts. */
function jsonOf({ size, tileType }: ZoomPicture, tilesUrl: string): JsonReply {
  const image = {
    xmlns: XMLNS,
    Url: tilesUrl,
    Format: tileType,
    Overlap: '0',
    TileSize: String(TILE_SIDE_PX),
    Size: { Width: String(size.widthPx), Height: String(size.heightPx) },
  };
  return { kind: 'json', text: JSON.stringify({ Image: image }), isKept: true };
}

interface AskedTile {
  readonly ref: GroupRef;
  readonly place: TilePlace;
  readonly extension: string;
}

function tile(): Route {
  return route<AskedTile>({
    ...READING,
    name: 'dziTile',
    path: '/{context}/{files}/{level}/{tile}',
    description: OF_TILE,
    parse({ segments: [context = '', files = '', levelText = '', name = ''] }) {
      const [, key] = /^(.*)_files$/s.exec(files) ?? [];
      const [, column, row, extension = ''] = /^(\d{1,7})_(\d{1,7})\.([a-z]{3,4})$/.exec(name) ?? [];
      if (key === undefined || column === undefined || row === undefined || !/^\d{1,2}$/.test(levelText))
        throw notFound('a tile KEY_files/LEVEL/COLUMN_ROW.EXTENSION');
      const place = { level: Number(levelText), column: Number(column), row: Number(row) };
      return { ref: refOf(context, key), place, extension: extension === 'jpeg' ? 'jpg' : extension };
    },
    scopeOf,
    async run({ ref, place, extension }, use) {
      const choice = await zoomOf(use).tile(ref, place);
      if (choice.preview.type !== extension) throw notFound(`a tile of type ${choice.preview.type}`);
      return { kind: 'picture', choice };
    },
  });
}

function view(): Route {
  return route<{ readonly ref: GroupRef }>({
    ...READING,
    name: 'dziView',
    path: '/view/{context}/{key}',
    isPage: true,
    description: OF_VIEW,
    parse: ({ segments: [context = '', key = ''] }) => ({ ref: refOf(context, key) }),
    scopeOf,
    async run({ ref }, use) {
      await zoomOf(use).picture(ref);
      const context = ref.context === DEFAULT_CONTEXT ? DEFAULT : ref.context;
      return { kind: 'page', html: viewPage(context, ref.imageKey), contentSecurityPolicy: VIEW_POLICY };
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

function scopeOf({ ref }: { readonly ref: GroupRef }): Context {
  return ref.context;
}

function refOf(context: string, key: string): GroupRef {
  const imageKey: ImageKey = parseImageKey(key);
  return { context: context === DEFAULT ? DEFAULT_CONTEXT : parseContext(context), imageKey };
}

function zoomOf({ zoom }: UseCases): Zoom {
  if (zoom !== undefined) return zoom;
  throw new ProofsheetError('protected-operation-disabled', 'there is no deep zoom on this server');
}

function notFound(expected: string): ProofsheetError {
  return new ProofsheetError('unknown-image-key', `expected ${expected}, got something else`);
}
